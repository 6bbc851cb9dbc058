"""The leaderboard: energies and losses beside scikit-learn's estimators, on the same folds."""

from sklearn_ebm.compare.adapters import LawAdapter
from sklearn_ebm.compare.columns import DataError
from sklearn_ebm.compare.comparison import Comparison, compare
from sklearn_ebm.compare.leaderboard import ComparisonTable, Row

__all__ = ["Comparison", "ComparisonTable", "DataError", "LawAdapter", "Row", "compare"]
