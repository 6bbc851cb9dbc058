"""Checks for your own parts: what scikit-learn's ``check_estimator`` is for estimators.

Each of `check_loss`, `check_energy`, `check_elimination` and `check_solver` runs a list of small
functions, one for each promise that the contract of the part makes. The first promise that is not
kept raises an AssertionError of one sentence: the part, what must hold, and what was found.
"""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, clone

from sklearn_ebm._arrays import correct_mask
from sklearn_ebm._objective import Objective
from sklearn_ebm._params import Array, Params
from sklearn_ebm.energies import Energy, Linear
from sklearn_ebm.inference import Elimination
from sklearn_ebm.losses import NLL, Loss, Perceptron
from sklearn_ebm.losses.base import Mask
from sklearn_ebm.solvers import Solver

__all__ = ["check_elimination", "check_energy", "check_loss", "check_solver"]

ANSWERS = (2, 3, 7)
ROWS = 40
# A kink shows as a change of the slope, relative to it, between points 1e-12 apart.
JUMP = 1e-3
HALVINGS = 45
TEMPERATURES = (1.0, 0.1, 0.01)


def check_loss(loss: Loss) -> None:
    """Check that a loss keeps the promises of `sklearn_ebm.losses.Loss`.

    The loss is checked as it is and at each of its `examples`, for 2, 3 and 7 answers, at random
    energies of sizes from 0.1 to 10, in float64 and float32.

    Parameters
    ----------
    loss : Loss

    Raises
    ------
    AssertionError
        At the first promise that is not kept; the message names the loss, what must hold, and what
        was found.

    See Also
    --------
    sklearn_ebm.losses.PairwiseLoss : the short way to a loss of your own.

    Examples
    --------
    A squared hinge, in ten lines, passes:

    >>> from sklearn_ebm.checks import check_loss
    >>> from sklearn_ebm.losses import PairwiseLoss, positive_part
    >>> class SquaredHinge(PairwiseLoss):
    ...     convex = True
    ...     examples = ({}, {"margin": 2.0})
    ...
    ...     def __init__(self, margin=1.0):
    ...         self.margin = margin
    ...
    ...     def pair(self, right, offending, temperature):
    ...         violation, _ = positive_part(right - offending)
    ...         return violation**2, 2 * violation, -2 * violation
    >>> check_loss(SquaredHinge())

    A slope that is half of what it should be does not:

    >>> class Slow(SquaredHinge):
    ...     def pair(self, right, offending, temperature):
    ...         violation, _ = positive_part(right - offending)
    ...         return violation**2, violation, -violation
    >>> check_loss(Slow())
    Traceback (most recent call last):
        ...
    AssertionError: Slow(): the slope must be the derivative of the value, but with 2 answers ...
    """
    _demand(isinstance(loss, Loss), loss, "a loss must inherit from Loss", "it does not")
    _run(LOSS_CHECKS, loss, _loss_cases)


def check_energy(energy: Energy) -> None:
    """Check that an energy keeps the promises of `sklearn_ebm.energies.Energy`.

    The energy is checked as it is and at each of its `examples`, for 2, 3 and 7 answers, at random
    parameters, on dense and sparse rows, in float64 and float32.

    Parameters
    ----------
    energy : Energy

    Raises
    ------
    AssertionError
        At the first promise that is not kept; the message names the energy, what must hold, and
        what was found.

    Examples
    --------
    >>> from sklearn_ebm.checks import check_energy
    >>> from sklearn_ebm.energies import Linear
    >>> check_energy(Linear(fit_intercept=False))
    """
    _demand(isinstance(energy, Energy), energy, "an energy must inherit from Energy", "it does not")
    _run(ENERGY_CHECKS, energy, _energy_cases)


def check_elimination(elimination: Elimination) -> None:
    """Check that an elimination keeps the promises of `sklearn_ebm.inference.Elimination`.

    Parameters
    ----------
    elimination : Elimination

    Raises
    ------
    AssertionError
        At the first promise that is not kept; the message names the part, what must hold, and what
        was found.

    Examples
    --------
    >>> from sklearn_ebm.checks import check_elimination
    >>> from sklearn_ebm.inference import SoftMinimum
    >>> check_elimination(SoftMinimum(beta=2.0))
    """
    _demand(
        isinstance(elimination, Elimination),
        elimination, "an elimination must inherit from Elimination", "it does not",
    )  # fmt: skip
    _run(ELIMINATION_CHECKS, elimination, _elimination_cases)


def check_solver(solver: Solver) -> None:
    """Check that a solver keeps the promises of `sklearn_ebm.solvers.Solver`.

    It is given small problems with a linear energy: the negative log-likelihood, or the perceptron
    on separable rows if it is `online`.

    Parameters
    ----------
    solver : Solver

    Raises
    ------
    AssertionError
        At the first promise that is not kept; the message names the solver, what must hold, and
        what was found.

    Examples
    --------
    >>> from sklearn_ebm.checks import check_solver
    >>> from sklearn_ebm.solvers import LBFGS
    >>> check_solver(LBFGS(memory=5))
    """
    _demand(isinstance(solver, Solver), solver, "a solver must inherit from Solver", "it does not")
    _run(SOLVER_CHECKS, solver, _solver_cases)


