"""Rows of data: features, answers and weights."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


class Rows(NamedTuple):
    """Features, answers and weights of rows.

    Attributes
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
        The input samples.
    y : ndarray of int of shape (n_samples,), or of float of shape (n_samples, n_outputs)
        Index of the correct class, or values of the target.
    weight : ndarray of shape (n_samples,)
        Sample weights.
    """

    X: Any
    y: npt.NDArray[Any]
    weight: npt.NDArray[np.float64]

    def take(self, some: Any) -> Rows:
        """Return the rows that an index, a mask or a slice selects."""
        return Rows(*(part[some] for part in self))

    def joined(self, more: Rows) -> Rows:
        """Return these rows followed by `more` rows; all arrays must be dense."""
        return Rows(*(np.concatenate(two) for two in zip(self, more, strict=True)))
