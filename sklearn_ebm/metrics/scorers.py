"""Scorers of densities, quantiles and intervals, for ``scoring=`` of scikit-learn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import UNUSED

from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm.metrics._inputs import averaged, numbers, shaped
from sklearn_ebm.metrics.densities import crps, negative_log_likelihood
from sklearn_ebm.metrics.intervals import interval_coverage, known_probabilities, pinball_loss

DISTRIBUTION = "predict_distribution"


def says(estimator: Any, X: Any, names: Sequence[str]) -> tuple[str, Callable[..., Any], Any]:
    """Find the first available method of an estimator, also inside a pipeline or a search.

    Parameters
    ----------
    estimator : estimator, Pipeline or search
        The fitted estimator.
    X : array-like
        The input samples.
    names : sequence of str
        Names of methods, in the order of preference.

    Returns
    -------
    name : str
        Name of the method.
    method : callable
        The bound method.
    X : array-like
        Samples, transformed by the preceding steps of a pipeline.

    Raises
    ------
    TypeError
        If the estimator has none of the methods.
    """
    for name in names:
        method = getattr(estimator, name, None)
        if callable(method):
            return name, method, X
    if isinstance(estimator, Pipeline):
        rows = X if len(estimator) == 1 else estimator[:-1].transform(X)
        return says(estimator[-1], rows, names)
    best = getattr(estimator, "best_estimator_", None)
    if best is not None:
        return says(best, X, names)
    raise TypeError(
        f"{type(estimator).__name__} has no method {' or '.join(names)}; this scorer needs one, "
        "such as LatentEBMRegressor has."
    )


class _Scorer(Documented, BaseEstimator, ABC):
    """Base class of scorers, which are called with a fitted estimator and held-out samples."""

    # What a user types for it.
    _name: ClassVar[str]

    # What scikit-learn routes to a scorer is asked for in the name of a method `score`.
    __metadata_request__score: ClassVar[dict[str, str]] = {"estimator": UNUSED}

    def score(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the score of a fitted estimator; higher is better.

        Parameters
        ----------
        estimator : estimator
            Fitted estimator, or a fitted pipeline or search with such an estimator.
        X : array-like of shape (n_samples, n_features)
            The input samples.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True target values.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        score : float
            The score.

        Raises
        ------
        TypeError
            If the estimator has none of the required methods.
        ValueError
            If y does not match the predictions of the estimator.
        """
        return self._score(estimator, X, y, sample_weight)

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return `score`; the interface of scikit-learn's scorers."""
        return self.score(estimator, X, y, sample_weight)

    def __repr__(self) -> str:
        """Return what a user types for it."""
        settings = [f"{key}={value!r}" for key, value in self.get_params(deep=False).items()]
        return f"{self._name}({', '.join(settings)})" if settings else self._name

    @abstractmethod
    def _score(self, estimator: Any, X: Any, y: Any, sample_weight: Any) -> float:
        """Return the score, implemented by each class."""


class _LogLikelihoodScorer(_Scorer):
    """Scorer: mean log-likelihood in nats; higher is better.

    −1 times `negative_log_likelihood`, computed with the estimator's ``log_prob(X, y)``, or
    ``predict_distribution(X)`` if there is no ``log_prob``.

    Examples
    --------
    >>> from sklearn.model_selection import cross_validate
    >>> from sklearn_ebm import LatentEBMRegressor
    >>> from sklearn_ebm.datasets import make_two_branches
    >>> from sklearn_ebm.metrics import log_likelihood_scorer
    >>> X, y = make_two_branches(100, random_state=0)
    >>> model = LatentEBMRegressor("experts", max_iter=2, random_state=0)
    >>> cross_validate(model, X, y, cv=2, scoring=log_likelihood_scorer)["test_score"].shape
    (2,)
    """

    _name = "log_likelihood_scorer"

    def _score(self, estimator: Any, X: Any, y: Any, sample_weight: Any) -> float:
        name, method, rows = says(estimator, X, ("log_prob", DISTRIBUTION))
        if name == DISTRIBUTION:
            return -negative_log_likelihood(y, method(rows), sample_weight=sample_weight)
        log_density = shaped("log_prob", numbers("log_prob", method(rows, y)), (len(y),))
        return averaged(log_density, sample_weight)


