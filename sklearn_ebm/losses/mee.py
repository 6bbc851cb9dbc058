"""The minimum empirical error loss."""

from __future__ import annotations

from sklearn_ebm._utils.array_api import in_dtype, namespace_of
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.inference import SoftMinimum
from sklearn_ebm.losses._right_answers import Mask, RightAnswers
from sklearn_ebm.losses.base import Loss, Traits, require_positive
from sklearn_ebm.losses.curvature import Curvature
from sklearn_ebm.losses.nll import NLL


class MEE(Loss):
    """Minimum empirical error loss.

    1 − p(y),

    where p is the Gibbs distribution at the inverse temperature β: the expected 0/1 error of an
    answer drawn from it. The loss is not convex: learning starts from the minimum of `NLL`, and the
    result depends on the start.

    Parameters
    ----------
    beta : float, default=1.0
        Inverse temperature β > 0, in 1/(unit of the energies).

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007). :doi:`10.7551/mitpress/7443.003.0014`

    Examples
    --------
    Energies 0 and (log 3)/2 at β = 2 give p(y) = 3/4, with slope β p(y) (1 − p(y)) = 3/8:

    >>> import numpy as np
    >>> from sklearn_ebm.losses import MEE
    >>> value, slope = MEE(beta=2.0)(
    ...     np.array([[0.0, np.log(3) / 2]]), np.array([[True, False]])
    ... )
    >>> value.round(6), slope.round(6)
    (array([0.25]), array([[ 0.375, -0.375]]))

    In a classifier with the default linear energy:

    >>> from sklearn_ebm import EBMClassifier
    >>> clf = EBMClassifier(loss="mee").fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    >>> clf.energies([[0.5]]).round(2).tolist()
    [[-0.39, 0.39]]
    """

    traits = Traits(
        needs_partition_function=True,
        needs_classes="counts errors, and every continuous answer is one",
    )
    examples = ({}, {"beta": 2.0})

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = beta

    def __call__(self, energies: Array, correct: Mask) -> tuple[Array, Array]:
        """Value (n,) and slope (n, m): β p(y) (e_y − p).

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
        _, probability = SoftMinimum(self.beta)(energies)
        right, difference = self._right_and_difference(probability, correct)
        return 1 - right, self.beta * right[:, None] * difference

    def curvature(self, energies: Array, correct: Mask) -> Curvature:
        """Second derivatives β² p(y) (diag p − p pᵀ − (e_y − p)(e_y − p)ᵀ).

        Parameters
        ----------
        energies : array of shape (n_samples, m)
            Energies of m answers.
        correct : array of bool of shape (n_samples, m)
            True at the one correct answer of each sample.

        Returns
        -------
        Curvature
            Second derivatives of each sample.
        """
        probability = SoftMinimum(self.beta).weights(energies)
        right, difference = self._right_and_difference(probability, correct)
        right = right[:, None]
        root = self.beta * namespace_of(right).sqrt(right)
        return Curvature(
            self.beta**2 * right * probability,
            ((-1.0, root * probability), (-1.0, root * difference)),
        )

    def _right_and_difference(self, probability: Array, correct: Mask) -> tuple[Array, Array]:
        """p(y), (n,), and e_y − p, (n, m)."""
        xp = namespace_of(probability, correct)
        right = RightAnswers(xp, correct).take(probability)
        return right, in_dtype(xp, correct, probability.dtype) - probability

    def surrogate(self) -> Loss:
        """Return the convex loss whose minimum learning starts from."""
        return NLL(beta=self.beta)

    def _validate(self, n_answers: int) -> None:
        """Raise ValueError unless β is positive."""
        require_positive(self, "beta")
