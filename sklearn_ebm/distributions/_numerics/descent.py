"""Minima of energies, by descent from many draws at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.tiles import row_blocks
from sklearn_ebm.samplers.base import Surface

#: Largest number of evaluations of each descent.
MAX_STEPS = 200
#: Expected decrease of the energy, in nats, at which a descent ends.
ARRIVED = 1e-14
#: Length of a step, in standard deviations of the draws: the largest, and the shortest.
LONGEST, SHORTEST = 3.0, 1e-12
#: Part of the expected decrease that a step must achieve.
SUFFICIENT = 1e-4
#: Number of descents whose energies are computed together.
TOGETHER = 4096


class _Chains(NamedTuple):
    """Points (k, q) of k descents, in units of the scales, and what is known there.

    `inverse` (k, q, q) approximates the inverse of the Hessian, `step` is the next step, and `part`
    the part of it to make.
    """

    points: Array
    energies: Array
    slopes: Array
    inverse: Array
    step: Array
    part: Array


def descend(surface: Surface, starts: Array, scales: Array) -> tuple[Array, Array]:
    """Descend from each start to a minimum of the energy of its row.

    All descents are those of Broyden, Fletcher, Goldfarb and Shanno, each with its own inverse of
    the Hessian. A step that does not decrease the energy enough is shortened.

    Parameters
    ----------
    surface : Surface
        Energies of n samples.
    starts : ndarray of shape (n_samples, s, n_outputs)
        Answers to start from.
    scales : ndarray of shape (n_samples, n_outputs)
        Units of the outputs; no step is longer than a few of them.

    Returns
    -------
    points : ndarray of shape (n_samples, s, n_outputs)
        Ends of the descents.
    energies : ndarray of shape (n_samples, s)
        Energies there.

    References
    ----------
    Nocedal, Wright, *Numerical Optimization* (2006), algorithm 6.1.
    :doi:`10.1007/978-0-387-40065-5`
    """
    n_rows, n_starts, q = starts.shape
    rows = np.repeat(np.arange(n_rows), n_starts)
    units = scales[rows]
    points = starts.reshape(-1, q) / units
    energies, slopes = _evaluate(surface, rows, points, units)
    inverse = np.broadcast_to(np.eye(q), (len(rows), q, q)).copy()
    chains = _Chains(points, energies, slopes, inverse, -slopes, _first_part(-slopes))
    left = np.flatnonzero(_unfinished(chains))
    for _ in range(MAX_STEPS):
        if not len(left):
            break
        moved = _step(surface, rows[left], _Chains(*(a[left] for a in chains)), units[left])
        for array, new in zip(chains, moved, strict=True):
            array[left] = new
        left = left[_unfinished(moved)]
    ends = chains.points * units
    return ends.reshape(starts.shape), chains.energies.reshape(n_rows, n_starts)


def _evaluate(surface: Surface, rows: Index, points: Array, units: Array) -> tuple[Array, Array]:
    """Energies (k,), and slopes (k, q) in the units, of one answer of each of some rows."""
    energies, slopes = np.empty(len(rows)), np.empty(points.shape)
    for some in row_blocks(len(rows), 1, TOGETHER):
        answers = (points[some] * units[some])[:, None]
        energy, slope = surface[rows[some]].energies_and_slopes(answers)
        energies[some], slopes[some] = energy[:, 0], slope[:, 0] * units[some]
    return energies, slopes


def _first_part(step: Array) -> Array:
    """Part of the step that is not longer than the longest."""
    with np.errstate(divide="ignore"):
        return np.minimum(1.0, LONGEST / np.sqrt(np.square(step).sum(axis=1)))


def _unfinished(chains: _Chains) -> npt.NDArray[np.bool_]:
    decrease = -np.einsum("ki,ki->k", chains.slopes, chains.step)
    length = chains.part * np.sqrt(np.square(chains.step).sum(axis=1))
    return (decrease > ARRIVED) & (length > SHORTEST)


def _step(surface: Surface, rows: Index, chains: _Chains, units: Array) -> _Chains:
    """The chains after a step, or with a shorter next step."""
    move = chains.part[:, None] * chains.step
    points = chains.points + move
    energies, slopes = _evaluate(surface, rows, points, units)
    expected = np.einsum("ki,ki->k", chains.slopes, move)
    # Rounding hides the decrease close to a minimum.
    rounding = 4 * np.finfo(np.float64).eps * np.abs(chains.energies)
    with np.errstate(invalid="ignore"):
        good = energies <= chains.energies + SUFFICIENT * expected + rounding
    good &= np.isfinite(slopes).all(axis=1)
    wide = good[:, None]
    slopes = np.where(wide, slopes, chains.slopes)
    inverse = _updated(chains.inverse, np.where(wide, move, 0.0), slopes - chains.slopes)
    step = -np.einsum("kij,kj->ki", inverse, slopes)
    return _Chains(
        np.where(wide, points, chains.points),
        np.where(good, energies, chains.energies),
        slopes,
        inverse,
        np.where(wide, step, chains.step),
        np.where(good, _first_part(step), 0.3 * chains.part),
    )


def _updated(inverse: Array, move: Array, change: Array) -> Array:
    """The inverse of the Hessian after the secant equation for a move and the change of slope.

    Moves without positive curvature change nothing.
    """
    product = np.einsum("ki,ki->k", move, change)
    lengths = np.square(move).sum(axis=1) * np.square(change).sum(axis=1)
    curved = product > 1e-8 * np.sqrt(lengths)
    s, y, rho, old = move[curved], change[curved], 1 / product[curved], inverse[curved]
    turned = np.einsum("kij,kj->ki", old, y)
    factor = rho**2 * np.einsum("ki,ki->k", y, turned) + rho
    crossed = rho[:, None, None] * s[:, :, None] * turned[:, None, :]
    new = old - crossed - np.swapaxes(crossed, 1, 2)
    new += factor[:, None, None] * s[:, :, None] * s[:, None, :]
    result = inverse.copy()
    result[curved] = new
    return result


def spread_starts(draws: Array, heights: Array, weights: Array, n: int) -> tuple[Index, Index]:
    """Choose draws that are far from each other, beginning with the most likely one.

    Each next one is the draw furthest from those chosen, so every draw is close to a chosen one.

    Parameters
    ----------
    draws : ndarray of shape (n_samples, s, n_outputs)
        Draws, in units in which distances are comparable.
    heights : ndarray of shape (n_samples, s)
        Their log-densities.
    weights : ndarray of shape (n_samples, s)
        Their weights; draws with less than 1/20 of the mean weight are not chosen.
    n : int
        Number of draws to choose.

    Returns
    -------
    chosen : ndarray of int of shape (n_samples, n)
        Indices of the chosen draws; they may repeat if few draws have weight.
    nearest : ndarray of int of shape (n_samples, s)
        For each draw, which of the chosen ones is the nearest, from 0 to n − 1.
    """
    row = np.arange(len(draws))
    chosen = np.empty((len(draws), n), dtype=np.intp)
    nearest = np.zeros(weights.shape, dtype=np.intp)
    distances = np.full(weights.shape, np.inf)
    light = weights < 0.05 / weights.shape[1]
    next_one = heights.argmax(axis=1)
    for k in range(n):
        chosen[:, k] = next_one
        to_this = np.square(draws - draws[row, next_one][:, None]).sum(axis=2)
        closer = to_this < distances
        nearest[closer] = k
        np.minimum(distances, to_this, out=distances)
        next_one = np.where(light, -1.0, distances).argmax(axis=1)
    return chosen, nearest
