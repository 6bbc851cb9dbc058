"""Broad densities, so that no answer is impossible."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sklearn_ebm._params import Array
from sklearn_ebm.energies.laws import LOG_SQRT_2PI, Parabolas

# Widths in deviations of the answers; the last one reaches the furthest answer too.
WIDTHS = (1.0, 3.0, 10.0)

# The prior of each is never less than this many rows' part of all rows that judge.
ROWS_FOR_EACH = 0.3


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
    least_prior : float
        What the prior of each is at least.

    Examples
    --------
    With a prior of 1 the density of N(0, 10²) at 10 is the least within its deviation,
    exp(−½)/(10 √2π):

    >>> backgrounds = Backgrounds(np.array([1.0, 10.0]), 1, 1.0)
    >>> round(float(np.exp(backgrounds.least_log_density)), 4)
    0.0242
    """

    widths: Array
    n_outputs: int
    least_prior: float

    @classmethod
    def around(cls, answers: Array, n_judges: int) -> Backgrounds:
        """Return those that reach all answers, (n, q) in units."""
        furthest = max(WIDTHS[-1], float(np.abs(answers).max()))
        least = ROWS_FOR_EACH / n_judges
        return cls(np.array([*WIDTHS[:-1], furthest]), answers.shape[1], least / (1 + least * 3))

    @property
    def least_log_density(self) -> float:
        """log of the least density within one deviation of the widest, in units."""
        spread = LOG_SQRT_2PI + float(np.log(self.widths[-1])) + 0.5
        return float(np.log(self.least_prior)) - self.n_outputs * spread

    def elements(self, n_rows: int) -> list[Parabolas]:
        """Return one Gaussian for each width, the same for all rows."""
        means = np.zeros((n_rows, 1, self.n_outputs))
        return [
            Parabolas.of_mixture(np.ones((n_rows, 1)), means, np.full_like(means, width))
            for width in self.widths
        ]
