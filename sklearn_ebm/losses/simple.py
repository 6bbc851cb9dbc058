"""The simple loss: absolute values on both sides."""

from __future__ import annotations

from sklearn_ebm._utils.array_api import namespace_of
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses._positive_part import positive_part, positive_part_curvature
from sklearn_ebm.losses.base import Traits
from sklearn_ebm.losses.pairwise import PairwiseLoss


class Simple(PairwiseLoss):
    """Pulls the right energy down to zero, and pushes the wrong one up to the margin.

    [F(y)]⁺ + [m − F(ȳ)]⁺.

    Pins the level of the energies: right answers at or below 0, wrong ones at or above m. Large
    violations count linearly, so it is robust to outliers; compare `SquareSquare`. The kinks
    F(y) = 0 and F(ȳ) = m are active.

    Parameters
    ----------
    margin : float or array-like of shape (n_classes, n_classes), default=1.0
        m ≥ 0, in units of the energy. An array holds one margin for each pair of classes (sample:
        right answer, column: wrong answer; the diagonal is not used): a cost matrix.
    contrast : {"hardest", "all"}, default="hardest"
        Against the most offending wrong answer, or summed over all wrong answers.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007). :doi:`10.7551/mitpress/7443.003.0014`

    Examples
    --------
    [0.5]⁺ + [2 − 1.25]⁺ = 1.25:

    >>> import numpy as np
    >>> from sklearn_ebm.losses import Simple
    >>> Simple(margin=2.0)(np.array([[0.5, 1.25, 3.0]]), np.array([[True, False, False]]))
    (array([1.25]), array([[ 1., -1., -0.]]))
    """

    traits = Traits(convex=True, kinked=True, fixes_level=True)
    examples = ({}, {"margin": 2.0, "contrast": "all"}, {"margin": 0.5})

    def __init__(self, margin: object = 1.0, contrast: str = "hardest") -> None:
        self.margin = margin
        self.contrast = contrast

    def pair(self, right: Array, offending: Array, temperature: float) -> tuple[Array, ...]:
        """[F(y)]⁺ + [−o]⁺ and its slopes in F(y) and in o = F(ȳ) − m."""
        low, slope_right = positive_part(right, temperature)
        high, slope = positive_part(-offending, temperature)
        return low + high, slope_right, -slope

    def pair_curvature(
        self, right: Array, offending: Array, temperature: float
    ) -> tuple[Array, Array, Array]:
        """Second derivatives; zero but for the soft kinks."""
        return (
            positive_part_curvature(right, temperature),
            namespace_of(right).zeros_like(right),
            positive_part_curvature(-offending, temperature),
        )

    def pair_conjugate(self, slope_right: Array, slope_offending: Array) -> Array:
        """φ* = 0 for slopes in [0, 1] and [−1, 0]."""
        return namespace_of(slope_right).zeros_like(slope_right)
