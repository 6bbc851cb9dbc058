"""The log loss, a smooth hinge loss."""

from __future__ import annotations

from sklearn_ebm._utils.array_api import at_least, at_most, namespace_of
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses._positive_part import positive_part, positive_part_curvature
from sklearn_ebm.losses._special import xlogy
from sklearn_ebm.losses.base import Traits
from sklearn_ebm.losses.pairwise import PairwiseLoss


class Log(PairwiseLoss):
    """Log loss of energy-based learning: a smooth hinge loss without a margin.

    log(1 + e^{F(y) − F(ȳ)}),

    where F(y) is the energy of the correct answer and F(ȳ) that of a wrong one. The loss is always
    positive and tends to zero as F(ȳ) − F(y) grows. For two classes it is the negative
    log-likelihood at β = 1.

    Parameters
    ----------
    contrast : {"hardest", "all"}, default="hardest"
        The wrong answers that the correct one is compared with: the most offending one, which has
        the lowest energy, or all of them; the loss is then the sum over them.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007). :doi:`10.7551/mitpress/7443.003.0014`

    Examples
    --------
    The energies 0 and log 3 give the loss log(1 + 1/3) = 0.287682 and the slopes ±(1/3)/(1 + 1/3):

    >>> import numpy as np
    >>> from sklearn_ebm.losses import Log
    >>> value, slope = Log()(
    ...     np.array([[0.0, np.log(3), 5.0]]), np.array([[True, False, False]])
    ... )
    >>> value.round(6), slope.round(6)
    (array([0.287682]), array([[ 0.25, -0.25, -0.  ]]))

    In a classifier with the default linear energy:

    >>> from sklearn_ebm import EBMClassifier
    >>> clf = EBMClassifier(loss="log").fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    >>> clf.energies([[0.5]]).round(2).tolist()
    [[-0.48, 0.48]]
    """

    traits = Traits(convex=True)
    examples = ({}, {"contrast": "all"})

    def __init__(self, contrast: str = "hardest") -> None:
        self.contrast = contrast

    def pair(self, right: Array, offending: Array, temperature: float) -> tuple[Array, ...]:
        """Return log(1 + e^{F(y) − o}) and its slopes; there is no kink.

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
        value, slope = positive_part(right - offending, temperature=1.0)
        return value, slope, -slope

    def pair_curvature(
        self, right: Array, offending: Array, temperature: float
    ) -> tuple[Array, Array, Array]:
        """Second derivatives ±σ(1 − σ).

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
        tuple of array
            ∂²φ/∂F(y)², ∂²φ/∂F(y)∂o and ∂²φ/∂o².
        """
        curvature = positive_part_curvature(right - offending, temperature=1.0)
        return curvature, -curvature, curvature

    def pair_conjugate(self, slope_right: Array, slope_offending: Array) -> Array:
        """φ* = a log a + (1 − a) log(1 − a) for slopes (a, −a).

        Parameters
        ----------
        slope_right : array
            Slope in the energy of the correct answer.
        slope_offending : array
            Slope in the energy of the wrong answer.

        Returns
        -------
        array
            φ*.
        """
        xp = namespace_of(slope_offending)
        push = at_most(xp, at_least(xp, -slope_offending, 0.0), 1.0)
        return xlogy(push, push) + xlogy(1 - push, 1 - push)
