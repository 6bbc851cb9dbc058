"""Elimination of continuous latent variables from quadratic energies by operator splitting."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm.inference.descent import Descended, LatentProblem

# Iterations between two certificates, each of which costs about two iterations.
BETWEEN_CERTIFICATES = 10

# The weight ρ of the proximity term, in units of the largest curvature of one component, and the
# over-relaxation, which must be below 2. Chosen for dictionaries of digits, patches and Gaussian
# vectors: the number of iterations is within a factor of 1.5 of the best ρ for each.
RHO, RELAXATION = 1.4, 1.8


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


class Operator:
    """What all samples share: ρ, and the matrices of the reflected step.

    Parameters
    ----------
    hessian : ndarray of shape (n_components, n_components)
        H, positive semidefinite.
    dtype : dtype
        Floating-point type of the iterations; the inverse is computed in float64.
    """

    def __init__(self, hessian: Array, dtype: np.dtype[np.floating]) -> None:
        hessian = hessian.astype(np.float64, copy=False)
        size = len(hessian)
        self.rho = RHO * (float(np.diagonal(hessian).max(initial=0.0)) or 1.0)
        inverse = np.linalg.inv(hessian + self.rho * np.eye(size))
        # The state moves by its share, the reflected point w by `reflected`, and b by `linear`.
        self.share = 1 - RELAXATION / 2
        reflected = RELAXATION * (self.rho * inverse - 0.5 * np.eye(size))
        self.reflected = reflected.astype(dtype)
        self.linear = (RELAXATION * inverse).astype(dtype)


def split(
    problem: QuadraticProblem,
    operator: Operator,
    start: Array,
    *,
    max_iter: int,
    tol: float,
) -> tuple[Descended, Array]:
    """Minimise the energies of all samples by Douglas-Rachford splitting, which is ADMM.

    .. code-block:: none

        z ← prox(v),    v ← v + relaxation · ((H + ρ)⁻¹ (b + ρ (2z − v)) − z)

    An iteration costs one product, as one of proximal gradient descent does, but correlated
    components do not slow it down. A sample is finished when its duality gap is at most `tol`
    times its energy at z = 0, and is then left out of the iterations.

    Parameters
    ----------
    problem : QuadraticProblem
        The energies.
    operator : Operator
        Of the same H.
    start : ndarray of shape (n_samples, n_components)
        States v; not changed.
    max_iter : int
        Maximum number of iterations.
    tol : float
        Largest duality gap, relative to the energy at z = 0. 0 makes all iterations.

    Returns
    -------
    found : Descended
        Values, energies and duality gaps; a gap above `tol` means that `max_iter` was reached.
    state : ndarray of shape (n_samples, n_components)
        The states, from which to continue.
    """
    n, step = len(start), 1 / operator.rho
    rows: Index = np.arange(n)
    state, v = start.copy(), start.copy()
    z = problem.proximal(v, step)
    found = z.copy()
    constant = problem.linear @ operator.linear
    energies, gaps = np.zeros(n, dtype=start.dtype), np.full(n, np.inf, dtype=start.dtype)
    iteration = 0
    moved = np.empty_like(v)
    for iteration in range(1, max_iter + 1):
        z *= 2
        z -= v
        np.matmul(z, operator.reflected, out=moved)
        moved += constant
        v *= operator.share
        v += moved
        z = problem.proximal(v, step)
        last = iteration == max_iter
        if not last and (tol == 0 or iteration % BETWEEN_CERTIFICATES):
            continue
        energies[rows], gaps[rows] = problem.certificate(z, problem.gradient(z, rows), rows)
        open_ = gaps[rows] > tol * problem.scale[rows]
        if last or not open_.any():
            break
        if not open_.all():
            found[rows], state[rows] = z, v
            rows, z, v, constant = rows[open_], z[open_], v[open_], constant[open_]
            moved = moved[: len(rows)]
    found[rows], state[rows] = z, v
    return Descended(found, energies, gaps, iteration), state