def _demand(kept: Any, part: object, promise: str, found: str) -> None:
    if not kept:
        raise AssertionError(f"{part!r}: {promise}, but {found}.")


def _demand_close(
    one: Any, other: Any, size: Any, part: object, promise: str, where: str, tol: float = 1e-9
) -> None:
    """Demand |one − other| ≤ tol · size everywhere; the worst pair goes into the message."""
    one, other = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    excess = np.abs(one - other) - tol * size
    kept = excess <= 0  # false for NaN, too
    if not kept.all():
        worst = np.unravel_index(np.argmin(kept), kept.shape)
        found = f"{where} one is {one[worst]:.6g} and the other {other[worst]:.6g}"
        raise AssertionError(f"{part!r}: {promise}, but {found}.")


def _run(
    checks: tuple[Callable[..., None], ...],
    part: Any,
    cases: Callable[[Any], Iterator[tuple[Any, ...]]],
) -> None:
    """Run the checks of every part, then those of its kind, as it is and at its examples."""
    for check in PART_CHECKS:
        check(part)
    for setting in _settings(part):
        for case in cases(setting):
            for check in checks:
                check(setting, *case)


def _settings(part: Any) -> list[Any]:
    """The part as it is, and at each of its examples."""
    return [part, *(clone(part).set_params(**example) for example in _examples(part))]


def _examples(part: Any) -> tuple[dict[str, Any], ...]:
    """The examples of a loss or an energy; other parts need not have any."""
    return getattr(part, "examples", ({},))


# Every part ---------------------------------------------------------------------------------------


def check_init_stores(part: BaseEstimator) -> None:
    """``__init__`` stores every parameter as it is, and does nothing else."""
    names = part.get_params(deep=False)
    given = {name: object() for name in names}
    promise = "__init__ must store its parameters as they are and do nothing else"
    try:
        built = type(part)(**given)
    except Exception as error:
        _demand(False, part, promise, f"it raises {type(error).__name__}")
    for name, value in given.items():
        _demand(getattr(built, name, None) is value, part, promise, f"{name} is not stored")
    extra = sorted(set(vars(built)) - set(names))
    _demand(not extra, part, promise, f"it also sets {', '.join(extra)}")


def check_copies(part: BaseEstimator) -> None:
    """``clone`` copies every parameter, and all that the part holds can be pickled."""
    copied = clone(part)
    promise = "clone must copy every parameter"
    _demand(repr(copied) == repr(part), part, promise, f"the copy is {copied!r}")
    try:  # the state only: a class written in a notebook cannot be pickled by name
        pickle.loads(pickle.dumps(part.__getstate__()))
    except Exception as error:
        promise = "all that it holds must be possible to pickle"
        _demand(False, part, promise, f"that raises {type(error).__name__}")


def check_examples(part: BaseEstimator) -> None:
    """One of the examples is away from every default."""
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
    _demand(far, part, "one of `examples` must be away from every default", found)


def _signature(part: BaseEstimator) -> dict[str, Any]:
    return dict(inspect.signature(type(part)).parameters)


# Losses -------------------------------------------------------------------------------------------


def _accepted_answers(loss: Loss) -> list[int]:
    """2, 3 and 7, or as many answers as the loss has class-pair margins for."""

    def accepted(n_answers: int) -> bool:
        try:
            loss.validate(n_answers)
        except ValueError:
            return False
        return True

    usual = [n_answers for n_answers in ANSWERS if accepted(n_answers)]
    usual = usual or [n_answers for n_answers in range(2, 100) if accepted(n_answers)][:1]
    _demand(usual, loss, "validate must accept some number of answers", "it refuses 2 to 99")
    return usual


def _loss_cases(loss: Loss) -> Iterator[tuple[Array, Mask]]:
    for n_answers in _accepted_answers(loss):
        answer = np.random.RandomState(0).randint(n_answers, size=ROWS)
        yield _allowed(loss, _random_energies(n_answers)), correct_mask(answer, n_answers)


def _random_energies(n_answers: int) -> Array:
    """Energies whose size varies from row to row, from 0.1 to 10."""
    rng = np.random.RandomState(n_answers)
    return rng.normal(size=(ROWS, n_answers)) * 10 ** rng.uniform(-1, 1, size=(ROWS, 1))


def _allowed(loss: Loss, energies: Array) -> Array:
    return np.abs(energies) + 0.05 if loss.needs_nonnegative else energies


def _others(loss: Loss, energies: Array) -> Iterator[Array]:
    """Other energies: far ones, near ones, and whole numbers, where kinks and ties are."""
    rng = np.random.RandomState(1)
    for size in (10.0, 1.0, 0.01):
        yield _allowed(loss, energies + size * rng.normal(size=energies.shape))
    yield _allowed(loss, np.round(energies))


def _row_size(energies: Array, value: Array, slope: Array) -> Array:
    """How large the numbers of a row are: the unit of tolerances."""
    largest = np.abs(slope).max(axis=1) + np.abs(energies).max(axis=1)
    return 1.0 + np.abs(value) + largest


