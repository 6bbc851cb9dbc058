r"""How wide the average of several members should be, told by rows that they have not seen.

Two things are amiss with the average as it was learned. Its parts have the shape of a Gaussian
where errors may have longer tails: so the width becomes one more latent variable, with a bank of
factors c and a prior ρ(c) by expectation maximisation. And members that are as wide as their own
errors, σ² = τ² + b² with b² the part that changes from member to member, are too wide together: M
of them err by τ² + b²/M only, and scatter besides. All widths divided by √s make up for it,

.. code-block:: none

    (τ² + b²)/s + b² (1 − 1/M) = τ² + b²/M    =>    s = (1 + r)/(1 − r (1 − 2/M)),  r = b²/τ²

Rows that two members have left out say what s is best for one of them and for both, which gives r.
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

# The factors of the bank; rows that count for the factor 1 before any is seen, only so many for
# each row that is seen where that widens densities: few errors may be small by chance, but are
# never too few to be believed when they are large; and priors below which a factor is left out.
FACTORS = np.array([0.15, 0.25, 0.4, 0.65, 1.0, 1.4, 2.0, 3.5, 7.0])
ROWS_BEFORE, SHARE_BEFORE, LEAST_PRIOR, ROUNDS = 5.0, 0.1, 0.005, 200

# The range in which β is looked for, and how far; and the most that averaging sharpens.
RANGE, PRECISION, SHARPEST = (0.05, 100.0), 0.01, 4.0


class HeldOutMixture(NamedTuple):
    """Rows that some members have not seen, and the energies of those members.

    Attributes
    ----------
    quadratics : Quadratics
    y : ndarray of shape (n_samples, n_outputs)
    weight : ndarray of shape (n_samples,)
        Relative to that of all rows, whose mean is 1.
    """

    quadratics: Quadratics
    y: Array
    weight: npt.NDArray[np.float64]

    def log_prob(self, units: Units, beta: float = 1.0, *, minimum: bool = False) -> Array:
        """Log density of each row."""
        law = gibbs_law(self.quadratics, beta, units, minimum=minimum)
        return law.log_prob(self.y[:, 0] if self.y.shape[1] == 1 else self.y)


def likeliest_beta(
    pieces: Sequence[HeldOutMixture], units: Units, *, minimum: bool = False
) -> float:
    """Return the most probable β, by rows that were not learned from.

    Energies of answers are learned at β = 1, which few rows leave where it is.
    """
    top = max(float(piece.weight.max()) for piece in pieces)
    shares = [piece.weight / top for piece in pieces]
    unit = sum(map(np.count_nonzero, shares)) / sum(float(share.sum()) for share in shares)

    def cost(beta: float) -> float:
        return -unit * sum(
            float(share @ piece.log_prob(units, beta, minimum=minimum))
            for share, piece in zip(shares, pieces, strict=True)
        )

    return most_probable_beta(cost, RANGE, 1.0, PRECISION)


def sharper_together(of_one: float, of_two: float, n_members: int) -> float:
    """Return how many times sharper M members should be than two of them.

    Parameters
    ----------
    of_one, of_two : float
        The likeliest β of single members, and of the average of two.
    n_members : int

    Examples
    --------
    With r = 1/4, two members want to be 1.25 times as sharp as one, and ten 1/(1 − 0.8/4) times as
    sharp as two:

    >>> sharper_together(1.0, 1.25, 10), sharper_together(1.0, 1.25, 2)
    (1.25, 1.0)
    """
    rest = 1 - max(of_two / of_one - 1, 0.0) * (1 - 2 / n_members)
    return 1 / max(rest, 1 / SHARPEST)


def fitted_widths(
    pieces: Sequence[HeldOutMixture], units: Units, floor: Array, sharper: float
) -> Widths:
    """Return the bank of widths with the prior at which unseen rows are most likely.

    Parameters
    ----------
    pieces : sequence of HeldOutMixture
    units : Units
    floor : ndarray of shape (n_outputs,)
        What no width goes below.
    sharper : float
        How many times sharper the densities will be than those of the pieces.
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
