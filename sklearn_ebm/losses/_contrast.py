"""Contrasts: comparison of the correct answer with the most offending wrong answer, or with all.

Both use the *offending energies* o_ȳ = F(ȳ) − m_yȳ, the energies of wrong answers less their
margin. A pairwise loss is then a function φ(F(y), o) of two numbers.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import numpy as np

from sklearn_ebm._utils.array_api import at_least, in_dtype, namespace_of, reduce_last_axis
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.registry import Registry
from sklearn_ebm.inference import Minimum, SoftMinimum
from sklearn_ebm.inference.base import Elimination
from sklearn_ebm.losses._right_answers import Mask, RightAnswers
from sklearn_ebm.losses.curvature import Curvature


class Pairs(Protocol):
    """The part of `PairwiseLoss` that a contrast uses."""

    traits: Any
    pair_curvature: Any
    pair_conjugate: Any

    def pair(self, right: Array, offending: Array, temperature: float) -> tuple[Array, ...]:
        """φ and its two partial derivatives."""

    def _margins(self, correct: Mask, dtype: Any) -> Any:
        """Margins, as a scalar or of shape (n_samples, m)."""


# Entries that exceed the curvature by more than this factor would lose it to rounding.
LARGEST_RATIO = 4.0


class Contrast:
    """Computes a loss on the energies of a row from a loss on pairs of answers.

    Attributes
    ----------
    takes_minimum : bool
        Whether only the minimum over the wrong answers counts. The loss then has a kink where the
        most offending answer changes, and the conjugate of a loss of energy differences limits
        only the sum of the slopes at wrong answers.
    """

    takes_minimum: ClassVar[bool] = False

    def value_and_slope(
        self, loss: Pairs, energies: Array, correct: Mask, temperature: float
    ) -> tuple[Array, Array]:
        """Value (n,) and slope (n, m)."""
        raise NotImplementedError

    def curvature(
        self, loss: Pairs, energies: Array, correct: Mask, temperature: float
    ) -> Curvature:
        """Second derivatives in the energies of each row."""
        raise NotImplementedError

    def conjugate(self, loss: Pairs, slope: Array, correct: Mask) -> Array:
        """Convex conjugate (n,) at slopes (n, m)."""
        raise NotImplementedError


class Hardest(Contrast):
    """ℓ = φ(F(y), min_ȳ o_ȳ); at temperature T the minimum becomes −T log Σ exp(−o_ȳ/T)."""

    takes_minimum = True

    def _eliminate(
        self, loss: Pairs, energies: Array, correct: Mask, temperature: float
    ) -> tuple[RightAnswers, Array, Array, Array]:
        answers = RightAnswers(namespace_of(energies, correct), correct)
        offending = energies - loss._margins(correct, energies.dtype)
        offending = answers.assign(offending, np.inf)
        hard_or_soft: Elimination = SoftMinimum(1 / temperature) if temperature else Minimum()
        lowest, weights = hard_or_soft(offending)
        return answers, answers.take(energies), lowest, weights

    def value_and_slope(
        self, loss: Pairs, energies: Array, correct: Mask, temperature: float
    ) -> tuple[Array, Array]:
        """Value (n,) and slope (n, m)."""
        answers, right, lowest, slope = self._eliminate(loss, energies, correct, temperature)
        value, slope_right, slope_offending = loss.pair(right, lowest, temperature)
        slope *= in_dtype(answers.xp, slope_offending, slope.dtype)[:, None]
        return value, answers.assign(slope, slope_right)

    def curvature(
        self, loss: Pairs, energies: Array, correct: Mask, temperature: float
    ) -> Curvature:
        """Second derivatives in the energies of each row.

        The soft minimum o with weights π has the derivatives ∂o = π and ∂²o = −(diag π − ππᵀ)/T.
        With the unit vector e of the correct answer, the rest of the second derivatives is
        φ_rr e eᵀ + φ_ro (e πᵀ + π eᵀ) + c ππᵀ. As e eᵀ is diagonal, one outer product
        c (π + r e)(π + r e)ᵀ with r = φ_ro/c represents it. If c is too small for the division,
        φ_ro ((e + π)(e + π)ᵀ − e eᵀ − ππᵀ) replaces the mixed term.
        """
        answers, right, lowest, weights = self._eliminate(loss, energies, correct, temperature)
        xp = answers.xp
        _, _, slope_offending = loss.pair(right, lowest, temperature)
        both_right, mixed, both_offending = loss.pair_curvature(right, lowest, temperature)
        of_minimum = -slope_offending / temperature if temperature else xp.zeros_like(right)
        both = both_offending - of_minimum
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            ratio = xp.where(mixed == 0, 0, mixed / both)
            level = max(_largest(xp, xp.abs(both_right)), _largest(xp, of_minimum))
            top = LARGEST_RATIO * max(level, 1 / temperature if temperature else 0.0)
            separate = xp.where(xp.abs(mixed * ratio) <= top, 0, mixed)
        ratio = xp.where(separate != 0, 0, ratio)
        own = both_right - (mixed - separate) * ratio - separate
        diagonal = answers.assign(of_minimum[:, None] * weights, own)
        # The weights are 0 at the correct answers, so a multiple of e is written there.
        outer = _outer(xp, both, weights := answers.assign(weights, ratio))
        if _largest(xp, xp.abs(separate)) != 0:
            outer += _outer(xp, separate, weights := answers.assign(weights, 1))
            outer += _outer(xp, -separate, answers.assign(weights, 0))
        return Curvature(diagonal, tuple(outer))

    def conjugate(self, loss: Pairs, slope: Array, correct: Mask) -> Array:
        """Convex conjugate (n,) at slopes (n, m).

        At the supremum all offending energies are equal, so only the sum of the slopes at wrong
        answers matters: ℓ*(g) = Σ_ȳ m_yȳ g_ȳ + φ*(g_y, Σ_ȳ g_ȳ).
        """
        xp = namespace_of(slope, correct)
        right = RightAnswers(xp, correct).take(slope)
        wrong = xp.where(correct, 0, slope)
        shift = reduce_last_axis(xp, "sum", wrong * loss._margins(correct, slope.dtype))
        return shift + loss.pair_conjugate(right, reduce_last_axis(xp, "sum", wrong))


class All(Contrast):
    """ℓ = Σ_ȳ φ(F(y), o_ȳ): the sum over all wrong answers, term by term."""

    def _pairs(
        self, loss: Pairs, energies: Array, correct: Mask
    ) -> tuple[RightAnswers, Array, Array]:
        answers = RightAnswers(namespace_of(energies, correct), correct)
        wrong = answers.others(energies - loss._margins(correct, energies.dtype))
        right = answers.take(energies)[:, None]
        return answers, answers.xp.broadcast_to(right, wrong.shape), wrong

    def value_and_slope(
        self, loss: Pairs, energies: Array, correct: Mask, temperature: float
    ) -> tuple[Array, Array]:
        """Value (n,) and slope (n, m)."""
        answers, right, wrong = self._pairs(loss, energies, correct)
        xp = answers.xp
        value, slope_right, slope_offending = loss.pair(right, wrong, temperature)
        slope = answers.join(reduce_last_axis(xp, "sum", slope_right), slope_offending)
        return reduce_last_axis(xp, "sum", value), in_dtype(xp, slope, energies.dtype)

    def curvature(
        self, loss: Pairs, energies: Array, correct: Mask, temperature: float
    ) -> Curvature:
        """Second derivatives in the energies of each row.

        Their matrix is an arrowhead matrix: a diagonal, and a vector v in the row and the column of
        the correct answer e. The latter is e vᵀ + v eᵀ = (e + v)(e + v)ᵀ − e eᵀ − v vᵀ, in which
        e eᵀ is diagonal.
        """
        answers, right, wrong = self._pairs(loss, energies, correct)
        xp = answers.xp
        both_right, mixed, both_offending = loss.pair_curvature(right, wrong, temperature)
        diagonal = answers.join(reduce_last_axis(xp, "sum", both_right) - 1, both_offending)
        arrow = answers.join(xp.zeros_like(right[:, 0]), mixed)
        joint = answers.assign(xp.asarray(arrow, copy=True), 1)
        return Curvature(diagonal, ((1.0, joint), (-1.0, arrow)))

    def conjugate(self, loss: Pairs, slope: Array, correct: Mask) -> Array:
        """Convex conjugate (n,) at slopes (n, m).

        The conjugate of a sum is an infimal convolution, which divides the slope at the correct
        answer among the pairs. For a loss of energy differences g_y = −g_ȳ in each pair; for a loss
        that fixes the level the terms in F(y) are equal, so equal parts are optimal.
        """
        xp = namespace_of(slope, correct)
        answers = RightAnswers(xp, correct)
        right, wrong = answers.take(slope), answers.others(slope)
        part = xp.broadcast_to(right[:, None] / wrong.shape[1], wrong.shape)
        pairs = loss.pair_conjugate(part if loss.traits.fixes_level else -wrong, wrong)
        margins = loss._margins(correct, slope.dtype)
        shift = wrong * (margins if isinstance(margins, float) else answers.others(margins))
        return reduce_last_axis(xp, "sum", pairs + shift)


def _largest(xp: Any, array: Array) -> float:
    """The largest of numbers (n,), or 0 if none is positive."""
    return max(float(reduce_last_axis(xp, "max", array)), 0.0) if array.shape[0] else 0.0


def _outer(xp: Any, factor: Array, vector: Array) -> list[tuple[float, Array]]:
    """Σ fᵢ vᵢvᵢᵀ as outer products with the factors +1 and −1; empty if all fᵢ are 0."""
    terms = []
    for sign in (1.0, -1.0):
        size = xp.sqrt(at_least(xp, sign * factor, 0.0))
        if _largest(xp, size) != 0:
            terms.append((sign, size[:, None] * vector))
    return terms


CONTRASTS: Registry[Contrast] = Registry("contrast", Contrast, {"hardest": Hardest, "all": All})