def check_shapes_and_dtypes(loss: Loss, energies: Array, correct: Mask) -> None:
    """Value (n,) and slope (n, m) in the dtype of the energies, finite; float32 agrees."""
    with np.errstate(all="ignore"):
        wide, wide_slope = loss(energies.astype(np.float32).astype(np.float64), correct)
    size = _row_size(energies, wide, wide_slope)
    for dtype in (np.float64, np.float32):
        value, slope = loss(energies.astype(dtype), correct)
        n_answers, name = energies.shape[1], np.dtype(dtype).name
        for what, array, shape in (
            ("value", value, energies.shape[:1]), ("slope", slope, energies.shape)
        ):  # fmt: skip
            promise = f"the {what} of {name} energies must be a {name} array of shape {shape}"
            found = f"it has shape {np.shape(array)} and dtype {np.asarray(array).dtype}"
            right_kind = np.shape(array) == shape and np.asarray(array).dtype == dtype
            _demand(right_kind, loss, promise, found)
            finite = f"the {what} must be finite for energies of ordinary size"
            found = f"it is not with {n_answers} answers in {name}"
            _demand(np.isfinite(array).all(), loss, finite, found)
    promise = "float32 must give what float64 gives, but for rounding"
    where = f"with {n_answers} answers the"
    _demand_close(value, wide, size, loss, promise, where, 1e-5)
    _demand_close(slope, wide_slope, size[:, None], loss, promise, where, 1e-5)


def check_untouched(loss: Loss, energies: Array, correct: Mask) -> None:
    """A call changes neither its inputs nor the loss, and does not depend on memory order."""
    before, mask, state = energies.copy(), correct.copy(), repr(vars(loss))
    value, slope = loss(energies, correct)
    promise = "a call must leave its inputs as they are"
    same = np.array_equal(before, energies) and np.array_equal(mask, correct)
    _demand(same, loss, promise, "it writes on them")
    promise = "a call must leave the loss as it is"
    _demand(repr(vars(loss)) == state, loss, promise, "it sets attributes")
    other_value, other_slope = loss(np.asfortranarray(energies), np.ascontiguousarray(correct))
    promise = "the memory order of the energies must not matter"
    size = _row_size(energies, value, slope)
    _demand_close(value, other_value, size, loss, promise, "the value of")
    _demand_close(slope, other_slope, size[:, None], loss, promise, "the slope of")


def check_slope(loss: Loss, energies: Array, correct: Mask) -> None:
    """The slope is the derivative of the value."""
    _check_derivative(
        loss, lambda e: loss(e, correct), energies, "the slope must be the derivative of the value"
    )


def _check_derivative(
    part: object, call: Callable[[Array], tuple[Array, Array]], energies: Array, promise: str
) -> None:
    """Central differences of the value lie between the slopes at both ends and in the middle.

    That is so at a kink as well.
    """
    value, slope = call(energies)
    tolerance = 1e-7 * _row_size(energies, value, slope)
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
            _demand(
                False, part, promise,
                f"with {energies.shape[1]} answers at energies {energies[row].round(4)} the slope "
                f"at answer {answer} is {slope[row, answer]:.6g} and the central difference is "
                f"{difference[row]:.6g}",
            )  # fmt: skip


def check_rows_independent(loss: Loss, energies: Array, correct: Mask) -> None:
    """Rows in another order, or in blocks, give the same values and slopes."""
    value, slope = loss(energies, correct)
    order = np.random.RandomState(2).permutation(len(energies))
    size = _row_size(energies, value, slope)
    for what, rows in (
        ("another order", [order]), ("blocks", np.array_split(np.arange(len(energies)), 7))
    ):  # fmt: skip
        parts = [loss(energies[index], correct[index]) for index in rows]
        taken = np.concatenate(rows)
        promise = f"rows must be independent, so that {what} of them gives the same"
        for mine, whole, unit in (
            (np.concatenate([part[0] for part in parts]), value[taken], size[taken]),
            (np.concatenate([part[1] for part in parts]), slope[taken], size[taken][:, None]),
        ):
            _demand_close(mine, whole, unit, loss, promise, "of a value or slope")


def check_answers_alike(loss: Loss, energies: Array, correct: Mask) -> None:
    """Answers in another order give the same value, and the slope in that order."""
    if np.ndim(loss.get_params(deep=False).get("margin", 0.0)) > 0:
        return  # class-pair margins name the answers
    value, slope = loss(energies, correct)
    order = np.random.RandomState(3).permutation(energies.shape[1])
    other_value, other_slope = loss(energies[:, order], correct[:, order])
    size = _row_size(energies, value, slope)
    promise = "answers in another order must give the same value and the slope in that order"
    _demand_close(value, other_value, size, loss, promise, "the value of")
    _demand_close(slope[:, order], other_slope, size[:, None], loss, promise, "the slope of")


