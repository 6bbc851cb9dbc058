"""Checks of losses of sampled answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import clone

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.checks.base import (
    ROWS,
    demand,
    demand_close,
    demand_derivative,
    random_energies,
    row_size,
    run_checks,
)
from sklearn_ebm.losses.negatives.base import Batch, Drawn
from sklearn_ebm.losses.sampled.base import SampledLoss

# Numbers of outputs, and numbers of draws for each sample if the loss does not make its own.
OUTPUTS, DRAWS = (1, 2), (1, 6)

# Largest mean slope at the density of the data, in standard errors. There are SAMPLES samples, or
# fewer with many draws, because an estimate of log Z from few draws is biased.
ERRORS, SAMPLES, MANY_DRAWS = 5.0, 40_000, (1_000, 400)

LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)


def check_sampled_loss(loss: SampledLoss) -> None:
    """Check that a loss meets the requirements of `sklearn_ebm.losses.sampled.base.SampledLoss`.

    The loss is checked with its own settings and with each of its `examples`, for 1 and 2 outputs
    and several numbers of draws, at random energies of sizes from 0.1 to 10, in float64 and
    float32.

    Parameters
    ----------
    loss : SampledLoss
        The loss to check.

    Raises
    ------
    AssertionError
        At the first violated requirement; the message states the loss, the requirement and the
        observed values.

    Examples
    --------
    >>> from sklearn_ebm.checks.sampled_losses import check_sampled_loss
    >>> from sklearn_ebm.losses.sampled import NCE
    >>> check_sampled_loss(NCE())
    """
    run_checks(SAMPLED_LOSS_CHECKS, loss, sampled_loss_cases)
    check_true_density(loss)


def sampled_loss_cases(loss: SampledLoss) -> Iterator[tuple[Array, Drawn]]:
    """Yield energies and draws, with and without a log-density as the loss allows."""
    loss.validate()
    own = loss.own_negatives()
    for n_outputs in OUTPUTS:
        for n_draws in DRAWS:
            rng = np.random.default_rng(n_draws)
            right = rng.normal(size=(ROWS, n_outputs))
            if own is not None:
                drawn = own.draw(_batch(right, rng))
                yield random_energies(drawn.answers.shape[1]), drawn
                continue
            answers = rng.normal(size=(ROWS, 1 + n_draws, n_outputs))
            answers[:, 0] = right
            log_density = rng.normal(size=(ROWS, 1 + n_draws)) - 1
            yield random_energies(1 + n_draws), Drawn(answers, log_density)
            if not loss.needs_log_density:
                yield random_energies(1 + n_draws), Drawn(answers, None)


def _batch(right: Array, rng: np.random.Generator) -> Batch:
    """Samples without features, for negatives that use the correct answers alone."""
    nothing: Any = None
    return Batch(nothing, right, nothing, nothing, np.arange(len(right)), rng)


def check_shapes(loss: SampledLoss, energies: Array, drawn: Drawn) -> None:
    """Value (n,) and slope (n, 1 + m) are finite and have the dtype of the energies."""
    kinds: tuple[Any, ...] = (np.float64, np.float32)
    results = []
    for kind in kinds:
        density = None if drawn.log_density is None else drawn.log_density.astype(kind)
        given = energies.astype(np.float32).astype(kind)
        results.append(loss(given, Drawn(drawn.answers.astype(kind), density)))
        shapes = energies.shape[:1], energies.shape
        for name, part, shape in zip(("value", "slope"), results[-1], shapes, strict=True):
            kind_name = np.dtype(kind).name
            kept = isinstance(part, np.ndarray) and part.shape == shape and part.dtype == kind
            promise = f"the {name} of {kind_name} energies must be a {kind_name} array of {shape}"
            demand(kept, loss, promise, f"it is {part!r:.80}")
            promise = f"the {name} must be finite for energies of ordinary size"
            demand(np.isfinite(part).all(), loss, promise, "it is not")
    (wide, slope), (narrow, _) = results
    size = row_size(energies, wide, slope) ** 2 / _least_distance(loss)
    promise = "float32 must give what float64 gives, but for rounding"
    demand_close(narrow, wide, size, loss, promise, "the value of", 1e-5)


def _least_distance(loss: SampledLoss) -> float:
    """Scale of difference quotients, which divide rounding errors; 1 for other losses."""
    own = loss.own_negatives()
    if own is None:
        return 1.0
    right = np.zeros((1, 1))
    answers = own.draw(_batch(right, np.random.default_rng(0))).answers[0, 1:, 0]
    return float(np.ptp(answers)) ** 2


def check_unchanged(loss: SampledLoss, energies: Array, drawn: Drawn) -> None:
    """A call changes neither its inputs nor the loss."""
    density = drawn.log_density
    before = energies.copy(), drawn.answers.copy(), None if density is None else density.copy()
    first = loss(energies, drawn)
    promise = "a call must leave its inputs as they are"
    same = np.array_equal(before[0], energies) and np.array_equal(before[1], drawn.answers)
    same = same and (density is None or np.array_equal(before[2], density))  # type: ignore[arg-type]
    demand(same, loss, promise, "it writes on them")
    promise = "a call must leave the loss as it is"
    demand(repr(vars(loss)) == repr(vars(clone(loss))), loss, promise, "it sets attributes")
    second = loss(np.asfortranarray(energies), drawn)
    size = row_size(energies, *first)
    promise = "the memory order of the energies must not matter"
    demand_close(first[0], second[0], size, loss, promise, "the value of")
    demand_close(first[1], second[1], size[:, None], loss, promise, "the slope of")


def check_slopes(loss: SampledLoss, energies: Array, drawn: Drawn) -> None:
    """The slope is the derivative of the value."""
    demand_derivative(
        loss, lambda e: loss(e, drawn), energies, "the slope must be the derivative of the value"
    )


def check_samples_independent(loss: SampledLoss, energies: Array, drawn: Drawn) -> None:
    """Samples in another order and in blocks give the same values and slopes."""
    value, slope = loss(energies, drawn)
    order = np.random.RandomState(2).permutation(len(energies))
    parts = []
    for rows in np.array_split(order, 7):
        density = None if drawn.log_density is None else drawn.log_density[rows]
        parts.append(loss(energies[rows], Drawn(drawn.answers[rows], density)))
    size = row_size(energies, value, slope)[order]
    promise = "samples must be independent, so that blocks in another order give the same"
    mine = np.concatenate([part[0] for part in parts])
    demand_close(mine, value[order], size, loss, promise, "the value of")
    mine = np.concatenate([part[1] for part in parts])
    demand_close(mine, slope[order], size[:, None], loss, promise, "the slope of")


def check_level(loss: SampledLoss, energies: Array, drawn: Drawn) -> None:
    """A constant added to the energies of a sample changes nothing, unless `fixes_level`."""
    if drawn.log_density is None and not loss.traits.fixes_level and loss.own_negatives() is None:
        return  # a penalty for chains may depend on the level
    value, slope = loss(energies, drawn)
    shifted, _ = loss(energies + 1.5, drawn)
    size = row_size(energies, value, slope) / _least_distance(loss)
    if loss.traits.fixes_level:
        promise = "it says fixes_level = True, so the level of the energies must matter"
        demand(np.any(np.abs(shifted - value) > 1e-6 * size), loss, promise, "it does not")
        return
    promise = "it says fixes_level = False, so a constant added to a sample must change nothing"
    demand_close(value, shifted, size, loss, promise, "the value of", 1e-8)
    promise = "it says fixes_level = False, so the slopes of a sample must sum to 0"
    demand_close(slope.sum(axis=1), 0 * value, size, loss, promise, "the sum of")


def check_true_density(loss: SampledLoss) -> None:
    """At the density of the data, the mean slope along a change of the energy is zero.

    The answers are normal with the standard deviation 1, plus the noise of the loss if it makes
    its own draws. Other draws are from a normal density with the standard deviation 1.3, or from
    the density of the data if the loss accepts Markov chains.
    """
    chains = [] if loss.needs_log_density else [1.0]
    for scale in [None] if loss.own_negatives() is not None else [1.3, *chains]:
        drawn, deviation = _normal_draws(loss, scale)
        y = drawn.answers[..., 0]
        energies = 0.5 * (y / deviation) ** 2 + np.log(deviation) + LOG_SQRT_2PI
        _, slope = loss(energies, drawn)
        if scale == 1.0:  # the penalty for chains is not part of the likelihood
            share = np.where(np.arange(y.shape[1]) == 0, 1, 1 / (y.shape[1] - 1))
            slope = slope - 2 * loss.get_params().get("energy_penalty", 0.0) * energies * share
        for change in (y, y**2, np.cos(2 * y)):
            each = (slope * change).sum(axis=1)
            error = each.std() / np.sqrt(len(each))
            promise = "at the density of the data the mean slope of the loss must be zero"
            found = f"it is {each.mean():.3g} with the standard error {error:.2g}"
            demand(abs(each.mean()) <= ERRORS * error, loss, promise, found)


def _normal_draws(loss: SampledLoss, scale: float | None) -> tuple[Drawn, float]:
    """Normal answers with draws, and the standard deviation of the answers that the loss sees."""
    rng, own = np.random.default_rng(0), loss.own_negatives()
    if scale is None:
        assert own is not None
        right = rng.normal(size=(SAMPLES, 1))
        drawn = own.draw(_batch(right, rng))
        noise = drawn.answers[:, 1:, 0].mean(axis=1) - right[:, 0]
        return drawn, float(np.sqrt(1 + np.square(noise).mean()))
    n_samples, n_draws = MANY_DRAWS
    answers = rng.normal(size=(n_samples, 1 + n_draws, 1))
    answers[:, 1:] *= scale
    log_density = -0.5 * np.square(answers[..., 0] / scale) - np.log(scale) - LOG_SQRT_2PI
    return Drawn(answers, None if scale == 1.0 else log_density), 1.0


SAMPLED_LOSS_CHECKS = (
    check_shapes,
    check_unchanged,
    check_samples_independent,
    check_slopes,
    check_level,
)
