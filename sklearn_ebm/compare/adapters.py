"""Regressors that predict distributions, with the methods ``fit`` and ``distribution``."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.model_selection import KFold, cross_val_predict

from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm.compare.quantile_distribution import QuantileDistribution
from sklearn_ebm.distributions import GaussianMixture
from sklearn_ebm.distributions.base import ConditionalDistribution

# Probabilities of the scored intervals, multiples of 0.05 between them, and the tails.
PROBABILITIES = (0.01, *(round(0.05 * j, 2) for j in range(1, 20)), 0.99)
# Largest number of columns with separate length scales. They show which columns are relevant, but
# each needs a matrix of all pairs of rows.
LENGTHS_OF_THEIR_OWN = 20


class DistributionAdapter(Documented, BaseEstimator, ABC):
    """Base class of regressors that predict distributions, for a comparison."""

    @abstractmethod
    def fit(self, X: Any, y: np.ndarray) -> "DistributionAdapter":
        """Fit the model to samples and answers."""

    @abstractmethod
    def distribution(self, X: Any) -> ConditionalDistribution:
        """Return the predicted distribution of each sample."""


def gaussian(means: np.ndarray, deviations: Any) -> GaussianMixture:
    """Return a Gaussian distribution for each row."""
    means = np.asarray(means, dtype=np.float64)[:, None]
    return GaussianMixture(np.ones_like(means), means, np.broadcast_to(deviations, means.shape))


class GaussianResiduals(DistributionAdapter):
    """A Gaussian around the prediction of a regressor, with one standard deviation for all rows.

    The standard deviation is computed from cross-validated residuals, because residuals of training
    samples are too small, especially those of flexible regressors.

    Parameters
    ----------
    regressor : regressor
        Regressor of the mean.
    cv : int, default=5
        Number of folds; fewer if there are fewer rows.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> rows, answers = np.zeros((4, 1)), np.array([1.0, 3.0, 1.0, 3.0])
    >>> distribution = (
    ...     GaussianResiduals(DummyRegressor()).fit(rows, answers).distribution([[0.0]])
    ... )
    >>> distribution.mean(), distribution.std().round(2)
    (array([2.]), array([1.33]))
    """

    def __init__(self, regressor: Any, cv: int = 5) -> None:
        self.regressor = regressor
        self.cv = cv

    def fit(self, X: Any, y: np.ndarray) -> "GaussianResiduals":
        """Fit the regressor and the standard deviation of its residuals."""
        folds = KFold(min(self.cv, len(y)), shuffle=True, random_state=0)
        left_out = y - cross_val_predict(clone(self.regressor), X, y, cv=folds)
        # A perfect fit has no residuals, but a Gaussian must have a standard deviation.
        smallest = 1e-9 * max(float(np.std(y)), np.finfo(np.float64).tiny * 1e9)
        self.deviation_ = max(float(np.sqrt(np.mean(left_out**2))), smallest)
        self.regressor_ = clone(self.regressor).fit(X, y)
        return self

    def distribution(self, X: Any) -> GaussianMixture:
        """Return N(prediction, deviation²)."""
        return gaussian(self.regressor_.predict(X), self.deviation_)


class Quantiles(DistributionAdapter):
    """A quantile regressor that is fitted separately for each of several quantiles.

    Parameters
    ----------
    regressor : regressor with a parameter `quantile`
        Regressor of one quantile.
    probabilities : sequence of float
        Probabilities of the quantiles, increasing.
    """

    def __init__(self, regressor: Any, probabilities: Sequence[float] = PROBABILITIES) -> None:
        self.regressor = regressor
        self.probabilities = probabilities

    def fit(self, X: Any, y: np.ndarray) -> "Quantiles":
        """Fit a regressor for each quantile."""
        self.regressors_ = [
            clone(self.regressor).set_params(quantile=each).fit(X, y) for each in self.probabilities
        ]
        return self

    def distribution(self, X: Any) -> QuantileDistribution:
        """Return the distribution function through the quantiles."""
        values = np.column_stack([regressor.predict(X) for regressor in self.regressors_])
        return QuantileDistribution(self.probabilities, values)


class GaussianProcess(DistributionAdapter):
    """Gaussian process with its predictive distribution, including noise.

    The kernel is a constant times an RBF, plus white noise. The RBF has one length scale for each
    column, or a single one for more than 20 columns.

    Parameters
    ----------
    random_state : int
        Seed.
    """

    def __init__(self, random_state: int = 0) -> None:
        self.random_state = random_state

    def fit(self, X: Any, y: np.ndarray) -> "GaussianProcess":
        """Fit the kernel and the process to standardised answers."""
        n_columns = X.shape[1]
        lengths = np.ones(n_columns) if n_columns <= LENGTHS_OF_THEIR_OWN else 1.0
        kernel = ConstantKernel() * RBF(lengths, (1e-2, 1e3)) + WhiteKernel(0.1)
        regressor = GaussianProcessRegressor(
            kernel, normalize_y=True, random_state=self.random_state
        )
        with warnings.catch_warnings():
            # This is correct for irrelevant columns.
            warnings.filterwarnings("ignore", ".*length_scale is close to the specified upper")
            self.regressor_ = regressor.fit(X, y)
        return self

    def distribution(self, X: Any) -> GaussianMixture:
        """Return N(mean, deviation²) of a new answer."""
        means, deviations = self.regressor_.predict(X, return_std=True)
        return gaussian(means, deviations[:, None])


class NaturalGradientBoosting(DistributionAdapter):
    """NGBoost with a Gaussian distribution and its defaults; requires the package `ngboost`.

    Parameters
    ----------
    random_state : int
        Seed.
    """

    def __init__(self, random_state: int = 0) -> None:
        self.random_state = random_state

    def fit(self, X: Any, y: np.ndarray) -> "NaturalGradientBoosting":
        """Fit the model by boosting with natural gradients of the likelihood."""
        # Imported here, because it is optional.
        from ngboost import NGBRegressor

        self.regressor_ = NGBRegressor(verbose=False, random_state=self.random_state).fit(X, y)
        return self

    def distribution(self, X: Any) -> GaussianMixture:
        """Return N(loc, scale²)."""
        params = self.regressor_.pred_dist(X).params
        return gaussian(params["loc"], params["scale"][:, None])