def check_level(loss: Loss, energies: Array, correct: Mask) -> None:
    """A loss that is not `pinned` sees differences only; one that is sees the level as well."""
    value, slope = loss(energies, correct)
    shift = np.random.RandomState(4).uniform(1, 2, size=(len(energies), 1))
    shifted, _ = loss(energies + shift, correct)
    size = _row_size(energies, value, slope)
    if loss.pinned:
        promise = "it says pinned = True, so the level of the energies must matter"
        _demand(np.any(np.abs(shifted - value) > 1e-6 * size), loss, promise, "it does not")
        return
    promise = "it says pinned = False, so a constant added to a row must change nothing"
    _demand_close(value, shifted, size, loss, promise, "the value of")
    promise = "it says pinned = False, so the slopes of a row must sum to 0"
    _demand_close(slope.sum(axis=1), 0 * value, size, loss, promise, "the sum of")


def check_convex(loss: Loss, energies: Array, correct: Mask) -> None:
    """A loss that says `convex` lies below its chords and above its tangents."""
    if not loss.convex:
        return
    for one in (energies, _allowed(loss, np.round(energies))):
        value, slope = loss(one, correct)
        for other in _others(loss, energies):
            other_value, other_slope = loss(other, correct)
            size = _row_size(one, value, slope) * (1 + np.abs(other - one).max(axis=1))
            size = size + _row_size(other, other_value, other_slope)
            chord = 0.5 * (value + other_value) - loss(0.5 * (one + other), correct)[0]
            tangent = other_value - value - np.einsum("ij,ij->i", slope, other - one)
            for what, above in (("below its chords", chord), ("above its tangents", tangent)):
                promise = f"it says convex = True, so it must lie {what}"
                found = f"it misses by {-above.min():.3g} with {energies.shape[1]} answers"
                _demand(np.all(above >= -1e-9 * size), loss, promise, found)


def check_smoothness(loss: Loss, energies: Array, correct: Mask) -> None:
    """`is_smooth` says whether the slope is continuous."""
    jump = _largest_jump(loss, loss, energies, correct)
    smooth = loss.is_smooth(energies.shape[1])
    found = f"the largest jump found with {energies.shape[1]} answers is {jump:.3g}"
    promise = f"is_smooth says {smooth}, so the slope must {'not ' if smooth else ''}jump"
    _demand(smooth == (jump < JUMP), loss, promise, found)


def _largest_jump(loss: Loss, smooth: Loss, energies: Array, correct: Mask) -> float:
    """The largest change of the slope, relative to it, across a point of some random segments.

    Of a version of the loss, on energies that the loss allows.

    Each segment is halved towards the side where the slope changes more.
    """
    rng = np.random.RandomState(5)
    size = 10 ** rng.uniform(-0.5, 1.5, size=(len(energies), 1))
    low = _allowed(loss, energies)
    high = _allowed(loss, energies + size * rng.normal(size=energies.shape))
    slope_low, slope_high = smooth(low, correct)[1], smooth(high, correct)[1]
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        slope = smooth(middle, correct)[1]
        left = np.abs(slope - slope_low).max(axis=1) >= np.abs(slope_high - slope).max(axis=1)
        left = left[:, None]
        low, slope_low = np.where(left, low, middle), np.where(left, slope_low, slope)
        high, slope_high = np.where(left, middle, high), np.where(left, slope, slope_high)
    change = np.abs(slope_high - slope_low).max(axis=1)
    return float((change / (1.0 + np.abs(slope_low).max(axis=1))).max())


def check_smoothed(loss: Loss, energies: Array, correct: Mask) -> None:
    """The smoothed loss lies above the loss, tends to it, and has a continuous slope."""
    value, slope = loss(energies, correct)
    size = _row_size(energies, value, slope)
    for temperature in TEMPERATURES:
        smooth = loss.smoothed(temperature)
        raised, _ = smooth(energies, correct)
        promise = f"smoothed({temperature}) must lie above the loss"
        found = f"it lies below by {(value - raised).max():.3g}"
        _demand(np.all(raised >= value - 1e-9 * size), loss, promise, found)
        _check_derivative(
            smooth, lambda e, smooth=smooth: smooth(e, correct), energies,  # type: ignore[misc]
            "the slope must be the derivative of the value",
        )  # fmt: skip
        jump = _largest_jump(loss, smooth, energies, correct)
        promise = f"smoothed({temperature}) must have a continuous slope"
        _demand(jump < JUMP, loss, promise, f"it jumps by {jump:.3g}")
    cold, _ = loss.smoothed(1e-7)(energies, correct)
    promise = "smoothed(T) must tend to the loss as T → 0"
    _demand_close(cold, value, size * energies.shape[1], loss, promise, "at T = 1e-7", 1e-5)


