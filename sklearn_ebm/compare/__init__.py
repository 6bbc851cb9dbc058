"""Comparison of energies and losses with scikit-learn's estimators on the same folds."""

from sklearn_ebm.compare.comparison import Comparison, compare

__all__ = [
    "Comparison",
    "compare",
]
