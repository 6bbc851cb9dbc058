"""The square-square loss: squares on both sides."""

from __future__ import annotations

from sklearn_ebm._utils.array_api import at_least, in_dtype, namespace_of
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses.base import Traits
from sklearn_ebm.losses.pairwise import PairwiseLoss


class SquareSquare(PairwiseLoss):
    """Squares pull the right energy down to zero, and push the wrong one up to the margin.

    ([F(y)]⁺)² + ([m − F(ȳ)]⁺)².

    Pins the level of the energies like `Simple`, and presses hard on large violations.

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

    Hadsell, Chopra, LeCun, "Dimensionality Reduction by Learning an Invariant Mapping" (2006).
    :doi:`10.1109/CVPR.2006.100`

    Examples
    --------
    0.5² + (2 − 1.25)² = 0.8125, with slopes 2·0.5 and −2·0.75:

    >>> import numpy as np
    >>> from sklearn_ebm.losses import SquareSquare
    >>> SquareSquare(margin=2.0)(np.array([[0.5, 1.25, 3.0]]), np.array([[True, False, False]]))
    (array([0.8125]), array([[ 1. , -1.5, -0. ]]))
    """

    traits = Traits(convex=True, fixes_level=True)
    examples = ({}, {"margin": 2.0, "contrast": "all"})

    def __init__(self, margin: object = 1.0, contrast: str = "hardest") -> None:
        self.margin = margin
        self.contrast = contrast

    def pair(self, right: Array, offending: Array, temperature: float) -> tuple[Array, ...]:
        """([F(y)]⁺)² + ([−o]⁺)² and its slopes in F(y) and in o = F(ȳ) − m; no kink."""
        xp = namespace_of(right, offending)
        low, high = at_least(xp, right, 0.0), at_least(xp, -offending, 0.0)
        return low**2 + high**2, 2 * low, -2 * high

    def pair_curvature(
        self, right: Array, offending: Array, temperature: float
    ) -> tuple[Array, Array, Array]:
        """Second derivatives: 2 on the active sides."""
        xp = namespace_of(right, offending)
        return (
            2 * in_dtype(xp, right > 0, right.dtype),
            xp.zeros_like(right),
            2 * in_dtype(xp, offending < 0, right.dtype),
        )

    def pair_conjugate(self, slope_right: Array, slope_offending: Array) -> Array:
        """φ* = (p² + q²)/4 for slopes p ≥ 0 and q ≤ 0."""
        return (slope_right**2 + slope_offending**2) / 4
