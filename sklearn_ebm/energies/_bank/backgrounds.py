"""Broad densities, so that no answer is impossible."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.energies._gaussian.quadratics import LOG_SQRT_2PI, Quadratics

# Widths in standard deviations of the answers; the last one reaches the furthest answer too.
WIDTHS = (1.0, 3.0, 10.0)

# The prior of each is never less than this many rows' part of all rows that are learned from, as
# long as all together add about this share to the variance of the noise, and no more.
ROWS_FOR_EACH, SHARE_OF_VARIANCE = 0.3, 0.2


class BroadComponents(NamedTuple):
    r"""Gaussians about the mean of all answers, N(y; 0, c²) in units, much wider than the errors.

    Their prior is kept above zero. So there is an answer to how badly any row can be predicted: no
    answer within c standard deviations of the mean, c being the widest, has a density below that of
    the widest at its standard deviation, times its prior.

    Attributes
    ----------
    widths : ndarray of shape (B,)
        In units.
    n_outputs : int
    least_prior : ndarray of shape (B,)
        What the prior of each is at least.

    Examples
    --------
    With a prior of 1 the density of N(0, 10²) at 10 is the least within its standard deviation,
    exp(−½)/(10 √2π):

    >>> backgrounds = BroadComponents(np.array([1.0, 10.0]), 1, np.array([0.0, 1.0]))
    >>> round(float(np.exp(backgrounds.least_log_density)), 4)
    0.0242
    """

    widths: Array
    n_outputs: int
    least_prior: Array

    @classmethod
    def around(cls, answers: Array, height: float) -> BroadComponents:
        r"""Return those that reach all answers, with priors that leave moments to the noise.

        A background of width c with the mixing weight ρ adds about ρ (1 + c²) to the
        variance: it is as far away as answers are from each other, and c wide. A Gaussian of
        standard deviation s is 1/(s √2π) high. So where the bank is as high as exp(height), the
        noise is estimated by

        .. code-block:: none

            log s = −height − q log √2π

        which for several answers puts all sharpness down to one of them. The least prior of each of
        B backgrounds is min(0.3/n, 0.2 s²/(B (1 + c²))).

        Parameters
        ----------
        answers : ndarray of shape (n_samples, n_outputs)
            In units.
        height : float
            log p(y | x) that the bank reaches where it is sure, in units.

        Examples
        --------
        A Gaussian of standard deviation 0.01 has the height −log(0.01 √(2π)). Of three backgrounds
        each adds 0.2/3 of 10⁻⁴, which that of width 3 does with a prior of 0.0667 · 10⁻⁴/10:

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
        """log of the least density within one standard deviation of the widest, in units."""
        spread = LOG_SQRT_2PI + float(np.log(self.widths[-1])) + 0.5
        return float(np.log(self.least_prior[-1])) - self.n_outputs * spread

    def elements(self, n_rows: int) -> list[Quadratics]:
        """Return one Gaussian for each width, the same for all rows."""
        means = np.zeros((n_rows, 1, self.n_outputs))
        return [
            Quadratics.of_mixture(np.ones((n_rows, 1)), means, np.full_like(means, width))
            for width in self.widths
        ]
