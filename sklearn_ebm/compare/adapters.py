"""Regressors that predict distributions, with the methods ``fit`` and ``distribution``."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.utils.validation import _num_samples

from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm.distributions import GaussianMixture
from sklearn_ebm.distributions.base import ConditionalDistribution
from sklearn_ebm.distributions.quantiles import QuantileDistribution

# Probabilities of the scored intervals, multiples of 0.05 between them, and the tails.
PROBABILITIES = (0.01, *(round(0.05 * j, 2) for j in range(1, 20)), 0.99)
# Largest number of columns with separate length scales. They show which columns are relevant, but
# each needs a matrix of all pairs of rows.
LENGTHS_OF_THEIR_OWN = 20
# Largest number of answers of a marginal density.
MOST_ANSWERS = 500


class DistributionAdapter(Documented, RegressorMixin, BaseEstimator, ABC):
    """Base class of regressors that predict distributions, for a comparison."""

    @abstractmethod
    def fit(self, X: Any, y: np.ndarray) -> "DistributionAdapter":
        """Fit the model to samples and answers."""

    @abstractmethod
    def distribution(self, X: Any) -> ConditionalDistribution:
        """Return the predicted distribution of each sample."""

    def predict(self, X: Any) -> np.ndarray:
        """Return the mean of the predicted distribution of each sample."""
        return self.distribution(X).mean()


def gaussian(means: np.ndarray, deviations: Any) -> GaussianMixture:
    """Return a Gaussian distribution for each row."""
    means = np.asarray(means, dtype=np.float64)[:, None]
    return GaussianMixture(np.ones_like(means), means, np.broadcast_to(deviations, means.shape))


class MarginalDensity(DistributionAdapter):
    """A density of the answers that ignores the features: a Gaussian kernel on each answer.

    The bandwidth is Scott's, n^(−1/5) standard deviations. Up to 500 answers are used.

    Examples
    --------
    >>> marginal = MarginalDensity().fit(np.zeros((2, 1)), np.array([1.0, 3.0]))
    >>> marginal.distribution([[0.0]]).mean()
    array([2.])
    """

    def fit(self, X: Any, y: np.ndarray) -> "MarginalDensity":
        """Keep the answers, or answers at equal steps of their order."""
        y = np.sort(y)
        self.answers_ = y[np.linspace(0, len(y) - 1, min(len(y), MOST_ANSWERS)).round().astype(int)]
        self.bandwidth_ = max(float(np.std(y)) * len(y) ** -0.2, np.finfo(np.float64).tiny)
        return self

    def distribution(self, X: Any) -> GaussianMixture:
        """Return the same mixture for each sample."""
        shape = (_num_samples(X), len(self.answers_))
        parts = (1 / len(self.answers_), self.answers_, self.bandwidth_)
        return GaussianMixture(*(np.broadcast_to(part, shape) for part in parts))


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
    regressor : regressor
        Regressor of one quantile.
    probabilities : sequence of float
        Probabilities of the quantiles, increasing.
    parameter : str, default="quantile"
        Name of the parameter that holds the probability.
    """

    def __init__(
        self,
        regressor: Any,
        probabilities: Sequence[float] = PROBABILITIES,
        parameter: str = "quantile",
    ) -> None:
        self.regressor = regressor
        self.probabilities = probabilities
        self.parameter = parameter

    def fit(self, X: Any, y: np.ndarray) -> "Quantiles":
        """Fit a regressor for each quantile."""
        self.regressors_ = [
            clone(self.regressor).set_params(**{self.parameter: each}).fit(X, y)
            for each in self.probabilities
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


class Boosted(DistributionAdapter):
    """A regressor of an optional package, whose predictions are converted to distributions.

    Parameters
    ----------
    regressor : regressor
        Regressor of the package.
    package : {"ngboost", "catboost", "quantile_forest"}
        Name of the package: NGBoost with a Gaussian, CatBoost with the loss
        ``"RMSEWithUncertainty"``, or a quantile regression forest.
    """

    def __init__(self, regressor: Any, package: str) -> None:
        self.regressor = regressor
        self.package = package

    def fit(self, X: Any, y: np.ndarray) -> "Boosted":
        """Fit a copy of the regressor."""
        self.regressor_ = deepcopy(self.regressor).fit(X, y)  # not all of them can be cloned
        return self

    def distribution(self, X: Any) -> ConditionalDistribution:
        """Return a Gaussian, or the distribution function through quantiles."""
        if self.package == "quantile_forest":
            values = self.regressor_.predict(X, quantiles=list(PROBABILITIES))
            return QuantileDistribution(PROBABILITIES, values)
        if self.package == "catboost":
            means, variances = self.regressor_.predict(X).T
            return gaussian(means, np.sqrt(variances)[:, None])
        params = self.regressor_.pred_dist(X).params
        return gaussian(params["loc"], params["scale"][:, None])
