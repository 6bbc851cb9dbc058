"""Backgrounds: broad densities that bound the density of every answer from below."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.energies._gaussian.quadratics import LOG_SQRT_2PI, Quadratics

# Widths in standard deviations of the answers; the last is increased to the furthest answer.
WIDTHS = (1.0, 3.0, 10.0)

# Smallest prior of each background, in rows, and largest fraction of the variance of the noise that
# all backgrounds together may add.
ROWS_FOR_EACH, SHARE_OF_VARIANCE = 0.3, 0.2


class BroadComponents(NamedTuple):
    r"""Broad Gaussians around the mean of all answers, N(y; 0, c²) in standard deviations.

    Their prior is always above zero. The density of every answer within c standard deviations of
    the mean, c being the largest width, is therefore at least the prior of the widest Gaussian
    times its density at the distance c.

    Attributes
    ----------
    widths : ndarray of shape (B,)
        Widths c, in standard deviations of the answers.
    n_outputs : int
        Number of outputs.
    least_prior : ndarray of shape (B,)
        Smallest prior of each.

    Examples -------- With a prior of 1, the smallest density within the standard deviation of N(0,
    10²) is that at 10, exp(−½)/(10 √2π):

    >>> backgrounds = BroadComponents(np.array([1.0, 10.0]), 1, np.array([0.0, 1.0]))
    >>> round(float(np.exp(backgrounds.least_log_density)), 4)
    0.0242
    """

    widths: Array
    n_outputs: int
    least_prior: Array

    @classmethod
    def around(cls, answers: Array, height: float) -> BroadComponents:
        r"""Return backgrounds for all answers, with smallest priors that hardly change moments.

        A background of width c with the mixing weight ρ adds about ρ (1 + c²) to the variance, for
        the distance of the means and its own variance. The largest density of a Gaussian with the
        standard deviation s is 1/(s √2π). From the height exp(height) of the density of the bank,
        the noise s is estimated by

        .. code-block:: none

            log s = −height − q log √2π

        where q is the number of outputs; all but one are taken to have the scale 1. The smallest
        prior of each of B backgrounds for n rows is min(0.3/n, 0.2 s²/(B (1 + c²))).

        Parameters
        ----------
        answers : ndarray of shape (n_samples, n_outputs)
            Standardised answers.
        height : float
            log p(y | x) of the bank at the answers that it predicts best.

        Returns
        -------
        BroadComponents
            The backgrounds.

        Examples
        --------
        A Gaussian of standard deviation 0.01 has the height −log(0.01 √(2π)). Each of three
        backgrounds may add 0.2/3 of 10⁻⁴; for the width 3 this is a prior of 0.0667 · 10⁻⁴/10:

        >>> answers = np.linspace(-1, 1, 100)[:, None]
        >>> backgrounds = BroadComponents.around(answers, -np.log(0.01 * np.sqrt(2 * np.pi)))
        >>> float(backgrounds.least_prior[1].round(9)), float(backgrounds.widths[-1])
        (6.67e-07, 10.0)
        """
        q = answers.shape[1]
        furthest = max(WIDTHS[-1], float(np.abs(answers).max()))
        widths = np.array([*WIDTHS[:-1], furthest])
        variance = np.exp(-2 * (height + q * LOG_SQRT_2PI))
        within = SHARE_OF_VARIANCE * variance / (len(widths) * (1 + widths**2))
        least = np.minimum(ROWS_FOR_EACH / len(answers), within)
        return cls(widths, q, least / (1 + least.sum()))

    @property
    def least_log_density(self) -> float:
        """log of the smallest density within the largest width, in standard deviations."""
        spread = LOG_SQRT_2PI + float(np.log(self.widths[-1])) + 0.5
        return float(np.log(self.least_prior[-1])) - self.n_outputs * spread

    def elements(self, n_rows: int) -> list[Quadratics]:
        """Return one Gaussian for each width, the same for all rows."""
        means = np.zeros((n_rows, 1, self.n_outputs))
        return [
            Quadratics.of_mixture(np.ones((n_rows, 1)), means, np.full_like(means, width))
            for width in self.widths
        ]
