"""The minimum classification error loss."""

from __future__ import annotations

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses._special import sigmoid
from sklearn_ebm.losses.base import Loss
from sklearn_ebm.losses.log import Log
from sklearn_ebm.losses.pairwise import PairwiseLoss


class MCE(PairwiseLoss):
    """Minimum classification error loss: a smooth 0/1 error.

    1 / (1 + e^{−(F(y) − F(ȳ))}),

    where F(y) is the energy of the correct answer and F(ȳ) that of a wrong one. Samples that are
    far on the wrong side have almost no gradient, so outliers have little effect. The loss is not
    convex: learning starts from the minimum of `Log`, and the result depends on the start.

    Parameters
    ----------
    contrast : {"hardest", "all"}, default="hardest"
        The wrong answers that the correct one is compared with: the most offending one, which has
        the lowest energy, or all of them; the loss is then the sum over them.

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
    >>> value, slope = MCE()(
    ...     np.array([[0.0, np.log(3), 5.0]]), np.array([[True, False, False]])
    ... )
    >>> value.round(6), slope.round(6)
    (array([0.25]), array([[ 0.1875, -0.1875, -0.    ]]))

    In a classifier with the default linear energy:

    >>> from sklearn_ebm import EBMClassifier
    >>> clf = EBMClassifier(loss="mce").fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    >>> clf.energies([[0.5]]).round(2).tolist()
    [[-0.39, 0.39]]
    """

    examples = ({}, {"contrast": "all"})

    def __init__(self, contrast: str = "hardest") -> None:
        self.contrast = contrast

    def pair(self, right: Array, offending: Array, temperature: float) -> tuple[Array, ...]:
        """Return σ(F(y) − o) and its slopes; there is no kink.

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
        value = sigmoid(right - offending)
        slope = value * (1 - value)
        return value, slope, -slope

    def pair_curvature(
        self, right: Array, offending: Array, temperature: float
    ) -> tuple[Array, Array, Array]:
        """Second derivatives ±σ(1 − σ)(1 − 2σ).

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
        value = sigmoid(right - offending)
        curvature = value * (1 - value) * (1 - 2 * value)
        return curvature, -curvature, curvature

    def surrogate(self) -> Loss:
        """Return the convex loss whose minimum learning starts from."""
        return Log(contrast=self.contrast)
