"""Broad densities, so that no answer is impossible."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sklearn_ebm._params import Array
from sklearn_ebm.energies.laws import LOG_SQRT_2PI, Parabolas

# Widths in deviations of the answers; the last one reaches the furthest answer too.
WIDTHS = (0.1, 0.3, 1.0, 3.0, 10.0)

# The prior of each is never less than this many rows' part of all rows that are learnt from, as
# long as all together add no more than this share to the variance of the noise.
ROWS_FOR_EACH, SHARE_OF_VARIANCE = 0.3, 0.2


class Backgrounds(NamedTuple):
    r"""Gaussians about the mean of all answers, N(y; 0, c²) in units, much wider than the errors.

    Their prior is kept above zero. So there is an answer to how badly any row can be predicted: no
    answer within c deviations of the mean, c being the widest, has a density below that of the
    widest at its deviation, times its prior.

    Attributes
    ----------
    widths : ndarray of shape (B,)
        In units.
    n_outputs : int
    least_prior : ndarray of shape (B,)
        What the prior of each is at least.

    Examples
    --------
    With a prior of 1 the density of N(0, 10²) at 10 is the least within its deviation,
    exp(−½)/(10 √2π):

    >>> backgrounds = Backgrounds(np.array([1.0, 10.0]), 1, np.array([0.0, 1.0]))
    >>> round(float(np.exp(backgrounds.least_log_density)), 4)
    0.0242
    """

    widths: Array
    n_outputs: int
    least_prior: Array

    @classmethod
    def around(cls, answers: Array, nll: float) -> Backgrounds:
        r"""Return those that reach all answers, with priors that leave moments to the noise.

        A background of width c that speaks with probability ρ adds ρ c² to the variance. The
        variance of the noise is at least its entropy power,

        .. code-block:: none

            N = exp(2 h/q)/(2πe)

        with h the mean negative log-likelihood of rows that were not learnt from. So the least
        prior of each of B backgrounds falls with the square of its width:
        min(0.3/n, 0.2 N/(B c²)).

        Parameters
        ----------
        answers : ndarray of shape (n, q)
            In units.
        nll : float
            h, in nats, of answers in units, without backgrounds.

        References
        ----------
        Shannon, "A mathematical theory of communication", Bell System Technical Journal 27 (1948)
        623-656. :doi:`10.1002/j.1538-7305.1948.tb00917.x`

        Examples
        --------
        A Gaussian of deviation 0.01 has the entropy log(0.01 √(2πe)), and N = 10⁻⁴. Of five
        backgrounds each adds at most 0.2/5 of that, which the narrowest of 0.1 does with a prior
        of 0.04 · 10⁻⁴/0.1² = 4 · 10⁻⁴:

        >>> answers = np.linspace(-1, 1, 100)[:, None]
        >>> nll = np.log(0.01 * np.sqrt(2 * np.pi * np.e))
        >>> backgrounds = Backgrounds.around(answers, nll)
        >>> backgrounds.least_prior[0].round(6), backgrounds.widths[-1]
        (np.float64(0.0004), np.float64(10.0))
        """
        furthest = max(WIDTHS[-1], float(np.abs(answers).max()))
        widths = np.array([*WIDTHS[:-1], furthest])
        power = np.exp(2 * nll / answers.shape[1]) / (2 * np.pi * np.e)
        within = SHARE_OF_VARIANCE * power / (len(widths) * widths**2)
        least = np.minimum(ROWS_FOR_EACH / len(answers), within)
        return cls(widths, answers.shape[1], least / (1 + least.sum()))

    @property
    def least_log_density(self) -> float:
        """log of the least density within one deviation of the widest, in units."""
        spread = LOG_SQRT_2PI + float(np.log(self.widths[-1])) + 0.5
        return float(np.log(self.least_prior[-1])) - self.n_outputs * spread

    def elements(self, n_rows: int) -> list[Parabolas]:
        """Return one Gaussian for each width, the same for all rows."""
        means = np.zeros((n_rows, 1, self.n_outputs))
        return [
            Parabolas.of_mixture(np.ones((n_rows, 1)), means, np.full_like(means, width))
            for width in self.widths
        ]