def check_conjugate(loss: Loss, energies: Array, correct: Mask) -> None:
    """The conjugate obeys ℓ(F) + ℓ*(g) ≥ ⟨g, F⟩, with equality at the slopes of the loss."""
    if loss.conjugate is None:
        return
    for one in (energies, _allowed(loss, np.round(energies))):
        value, slope = loss(one, correct)
        touch = loss.conjugate(slope, correct) + value - np.einsum("ij,ij->i", slope, one)
        size = _row_size(one, value, slope) ** 2
        promise = "ℓ(F) + ℓ*(g) must equal ⟨g, F⟩ at the slope g of the loss at F"
        _demand_close(touch, 0 * value, size, loss, promise, "the difference of")
    rng = np.random.RandomState(6)
    for temperature in (0.0, *TEMPERATURES):
        slope = (loss.smoothed(temperature) if temperature else loss)(energies, correct)[1]
        # What the duality gap uses: the slopes, all of them scaled down, and wrong answers scaled
        # down one by one, with the right answer in balance where the loss sees differences.
        uneven = slope * rng.uniform(size=slope.shape)
        if not loss.pinned:
            uneven = np.where(correct, 0, uneven)
            uneven = np.where(correct, -uneven.sum(axis=1, keepdims=True), uneven)
        for used in (slope, 0.3 * slope, 0 * slope, uneven):
            top = loss.conjugate(used, correct)
            for other in _others(loss, energies):
                value, other_slope = loss(other, correct)
                excess = value + top - np.einsum("ij,ij->i", used, other)
                size = _row_size(other, value, other_slope) + np.abs(top)
                size = size * (1 + np.abs(used).max(axis=1))
                promise = "ℓ(F) + ℓ*(g) must not be below ⟨g, F⟩"
                found = f"it is by {-excess.min():.3g} with {energies.shape[1]} answers"
                _demand(np.all(excess >= -1e-9 * size), loss, promise, found)


def check_curvature(loss: Loss, energies: Array, correct: Mask) -> None:
    """The curvature product is the derivative of the slope, also of the smoothed loss."""
    rng = np.random.RandomState(7)
    one, other = rng.normal(size=(2, *energies.shape))
    for smooth in (loss, *(loss.smoothed(temperature) for temperature in TEMPERATURES)):
        if smooth.curvature is None:
            continue
        product = smooth.curvature(energies, correct)
        bent, other_bent = product(one), product(other)
        size = 1.0 + np.abs(smooth(energies, correct)[1]).max(axis=1) + np.abs(bent).max(axis=1)

        def quotient(h: float, smooth: Loss = smooth) -> Array:
            above, below = (smooth(energies + s * h * one, correct)[1] for s in (1, -1))
            return (above - below) / (2 * h)

        wide, narrow = quotient(1e-5), quotient(1e-6)
        # Where a kink lies between the two points the quotients differ tenfold.
        plain = (np.abs(wide - narrow) <= 1e-3 * size[:, None]).all(axis=1)
        promise = "the curvature product must be the derivative of the slope"
        _demand(plain.mean() > 0.8, smooth, promise, "differences of the slope do not settle")
        size = size[plain, None] * (1.0 + np.abs(energies[plain]).max(axis=1, keepdims=True))
        _demand_close(bent[plain], narrow[plain], size, smooth, promise, "of a product", 1e-5)
        mixed, back = np.sum(other * bent, axis=1), np.sum(one * other_bent, axis=1)
        unit = 1.0 + np.abs(bent).max(axis=1) + np.abs(other_bent).max(axis=1)
        promise = "the curvature must be symmetric: ⟨u, Hv⟩ = ⟨v, Hu⟩"
        _demand_close(mixed, back, unit, smooth, promise, "of a product")


# Energies -----------------------------------------------------------------------------------------


def _energy_cases(energy: Energy) -> Iterator[tuple[Array, int, Params]]:
    """Rows with many zeros and columns of unlike size, and random parameters."""
    for n_answers in ANSWERS:
        rng = np.random.RandomState(n_answers)
        X = rng.normal(size=(15, 4)) * [0.3, 1.0, 1.0, 5.0] * (rng.uniform(size=(15, 4)) < 0.6)
        params: Params = {
            name: rng.normal(size=shape) for name, shape in energy.shapes(4, n_answers).items()
        }
        yield X, n_answers, params


def _random_like(params: Params, seed: int) -> Params:
    rng = np.random.RandomState(seed)
    return {name: rng.normal(size=value.shape) for name, value in params.items()}


def _dot(one: Params, other: Params) -> float:
    return float(sum(np.vdot(one[name], other[name]) for name in one))


def check_start(energy: Energy, X: Array, n_answers: int, params: Params) -> None:
    """`start` gives finite parameters of the shapes of `shapes`; `penalized` names some of them."""
    shapes = dict(energy.shapes(X.shape[1], n_answers))
    y = np.arange(len(X)) % n_answers
    start = energy.start(X, y, np.ones(len(X)), n_answers, np.random.RandomState(0))
    found = {name: np.shape(value) for name, value in start.items()}
    promise = f"start must give parameters of shapes {shapes}"
    _demand(found == shapes, energy, promise, f"it gives {found}")
    finite = all(np.isfinite(value).all() for value in start.values())
    _demand(finite, energy, "start must give finite parameters", "it does not")
    unknown = sorted(set(energy.penalized) - set(shapes))
    promise = "penalized must name parameters"
    _demand(not unknown, energy, promise, f"there is no {', '.join(unknown)}")


