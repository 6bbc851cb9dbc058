"""Controls: problems with one answer, which a method must not split into many."""

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
    r"""y = sin(πx) + noise · (1 + (1 + x)²) · N(0, 1): one answer, known better on the left.

    x ~ U(−1, 1). A control with a single branch: what finds many answers here is wrong.

    Parameters
    ----------
    n_samples : int, default=1000
        Rows.
    noise : float, default=0.1
        Standard deviation of the noise at x = −1; at x = 1 it is five times as large.
    random_state : int, RandomState instance or None, default=None
        Source of chance.
    return_truth : bool, default=False
        Whether to return the distribution of the answers as well.

    Returns
    -------
    X : ndarray of shape (n_samples, 1)
        Features.
    y : ndarray of shape (n_samples,)
        Answers.
    truth : Truth
        p(y | x), in closed form; ``modes`` has 1 column.
        Only if `return_truth`.

    Raises
    ------
    ValueError
        If `n_samples` is not a positive whole number or `noise` not positive and finite.

    Examples
    --------
    At x = 0 the standard deviation is 2 · 0.1 and the peak 1/(0.2 √(2π)) high:

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
    r"""y = sin(πx) − noise · log(G/k), G ~ Gamma(k), k = 4⁻ˣ: one answer with a long upper tail.

    x ~ U(−1, 1). With z = (y − sin πx)/noise, p(y | x) = kᵏ/(Γ(k) noise) · exp(−k (z + e⁻ᶻ)), which
    is highest at z = 0, falls faster than any exponential below, and as e⁻ᵏᶻ above. The skewness
    rises from 0.5 at x = −1 to 1.9 at x = 1. A control with a single branch: the density is highest
    there, but the mean is not there, and no Gaussian is right.

    Parameters
    ----------
    n_samples : int, default=1000
        Rows.
    noise : float, default=0.1
        Scale of the noise; at x = 0 its standard deviation is π/√6 times that.
    random_state : int, RandomState instance or None, default=None
        Source of chance.
    return_truth : bool, default=False
        Whether to return the distribution of the answers as well.

    Returns
    -------
    X : ndarray of shape (n_samples, 1)
        Features.
    y : ndarray of shape (n_samples,)
        Answers.
    truth : Truth
        p(y | x), in closed form; ``modes`` has 1 column, where the density is highest.
        Only if `return_truth`.

    Raises
    ------
    ValueError
        If `n_samples` is not a positive whole number or `noise` not positive and finite.

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
