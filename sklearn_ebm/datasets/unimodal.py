"""Generated problems with a unimodal density, as controls."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import gammaln

from sklearn_ebm.datasets.truth import (
    Array,
    GaussianBranches,
    Random,
    Truth,
    checked,
    drawn,
    interval,
)


class Heteroscedastic(GaussianBranches):
    """The distribution of `make_heteroscedastic`."""

    def branches(self, X: Array) -> Array:
        """sin(πx)."""
        return np.sin(np.pi * X)

    def widths(self, X: Array) -> Array:
        """Noise · (1 + (1 + x)²)."""
        return self.noise * (1 + (1 + X) ** 2)


class Skewed(Truth):
    """The distribution of `make_skewed`."""

    def _shape(self, X: Array) -> Array:
        """Shape k = 4⁻ˣ of the gamma distribution: the smaller, the more skewed."""
        return 4.0 ** -X[:, 0]

    def _base(self, X: Array) -> Array:
        return np.sin(np.pi * X[:, 0])

    def _log_density(self, X: Array, y: Array) -> Array:
        shape = self._shape(X)
        z = (y - self._base(X)) / self.noise
        # Far below the branch, where the density is 0 to any precision, no overflow either.
        height = -shape * (z + np.exp(np.minimum(-z, 700)))
        return height + shape * np.log(shape) - gammaln(shape) - np.log(self.noise)

    def _modes(self, X: Array) -> Array:
        return self._base(X)[:, None]

    def _sample(self, X: Array, rng: Random) -> Array:
        shape = self._shape(X)
        return self._base(X) - self.noise * np.log(rng.gamma(shape) / shape)


def make_heteroscedastic(
    n_samples: int = 1000,
    *,
    noise: float = 0.1,
    random_state: int | np.random.RandomState | None = None,
    return_truth: bool = False,
) -> tuple[Any, ...]:
    r"""Generate a unimodal problem with heteroscedastic Gaussian noise.

    y = sin(πx) + noise · (1 + (1 + x)²) · N(0, 1), with x ~ U(−1, 1). A control problem: a method
    that finds several modes here is wrong.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of samples.
    noise : float, default=0.1
        Standard deviation of the noise at x = −1; at x = 1 it is five times as large.
    random_state : int, RandomState instance or None, default=None
        Determines the random numbers. Pass an int for reproducible data.
    return_truth : bool, default=False
        Whether to return the exact distribution p(y | x) as well.

    Returns
    -------
    X : ndarray of shape (n_samples, 1)
        Features.
    y : ndarray of shape (n_samples,)
        Target values.
    truth : Truth
        p(y | x), in closed form; ``modes`` has 1 column.
        Only if `return_truth`.

    Raises
    ------
    ValueError
        If `n_samples` is not a positive integer, or `noise` is not positive and finite.

    Examples
    --------
    At x = 0 the standard deviation is 2 · 0.1 and the maximum of the density 1/(0.2 √(2π)):

    >>> from sklearn_ebm.datasets import make_heteroscedastic
    >>> X, y, truth = make_heteroscedastic(random_state=0, return_truth=True)
    >>> truth.log_prob([[0.0]], [0.0]).round(6)
    array([0.690499])
    """
    n_samples, rng = checked(n_samples, random_state)
    return drawn(Heteroscedastic(noise), interval(n_samples, rng), rng, return_truth)


def make_skewed(
    n_samples: int = 1000,
    *,
    noise: float = 0.1,
    random_state: int | np.random.RandomState | None = None,
    return_truth: bool = False,
) -> tuple[Any, ...]:
    r"""Generate a unimodal problem with skewed noise.

    y = sin(πx) − noise · log(G/k) with G ~ Gamma(k), k = 4⁻ˣ and x ~ U(−1, 1). With
    z = (y − sin πx)/noise, p(y | x) = kᵏ/(Γ(k) noise) · exp(−k (z + e⁻ᶻ)), which
    has its maximum at z = 0, decreases faster than any exponential below, and as e⁻ᵏᶻ above. The
    skewness increases from 0.5 at x = −1 to 1.9 at x = 1. A control problem with a single mode,
    which differs from the mean, and for which no Gaussian is right.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of samples.
    noise : float, default=0.1
        Scale of the noise; at x = 0 its standard deviation is π/√6 times that.
    random_state : int, RandomState instance or None, default=None
        Determines the random numbers. Pass an int for reproducible data.
    return_truth : bool, default=False
        Whether to return the exact distribution p(y | x) as well.

    Returns
    -------
    X : ndarray of shape (n_samples, 1)
        Features.
    y : ndarray of shape (n_samples,)
        Target values.
    truth : Truth
        p(y | x), in closed form; ``modes`` has 1 column, the maximum of the density.
        Only if `return_truth`.

    Raises
    ------
    ValueError
        If `n_samples` is not a positive integer, or `noise` is not positive and finite.

    References
    ----------
    Prentice, "A log gamma model and its maximum likelihood estimation", *Biometrika* 61 (1974),
    539-544. :doi:`10.1093/biomet/61.3.539`

    Examples
    --------
    At x = 0, k = 1 and the mode is 0. There log p = −log 0.1 − 1:

    >>> from sklearn_ebm.datasets import make_skewed
    >>> X, y, truth = make_skewed(random_state=0, return_truth=True)
    >>> truth.log_prob([[0.0]], [0.0]).round(6)
    array([1.302585])
    """
    n_samples, rng = checked(n_samples, random_state)
    return drawn(Skewed(noise), interval(n_samples, rng), rng, return_truth)
