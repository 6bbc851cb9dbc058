"""Convergence diagnostics of Markov chains: R-hat, and effective numbers of draws."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.special import ndtri
from scipy.stats import rankdata

from sklearn_ebm._utils.parameters import Array

#: Probabilities of the quantiles whose effective number of draws is that of the tails.
TAILS = (0.05, 0.95)


def r_hat(draws: npt.ArrayLike) -> Array:
    r"""Compute the rank-normalised split R-hat, which is close to 1 if the chains agree.

    R-hat = √(var⁺/W), with the mean variance W within half chains, and var⁺ = (1 − 1/D) W + B of
    all of them, B being the variance of their means. It is computed for normal scores of the
    ranks, and of the distances from the median; the result is the larger number.

    Parameters
    ----------
    draws : array-like of shape (..., n_chains, n_draws)
        Draws of one number. Chains should have converged if R-hat is at most 1.01.

    Returns
    -------
    ndarray of shape (...)
        NaN where all draws are equal, or one is not finite.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter, Bürkner, "Rank-normalization, folding, and localization",
    Bayesian Analysis 16 (2021) 667-718. :doi:`10.1214/20-BA1221`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ebm.samplers import r_hat
    >>> draws = np.random.default_rng(0).standard_normal((2, 4, 1000))
    >>> draws[1] += np.array([[0.0], [0.0], [0.0], [2.0]])  # another place, so it disagrees
    >>> r_hat(draws) > 1.01
    array([False,  True])
    """
    halves = _halves(np.asarray(draws, dtype=np.float64))
    flat = halves.reshape(*halves.shape[:-2], -1)
    folded = np.abs(halves - np.median(flat, axis=-1)[..., None, None])
    return np.asarray(np.maximum(_ratio(_scores(halves)), _ratio(_scores(folded))))


def ess_bulk(draws: npt.ArrayLike) -> Array:
    """Compute the effective number of draws for the centre of a distribution.

    It is the number of independent draws with which a mean of normal scores of the ranks would have
    the same standard error.

    Parameters
    ----------
    draws : array-like of shape (..., n_chains, n_draws)
        Draws of one number.

    Returns
    -------
    ndarray of shape (...)
        NaN where a draw is not finite.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter, Bürkner, "Rank-normalization, folding, and localization",
    Bayesian Analysis 16 (2021) 667-718. :doi:`10.1214/20-BA1221`

    Examples
    --------
    Of 4000 independent draws, about 4000 are effective:

    >>> import numpy as np
    >>> from sklearn_ebm.samplers import ess_bulk
    >>> draws = np.random.default_rng(0).standard_normal((4, 1000))
    >>> bool(3000 < ess_bulk(draws) < 5000)
    True
    """
    return _effective(_scores(_halves(np.asarray(draws, dtype=np.float64))))


def ess_tail(draws: npt.ArrayLike) -> Array:
    """Compute the effective number of draws for the tails of a distribution.

    It is the smaller one of those of the quantiles 0.05 and 0.95.

    Parameters
    ----------
    draws : array-like of shape (..., n_chains, n_draws)
        Draws of one number.

    Returns
    -------
    ndarray of shape (...)
        NaN where a draw is not finite.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter, Bürkner, "Rank-normalization, folding, and localization",
    Bayesian Analysis 16 (2021) 667-718. :doi:`10.1214/20-BA1221`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ebm.samplers import ess_tail
    >>> draws = np.random.default_rng(0).standard_normal((4, 1000))
    >>> bool(3000 < ess_tail(draws) < 5000)
    True
    """
    array = np.asarray(draws, dtype=np.float64)
    flat = array.reshape(*array.shape[:-2], -1)
    finite = np.asarray(np.isfinite(flat).all(axis=-1))
    numbers = np.where(finite[..., None], flat, 0)
    limits = np.quantile(numbers, TAILS, axis=-1)
    both = [_effective(_halves((array <= limit[..., None, None]) * 1.0)) for limit in limits]
    return np.asarray(np.where(finite, np.minimum(*both), np.nan))


def _halves(draws: Array) -> Array:
    """Split each chain in two; the middle one of an odd number of draws is left out."""
    if draws.ndim < 2 or draws.shape[-1] < 4:
        raise ValueError(
            f"draws.shape == {draws.shape}, expected (..., n_chains, n_draws) with 4 draws or more."
        )
    half = draws.shape[-1] // 2
    return np.concatenate([draws[..., :half], draws[..., -half:]], axis=-2)


def _scores(draws: Array) -> Array:
    """Normal scores of the ranks among the draws of all chains."""
    flat = draws.reshape(*draws.shape[:-2], -1)
    ranks = rankdata(flat, axis=-1)
    scores = ndtri((ranks - 0.375) / (flat.shape[-1] + 0.25))
    finite = np.asarray(np.isfinite(flat).all(axis=-1))
    scores = np.where(finite[..., None], scores, np.nan)
    return np.asarray(scores.reshape(draws.shape))


def _ratio(draws: Array) -> Array:
    """√(var⁺/W) of chains (..., n_chains, n_draws)."""
    n = draws.shape[-1]
    within = draws.var(axis=-1, ddof=1).mean(axis=-1)
    between = draws.mean(axis=-1).var(axis=-1, ddof=1)
    with np.errstate(all="ignore"):
        return np.asarray(np.sqrt(between / within + (n - 1) / n))


def _effective(draws: Array) -> Array:
    """Effective number of draws for the mean, by Geyer's initial monotone sequence."""
    n_chains, n = draws.shape[-2:]
    autocovariances = _autocovariances(draws).mean(axis=-2)
    within = autocovariances[..., :1] * n / (n - 1)
    total = within * (n - 1) / n + draws.mean(axis=-1).var(axis=-1, ddof=1)[..., None]
    with np.errstate(all="ignore"):
        correlations = 1 - (within - autocovariances) / total
    correlations[..., 0] = 1
    pairs = correlations[..., : n // 2 * 2].reshape(*correlations.shape[:-1], -1, 2)
    sums = pairs.sum(axis=-1)[..., : max((n - 3) // 2, 1)]
    with np.errstate(invalid="ignore"):
        kept = np.logical_and.accumulate(sums >= 0, axis=-1)
    falling = np.minimum.accumulate(np.where(kept, sums, 0), axis=-1)
    # The first correlation after the kept pairs counts if it is positive.
    n_kept = np.minimum(kept.sum(axis=-1), pairs.shape[-2] - 1)
    after = np.take_along_axis(pairs[..., 0], n_kept[..., None], axis=-1)[..., 0]
    tau = -1 + 2 * falling.sum(axis=-1) + np.maximum(after, 0)
    size = n_chains * n
    result = size / np.maximum(tau, 1 / np.log10(size))
    constant = np.ptp(draws.reshape(*draws.shape[:-2], -1), axis=-1) < np.finfo(float).resolution
    result = np.where(np.isnan(total[..., 0]), np.nan, result)
    return np.asarray(np.where(constant, float(size), result))


def _autocovariances(draws: Array) -> Array:
    """Autocovariances of each chain, divided by the number of draws, for all lags."""
    n = draws.shape[-1]
    length = fft.next_fast_len(2 * n, real=True)
    centered = draws - draws.mean(axis=-1, keepdims=True)
    power = fft.rfft(centered, length, axis=-1)
    power = power.real**2 + power.imag**2
    return np.asarray(fft.irfft(power, length, axis=-1)[..., :n] / n)
