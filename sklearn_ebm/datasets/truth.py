"""Exact conditional distributions of the generated data sets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp
from sklearn.utils import check_array, check_random_state

from sklearn_ebm._utils.validation import positive_integer, positive_number

Array: TypeAlias = npt.NDArray[np.float64]
Random: TypeAlias = np.random.RandomState

LOG_ROOT_2PI = 0.5 * np.log(2 * np.pi)


class Truth(ABC):
    """Exact distribution p(y | x) of a generated data set.

    Returned by the functions of this module with ``return_truth=True``. It only depends on the
    noise level, not on the generated samples, can be evaluated at any features, and can be pickled.

    Parameters
    ----------
    noise : float
        Noise level > 0, in the unit of y unless stated otherwise.

    Attributes
    ----------
    noise : float
        Noise level.
    n_features : int
        Number of columns of X.
    n_outputs : int
        Number of columns of y. For one column y has shape (n_samples,), otherwise
        (n_samples, n_outputs).
    """

    n_features: int = 1
    n_outputs: int = 1

    def __init__(self, noise: float) -> None:
        self.noise = positive_number("noise", noise)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(noise={self.noise!r})"

    def log_prob(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Array:
        """Compute the log-density log p(y | x) in nats.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            One answer for each sample.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            Log-density, exact or by quadrature with an error of 1e-8; −inf outside the support.

        Raises
        ------
        ValueError
            If the shapes do not match, or a value is not finite.
        """
        features = self._features(X)
        n = len(features)
        expected = (n,) if self.n_outputs == 1 else (n, self.n_outputs)
        answers: Array = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
        if answers.shape != expected:
            raise ValueError(
                f"y.shape == {answers.shape}, expected {expected}: one answer for each row."
            )
        return self._log_density(features, answers)

    def modes(self, X: npt.ArrayLike) -> Array | None:
        """Compute the noise-free answers of each sample, one for each branch.

        Branches at a distance of several noise levels are local maxima of p(y | x); closer branches
        may have a single maximum between them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        Returns
        -------
        modes : ndarray of shape (n_samples, n_branches) or None
            Answers, padded with NaN for samples with fewer branches; None if they form a continuum.

        Raises
        ------
        ValueError
            If the shape is wrong, or a value is not finite.
        """
        return self._modes(self._features(X))

    def sample(
        self, X: npt.ArrayLike, random_state: int | np.random.RandomState | None = None
    ) -> Array:
        """Draw one answer from p(y | x) for each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features; repeat a row to draw several answers.
        random_state : int, RandomState instance or None, default=None
            Determines the random numbers. Pass an int for reproducible draws.

        Returns
        -------
        draws : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Drawn answers.

        Raises
        ------
        ValueError
            If the shape is wrong, or a value is not finite.
        """
        return self._sample(self._features(X), check_random_state(random_state))

    def _features(self, X: npt.ArrayLike) -> Array:
        """Checked features."""
        features: Array = check_array(X, dtype=np.float64, input_name="X")
        if features.shape[1] != self.n_features:
            raise ValueError(f"X.shape == {features.shape}, expected (n, {self.n_features}).")
        return features

    @abstractmethod
    def _log_density(self, X: Array, y: Array) -> Array: ...

    @abstractmethod
    def _modes(self, X: Array) -> Array | None: ...

    @abstractmethod
    def _sample(self, X: Array, rng: Random) -> Array: ...


class GaussianBranches(Truth):
    """p(y | x) = Σ_b π_b(x) N(y; f_b(x), s_b(x)²): branches f_b with Gaussian noise.

    Subclasses implement `branches`, and may override `shares` and `widths`.
    """

    @abstractmethod
    def branches(self, X: Array) -> Array:
        """Noise-free answers f_b(x), (n_samples, n_branches), including those of probability 0."""

    def shares(self, X: Array) -> Array:
        """Probabilities π_b(x) of the branches, (n, b); equal ones unless overridden."""
        branches = self.branches(X)
        return np.full(branches.shape, 1 / branches.shape[1])

    def widths(self, X: Array) -> Array:
        """Standard deviations s_b(x) of the noise, (n, b) or (n, 1); `noise` unless overridden."""
        return np.full((len(X), 1), self.noise)

    def _log_density(self, X: Array, y: Array) -> Array:
        widths = self.widths(X)
        exponents = -0.5 * ((y[:, None] - self.branches(X)) / widths) ** 2
        exponents -= np.log(widths) + LOG_ROOT_2PI
        return logsumexp(exponents, axis=1, b=self.shares(X))

    def _modes(self, X: Array) -> Array:
        return np.where(self.shares(X) > 0, self.branches(X), np.nan)

    def _sample(self, X: Array, rng: Random) -> Array:
        passed = rng.uniform(size=(len(X), 1)) >= self.shares(X).cumsum(axis=1)[:, :-1]
        chosen = passed.sum(axis=1, keepdims=True)
        branches = self.branches(X)
        widths = np.broadcast_to(self.widths(X), branches.shape)
        centre = np.take_along_axis(branches, chosen, axis=1)[:, 0]
        return centre + np.take_along_axis(widths, chosen, axis=1)[:, 0] * rng.normal(size=len(X))


def checked(n_samples: Any, random_state: Any) -> tuple[int, Random]:
    """Check the settings that every maker has, except the noise, which its truth checks."""
    return positive_integer("n_samples", n_samples), check_random_state(random_state)


def drawn(truth: Truth, X: Array, rng: Random, return_truth: bool) -> tuple[Any, ...]:
    """Return what a maker does: X, answers drawn from the truth, and the truth if asked for."""
    y = truth.sample(X, rng)
    return (X, y, truth) if return_truth else (X, y)


def interval(n_samples: int, rng: Random, n_features: int = 1) -> Array:
    """U(−1, 1) features."""
    return rng.uniform(-1, 1, size=(n_samples, n_features))
