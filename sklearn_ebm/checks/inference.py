"""Checks of eliminations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.checks.base import (
    ANSWERS,
    demand,
    demand_close,
    demand_derivative,
    random_energies,
    run_checks,
)
from sklearn_ebm.inference.base import Elimination


def check_elimination(elimination: Elimination) -> None:
    """Check that an elimination meets the requirements of `sklearn_ebm.inference.base.Elimination`.

    Parameters
    ----------
    elimination : Elimination
        The elimination to check.

    Raises
    ------
    AssertionError
        At the first violated requirement; the message states the part, the requirement and the
        observed values.

    Examples
    --------
    >>> from sklearn_ebm.checks.inference import check_elimination
    >>> from sklearn_ebm.inference import SoftMinimum
    >>> check_elimination(SoftMinimum(beta=2.0))
    """
    demand(
        isinstance(elimination, Elimination),
        elimination, "an elimination must inherit from Elimination", "it does not",
    )  # fmt: skip
    run_checks(ELIMINATION_CHECKS, elimination, elimination_cases)


def elimination_cases(elimination: Elimination) -> Iterator[tuple[Array]]:
    """Random energies of 2, 3 and 7 values."""
    for n_values in ANSWERS:
        yield (random_energies(n_values),)


def check_weights(elimination: Elimination, energies: Array) -> None:
    """Weights are never negative and sum to 1; they are the derivative of the result."""
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-5)):
        free, weights = elimination(energies.astype(dtype))
        promise = f"{np.dtype(dtype).name} energies must give {np.dtype(dtype).name} results"
        found = f"they give {free.dtype} and {weights.dtype}"
        demand(free.dtype == dtype and weights.dtype == dtype, elimination, promise, found)
        promise = "the weights must not be negative"
        demand(np.all(weights >= 0), elimination, promise, f"one is {weights.min():.3g}")
        total = weights.sum(axis=-1)
        promise = "the weights must sum to 1"
        demand_close(total, np.ones_like(total), 1, elimination, promise, "a sum of", tolerance)
    promise = "the weights must be the derivative of the result"
    demand_derivative(elimination, elimination, energies, promise)


def check_last_axis(elimination: Elimination, energies: Array) -> None:
    """A call removes only the last axis, for any leading shape, and does not modify its input."""
    before = energies.copy()
    free, weights = elimination(energies)
    promise = "a call must leave its input as it is"
    demand(np.array_equal(before, energies), elimination, promise, "it writes on it")
    for shape in ((4, -1), (2, 5, 2, 2)):
        deep = energies.reshape(*shape[:-1], -1, energies.shape[1])
        other = elimination(deep)
        promise = f"energies of shape {deep.shape} must lose their last axis and nothing else"
        found = f"the result has shape {other.energies.shape}"
        demand(other.energies.shape == deep.shape[:-1], elimination, promise, found)
        kept = np.allclose(other.energies.ravel(), free, rtol=1e-12, atol=1e-12)
        kept = kept and np.allclose(other.weights.reshape(weights.shape), weights, atol=1e-12)
        demand(kept, elimination, promise, "the numbers are others")


def check_shift(elimination: Elimination, energies: Array) -> None:
    """A constant added to a row is added to the result; the order of the values is irrelevant."""
    free, weights = elimination(energies)
    shift = np.random.RandomState(4).normal(size=(len(energies), 1))
    size = 1.0 + np.abs(energies).max(axis=1)
    moved, moved_weights = elimination(energies + shift)
    promise = "a constant added to a row must be added to the result and leave the weights"
    demand_close(moved, free + shift[:, 0], size, elimination, promise, "the result of")
    demand_close(moved_weights, weights, size[:, None], elimination, promise, "a weight of")
    order = np.random.RandomState(3).permutation(energies.shape[1])
    mixed, mixed_weights = elimination(energies[:, order])
    promise = "the order of the values must not matter"
    demand_close(mixed, free, size, elimination, promise, "the result of")
    unit = size[:, None]
    demand_close(mixed_weights, weights[:, order], unit, elimination, promise, "a weight of")


def check_unavailable(elimination: Elimination, energies: Array) -> None:
    """A value with the energy +inf is ignored."""
    free, weights = elimination(energies)
    wider = np.insert(energies, 1, np.inf, axis=1)
    other, other_weights = elimination(wider)
    promise = "a value of energy +inf must count for nothing"
    size = 1.0 + np.abs(energies).max(axis=1)
    demand_close(other, free, size, elimination, promise, "the result of")
    found = "its weight is not 0"
    demand(np.all(other_weights[:, 1] == 0), elimination, promise, found)
    left = np.delete(other_weights, 1, axis=1)
    demand_close(left, weights, size[:, None], elimination, promise, "a weight of")


ELIMINATION_CHECKS = (check_weights, check_last_axis, check_shift, check_unavailable)
