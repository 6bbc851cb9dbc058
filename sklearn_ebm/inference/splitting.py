"""Elimination of continuous latent variables from quadratic energies by operator splitting."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import numpy as np

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm.inference.descent import Descended, LatentProblem

# Iterations between two certificates, each of which costs about two iterations.
BETWEEN_CERTIFICATES = 10

# The first weight ρ of the proximity term, in units of the largest curvature of one component, and
# the over-relaxation, which must be below 2. Chosen for dictionaries of digits, patches and
# Gaussian vectors.
RHO, RELAXATION = 1.4, 1.8

# If a sample takes many iterations, then at its certificates within this range of iterations ρ is
# doubled or halved if primal and dual residual differ by more than this factor. It stays within
# 2 ** ±MOST_LEVELS of the first, and at last it is fixed, so that the iteration converges.
BALANCED, UNBALANCED, MOST_LEVELS = (100, 300), 5.0, 4


class QuadraticProblem(LatentProblem):
    """Energies E(z) = ½ zᵀ H z − bᵀ z + g(z) + constant, with one H for all samples.

    Attributes
    ----------
    linear : ndarray of shape (n_samples, n_components)
        The vector b of each sample.
    """

    linear: Array

    @abstractmethod
    def proximal(self, z: Array, step: float) -> Array:
        """Compute argmin_u g(u) + ‖u − z‖²/(2 step) in new memory."""


class _Matrices(NamedTuple):
    """Of the reflected step for one ρ: v ← share v + (2z − v) reflected + b linear.

    With more components than columns of the factor D, `reflected` is D and `inner` the other factor
    of the part that is no multiple of the unit matrix.
    """

    rho: float
    share: float
    reflected: Array
    linear: Array
    inner: Array | None = None

    def applied(self, values: Array, out: Array) -> Array:
        """Product with the matrix of the reflected step, in `out`."""
        if self.inner is None:
            return np.matmul(values, self.reflected, out=out)
        np.matmul(values @ self.reflected, self.inner, out=out)
        out += (RELAXATION / 2) * values
        return out

    def constant(self, linear: Array) -> Array:
        """Product of the linear part with its matrix."""
        if self.inner is None:
            return linear @ self.linear
        result: Array = (RELAXATION / self.rho) * linear
        result += (linear @ self.reflected) @ self.linear
        return result


class Operator:
    """What all samples share: the matrices of the reflected step, for each ρ that is used.

    Parameters
    ----------
    factor : ndarray of shape (n_components, n_columns)
        D with H = D Dᵀ. Its dtype is that of the iterations; inverses are computed in float64.
    """

    def __init__(self, factor: Array) -> None:
        self.factor, self.dtype = factor.astype(np.float64, copy=False), factor.dtype
        squares = np.einsum("kd,kd->k", self.factor, self.factor)
        self.rho = RHO * (float(squares.max(initial=0.0)) or 1.0)
        self.wide = is_wide(factor)
        other = self.factor.T if self.wide else self.factor
        self.product = other @ other.T
        self.known: dict[int, _Matrices] = {}

    def at(self, level: int) -> _Matrices:
        """Return the matrices for ρ = 2^level times the first ρ.

        Threads may compute the same matrices twice.
        """
        if level not in self.known:
            rho, unit = self.rho * 2.0**level, np.eye(len(self.product))
            inverse = np.linalg.inv(self.product + rho * unit)
            if self.wide:  # (H + ρ)⁻¹ = (1 − D (Dᵀ D + ρ)⁻¹ Dᵀ)/ρ
                inner = -RELAXATION * (inverse @ self.factor.T)
                parts: list[Array] = [self.factor, inner / rho, inner]
            else:
                parts = [RELAXATION * (rho * inverse - 0.5 * unit), RELAXATION * inverse]
            matrices = [part.astype(self.dtype) for part in parts]
            self.known[level] = _Matrices(rho, 1 - RELAXATION / 2, *matrices)
        return self.known[level]


def is_wide(factor: Array) -> bool:
    """Whether products with D and Dᵀ are faster than those with D Dᵀ."""
    return 2 * factor.shape[1] < len(factor)


def split(
    problem: QuadraticProblem,
    operator: Operator,
    start: Array,
    *,
    max_iter: int,
    tol: float | None,
) -> tuple[Descended, Array]:
    """Minimise the energies of all samples by Douglas-Rachford splitting, which is ADMM.

    .. code-block:: none

        z ← prox(v),    v ← v + relaxation · ((H + ρ)⁻¹ (b + ρ (2z − v)) − z)

    An iteration costs one product, as one of proximal gradient descent does, and the largest
    eigenvalue of H does not limit the step. A sample is finished when its duality gap is at most
    `tol` times its energy at z = 0, and is then left out of the iterations.

    Parameters
    ----------
    problem : QuadraticProblem
        The energies.
    operator : Operator
        Of the same H.
    start : ndarray of shape (n_samples, n_components)
        States v for the first ρ; not changed.
    max_iter : int
        Maximum number of iterations, at least 1.
    tol : float or None
        Largest duality gap, relative to the energy at z = 0. None makes all iterations, with the
        first ρ.

    Returns
    -------
    found : Descended
        Values, energies and duality gaps; a gap above `tol` means that `max_iter` was reached.
    state : ndarray of shape (n_samples, n_components)
        The states for the first ρ, from which to continue.
    """
    n = len(start)
    rows: Index = np.arange(n)
    state, found = start.copy(), np.empty_like(start)
    constant = operator.at(0).constant(problem.linear)
    energies, gaps = np.zeros(n, dtype=start.dtype), np.full(n, np.inf, dtype=start.dtype)
    levels = np.zeros(n, dtype=np.intp)
    iteration = 0
    while len(rows) and iteration < max_iter:
        n_steps = min(max_iter if tol is None else BETWEEN_CERTIFICATES, max_iter - iteration)
        groups = [(each, rows[levels[rows] == each]) for each in np.unique(levels[rows])]
        for level, group in groups:
            z, v, change = _steps(
                problem, operator.at(level), state[group], constant[group], n_steps
            )
            energies[group], gaps[group] = problem.certificate(z, problem.gradient(z, group), group)
            found[group], state[group] = z, v
            if tol is None or not BALANCED[0] <= iteration < BALANCED[1]:
                continue
            ratio = _balance(z, v, *change)
            move = (ratio > UNBALANCED).astype(np.intp) - (ratio < 1 / UNBALANCED)
            move[gaps[group] <= tol * problem.scale[group]] = 0
            move = np.clip(level + move, -MOST_LEVELS, MOST_LEVELS) - level
            for other in (-1, 1):
                changed = group[move == other]
                if len(changed):
                    # v = z + u, and ρ u is what stays.
                    state[changed] = (
                        found[changed] + (state[changed] - found[changed]) * 2.0**-other
                    )
                    constant[changed] = operator.at(level + other).constant(problem.linear[changed])
                    levels[changed] = level + other
        iteration += n_steps
        if tol is None:
            break
        rows = rows[gaps[rows] > tol * problem.scale[rows]]
    for level in np.unique(levels[levels != 0]):
        group = np.flatnonzero(levels == level)
        state[group] = found[group] + (state[group] - found[group]) * 2.0**level
    return Descended(found, energies, gaps, iteration), state


def _steps(
    problem: QuadraticProblem, matrices: _Matrices, v: Array, constant: Array, n_steps: int
) -> tuple[Array, Array, tuple[Array, Array]]:
    """Values and states after some steps, and the change of both in the last step."""
    step = 1 / matrices.rho
    moved = np.empty_like(v)
    z = problem.proximal(v, step)
    for _ in range(n_steps):
        before = z
        reflected = 2 * z
        reflected -= v
        matrices.applied(reflected, out=moved)
        moved += constant
        moved += np.multiply(v, matrices.share, out=reflected)
        v, moved = moved, v
        z = problem.proximal(v, step)
    return z, v, (before, moved)


def _balance(z: Array, v: Array, z_before: Array, v_before: Array) -> Array:
    """Ratio of primal to dual residual of each sample, relative to the sizes of z and u = v − z.

    The change of v is the relaxation times the primal residual x − z.
    """
    primal, size, dual, multiplier = (
        np.abs(part).max(axis=1) for part in (v - v_before, z, z - z_before, v - z)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = primal / size * (multiplier / dual) / RELAXATION
    return np.where(np.isnan(ratio), 1.0, ratio)
