r"""Correction of the widths of an ensemble, by held-out rows.

The average of the members is corrected in two ways. First, its components are Gaussian although
errors may have heavier tails, so the width becomes another latent variable, with factors c and a
prior ρ(c) that is found by expectation maximisation. Second, the average is too wide. The variance
of each member is that of its own errors, σ² = τ² + b², where b² is the part that differs between
members. The mean of M members has only the error τ² + b²/M, but the mixture also contains the
spread of their means. All widths are therefore divided by √s with

.. code-block:: none

    (τ² + b²)/s + b² (1 − 1/M) = τ² + b²/M    =>    s = (1 + r)/(1 − r (1 − 2/M)),  r = b²/τ²

The best β for one member and for two, on rows that both have left out, give r.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.energies._bank.prior import most_likely_prior
from sklearn_ebm.energies._gaussian.quadratics import Quadratics, Widths, gibbs_law
from sklearn_ebm.energies._gaussian.units import Units
from sklearn_ebm.learning.temperature_scaling import most_probable_beta

# The factors c; pseudo-counts of the factor 1, in rows; their limit relative to the number of rows,
# which is used only if the factors then widen the densities, because few errors may be small by
# chance, but large errors are reliable; and the prior below which a factor is omitted.
FACTORS = np.array([0.15, 0.25, 0.4, 0.65, 1.0, 1.4, 2.0, 3.5, 7.0])
ROWS_BEFORE, SHARE_BEFORE, LEAST_PRIOR, ROUNDS = 5.0, 0.1, 0.005, 200

# Range and precision of the search for β, and largest factor s.
RANGE, PRECISION, SHARPEST = (0.05, 100.0), 0.01, 4.0


class HeldOutMixture(NamedTuple):
    """Held-out rows, and the energies of the members that were learned without them.

    Attributes
    ----------
    quadratics : Quadratics
        Energies of the rows.
    y : ndarray of shape (n_samples, n_outputs)
        The target.
    weight : ndarray of shape (n_samples,)
        Sample weights, relative to the mean weight of all rows.
    """

    quadratics: Quadratics
    y: Array
    weight: npt.NDArray[np.float64]

    def log_prob(self, units: Units, beta: float = 1.0, *, minimum: bool = False) -> Array:
        """log p(y | x) of each row."""
        distribution = gibbs_law(self.quadratics, beta, units, minimum=minimum)
        return distribution.log_prob(self.y[:, 0] if self.y.shape[1] == 1 else self.y)


def likeliest_beta(
    pieces: Sequence[HeldOutMixture], units: Units, *, minimum: bool = False
) -> float:
    """Return the β of the largest posterior for held-out rows.

    The prior is centred at β = 1, the β of learning, so that few rows hardly change it.
    """
    top = max(float(piece.weight.max()) for piece in pieces)
    weights = [piece.weight / top for piece in pieces]
    unit = sum(map(np.count_nonzero, weights)) / sum(float(weight.sum()) for weight in weights)

    def cost(beta: float) -> float:
        return -unit * sum(
            float(weight @ piece.log_prob(units, beta, minimum=minimum))
            for weight, piece in zip(weights, pieces, strict=True)
        )

    return most_probable_beta(cost, RANGE, 1.0, PRECISION)


def sharper_together(of_one: float, of_two: float, n_members: int) -> float:
    """Return the factor s for M members, relative to two members.

    Parameters
    ----------
    of_one, of_two : float
        The best β of single members, and of the average of two.
    n_members : int
        Number M of members.

    Returns
    -------
    float
        Factor of β, or inverse factor of the variance.

    Examples
    --------
    With r = 1/4 the best β of two members is 1.25 times that of one, and the best β of ten is
    1/(1 − 0.8/4) times that of two:

    >>> sharper_together(1.0, 1.25, 10), sharper_together(1.0, 1.25, 2)
    (1.25, 1.0)
    """
    rest = 1 - max(of_two / of_one - 1, 0.0) * (1 - 2 / n_members)
    return 1 / max(rest, 1 / SHARPEST)


def fitted_widths(
    pieces: Sequence[HeldOutMixture], units: Units, floor: Array, sharper: float
) -> Widths:
    """Fit the prior of the widths to held-out rows by maximum likelihood.

    Parameters
    ----------
    pieces : sequence of HeldOutMixture
        Held-out rows.
    units : Units
        Units of the answers.
    floor : ndarray of shape (n_outputs,)
        Smallest scale of each output.
    sharper : float
        Factor of β between all members and those of the pieces.

    Returns
    -------
    Widths
        Factors of the scales, with their prior.
    """

    def log_density(piece: HeldOutMixture, factor: float) -> Array:
        wide = piece.quadratics.widened(Widths.single(factor), floor)
        return piece._replace(quadratics=wide).log_prob(units)

    log_prob = np.concatenate(
        [np.column_stack([log_density(piece, f) for f in FACTORS]) for piece in pieces]
    )
    weight = np.concatenate([piece.weight for piece in pieces])
    prior = np.zeros(len(FACTORS))
    for before in (min(ROWS_BEFORE, SHARE_BEFORE * float(weight.sum())), ROWS_BEFORE):
        log_prior, _ = most_likely_prior(
            log_prob, weight, np.zeros(len(FACTORS)), ROUNDS, before * (FACTORS == 1)
        )
        prior = np.exp(log_prior)
        if before == ROWS_BEFORE or prior @ np.log(FACTORS) > 0:
            break
    kept = prior >= LEAST_PRIOR
    prior = prior[kept] / prior[kept].sum()
    return Widths(FACTORS[kept] / np.sqrt(sharper), np.log(prior))
