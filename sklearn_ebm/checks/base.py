"""Common helpers of the checks: messages, settings, derivatives and general requirements."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.energies import Energy
from sklearn_ebm.losses import Loss

ANSWERS = (2, 3, 7)
ROWS = 40


def demand(kept: Any, part: object, promise: str, found: str) -> None:
    """Raise an AssertionError with the part, the requirement and the finding unless it is met."""
    if not kept:
        raise AssertionError(f"{part!r}: {promise}, but {found}.")


def demand_close(
    one: Any, other: Any, size: Any, part: object, promise: str, where: str, tol: float = 1e-9
) -> None:
    """Require ``abs(one - other) <= tol * size`` everywhere; report the worst pair."""
    one, other = np.broadcast_arrays(np.float64(one), np.float64(other))
    excess = np.abs(one - other) - tol * size
    kept = excess <= 0  # False for NaN
    if not kept.all():
        worst = np.unravel_index(np.argmin(kept), kept.shape)
        found = f"{where} one is {one[worst]:.6g} and the other {other[worst]:.6g}"
        raise AssertionError(f"{part!r}: {promise}, but {found}.")


def run_checks(
    checks: tuple[Callable[..., None], ...],
    part: Any,
    cases: Callable[[Any], Iterator[tuple[Any, ...]]],
) -> None:
    """Run the general checks, and the checks of its kind, on a part with all of its settings."""
    for check in PART_CHECKS:
        check(part)
    for setting in settings(part):
        for case in cases(setting):
            for check in checks:
                check(setting, *case)


def settings(part: Any) -> list[Any]:
    """Return the part itself, and a copy for each of its examples."""
    return [part, *(clone(part).set_params(**example) for example in _examples(part))]


def _examples(part: Any) -> tuple[dict[str, Any], ...]:
    """Return the examples of a part; parts other than losses and energies may have none."""
    return getattr(part, "examples", ({},))


def check_init_stores(part: BaseEstimator) -> None:
    """``__init__`` stores every parameter as it is, and does nothing else."""
    names = part.get_params(deep=False)
    given = {name: object() for name in names}
    promise = "__init__ must store its parameters as they are and do nothing else"
    try:
        built = type(part)(**given)
    except Exception as error:
        demand(False, part, promise, f"it raises {type(error).__name__}")
    for name, value in given.items():
        demand(getattr(built, name, None) is value, part, promise, f"{name} is not stored")
    extra = sorted(set(vars(built)) - set(names))
    demand(not extra, part, promise, f"it also sets {', '.join(extra)}")


def check_copies(part: BaseEstimator) -> None:
    """``clone`` copies every parameter, and the state of the part can be pickled."""
    copied = clone(part)
    promise = "clone must copy every parameter"
    demand(repr(copied) == repr(part), part, promise, f"the copy is {copied!r}")
    try:  # the state only: a class written in a notebook cannot be pickled by name
        pickle.loads(pickle.dumps(part.__getstate__()))
    except Exception as error:
        promise = "all that it holds must be possible to pickle"
        demand(False, part, promise, f"that raises {type(error).__name__}")


def check_examples(part: BaseEstimator) -> None:
    """In one of the examples, no parameter has its default."""
    defaults = {
        name: parameter.default
        for name, parameter in _signature(part).items()
        if parameter.default is not parameter.empty
    }
    examples = _examples(part)
    if not defaults or (examples == ({},) and not isinstance(part, Loss | Energy)):
        return
    far = any(
        all(name in example and example[name] != defaults[name] for name in defaults)
        for example in examples
    )
    found = f"the examples are {examples} and the defaults {defaults}"
    demand(far, part, "one of `examples` must be away from every default", found)


def _signature(part: BaseEstimator) -> dict[str, Any]:
    return dict(inspect.signature(type(part)).parameters)


def random_energies(n_answers: int) -> Array:
    """Energies whose size varies from row to row, from 0.1 to 10."""
    rng = np.random.RandomState(n_answers)
    return rng.normal(size=(ROWS, n_answers)) * 10 ** rng.uniform(-1, 1, size=(ROWS, 1))


def row_size(energies: Array, value: Array, slope: Array) -> Array:
    """Magnitude of the numbers of each row, the unit of tolerances."""
    largest = np.abs(slope).max(axis=1) + np.abs(energies).max(axis=1)
    return 1.0 + np.abs(value) + largest


def demand_derivative(
    part: object, call: Callable[[Array], tuple[Array, Array]], energies: Array, promise: str
) -> None:
    """Central differences of the value are between the slopes at both ends and in the middle.

    This also holds at a kink.
    """
    value, slope = call(energies)
    tolerance = 1e-7 * row_size(energies, value, slope)
    step = 1e-6 * (1.0 + np.abs(energies).max(axis=1))
    for answer in range(energies.shape[1]):
        shift = np.zeros_like(energies)
        shift[:, answer] = step
        above, slope_above = call(energies + shift)
        below, slope_below = call(energies - shift)
        width = (energies + shift)[:, answer] - (energies - shift)[:, answer]
        difference = (above - below) / width
        around = np.stack([slope[:, answer], slope_above[:, answer], slope_below[:, answer]])
        inside = (difference >= around.min(axis=0) - tolerance) & (
            difference <= around.max(axis=0) + tolerance
        )
        if not inside.all():
            row = int(np.argmin(inside))
            demand(
                False, part, promise,
                f"with {energies.shape[1]} answers at energies {energies[row].round(4)} the slope "
                f"at answer {answer} is {slope[row, answer]:.6g} and the central difference is "
                f"{difference[row]:.6g}",
            )  # fmt: skip


PART_CHECKS = (check_init_stores, check_copies, check_examples)
