"""The hinge loss: a margin between right and wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_ebm._utils.array_api import namespace_of
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses._positive_part import positive_part, positive_part_curvature
from sklearn_ebm.losses.base import Traits
from sklearn_ebm.losses.pairwise import PairwiseLoss


class Hinge(PairwiseLoss):
    """Zero once the right answer lies a margin below the wrong one, and linear before.

    [m + F(y) − F(ȳ)]⁺.

    Zero once every wrong answer lies at least m above the right one. It sees only differences, so
    the energies have no absolute level. At the kink F(ȳ) − F(y) = m the slope is that of the
    violated side. With a linear energy and ``contrast="hardest"`` this is the multiclass support
    vector machine of Crammer and Singer, with ``contrast="all"`` that of Weston and Watkins.

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

    Crammer, Singer, "On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines",
    JMLR 2 (2001) 265-292.

    Examples
    --------
    m + F(y) − F(ȳ) = 2 + 1 − 2.5 = 0.5; the answer at 4 is far enough away:

    >>> import numpy as np
    >>> from sklearn_ebm.losses import Hinge
    >>> Hinge(margin=2.0)(np.array([[1.0, 2.5, 4.0]]), np.array([[True, False, False]]))
    (array([0.5]), array([[ 1., -1., -0.]]))
    """

    traits = Traits(convex=True, kinked=True)
    examples = ({}, {"margin": 2.0, "contrast": "all"}, {"margin": 0.5})

    def __init__(self, margin: object = 1.0, contrast: str = "hardest") -> None:
        self.margin = margin
        self.contrast = contrast

    def pair(self, right: Array, offending: Array, temperature: float) -> tuple[Array, ...]:
        """[F(y) − o]⁺ and its slopes in F(y) and in o = F(ȳ) − m."""
        value, slope = positive_part(right - offending, temperature)
        return value, slope, -slope

    def pair_curvature(
        self, right: Array, offending: Array, temperature: float
    ) -> tuple[Array, Array, Array]:
        """Second derivatives; zero but for the soft kink."""
        bend = positive_part_curvature(right - offending, temperature)
        return bend, -bend, bend

    def pair_conjugate(self, slope_right: Array, slope_offending: Array) -> Array:
        """φ* = 0 for slopes (a, −a) with 0 ≤ a ≤ 1."""
        return namespace_of(slope_right).zeros_like(slope_right)

    def _liblinear(self, n_answers: int) -> tuple[dict[str, Any], float] | None:
        """Return the settings of ``LinearSVC`` for one margin against the most offending answer."""
        one_margin = np.ndim(self.margin) == 0 and float(self.margin) > 0
        if not one_margin or (self.contrast != "hardest" and n_answers > 2):
            return None
        kind = {"multi_class": "crammer_singer"} if n_answers > 2 else {"loss": "hinge"}
        return kind, float(self.margin)
