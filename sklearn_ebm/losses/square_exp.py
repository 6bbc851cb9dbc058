"""The square-exponential loss."""

from __future__ import annotations

from sklearn_ebm._utils.array_api import at_least, namespace_of
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses._special import xlogy
from sklearn_ebm.losses.base import Traits, require_positive
from sklearn_ebm.losses.pairwise import PairwiseLoss


class SquareExp(PairwiseLoss):
    """A square pulls the right energy to zero, and an exponential pushes the wrong one up.

    F(y)² + γ e^{−F(ȳ)}.

    Pins the right answer at 0 from both sides and pushes wrong ones up with a force that never
    quite vanishes.

    Parameters
    ----------
    gamma : float, default=1.0
        γ > 0, how strongly wrong answers are pushed up.
    contrast : {"hardest", "all"}, default="hardest"
        Against the most offending wrong answer, or summed over all wrong answers.

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
    """

    traits = Traits(convex=True, fixes_level=True)
    examples = ({}, {"gamma": 2.0, "contrast": "all"})

    def __init__(self, gamma: float = 1.0, contrast: str = "hardest") -> None:
        self.gamma = gamma
        self.contrast = contrast

    def pair(self, right: Array, offending: Array, temperature: float) -> tuple[Array, ...]:
        """F(y)² + γ e^{−F(ȳ)} and its slopes; it has no kink."""
        push = self.gamma * namespace_of(offending).exp(-offending)
        return right**2 + push, 2 * right, -push

    def pair_curvature(
        self, right: Array, offending: Array, temperature: float
    ) -> tuple[Array, Array, Array]:
        """Second derivatives: 2 and γ e^{−F(ȳ)}."""
        xp = namespace_of(right, offending)
        return xp.full_like(right, 2), xp.zeros_like(right), self.gamma * xp.exp(-offending)

    def pair_conjugate(self, slope_right: Array, slope_offending: Array) -> Array:
        """φ* = p²/4 + a log(a/γ) − a for the slopes p (right answer) and −a ≤ 0 (wrong answer)."""
        push = at_least(namespace_of(slope_offending), -slope_offending, 0.0)
        return slope_right**2 / 4 + xlogy(push, push / self.gamma) - push

    def _validate(self, n_answers: int) -> None:
        """Raise ValueError unless γ is positive."""
        super()._validate(n_answers)
        require_positive(self, "gamma")
