"""The LVQ2 loss, named after the second version of learning vector quantisation."""

from __future__ import annotations

import math

import numpy as np

from sklearn_ebm._utils.array_api import at_least, at_most, namespace_of, smallest_normal
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses._positive_part import positive_part
from sklearn_ebm.losses.base import Traits, require_positive
from sklearn_ebm.losses.pairwise import PairwiseLoss


class LVQ2(PairwiseLoss):
    """Loss LVQ2: relative excess of the correct over the wrong energy, up to a ceiling.

    min(M, max(0, (F(y) − F(ȳ)) / (δ F(ȳ)))),

    where F(y) ≥ 0 is the energy of the correct answer and F(ȳ) ≥ 0 that of a wrong one; the
    energies must not be negative. At the kinks, where the loss reaches 0 or M, the slope is that
    between them. The loss is not convex, so the result depends on the start.

    Parameters
    ----------
    delta : float, default=1.0
        δ > 0, the relative difference of the energies at which the loss is 1.
    ceiling : float, default=1.0
        M > 0, the largest value of the loss.
    contrast : {"hardest", "all"}, default="hardest"
        The wrong answers that the correct one is compared with: the most offending one, which has
        the lowest energy, or all of them; the loss is then the sum over them.

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
    >>> LVQ2(delta=0.5, ceiling=4.0)(
    ...     np.array([[3.0, 2.0, 9.0]]), np.array([[True, False, False]])
    ... )
    (array([1.]), array([[ 1. , -1.5, -0. ]]))

    In a classifier with energies that cannot be negative:

    >>> from sklearn_ebm import EBMClassifier
    >>> clf = EBMClassifier(loss="lvq2", energy="prototypes").fit(
    ...     [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    ... )
    >>> clf.predict([[0.5], [2.5]]).tolist()
    [0, 1]
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
        """The clipped ratio and its slopes; F(ȳ) = 0 is replaced by a tiny positive number.

        Parameters
        ----------
        right : array
            F(y), the energy of the correct answer.
        offending : array
            o = F(ȳ) − m, the energy of a wrong answer less its margin.
        temperature : float
            Temperature of the smoothing, in units of the energy; 0 is the loss itself.

        Returns
        -------
        value, slope_right, slope_offending : array
            φ, ∂φ/∂F(y) and ∂φ/∂o.
        """
        xp = namespace_of(right, offending)
        wrong = at_least(xp, offending, 16 * smallest_normal(xp, offending.dtype))
        with np.errstate(over="ignore", invalid="ignore"):
            ratio = (right - wrong) / (self.delta * wrong)
            # Far above the ceiling the loss is constant; clipping avoids differences of huge
            # numbers.
            ratio = at_most(xp, ratio, 2 * self.ceiling + 100 * temperature)
            # min(M, [u]⁺) = [u]⁺ − [u − M]⁺; at u = M the slope is 1, as below it.
            low, slope_low = positive_part(ratio, temperature)
            high, slope_high = positive_part(ratio - self.ceiling, temperature)
            at_ceiling = (ratio == self.ceiling) & (temperature == 0)
            slope = slope_low - xp.where(at_ceiling, 0, slope_high)
            pull = xp.where(slope == 0, 0, slope / (self.delta * wrong))
            push = xp.where(slope == 0, 0, -pull * (right / wrong))
        # The smoothed ceiling lies below M by at most T log 2; the loss must be an upper bound.
        return low - high + temperature * math.log(2), pull, push

    def _validate(self, n_answers: int) -> None:
        """Raise ValueError unless δ and M are positive."""
        super()._validate(n_answers)
        require_positive(self, "delta", "ceiling")
