"""Distances of rows to prototypes, and their derivatives."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from sklearn_ebm._utils.array_api import namespace_of
from sklearn_ebm._utils.array_ops import cast_like, clip_below_zero, dots
from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm.energies._prototypes.metrics import Metric

# Differences of sums below this number of rounding errors are set to zero.
ROUNDING = 64


class MetricRows(NamedTuple):
    """Rows x, and Ωx."""

    plain: Any
    transformed: Any


class PrototypeDistances:
    """‖Ω(x − c)‖² of some rows for all prototypes, and its derivatives.

    Parameters
    ----------
    metric : Metric
        Form of Ω.
    rows : MetricRows
        Rows x and Ωx.
    places : array of shape (n_classes, m, n_features)
        Prototypes, relative to the same origin as the rows.
    root : array
        Ω, in the form of the metric.

    Attributes
    ----------
    energies : array of shape (n_samples, n_classes, m)
        Squared distances. In memory the rows are contiguous, so that reductions over the few
        prototypes of a class are vectorised.
    """

    def __init__(self, metric: Metric, rows: MetricRows, places: Array, root: Array) -> None:
        self.metric = metric
        self.rows = rows
        self.root = root
        self.xp = xp = namespace_of(rows.plain)
        flat = xp.reshape(places, (-1, places.shape[-1]))
        transformed = metric.transform(flat, root)  # in float64, then rounded once
        self.places, self.transformed = (
            cast_like(xp, flat, rows.plain),
            cast_like(xp, transformed, rows.plain),
        )
        lengths = cast_like(xp, dots(xp, transformed, transformed, axis=1), rows.plain)
        energies: Array = -2 * self.transformed @ rows.transformed.T
        energies += _lengths(rows.transformed)
        energies += lengths[:, None]
        energies = xp.reshape(clip_below_zero(xp, energies), (*places.shape[:2], -1))
        self.energies = xp.permute_dims(energies, (2, 0, 1))

    def back(self, slope: Array) -> Params:
        """Gradient of Σ slope · G, for slopes of shape (n_samples, n_classes, m)."""
        xp, metric, plain, root = self.xp, self.metric, self.rows.plain, self.root
        shape = (*slope.shape[1:], self.places.shape[1])
        slope = xp.reshape(xp.permute_dims(slope, (1, 2, 0)), (self.places.shape[0], -1))
        # Σᵢ sᵢ xᵢ and Σᵢ sᵢ (xᵢ − c) for each prototype.
        sums, total = _sums(slope, plain), xp.sum(slope, axis=1)
        offset = metric.transform(sums - total[:, None] * self.places, root)
        gradient: Params = {"shift": -2 * xp.reshape(metric.back(offset, root), shape)}
        if metric.shapes(1):
            # Σ s Ω(x − c)(x − c)ᵀ, expanded.
            each = xp.ones_like(total)
            outer = metric.outer(self.rows.transformed, plain, xp.sum(slope, axis=0))
            outer -= metric.outer(self.transformed, sums, each)
            outer -= metric.outer(offset, self.places, each)
            gradient["metric_shift"] = 2 * outer
        return gradient

    def squares(self, share: Array, weight: Array) -> tuple[Array, Array, Array]:
        """Sums of squared derivatives of the energies over the rows.

        Parameters
        ----------
        share : ndarray of shape (n_samples, n_classes, m)
            Responsibilities r.
        weight : ndarray of shape (n_samples,)
            Sample weights w.

        Returns
        -------
        of_places : ndarray of shape (n_classes, m, n_features)
            Σᵢ wᵢ (r 2A(xᵢ − c))².
        of_transformed, of_plain : ndarray of shape (n_features,)
            Σ w r (Ω(x − c))² and Σ w r (x − c)², over rows and prototypes.
        """
        shape = (*share.shape[1:], self.places.shape[1])
        flat = share.transpose(1, 2, 0).reshape(len(self.places), -1)
        metric, root = self.metric, self.root
        both = metric.back(self.rows.transformed, root), metric.back(self.transformed, root)
        of_places = 4 * _squared_differences(np.square(flat) * weight, *both).reshape(shape)
        of_transformed = _squared_differences(
            flat * weight, self.rows.transformed, self.transformed
        ).sum(axis=0)
        of_plain = _squared_differences(flat * weight, self.rows.plain, self.places).sum(axis=0)
        return of_places, of_transformed, of_plain


def _sums(share: Array, rows: Any) -> Array:
    """Σᵢ shareᵢ xᵢ for each row of `share`, (z, d)."""
    return (rows.T @ share.T).T if sparse.issparse(rows) else share @ rows


def _lengths(rows: Any) -> Array:
    """‖x‖² of each row, (n,)."""
    if sparse.issparse(rows):
        return np.asarray(rows.power(2).sum(axis=1)).ravel()
    return dots(namespace_of(rows), rows, rows, axis=1)


def _squared_differences(share: Array, rows: Any, places: Array) -> Array:
    """Σᵢ shareᵢ (xᵢ − c)² for each prototype and column, in float64."""
    places = places.astype(np.float64)
    squares = _sums(share, rows.power(2) if sparse.issparse(rows) else np.square(rows))
    squares += share.sum(axis=1)[:, None] * np.square(places)
    # Σ s (x² + c² − 2xc), where results of the size of rounding errors are set to zero.
    total = squares - 2 * _sums(share, rows) * places
    return np.where(total > ROUNDING * float(np.finfo(rows.dtype).eps) * squares, total, 0)
