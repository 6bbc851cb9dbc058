"""Moves that samplers share: trajectories, and the test of Metropolis and Hastings."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import blas

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm.samplers.base import State, Step, Surface

#: y ← y + a x in place, by dtype.
AXPY = {np.dtype(np.float32): blas.saxpy, np.dtype(np.float64): blas.daxpy}

#: A trajectory whose energy error exceeds this number has diverged.
DIVERGENCE = 1000.0


class Trajectory(NamedTuple):
    """End of a trajectory.

    Attributes
    ----------
    state : State
        The answers at the end; the energy is +inf where a trajectory left the finite energies.
    kinetic : ndarray of shape (n_samples, m)
        Kinetic energies at the end minus those at the start.
    """

    state: State
    kinetic: Array


def leapfrog(surface: Surface, state: State, momentum: Array, steps: Array, n: int) -> Trajectory:
    """Follow Hamiltonian dynamics by n leapfrog steps, with one gradient each.

    The two half kicks between two steps are one kick. With the displacement u = h·momentum, a step
    is y ← y + u, u ← u − h² ∂F/∂y.

    Parameters
    ----------
    surface : Surface
        Energies as functions of y.
    state : State
        Where to start. It is not changed.
    momentum : ndarray of shape (n_samples, m, n_outputs)
        Momenta at the start, with the unit matrix as mass. They are overwritten.
    steps : ndarray that can be broadcast to the shape of momentum
        Step sizes h, in units of y.
    n : int
        Number of steps.
    """
    slopes = state.slopes
    if slopes is None:
        raise TypeError("This state has no slopes; make it by `start` of the same sampler.")
    kinetic = half_squares(momentum)
    square = steps * steps
    y, move = state.answers.copy(), momentum
    move *= steps
    failed = failures(state.energies, slopes)
    if failed is not None:
        slopes = np.where(failed[..., None], 0, slopes)
        failed = np.zeros_like(failed)
    _kick(move, slopes, square * steps.dtype.type(0.5))
    for step in range(n):
        y += move
        last = step == n - 1
        if last:
            energies, slopes = surface.energies_and_slopes(y)
        else:
            slopes = surface.slopes(y)
        if not math.isfinite(np.vdot(slopes, slopes)):
            bad = np.asarray(~np.isfinite(slopes).all(axis=-1))
            failed = bad if failed is None else failed | bad
            y[bad], move[bad] = state.answers[bad], 0
            slopes = np.where(bad[..., None], 0, slopes)
        _kick(move, slopes, square * steps.dtype.type(0.5) if last else square)
    move /= steps
    if failed is not None:
        energies = np.where(failed, np.inf, energies)
    return Trajectory(State(y, energies, slopes), half_squares(move) - kinetic)


def _kick(move: Array, slopes: Array, factors: Array) -> None:
    """Subtract factors times slopes from displacements, which are contiguous, in place."""
    if factors.size == 1 and move.dtype in AXPY:
        AXPY[move.dtype](slopes.reshape(-1), move.reshape(-1), a=-factors.item())
    else:
        move -= factors * slopes


def normal(shape: tuple[int, ...], dtype: npt.DTypeLike, rng: np.random.Generator) -> Array:
    """Draw standard normal numbers; in float32 by the method of Box and Muller.

    NumPy vectorises the functions of that method in float32, so it takes a third of the time.

    Examples
    --------
    >>> import numpy as np
    >>> z = normal((1, 5000, 3), np.float32, np.random.default_rng(0))
    >>> z.dtype, bool(abs(z.std() - 1) < 0.02)
    (dtype('float32'), True)
    """
    if dtype != np.float32:
        return rng.standard_normal(shape)
    size = math.prod(shape)
    half = (size + 1) // 2
    uniform = rng.random(2 * half, dtype=np.float32)
    radius, angle = uniform[:half], uniform[half:]
    np.subtract(1, radius, out=radius)
    np.log(radius, out=radius)
    radius *= -2
    np.sqrt(radius, out=radius)
    angle *= 2 * np.pi
    result = np.empty(2 * half, dtype=np.float32)
    np.cos(angle, out=result[:half])
    np.sin(angle, out=result[half:])
    result[:half] *= radius
    result[half:] *= radius
    return result[:size].reshape(shape)


def failures(energies: Array, slopes: Array) -> npt.NDArray[np.bool_] | None:
    """Chains (n_samples, m) whose energy or slopes are not finite; None if there are none."""
    if math.isfinite(energies.sum()) and math.isfinite(slopes.sum()):
        return None
    bad = ~(np.isfinite(energies) & np.isfinite(slopes).all(axis=-1))
    return bad if bad.any() else None


def half_squares(momentum: Array) -> Array:
    """½ ‖momentum‖² of each chain."""
    half = np.full(momentum.shape[-1], 0.5, dtype=momentum.dtype)
    return np.asarray(np.square(momentum) @ half)


def metropolis(before: State, after: State, log_ratio: Array, rng: np.random.Generator) -> Step:
    """Accept proposed states with the probability min(1, exp(log_ratio)).

    Parameters
    ----------
    before, after : State
        The current and the proposed state. They are not changed.
    log_ratio : ndarray of shape (n_samples, m)
        Logarithm of the acceptance ratio; NaN means zero.
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    Step
        The next state. The energy error is −log_ratio.
    """
    dtype = before.answers.dtype
    acceptance = np.exp(np.minimum(log_ratio, 0)).astype(dtype, copy=False)
    np.copyto(acceptance, 0, where=np.isnan(acceptance))
    taken = rng.random(acceptance.shape, dtype=dtype) < acceptance
    return Step(chosen(taken, after, before), acceptance, ~(log_ratio >= -DIVERGENCE))


def chosen(taken: npt.NDArray[np.bool_], after: State, before: State) -> State:
    """Return `after` in the chains (n_samples, m) where `taken`, else `before`."""
    kept = np.flatnonzero(~taken)
    slopes = None
    if before.slopes is not None and after.slopes is not None:
        slopes = _restored(after.slopes, before.slopes, kept)
    answers = _restored(after.answers, before.answers, kept)
    return State(answers, np.where(taken, after.energies, before.energies), slopes)


def _restored(after: Array, before: Array, kept: Index) -> Array:
    """A copy of `after` (n_samples, m, n_outputs) with some chains as before."""
    result = after.copy()
    flat = result.reshape(-1, result.shape[-1])
    flat[kept] = before.reshape(flat.shape)[kept]
    return result
