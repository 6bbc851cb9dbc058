"""Weights of importance sampling: Pareto smoothing, effective numbers, and errors of log Z."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array

#: Two proposals disagree beyond this many standard errors and this much in log Z.
ERRORS, TOLERANCE = 4.0, 0.02

#: Fewest effective draws with which a lower log Z of the wider proposal counts.
FEWEST_WIDER = 20.0


class Estimate(Protocol):
    """Estimates of log Z (n_samples,), with standard errors and effective numbers of draws."""

    @property
    def value(self) -> Array:
        """Estimates of log Z."""

    @property
    def standard_error(self) -> Array:
        """Standard errors."""

    @property
    def ess(self) -> Array:
        """Effective numbers of draws."""


class WeightSummary(NamedTuple):
    """Estimate of a logarithm of a mean weight, for each sample.

    Attributes
    ----------
    value : ndarray of shape (n_samples,)
        Logarithm of the mean weight.
    standard_error : ndarray of shape (n_samples,)
        Its standard error.
    ess : ndarray of shape (n_samples,)
        Effective number of draws (Σ w)²/Σ w².
    shape : ndarray of shape (n_samples,)
        Shape k of the generalised Pareto distribution of the largest weights.
    """

    value: Array
    standard_error: Array
    ess: Array
    shape: Array


def summarize(log_weights: Array) -> WeightSummary:
    r"""Estimate log Z from logarithms of weights (n_samples, n_draws), whose mean is Z.

    .. code-block:: none

        value = log mean w,    standard error = √(Σ (w − mean w)²/(n (n − 1)))/mean w

    In the standard error, and in the effective number of draws, the largest weights are replaced by
    quantiles of the generalised Pareto distribution that fits them, where they are larger. So a
    tail with an infinite variance is not mistaken for a small error.

    References
    ----------
    Vehtari, Simpson, Gelman, Yao, Gabry, "Pareto smoothed importance sampling", Journal of Machine
    Learning Research 25 (2024) 1-58. :arxiv:`1507.02646`

    Examples
    --------
    The weights 1 and 3 have the mean 2, and the standard error 1/2 on the scale of logarithms:

    >>> import numpy as np
    >>> value, error, ess, _ = summarize(np.log([[1.0, 3.0]]))
    >>> np.exp(value), error, ess
    (array([2.]), array([0.5]), array([1.6]))
    """
    n = log_weights.shape[1]
    highest = log_weights.max(axis=1, keepdims=True)
    highest = np.where(np.isfinite(highest), highest, 0)
    weights = np.exp(log_weights - highest)
    mean = weights.mean(axis=1)
    smooth, shape = smoothed(weights)
    center = smooth.mean(axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        ess = (n * center[:, 0]) ** 2 / np.square(smooth).sum(axis=1)
        variance = np.square(smooth - center).sum(axis=1) / (max(n - 1, 1) * n)
        error = np.sqrt(variance) / center[:, 0]
        value = np.log(mean) + highest[:, 0]
    empty = ~(mean > 0)
    return WeightSummary(value, np.where(empty, np.inf, error), np.where(empty, 0.0, ess), shape)


def smoothed(weights: Array) -> tuple[Array, Array]:
    """Weights with a smoothed tail, sorted in each row, and the shapes of the tails (n_samples,).

    A tail with fewer than five weights is not smoothed; its shape is 0.
    """
    n_draws = weights.shape[1]
    size = int(min(0.2 * n_draws, 3 * np.sqrt(n_draws)))
    result = np.sort(weights, axis=1)
    if size < 5:
        return result, np.zeros(len(weights))
    cut = result[:, -size - 1, None]
    excess = result[:, -size:] - cut
    flat = excess[:, -1] <= 1e-12 * result[:, -1]
    excess = np.where(flat[:, None], np.linspace(0.1, 1, size), np.maximum(excess, 1e-300))
    shape, scale = pareto_fit(excess)
    levels = (np.arange(size) + 0.5) / size
    k, sigma = shape[:, None], scale[:, None]
    with np.errstate(all="ignore"):
        curved = sigma / k * np.expm1(-k * np.log1p(-levels))
        quantiles = np.where(np.abs(k) < 1e-6, -sigma * np.log1p(-levels), curved)
    quantiles = np.where(np.isfinite(quantiles), quantiles + cut, 0)
    tail = np.maximum(quantiles, result[:, -size:])
    result[:, -size:] = np.where(flat[:, None], result[:, -size:], tail)
    return result, np.where(flat, 0.0, shape)


def pareto_fit(excess: Array) -> tuple[Array, Array]:
    """Fit generalised Pareto distributions to sorted positive excesses (n_samples, size).

    Returns
    -------
    shape, scale : ndarray of shape (n_samples,)

    References
    ----------
    Zhang, Stephens, "A new and efficient estimation method for the generalized Pareto
    distribution", Technometrics 51 (2009) 316-325. :doi:`10.1198/tech.2009.08017`

    Examples
    --------
    Quantiles of an exponential distribution have the shape 0 and the scale 1:

    >>> import numpy as np
    >>> shape, scale = pareto_fit(-np.log1p(-(np.arange(500)[None] + 0.5) / 500))
    >>> bool(abs(shape[0]) < 0.02), bool(abs(scale[0] - 1) < 0.02)
    (True, True)
    """
    size = excess.shape[1]
    n_grid = 30 + int(np.sqrt(size))
    quarter = excess[:, int(size / 4 + 0.5) - 1, None]
    steps = 1 - np.sqrt(n_grid / (np.arange(1, n_grid + 1) - 0.5))
    b = steps / (3 * np.maximum(quarter, 1e-300)) + 1 / excess[:, -1:]
    with np.errstate(all="ignore"):
        k = np.log1p(-b[:, :, None] * excess[:, None]).mean(axis=2)
        likelihood = size * (np.log(-b / k) - k - 1)
        weight = 1 / np.exp(likelihood[:, None] - likelihood[:, :, None]).sum(axis=2)
        weight = np.where(weight >= 10 * np.finfo(float).eps, weight, 0)
        weight /= weight.sum(axis=1, keepdims=True)
        b_mean = (b * weight).sum(axis=1)
        shape = np.log1p(-b_mean[:, None] * excess).mean(axis=1)
        scale = -shape / b_mean
    # A prior with the weight of ten excesses draws the shape towards 1/2.
    shape = (size * shape + 10 * 0.5) / (size + 10)
    return np.where(np.isfinite(shape), shape, np.inf), np.where(np.isfinite(scale), scale, 0.0)


def disagree(own: Estimate, wider: Estimate) -> npt.NDArray[np.bool_]:
    """Whether two estimates of log Z disagree, so that the first one has missed a mode.

    A higher estimate from the wider proposal always counts, a lower one only if enough of its draws
    are effective. An estimate that is not a number disagrees.

    Examples
    --------
    >>> import numpy as np
    >>> own = summarize(np.zeros((1, 100)))
    >>> disagree(own, own), disagree(own, summarize(np.ones((1, 100))))
    (array([False]), array([ True]))
    """
    with np.errstate(invalid="ignore"):
        difference = wider.value - own.value
    limit = ERRORS * np.hypot(own.standard_error, wider.standard_error) + TOLERANCE
    lower = (difference < -limit) & (wider.ess >= FEWEST_WIDER)
    return (difference > limit) | lower | ~np.isfinite(difference)
