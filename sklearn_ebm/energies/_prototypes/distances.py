"""Distances of rows to prototypes, and the way back to prototypes and metric, as products."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from sklearn_ebm._utils.array_api import namespace_of
from sklearn_ebm._utils.array_ops import cast_like, clip_below_zero, dots
from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm.energies._prototypes.metrics import Metric

# Differences of sums below so many units of their rounding are nothing.
ROUNDING = 64


class MetricRows(NamedTuple):
    """Rows x, and Ωx."""

    plain: Any
    turned: Any


class PrototypeDistances:
    """‖Ω(x − c)‖² of some rows for all prototypes, and its derivatives.

    Parameters
    ----------
    metric : Metric
    rows : MetricRows
    places : array of shape (n_classes, m, n_features)
        Prototypes, relative to the same origin as the rows.
    root : array
        Ω, in the form of the metric.

    Attributes
    ----------
    energies : array of shape (n_samples, n_classes, m)
        One prototype after the other in memory, so that what reduces over the few prototypes of a
        class is vectorised over the many rows.
    """

    def __init__(self, metric: Metric, rows: MetricRows, places: Array, root: Array) -> None:
        self.metric = metric
        self.rows = rows
        self.root = root
        self.xp = xp = namespace_of(rows.plain)
        flat = xp.reshape(places, (-1, places.shape[-1]))
        turned = metric.transform(flat, root)  # in float64, then rounded once
        self.places, self.turned = (
            cast_like(xp, flat, rows.plain),
            cast_like(xp, turned, rows.plain),
        )
        lengths = cast_like(xp, dots(xp, turned, turned, axis=1), rows.plain)
        energies: Array = -2 * self.turned @ rows.turned.T
        energies += _lengths(rows.turned)
        energies += lengths[:, None]
        energies = xp.reshape(clip_below_zero(xp, energies), (*places.shape[:2], -1))
        self.energies = xp.permute_dims(energies, (2, 0, 1))

    def back(self, slope: Array) -> Params:
        """Gradient of Σ slope · G, for slopes of shape (n_samples, n_classes, m)."""
        xp, metric, plain, root = self.xp, self.metric, self.rows.plain, self.root
        shape = (*slope.shape[1:], self.places.shape[1])
        slope = xp.reshape(xp.permute_dims(slope, (1, 2, 0)), (self.places.shape[0], -1))
        # Σᵢ sᵢ xᵢ and Σᵢ sᵢ (xᵢ − c), prototype by prototype.
        sums, total = _sums(slope, plain), xp.sum(slope, axis=1)
        offset = metric.transform(sums - total[:, None] * self.places, root)
        gradient: Params = {"shift": -2 * xp.reshape(metric.back(offset, root), shape)}
        if metric.shapes(1):
            # Σ s Ω(x − c)(x − c)ᵀ, multiplied out.
            each = xp.ones_like(total)
            outer = metric.outer(self.rows.turned, plain, xp.sum(slope, axis=0))
            outer -= metric.outer(self.turned, sums, each)
            outer -= metric.outer(offset, self.places, each)
            gradient["metric_shift"] = 2 * outer
        return gradient

    def squares(self, share: Array, weight: Array) -> tuple[Array, Array, Array]:
        """Sums of squares over the rows, of what the energies answer with.

        Parameters
        ----------
        share : ndarray of shape (n_samples, n_classes, m)
            Responsibilities r.
        weight : ndarray of shape (n_samples,)

        Returns
        -------
        of_places : ndarray of shape (n_classes, m, n_features)
            Σᵢ wᵢ (r 2A(xᵢ − c))².
        of_turned, of_plain : ndarray of shape (n_features,)
            Σ w r (Ω(x − c))² and Σ w r (x − c)², over rows and prototypes.
        """
        shape = (*share.shape[1:], self.places.shape[1])
        flat = share.transpose(1, 2, 0).reshape(len(self.places), -1)
        metric, root = self.metric, self.root
        both = metric.back(self.rows.turned, root), metric.back(self.turned, root)
        of_places = 4 * _squares_apart(np.square(flat) * weight, *both).reshape(shape)
        of_turned = _squares_apart(flat * weight, self.rows.turned, self.turned).sum(axis=0)
        of_plain = _squares_apart(flat * weight, self.rows.plain, self.places).sum(axis=0)
        return of_places, of_turned, of_plain


def _sums(share: Array, rows: Any) -> Array:
    """Σᵢ shareᵢ xᵢ for each row of `share`, (z, d)."""
    return (rows.T @ share.T).T if sparse.issparse(rows) else share @ rows


def _lengths(rows: Any) -> Array:
    """‖x‖² of each row."""
    if sparse.issparse(rows):
        return np.asarray(rows.power(2).sum(axis=1)).ravel()
    return dots(namespace_of(rows), rows, rows, axis=1)


def _squares_apart(share: Array, rows: Any, places: Array) -> Array:
    """Σᵢ shareᵢ (xᵢ − c)² for each prototype and column, in float64."""
    places = places.astype(np.float64)
    squares = _sums(share, rows.power(2) if sparse.issparse(rows) else np.square(rows))
    squares += share.sum(axis=1)[:, None] * np.square(places)
    # Σ s (x² + c² − 2xc); what may be the rounding of the first two counts as nothing.
    total = squares - 2 * _sums(share, rows) * places
    return np.where(total > ROUNDING * float(np.finfo(rows.dtype).eps) * squares, total, 0)
