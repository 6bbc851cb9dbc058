"""The function that computes the data of a fold for a report."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from sklearn_ebm.compare.folds import Fold
from sklearn_ebm.compare.report.kept_classes import kept_classes
from sklearn_ebm.compare.report.kept_densities import kept_densities, shown_rows
from sklearn_ebm.compare.tables import Table


def keeper(data: Table, test: np.ndarray) -> Callable[[Any, Fold], dict[str, Any]]:
    """Return the function of a fitted estimator and its fold that computes data for a report.

    Parameters
    ----------
    data : Table
    test : ndarray of int
        Indices in the table of the test rows of the fold.
    """
    if data.classes:
        return kept_classes
    places = np.flatnonzero(np.isin(test, shown_rows(data.labels)))
    return partial(kept_densities, shown={int(place): int(test[place]) for place in places})
