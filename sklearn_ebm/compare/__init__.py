"""Comparison of energies and losses with other estimators on the same folds."""

from sklearn_ebm.compare.column_reader import ColumnReader
from sklearn_ebm.compare.comparison import Comparison, compare
from sklearn_ebm.compare.files import read_frame
from sklearn_ebm.compare.tables import make_table

__all__ = [
    "ColumnReader",
    "Comparison",
    "compare",
    "make_table",
    "read_frame",
]
