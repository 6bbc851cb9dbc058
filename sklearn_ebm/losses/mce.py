"""The minimum classification error loss."""

from __future__ import annotations

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses._special import sigmoid
from sklearn_ebm.losses.base import Loss
from sklearn_ebm.losses.log import Log
from sklearn_ebm.losses.pairwise import PairwiseLoss


class MCE(PairwiseLoss):
    """A smooth count of errors: the sigmoid of the energy gap.

    1 / (1 + e^{−(F(y) − F(ȳ))}).

    A smooth count of mistakes: samples that are hopelessly wrong stop pulling. Not convex, so
    training starts from the minimum of `Log`, and what it reaches depends on the start.

    Parameters
    ----------
    contrast : {"hardest", "all"}, default="hardest"
        Against the most offending wrong answer, or summed over all wrong answers.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007). :doi:`10.7551/mitpress/7443.003.0014`

    Juang, Hou, Lee, "Minimum classification error rate methods for speech recognition" (1997).
    :doi:`10.1109/89.568732`

    Examples
    --------
    σ(0 − log 3) = 1/4, with slope σ(1 − σ) = 3/16:

    >>> import numpy as np
    >>> from sklearn_ebm.losses import MCE
    >>> value, slope = MCE()(np.array([[0.0, np.log(3), 5.0]]), np.array([[True, False, False]]))
    >>> value.round(6), slope.round(6)
    (array([0.25]), array([[ 0.1875, -0.1875, -0.    ]]))
    """

    examples = ({}, {"contrast": "all"})

    def __init__(self, contrast: str = "hardest") -> None:
        self.contrast = contrast

    def pair(self, right: Array, offending: Array, temperature: float) -> tuple[Array, ...]:
        """σ(F(y) − o) and its slopes; it has no kink."""
        value = sigmoid(right - offending)
        slope = value * (1 - value)
        return value, slope, -slope

    def pair_curvature(
        self, right: Array, offending: Array, temperature: float
    ) -> tuple[Array, Array, Array]:
        """Second derivatives: σ(1 − σ)(1 − 2σ), with signs."""
        value = sigmoid(right - offending)
        bend = value * (1 - value) * (1 - 2 * value)
        return bend, -bend, bend

    def surrogate(self) -> Loss:
        """Return the convex loss whose minimum training starts from."""
        return Log(contrast=self.contrast)
