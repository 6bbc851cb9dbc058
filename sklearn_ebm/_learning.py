"""From parts and data to parameters: which solver, along which path, and how good the answer is."""

from __future__ import annotations

import threading
import warnings
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from sklearn_ebm._objective import Objective
from sklearn_ebm._params import Array, Params
from sklearn_ebm._path import Path
from sklearn_ebm._threads import Workers
from sklearn_ebm.energies import ENERGIES, Energy
from sklearn_ebm.losses import LOSSES, Loss
from sklearn_ebm.solvers import SOLVERS, Solver

# A float32 twin of the rows is made for data of this many numbers, at least and at most: below, it
# does not pay; above, half of X is too much to ask.
TWIN_SMALLEST, TWIN_LARGEST = 2**16, 2**27

# From so many parameters on, sparse rows start from liblinear where that has the loss.
LIBLINEAR_SIZE = 1000

# Its steps are cheap next to ours on such rows: it goes on until they no longer pay.
LIBLINEAR_TOL = 5e-4

# Its steps become many where the mean of C‖x‖² is large, and it cannot be told to stop.
LIBLINEAR_LENGTH = 1e4

_liblinear_lock = threading.Lock()

# Weights within this factor of their mean are safe in float32.
TWIN_WEIGHTS = 1e12


class Start(NamedTuple):
    """Where learning goes on: an energy that is prepared already, and its parameters."""

    energy: Energy
    params: Params


@dataclass
class Learned:
    """What learning hands to an estimator.

    Attributes
    ----------
    energy : Energy
        The energy as it was prepared for the rows.
    params : dict of str to ndarray
    n_answers : int
    n_iter : int
        Iterations of the solver, over all stages.
    n_evaluations : int
        Passes over the rows for a value and a gradient, those of certificates included.
    curve : ndarray
        The objective after each iteration; along a temperature path, the smooth objective.
    value : float
        The objective at the end, with the loss itself.
    gap : float or None
        Bound on (f − min f)/f; None where there is no certificate.
    converged : bool
    message : str
        Why it stopped.
    """

    energy: Energy
    params: Params
    n_answers: int
    n_iter: int
    n_evaluations: int
    curve: Array
    value: float
    gap: float | None
    converged: bool
    message: str

    @property
    def start(self) -> Start:
        """Where another fit can go on."""
        return Start(self.energy, self.params)

    def fitted_attributes(self) -> dict[str, Array]:
        """Public attributes that the energy gives to the fitted estimator."""
        return self.energy.fitted_attributes(self.params, self.n_answers)


def refuse_unsuitable(energy: Energy, loss: Loss, solver: Solver | None) -> None:
    """Raise ValueError, before any work, if the parts cannot learn together."""
    energy_name, loss_name = ENERGIES.name_of(energy), LOSSES.name_of(loss)
    if loss.needs_nonnegative and not energy.nonnegative:
        raise ValueError(
            f"loss {loss_name!r} cannot be minimised with energy {energy_name!r}: "
            f"{loss.needs_nonnegative}, so it needs energies that are never negative, such as "
            "distances to prototypes (energy='prototypes'). Losses for "
            f"energy {energy_name!r}: {', '.join(suitable_losses(energy))}."
        )
    if loss.online and not energy.linear:
        raise ValueError(
            f"loss {loss_name!r} cannot be trained with energy {energy_name!r}: it averages its "
            "steps, each of full length, and averages of the parameters of a network, or of "
            "prototypes that fly apart, mean nothing; use loss='hinge' or 'nll', or "
            "energy='linear' or 'kernel'."
        )
    if solver is None:
        return
    solver_name = SOLVERS.name_of(solver)
    if loss.online != solver.online:
        reason = (
            "its penalised minimum is W = 0, so it is trained row by row"
            if loss.online
            else "that solver is for online rules such as the perceptron"
        )
        raise ValueError(
            f"loss {loss_name!r} cannot be trained by solver {solver_name!r}: {reason}; "
            "use solver='auto'."
        )
    if solver.needs_curvature and (loss.curvature is None or not energy.linear):
        raise ValueError(
            f"solver {solver_name!r} needs second derivatives, which loss {loss_name!r} with "
            f"energy {energy_name!r} does not give; use solver='lbfgs' or 'auto'."
        )


def suitable_losses(energy: str | Energy) -> tuple[str, ...]:
    """Names of the registered losses that can be minimised with an energy.

    Parameters
    ----------
    energy : str or Energy

    Returns
    -------
    tuple of str
    """
    part = ENERGIES.resolve(energy)
    return tuple(
        name
        for name, loss in LOSSES.items()
        if (part.nonnegative or not loss.needs_nonnegative) and (part.linear or not loss.online)
    )


def default_solver(energy: Energy, loss: Loss) -> Solver:
    """Return what ``solver="auto"`` means for an energy and a loss."""
    if loss.online:
        return SOLVERS["averaged"]()
    return SOLVERS["adam" if energy.stochastic else "preconditioned"]()


