"""From an energy of continuous answers and data to parameters: rows of members, and the search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np

from sklearn_ebm._utils.parameters import Array, Index, ParameterLayout, Params
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.threads import BlasThreads, Workers
from sklearn_ebm.energies.conditional import ConditionalEnergy
from sklearn_ebm.energies.latent import LatentEnergy, Schedule
from sklearn_ebm.inference.base import Elimination
from sklearn_ebm.learning.densities.ensemble import (
    GROUP,
    Division,
    HeldOutRows,
    unseen_rows,
    widened,
)
from sklearn_ebm.learning.densities.objective import DensityObjective
from sklearn_ebm.learning.densities.rows import relative
from sklearn_ebm.learning.densities.widths import HeldOutMixture
from sklearn_ebm.learning.learn import Start, continued
from sklearn_ebm.learning.monitor import INTERRUPTED, TrainingMonitor
from sklearn_ebm.losses import LOSSES, Loss
from sklearn_ebm.losses.negatives.base import Negatives
from sklearn_ebm.solvers.adam import Adam
from sklearn_ebm.solvers.base import Problem, Result, Solver

# What C = 1 means: each step of length η takes the part η · DECAY/C of the weights, and less for
# more rows than these, by the square of their number. Found on training rows of seven data sets.
DECAY, FEW_ROWS, LARGEST_DECAY = 0.1, 8_000, 1e100

# From so many multiplications in a step on, its products are worth the threads of BLAS.
LARGE_BATCH = 1.5e7


class Parts(NamedTuple):
    """What learns: energy, loss, elimination of z, wrong answers if the loss needs them, solver.

    ``n_latents`` is what the user says of energies that are chosen when the rows are known.
    """

    energy: ConditionalEnergy
    loss: Loss
    latent: Elimination
    negatives: Negatives | None
    solver: Solver | None
    n_latents: int | None = None

    @property
    def likelihood(self) -> bool:
        """Whether the energy is normalised and pushed down, and no wrong answers are drawn."""
        return self.negatives is None

    @property
    def minimum(self) -> bool:
        """Whether z is eliminated by its minimum."""
        return self.latent.takes_minimum


@dataclass
class LearnedDensity:
    """What learning hands to the estimator.

    Attributes
    ----------
    energy : ConditionalEnergy
        As it was prepared for the rows.
    params : dict of str to ndarray
    n_iter : int
        Passes over the rows.
    curve : ndarray
        Mean loss after each pass.
    unseen : callable
        () -> rows that have not been learned from, and their energies.
    held : HeldOutRows or None
        Rows that members have not seen.
    held_out_curve : list of float
    converged : bool
    message : str
    report : AutoReport or None
        How ``energy="auto"`` chose.
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
    rows : Rows
        Of positive weight.
    C : float
        Inverse strength of the decay of the weights.
    tol : float
    max_iter : int or None
        Passes; None for what the energy suggests.
    start : Start or None
        Where an earlier fit ended; learning begins anew where that was in other units.
    rng : RandomState
    watch : TrainingMonitor
    validation : Rows or None
        Held-out rows.
    divide : callable
        (rows, members, generator) -> rows that each member learns from, and those that it leaves
        out or None.
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
        params = start.params if start else energy.start(rows, rows.y.shape[1], rng)
        watch.energy, watch.params_of = energy, training.layout.unpack
        w = training.layout.pack(params)
        if start is not None:
            watch.begin(w)
        passes = schedule.passes if max_iter is None else max_iter
        result = _search(solver, training, w, tol, passes, rng, watch)
    if not np.isfinite(result.w).all():
        raise ValueError(
            f"Learning with loss {LOSSES.name_of(parts.loss)!r} ended in energies that are not "
            "finite; scale features and answers, or lower the learning_rate of the solver."
        )
    kind = np.float32 if rows.X.dtype == np.float32 else np.float64
    found = training.layout.unpack(result.w)
    params = {name: part.astype(kind) for name, part in found.items()}
    # Rows that are watched and no more must not change what is learned.
    judged = held_out is not None or watch.patience is not None
    if judged and parts.likelihood and not parts.minimum:
        energy = widened(energy, params, held)
    return LearnedDensity(
        energy=energy,
        params=params,
        n_iter=result.n_iter,
        curve=np.asarray(result.curve) / kept.shape[1],
        unseen=lambda: unseen_rows(energy, params, held, min(GROUP, energy.n_members)),
        held=held,
        held_out_curve=watch.curve,
        converged=result.converged,
        message=result.message,
    )


def _prepared(
    energy: ConditionalEnergy, rows: Rows, start: Start | None, rng: np.random.RandomState
) -> tuple[Any, Start | None]:
    """The energy as it suits the rows; and the start, if its parameters mean the same for them."""
    assert isinstance(energy, LatentEnergy)
    n_outputs = rows.y.shape[1]
    if start is not None:
        start = continued(start, energy, rows, n_outputs)
    if start is not None:
        return cast(Any, start.energy)._widened(None), start
    return energy.initialized(rows, n_outputs, rng), None


def _threads(energy: Any, schedule: Schedule, rows: Rows) -> BlasThreads | Workers:
    """Threads of BLAS for large products, or blocks of rows side by side."""
    size = ParameterLayout(energy.shapes(rows.X.shape[1], rows.y.shape[1])).size
    return BlasThreads() if schedule.batch_size * size >= LARGE_BATCH else Workers()


def _objective(
    parts: Parts, energy: Any, rows: Rows, places: Index, workers: BlasThreads | Workers
) -> DensityObjective:
    """The mean loss of rows, of which each member has those at its places."""
    return DensityObjective(
        energy, parts.loss, parts.latent, energy._standardize_rows(rows.X),
        energy._standardize_answers(rows.y), rows.weight, places, parts.negatives, workers.map,
    )  # fmt: skip


def _held(rows: Rows, left_out: Index | None, validation: Rows | None) -> HeldOutRows:
    """Rows that members have not seen; those that none has are left out by each of them."""
    if validation is None:
        return HeldOutRows(rows, left_out, None)
    if left_out is None:
        return HeldOutRows(rows, None, validation)
    every = len(rows.y) + np.arange(len(validation.y))
    every = np.broadcast_to(every, (len(left_out), len(every)))
    return HeldOutRows(rows.joined(validation), np.hstack([every, left_out]), None)


def _solver(schedule: Schedule, C: float, n_rows: int) -> Adam:
    """Adam with the steps that suit the energy, and weights that decay by 1/C."""
    decay = min(DECAY / C, LARGEST_DECAY) * min((FEW_ROWS / n_rows) ** 2, 1.0)
    return Adam(
        learning_rate=schedule.learning_rate, batch_size=schedule.batch_size, weight_decay=decay
    )


def _search(
    solver: Solver,
    objective: Any,
    w: Array,
    tol: float,
    passes: int,
    rng: np.random.RandomState,
    watch: TrainingMonitor,
) -> Result:
    """The solver's answer, or the best one for rows held out, or where it was interrupted."""
    try:
        result = solver.minimize(
            Problem(objective, w, tol=tol, max_iter=passes, rng=rng, monitor=watch)
        )
    except KeyboardInterrupt:
        kept = watch.interrupted()
        if kept is None:
            raise
        result = kept
    if watch.message is not None:
        result.message = watch.message
    if watch.patience is not None and watch.best is not None:
        result.w = watch.best
        # The best of a schedule that was followed to where it no longer helps.
        result.converged = result.converged or watch.stopped
    return result
