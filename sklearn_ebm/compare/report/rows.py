"""Selection of the held-out rows in a report: a few thousand, stratified by class."""

from dataclasses import dataclass

import numpy as np

from sklearn_ebm.compare.folds import Fold
from sklearn_ebm.compare.report.kept_classes import KeepClasses
from sklearn_ebm.compare.report.kept_densities import KeepDensities
from sklearn_ebm.compare.tables import Table

MOST_ROWS = 2_000
# Of all contenders, rows and classes together. A number takes about seven characters, so that the
# page stays below 3 MB.
MOST_NUMBERS = 250_000
FEWEST_ROWS = 100
# Rows whose densities are drawn.
N_SHOWN = 6


@dataclass(frozen=True)
class Plan:
    """The rows of a table that a report keeps.

    Attributes
    ----------
    kept : ndarray of int
        Positions in the table, rising.
    shown : ndarray of int
        Those whose densities are drawn, by rising answer; none for classes.
    n_rows : int
        How many rows the table has.
    """

    kept: np.ndarray
    shown: np.ndarray
    n_rows: int

    def of(self, fold: Fold, test: np.ndarray, is_classes: bool) -> Fold:
        """Return a fold that keeps what contenders say of these rows.

        Parameters
        ----------
        fold : Fold
        test : ndarray of int
            Positions in the table of the rows of its test part.
        is_classes : bool
        """
        kept = np.flatnonzero(np.isin(test, self.kept))
        if is_classes:
            return fold._replace(keep=KeepClasses(kept))
        shown = np.flatnonzero(np.isin(test, self.shown))
        return fold._replace(keep=KeepDensities(kept, shown))


def plan(table: Table, n_contenders: int, seed: int) -> Plan:
    """Choose the rows that a report on a comparison keeps.

    Parameters
    ----------
    table : Table
    n_contenders : int
        How many contenders say something of each row.
    seed : int

    Returns
    -------
    plan : Plan
        All rows up to 2,000, or fewer where classes and contenders are many; above that as many,
        drawn class by class.

    Examples
    --------
    >>> from sklearn_ebm.compare.tables import make_table
    >>> rows = np.arange(30.0).reshape(10, 3) ** 2
    >>> plan(make_table(rows, [0, 1] * 5), n_contenders=2, seed=0).kept
    array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    n_rows = len(table.labels)
    # With two classes one number says both.
    width = len(table.classes) if len(table.classes) > 2 else 1
    most = max(FEWEST_ROWS, min(MOST_ROWS, MOST_NUMBERS // (width * max(n_contenders, 1))))
    kept = _drawn(table, most, seed)
    shown = np.empty(0, dtype=np.intp) if table.classes else _spread(table.labels, kept)
    return Plan(kept, shown, n_rows)


def _drawn(table: Table, most: int, seed: int) -> np.ndarray:
    n_rows = len(table.labels)
    if n_rows <= most:
        return np.arange(n_rows)
    order = np.random.default_rng(seed).permutation(n_rows)
    if table.classes:
        # Equal steps through rows that are sorted by class give each class its share.
        order = order[np.argsort(table.labels[order], kind="stable")]
    steps = np.linspace(0, n_rows - 1, most).round().astype(np.intp)
    return np.sort(order[steps])


def _spread(answers: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return the rows in the middle of equal parts of the sorted answers."""
    by_answer = kept[np.argsort(answers[kept], kind="stable")]
    n_shown = min(N_SHOWN, len(kept))
    middles = (np.arange(n_shown) + 0.5) / n_shown * len(kept)
    return by_answer[middles.astype(np.intp)]
