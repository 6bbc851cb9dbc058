"""Checks of energies of continuous answers that are learned by gradients."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import clone

from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.checks.base import PART_CHECKS, demand, demand_close, settings
from sklearn_ebm.energies.latent import LatentEnergy
from sklearn_ebm.inference import Minimum, SoftMinimum

# Numbers of target columns, and numbers of rows, columns and candidates.
OUTPUTS = (1, 2, 3)
ROWS, COLUMNS, CANDIDATES = 11, 3, 4

Case = tuple[LatentEnergy, Array, Array, Params]


def check_latent_energy(energy: LatentEnergy) -> None:
    """Check that an energy meets the requirements of `sklearn_ebm.energies.latent.LatentEnergy`.

    The energy is checked with its own settings and with each of its `examples`, for 1, 2 and 3
    answers, at random parameters, in float64 and float32.

    Parameters
    ----------
    energy : LatentEnergy
        The energy to check.

    Raises
    ------
    AssertionError
        At the first violated requirement; the message states the energy, the
        requirement and the observed values.

    Examples
    --------
    >>> from sklearn_ebm.checks.latent_energies import check_latent_energy
    >>> from sklearn_ebm.energies import Experts
    >>> check_latent_energy(Experts(n_latents=2, hidden_layer_sizes=(4,), n_members=2))
    """
    inherits = isinstance(energy, LatentEnergy)
    demand(inherits, energy, "an energy must inherit from LatentEnergy", "it does not")
    for check_part in PART_CHECKS:
        check_part(energy)
    for setting in settings(energy):
        for case in latent_energy_cases(setting):
            for check in LATENT_ENERGY_CHECKS:
                check(*case)


def latent_energy_cases(energy: LatentEnergy) -> Iterator[Case]:
    """Yield initialized energies, rows and answers of different sizes, candidates, parameters."""
    for n_outputs in OUTPUTS:
        rng = np.random.RandomState(n_outputs)
        X = rng.normal(size=(ROWS, COLUMNS)) * [0.3, 1.0, 5.0] + [0.0, 1.0, 20.0]
        y = rng.normal(size=(ROWS, n_outputs)) * (1 + np.arange(n_outputs)) - 3.0
        weight: Any = rng.uniform(0.5, 2, size=ROWS)
        answers: Any = y
        initialized: Any = energy.initialized(Rows(X, answers, weight), n_outputs, rng)
        candidates = y[:, None] + rng.normal(size=(ROWS, CANDIDATES, n_outputs))
        shapes = initialized.shapes(COLUMNS, n_outputs)
        params: Params = {name: 0.5 * rng.normal(size=shape) for name, shape in shapes.items()}
        yield initialized, X, candidates, params


def _members(
    energy: LatentEnergy, X: Array, candidates: Array, params: Params, dtype: Any = np.float64
) -> tuple[Any, Array]:
    """Linearization for standardised rows and answers, and random slopes."""
    narrow: Params = {name: value.astype(dtype) for name, value in params.items()}
    rows = energy._standardize_rows(X)[None].astype(dtype)
    answers = energy._standardize_answers(candidates)[None].astype(dtype)
    line = energy.linearize_members(narrow, rows, answers)
    return line, np.random.RandomState(8).normal(size=line.energies.shape).astype(dtype)


def check_latent_start(energy: LatentEnergy, X: Array, candidates: Array, params: Params) -> None:
    """`start` returns finite parameters with the right shapes; `penalized` names some of them."""
    answers: Any = candidates[:, 0]
    n_outputs = answers.shape[1]
    shapes = dict(energy.shapes(X.shape[1], n_outputs))
    rng = np.random.RandomState(0)
    start = energy.start(Rows(X, answers, np.ones(len(X))), n_outputs, rng)
    found = {name: np.shape(value) for name, value in start.items()}
    demand(found == shapes, energy, f"start must give parameters of shapes {shapes}", f"{found}")
    finite = all(np.isfinite(value).all() for value in start.values())
    demand(finite, energy, "start must give finite parameters", "it does not")
    wrong = {name: shape for name, shape in shapes.items() if shape[:1] != (energy.n_members,)}
    demand(not wrong, energy, "the members must be the first axis of parameters", f"{wrong}")
    unknown = sorted(set(energy.penalized) - set(shapes))
    promise = "penalized must name parameters"
    demand(not unknown, energy, promise, f"there is no {', '.join(unknown)}")
    for n_rows in (1, 100, 10**7):
        schedule = energy.schedule(n_rows)
        kept = min(schedule) > 0 and isinstance(schedule.batch_size + schedule.passes, int)
        promise = "a schedule must be a rate, a batch size and passes, all positive"
        demand(kept, energy, promise, f"for {n_rows} rows it is {schedule}")


def check_latent_energies(
    energy: LatentEnergy, X: Array, candidates: Array, params: Params
) -> None:
    """Energies (M, n, m, z) have the dtype of the rows and are finite; inputs do not change."""
    rounded: Params = {
        name: value.astype(np.float32).astype(np.float64) for name, value in params.items()
    }
    wide, _ = _members(energy, X, candidates, rounded)
    for dtype in (np.float64, np.float32):
        line, slope = _members(energy, X, candidates, rounded, dtype)
        expected = (energy.n_members, len(X), candidates.shape[1])
        found = f"it has shape {line.energies.shape} and dtype {line.energies.dtype}"
        kept = line.energies.shape[:-1] == expected and line.energies.dtype == dtype
        demand(kept, energy, f"energies must be of shape {(*expected, 'z')} and {dtype}", found)
        demand(np.isfinite(line.energies).all(), energy, "energies must be finite", "they are not")
        kinds = {str(value.dtype) for value in line.pullback(slope).values()}
        promise = f"the pullback must stay in {np.dtype(dtype)}"
        demand(kinds == {str(np.dtype(dtype))}, energy, promise, f"there is {sorted(kinds)}")
    size = 1.0 + np.abs(wide.energies)
    promise = "float32 must give what float64 gives, but for rounding"
    demand_close(line.energies, wide.energies, size, energy, promise, "of an energy", 1e-3)
    rows, answers = energy._standardize_rows(X)[None], energy._standardize_answers(candidates)[None]
    before = [part.copy() for part in (rows, answers, *params.values())]
    whole = energy.linearize_members(params, rows, answers)
    whole.pullback(np.ones_like(whole.energies))
    same = all(map(np.array_equal, before, (rows, answers, *params.values())))
    demand(same, energy, "linearize_members must leave its inputs as they are", "it writes on them")


def check_latent_pullback_into(
    energy: LatentEnergy, X: Array, candidates: Array, params: Params
) -> None:
    """`pullback_into` writes what `pullback` returns."""
    line, slope = _members(energy, X, candidates, params)
    if line.pullback_into is None:
        return
    into: Params = {name: np.full_like(value, np.nan) for name, value in params.items()}
    line.pullback_into(slope, into)
    for name, value in line.pullback(slope).items():
        size = 1.0 + np.abs(value).max()
        promise = "pullback_into must write what pullback gives"
        demand_close(into[name], value, size, energy, promise, f"of {name}")


def check_latent_pullback(
    energy: LatentEnergy, X: Array, candidates: Array, params: Params
) -> None:
    """The pullback is the derivative of ⟨dG, energies⟩ in random directions."""
    line, slope = _members(energy, X, candidates, params)
    gradient, step = line.pullback(slope), 1e-6
    size = 1.0 + np.abs(slope * line.energies).sum()
    for name, value in params.items():
        for seed in range(3):
            direction = np.random.RandomState(seed).normal(size=value.shape)
            direction /= np.linalg.norm(direction)
            energies = [
                _members(energy, X, candidates, {**params, name: value + sign * direction})[0]
                for sign in (step, -step)
            ]
            change = energies[0].energies - energies[1].energies
            difference = float(np.vdot(slope, change)) / (2 * step)
            found = float(np.vdot(gradient[name], direction))
            promise = "the pullback must be the derivative of the energies in the parameters"
            where = f"along {name} the pullback is the first, central differences second:"
            demand_close(found, difference, size, energy, promise, where, 1e-6)


def check_latent_rows(energy: LatentEnergy, X: Array, candidates: Array, params: Params) -> None:
    """Energies of a row do not depend on other rows; the pullback sums over rows."""
    line, slope = _members(energy, X, candidates, params)
    order = np.random.RandomState(2).permutation(len(X))
    parts = np.array_split(order, 3)
    blocks = [_members(energy, X[rows], candidates[rows], params)[0] for rows in parts]
    mine = np.concatenate([block.energies for block in blocks], axis=1)
    size = 1.0 + np.abs(line.energies).max()
    promise = "rows must be independent, so that blocks in another order give the same"
    demand_close(mine, line.energies[:, order], size, energy, promise, "of an energy")
    turned = _members(energy, X, candidates[:, ::-1], params)[0].energies
    promise = "candidates must be independent of each other"
    demand_close(turned[:, :, ::-1], line.energies, size, energy, promise, "of an energy")
    pieces = [block.pullback(slope[:, rows]) for block, rows in zip(blocks, parts, strict=True)]
    for name, whole in line.pullback(slope).items():
        total = sum(piece[name] for piece in pieces)
        promise = f"the pullback must be a sum over rows, in {name} too"
        demand_close(total, whole, 1.0 + np.abs(whole).max(), energy, promise, "of a sum")


def check_parabolas(energy: LatentEnergy, X: Array, candidates: Array, params: Params) -> None:
    """Energies are level + ½ ‖L⁻¹(y − μ)‖²; if normalized, ∫ Σ_z exp(−G) dy = 1."""
    line, _ = _members(energy, X, candidates, params)
    n_outputs = candidates.shape[2]
    answers = energy._standardize_answers(candidates)
    for members in (None, [energy.n_members - 1]):
        levels, means, factors = energy._unwidened(params, X, members)
        residual = answers[:, :, None] - means[:, None]
        unit = np.linalg.solve(factors[:, None], residual[..., None])[..., 0]
        found = levels[:, None] + 0.5 * np.square(unit).sum(axis=-1)
        energies = line.energies if members is None else line.energies[members]
        expected = energies.transpose(1, 2, 0, 3).reshape(found.shape)
        size = 1.0 + np.abs(expected)
        promise = "energies must be the parabolas of `parabolas_of_members`"
        demand_close(found, expected, size, energy, promise, "of an energy", 1e-7)
        if energy.traits.normalized:
            volume = np.diagonal(factors, axis1=-2, axis2=-1).prod(axis=-1)
            mass = np.exp(-levels) * volume * (2 * np.pi) ** (0.5 * n_outputs)
            n_members = energy.n_members if members is None else 1
            promise = "its traits have normalized = True, so ∫ Σ_z exp(−G) dy must be 1"
            total = mass.sum(axis=1) / n_members
            demand_close(total, 1.0, 1.0, energy, promise, "of both numbers", 1e-7)


def check_gibbs_law(energy: LatentEnergy, X: Array, candidates: Array, params: Params) -> None:
    """`distribution` is the Gibbs distribution of the free energy, or of the minimum over z."""
    line, _ = _members(energy, X, candidates, params)
    # The member is another latent variable, (n, m, M·z).
    latent = line.energies.transpose(1, 2, 0, 3).reshape(*candidates.shape[:2], -1)
    answers = candidates[..., 0] if candidates.shape[2] == 1 else candidates
    for beta in (1.0, 2.0):
        for minimum in (False, True):
            distribution = energy.distribution(params, X, beta, minimum=minimum)
            free = (Minimum() if minimum else SoftMinimum(beta))(latent).energies
            found = np.diff(distribution.log_prob(answers), axis=1)
            expected = -beta * np.diff(free, axis=1)
            size = 1.0 + beta * np.abs(free).max(axis=1, keepdims=True)
            promise = "log p(y) − log p(y') must be −β (F(y) − F(y'))"
            where = f"at β = {beta:g} with minimum={minimum}"
            demand_close(found, expected, size, energy, promise, where, 1e-7)


def check_latent_noise(energy: LatentEnergy, X: Array, candidates: Array, params: Params) -> None:
    """The copy of `_for_step` has reproducible noise; the energy itself has no noise."""
    copy: Any = energy._for_step(np.random.RandomState(3))
    one, other = (_members(copy, X, candidates, params)[0].energies for _ in range(2))
    promise = "the copy that `_for_step` returns must draw the same noise each time"
    demand_close(one, other, 1.0, energy, promise, "of an energy", 0.0)
    one, other = (_members(energy, X, candidates, params)[0].energies for _ in range(2))
    promise = "an energy must not change when `_for_step` has made a copy"
    demand_close(one, other, 1.0, energy, promise, "of an energy", 0.0)


def check_prepared_copies(
    energy: LatentEnergy, X: Array, candidates: Array, params: Params
) -> None:
    """Clones and pickled copies of an initialized energy give the same energies."""
    mine = _members(energy, X, candidates, params)[0].energies
    for how, other in (("clone", clone(energy)), ("pickle", pickle.loads(pickle.dumps(energy)))):
        found = _members(other, X, candidates, params)[0].energies
        promise = f"a {how} of the prepared energy must give the same energies"
        demand_close(found, mine, 1.0, energy, promise, "of an energy", 0.0)


LATENT_ENERGY_CHECKS = (
    check_latent_start,
    check_latent_energies,
    check_latent_pullback_into,
    check_latent_pullback,
    check_latent_rows,
    check_parabolas,
    check_gibbs_law,
    check_latent_noise,
    check_prepared_copies,
)
