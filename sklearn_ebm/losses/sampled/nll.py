"""The negative log-likelihood with an estimate of the partition function."""

from __future__ import annotations

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.validation import level
from sklearn_ebm.losses.negatives.base import Drawn
from sklearn_ebm.losses.sampled.base import SampledLoss


class SampledNLL(SampledLoss):
    r"""Negative log-likelihood loss with a partition function that is estimated from draws.

    .. code-block:: none

        F(y) + log (1/m) Σ_k exp(−F(y_k))/q(y_k)   y_k drawn from a density q
        F(y) − (1/m) Σ_k F(y_k)                    y_k drawn from p ∝ exp(−F) by a Markov chain

    The gradient of the negative log-likelihood is ∂F(y) − E_{y'~p}[∂F(y')]. The first form
    estimates the mean by self-normalised importance sampling. The value of the second form is not
    the likelihood, but its gradient is an unbiased estimate if the chains have converged. The name
    ``"nll"`` gives this loss for energies of any form.

    Parameters
    ----------
    energy_penalty : float, default=0.01
        Weight α ≥ 0 of the penalty α (F(y)² + (1/m) Σ_k F(y_k)²), which is added in the second form
        only. Chains that have not converged give wrong gradients, and the penalty prevents that
        energies grow without limit.

    References
    ----------
    Hinton, "Training Products of Experts by Minimizing Contrastive Divergence", Neural Computation
    14 (2002) 1771-1800. :doi:`10.1162/089976602760128018`

    Examples
    --------
    Two draws from a uniform density q = 1 with energies 0 and log 3: Z ≈ (1 + 1/3)/2 = 2/3, and
    their shares of Z are 3/4 and 1/4.

    >>> import numpy as np
    >>> from sklearn_ebm.losses.negatives.base import Drawn
    >>> from sklearn_ebm.losses.sampled import SampledNLL
    >>> drawn = Drawn(np.zeros((1, 3, 1)), np.zeros((1, 3)))
    >>> value, slope = SampledNLL()(np.array([[0.0, 0.0, np.log(3)]]), drawn)
    >>> value.round(6), slope
    (array([-0.405465]), array([[ 1.  , -0.75, -0.25]]))
    """

    needs_log_density = False
    examples = ({}, {"energy_penalty": 0.1})

    def __init__(self, energy_penalty: float = 0.01) -> None:
        self.energy_penalty = energy_penalty

    def __call__(self, energies: Array, drawn: Drawn) -> tuple[Array, Array]:
        """Value (n,) and slope (n, 1 + m): 1 at y, and −p(y_k) at the draws.

        Parameters
        ----------
        energies : ndarray of shape (n_samples, 1 + m)
            Energies of the correct answer and of m sampled answers.
        drawn : Drawn
            The answers, and the log-density of the draws.

        Returns
        -------
        value : ndarray of shape (n_samples,)
            ℓ, in units of the loss.
        slope : ndarray of shape (n_samples, 1 + m)
            dℓ/dF.
        """
        right, wrong = energies[:, 0], energies[:, 1:]
        slope = np.ones_like(energies)
        if drawn.log_density is None:
            return self._of_chains(right, wrong, slope)
        log_weights = -wrong
        log_weights -= drawn.log_density[:, 1:]
        highest = log_weights.max(axis=1, keepdims=True)
        weights = np.exp(log_weights - highest, out=log_weights)
        total = weights.sum(axis=1, keepdims=True)
        value = right + np.log(total[:, 0] / wrong.shape[1]) + highest[:, 0]
        np.divide(weights, -total, out=slope[:, 1:])
        return value, slope

    def _of_chains(self, right: Array, wrong: Array, slope: Array) -> tuple[Array, Array]:
        """Difference of the energies of the correct answer and of chains, plus the penalty."""
        m, penalty = wrong.shape[1], self.energy_penalty
        slope[:, 0] += 2 * penalty * right
        slope[:, 1:] = (2 * penalty * wrong - 1) / m
        squares = np.square(right) + np.square(wrong).mean(axis=1)
        return right - wrong.mean(axis=1) + penalty * squares, slope

    def validate(self) -> None:
        """Raise ValueError unless the penalty is zero or positive."""
        level("energy_penalty", self.energy_penalty, 0.0, of="SampledNLL")
