"""Learning of the parameters of an energy of classes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.arrays import none_but, same
from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm.energies import Energy
from sklearn_ebm.learning.compatibility import default_solver, refuse_overflow
from sklearn_ebm.learning.monitor import INTERRUPTED, TrainingMonitor
from sklearn_ebm.learning.parametrization import Parametrization, in_dtype, own_copy
from sklearn_ebm.learning.starts import Liblinear, separating_start
from sklearn_ebm.learning.temperature_path import TemperaturePath
from sklearn_ebm.losses import Loss
from sklearn_ebm.losses.negatives.class_base import ClassNegatives
from sklearn_ebm.solvers.base import Result, Solver


class Start(NamedTuple):
    """Start of learning: an initialised energy, its parameters, and the seed of `initialized`."""

    energy: Energy
    params: Params
    seed: int = 0


def continued(
    start: Start,
    energy: Any,
    rows: Rows,
    n_answers: int,
) -> Start | None:
    """Return the start if its parameters are valid for these rows, else None.

    The energy is initialised for the rows with the same seed as before. If the landmarks, initial
    prototypes or units differ, the parameters belong to another energy.

    Parameters
    ----------
    start : Start
        Energy and parameters of an earlier fit.
    energy : Energy or LatentEnergy
        The energy, not initialised.
    rows : Rows
        Rows of the new fit.
    n_answers : int
        Number of classes, or of outputs.

    Returns
    -------
    Start or None
        `start` itself, or None.
    """
    again = energy.initialized(rows, n_answers, np.random.RandomState(start.seed))
    return start if same(again._initial_state(), start.energy._initial_state()) else None


@dataclass
class Learned:
    """Result of learning.

    Attributes
    ----------
    energy : Energy
        The energy, initialised for the rows.
    params : dict of str to ndarray
        Learned parameters, by name.
    seen : ndarray of bool of shape (n_classes,)
        True for the classes that occur in the rows.
    n_iter : int
        Number of iterations of the solver, over all stages.
    n_evaluations : int
        Number of passes over the rows for a value and a gradient, including those of certificates.
    curve : ndarray
        The objective after each iteration; in stages with a temperature, the smoothed objective.
    value : float
        The objective at the end, with the original loss.
    gap : float or None
        Bound on (f − min f)/f; None if there is no certificate.
    converged : bool
        Whether the stopping rule was met.
    message : str
        Why learning stopped.
    held_out_curve : list of float
        Mean loss of held-out rows after each iteration; empty if there are none.
    stopped : bool
        Whether a callback, early stopping or Ctrl-C ended learning.
    """

    energy: Energy
    params: Params
    seen: npt.NDArray[np.bool_]
    n_iter: int
    n_evaluations: int
    curve: Array
    value: float
    gap: float | None
    converged: bool
    message: str
    held_out_curve: list[float]
    stopped: bool

    @property
    def start(self) -> Start:
        """The start of a fit that continues this one."""
        return Start(self.energy, self.params)

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended it."""
        return self.message.startswith(INTERRUPTED)

    def energies(self, X: Any) -> Array:
        """Energies of rows, (n, k); infinite for classes without a training row."""
        return none_but(self.seen, self.energy.linearize(self.params, X).energies)

    def fitted_attributes(self) -> dict[str, Array]:
        """Attributes of the fitted estimator that show the parameters."""
        return self.energy.fitted_attributes(self.params, len(self.seen))


def learn(
    energy: Energy,
    loss: Loss,
    solver: Solver | None,
    rows: Rows,
    *,
    n_answers: int,
    C: float,
    tol: float,
    max_iter: int | None,
    start: Start | None,
    rng: np.random.RandomState,
    watch: TrainingMonitor | None = None,
    held_out: Rows | None = None,
    negatives: ClassNegatives | None = None,
) -> Learned:
    """Minimise Σᵢ wᵢ ℓᵢ + ‖W‖²/(2C) over the parameters of an energy.

    1. The energy is initialised: it computes from the rows all that is not learned, such as
       landmarks. A start from an earlier fit has an initialised energy.
    2. The objective is converted to parameters that suit the solver (`Parametrization`), such as
       coefficients of standardised columns. This does not change its minimum.
    3. The first point is the start, the initial parameters of the energy, or a solution of
       LIBLINEAR if that is much faster.
    4. `TemperaturePath` minimises the objective in stages of decreasing temperature, until a lower
       bound certifies a relative gap of at most `tol`, or for `max_iter` iterations.
    5. The result is converted to parameters of the energy, in the dtype of X.

    Parameters of classes without rows keep their initial values. If all rows are of one class,
    nothing is learned.

    Parameters
    ----------
    energy : Energy
        The energy.
    loss : Loss
        The loss ℓ.
    solver : Solver or None
        The solver; None selects one that suits energy and loss.
    rows : Rows
        Features, indices of the correct classes, and sample weights wᵢ.
    n_answers : int
        Number of classes.
    C : float
        Inverse strength of the penalty.
    tol : float
        Largest relative gap.
    max_iter : int or None
        Largest number of iterations; None is the default of the solver.
    start : Start or None
        An earlier fit to be continued.
    rng : RandomState
        Source of random numbers.
    watch : TrainingMonitor or None
        Called after every iteration; it may end learning.
    held_out : Rows or None
        Rows whose mean loss is recorded after every iteration.
    negatives : ClassNegatives or None
        How wrong classes are drawn in each step; None if all are compared with. The objective and
        the loss of `held_out` are then estimates, see `SampledObjective.value`.

    Returns
    -------
    Learned
        Energy, parameters, and how learning ended.

    Raises
    ------
    ValueError
        If parameters overflow.
    """
    seen = seen_answers(rows.y, n_answers)
    automatic, solver = solver is None, solver or default_solver(energy, loss, negatives)
    with Workers() as workers:
        energy = own_copy(start.energy) if start else energy.initialized(rows, n_answers, rng)
        moved = Parametrization(
            energy, loss, rows, seen=seen, C=C,
            wants_standardized=solver.wants_standardized, workers=workers.map,
            negatives=negatives,
        )  # fmt: skip
        params = start.params if start else moved.first_params(rng)
        if seen.sum() == 1:
            return _of_one_answer(energy, params, seen, rows.X.dtype)
        watch = watch or TrainingMonitor()
        watch.energy, watch.params_of = energy, moved.params
        if held_out is not None:
            watch.held_out = moved.held_out(held_out)
        limit = solver.iterations_for(moved.objective) if max_iter is None else max_iter
        path = TemperaturePath(moved.objective, solver, tol, limit, rng, watch)
        first = (
            _continued_point(path, moved.vector(params)) if start
            else _first_point(path, moved, params, automatic=automatic)
        )  # fmt: skip
        result, gap = _run_path(path, first)
    refuse_overflow(result, loss, rows.X.dtype)
    params = in_dtype(moved.params(result.w), rows.X.dtype)
    return Learned(
        energy, params, seen, result.n_iter, result.n_evaluations,
        curve=np.asarray(result.curve) * moved.unit, value=result.value * moved.unit, gap=gap,
        converged=result.converged, message=result.message, held_out_curve=watch.curve,
        stopped=watch.stopped or result.message == INTERRUPTED,
    )  # fmt: skip


