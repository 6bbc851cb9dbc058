"""The energy loss."""

from __future__ import annotations

from sklearn_ebm._utils.array_api import in_dtype, namespace_of
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses._right_answers import Mask, RightAnswers
from sklearn_ebm.losses.base import Loss, Traits


class EnergyLoss(Loss):
    """Energy loss: the energy F(y) of the correct answer.

    It lowers the energy of the correct answer and ignores wrong answers. It therefore has a minimum
    only for energies that cannot be negative, and distinguishes answers only if the energy cannot
    be low for all of them at once, as with the distances of `Prototypes`.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007). :doi:`10.7551/mitpress/7443.003.0014`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ebm.losses import EnergyLoss
    >>> EnergyLoss()(np.array([[2.0, 0.5]]), np.array([[True, False]]))
    (array([2.]), array([[1., 0.]]))

    In a classifier with energies that cannot be negative:

    >>> from sklearn_ebm import EBMClassifier
    >>> clf = EBMClassifier(loss="energy", energy="prototypes").fit(
    ...     [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    ... )
    >>> clf.predict([[0.5], [2.5]]).tolist()
    [0, 1]
    """

    traits = Traits(
        convex=True,
        contrasts=False,
        fixes_level=True,
        needs_nonnegative="it only pushes right answers down",
    )

    def __call__(self, energies: Array, correct: Mask) -> tuple[Array, Array]:
        """Value (n,) and slope (n, m): 1 at y.

        Parameters
        ----------
        energies : array of shape (n_samples, m)
            Energies of m answers.
        correct : array of bool of shape (n_samples, m)
            True at the one correct answer of each sample.

        Returns
        -------
        value : array of shape (n_samples,)
            ℓ, in units of the loss.
        slope : array of shape (n_samples, m)
            dℓ/dF.
        """
        xp = namespace_of(energies, correct)
        return RightAnswers(xp, correct).take(energies), in_dtype(xp, correct, energies.dtype)