def check_energies(energy: Energy, X: Array, n_answers: int, params: Params) -> None:
    """Energies (n, k[, z]) in the dtype of X, finite; float32 agrees; inputs stay as they are."""
    before, stored = X.copy(), {name: value.copy() for name, value in params.items()}
    rounded: Params = {
        name: value.astype(np.float32).astype(np.float64) for name, value in params.items()
    }
    wide = energy.linearize(rounded, X.astype(np.float32).astype(np.float64)).energies
    size = 1.0 + np.abs(wide).max()
    for dtype in (np.float64, np.float32):
        narrow: Params = {name: value.astype(dtype) for name, value in params.items()}
        line = energy.linearize(narrow, X.astype(dtype))
        expected = f"(n, {n_answers}) or (n, {n_answers}, z) and dtype {np.dtype(dtype).name}"
        found = f"it has shape {line.energies.shape} and dtype {line.energies.dtype}"
        kept = line.energies.shape[:2] == (len(X), n_answers) and line.energies.dtype == dtype
        promise = f"the array of energies must have shape {expected}"
        _demand(kept and line.energies.ndim in (2, 3), energy, promise, found)
        _demand(np.isfinite(line.energies).all(), energy, "energies must be finite", "they are not")
    promise = "float32 must give what float64 gives, but for rounding"
    _demand_close(line.energies, wide, size, energy, promise, "of an energy", 1e-5)
    energy.linearize(params, X).pullback(np.ones_like(wide))
    same = np.array_equal(before, X) and all(
        np.array_equal(stored[name], value) for name, value in params.items()
    )
    _demand(same, energy, "linearize must leave its inputs as they are", "it writes on them")


def check_pullback(energy: Energy, X: Array, n_answers: int, params: Params) -> None:
    """The pullback is the derivative of ⟨dE, energies⟩ in the parameters."""
    line = energy.linearize(params, X)
    slope = np.random.RandomState(8).normal(size=line.energies.shape)
    gradient = line.pullback(slope)
    names = {name: np.shape(value) for name, value in gradient.items()}
    shapes = {name: value.shape for name, value in params.items()}
    promise = f"the pullback must give parameters of shapes {shapes}"
    _demand(names == shapes, energy, promise, f"it gives {names}")
    step = 1e-6
    for name, value in params.items():
        for index in np.ndindex(value.shape):
            energies = []
            for sign in (1, -1):
                moved = {**params, name: value.copy()}
                moved[name][index] += sign * step
                energies.append(energy.linearize(moved, X).energies)
            difference = float(np.vdot(slope, energies[0] - energies[1])) / (2 * step)
            size = 1.0 + np.abs(line.energies).sum()
            promise = "the pullback must be the derivative of the energies in the parameters"
            where = f"at {name}{list(index)} the pullback is the first, central differences second:"
            _demand_close(gradient[name][index], difference, size, energy, promise, where, 1e-7)


def check_pushforward(energy: Energy, X: Array, n_answers: int, params: Params) -> None:
    """⟨pushforward v, dE⟩ = ⟨v, pullback dE⟩."""
    line = energy.linearize(params, X)
    if line.pushforward is None:
        return
    direction = _random_like(params, 9)
    slope = np.random.RandomState(8).normal(size=line.energies.shape)
    forth = float(np.vdot(line.pushforward(direction), slope))
    back = _dot(direction, line.pullback(slope))
    promise = "pushforward and pullback must be adjoint: ⟨pushforward v, dE⟩ = ⟨v, pullback dE⟩"
    _demand_close(forth, back, 1.0 + abs(forth), energy, promise, "the first")


def check_energy_rows(energy: Energy, X: Array, n_answers: int, params: Params) -> None:
    """Each row has its energies whatever the other rows; the pullback sums over rows."""
    line = energy.linearize(params, X)
    slope = np.random.RandomState(8).normal(size=line.energies.shape)
    size = 1.0 + np.abs(line.energies).max()
    order = np.random.RandomState(2).permutation(len(X))
    rows = np.array_split(order, 4)
    blocks = [energy.linearize(params, X[index]) for index in rows]
    mine = np.concatenate([block.energies for block in blocks])
    promise = "rows must be independent, so that blocks in another order give the same"
    _demand_close(mine, line.energies[order], size, energy, promise, "of an energy")
    pieces = [block.pullback(slope[index]) for block, index in zip(blocks, rows, strict=True)]
    for name, whole in line.pullback(slope).items():
        total = sum(piece[name] for piece in pieces)
        promise = f"the pullback must be a sum over rows, in {name} too"
        _demand_close(total, whole, 1.0 + np.abs(whole).max(), energy, promise, "of a sum")


def check_sparse(energy: Energy, X: Array, n_answers: int, params: Params) -> None:
    """Sparse rows, as matrices and as arrays, give what dense rows give."""
    dense = energy.linearize(params, X)
    slope = np.random.RandomState(8).normal(size=dense.energies.shape)
    gradient = dense.pullback(slope)
    weight = np.linspace(0.5, 2, len(X))
    ruler = energy.curvature_scale(X, weight, n_answers)
    for kind in (sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix, sparse.csc_array):
        rows = kind(X)
        line = energy.linearize(params, rows)
        promise = f"{kind.__name__} rows must give what dense rows give"
        kept = type(line.energies) is np.ndarray
        _demand(kept, energy, promise, f"the energies are a {type(line.energies).__name__}")
        pairs = [("energies", line.energies, dense.energies)]
        pairs += [(name, value, gradient[name]) for name, value in line.pullback(slope).items()]
        other = energy.curvature_scale(rows, weight, n_answers)
        if ruler is not None and other is not None:
            pairs += [(name, other[name], ruler[name]) for name in ruler]
        for name, mine, whole in pairs:
            unit = 1.0 + np.abs(whole).max()
            _demand_close(mine, whole, unit, energy, promise, f"of {name}")


