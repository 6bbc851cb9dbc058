"""Learning of energies of samples alone: the energies of observed samples are lowered.

An energy F(x) is learned as an energy with a single answer and the loss ``"energy"``. Its form, not
the loss, keeps it from collapsing.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm.energies import Energy
from sklearn_ebm.learning.compatibility import refuse_overflow
from sklearn_ebm.learning.monitor import TrainingMonitor
from sklearn_ebm.learning.parametrization import in_dtype
from sklearn_ebm.learning.search import search
from sklearn_ebm.losses import EnergyLoss
from sklearn_ebm.solvers.base import Problem, Result, Solver
from sklearn_ebm.solvers.objective import Objective

Weights: TypeAlias = npt.NDArray[np.float64]


class LearnedSamples(NamedTuple):
    """Result of learning.

    Attributes
    ----------
    params : dict of str to ndarray
        Learned parameters, by name.
    result : Result
        How the search ended.
    curve : ndarray
        Mean energy of the samples in each iteration.
    held_out_curve : list of float
        Mean energy of the held-out samples after each iteration.
    risen : float
        Mean energy of the samples at the end, minus that at the start; positive if steps were too
        long, and 0 if they were not compared.
    """

    params: Params
    result: Result
    curve: Array
    held_out_curve: list[float]
    risen: float


def learn_samples(
    energy: Energy,
    X: Array,
    weight: Weights,
    solver: Solver,
    *,
    params: Params,
    max_iter: int | None,
    rng: np.random.RandomState,
    watch: TrainingMonitor | None = None,
    held_out: tuple[Array, Weights] | None = None,
    tol: float = 1e-4,
    memory: object = None,
    keeps_start: bool = False,
    compares: bool = True,
) -> LearnedSamples:
    """Minimise the weighted mean of the energies of samples over the parameters.

    Parameters
    ----------
    energy : Energy
        An energy of a single answer, so ``linearize`` returns energies (n_samples, 1).
    X : ndarray of shape (n_samples, n_features)
        The samples.
    weight : ndarray of shape (n_samples,)
        Sample weights, all positive.
    solver : Solver
        The solver.
    params : dict of str to ndarray
        Parameters from which learning starts.
    max_iter : int or None
        Largest number of iterations; None is the default of the solver.
    rng : RandomState
        Source of random numbers.
    watch : TrainingMonitor or None
        Called after every iteration; it may end learning.
    held_out : tuple of ndarray, or None
        Samples and weights whose mean energy is recorded after every iteration.
    tol : float
        Tolerance of the solver.
    memory : object
        Memory of the solver after an earlier part of a stream.
    keeps_start : bool
        Whether to return `params` if learning has not lowered the energies; needs `compares`.
    compares : bool
        Whether to compute `LearnedSamples.risen`, at the cost of two passes without gradients.

    Returns
    -------
    LearnedSamples
        Parameters, and how learning ended.
    """
    watch = watch or TrainingMonitor()
    with Workers() as workers:
        weight = weight / weight.max()
        objective = _objective(energy, X, weight / weight.mean(), workers)
        watch.energy, watch.params_of = energy, objective.layout.unpack
        if held_out is not None:
            watch.held_out = _objective(energy, *held_out, workers)
        limit = solver.iterations_for(objective) if max_iter is None else max_iter
        w = objective.layout.pack(params)
        problem = Problem(objective, w, tol=tol, max_iter=limit, rng=rng, memory=memory)
        at_start = objective.value(w) if compares else 0.0
        result = search(solver, problem, watch)
        risen = (objective.value(result.w) - at_start) / len(X) if compares else 0.0
        if keeps_start and not risen < 0:
            result.w = w
    refuse_overflow(result, objective.loss, X.dtype)
    return LearnedSamples(
        in_dtype(objective.layout.unpack(result.w), X.dtype), result,
        np.asarray(result.curve) / len(X), watch.curve, risen,
    )  # fmt: skip


def _objective(energy: Energy, X: Array, weight: Any, workers: Workers) -> Objective:
    y = np.zeros(len(X), dtype=np.intp)
    return Objective(energy, EnergyLoss(), X, y, weight, 1, 0.0, workers.map)
