"""The square-exponential loss."""

from __future__ import annotations

from sklearn_ebm._utils.array_api import at_least, namespace_of
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses._special import xlogy
from sklearn_ebm.losses.base import Traits, require_positive
from sklearn_ebm.losses.pairwise import PairwiseLoss


class SquareExp(PairwiseLoss):
    """Square-exponential loss: squared correct energies, and an exponential of the wrong ones.

    F(y)² + γ e^{−F(ȳ)},

    where F(y) is the energy of the correct answer and F(ȳ) that of a wrong one. The square draws
    F(y) to 0 from both sides; the exponential decreases as F(ȳ) grows, but never becomes zero.

    Parameters
    ----------
    gamma : float, default=1.0
        γ > 0, the weight of the exponential.
    contrast : {"hardest", "all"}, default="hardest"
        The wrong answers that the correct one is compared with: the most offending one, which has
        the lowest energy, or all of them; the loss is then the sum over them.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007). :doi:`10.7551/mitpress/7443.003.0014`

    Examples
    --------
    0.5² + 2 e^{−log 4} = 0.75:

    >>> import numpy as np
    >>> from sklearn_ebm.losses import SquareExp
    >>> value, slope = SquareExp(gamma=2.0)(
    ...     np.array([[0.5, np.log(4), 3.0]]), np.array([[True, False, False]])
    ... )
    >>> value.round(6), slope.round(6)
    (array([0.75]), array([[ 1. , -0.5, -0. ]]))

    In a classifier with the default linear energy:

    >>> from sklearn_ebm import EBMClassifier
    >>> clf = EBMClassifier(loss="square_exp").fit(
    ...     [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    ... )
    >>> clf.energies([[0.5]]).round(2).tolist()
    [[0.18, 1.07]]
    """

    traits = Traits(convex=True, fixes_level=True)
    examples = ({}, {"gamma": 2.0, "contrast": "all"})

    def __init__(self, gamma: float = 1.0, contrast: str = "hardest") -> None:
        self.gamma = gamma
        self.contrast = contrast

    def pair(self, right: Array, offending: Array, temperature: float) -> tuple[Array, ...]:
        """Return F(y)² + γ e^{−F(ȳ)} and its slopes; there is no kink.

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
        push = self.gamma * namespace_of(offending).exp(-offending)
        return right**2 + push, 2 * right, -push

    def pair_curvature(
        self, right: Array, offending: Array, temperature: float
    ) -> tuple[Array, Array, Array]:
        """Second derivatives: 2 and γ e^{−F(ȳ)}.

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
        xp = namespace_of(right, offending)
        return xp.full_like(right, 2), xp.zeros_like(right), self.gamma * xp.exp(-offending)

    def pair_conjugate(self, slope_right: Array, slope_offending: Array) -> Array:
        """φ* = p²/4 + a log(a/γ) − a for the slopes p (right answer) and −a ≤ 0 (wrong answer).

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
        push = at_least(namespace_of(slope_offending), -slope_offending, 0.0)
        return slope_right**2 / 4 + xlogy(push, push / self.gamma) - push

    def _validate(self, n_answers: int) -> None:
        """Raise ValueError unless γ is positive."""
        super()._validate(n_answers)
        require_positive(self, "gamma")
