"""The negative log-likelihood."""

from __future__ import annotations

import numpy as np

from sklearn_ebm._arrays import right_index
from sklearn_ebm._curvature import Curvature
from sklearn_ebm._params import Array
from sklearn_ebm.inference import SoftMinimum
from sklearn_ebm.losses.base import Loss, Mask, require_positive, split_right


class NLL(Loss):
    r"""F(y) + (1/β) log Σ_{y'} e^{−βF(y')} = −(1/β) log p(y), with the Gibbs probability p at β.

    Pushes up every wrong answer at once, in proportion to its probability. With a linear energy at
    β = 1 this is multinomial logistic regression.

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
    >>> value, slope = NLL(beta=2.0)(np.array([[0.0, np.log(3) / 2]]), np.array([[True, False]]))
    >>> value.round(6), slope.round(6)
    (array([0.143841]), array([[ 0.25, -0.25]]))
    """

    integrates = True
    convex = True
    shares_push = True
    examples = ({}, {"beta": 2.0})

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = beta

    @property
    def separates(self) -> float:  # type: ignore[override]
        """1/β: the energies at which odds become one-sided."""
        return 1 / self.beta

    def __call__(self, energies: Array, correct: Mask) -> tuple[Array, Array]:
        """Value (n,) and slope (n, m): 1 − p(y) at the right answer, −p(y') elsewhere."""
        if energies.shape[1] == 2:
            return self._of_two(energies, correct)
        index, right = split_right(energies, correct)
        lowest, slope, total = SoftMinimum(self.beta).unnormalised(energies)
        slope *= -1 / total  # sign and normalisation in one pass
        slope[index] += 1
        return right - lowest[:, 0] + np.log(total[:, 0]) / self.beta, slope

    def _of_two(self, energies: Array, correct: Mask) -> tuple[Array, Array]:
        """Of two answers: (1/β) log(1 + e^{βu}) with u = F(y) − F(ȳ), and ± σ(βu)."""
        # Signs and exponents instead of choices by a mask, which cost several times as much.
        sign = np.asarray(correct)[:, 0].astype(energies.dtype)
        sign *= 2
        sign -= 1
        apart = energies[:, 0] - energies[:, 1]
        apart *= sign
        if self.beta != 1:
            apart *= self.beta
        odds = np.abs(apart)
        np.negative(odds, out=odds)
        np.exp(odds, out=odds)  # no exponent is positive
        slope = np.maximum(odds, apart >= 0)  # e^{min(βu, 0)}
        slope /= odds + 1
        value = np.maximum(apart, 0) + np.log1p(odds)
        if self.beta != 1:
            value /= self.beta
        result = np.empty_like(energies)
        np.multiply(slope, sign, out=result[:, 0])
        np.negative(result[:, 0], out=result[:, 1])
        return value, result

    def curvature(self, energies: Array, correct: Mask) -> Curvature:
        """Second derivatives β (diag p − p pᵀ); of two answers β p₀p₁ [[1, −1], [−1, 1]]."""
        if energies.shape[1] == 2:
            odds = energies[:, 0] - energies[:, 1]
            np.abs(odds, out=odds)
            odds *= -self.beta
            np.exp(odds, out=odds)
            root = np.sqrt(self.beta * odds)  # p₀p₁ = odds/(1 + odds)²
            root /= odds + 1
            vector = np.empty_like(energies)
            vector[:, 0] = root
            np.negative(root, out=vector[:, 1])
            return Curvature(np.zeros_like(energies), ((1.0, vector),))
        probability = SoftMinimum(self.beta).weights(energies)
        return Curvature(self.beta * probability, ((-self.beta, probability),))

    def conjugate(self, slope: Array, correct: Mask) -> Array:
        """(1/β) Σ p log p, the negative entropy of p = e_y − slope."""
        if slope.shape[1] == 2:
            wrong = np.abs(slope[:, 0])  # p(ȳ), whichever of the two is right
            entropy = wrong * np.log(np.maximum(wrong, np.finfo(wrong.dtype).tiny))
            right = 1 - wrong
            entropy += right * np.log(np.maximum(right, np.finfo(wrong.dtype).tiny))
            return entropy / self.beta
        probability = np.negative(slope)
        probability[right_index(correct)] += 1
        # p log p is 0 at p = 0, and so is p log(tiny): one logarithm and no branches.
        entropy = np.log(np.maximum(probability, np.finfo(probability.dtype).tiny))
        entropy *= np.maximum(probability, 0, out=probability)
        return entropy.sum(axis=1) / self.beta

    def validate(self, n_answers: int) -> None:
        """Raise ValueError unless β is positive."""
        require_positive(self, "beta")
