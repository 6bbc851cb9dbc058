"""Rows of data that belong together: features, answers and weights."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


class Rows(NamedTuple):
    """Features, answers and weights of rows.

    Attributes
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
    y : ndarray of int of shape (n_samples,), or of float of shape (n_samples, n_outputs)
        The number of the correct class, or the target itself.
    weight : ndarray of shape (n_samples,)
    """

    X: Any
    y: npt.NDArray[Any]
    weight: npt.NDArray[np.float64]

    def take(self, some: Any) -> Rows:
        """Return some of the rows: an index, a mask or a slice."""
        return Rows(*(part[some] for part in self))

    def joined(self, more: Rows) -> Rows:
        """Return these rows and more, of dense arrays."""
        return Rows(*(np.concatenate(two) for two in zip(self, more, strict=True)))
