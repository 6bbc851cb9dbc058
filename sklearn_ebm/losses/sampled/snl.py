"""The self-normalised likelihood."""

from __future__ import annotations

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses.negatives.base import Drawn
from sklearn_ebm.losses.sampled.base import SampledLoss

# Largest log-weight of a draw. Without a limit, a single draw could end learning.
LARGEST = 30.0


class SNL(SampledLoss):
    r"""Self-normalised likelihood: log Z is learned as the level of the energy.

    .. code-block:: none

        ℓ = F(y) + Z − 1,   Z ≈ (1/m) Σ_k exp(−F(y_k))/q(y_k)

    Since log Z ≤ Z e^{−c} + c − 1 for every c, ℓ is an upper bound of the negative log-likelihood,
    and the bound is tight where Z = 1. Learning therefore ends with energies that are nearly
    normalised. In contrast to the logarithm of an estimate, ℓ is unbiased for every number of
    draws.

    References
    ----------
    Senetaire, Jeha, Mattei, Frellsen, "Learning Energy-Based Models by Self-normalising the
    Likelihood" (2025). :arxiv:`2503.07021`

    Examples
    --------
    The draws of `SampledNLL`: Z ≈ 2/3, so ℓ = 0 + 2/3 − 1.

    >>> import numpy as np
    >>> from sklearn_ebm.losses.negatives.base import Drawn
    >>> from sklearn_ebm.losses.sampled import SNL
    >>> drawn = Drawn(np.zeros((1, 3, 1)), np.zeros((1, 3)))
    >>> value, slope = SNL()(np.array([[0.0, 0.0, np.log(3)]]), drawn)
    >>> value.round(6), slope.round(6)
    (array([-0.333333]), array([[ 1.      , -0.5     , -0.166667]]))
    """

    traits = SampledLoss.traits._replace(fixes_level=True)

    def __call__(self, energies: Array, drawn: Drawn) -> tuple[Array, Array]:
        """Value (n,) and slope (n, 1 + m): 1 at y, and −exp(−F)/(m q) at the draws.

        Parameters
        ----------
        energies : ndarray of shape (n_samples, 1 + m)
            Energies of the correct answer and of m sampled answers.
        drawn : Drawn
            The answers, and the log-density of the draws.

        Returns
        -------
        value : ndarray of shape (n_samples,)
            ℓ, in nats. Log-weights are limited to 30.
        slope : ndarray of shape (n_samples, 1 + m)
            dℓ/dF.
        """
        assert drawn.log_density is not None
        weights = -energies[:, 1:]
        weights -= drawn.log_density[:, 1:]
        np.minimum(weights, LARGEST, out=weights)
        np.exp(weights, out=weights)
        weights /= weights.shape[1]
        slope = np.ones_like(energies)
        np.negative(weights, out=slope[:, 1:])
        return energies[:, 0] + weights.sum(axis=1) - 1, slope
