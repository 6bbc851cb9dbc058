"""The square-square loss, quadratic in the violations."""

from __future__ import annotations

from sklearn_ebm._utils.array_api import at_least, in_dtype, namespace_of
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses.base import Traits
from sklearn_ebm.losses.pairwise import PairwiseLoss


class SquareSquare(PairwiseLoss):
    """Square-square loss: a squared hinge on the energies of the correct and of the wrong answer.

    ([F(y)]⁺)² + ([m − F(ȳ)]⁺)²,

    where [u]⁺ = max(0, u), F(y) is the energy of the correct answer and F(ȳ) that of a wrong one.
    Like `Simple` it depends on the energies themselves, not only on their difference, but it
    penalises large violations more.

    Parameters
    ----------
    margin : float or array-like of shape (n_classes, n_classes), default=1.0
        Margin m ≥ 0, in units of the energy: a number, or a cost matrix with one margin for each
        pair of classes (row: correct class, column: wrong class; the diagonal is not used).
    contrast : {"hardest", "all"}, default="hardest"
        The wrong answers that the correct one is compared with: the most offending one, which has
        the lowest F(ȳ) − m, or all of them; the loss is then the sum over them.

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
    >>> SquareSquare(margin=2.0)(
    ...     np.array([[0.5, 1.25, 3.0]]), np.array([[True, False, False]])
    ... )
    (array([0.8125]), array([[ 1. , -1.5, -0. ]]))

    In a classifier with the default linear energy:

    >>> from sklearn_ebm import EBMClassifier
    >>> clf = EBMClassifier(loss="square_square").fit(
    ...     [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    ... )
    >>> clf.energies([[0.5]]).round(2).tolist()
    [[0.17, 0.83]]
    """

    traits = Traits(convex=True, fixes_level=True)
    examples = ({}, {"margin": 2.0, "contrast": "all"})

    def __init__(self, margin: object = 1.0, contrast: str = "hardest") -> None:
        self.margin = margin
        self.contrast = contrast

    def pair(self, right: Array, offending: Array, temperature: float) -> tuple[Array, ...]:
        """Return ([F(y)]⁺)² + ([−o]⁺)² and its slopes in F(y) and in o = F(ȳ) − m.

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
        low, high = at_least(xp, right, 0.0), at_least(xp, -offending, 0.0)
        return low**2 + high**2, 2 * low, -2 * high

    def pair_curvature(
        self, right: Array, offending: Array, temperature: float
    ) -> tuple[Array, Array, Array]:
        """Second derivatives: 2 if the term is above 0, else 0.

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
        return (
            2 * in_dtype(xp, right > 0, right.dtype),
            xp.zeros_like(right),
            2 * in_dtype(xp, offending < 0, right.dtype),
        )

    def pair_conjugate(self, slope_right: Array, slope_offending: Array) -> Array:
        """φ* = (p² + q²)/4 for slopes p ≥ 0 and q ≤ 0.

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
        return (slope_right**2 + slope_offending**2) / 4