def learn(
    energy: Energy,
    loss: Loss,
    solver: Solver | None,
    X: Any,
    y: np.ndarray,
    weight: np.ndarray,
    *,
    n_answers: int,
    C: float,
    tol: float,
    max_iter: int | None,
    start: Start | None,
    rng: np.random.RandomState,
) -> Learned:
    """Minimise Σᵢ wᵢ ℓᵢ + ‖W‖²/(2C) over the parameters of an energy.

    For two answers the penalty counts twice, so that C means the same as in scikit-learn's binary
    estimators, which store one vector where an energy has two.
    """
    automatic = solver is None
    solver = solver or default_solver(energy, loss)
    with Workers() as workers:
        if start is None:
            energy = energy.prepared(X, y, weight, n_answers, rng)
            params = energy.start(X, y, weight, n_answers, rng)
        else:
            energy, params = start
        # What never moves is computed once: F(x, y) = F'(φ(x), y).
        represent, inner = energy.factored() or (None, energy)
        rows = X if represent is None else represent(X)
        # In units of the mean weight, neither weights nor sums over rows leave the range of floats.
        unit = float(weight.mean())
        # 0 for C = inf, and for an online rule, whose penalised minimum is zero.
        penalty = 0.0 if loss.online else (2.0 if n_answers == 2 else 1.0) / C / unit
        share = weight if unit == 1 else weight / unit
        objective = Objective(inner, loss, rows, y, share, n_answers, penalty, workers.map)
        conditioned: Any = inner.conditioned(rows, share) if solver.conditions else None
        warm, near = start is not None, False
        if conditioned is not None:
            objective = _conditioned(objective, conditioned)
            if automatic and not warm:
                found = _start_of_liblinear(objective, conditioned.fit_intercept, C * unit)
                near, params = found is not None, found or params
            params = conditioned.from_params(params)
        path = Path(objective, solver, tol, max_iter or solver.iterations, rng)
        w = objective.layout.pack(params)
        if warm and not np.isfinite(objective.value(w)):
            warm, w = False, np.zeros_like(w)  # made for rows of quite another size
        surrogate = loss.surrogate()
        if surrogate is not None:
            easier = path.with_loss(surrogate).minimize(w)
            w, path.total.n_evaluations = easier.w, easier.n_evaluations
        result = path.minimize(w, warm=warm, near=near)
    if not np.isfinite(result.w).all() or not np.isfinite(result.value):
        raise ValueError(
            f"Learning with loss {LOSSES.name_of(loss)!r} ended in energies that are not finite "
            f"in {X.dtype}; scale the features (StandardScaler) or the weights."
        )
    params = objective.layout.unpack(result.w)
    if conditioned is not None:
        params = conditioned.to_params(params)
    if not loss.pinned:
        params = energy.centered(params)
    return Learned(
        energy=energy,
        params={name: value.astype(X.dtype) for name, value in params.items()},
        n_answers=n_answers,
        n_iter=result.n_iter,
        n_evaluations=result.n_evaluations,
        curve=np.asarray(result.curve) * unit,
        value=result.value * unit,
        gap=path.gap,
        converged=result.converged,
        message=result.message,
    )


def _conditioned(plain: Objective, energy: Any) -> Objective:
    """The same sum in the parameters of a conditioned energy, with a twin in float32 if it pays."""
    k, weight = plain.n_answers, plain.weight
    penalty = plain.penalty.max() * np.concatenate(
        [np.ravel(part) for part in energy.penalty_factor(k).values()]
    )

    def over(part: Any, X: Any) -> Objective:
        return Objective(part, plain.loss, X, plain.y, weight, k, penalty, plain.workers)

    # Energies are float64 in the end, whatever X is; float32 rows are converted by block.
    objective = over(energy, plain.X).exact()
    size = plain.X.nnz if sparse.issparse(plain.X) else plain.X.size
    moderate = weight.max() <= TWIN_WEIGHTS and weight.min() >= 1 / TWIN_WEIGHTS
    if TWIN_SMALLEST <= size <= TWIN_LARGEST and moderate and not _is_mapped(plain.X):
        twin = energy.standardized_rows(plain.X, plain.workers)
        if twin is not None:
            objective.single = over(*twin)
    return objective


def _start_of_liblinear(objective: Objective, fit_intercept: bool, C: float) -> Params | None:
    """Parameters from `LinearSVC`, where it minimises nearly the same on many sparse columns.

    On such rows its dual coordinate steps are far ahead of ours in the beginning. It penalises the
    intercept and gives no certificate, so this is a start and no more.
    """
    k = objective.n_answers
    known = objective.loss.liblinear(k)
    if known is None or not sparse.issparse(objective.X) or objective.layout.size < LIBLINEAR_SIZE:
        return None
    if len(np.unique(objective.y)) < k:
        return None  # it would not know the classes that have no rows
    settings, unit = known
    X = objective.X
    longest = float(np.dot(X.data.astype(np.float64), X.data)) / X.shape[0] * C / unit
    if not longest <= LIBLINEAR_LENGTH or X.nnz > np.iinfo(np.int32).max:
        return None
    if X.indices.dtype != np.int32:  # liblinear knows no others
        X = type(X)((X.data, X.indices.astype(np.int32), X.indptr.astype(np.int32)), X.shape)
    # Its generator of random numbers is one for the process.
    with _liblinear_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        machine = LinearSVC(
            C=C / unit, tol=LIBLINEAR_TOL, random_state=0,
            fit_intercept=fit_intercept, **settings,
        ).fit(X, objective.y, sample_weight=objective.weight)  # fmt: skip
    coef, intercept = unit * machine.coef_, unit * np.atleast_1d(machine.intercept_)
    if k == 2:
        coef, intercept = np.vstack([-coef, coef]) / 2, np.append(-intercept, intercept) / 2
    start = {"coef": coef, "intercept": intercept}
    return {name: start[name] for name in start if name != "intercept" or fit_intercept}


def _is_mapped(X: Any) -> bool:
    """Whether an array is a view of a file."""
    while X is not None:
        if isinstance(X, np.memmap):
            return True
        X = getattr(X, "base", None)
    return False
