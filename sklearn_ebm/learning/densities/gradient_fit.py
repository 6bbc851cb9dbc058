"""Learning of the parameters of an energy of continuous targets by gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np

from sklearn_ebm._utils.parameters import Array, Index, ParameterLayout, Params
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.threads import BlasThreads, Workers
from sklearn_ebm.energies.conditional import ConditionalEnergy
from sklearn_ebm.energies.free_form import FreeFormEnergy
from sklearn_ebm.energies.latent import LatentEnergy
from sklearn_ebm.energies.learned import LearnedEnergy, Schedule
from sklearn_ebm.inference.base import Elimination
from sklearn_ebm.learning.densities.ensemble import (
    GROUP,
    Division,
    HeldOutRows,
    unseen_rows,
    widened,
)
from sklearn_ebm.learning.densities.free_form import FreeFormObjective, held_out_pairs, slack_of
from sklearn_ebm.learning.densities.objective import DensityObjective
from sklearn_ebm.learning.densities.rows import relative
from sklearn_ebm.learning.densities.widths import HeldOutMixture
from sklearn_ebm.learning.learn import Start, continued
from sklearn_ebm.learning.monitor import INTERRUPTED, TrainingMonitor
from sklearn_ebm.learning.search import search
from sklearn_ebm.losses import LOSSES, Loss
from sklearn_ebm.losses.negatives.base import ModelNegatives, Negatives, RandomNegatives
from sklearn_ebm.losses.sampled import SAMPLED_LOSSES
from sklearn_ebm.losses.sampled.base import SampledLoss
from sklearn_ebm.solvers.adam import Adam
from sklearn_ebm.solvers.base import Problem, Solver

# The weight decay of the schedule decreases with the square of the number of rows above FEW_ROWS.
# Both were chosen on training rows of seven data sets.
FEW_ROWS, LARGEST_DECAY = 8_000, 1e100

# Smallest number of multiplications in a step for which BLAS uses several threads.
LARGE_BATCH = 1.5e7


def loss_name(loss: Loss | SampledLoss) -> str:
    """Return the name of a loss of either kind."""
    if isinstance(loss, SampledLoss):
        return SAMPLED_LOSSES.name_of(loss)
    return LOSSES.name_of(loss)


class Parts(NamedTuple):
    """Energy, loss, elimination of z, negatives (if the loss needs them) and solver.

    ``n_latents`` is the number of latent values for energies that are chosen automatically.
    """

    energy: ConditionalEnergy
    loss: Loss | SampledLoss
    latent: Elimination
    negatives: Negatives | None
    solver: Solver | None
    n_latents: int | None = None

    @property
    def likelihood(self) -> bool:
        """Whether a likelihood is maximised, or a bound or an estimate of it."""
        return self.negatives is None or self.loss.traits.needs_partition_function

    @property
    def loss_name(self) -> str:
        """Name of the loss."""
        return loss_name(self.loss)

    @property
    def minimum(self) -> bool:
        """Whether z is eliminated by its minimum."""
        return self.latent.takes_minimum


@dataclass
class LearnedDensity:
    """Result of learning.

    Attributes
    ----------
    energy : ConditionalEnergy
        The fitted energy.
    params : dict of str to ndarray
        Learned parameters, by name.
    n_iter : int
        Number of passes over the rows.
    curve : ndarray
        Mean loss after each pass.
    unseen : callable
        Function that returns held-out rows and their energies.
    held : HeldOutRows or None
        Held-out rows of the members.
    held_out_curve : list of float
        Mean loss of held-out rows after each pass.
    converged : bool
        Whether the stopping rule was met.
    message : str
        Why learning stopped.
    report : AutoReport or None
        Comparison of the candidates of ``energy="auto"``.
    n_restarts : int
        Number of times that learning diverged, and was resumed with half the learning rate.
    """

    energy: ConditionalEnergy
    params: Params
    n_iter: int
    curve: Array
    unseen: Callable[[], list[HeldOutMixture]]
    held: HeldOutRows | None
    held_out_curve: list[float]
    converged: bool
    message: str
    report: Any = None
    n_restarts: int = 0

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended it."""
        return self.message.startswith(INTERRUPTED)


