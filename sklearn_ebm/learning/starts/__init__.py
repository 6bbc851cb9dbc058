"""Starts of learning that LIBLINEAR computes."""

from sklearn_ebm.learning.starts.liblinear import Liblinear as Liblinear
from sklearn_ebm.learning.starts.separating import separating_start as separating_start
