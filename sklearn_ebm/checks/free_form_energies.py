"""Checks of energies of any form."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.integrate import trapezoid
from sklearn.base import clone

from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.checks.base import PART_CHECKS, demand, demand_close, settings
from sklearn_ebm.distributions.scalar import ScalarDistribution
from sklearn_ebm.energies.base import Linearization
from sklearn_ebm.energies.free_form import FreeFormEnergy
from sklearn_ebm.exceptions import SamplingWarning

# Numbers of target columns, and numbers of samples, features and answers of each sample.
OUTPUTS = (1, 2, 3)
ROWS, COLUMNS, CANDIDATES = 9, 3, 4

# Half the distance of the points of a central difference, and its tolerance.
STEP, DIFFERENCE_TOL = 1e-6, 1e-6

# Tolerance of log-densities, which are interpolated for one output.
DENSITY_TOL = 1e-4

# Probability of each tail beyond the grid of a density.
OUTSIDE = 1e-6

# Number of draws of a proposal, and how far from it a mean may be, in standard errors.
DRAWS, ERRORS = 4_000, 6.0

Case = tuple[FreeFormEnergy, Array, Array, Params]


def check_free_form_energy(energy: FreeFormEnergy) -> None:
    """Check that an energy meets the requirements of `sklearn_ebm.energies.FreeFormEnergy`.

    The energy is checked with its own settings and with each of its `examples`, for 1, 2 and 3
    outputs and 3 features, at random parameters, in float64 and float32.

    Parameters
    ----------
    energy : FreeFormEnergy
        The energy to check.

    Raises
    ------
    AssertionError
        At the first violated requirement; the message states the energy, the
        requirement and the observed values.

    Examples
    --------
    >>> from sklearn_ebm.checks.free_form_energies import check_free_form_energy
    >>> from sklearn_ebm.energies import Joint
    >>> check_free_form_energy(Joint(hidden_layer_sizes=3))
    """
    inherits = isinstance(energy, FreeFormEnergy)
    demand(inherits, energy, "an energy must inherit from FreeFormEnergy", "it does not")
    for check_part in PART_CHECKS:
        check_part(energy)
    for setting in settings(energy):
        for case in free_form_cases(setting):
            for check in FREE_FORM_CHECKS:
                check(*case)


def free_form_cases(energy: FreeFormEnergy) -> Iterator[Case]:
    """Yield initialised energies, samples, answers of each sample, and random parameters."""
    for n_outputs in OUTPUTS:
        rng = np.random.RandomState(n_outputs)
        X = rng.normal(size=(ROWS, COLUMNS)) * [0.3, 1.0, 5.0] + [0.0, 1.0, 20.0]
        y = rng.normal(size=(ROWS, n_outputs)) * (1 + np.arange(n_outputs)) - 3.0
        answers: Any = y
        weight: Any = rng.uniform(0.5, 2, size=ROWS)
        initialized: Any = energy.initialized(Rows(X, answers, weight), n_outputs, rng)
        candidates = y[:, None] + rng.normal(size=(ROWS, CANDIDATES, n_outputs))
        shapes = initialized.shapes(COLUMNS, n_outputs)
        params: Params = {name: 0.5 * rng.normal(size=shape) for name, shape in shapes.items()}
        yield initialized, X, candidates, params


def _inputs(energy: FreeFormEnergy, X: Array, candidates: Array) -> tuple[Array, Array]:
    """Standardised samples and answers."""
    return energy._standardize_rows(X), energy._standardize_answers(candidates)


def _slope(line: Linearization) -> Array:
    """Random slopes in the energies."""
    energies = line.energies
    return np.random.RandomState(8).normal(size=energies.shape).astype(energies.dtype)


def _answer_slopes(energy: FreeFormEnergy, line: Linearization) -> Array:
    """Derivatives in the answers, which are required."""
    promise = "linearize_pairs must give answer_slopes, the derivatives in the answers"
    demand(line.answer_slopes is not None, energy, promise, "it is None")
    assert line.answer_slopes is not None
    slopes: Array = line.answer_slopes()
    return slopes


def check_start(energy: FreeFormEnergy, X: Array, candidates: Array, params: Params) -> None:
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
    unknown = sorted(set(energy.penalized) - set(shapes))
    promise = "penalized must name parameters"
    demand(not unknown, energy, promise, f"there is no {', '.join(unknown)}")
    for n_rows in (1, 100, 10**7):
        schedule = energy.schedule(n_rows)
        kept = min(schedule) > 0 and isinstance(schedule.batch_size + schedule.passes, int)
        promise = "a schedule must be a rate, a batch size and passes, all positive"
        demand(kept, energy, promise, f"for {n_rows} samples it is {schedule}")


def check_pairs(energy: FreeFormEnergy, X: Array, candidates: Array, params: Params) -> None:
    """Energies (n, m) have the dtype of the answers and are finite; inputs do not change."""
    rows, answers = _inputs(energy, X, candidates)
    expected = answers.shape[:2]
    rounded = {name: value.astype(np.float32) for name, value in params.items()}
    results = []
    for dtype in (np.float64, np.float32):
        narrow: Params = {name: value.astype(dtype) for name, value in rounded.items()}
        line = energy.linearize_pairs(narrow, rows.astype(dtype), answers.astype(dtype))
        results.append(line.energies)
        found = f"they are of shape {line.energies.shape} and {line.energies.dtype}"
        kept = line.energies.shape == expected and line.energies.dtype == dtype
        demand(kept, energy, f"energies must be of shape {expected} and {dtype}", found)
        demand(np.isfinite(line.energies).all(), energy, "energies must be finite", "they are not")
        slopes = _answer_slopes(energy, line)
        kept = slopes.shape == answers.shape and slopes.dtype == dtype
        promise = f"answer_slopes must be of shape {answers.shape} and {dtype}"
        demand(kept, energy, promise, f"they are of shape {slopes.shape} and {slopes.dtype}")
        kinds = {str(value.dtype) for value in line.pullback(_slope(line)).values()}
        promise = f"the pullback must stay in {np.dtype(dtype)}"
        demand(kinds == {str(np.dtype(dtype))}, energy, promise, f"there is {sorted(kinds)}")
    size = 1.0 + np.abs(results[0])
    promise = "float32 must give what float64 gives, but for rounding"
    demand_close(results[1], results[0], size, energy, promise, "of an energy", 1e-3)
    before = [part.copy() for part in (rows, answers, *params.values())]
    line = energy.linearize_pairs(params, rows, answers)
    slope = _slope(line)
    kept_slope, kept_energies = slope.copy(), line.energies.copy()
    line.pullback(slope)
    _answer_slopes(energy, line)
    same = all(map(np.array_equal, before, (rows, answers, *params.values())))
    demand(same, energy, "linearize_pairs must leave its inputs as they are", "it writes on them")
    same = np.array_equal(slope, kept_slope) and np.array_equal(line.energies, kept_energies)
    promise = "the pullback must leave the slope and the energies as they are"
    demand(same, energy, promise, "it writes on them")


def check_pullback(energy: FreeFormEnergy, X: Array, candidates: Array, params: Params) -> None:
    """The pullback is the derivative of ⟨dE, energies⟩; `pullback_into` writes the same."""
    rows, answers = _inputs(energy, X, candidates)
    line = energy.linearize_pairs(params, rows, answers)
    slope = _slope(line)
    gradient = line.pullback(slope)
    size = 1.0 + np.abs(slope * line.energies).sum()
    for name, value in params.items():
        for seed in range(3):
            direction = np.random.RandomState(seed).normal(size=value.shape)
            direction /= np.linalg.norm(direction)
            above, below = (
                energy.linearize_pairs(
                    {**params, name: value + sign * STEP * direction}, rows, answers
                ).energies
                for sign in (1, -1)
            )
            difference = float(np.vdot(slope, above - below)) / (2 * STEP)
            found = float(np.vdot(gradient[name], direction))
            promise = "the pullback must be the derivative of the energies in the parameters"
            where = f"along {name} the pullback is the first, central differences second:"
            demand_close(found, difference, size, energy, promise, where, DIFFERENCE_TOL)
    if line.pullback_into is None:
        return
    into: Params = {name: np.full_like(value, np.nan) for name, value in params.items()}
    line.pullback_into(slope, into)
    for name, value in gradient.items():
        promise = "pullback_into must write what pullback gives"
        demand_close(into[name], value, 1.0 + np.abs(value).max(), energy, promise, f"of {name}")


def check_answer_slopes(
    energy: FreeFormEnergy, X: Array, candidates: Array, params: Params
) -> None:
    """`answer_slopes` are the derivatives of the energies in the answers."""
    rows, answers = _inputs(energy, X, candidates)
    for pairs, what in ((energy.linearize_pairs, "E"), (energy._full, "F")):
        line = pairs(params, rows, answers)
        slopes = _answer_slopes(energy, line)
        for output in range(answers.shape[2]):
            shift = STEP * np.eye(answers.shape[2])[output]
            above, below = (pairs(params, rows, answers + s * shift).energies for s in (1, -1))
            difference = (above - below) / (2 * STEP)
            size = 1.0 + np.abs(line.energies)
            promise = f"answer_slopes must be ∂{what}/∂y"
            where = f"of output {output} the slope is the first, central differences second:"
            demand_close(
                slopes[:, :, output], difference, size, energy, promise, where, DIFFERENCE_TOL
            )


def check_pairs_independent(
    energy: FreeFormEnergy, X: Array, candidates: Array, params: Params
) -> None:
    """Energies do not depend on other samples or answers; the pullback sums over samples."""
    rows, answers = _inputs(energy, X, candidates)
    line = energy.linearize_pairs(params, rows, answers)
    slope, order = _slope(line), np.random.RandomState(2).permutation(len(X))
    parts = np.array_split(order, 3)
    blocks = [energy.linearize_pairs(params, rows[part], answers[part]) for part in parts]
    size = 1.0 + np.abs(line.energies).max()
    mine = np.concatenate([block.energies for block in blocks])
    promise = "samples must be independent, so that blocks in another order give the same"
    demand_close(mine, line.energies[order], size, energy, promise, "of an energy")
    turned = energy.linearize_pairs(params, rows, answers[:, ::-1])
    promise = "the answers of a sample must be independent of each other"
    demand_close(turned.energies[:, ::-1], line.energies, size, energy, promise, "of an energy")
    slopes, other = _answer_slopes(energy, line), _answer_slopes(energy, turned)
    size = 1.0 + np.abs(slopes).max()
    demand_close(other[:, ::-1], slopes, size, energy, promise, "of a slope")
    single = energy.linearize_pairs(params, rows, answers[:, :1]).energies
    size = 1.0 + np.abs(line.energies[:, :1])
    demand_close(single, line.energies[:, :1], size, energy, promise, "of an energy")
    pieces = [block.pullback(slope[part]) for block, part in zip(blocks, parts, strict=True)]
    for name, whole in line.pullback(slope).items():
        total = sum(piece[name] for piece in pieces)
        promise = f"the pullback must be a sum over samples, in {name} too"
        demand_close(total, whole, 1.0 + np.abs(whole).max(), energy, promise, "of a sum")


def check_base(energy: FreeFormEnergy, X: Array, candidates: Array, params: Params) -> None:
    """F is E plus the Gaussian base, for learning and for predictions."""
    rows, answers = _inputs(energy, X, candidates)
    E = energy.linearize_pairs(params, rows, answers).energies
    variance, q = energy.base_scale**2, answers.shape[2]
    base = 0.5 * np.square(answers).sum(axis=2) / variance + 0.5 * q * np.log(2 * np.pi * variance)
    size = 1.0 + np.abs(E) + np.abs(base)
    promise = "F must be E + ‖y‖²/(2s²) + (q/2) log(2πs²)"
    members = energy._linearize(params, rows[None], answers[None]).energies
    for found, of in (
        (energy._full(params, rows, answers).energies, "learning"),
        (members[0, :, :, 0], "_linearize"),
        (energy._latent_energies(params, X, answers)[:, :, 0], "predictions"),
    ):
        demand_close(found, E + base, size, energy, promise, f"of {of}")


def check_surface(energy: FreeFormEnergy, X: Array, candidates: Array, params: Params) -> None:
    """The surface has the energies βF in the units of y, with their derivatives."""
    F = energy._latent_energies(params, X, energy._standardize_answers(candidates))[:, :, 0]
    for beta in (1.0, 2.0):
        surface = energy._surface(params, X, beta)
        energies, slopes = surface.energies_and_slopes(candidates)
        size = 1.0 + beta * np.abs(F)
        promise = "the surface must have the energies βF in the units of y"
        for found in (energies, surface.energies(candidates)):
            demand_close(found, beta * F, size, energy, promise, "of an energy")
        for output in range(candidates.shape[2]):
            shift = STEP * np.eye(candidates.shape[2])[output]
            above, below = (surface.energies(candidates + s * shift) for s in (1, -1))
            difference = (above - below) / (2 * STEP)
            promise = "the slopes of the surface must be derivatives in the units of y"
            where = f"of output {output}"
            unit = size / surface.unit[output]
            demand_close(
                slopes[:, :, output], difference, unit, energy, promise, where, DIFFERENCE_TOL
            )


def check_proposal(energy: FreeFormEnergy, X: Array, candidates: Array, params: Params) -> None:
    """The proposal integrates to 1, and its draws have its moments."""
    proposal, rng = energy._proposal(X), np.random.default_rng(0)
    drawn = proposal.draw(DRAWS, rng)
    weights = np.exp(proposal.log_weights)[:, :, None]
    means = (weights * proposal.means).sum(axis=1)
    error = drawn.std(axis=1) / np.sqrt(DRAWS)
    promise = "draws of the proposal must have its mean"
    demand_close(drawn.mean(axis=1), means, error, energy, promise, "of a mean", ERRORS)
    if candidates.shape[2] == 1:
        reach = 12 * (1 + energy.base_scale) * energy._surface(params, X).unit[0]
        centre = energy._surface(params, X).origin[0]
        grid = np.broadcast_to(centre + np.linspace(-reach, reach, 40_001), (len(X), 40_001))
        total = trapezoid(np.exp(proposal._log_prob(grid[:, :, None])), grid, axis=1)
        error = 1e-4 * np.ones(len(X))
    else:  # the mean of p/q over draws of another density q is ∫ p
        other = proposal.scaled(np.zeros(candidates.shape[2]), np.full(candidates.shape[2], 1.0))
        wide = type(proposal)(other.log_weights, other.means, 1.3 * other.factors)
        drawn = wide.draw(DRAWS, rng)
        ratio = np.exp(proposal._log_prob(drawn) - wide._log_prob(drawn))
        total, error = ratio.mean(axis=1), ERRORS * ratio.std(axis=1) / np.sqrt(DRAWS)
    demand_close(total, 1.0, error, energy, "the proposal must integrate to 1", "of both", 1.0)


def check_distribution(energy: FreeFormEnergy, X: Array, candidates: Array, params: Params) -> None:
    """`distribution` is the Gibbs distribution of F; with E = 0 that of the base."""
    F = energy._latent_energies(params, X, energy._standardize_answers(candidates))[:, :, 0]
    answers = candidates[..., 0] if candidates.shape[2] == 1 else candidates
    for beta in (1.0, 2.0):
        for minimum in (False, True):
            with warnings.catch_warnings():
                # The proposal does not suit an energy with random parameters.
                warnings.simplefilter("ignore", SamplingWarning)
                distribution = energy.distribution(params, X, beta, minimum=minimum)
            found = np.diff(distribution.log_prob(answers), axis=1)
            size = 1.0 + beta * np.abs(F).max(axis=1, keepdims=True)
            promise = "log p(y) − log p(y') must be −β (F(y) − F(y'))"
            where = f"at β = {beta:g} with minimum={minimum}"
            expected = -beta * np.diff(F, axis=1)
            demand_close(found, expected, size, energy, promise, where, DENSITY_TOL)
        if isinstance(distribution, ScalarDistribution):
            ends: Any = distribution.quantiles([OUTSIDE, 1 - OUTSIDE])
            grid = np.linspace(ends[:, 0], ends[:, 1], 4_001, axis=1)
            total = trapezoid(distribution.pdf(grid), grid, axis=1)
            promise = "densities must integrate to 1"
            demand_close(total, 1 - 2 * OUTSIDE, 1.0, energy, promise, "of both", 1e-3)


def check_noise(energy: FreeFormEnergy, X: Array, candidates: Array, params: Params) -> None:
    """The copy of `_for_step` has reproducible noise; the energy itself has no noise."""
    rows, answers = _inputs(energy, X, candidates)
    copy: Any = energy._for_step(np.random.RandomState(3))
    one, other = (copy.linearize_pairs(params, rows, answers).energies for _ in range(2))
    promise = "the copy that `_for_step` returns must draw the same noise each time"
    demand_close(one, other, 1.0, energy, promise, "of an energy", 0.0)
    one, other = (energy.linearize_pairs(params, rows, answers).energies for _ in range(2))
    promise = "an energy must not change when `_for_step` has made a copy"
    demand_close(one, other, 1.0, energy, promise, "of an energy", 0.0)


def check_copies(energy: FreeFormEnergy, X: Array, candidates: Array, params: Params) -> None:
    """Clones and pickled copies of an initialised energy give the same energies and proposals."""
    rows, answers = _inputs(energy, X, candidates)
    mine = energy._full(params, rows, answers).energies
    density = energy._proposal(X)._log_prob(candidates)
    for how, other in (("clone", clone(energy)), ("pickle", pickle.loads(pickle.dumps(energy)))):
        found = other._full(params, *_inputs(other, X, candidates)).energies
        promise = f"a {how} of the initialised energy must give the same energies"
        demand_close(found, mine, 1.0, energy, promise, "of an energy", 0.0)
        promise = f"a {how} of the initialised energy must have the same proposal"
        found = other._proposal(X)._log_prob(candidates)
        demand_close(found, density, 1.0, energy, promise, "of a density", 0.0)


FREE_FORM_CHECKS = (
    check_start,
    check_pairs,
    check_pairs_independent,
    check_pullback,
    check_answer_slopes,
    check_base,
    check_surface,
    check_proposal,
    check_distribution,
    check_noise,
    check_copies,
)
