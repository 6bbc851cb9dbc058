"""Minima of energies over the answers, from many starts at once, and the curvature there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.samplers.base import Surface

#: Share of the predicted decrease that a step must reach.
ARMIJO = 1e-4

#: Displacement of finite differences, in units of the scale of an answer.
DISPLACEMENT = 1e-4

# Curvatures below FLAT times the largest are unknown, and become ASSUMED times the largest.
FLAT, ASSUMED = 1e-8, 1e-2


class Minima(NamedTuple):
    """Local minima of the energies of each sample.

    Attributes
    ----------
    answers : ndarray of shape (n_samples, n_starts, n_outputs)
        Where the descents ended.
    energies : ndarray of shape (n_samples, n_starts)
        Their energies; +inf if a descent failed.
    factors : ndarray of shape (n_samples, n_starts, n_outputs, n_outputs)
        Lower Cholesky factors of the inverse Hessians: scales of the Gibbs distribution there.
    """

    answers: Array
    energies: Array
    factors: Array


def minima(surface: Surface, starts: Array) -> Minima:
    """Descend from starts (n_samples, n_starts, n_outputs) by the method of BFGS.

    References
    ----------
    Nocedal, Wright, *Numerical Optimization* (2006), section 6.1.
    :doi:`10.1007/978-0-387-40065-5`
    """
    with np.errstate(all="ignore"):
        y, energies, inverse = _descended(surface, starts)
        return Minima(y, energies, _factors(surface, y, inverse))


def _finite(surface: Surface, y: Array) -> tuple[Array, Array]:
    """Energies and slopes; +inf and 0 where one of them is not finite."""
    energies, slopes = surface.energies_and_slopes(y)
    valid = np.isfinite(energies) & np.isfinite(slopes).all(axis=-1)
    return np.where(valid, energies, np.inf), np.where(valid[..., None], slopes, 0)


def _descended(surface: Surface, starts: Array) -> tuple[Array, Array, Array]:
    """Answers, energies and inverse Hessians after a number of steps that grows with q."""
    q = starts.shape[2]
    y = starts.astype(np.float64)
    energies, slopes = _finite(surface, y)
    inverse = np.broadcast_to(np.eye(q), (*energies.shape, q, q)).copy()
    size = np.linalg.norm(slopes, axis=-1)
    length = np.where(size > 1, 1 / np.maximum(size, 1), 1.0)
    fresh = np.ones(energies.shape, dtype=bool)
    for _ in range(50 + 4 * q):
        direction = -np.einsum("nsij,nsj->nsi", inverse, slopes)
        descent = np.einsum("nsi,nsi->ns", direction, slopes)
        move = length[..., None] * direction
        after, slopes_after = _finite(surface, y + move)
        taken = after <= energies + ARMIJO * length * descent
        change = np.where(taken[..., None], slopes_after - slopes, 0)
        move = np.where(taken[..., None], move, 0)
        _update(inverse, move, change, fresh)
        moving = taken & (np.abs(move).max(axis=-1) > 1e-9 * (1e-3 + np.abs(y).max(axis=-1)))
        y = y + move
        energies = np.where(taken, after, energies)
        slopes = np.where(taken[..., None], slopes_after, slopes)
        length = np.where(taken, 1.0, 0.3 * length)
        if not (moving | (~taken & (length > 1e-6) & np.isfinite(energies))).any():
            break
    return y, energies, inverse


def _update(inverse: Array, move: Array, change: Array, fresh: Array) -> None:
    """Update inverse Hessians in place; the first time, they begin with a multiple of I."""
    product = np.einsum("nsi,nsi->ns", move, change)
    square = np.einsum("nsi,nsi->ns", change, change)
    valid = product > 1e-12 * np.sqrt(square * np.einsum("nsi,nsi->ns", move, move))
    first = valid & (fresh > 0)
    inverse[first] *= (product[first] / square[first])[:, None, None]
    fresh[valid] = False
    rho = np.where(valid, 1 / np.where(valid, product, 1), 0)
    turned = np.einsum("nsij,nsj->nsi", inverse, change)
    outer = rho[..., None, None] * move[..., :, None] * turned[..., None, :]
    inverse -= outer + outer.transpose(0, 1, 3, 2)
    curvature = np.einsum("nsi,nsi->ns", turned, change)
    weight = np.where(valid, rho * (1 + rho * curvature), 0)
    inverse += weight[..., None, None] * move[..., :, None] * move[..., None, :]


def _factors(surface: Surface, y: Array, inverse: Array) -> Array:
    """Cholesky factors of inverse Hessians by central differences of the slopes."""
    n, s, q = y.shape
    scales = np.sqrt(np.maximum(np.diagonal(inverse, axis1=2, axis2=3), 1e-300))
    steps = DISPLACEMENT * scales + 1e-10 * np.abs(y)
    offsets = steps[..., None] * np.eye(q)
    tried = np.stack([y[:, :, None] + offsets, y[:, :, None] - offsets], axis=2)
    _, slopes = _finite(surface, tried.reshape(n, s * 2 * q, q))
    above, below = np.moveaxis(slopes.reshape(n, s, 2, q, q), 2, 0)
    hessian = (above - below) / (2 * steps[..., None])
    hessian = (hessian + hessian.transpose(0, 1, 3, 2)) / 2
    broken = ~np.isfinite(hessian).all(axis=(2, 3))
    hessian[broken] = np.eye(q)
    values, vectors = np.linalg.eigh(hessian)
    largest = np.abs(values).max(axis=-1, keepdims=True)
    values = np.where(values > FLAT * largest, values, ASSUMED * np.where(largest > 0, largest, 1))
    covariance = (vectors / values[..., None, :]) @ vectors.transpose(0, 1, 3, 2)
    return cholesky(covariance)


def cholesky(covariance: Array) -> Array:
    """Lower Cholesky factors of covariances, with a small ridge against rounding."""
    q = covariance.shape[-1]
    trace = np.trace(covariance, axis1=-2, axis2=-1)[..., None, None] / q
    return np.linalg.cholesky(covariance + 1e-10 * trace * np.eye(q))
