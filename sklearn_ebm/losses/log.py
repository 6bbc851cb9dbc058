"""The log loss: a soft hinge."""

from __future__ import annotations

from sklearn_ebm._utils.array_api import at_least, at_most, namespace_of
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses._positive_part import positive_part, positive_part_curvature
from sklearn_ebm.losses._special import xlogy
from sklearn_ebm.losses.base import Traits
from sklearn_ebm.losses.pairwise import PairwiseLoss


class Log(PairwiseLoss):
    """A soft hinge on the energy gap, without a margin.

    log(1 + e^{F(y) − F(ȳ)}).

    The smooth version of the hinge: it never reaches zero and keeps pushing with vanishing force.
    For two classes it is the negative log-likelihood at β = 1.

    Parameters
    ----------
    contrast : {"hardest", "all"}, default="hardest"
        Against the most offending wrong answer, or summed over all wrong answers.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007). :doi:`10.7551/mitpress/7443.003.0014`

    Examples
    --------
    Energies 0 and log 3 give log(1 + 1/3) = 0.287682, and σ = 1/4:

    >>> import numpy as np
    >>> from sklearn_ebm.losses import Log
    >>> value, slope = Log()(np.array([[0.0, np.log(3), 5.0]]), np.array([[True, False, False]]))
    >>> value.round(6), slope.round(6)
    (array([0.287682]), array([[ 0.25, -0.25, -0.  ]]))
    """

    traits = Traits(convex=True)
    examples = ({}, {"contrast": "all"})

    def __init__(self, contrast: str = "hardest") -> None:
        self.contrast = contrast

    def pair(self, right: Array, offending: Array, temperature: float) -> tuple[Array, ...]:
        """log(1 + e^{F(y) − o}) and its slopes; it has no kink."""
        value, slope = positive_part(right - offending, temperature=1.0)
        return value, slope, -slope

    def pair_curvature(
        self, right: Array, offending: Array, temperature: float
    ) -> tuple[Array, Array, Array]:
        """Second derivatives: σ(1 − σ), with signs."""
        bend = positive_part_curvature(right - offending, temperature=1.0)
        return bend, -bend, bend

    def pair_conjugate(self, slope_right: Array, slope_offending: Array) -> Array:
        """φ* = a log a + (1 − a) log(1 − a) for slopes (a, −a)."""
        xp = namespace_of(slope_offending)
        push = at_most(xp, at_least(xp, -slope_offending, 0.0), 1.0)
        return xlogy(push, push) + xlogy(1 - push, 1 - push)
