"""The loss of learning vector quantisation, second version."""

from __future__ import annotations

import math

import numpy as np

from sklearn_ebm._utils.array_api import at_least, at_most, namespace_of, smallest_normal
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses._positive_part import positive_part
from sklearn_ebm.losses.base import Traits, require_positive
from sklearn_ebm.losses.pairwise import PairwiseLoss


class LVQ2(PairwiseLoss):
    """min(M, max(0, (F(y) − F(ȳ)) / (δ F(ȳ)))), for energies that are never negative.

    Counts how far the wrong answer lies below the right one, relative to itself, up to a ceiling.
    Both kinks are active. Not convex.

    Parameters
    ----------
    delta : float, default=1.0
        δ > 0, the relative width of the window.
    ceiling : float, default=1.0
        M > 0, the largest value.
    contrast : {"hardest", "all"}, default="hardest"
        Against the most offending wrong answer, or summed over all wrong answers.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007). :doi:`10.7551/mitpress/7443.003.0014`

    Kohonen, "The self-organizing map", Proceedings of the IEEE 78 (1990). :doi:`10.1109/5.58325`

    Examples
    --------
    (3 − 2)/(0.5·2) = 1, with slopes 1/(0.5·2) and −3/(0.5·2²):

    >>> import numpy as np
    >>> from sklearn_ebm.losses import LVQ2
    >>> LVQ2(delta=0.5, ceiling=4.0)(np.array([[3.0, 2.0, 9.0]]), np.array([[True, False, False]]))
    (array([1.]), array([[ 1. , -1.5, -0. ]]))
    """

    traits = Traits(
        kinked=True,
        fixes_level=True,
        needs_nonnegative="it divides by the energy of the wrong answer",
    )
    examples = ({}, {"delta": 0.5, "ceiling": 4.0, "contrast": "all"})

    def __init__(self, delta: float = 1.0, ceiling: float = 1.0, contrast: str = "hardest") -> None:
        self.delta = delta
        self.ceiling = ceiling
        self.contrast = contrast

    def pair(self, right: Array, offending: Array, temperature: float) -> tuple[Array, ...]:
        """The clipped ratio and its slopes; F(ȳ) = 0 counts as the smallest positive number."""
        xp = namespace_of(right, offending)
        wrong = at_least(xp, offending, 16 * smallest_normal(xp, offending.dtype))
        with np.errstate(over="ignore", invalid="ignore"):
            ratio = (right - wrong) / (self.delta * wrong)
            # Far above the ceiling nothing changes any more: no difference of huge numbers there.
            ratio = at_most(xp, ratio, 2 * self.ceiling + 100 * temperature)
            # min(M, [u]⁺) = [u]⁺ − [u − M]⁺; at u = M the inner side is taken, so it is active.
            low, slope_low = positive_part(ratio, temperature)
            high, slope_high = positive_part(ratio - self.ceiling, temperature)
            at_ceiling = (ratio == self.ceiling) & (temperature == 0)
            slope = slope_low - xp.where(at_ceiling, 0, slope_high)
            pull = xp.where(slope == 0, 0, slope / (self.delta * wrong))
            push = xp.where(slope == 0, 0, -pull * (right / wrong))
        # The soft ceiling lies below the hard one by at most T log 2.
        return low - high + temperature * math.log(2), pull, push

    def _validate(self, n_answers: int) -> None:
        """Raise ValueError unless δ and M are positive."""
        super()._validate(n_answers)
        require_positive(self, "delta", "ceiling")