def check_declarations(energy: Energy, X: Array, n_answers: int, params: Params) -> None:
    """`linear` and `nonnegative` are true where they are said."""
    one = energy.linearize(params, X).energies
    if energy.nonnegative:
        promise = "it says nonnegative = True, so no energy may be below 0"
        _demand(one.min() >= 0, energy, promise, f"one is {one.min():.3g}")
    if energy.linear:
        direction = _random_like(params, 9)
        mixed: Params = {name: 2 * value - direction[name] for name, value in params.items()}
        expected = 2 * one - energy.linearize(direction, X).energies
        promise = "it says linear = True, so E(2u − v) must be 2E(u) − E(v)"
        size = 1.0 + np.abs(one).max() + np.abs(expected).max()
        energies = energy.linearize(mixed, X).energies
        _demand_close(energies, expected, size, energy, promise, "of an energy")


def check_curvature_scale(energy: Energy, X: Array, n_answers: int, params: Params) -> None:
    """For a linear energy, the scale is √Σᵢ wᵢ (∂Fᵢ/∂W)², parameter by parameter."""
    weight = np.linspace(0.5, 2, len(X))
    scale = energy.curvature_scale(X, weight, n_answers)
    if scale is None or not energy.linear:
        return
    zero: Params = {name: np.zeros_like(value) for name, value in params.items()}
    for name, value in params.items():
        for index in np.ndindex(value.shape):
            unit = {**zero, name: np.zeros_like(value)}
            unit[name][index] = 1.0
            change = energy.linearize(unit, X).energies.reshape(len(X), -1)
            expected = np.sqrt(weight @ (change**2).sum(axis=1))
            promise = "curvature_scale must be √Σᵢ wᵢ (∂Fᵢ/∂W)²"
            where = f"at {name}{list(index)} the given"
            _demand_close(scale[name][index], expected, 1.0 + expected, energy, promise, where)


def check_fitted_attributes(energy: Energy, X: Array, n_answers: int, params: Params) -> None:
    """Fitted attributes are finite arrays whose names end in an underscore."""
    for name, value in energy.fitted_attributes(params, n_answers).items():
        promise = "the names of fitted attributes must end in one underscore"
        kept = name.endswith("_") and not name.endswith("__") and not name.startswith("_")
        _demand(kept, energy, promise, f"there is {name!r}")
        finite = isinstance(value, np.ndarray) and np.isfinite(value).all()
        _demand(finite, energy, "fitted attributes must be finite arrays", f"{name} is not")


# Eliminations -------------------------------------------------------------------------------------


def _elimination_cases(elimination: Elimination) -> Iterator[tuple[Array]]:
    for n_values in ANSWERS:
        yield (_random_energies(n_values),)


def check_weights(elimination: Elimination, energies: Array) -> None:
    """Weights are never negative and sum to 1; they are the derivative of the result."""
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-5)):
        free, weights = elimination(energies.astype(dtype))
        promise = f"{np.dtype(dtype).name} energies must give {np.dtype(dtype).name} results"
        found = f"they give {free.dtype} and {weights.dtype}"
        _demand(free.dtype == dtype and weights.dtype == dtype, elimination, promise, found)
        promise = "the weights must not be negative"
        _demand(np.all(weights >= 0), elimination, promise, f"one is {weights.min():.3g}")
        total = weights.sum(axis=-1)
        promise = "the weights must sum to 1"
        _demand_close(total, np.ones_like(total), 1, elimination, promise, "a sum of", tolerance)
    promise = "the weights must be the derivative of the result"
    _check_derivative(elimination, elimination, energies, promise)


def check_last_axis(elimination: Elimination, energies: Array) -> None:
    """The last axis is eliminated, whatever the others are, and the input stays as it is."""
    before = energies.copy()
    free, weights = elimination(energies)
    promise = "a call must leave its input as it is"
    _demand(np.array_equal(before, energies), elimination, promise, "it writes on it")
    for shape in ((4, -1), (2, 5, 2, 2)):
        deep = energies.reshape(*shape[:-1], -1, energies.shape[1])
        other = elimination(deep)
        promise = f"energies of shape {deep.shape} must lose their last axis and nothing else"
        found = f"the result has shape {other.energies.shape}"
        _demand(other.energies.shape == deep.shape[:-1], elimination, promise, found)
        kept = np.allclose(other.energies.ravel(), free, rtol=1e-12, atol=1e-12)
        kept = kept and np.allclose(other.weights.reshape(weights.shape), weights, atol=1e-12)
        _demand(kept, elimination, promise, "the numbers are others")


