"""From parts and data to parameters: which solver, along which path, and how good the answer is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sklearn_ebm._utils.arrays import none_but, row_slices, same, take_rows
from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm.energies import Energy
from sklearn_ebm.energies._linear.antisymmetric import Antisymmetric
from sklearn_ebm.learning.compatibility import default_solver
from sklearn_ebm.learning.monitor import INTERRUPTED, Watch
from sklearn_ebm.learning.starts import Liblinear, separating_start
from sklearn_ebm.learning.temperature_path import Path
from sklearn_ebm.losses import LOSSES, Loss
from sklearn_ebm.losses._among import Among
from sklearn_ebm.solvers import SOLVERS, Solver
from sklearn_ebm.solvers.base import Result
from sklearn_ebm.solvers.objective import Objective

# A float32 twin of the rows is made for data of this many numbers, at least and at most: below, it
# does not pay; above, half of X is too much to ask.
TWIN_SMALLEST, TWIN_LARGEST = 2**16, 2**27

# The first steps of a stream, where the user names no solver for mini-batches: of energies linear
# in what they learn, which have one minimum, and of all others.
LINEAR_STREAM_RATE, STREAM_RATE = 0.1, 0.03

# Weights within this factor of their mean are safe in float32.
TWIN_WEIGHTS = 1e12


class Rows(NamedTuple):
    """What learning sees of the data: features, the number of each row's class, weights."""

    X: Any
    answer: npt.NDArray[np.intp]
    weight: npt.NDArray[np.float64]


class Start(NamedTuple):
    """Where learning goes on: an energy that is prepared already, and its parameters.

    The seed is that of the generator with which the energy was prepared.
    """

    energy: Energy
    params: Params
    seed: int = 0


def continued(
    start: Start,
    energy: Any,
    X: Any,
    y: Any,
    weight: npt.NDArray[np.float64],
    n_answers: int,
) -> Start | None:
    """The start, if its parameters mean the same for these rows; else None.

    The energy is prepared for the rows as it was for those before: landmarks, first prototypes and
    units are always those of the rows that are learnt from. Where they come out otherwise, the
    parameters belong to another energy.

    Parameters
    ----------
    start : Start
    energy : Energy or LatentEnergy
        As the user gave it, not prepared.
    X, y, weight, n_answers
        What `Energy.prepared` takes.
    """
    again = energy.prepared(X, y, weight, n_answers, np.random.RandomState(start.seed))
    return start if same(again.moulded(), start.energy.moulded()) else None