def learn_density(
    parts: Parts,
    rows: Rows,
    *,
    C: float,
    tol: float,
    max_iter: int | None,
    start: Start | None,
    rng: np.random.RandomState,
    watch: TrainingMonitor,
    validation: Rows | None,
    divide: Division,
) -> LearnedDensity:
    """Minimise the mean loss over the parameters of an energy.

    Parameters
    ----------
    parts : Parts
        Energy, loss, inference, negatives and solver.
    rows : Rows
        Rows of positive weight.
    C : float
        Inverse strength of the weight decay.
    tol : float
        Tolerance of the solver.
    max_iter : int or None
        Number of passes over the rows; None is the default of the energy.
    start : Start or None
        An earlier fit to be continued, if its units are the same.
    rng : RandomState
        Source of random numbers.
    watch : TrainingMonitor
        Called after every pass; it may end learning.
    validation : Rows or None
        Held-out rows.
    divide : callable
        Function (n_rows, n_members, generator) that returns the training rows of each member, and
        its held-out rows or None.

    Returns
    -------
    LearnedDensity
        Energy, parameters, and how learning ended.
    """
    rows = relative(rows)
    validation = None if validation is None else relative(validation)
    energy, start = _prepared(parts.energy, rows, start, rng)
    kept, held_out = divide(len(rows.y), energy.n_members, rng)
    schedule = energy.schedule(len(rows.y))
    solver = parts.solver or _solver(schedule, C, len(rows.y))
    with _threads(energy, schedule, rows) as workers:
        training = _objective(parts, energy, rows, kept, workers).rounded()
        held = _held(rows, held_out, validation)
        if validation is None and held_out is not None:
            watch.held_out = training.on_rows(held_out)
        elif validation is not None:
            watch.held_out = _objective(parts, energy, *held.of_members(), workers).rounded()
        if isinstance(energy, FreeFormEnergy) and watch.held_out is not None:
            watch.slack = slack_of(len(watch.held_out.weight))
        params = start.params if start else energy.start(rows, rows.y.shape[1], rng)
        watch.energy, watch.params_of = energy, training.layout.unpack
        w = training.layout.pack(params)
        if start is not None:
            watch.begin(w)
        passes = schedule.passes if max_iter is None else max_iter
        problem = Problem(cast(Any, training), w, tol=tol, max_iter=passes, rng=rng)
        result = search(solver, problem, watch)
    if not np.isfinite(result.w).all():
        raise ValueError(
            f"Learning with loss {parts.loss_name!r} ended in energies that are not "
            "finite; scale features and answers, or lower the learning_rate of the solver."
        )
    kind = np.float32 if rows.X.dtype == np.float32 else np.float64
    found = training.layout.unpack(result.w)
    params = {name: part.astype(kind) for name, part in found.items()}
    # Validation rows that are only monitored must not change the result.
    uses_held_out = held_out is not None or watch.patience is not None
    quadratic = isinstance(energy, LatentEnergy)
    if uses_held_out and parts.likelihood and not parts.minimum and quadratic:
        energy = widened(energy, params, held)
    return LearnedDensity(
        energy=energy,
        params=params,
        n_iter=result.n_iter,
        curve=np.asarray(result.curve) / kept.shape[1],
        unseen=lambda: _unseen(energy, params, held),
        held=held,
        held_out_curve=watch.curve,
        converged=result.converged,
        message=result.message,
        n_restarts=result.n_restarts,
    )


def _prepared(
    energy: ConditionalEnergy, rows: Rows, start: Start | None, rng: np.random.RandomState
) -> tuple[Any, Start | None]:
    """Return the initialised energy, and the start if its parameters are valid for it."""
    assert isinstance(energy, LearnedEnergy)
    n_outputs = rows.y.shape[1]
    if start is not None:
        start = continued(start, energy, rows, n_outputs)
    if start is not None:
        known: Any = start.energy
        return known._widened(None) if isinstance(known, LatentEnergy) else known, start
    return energy.initialized(rows, n_outputs, rng), None


def _unseen(energy: Any, params: Params, held: HeldOutRows) -> list[Any]:
    """Held-out rows, with what their likelihood at any β needs."""
    if not isinstance(energy, FreeFormEnergy):
        return unseen_rows(energy, params, held, min(GROUP, energy.n_members))
    rows, places = held.of_members()
    return [held_out_pairs(energy, params, rows.take(places[0]))]


def _threads(energy: Any, schedule: Schedule, rows: Rows) -> BlasThreads | Workers:
    """Threads of BLAS for large products, else threads for blocks of rows."""
    size = ParameterLayout(energy.shapes(rows.X.shape[1], rows.y.shape[1])).size
    return BlasThreads() if schedule.batch_size * size >= LARGE_BATCH else Workers()


def _objective(
    parts: Parts, energy: Any, rows: Rows, places: Index, workers: BlasThreads | Workers
) -> DensityObjective:
    """The objective for the rows of each member."""
    if isinstance(energy, FreeFormEnergy) and isinstance(parts.loss, SampledLoss):
        assert isinstance(parts.negatives, ModelNegatives)
        return FreeFormObjective(
            energy, parts.loss, energy._standardize_rows(rows.X),
            energy._standardize_answers(rows.y), rows.weight, places, parts.negatives, workers.map,
        )  # fmt: skip
    assert isinstance(parts.loss, Loss)
    assert parts.negatives is None or isinstance(parts.negatives, RandomNegatives)
    return DensityObjective(
        energy, parts.loss, parts.latent, energy._standardize_rows(rows.X),
        energy._standardize_answers(rows.y), rows.weight, places, parts.negatives, workers.map,
    )  # fmt: skip


def _held(rows: Rows, left_out: Index | None, validation: Rows | None) -> HeldOutRows:
    """Held-out rows of the members; validation rows are left out by every member."""
    if validation is None:
        return HeldOutRows(rows, left_out, None)
    if left_out is None:
        return HeldOutRows(rows, None, validation)
    every = len(rows.y) + np.arange(len(validation.y))
    every = np.broadcast_to(every, (len(left_out), len(every)))
    return HeldOutRows(rows.joined(validation), np.hstack([every, left_out]), None)


def _solver(schedule: Schedule, C: float, n_rows: int) -> Adam:
    """Adam with the schedule of the energy, and weight decay proportional to 1/C."""
    decay = min(schedule.weight_decay / C, LARGEST_DECAY) * min((FEW_ROWS / n_rows) ** 2, 1.0)
    return Adam(
        learning_rate=schedule.learning_rate, batch_size=schedule.batch_size, weight_decay=decay
    )
