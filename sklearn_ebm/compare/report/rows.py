"""Selection of the held-out rows in a report: a few thousand, stratified by class."""

from dataclasses import dataclass

import numpy as np

from sklearn_ebm.compare.folds import Fold
from sklearn_ebm.compare.report.kept_classes import KeepClasses
from sklearn_ebm.compare.report.kept_densities import KeepDensities
from sklearn_ebm.compare.tables import Table

MOST_ROWS = 2_000
# Largest number of entries over contenders, rows and classes. An entry takes about seven
# characters, so the page is smaller than 3 MB.
MOST_NUMBERS = 250_000
FEWEST_ROWS = 100
# Number of rows with plots of densities.
N_SHOWN = 6


@dataclass(frozen=True)
class Plan:
    """The rows of a table that a report uses.

    Attributes
    ----------
    kept : ndarray of int
        Indices in the table, increasing.
    shown : ndarray of int
        Indices of the rows with plots of densities, by increasing answer; empty for classes.
    n_rows : int
        Number of rows of the table.
    """

    kept: np.ndarray
    shown: np.ndarray
    n_rows: int

    def of(self, fold: Fold, test: np.ndarray, is_classes: bool) -> Fold:
        """Return a copy of a fold that stores predictions for the selected rows.

        Parameters
        ----------
        fold : Fold
        test : ndarray of int
            Indices in the table of the rows of its test part.
        is_classes : bool
        """
        kept = np.flatnonzero(np.isin(test, self.kept))
        if is_classes:
            return fold._replace(keep=KeepClasses(kept))
        shown = np.flatnonzero(np.isin(test, self.shown))
        return fold._replace(keep=KeepDensities(kept, shown))


def plan(table: Table, n_contenders: int, seed: int) -> Plan:
    """Select the rows for a report of a comparison.

    Parameters
    ----------
    table : Table
    n_contenders : int
        Number of contenders.
    seed : int

    Returns
    -------
    plan : Plan
        At most 2,000 rows, or fewer if there are many classes and contenders; a stratified
        selection if the table has more.

    Examples
    --------
    >>> from sklearn_ebm.compare.tables import make_table
    >>> rows = np.arange(30.0).reshape(10, 3) ** 2
    >>> plan(make_table(rows, [0, 1] * 5), n_contenders=2, seed=0).kept
    array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    n_rows = len(table.labels)
    # With two classes, there is one number for each row.
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
        # Equal steps through rows sorted by class give a stratified selection.
        order = order[np.argsort(table.labels[order], kind="stable")]
    steps = np.linspace(0, n_rows - 1, most).round().astype(np.intp)
    return np.sort(order[steps])


def _spread(answers: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return rows at equally spaced ranks of the answers."""
    by_answer = kept[np.argsort(answers[kept], kind="stable")]
    n_shown = min(N_SHOWN, len(kept))
    middles = (np.arange(n_shown) + 0.5) / n_shown * len(kept)
    return by_answer[middles.astype(np.intp)]