def check_shift(elimination: Elimination, energies: Array) -> None:
    """A constant added to a row is added to the result; values in another order change nothing."""
    free, weights = elimination(energies)
    shift = np.random.RandomState(4).normal(size=(len(energies), 1))
    size = 1.0 + np.abs(energies).max(axis=1)
    moved, moved_weights = elimination(energies + shift)
    promise = "a constant added to a row must be added to the result and leave the weights"
    _demand_close(moved, free + shift[:, 0], size, elimination, promise, "the result of")
    _demand_close(moved_weights, weights, size[:, None], elimination, promise, "a weight of")
    order = np.random.RandomState(3).permutation(energies.shape[1])
    mixed, mixed_weights = elimination(energies[:, order])
    promise = "the order of the values must not matter"
    _demand_close(mixed, free, size, elimination, promise, "the result of")
    unit = size[:, None]
    _demand_close(mixed_weights, weights[:, order], unit, elimination, promise, "a weight of")


def check_unavailable(elimination: Elimination, energies: Array) -> None:
    """A value of energy +inf counts for nothing."""
    free, weights = elimination(energies)
    wider = np.insert(energies, 1, np.inf, axis=1)
    other, other_weights = elimination(wider)
    promise = "a value of energy +inf must count for nothing"
    size = 1.0 + np.abs(energies).max(axis=1)
    _demand_close(other, free, size, elimination, promise, "the result of")
    found = "its weight is not 0"
    _demand(np.all(other_weights[:, 1] == 0), elimination, promise, found)
    left = np.delete(other_weights, 1, axis=1)
    _demand_close(left, weights, size[:, None], elimination, promise, "a weight of")


# Solvers ------------------------------------------------------------------------------------------


def _solver_cases(solver: Solver) -> Iterator[tuple[Objective]]:
    """Small problems with columns of unlike size; separable for a solver of online losses."""
    for n_answers in ANSWERS:
        rng = np.random.RandomState(n_answers)
        y = np.arange(60) % n_answers
        noise, weight = rng.normal(size=(60, 4)), rng.uniform(0.5, 2.0, size=60)
        if solver.online:
            X = np.hstack([0.1 * noise, correct_mask(y, n_answers)])
            yield (Objective(Linear(), Perceptron(), X, y, weight, n_answers, 0.0),)
        else:
            X = noise * [0.1, 1.0, 1.0, 30.0]
            yield (Objective(Linear(), NLL(), X, y, weight, n_answers, 1.0),)


def check_result(solver: Solver, objective: Objective) -> None:
    """The result is consistent, repeatable, near the minimum, and no worse than the start."""
    start = 0.1 * np.random.RandomState(0).normal(size=objective.layout.size)
    before = start.copy()

    def run(max_iter: int) -> Any:
        rng = np.random.RandomState(0)
        return solver.minimize(objective, start, tol=1e-10, max_iter=max_iter, rng=rng)

    result = run(1000)
    _demand(np.array_equal(before, start), solver, "start must stay as it is", "it is changed")
    _demand(np.array_equal(result.w, run(1000).w), solver, "the same rng must give the same w",
            "it gives another")  # fmt: skip
    _demand(result.converged, solver, "an easy problem must converge", result.message)
    value = objective.value(result.w)
    promise = "value must be the objective at w"
    _demand_close(result.value, value, 1.0 + abs(value), solver, promise, "the first", 1e-12)
    promise = "curve must hold the objective at the start and after each iteration"
    found = f"it has {len(result.curve)} entries after {result.n_iter} iterations"
    _demand(len(result.curve) == result.n_iter + 1, solver, promise, found)
    at_start = objective.value(start)
    _demand_close(result.curve[0], at_start, 1 + at_start, solver, promise, "at the start")
    if solver.online:
        _demand(value == 0, solver, "separable rows must be separated", f"the loss is {value:.3g}")
    else:
        rises = max(np.diff(result.curve), default=0.0)
        promise = "the objective must not rise"
        _demand(rises <= 1e-12 * at_start, solver, promise, f"it rises by {rises:.3g}")
        _, gradient = objective.evaluate(result.w)
        left = 0.5 * float(np.sum((gradient * objective.scale()) ** 2))
        promise = "at the end the expected decrease must be below tol · f"
        _demand(left <= 1e-9 * value, solver, promise, f"it is {left:.3g}")
    short = run(1)
    promise = "max_iter must bound the iterations"
    _demand(short.n_iter <= 1, solver, promise, f"max_iter=1 gives {short.n_iter}")


# The lists ----------------------------------------------------------------------------------------

PART_CHECKS = (check_init_stores, check_copies, check_examples)
LOSS_CHECKS = (
    check_shapes_and_dtypes,
    check_untouched,
    check_slope,
    check_rows_independent,
    check_answers_alike,
    check_level,
    check_convex,
    check_smoothness,
    check_smoothed,
    check_conjugate,
    check_curvature,
)
ENERGY_CHECKS = (
    check_start,
    check_energies,
    check_pullback,
    check_pushforward,
    check_energy_rows,
    check_sparse,
    check_declarations,
    check_curvature_scale,
    check_fitted_attributes,
)
ELIMINATION_CHECKS = (check_weights, check_last_axis, check_shift, check_unavailable)
SOLVER_CHECKS = (check_result,)
