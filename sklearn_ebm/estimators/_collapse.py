"""The warning of a classifier whose energies have collapsed."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.exceptions import CollapseWarning
from sklearn_ebm.learning.collapse import collapsed, some_rows
from sklearn_ebm.learning.learn import seen_answers


def warn_of_collapse(model: Any, rows: Rows, stacklevel: int) -> None:
    """Warn if the energies of right and wrong answers of a fitted classifier are equal."""
    if model.max_iter == 0:
        return  # equal energies are where learning starts
    seen = seen_answers(rows.y, len(model.classes_))
    of_seen = np.cumsum(seen) - 1
    if model.negatives is not None:  # not all rows, with all of their very many energies
        rows = rows.take(some_rows(len(rows.y), len(seen)))

    def energies(some: slice) -> Array:
        of_all = model._energies(rows.X[some])
        return of_all if model._seen is None else of_all[:, seen]

    n_seen = int(seen.sum())
    if n_seen > 1 and collapsed(energies, of_seen[rows.y], rows.weight, n_seen):
        warnings.warn(
            "The energies of right and wrong answers are equal: they have collapsed, and "
            "nothing was learned. Raise C or the margin, or scale the features.",
            CollapseWarning,
            stacklevel=stacklevel,
        )
