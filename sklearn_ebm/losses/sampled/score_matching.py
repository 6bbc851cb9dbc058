"""Denoising score matching."""

from __future__ import annotations

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.validation import positive_number
from sklearn_ebm.losses.negatives.base import Batch, Drawn, ModelNegatives
from sklearn_ebm.losses.sampled.base import SampledLoss

# Half the distance of the two answers of a difference quotient, relative to the noise.
STEP = 0.1


class ScoreMatching(SampledLoss):
    r"""Denoising score matching with one noise scale.

    .. code-block:: none

        ỹ = y + σε,   ℓ = (σ²/2) ‖−∂F/∂y(ỹ) − (y − ỹ)/σ²‖²

    The loss compares slopes of the energy, so it needs no partition function. The derivative along
    each output is a difference quotient of the energies at ỹ ± 0.1σ. The minimum is at the density
    of answers with the noise σ.

    Slopes do not determine the weights of branches that are separated by a region without samples.
    Use ``"nll"`` if a sample has several answers.

    Parameters
    ----------
    noise : float, default=0.1
        Standard deviation σ of the noise, in standard deviations of the answers: at most half the
        width of the narrowest branch.

    References
    ----------
    Vincent, "A Connection Between Score Matching and Denoising Autoencoders", Neural Computation 23
    (2011) 1661-1674. :doi:`10.1162/NECO_a_00142`

    Examples
    --------
    For F = y²/2, y = 0 and ỹ = 1, with σ = 1: ∂F/∂y = 1, the target is (y − ỹ)/σ² = −1, and the
    loss is zero.

    >>> import numpy as np
    >>> from sklearn_ebm.losses.negatives.base import Drawn
    >>> from sklearn_ebm.losses.sampled import ScoreMatching
    >>> answers = np.array([[[0.0], [1.1], [0.9]]])
    >>> value, slope = ScoreMatching(noise=1.0)(
    ...     answers[..., 0] ** 2 / 2, Drawn(answers, None)
    ... )
    >>> value.round(6) + 0.0, float(np.abs(slope).max().round(6))
    (array([0.]), 0.0)
    """

    needs_log_density = False
    examples = ({}, {"noise": 0.3})

    def __init__(self, noise: float = 0.1) -> None:
        self.noise = noise

    def own_negatives(self) -> ModelNegatives:
        """Return the method that draws noisy answers."""
        return _Neighbours(self.noise)

    def __call__(self, energies: Array, drawn: Drawn) -> tuple[Array, Array]:
        """Value (n,) and slope (n, 1 + 2q) of the loss.

        Parameters
        ----------
        energies : ndarray of shape (n_samples, 1 + 2 n_outputs)
            Energies of the correct answer, and of a pair of answers for each output.
        drawn : Drawn
            The answers.

        Returns
        -------
        value : ndarray of shape (n_samples,)
            ℓ, without unit.
        slope : ndarray of shape (n_samples, 1 + 2 n_outputs)
            dℓ/dF.
        """
        answers, noise = drawn.answers, self.noise
        right, above, below = answers[:, 0], answers[:, 1::2], answers[:, 2::2]
        each = np.arange(answers.shape[2])
        middle = 0.5 * (above + below)[:, each, each]
        distance = 2 * STEP * noise
        quotient = (energies[:, 1::2] - energies[:, 2::2]) / distance
        residual = noise * quotient + (right - middle) / noise
        slope = np.zeros_like(energies)
        slope[:, 1::2] = residual * (noise / distance)
        slope[:, 2::2] = -slope[:, 1::2]
        return 0.5 * np.square(residual).sum(axis=1), slope

    def validate(self) -> None:
        """Raise ValueError unless the noise is positive."""
        positive_number("noise", self.noise, of="ScoreMatching")


class _Neighbours(ModelNegatives):
    """Pairs of answers on both sides of a noisy answer, along each output."""

    crosses_branches = False

    def __init__(self, noise: float) -> None:
        self.noise = noise

    def draw(self, batch: Batch) -> Drawn:
        """Draw a noisy answer ỹ, and return ỹ ± 0.1σ along each output."""
        right = batch.right
        n, q = right.shape
        noisy = right + self.noise * batch.rng.standard_normal((n, q), dtype=right.dtype.type)
        step = STEP * self.noise * np.eye(q, dtype=right.dtype)
        pairs = np.stack([noisy[:, None] + step, noisy[:, None] - step], axis=2)
        return Drawn(np.concatenate([right[:, None], pairs.reshape(n, 2 * q, q)], axis=1), None)

    def validate(self) -> None:
        """Raise ValueError unless the noise is positive."""
        positive_number("noise", self.noise, of="ScoreMatching")
