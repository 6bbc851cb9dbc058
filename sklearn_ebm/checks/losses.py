"""Checks of losses."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sklearn.base import clone

from sklearn_ebm._utils.arrays import correct_mask
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.checks.base import (
    ANSWERS,
    ROWS,
    demand,
    demand_close,
    demand_derivative,
    random_energies,
    row_size,
    run_checks,
)
from sklearn_ebm.losses import Loss
from sklearn_ebm.losses._right_answers import Mask

# Relative change of the slope, between points at a distance of 1e-12, that indicates a kink.
JUMP = 1e-3
HALVINGS = 45
TEMPERATURES = (1.0, 0.1, 0.01)


def check_loss(loss: Loss) -> None:
    """Check that a loss meets the requirements of `sklearn_ebm.losses.Loss`.

    The loss is checked with its own settings and with each of its `examples`, for 2, 3 and 7
    answers, at random energies of sizes from 0.1 to 10, in float64 and float32.

    Parameters
    ----------
    loss : Loss
        The loss to check.

    Raises
    ------
    AssertionError
        At the first violated requirement; the message states the loss, the requirement and the
        observed values.

    See Also
    --------
    sklearn_ebm.losses.PairwiseLoss : Base class for your own losses.

    Examples
    --------
    A squared hinge passes:

    >>> from sklearn_ebm.checks.losses import check_loss
    >>> from sklearn_ebm.losses import PairwiseLoss, Traits
    >>> from sklearn_ebm.losses._positive_part import positive_part
    >>> class SquaredHinge(PairwiseLoss):
    ...     traits = Traits(convex=True)
    ...     examples = ({}, {"margin": 2.0})
    ...
    ...     def __init__(self, margin=1.0):
    ...         self.margin = margin
    ...
    ...     def pair(self, right, offending, temperature):
    ...         violation, _ = positive_part(right - offending)
    ...         return violation**2, 2 * violation, -2 * violation
    >>> check_loss(SquaredHinge())

    With half of the correct slope it does not pass:

    >>> class Slow(SquaredHinge):
    ...     def pair(self, right, offending, temperature):
    ...         violation, _ = positive_part(right - offending)
    ...         return violation**2, violation, -violation
    >>> check_loss(Slow())
    Traceback (most recent call last):
        ...
    AssertionError: Slow(): the slope must be the derivative of the value, but with ...
    """
    demand(isinstance(loss, Loss), loss, "a loss must inherit from Loss", "it does not")
    run_checks(LOSS_CHECKS, loss, loss_cases)


def _accepted_answers(loss: Loss) -> list[int]:
    """Numbers of answers: 2, 3 and 7, or the number of classes of class-pair margins."""

    def accepted(n_answers: int) -> bool:
        try:
            loss._validate(n_answers)
        except ValueError:
            return False
        return True

    usual = [n_answers for n_answers in ANSWERS if accepted(n_answers)]
    usual = usual or [n_answers for n_answers in range(2, 100) if accepted(n_answers)][:1]
    demand(usual, loss, "_validate must accept some number of answers", "it refuses 2 to 99")
    return usual


def loss_cases(loss: Loss) -> Iterator[tuple[Array, Mask]]:
    """Yield random valid energies, and masks of right answers."""
    for n_answers in _accepted_answers(loss):
        answer = np.random.RandomState(0).randint(n_answers, size=ROWS)
        yield allowed(loss, random_energies(n_answers)), correct_mask(answer, n_answers)


def allowed(loss: Loss, energies: Array) -> Array:
    """Return the energies, made positive if the loss requires it."""
    return np.abs(energies) + 0.05 if loss.traits.needs_nonnegative else energies


def _others(loss: Loss, energies: Array) -> Iterator[Array]:
    """Other energies: distant ones, close ones, and integers, at which there are kinks and ties."""
    rng = np.random.RandomState(1)
    for size in (10.0, 1.0, 0.01):
        yield allowed(loss, energies + size * rng.normal(size=energies.shape))
    yield allowed(loss, np.round(energies))


def check_shapes_and_dtypes(loss: Loss, energies: Array, correct: Mask) -> None:
    """Value (n,) and slope (n, m) have the dtype of the energies and are finite."""
    with np.errstate(all="ignore"):
        wide, wide_slope = loss(energies.astype(np.float32).astype(np.float64), correct)
    size = row_size(energies, wide, wide_slope)
    for dtype in (np.float64, np.float32):
        value, slope = loss(energies.astype(dtype), correct)
        n_answers, name = energies.shape[1], np.dtype(dtype).name
        for what, array, shape in (
            ("value", value, energies.shape[:1]), ("slope", slope, energies.shape)
        ):  # fmt: skip
            promise = f"the {what} of {name} energies must be a {name} array of shape {shape}"
            found = f"it has shape {np.shape(array)} and dtype {np.asarray(array).dtype}"
            right_kind = np.shape(array) == shape and np.asarray(array).dtype == dtype
            demand(right_kind, loss, promise, found)
            finite = f"the {what} must be finite for energies of ordinary size"
            found = f"it is not with {n_answers} answers in {name}"
            demand(np.isfinite(array).all(), loss, finite, found)
    promise = "float32 must give what float64 gives, but for rounding"
    where = f"with {n_answers} answers the"
    demand_close(value, wide, size, loss, promise, where, 1e-5)
    demand_close(slope, wide_slope, size[:, None], loss, promise, where, 1e-5)


def check_untouched(loss: Loss, energies: Array, correct: Mask) -> None:
    """A call changes neither its inputs nor the loss, and does not depend on memory order."""
    before, mask = energies.copy(), correct.copy()
    value, slope = loss(energies, correct)
    promise = "a call must leave its inputs as they are"
    same = np.array_equal(before, energies) and np.array_equal(mask, correct)
    demand(same, loss, promise, "it writes on them")
    promise = "a call must leave the loss as it is"
    demand(repr(vars(loss)) == repr(vars(clone(loss))), loss, promise, "it sets attributes")
    other_value, other_slope = loss(np.asfortranarray(energies), np.ascontiguousarray(correct))
    promise = "the memory order of the energies must not matter"
    size = row_size(energies, value, slope)
    demand_close(value, other_value, size, loss, promise, "the value of")
    demand_close(slope, other_slope, size[:, None], loss, promise, "the slope of")


def check_slope(loss: Loss, energies: Array, correct: Mask) -> None:
    """The slope is the derivative of the value."""
    demand_derivative(
        loss, lambda e: loss(e, correct), energies, "the slope must be the derivative of the value"
    )


def check_rows_independent(loss: Loss, energies: Array, correct: Mask) -> None:
    """Rows in another order, or in blocks, give the same values and slopes."""
    value, slope = loss(energies, correct)
    order = np.random.RandomState(2).permutation(len(energies))
    size = row_size(energies, value, slope)
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
            demand_close(mine, whole, unit, loss, promise, "of a value or slope")


def check_answers_alike(loss: Loss, energies: Array, correct: Mask) -> None:
    """Answers in another order give the same value, and the slope in that order."""
    if np.ndim(loss.get_params(deep=False).get("margin", 0.0)) > 0:
        return  # class-pair margins depend on the order
    value, slope = loss(energies, correct)
    order = np.random.RandomState(3).permutation(energies.shape[1])
    other_value, other_slope = loss(energies[:, order], correct[:, order])
    size = row_size(energies, value, slope)
    promise = "answers in another order must give the same value and the slope in that order"
    demand_close(value, other_value, size, loss, promise, "the value of")
    demand_close(slope[:, order], other_slope, size[:, None], loss, promise, "the slope of")


def check_level(loss: Loss, energies: Array, correct: Mask) -> None:
    """The loss depends only on differences of energies, unless it `fixes_level`."""
    value, slope = loss(energies, correct)
    shift = np.random.RandomState(4).uniform(1, 2, size=(len(energies), 1))
    shifted, _ = loss(energies + shift, correct)
    size = row_size(energies, value, slope)
    if loss.traits.fixes_level:
        promise = "it says fixes_level = True, so the level of the energies must matter"
        demand(np.any(np.abs(shifted - value) > 1e-6 * size), loss, promise, "it does not")
        return
    promise = "it says fixes_level = False, so a constant added to a row must change nothing"
    demand_close(value, shifted, size, loss, promise, "the value of")
    promise = "it says fixes_level = False, so the slopes of a row must sum to 0"
    demand_close(slope.sum(axis=1), 0 * value, size, loss, promise, "the sum of")


def check_convex(loss: Loss, energies: Array, correct: Mask) -> None:
    """A loss with the trait `convex` is below its chords and above its tangents."""
    if not loss.traits.convex:
        return
    for one in (energies, allowed(loss, np.round(energies))):
        value, slope = loss(one, correct)
        for other in _others(loss, energies):
            other_value, other_slope = loss(other, correct)
            size = row_size(one, value, slope) * (1 + np.abs(other - one).max(axis=1))
            size = size + row_size(other, other_value, other_slope)
            chord = 0.5 * (value + other_value) - loss(0.5 * (one + other), correct)[0]
            tangent = other_value - value - np.einsum("ij,ij->i", slope, other - one)
            for what, above in (("below its chords", chord), ("above its tangents", tangent)):
                promise = f"it says convex = True, so it must lie {what}"
                found = f"it misses by {-above.min():.3g} with {energies.shape[1]} answers"
                demand(np.all(above >= -1e-9 * size), loss, promise, found)


def check_smoothness(loss: Loss, energies: Array, correct: Mask) -> None:
    """`is_smooth` is True only if the slope is continuous."""
    jump = _largest_jump(loss, loss, energies, correct)
    smooth = loss.is_smooth(energies.shape[1])
    found = f"the largest jump found with {energies.shape[1]} answers is {jump:.3g}"
    promise = f"is_smooth says {smooth}, so the slope must {'not ' if smooth else ''}jump"
    demand(smooth == (jump < JUMP), loss, promise, found)


def _largest_jump(loss: Loss, smooth: Loss, energies: Array, correct: Mask) -> float:
    """Largest relative jump of the slope of a version of the loss, on random segments.

    Each segment is repeatedly halved, towards the half in which the slope changes more. All
    energies are valid for the loss.
    """
    rng = np.random.RandomState(5)
    size = 10 ** rng.uniform(-0.5, 1.5, size=(len(energies), 1))
    low = allowed(loss, energies)
    high = allowed(loss, energies + size * rng.normal(size=energies.shape))
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
    """The smoothed loss is above the loss, tends to it, and has a continuous slope."""
    value, slope = loss(energies, correct)
    size = row_size(energies, value, slope)
    for temperature in TEMPERATURES:
        smooth = loss.smoothed(temperature)
        raised, _ = smooth(energies, correct)
        promise = f"smoothed({temperature}) must lie above the loss"
        found = f"it lies below by {(value - raised).max():.3g}"
        demand(np.all(raised >= value - 1e-9 * size), loss, promise, found)
        demand_derivative(
            smooth, lambda e, smooth=smooth: smooth(e, correct), energies,  # type: ignore[misc]
            "the slope must be the derivative of the value",
        )  # fmt: skip
        jump = _largest_jump(loss, smooth, energies, correct)
        promise = f"smoothed({temperature}) must have a continuous slope"
        demand(jump < JUMP, loss, promise, f"it jumps by {jump:.3g}")
    cold, _ = loss.smoothed(1e-7)(energies, correct)
    promise = "smoothed(T) must tend to the loss as T → 0"
    demand_close(cold, value, size * energies.shape[1], loss, promise, "at T = 1e-7", 1e-5)


def check_conjugate(loss: Loss, energies: Array, correct: Mask) -> None:
    """The conjugate obeys ℓ(F) + ℓ*(g) ≥ ⟨g, F⟩, with equality at the slopes of the loss."""
    if loss.conjugate is None:
        return
    for one in (energies, allowed(loss, np.round(energies))):
        value, slope = loss(one, correct)
        touch = loss.conjugate(slope, correct) + value - np.einsum("ij,ij->i", slope, one)
        size = row_size(one, value, slope) ** 2
        promise = "ℓ(F) + ℓ*(g) must equal ⟨g, F⟩ at the slope g of the loss at F"
        demand_close(touch, 0 * value, size, loss, promise, "the difference of")
    rng = np.random.RandomState(6)
    for temperature in (0.0, *TEMPERATURES):
        slope = (loss.smoothed(temperature) if temperature else loss)(energies, correct)[1]
        # The slopes that the duality gap uses: all scaled down, and single wrong answers scaled
        # down, with a sum of zero if the loss depends only on differences.
        uneven = slope * rng.uniform(size=slope.shape)
        if not loss.traits.fixes_level:
            uneven = np.where(correct, 0, uneven)
            uneven = np.where(correct, -uneven.sum(axis=1, keepdims=True), uneven)
        for used in (slope, 0.3 * slope, 0 * slope, uneven):
            top = loss.conjugate(used, correct)
            for other in _others(loss, energies):
                value, other_slope = loss(other, correct)
                excess = value + top - np.einsum("ij,ij->i", used, other)
                size = row_size(other, value, other_slope) + np.abs(top)
                size = size * (1 + np.abs(used).max(axis=1))
                promise = "ℓ(F) + ℓ*(g) must not be below ⟨g, F⟩"
                found = f"it is by {-excess.min():.3g} with {energies.shape[1]} answers"
                demand(np.all(excess >= -1e-9 * size), loss, promise, found)


def check_curvature(loss: Loss, energies: Array, correct: Mask) -> None:
    """The curvature product is the derivative of the slope, also of the smoothed loss."""
    rng = np.random.RandomState(7)
    one, other = rng.normal(size=(2, *energies.shape))
    for smooth in (loss, *(loss.smoothed(temperature) for temperature in TEMPERATURES)):
        if smooth.curvature is None:
            continue
        product = smooth.curvature(energies, correct).product
        bent, other_bent = product(one), product(other)
        size = 1.0 + np.abs(smooth(energies, correct)[1]).max(axis=1) + np.abs(bent).max(axis=1)

        def quotient(h: float, smooth: Loss = smooth) -> Array:
            above, below = (smooth(energies + s * h * one, correct)[1] for s in (1, -1))
            return (above - below) / (2 * h)

        wide, narrow = quotient(1e-5), quotient(1e-6)
        # If there is a kink between the two points, the quotients differ by a factor of ten.
        plain = (np.abs(wide - narrow) <= 1e-3 * size[:, None]).all(axis=1)
        promise = "the curvature product must be the derivative of the slope"
        demand(plain.mean() > 0.8, smooth, promise, "differences of the slope do not settle")
        size = size[plain, None] * (1.0 + np.abs(energies[plain]).max(axis=1, keepdims=True))
        demand_close(bent[plain], narrow[plain], size, smooth, promise, "of a product", 1e-5)
        mixed, back = np.sum(other * bent, axis=1), np.sum(one * other_bent, axis=1)
        unit = 1.0 + np.abs(bent).max(axis=1) + np.abs(other_bent).max(axis=1)
        promise = "the curvature must be symmetric: ⟨u, Hv⟩ = ⟨v, Hu⟩"
        demand_close(mixed, back, unit, smooth, promise, "of a product")


LOSS_CHECKS = (
    check_shapes_and_dtypes,
    check_untouched,
    check_rows_independent,
    check_slope,
    check_answers_alike,
    check_level,
    check_convex,
    check_smoothness,
    check_smoothed,
    check_conjugate,
    check_curvature,
)
