"""The leaderboard: every loss beside scikit-learn's classifiers, on the same folds."""

from sklearn_ebm.compare.columns import DataError
from sklearn_ebm.compare.comparison import Comparison, compare
from sklearn_ebm.compare.leaderboard import ComparisonTable, Row

__all__ = ["Comparison", "ComparisonTable", "DataError", "Row", "compare"]