class _CRPSScorer(_Scorer):
    """Scorer: minus the mean CRPS, in the unit of y; higher is better.

    −1 times `crps` of the estimator's ``predict_distribution(X)``.

    Examples
    --------
    A regressor that predicts N(0, 1) for every sample; at y = 0 its CRPS is (√2 − 1)/√π.

    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator
    >>> from sklearn_ebm.distributions import GaussianMixture
    >>> from sklearn_ebm.metrics import crps_scorer
    >>> class Standard(BaseEstimator):
    ...     def predict_distribution(self, X):
    ...         one = np.ones((len(X), 1))
    ...         return GaussianMixture(one, 0 * one, one)
    >>> round(crps_scorer(Standard(), [[1.0], [2.0]], [0.0, 0.0]), 4)
    -0.2337
    """

    _name = "crps_scorer"

    def _score(self, estimator: Any, X: Any, y: Any, sample_weight: Any) -> float:
        _, method, rows = says(estimator, X, (DISTRIBUTION,))
        return -crps(y, method(rows), sample_weight=sample_weight)


class _PinballScorer(_Scorer):
    """Minus the mean pinball loss of quantiles; see `pinball_scorer`."""

    _name = "pinball_scorer"

    def __init__(self, probabilities: Any) -> None:
        self.probabilities = probabilities

    def _score(self, estimator: Any, X: Any, y: Any, sample_weight: Any) -> float:
        levels = known_probabilities(self.probabilities)
        name, method, rows = says(estimator, X, ("predict_quantiles", DISTRIBUTION))
        said = method(rows) if name == DISTRIBUTION else method(rows, levels)
        return -pinball_loss(y, said, probabilities=levels, sample_weight=sample_weight)


class _CoverageScorer(_Scorer):
    """Share of held-out answers in their intervals; see `coverage_scorer`."""

    _name = "coverage_scorer"

    def __init__(self, level: float) -> None:
        self.level = level

    def _score(self, estimator: Any, X: Any, y: Any, sample_weight: Any) -> float:
        name, method, rows = says(estimator, X, ("predict_interval", DISTRIBUTION))
        if name == DISTRIBUTION:
            ends = method(rows)
            return interval_coverage(y, ends, level=self.level, sample_weight=sample_weight)
        return interval_coverage(y, method(rows, self.level), sample_weight=sample_weight)


def pinball_scorer(
    *, probabilities: float | Sequence[float] = (0.05, 0.25, 0.5, 0.75, 0.95)
) -> _PinballScorer:
    """Make a scorer: minus the mean pinball loss of quantiles, in the unit of y; higher is better.

    −1 times `pinball_loss` of the estimator's ``predict_quantiles(X, probabilities)``, or of
    ``predict_distribution(X)`` if there is no ``predict_quantiles``.

    Parameters
    ----------
    probabilities : float or sequence of float, default=(0.05, 0.25, 0.5, 0.75, 0.95)
        Probabilities of the quantiles, between 0 and 1.

    Returns
    -------
    callable
        For ``scoring=`` of scikit-learn: ``scorer(estimator, X, y, sample_weight=None)``.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn_ebm import LatentEBMRegressor
    >>> from sklearn_ebm.metrics import pinball_scorer
    >>> scorer = pinball_scorer(probabilities=(0.1, 0.9))
    >>> scorer
    pinball_scorer(probabilities=(0.1, 0.9))
    >>> grid = {"n_latents": [2, 4]}
    >>> search = GridSearchCV(LatentEBMRegressor("experts"), grid, scoring=scorer)
    """
    return _PinballScorer(probabilities)


def coverage_scorer(*, level: float = 0.9) -> _CoverageScorer:
    """Make a scorer: fraction of the true values that lie in their intervals.

    `interval_coverage` of the estimator's ``predict_interval(X, level)``, including its
    calibration, or of ``predict_distribution(X)`` if there is no ``predict_interval``. Do not
    select models by this score, because the widest intervals have the highest coverage; use it in
    ``cross_validate``, or in a search whose ``refit`` names another score.

    Parameters
    ----------
    level : float, default=0.9
        Level of the intervals.

    Returns
    -------
    callable
        For ``scoring=`` of scikit-learn: ``scorer(estimator, X, y, sample_weight=None)``.

    Examples
    --------
    >>> from sklearn.model_selection import cross_validate
    >>> from sklearn_ebm import LatentEBMRegressor
    >>> from sklearn_ebm.datasets import make_two_branches
    >>> from sklearn_ebm.metrics import coverage_scorer
    >>> X, y = make_two_branches(100, random_state=0)
    >>> model = LatentEBMRegressor("experts", max_iter=2, random_state=0)
    >>> scorer = coverage_scorer(level=0.5)
    >>> cross_validate(model, X, y, cv=2, scoring=scorer)["test_score"].shape
    (2,)
    """
    return _CoverageScorer(level)