@dataclass
class Learned:
    """What learning hands to an estimator.

    Attributes
    ----------
    energy : Energy
        The energy as it was prepared for the rows.
    params : dict of str to ndarray
    seen : ndarray of bool of shape (k,)
        The answers that rows have.
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
    held_out_curve : list of float
        Mean loss of held-out rows after each iteration; empty where there are none.
    stopped : bool
        Whether somebody asked to stop, by Ctrl-C or otherwise.
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
        """Where another fit can go on."""
        return Start(self.energy, self.params)

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended it."""
        return self.message.startswith(INTERRUPTED)

    def energies(self, X: Any) -> Array:
        """Energies of rows, (n, k); infinite for answers that no row had."""
        return none_but(self.seen, self.energy.linearize(self.params, X).energies)

    def fitted_attributes(self) -> dict[str, Array]:
        """Public attributes that the energy gives to the fitted estimator."""
        return self.energy.fitted_attributes(self.params, len(self.seen))


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
    watch: Watch | None = None,
    held_out: Rows | None = None,
) -> Learned:
    """Minimise Σᵢ wᵢ ℓᵢ + ‖W‖²/(2C) over the parameters of an energy.

    Answers that no row has are left where they start: the loss does not look at them.
    """
    seen = seen_answers(y, n_answers)
    among = Among.of(loss, seen)
    automatic = solver is None
    solver = solver or default_solver(energy, loss)
    with Workers() as workers:
        if start is None:
            energy = energy.prepared(X, y, weight, n_answers, rng)
        else:
            energy = start.energy.resumed()
        # What never moves is computed once: F(x, y) = F'(φ(x), y).
        represent, inner = energy.factored() or (None, energy)
        rows = _represented(X, represent, workers.map)
        params = start.params if start else inner.start(rows, y, weight, n_answers, rng)
        if seen.sum() == 1:
            return _of_one_answer(energy, params, seen, X.dtype)
        # In units of the mean weight, neither weights nor sums over rows leave the range of floats.
        unit = float(weight.mean())
        # 0 for C = inf, and for an online rule, whose penalised minimum is zero.
        penalty = 0.0 if loss.online else _penalty(energy, n_answers, C) / unit
        share = weight if unit == 1 else weight / unit
        objective = Objective(inner, among, rows, y, share, n_answers, penalty, workers.map)
        conditioned: Any = inner.conditioned(rows, share) if solver.conditions else None
        warm, near = start is not None, False
        if conditioned is not None:
            if n_answers == 2 and not loss.pinned:
                conditioned = Antisymmetric(conditioned)
            objective = _conditioned(objective, conditioned)
            params = conditioned.from_params(params)

        def energy_params(w: Array) -> Params:
            params = objective.layout.unpack(w)
            params = params if conditioned is None else conditioned.to_params(params)
            return params if loss.pinned else inner.centered(params)

        watch = watch or Watch()
        watch.energy, watch.params_of = energy, energy_params
        if held_out is not None:
            held_out_rows = _represented(held_out.X, represent, workers.map)
            watch.held_out = Objective(
                inner, among, held_out_rows, held_out.answer, held_out.weight, n_answers, 0.0,
                workers.map,
            )  # fmt: skip
        limit = solver.iterations_for(objective) if max_iter is None else max_iter
        path = Path(objective, solver, tol, limit, rng, watch)
        w = objective.layout.pack(params)
        if warm:
            watch.begin(w)
        if conditioned is not None and automatic and not warm and limit:
            liblinear = Liblinear(objective, conditioned.fit_intercept, C * unit, tol)

            def consult() -> Array:
                return _consult(liblinear, path, conditioned)

            separating = separating_start(objective, conditioned, C * unit)
            if separating is not None:
                w = separating
            elif liblinear.starts:
                w, near = consult(), True
            elif liblinear.suits:
                path.rescue = lambda value: consult() if liblinear.rescues(value) else None
        if warm and not np.isfinite(objective.value(w)):
            warm, w = False, np.zeros_like(w)  # made for rows of quite another size
        result, gap = _follow(path, w, warm=warm, near=near)
    if not np.isfinite(result.w).all() or not np.isfinite(result.value):
        raise ValueError(_not_finite(loss, X))
    return Learned(
        energy=energy,
        params=_in_dtype(energy_params(result.w), X.dtype),
        seen=seen,
        n_iter=result.n_iter,
        n_evaluations=result.n_evaluations,
        curve=np.asarray(result.curve) * unit,
        value=result.value * unit,
        gap=gap,
        converged=result.converged,
        message=result.message,
        held_out_curve=watch.curve,
        stopped=watch.stopped or result.message == INTERRUPTED,
    )


def seen_answers(y: npt.NDArray[np.intp], n_answers: int) -> npt.NDArray[np.bool_]:
    """Whether some row has an answer, for each of them, (k,)."""
    return np.bincount(y, minlength=n_answers) > 0


def _of_one_answer(
    energy: Energy, params: Params, seen: npt.NDArray[np.bool_], dtype: Any
) -> Learned:
    """Rows of one answer leave nothing to be told apart: the start is the end."""
    return Learned(
        energy, _in_dtype(params, dtype), seen, n_iter=0, n_evaluations=0, curve=np.empty(0),
        value=0.0, gap=None, converged=True, message="rows of one class leave nothing to learn",
        held_out_curve=[], stopped=False,
    )  # fmt: skip


def _in_dtype(params: Params, dtype: Any) -> Params:
    return {name: part.astype(dtype) for name, part in params.items()}


class Stream(NamedTuple):
    """What passes over parts of the data have learnt so far.

    Attributes
    ----------
    energy : Energy
        As it was prepared for the first part.
    params : dict of str to ndarray
    memory : object
        What the solver keeps from one pass to the next.
    unit : float
        The mean weight of the first part: weights of all parts are measured in it.
    weight : float
        Sum of the weights of all rows so far.
    parts : int
        How many parts there were.
    """

    energy: Energy
    params: Params
    memory: object
    unit: float
    weight: float
    parts: int