def seen_answers(y: npt.NDArray[np.intp], n_answers: int) -> npt.NDArray[np.bool_]:
    """Whether each class occurs, (k,)."""
    return np.bincount(y, minlength=n_answers) > 0


def _of_one_answer(
    energy: Energy, params: Params, seen: npt.NDArray[np.bool_], dtype: Any
) -> Learned:
    """Return the initial parameters, if all rows are of one class."""
    return Learned(
        energy, in_dtype(params, dtype), seen, n_iter=0, n_evaluations=0, curve=np.empty(0),
        value=0.0, gap=None, converged=True, message="all rows are of one class",
        held_out_curve=[], stopped=False,
    )  # fmt: skip


class FirstPoint(NamedTuple):
    """Start of a path: the parameters, whether it is warm, and whether it is near the minimum."""

    w: Array
    warm: bool = False
    near_minimum: bool = False


def _continued_point(path: TemperaturePath, w: Array) -> FirstPoint:
    """Return the parameters of an earlier fit, or zeros if the objective overflows there."""
    path.watch.begin(w)
    if not np.isfinite(path.objective.value(w)):
        return FirstPoint(np.zeros_like(w))
    return FirstPoint(w, warm=True)


def _first_point(
    path: TemperaturePath, moved: Parametrization, params: Params, *, automatic: bool
) -> FirstPoint:
    """Return the initial parameters of the energy, or a start computed by LIBLINEAR.

    LIBLINEAR is used for energies that are linear in templates with ``solver="auto"``
    (`automatic`): for sparse rows before the path, for dense rows if the path takes many
    iterations.
    """
    w, standardized = moved.vector(params), moved.standardized
    if standardized is None or not automatic or not path.max_iter:
        return FirstPoint(w)
    liblinear = Liblinear(
        path.objective, standardized.fit_intercept, moved.inverse_penalty, path.tol
    )

    def start() -> Array:
        return _liblinear_start(liblinear, path, moved)

    separating = separating_start(path.objective, standardized, moved.inverse_penalty)
    if separating is not None:
        return FirstPoint(separating)
    if liblinear.starts:
        return FirstPoint(start(), near_minimum=True)
    if liblinear.suits:
        path.fallback = lambda value: start() if liblinear.as_fallback(value) else None
    return FirstPoint(w)


def _liblinear_start(liblinear: Liblinear, path: TemperaturePath, moved: Parametrization) -> Array:
    """Run LIBLINEAR until the gap is within tol, or until another run is not worth its cost."""
    while True:
        found = liblinear.start()
        w = moved.vector(found.params)
        if path.monitor.consider(w, found.slopes) or not liblinear.tighten(*path.monitor.standing):
            return w


def _run_path(path: TemperaturePath, first: FirstPoint) -> tuple[Result, float | None]:
    """Run a path until it ends or is stopped; return the result and its certified gap."""
    (w, warm, near_minimum), watch, gap = first, path.watch, None
    # Solvers with mini-batches need no convex start.
    surrogate = None if path.solver.stochastic else path.loss.surrogate()
    try:
        if surrogate is not None:
            easier = path.with_loss(surrogate).minimize(w)
            w = easier.w
            path.monitor.total = replace(easier, memory=None, value=np.inf, converged=False)
            result = easier
        if not watch.stopped:
            result, gap = path.minimize(w, warm=warm, near_minimum=near_minimum), path.monitor.gap
    except KeyboardInterrupt:
        kept = watch.interrupted()
        if kept is None:
            raise
        result, gap = kept, None
    if watch.message is not None:
        result.message = watch.message
    if watch.patience is not None and watch.best is not None:
        result.w, gap = watch.best, None  # the bound is not for these parameters
        result.value = path.objective.value(watch.best)
    elif watch.stopped or result.message == INTERRUPTED:
        result.value = path.objective.value(
            result.w
        )  # a stochastic solver has no value for all rows
    if watch.held_out is not None and not watch.curve:
        watch.curve.append(watch.held_out_loss(result.w))
    return result, gap
