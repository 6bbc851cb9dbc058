"""The hinge loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_ebm._utils.array_api import namespace_of
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses._positive_part import positive_part, positive_part_curvature
from sklearn_ebm.losses.base import Traits
from sklearn_ebm.losses.pairwise import PairwiseLoss


class Hinge(PairwiseLoss):
    """Multiclass hinge loss.

    [m + F(y) − F(ȳ)]⁺ = max(0, m + F(y) − F(ȳ)),

    where F(y) is the energy of the correct answer and F(ȳ) that of a wrong one. The loss is zero if
    the wrong answer lies at least the margin m above the correct one. It depends only on
    differences of energies, so their level is free. At the kink F(ȳ) − F(y) = m the slope is 1, as
    above it. With a linear energy and ``contrast="hardest"`` this is the multiclass support vector
    machine of Crammer and Singer, with ``contrast="all"`` the one of Weston and Watkins.

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

    Crammer, Singer, "On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines",
    JMLR 2 (2001) 265-292.

    Examples
    --------
    m + F(y) − F(ȳ) = 2 + 1 − 2.5 = 0.5; the answer with the energy 4 is outside the margin:

    >>> import numpy as np
    >>> from sklearn_ebm.losses import Hinge
    >>> Hinge(margin=2.0)(np.array([[1.0, 2.5, 4.0]]), np.array([[True, False, False]]))
    (array([0.5]), array([[ 1., -1., -0.]]))

    With the default linear energy the classifier is a support vector machine:

    >>> from sklearn_ebm import EBMClassifier
    >>> clf = EBMClassifier(loss="hinge").fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    >>> clf.energies([[0.5]]).round(2).tolist()
    [[-0.5, 0.5]]
    """

    traits = Traits(convex=True, kinked=True)
    examples = ({}, {"margin": 2.0, "contrast": "all"}, {"margin": 0.5})

    def __init__(self, margin: object = 1.0, contrast: str = "hardest") -> None:
        self.margin = margin
        self.contrast = contrast

    def pair(self, right: Array, offending: Array, temperature: float) -> tuple[Array, ...]:
        """Return [F(y) − o]⁺ and its slopes in F(y) and in o = F(ȳ) − m.

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
        value, slope = positive_part(right - offending, temperature)
        return value, slope, -slope

    def pair_curvature(
        self, right: Array, offending: Array, temperature: float
    ) -> tuple[Array, Array, Array]:
        """Second derivatives: zero, except at the smoothed kink.

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
        curvature = positive_part_curvature(right - offending, temperature)
        return curvature, -curvature, curvature

    def pair_conjugate(self, slope_right: Array, slope_offending: Array) -> Array:
        """φ* = 0 for slopes (a, −a) with 0 ≤ a ≤ 1.

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

    def _liblinear(self, n_answers: int) -> tuple[dict[str, Any], float] | None:
        """Return settings of ``LinearSVC`` for a single margin and ``contrast="hardest"``."""
        one_margin = np.ndim(self.margin) == 0 and float(self.margin) > 0
        if not one_margin or (self.contrast != "hardest" and n_answers > 2):
            return None
        kind = {"multi_class": "crammer_singer"} if n_answers > 2 else {"loss": "hinge"}
        return kind, float(self.margin)