def learn_part(
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
    rng: np.random.RandomState,
    stream: Stream | None,
    among: npt.NDArray[np.bool_],
) -> Stream:
    """One pass over some rows of a stream, from where the parts before it, or a fit, ended.

    Steps follow the gradient of the mean over rows of w ℓ plus ‖W‖²/(2C) shared out over the weight
    of all rows so far. The loss looks at the answers `among` those that rows had so far, (k,).
    """
    if stream is None:
        energy = energy.prepared(X, y, weight, n_answers, rng)
        start = energy.start(X, y, weight, n_answers, rng)
        stream = Stream(energy, start, None, float(weight.mean()), 0.0, 0)
    energy, params, memory, unit, seen, parts = stream
    energy = energy.resumed()
    total = seen + float(weight.sum())
    if among.sum() == 1:  # there is nothing to be told apart
        return Stream(energy, _in_dtype(params, X.dtype), memory, unit, total, parts + 1)
    # A solver divides the penalty by the number of rows in this part.
    penalty = 0.0 if loss.online else _penalty(energy, n_answers, C) * len(weight) / total
    represent, inner = energy.factored() or (None, energy)
    if solver is not None and (solver.stochastic or solver.online):
        solver = solver.of_streams()
    else:
        solver = SOLVERS["averaged"]() if loss.online else _steps_of_streams(inner, len(weight))
    rows = _represented(X, represent)
    objective = Objective(inner, Among.of(loss, among), rows, y, weight / unit, n_answers, penalty)
    w = objective.layout.pack(params)
    if memory is None and not parts:  # a new start, or the rows of a fit
        memory = solver.remembered(w, round(seen / unit))
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
        result = solver.minimize(objective, w, tol=tol, max_iter=1, rng=rng, memory=memory)
    if not (np.isfinite(result.w).all() and np.isfinite(result.value)):
        raise ValueError(_not_finite(loss, X))
    params = _in_dtype(objective.layout.unpack(result.w), X.dtype)
    return Stream(energy, params, result.memory, unit, total, parts + 1)


def _steps_of_streams(energy: Energy, n_rows: int) -> Solver:
    """Return Adam for a part of a stream, where the user names no solver for mini-batches.

    A part of n rows makes √n steps on √n rows each: steps of a fixed number of rows would be too
    few in small parts and too many in large ones. They are long at first, so that a short stream
    gets anywhere, and shorter with the root of their number, so that a long one comes to rest.
    """
    rate = LINEAR_STREAM_RATE if energy.linear else STREAM_RATE
    return SOLVERS["adam"](
        learning_rate=rate, batch_size=math.ceil(math.sqrt(n_rows)), schedule="root"
    )


def _penalty(energy: Energy, n_answers: int, C: float) -> float:
    """λ. Where each of two answers has a template it counts twice.

    So C means the same as in scikit-learn's binary estimators, which store one vector where such an
    energy has two.
    """
    return (2.0 if n_answers == 2 and energy.two_templates else 1.0) / C


def _not_finite(loss: Loss, X: Any) -> str:
    return (
        f"Learning with loss {LOSSES.name_of(loss)!r} ended in energies that are not finite "
        f"in {X.dtype}; scale the features (StandardScaler) or the weights."
    )


def _represented(
    X: Any, represent: Callable[[Any], Any] | None, workers: Callable[..., Any] = map
) -> Any:
    """φ of all rows; blocks of them are shared out among threads."""
    if represent is None:
        return X
    first = represent(take_rows(X, slice(0, 1)))
    if sparse.issparse(first):
        return represent(X)
    rows = np.empty((X.shape[0], first.shape[1]), dtype=first.dtype)

    def fill(part: slice) -> None:
        rows[part] = represent(take_rows(X, part))

    list(workers(fill, row_slices(X.shape[0], first.shape[1])))
    return rows


def _consult(liblinear: Liblinear, path: Path, conditioned: Any) -> Array:
    """Fits by liblinear, until one closes the gap or the next would not be worth it."""
    while True:
        found = liblinear.start()
        w = path.objective.layout.pack(conditioned.from_params(found.params))
        if path.consider(w, found.slopes) or not liblinear.tighten(*path.standing):
            return w


def _follow(path: Path, w: Array, *, warm: bool, near: bool) -> tuple[Result, float | None]:
    """Follow a path to its end, or to where it is stopped; the result and its certified gap."""
    watch, gap = path.watch, None
    # Steps on mini-batches take a loss that is not convex as it is.
    surrogate = None if path.solver.stochastic else path.loss.surrogate()
    try:
        if surrogate is not None:
            easier = path.with_loss(surrogate).minimize(w)
            w, path.total = easier.w, replace(easier, memory=None, value=np.inf, converged=False)
            result = easier
        if not watch.stopped:
            result, gap = path.minimize(w, warm=warm, near=near), path.gap
    except KeyboardInterrupt:
        kept = watch.interrupted()
        if kept is None:
            raise
        result, gap = kept, None
    if watch.message is not None:
        result.message = watch.message
    if watch.patience is not None and watch.best is not None:
        result.w, gap = watch.best, None  # a bound on the minimum says nothing of these
        result.value = path.objective.value(watch.best)
    elif watch.stopped or result.message == INTERRUPTED:
        result.value = path.objective.value(result.w)  # steps on batches have not seen all rows
    if watch.held_out is not None and not watch.curve:
        watch.curve.append(watch.held_out_loss(result.w))
    return result, gap


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


def _is_mapped(X: Any) -> bool:
    """Whether an array is a view of a file."""
    while X is not None:
        if isinstance(X, np.memmap):
            return True
        X = getattr(X, "base", None)
    return False
