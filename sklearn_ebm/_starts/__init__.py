"""Where learning starts: points that others find quickly, on rows that suit them."""

from sklearn_ebm._starts.liblinear import Liblinear
from sklearn_ebm._starts.separating import separating_start

__all__ = ["Liblinear", "separating_start"]
