"""The negative log-likelihood loss."""

from __future__ import annotations

from sklearn_ebm._utils.array_api import (
    at_least,
    in_dtype,
    in_place,
    namespace_of,
    reduce_last_axis,
    with_negative,
)
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.inference import SoftMinimum
from sklearn_ebm.losses._positive_part import positive_part
from sklearn_ebm.losses._right_answers import Mask, RightAnswers
from sklearn_ebm.losses._special import xlogy
from sklearn_ebm.losses.base import Loss, Traits, require_positive
from sklearn_ebm.losses.curvature import Curvature


class NLL(Loss):
    r"""Negative log-likelihood loss, the log loss of the Gibbs distribution.

    F(y) + (1/β) log Σ_{y'} e^{−βF(y')} = −(1/β) log p(y),

    where p is the Gibbs distribution at the inverse temperature β. The loss pushes up the energy
    of every wrong answer in proportion to its probability. With a linear energy and β = 1 this is
    multinomial logistic regression.

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
    Energies 0 and (log 3)/2 at β = 2 have probabilities 3/4 and 1/4; the loss is (1/2) log(4/3):

    >>> import numpy as np
    >>> from sklearn_ebm.losses import NLL
    >>> value, slope = NLL(beta=2.0)(
    ...     np.array([[0.0, np.log(3) / 2]]), np.array([[True, False]])
    ... )
    >>> value.round(6), slope.round(6)
    (array([0.143841]), array([[ 0.25, -0.25]]))

    With the default linear energy the classifier is a logistic regression:

    >>> from sklearn_ebm import EBMClassifier
    >>> clf = EBMClassifier(loss="nll").fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    >>> clf.predict_proba([[0.5], [2.5]]).round(2).tolist()
    [[0.72, 0.28], [0.28, 0.72]]
    """

    examples = ({}, {"beta": 2.0})

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = beta

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Properties that learning uses; the loss resembles a hinge with the margin 1/β."""
        require_positive(self, "beta")
        return Traits(
            convex=True,
            needs_partition_function=True,
            total_push_only=True,
            hinge_scale=1 / self.beta,
        )

    def __call__(self, energies: Array, correct: Mask) -> tuple[Array, Array]:
        """Value (n,) and slope (n, m): 1 − p(y) at the correct answer, −p(y') at wrong ones.

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
        if energies.shape[1] == 2:
            return self._of_two(energies, correct)
        xp = namespace_of(energies, correct)
        answers = RightAnswers(xp, correct)
        right = answers.take(energies)
        lowest, slope, total = SoftMinimum(self.beta).unnormalised(energies)
        slope *= -1 / total  # sign and normalisation in one pass
        value = in_place(xp, "log", total)[:, 0]
        if self.beta != 1:
            value /= self.beta
        value += right - lowest[:, 0]
        return value, answers.add(slope, 1)

    def _of_two(self, energies: Array, correct: Mask) -> tuple[Array, Array]:
        """Value and slope for two answers: (1/β) log(1 + e^{βu}), u = F(y) − F(ȳ), and ± σ(βu)."""
        # Multiplying by signs is several times as fast as selecting by a mask.
        xp = namespace_of(energies, correct)
        sign = in_dtype(xp, correct[:, 0], energies.dtype)
        sign *= 2
        sign -= 1
        difference = energies[:, 0] - energies[:, 1]
        difference *= sign
        if self.beta != 1:
            difference *= self.beta
        value, slope = positive_part(difference, temperature=1.0)
        if self.beta != 1:
            value /= self.beta
        return value, with_negative(xp, energies, "multiply", slope, sign)

    def curvature(self, energies: Array, correct: Mask) -> Curvature:
        """Second derivatives β (diag p − p pᵀ); for two answers β p₀p₁ [[1, −1], [−1, 1]].

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
        if energies.shape[1] == 2:
            xp = namespace_of(energies)
            odds = in_place(xp, "abs", energies[:, 0] - energies[:, 1])
            odds *= -self.beta
            odds = in_place(xp, "exp", odds)
            root = xp.sqrt(self.beta * odds)  # p₀p₁ = odds/(1 + odds)²
            vector = with_negative(xp, energies, "divide", root, odds + 1)
            return Curvature(xp.zeros_like(energies), ((1.0, vector),))
        probability = SoftMinimum(self.beta).weights(energies)
        return Curvature(self.beta * probability, ((-self.beta, probability),))

    def conjugate(self, slope: Array, correct: Mask) -> Array:
        """(1/β) Σ p log p, the negative entropy of p = e_y − slope.

        Parameters
        ----------
        slope : array of shape (n_samples, m)
            Slopes dℓ/dF.
        correct : array of bool of shape (n_samples, m)
            True at the one correct answer of each sample.

        Returns
        -------
        array of shape (n_samples,)
            ℓ*.
        """
        xp = namespace_of(slope, correct)
        if slope.shape[1] == 2:
            wrong = xp.abs(slope[:, 0])  # p(ȳ), whichever of the two answers is correct
            right = 1 - wrong
            return (xlogy(wrong, wrong) + xlogy(right, right)) / self.beta
        probability = RightAnswers(xp, correct).add(-slope, 1)
        probability = at_least(xp, probability, 0.0)
        return reduce_last_axis(xp, "sum", xlogy(probability, probability)) / self.beta

    def _validate(self, n_answers: int) -> None:
        """Raise ValueError unless β is positive."""
        require_positive(self, "beta")
