"""Noise-contrastive estimation."""

from __future__ import annotations

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses.negatives.base import Drawn
from sklearn_ebm.losses.sampled.base import SampledLoss


class NCE(SampledLoss):
    r"""Noise-contrastive estimation in its ranking form: find the correct answer among draws.

    .. code-block:: none

        u_k = F(y_k) + log q(y_k),   ℓ = u_0 + log Σ_{k=0..m} exp(−u_k)

    y_0 is the correct answer, and y_1, … y_m are drawn independently from q(y | x), which does not
    depend on the correct answer. ℓ is the negative log-probability that y_0 is the answer from the
    data. The minimum is at the true density for every number of draws, up to a constant in F that
    may depend on x.

    References
    ----------
    Gutmann, Hyvärinen, "Noise-contrastive estimation of unnormalized statistical models", JMLR 13
    (2012) 307-361.

    Ma, Collins, "Noise Contrastive Estimation and Negative Sampling for Conditional Models:
    Consistency and Statistical Efficiency", EMNLP (2018). :arxiv:`1809.01812`

    Examples
    --------
    One draw, and a density q that is three times as high at the correct answer as at the draw: with
    equal energies the probability of the correct answer is 1/4.

    >>> import numpy as np
    >>> from sklearn_ebm.losses.negatives.base import Drawn
    >>> from sklearn_ebm.losses.sampled import NCE
    >>> drawn = Drawn(np.zeros((1, 2, 1)), np.log([[0.3, 0.1]]))
    >>> value, slope = NCE()(np.zeros((1, 2)), drawn)
    >>> value.round(6), slope.round(6)
    (array([1.386294]), array([[ 0.75, -0.75]]))
    """

    needs_independent_draws = True

    def __call__(self, energies: Array, drawn: Drawn) -> tuple[Array, Array]:
        """Value (n,) and slope (n, 1 + m): 1 − P(y) at y, and −P(y_k) at the draws.

        Parameters
        ----------
        energies : ndarray of shape (n_samples, 1 + m)
            Energies of the correct answer and of m sampled answers.
        drawn : Drawn
            The answers, and the log-density of the draws.

        Returns
        -------
        value : ndarray of shape (n_samples,)
            ℓ, in nats.
        slope : ndarray of shape (n_samples, 1 + m)
            dℓ/dF.
        """
        assert drawn.log_density is not None
        logs = -energies
        logs -= drawn.log_density
        right = logs[:, 0].copy()
        highest = logs.max(axis=1, keepdims=True)
        logs -= highest
        slope = np.exp(logs, out=logs)
        total = slope.sum(axis=1, keepdims=True)
        value = np.log(total[:, 0]) + highest[:, 0] - right
        slope /= -total
        slope[:, 0] += 1
        return value, slope
