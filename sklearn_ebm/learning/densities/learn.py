"""Learning of energies of continuous targets, by gradients or by density stacking."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from functools import partial

import numpy as np

from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.distributions._numerics.signed_log import SignedLog
from sklearn_ebm.energies._bank.folds import FitProgress, has_levels, together
from sklearn_ebm.energies.banks import BankEnergy
from sklearn_ebm.energies.blend import Blend
from sklearn_ebm.energies.latent import LatentEnergy
from sklearn_ebm.learning.densities.auto import TimeBudget, chosen_candidate, suitable_members
from sklearn_ebm.learning.densities.ensemble import Division, member_rows
from sklearn_ebm.learning.densities.gradient_fit import LearnedDensity, Parts, learn_density
from sklearn_ebm.learning.densities.stacking import stack_densities
from sklearn_ebm.learning.densities.transforms import mean_log_slope
from sklearn_ebm.learning.learn import Start
from sklearn_ebm.learning.monitor import TrainingMonitor


def learn_energy(
    parts: Parts,
    rows: Rows,
    *,
    transform: SignedLog | None,
    C: float,
    tol: float,
    max_iter: int | None,
    start: Start | None,
    seed: int,
    watch: TrainingMonitor,
    progress: FitProgress,
    validation: Rows | None,
    fraction: float | None,
    time_budget: float | None,
) -> LearnedDensity:
    """Learn an energy by gradients or by density stacking.

    Parameters
    ----------
    parts : Parts
        Energy, loss, inference, negatives and solver.
    rows : Rows
        Rows of positive weight, with transformed answers.
    transform : SignedLog or None
        The transformation; reports refer to the original answers.
    C, tol, max_iter, start, validation
        See `learn_density`.
    seed : int
        Seed of random numbers.
    watch : TrainingMonitor
        Monitor of learning by gradients.
    progress : FitProgress
        Callbacks of density stacking.
    fraction : float or None
        Fraction of the rows that each ensemble member leaves out if there is no `validation`; None
        leaves out no rows.
    time_budget : float or None
        Approximate time limit, in seconds.

    Returns
    -------
    LearnedDensity
        Energy, parameters, and how learning ended.
    """
    rng = np.random.RandomState(seed)
    budget = TimeBudget(time_budget, len(rows.y), progress)
    by_gradients = partial(learn_density, C=C, tol=tol, max_iter=max_iter)
    if not parts.energy.traits.stacked:
        watch.callbacks = (*watch.callbacks, budget.stops)
        return by_gradients(
            parts, rows, start=start, rng=rng, watch=watch, validation=validation,
            divide=partial(member_rows, fraction=fraction, group=together(rows.X)),
        )  # fmt: skip
    assert isinstance(parts.energy, BankEnergy)

    def member(
        energy: LatentEnergy, rows: Rows, divide: Division, rng: np.random.RandomState
    ) -> LearnedDensity:
        return by_gradients(
            parts._replace(energy=energy), rows, start=None, rng=rng,
            watch=TrainingMonitor((budget.stops,), watch.patience), validation=None, divide=divide,
        )  # fmt: skip

    energy = parts.energy
    automatic = isinstance(energy, Blend) and energy.members == "auto"
    if isinstance(energy, Blend) and automatic:
        energy = copy(energy)
        energy.members = suitable_members(
            rows.y.shape[1], parts.n_latents, levels=has_levels(rows.X)
        )
    stacked = stack_densities(
        energy, rows, rng=rng, progress=budget, gradients=member, validation=validation
    )
    if not automatic:
        return stacked.concluded()
    assert isinstance(stacked.energy, Blend)
    places, report = chosen_candidate(
        stacked.energy, stacked.held_out_densities, stacked.groups, budget.skipped
    )
    assert stacked.energy._units is not None
    lacking = mean_log_slope(stacked.validation_rows, stacked.energy._units, transform)
    report = report._replace(held_out_nll=report.held_out_nll - lacking)
    return replace(stacked.concluded(places), report=report)
