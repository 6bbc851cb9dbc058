"""The simple loss, linear in the violations."""

from __future__ import annotations

from sklearn_ebm._utils.array_api import namespace_of
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses._positive_part import positive_part, positive_part_curvature
from sklearn_ebm.losses.base import Traits
from sklearn_ebm.losses.pairwise import PairwiseLoss


class Simple(PairwiseLoss):
    """Simple loss: linear penalties for correct energies above 0 and wrong ones below the margin.

    [F(y)]⁺ + [m − F(ȳ)]⁺,

    where [u]⁺ = max(0, u), F(y) is the energy of the correct answer and F(ȳ) that of a wrong one.
    The loss is zero if F(y) ≤ 0 and F(ȳ) ≥ m, so it depends on the energies themselves, not only on
    their difference. Because it grows only linearly, it is more robust to outliers than
    `SquareSquare`. At the kinks F(y) = 0 and F(ȳ) = m the slopes are 1 and −1.

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

    Examples
    --------
    [0.5]⁺ + [2 − 1.25]⁺ = 1.25:

    >>> import numpy as np
    >>> from sklearn_ebm.losses import Simple
    >>> Simple(margin=2.0)(np.array([[0.5, 1.25, 3.0]]), np.array([[True, False, False]]))
    (array([1.25]), array([[ 1., -1., -0.]]))

    In a classifier with the default linear energy:

    >>> from sklearn_ebm import EBMClassifier
    >>> clf = EBMClassifier(loss="simple").fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    >>> clf.predict([[0.5], [2.5]]).tolist()
    [0, 1]
    """

    traits = Traits(convex=True, kinked=True, fixes_level=True)
    examples = ({}, {"margin": 2.0, "contrast": "all"}, {"margin": 0.5})

    def __init__(self, margin: object = 1.0, contrast: str = "hardest") -> None:
        self.margin = margin
        self.contrast = contrast

    def pair(self, right: Array, offending: Array, temperature: float) -> tuple[Array, ...]:
        """Return [F(y)]⁺ + [−o]⁺ and its slopes in F(y) and in o = F(ȳ) − m.

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
        low, slope_right = positive_part(right, temperature)
        high, slope = positive_part(-offending, temperature)
        return low + high, slope_right, -slope

    def pair_curvature(
        self, right: Array, offending: Array, temperature: float
    ) -> tuple[Array, Array, Array]:
        """Second derivatives: zero, except at the smoothed kinks.

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
        return (
            positive_part_curvature(right, temperature),
            namespace_of(right).zeros_like(right),
            positive_part_curvature(-offending, temperature),
        )

    def pair_conjugate(self, slope_right: Array, slope_offending: Array) -> Array:
        """φ* = 0 for slopes in [0, 1] (correct answer) and [−1, 0] (wrong answer).

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
        return namespace_of(slope_right).zeros_like(slope_right)
