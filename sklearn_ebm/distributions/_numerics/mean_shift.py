"""Maxima of multivariate Gaussian mixtures, by ascent from many points at once."""

from __future__ import annotations

from typing import Any, Protocol, Self

import numpy as np

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm.distributions._numerics.cholesky import precisions
from sklearn_ebm.distributions.base import Modes

MAX_STEPS = 200
#: Squared length of a step, in local standard deviations, at which the ascent ends.
ARRIVED = 1e-18
#: Length of a step, relative to the point, that is attributed to rounding.
ROUNDED = 4 * np.finfo(np.float64).eps
#: Squared length of a step below which Newton's method is used.
NEAR = 1e-2
#: Squared distance, in local standard deviations, within which two maxima are the same.
SAME = 1e-2


class GaussianComponents(Protocol):
    """Protocol of multivariate Gaussian mixtures, one for each row.

    `VectorGaussianMixture` implements it and documents the methods.
    """

    @property
    def means(self) -> Array: ...

    @property
    def factors(self) -> Array: ...

    def __getitem__(self, rows: Any) -> Self: ...

    def _responsibilities(self, y: Array) -> Array: ...


def mean_shift(density: GaussianComponents, starts: Array) -> tuple[Array, Array]:
    """Ascend from each start to a maximum of the density of its row.

    The fixed point y = (Σ r_k P_k)⁻¹ Σ r_k P_k μ_k, with responsibilities r and precisions P, is
    an expectation-maximisation step and never decreases the density. Near a maximum, if log p is
    concave, it is replaced by a Newton step if that is short.

    Parameters
    ----------
    density : GaussianComponents
    starts : ndarray of shape (n_samples, s, n_outputs)

    Returns
    -------
    points : ndarray of shape (n_samples, s, n_outputs)
        Ends of the ascents.
    metrics : ndarray of shape (n_samples, s, n_outputs, n_outputs)
        Σ r_k P_k at the ends, the inverse of a local covariance.

    References
    ----------
    Carreira-Perpiñán, "Mode-finding for mixtures of Gaussian distributions", IEEE Transactions on
    Pattern Analysis and Machine Intelligence 22 (2000) 1318-1323. :doi:`10.1109/34.888716`
    """
    points = starts.copy()
    metrics = np.empty((*starts.shape, starts.shape[2]))
    rows = np.arange(len(starts))
    precision = precisions(density.factors)
    for _ in range(MAX_STEPS):
        step, metric = _step(density[rows], points[rows], precision[rows])
        metrics[rows] = metric
        points[rows] += step
        moved = np.einsum("nsi,nsij,nsj->ns", step, metric, step) > ARRIVED
        # Far from the origin, rounding makes shorter steps impossible.
        moved &= (np.abs(step) > ROUNDED * np.abs(points[rows])).any(axis=2)
        rows = rows[moved.any(axis=1)]
        if not len(rows):
            break
    return points, metrics


def _step(density: GaussianComponents, points: Array, precision: Array) -> tuple[Array, Array]:
    """The next step (n, s, q) and the metric (n, s, q, q) at each point."""
    n_rows, n_points, q = points.shape
    share = density._responsibilities(points)
    away = density.means[:, None] - points[:, :, None]
    pulls = np.einsum("nkij,nskj->nski", precision, away)
    metric = (share @ precision.reshape(n_rows, precision.shape[1], q * q)).reshape(
        n_rows, n_points, q, q
    )
    slope = np.einsum("nsk,nski->nsi", share, pulls)
    step = np.linalg.solve(metric, slope[..., None])[..., 0]
    # −d² log p = Σ r P − Σ r P(μ−y)(μ−y)ᵀP + slope slopeᵀ.
    bending = metric - np.einsum("nsk,nski,nskj->nsij", share, pulls, pulls)
    bending += slope[..., :, None] * slope[..., None, :]
    length = np.einsum("nsi,nsi->ns", step, slope)
    near = np.flatnonzero(length.ravel() < NEAR)
    flat_bending, flat_metric = bending.reshape(-1, q, q)[near], metric.reshape(-1, q, q)[near]
    # Strictly concave, relative to the metric, so that units of y do not matter.
    root = np.linalg.inv(np.linalg.cholesky(flat_metric))
    scaled = root @ flat_bending @ np.swapaxes(root, -1, -2)
    concave = np.linalg.eigvalsh(scaled)[:, 0] > 1e-6
    near = near[concave]
    newton = np.linalg.solve(flat_bending[concave], slope.reshape(-1, q)[near][..., None])[..., 0]
    short = np.einsum("ji,jik,jk->j", newton, flat_metric[concave], newton) < 25 * NEAR
    step.reshape(-1, q)[near[short]] = newton[short]
    return step, metric


def merge(
    points: Array, metrics: Array, heights: Array, weights: Array, min_probability: float
) -> Modes:
    """Convert ends of ascents to modes: merge equal ones, and unlikely ones with neighbours.

    Parameters
    ----------
    points, metrics : ndarray of shape (n_samples, K, n_outputs) and (n, K, q, q)
        End of the ascent from each component, and the metric there.
    heights : ndarray of shape (n_samples, K)
        log p at the ends.
    weights : ndarray of shape (n_samples, K)
        Probabilities of the components.
    min_probability : float
        Modes of lower probability are merged with the nearest mode above it.

    Returns
    -------
    Modes
    """
    n_rows, n_points, _ = points.shape
    order = np.argsort(-heights, axis=1, kind="stable")
    row = np.arange(n_rows)[:, None]
    points, metrics, weights = points[row, order], metrics[row, order], weights[row, order]
    leader = np.zeros((n_rows, n_points), dtype=bool)
    owner = np.full((n_rows, n_points), -1, dtype=np.intp)
    for k in range(n_points):
        distance = _distances(points, points[:, k], metrics[:, k])
        same = leader & (distance < SAME)
        known = same.any(axis=1)
        owner[:, k] = np.where(known, same.argmax(axis=1), k)
        leader[~known, k] = True
    mass = _collect(owner, weights)
    kept = mass >= min_probability
    likeliest = mass.argmax(axis=1)
    kept[row[:, 0], likeliest] = True
    kept &= leader
    for k in range(n_points):
        small = np.flatnonzero(leader[:, k] & ~kept[:, k])
        distance = _distances(points[small], points[small, k], metrics[small, k])
        distance[~kept[small]] = np.inf
        mass[small, distance.argmin(axis=1)] += mass[small, k]
    mass[~kept] = 0.0
    order = np.argsort(-mass, axis=1, kind="stable")[:, : int(kept.sum(axis=1).max(initial=1))]
    answers, masses = points[row, order], mass[row, order]
    answers[~kept[row, order]] = np.nan
    return Modes(answers, masses)


def _distances(points: Array, centre: Array, metric: Array) -> Array:
    """Squared distances (n, K) of points (n, K, q) from a centre (n, q)."""
    away = points - centre[:, None]
    return np.einsum("nki,nij,nkj->nk", away, metric, away)


def _collect(owner: Index, weights: Array) -> Array:
    """Sums of the weights of points with the same owner, (n, K)."""
    flat = owner + np.arange(len(owner))[:, None] * owner.shape[1]
    sums: Array = np.bincount(flat.ravel(), weights.ravel(), owner.size).astype(np.float64)
    return sums.reshape(owner.shape)
