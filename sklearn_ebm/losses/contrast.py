"""Which wrong answers a pairwise loss is measured against: the most offending one, or all.

Both work on the *offending energies* o_ȳ = F(ȳ) − m_yȳ, the energies of wrong answers less their
margin, so that a loss is a function φ(F(y), o) of two numbers.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from sklearn_ebm._curvature import Curvature
from sklearn_ebm._params import Array
from sklearn_ebm._registry import Registry
from sklearn_ebm.inference import Elimination, Minimum, SoftMinimum
from sklearn_ebm.losses.base import Index, Mask, split_right


class Pairs(Protocol):
    """What a contrast needs to know of a pairwise loss; see `PairwiseLoss`."""

    pinned: Any
    pair_curvature: Any
    pair_conjugate: Any

    def pair(self, right: Array, offending: Array, temperature: float) -> tuple[Array, ...]:
        """φ and its two slopes."""

    def margins(self, correct: Mask, dtype: Any) -> Any:
        """Margins, as a scalar or of shape (n, m)."""


# Entries this much larger than the curvature itself would lose it to rounding.
LARGEST_RATIO = 4.0


class Contrast:
    """Turns a loss on pairs into a loss on the energies of a row."""

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

    def _eliminate(
        self, loss: Pairs, energies: Array, correct: Mask, temperature: float
    ) -> tuple[Index, Array, Array, Array]:
        index, right = split_right(energies, correct)
        offending = energies - loss.margins(correct, energies.dtype)
        offending[index] = np.inf
        hard_or_soft: Elimination = SoftMinimum(1 / temperature) if temperature else Minimum()
        lowest, weights = hard_or_soft(offending)
        return index, right, lowest, weights

    def value_and_slope(
        self, loss: Pairs, energies: Array, correct: Mask, temperature: float
    ) -> tuple[Array, Array]:
        """Value (n,) and slope (n, m)."""
        index, right, lowest, weights = self._eliminate(loss, energies, correct, temperature)
        value, slope_right, slope_offending = loss.pair(right, lowest, temperature)
        slope = weights
        slope *= np.asarray(slope_offending, dtype=slope.dtype)[:, None]
        slope[index] = slope_right
        return value, slope

    def curvature(
        self, loss: Pairs, energies: Array, correct: Mask, temperature: float
    ) -> Curvature:
        """Second derivatives in the energies of each row.

        With weights π of the soft minimum o, ∂o = π and ∂²o = −(diag π − ππᵀ)/T. In the plane of
        e, the right answer, and π the rest is φ_rr e eᵀ + φ_ro (e πᵀ + π eᵀ) + c ππᵀ. As e eᵀ is
        diagonal, one product c (π + r e)(π + r e)ᵀ with r = φ_ro/c holds all of it. Where c is too
        small for that, φ_ro ((e + π)(e + π)ᵀ − e eᵀ − ππᵀ) takes the place of the mixed term.
        """
        index, right, lowest, weights = self._eliminate(loss, energies, correct, temperature)
        _, _, slope_offending = loss.pair(right, lowest, temperature)
        both_right, mixed, both_offending = loss.pair_curvature(right, lowest, temperature)
        bend = -slope_offending / temperature if temperature else np.zeros_like(right)
        both = both_offending - bend
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            ratio = np.where(mixed == 0, 0, mixed / both)
            level = max(float(np.abs(both_right).max(initial=0.0)), float(bend.max(initial=0.0)))
            top = LARGEST_RATIO * max(level, 1 / temperature if temperature else 0.0)
            apart = np.where(np.abs(mixed * ratio) <= top, 0, mixed)
        ratio[apart != 0] = 0
        diagonal = bend[:, None] * weights
        diagonal[index] = both_right - (mixed - apart) * ratio - apart
        tilted, joint = weights.copy(order="K"), weights.copy(order="K")
        tilted[index], joint[index] = ratio, 1
        outer = _outer(both, tilted)
        if apart.any():
            outer += _outer(apart, joint) + _outer(-apart, weights)
        return Curvature(diagonal, tuple(outer))

    def conjugate(self, loss: Pairs, slope: Array, correct: Mask) -> Array:
        """Convex conjugate (n,) at slopes (n, m).

        At the supremum all offending energies are equal, so only the total push counts:
        ℓ*(g) = Σ_ȳ m_yȳ g_ȳ + φ*(g_y, Σ_ȳ g_ȳ).
        """
        _, right = split_right(slope, correct)
        wrong = np.where(correct, 0, slope)
        shift = (wrong * loss.margins(correct, slope.dtype)).sum(axis=1)
        return shift + loss.pair_conjugate(right, wrong.sum(axis=1))


class All(Contrast):
    """ℓ = Σ_ȳ φ(F(y), o_ȳ): the sum over all wrong answers, term by term."""

    def _pairs(self, loss: Pairs, energies: Array, correct: Mask) -> tuple[Array, Array]:
        _, right = split_right(energies, correct)
        offending = energies - loss.margins(correct, energies.dtype)
        wrong = offending[~correct].reshape(len(right), energies.shape[1] - 1)
        return np.broadcast_to(right[:, None], wrong.shape), wrong

    def _join(self, right: Array, wrong: Array, correct: Mask) -> Array:
        result = np.empty(correct.shape, dtype=wrong.dtype, order="F")
        result[~correct] = wrong.ravel()
        result[correct] = right
        return result

    def value_and_slope(
        self, loss: Pairs, energies: Array, correct: Mask, temperature: float
    ) -> tuple[Array, Array]:
        """Value (n,) and slope (n, m)."""
        right, wrong = self._pairs(loss, energies, correct)
        value, slope_right, slope_offending = loss.pair(right, wrong, temperature)
        slope = self._join(slope_right.sum(axis=1), slope_offending, correct)
        return value.sum(axis=1), slope.astype(energies.dtype, copy=False)

    def curvature(
        self, loss: Pairs, energies: Array, correct: Mask, temperature: float
    ) -> Curvature:
        """Second derivatives in the energies of each row.

        Their matrix is an arrow: a diagonal, and a row and a column v at the right answer. That is
        e vᵀ + v eᵀ = (e + v)(e + v)ᵀ − e eᵀ − v vᵀ, and e eᵀ is diagonal.
        """
        right, wrong = self._pairs(loss, energies, correct)
        both_right, mixed, both_offending = loss.pair_curvature(right, wrong, temperature)
        zero = np.zeros(len(right), dtype=wrong.dtype)
        arrow = self._join(zero, mixed, correct)
        diagonal = self._join(both_right.sum(axis=1) - 1, both_offending, correct)
        joint = arrow.copy(order="K")
        joint[correct] = 1
        return Curvature(diagonal, ((1.0, joint), (-1.0, arrow)))

    def conjugate(self, loss: Pairs, slope: Array, correct: Mask) -> Array:
        """Convex conjugate (n,) at slopes (n, m).

        The conjugate of a sum is the infimal convolution: the slope at the right answer is shared
        out over the pairs. A loss of differences has g_y = −g_ȳ in each pair; for a pinned one the
        terms in F(y) are equal, so equal shares are best.
        """
        right, wrong = slope[correct], slope[~correct].reshape(len(slope), -1)
        share = np.repeat(right[:, None] / wrong.shape[1], wrong.shape[1], axis=1)
        pairs = loss.pair_conjugate(share if loss.pinned else -wrong, wrong)
        margins = np.broadcast_to(loss.margins(correct, slope.dtype), slope.shape)
        return (pairs + wrong * margins[~correct].reshape(wrong.shape)).sum(axis=1)


def _outer(factor: Array, vector: Array) -> list[tuple[float, Array]]:
    """Terms of Σ fᵢ vᵢvᵢᵀ with factors of either sign taken into the vectors; none if all are 0."""
    terms = []
    for sign in (1.0, -1.0):
        size = np.sqrt(np.maximum(sign * factor, 0))
        if size.any():
            terms.append((sign, size[:, None] * vector))
    return terms


CONTRASTS: Registry[Contrast] = Registry("contrast", Contrast, {"hardest": Hardest, "all": All})
