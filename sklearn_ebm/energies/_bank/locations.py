"""Locations: stacked regressors, and their out-of-fold predictions."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import optimize
from sklearn.base import BaseEstimator, clone, is_regressor
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter
from threadpoolctl import ThreadpoolController

from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm.energies._bank.folds import Folds, LocationPrediction, spread_over_folds
from sklearn_ebm.energies._bank.gaussian_process import GaussianProcess
from sklearn_ebm.energies._bank.trees import LeafMeans

# Up to this number of rows "auto" has three Gaussian processes, whose cost is n³ for learning and
# n² for each prediction, and boosted trees with exact splits.
FEW = 2_000

# Up to this number of rows "auto" has one Gaussian process.
MOST_OF_A_PROCESS = 4_000

# From this number of rows on trees are large, so there are fewer.
MANY = 20_000

# Smallest number of rows for boosting, which draws a subset of them.
LEAST_OF_BOOSTING = 8

# Regressors that predict the mean over trees of the values of leaves.
FORESTS = (ExtraTreesRegressor, RandomForestRegressor)

# Penalties of stacking weights, relative to the squared answers: for a sum that is not 1, and for
# differences from equal weights.
SUM_TO_ONE = 1e3
EQUAL = 1e-4

# A regressor without sample weights is fitted to repeated rows, if the weights are multiples of the
# smallest weight divided by a number up to MOST_DIVISIONS, and if there are at most MOST_COPIES
# repetitions per row on average.
MOST_DIVISIONS, MOST_COPIES = 6, 10

# Smallest spread of regressors, in standard deviations, so that its logarithm is finite.
LEAST_SPREAD = 1e-6


class Estimate(NamedTuple):
    """Predictions of one regressor.

    Attributes
    ----------
    mean : ndarray of shape (n_samples, n_outputs)
        Predicted means.
    deviation : ndarray of shape (n_samples, n_outputs) or None
        Predicted standard deviations, if the regressor has them.
    """

    mean: Array
    deviation: Array | None = None


class FittedRegressor(NamedTuple):
    """The fitted models of one regressor.

    Attributes
    ----------
    models : list of list of regressors
        Models of each fold, or one list for all folds; it has one model for each output, or one
        model for all outputs.
    """

    models: list[list[Any]]

    def compact(self) -> FittedRegressor:
        """Return only what predictions need: models of some folds, and leaves of forests."""
        models = spread_over_folds(self.models)
        if not all(type(model) in FORESTS for fold in models for model in fold):
            return FittedRegressor(models)
        return FittedRegressor([[LeafMeans.of(forests) for forests in zip(*models, strict=True)]])

    def __call__(self, X: Array) -> Estimate:
        """Mean prediction over the folds, and the standard deviation if available."""
        if isinstance(self.models[0][0], GaussianProcess):
            predicted = [model.predict(X, return_std=True) for model in self.models[0]]
            mean, deviation = (np.column_stack(part) for part in zip(*predicted, strict=True))
            return Estimate(mean, deviation)
        means = [_predicted(models, X) for models in self.models]
        return Estimate(np.mean(means, axis=0))


class Location(Documented, BaseEstimator):
    r"""Stack of regressors, f(x) = Σ_j v_j f_j(x).

    The stacking weights v minimise the squared error of out-of-fold predictions, for each output.
    They are not negative and have the sum 1. Predictions for new rows are means over the models of
    at most five folds.

    Parameters
    ----------
    base : "auto", regressor, or list of regressors, default="auto"
        "auto" selects boosted trees, random trees and, for few rows, Gaussian processes.

    Attributes
    ----------
    share_ : ndarray of shape (n_outputs, n_regressors)
        Stacking weights v; those of energies of a blend come last.

    References
    ----------
    Breiman, L. (1996). Stacked regressions. Machine Learning, 24, 49-64.
    https://doi.org/10.1007/BF00117832
    """

    share_: Array | None = None
    parts_: Sequence[FittedRegressor] = ()

    def __init__(self, base: Any = "auto") -> None:
        self.base = base

    def learned(
        self,
        rows: Rows,
        folds: Folds,
        rng: np.random.RandomState,
        member_predictions: Sequence[tuple[Array, ...]] = (),
    ) -> tuple[Location, LocationPrediction]:
        """Fit all regressors on all folds, and compute out-of-fold predictions.

        Parameters
        ----------
        rows : Rows
            Standardised rows.
        folds : Folds
            Folds of the rows.
        rng : RandomState
            Source of random numbers.
        member_predictions : sequence of tuple of ndarray of shape (n_samples, n_outputs)
            Out-of-fold means of energies of a blend; a second array has standard deviations.

        Returns
        -------
        location : Location
            A fitted copy.
        located : LocationPrediction
            Out-of-fold predictions of all rows.
        """
        bases = bases_of(self.base, *rows.X.shape)
        times = repetitions(rows.weight)
        for base in bases:
            check_base(base, times)
        fitted = [_Fits(base, rows, times, folds, rng) for base in bases]
        jobs = [job for fits in fitted for job in fits.jobs]
        with Workers() as workers:
            # Boosting is listed last and takes longest, so it starts first.
            for _ in workers.map(lambda job: job(), jobs[::-1]):
                pass
        estimates = [fits.predict_moments for fits in fitted] + [
            Estimate(*estimate) for estimate in member_predictions
        ]
        learned = copy.copy(self)
        learned.parts_ = [fits.part.compact() for fits in fitted]
        learned.share_ = shares(np.stack([estimate.mean for estimate in estimates], axis=1), rows)
        return learned, _located(estimates, learned.share_)

    def __call__(
        self, X: Array, member_predictions: Sequence[tuple[Array, ...]] = ()
    ) -> LocationPrediction:
        """Predict rows.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Standardised rows.
        member_predictions : sequence of tuple of ndarray of shape (n_samples, n_outputs)
            Predictions of the same energies as in `learned`, in the same order.

        Returns
        -------
        LocationPrediction
            Predictions of the rows.
        """
        assert self.share_ is not None
        wanted = self.share_.shape[1] - len(self.parts_)
        if len(member_predictions) != wanted:
            raise ValueError(
                f"The location was learned beside {wanted} companions and is given "
                f"{len(member_predictions)}; pass the predictions of each."
            )
        with Workers() as workers:
            estimates = list(workers.map(lambda part: part(X), self.parts_))
        return _located(
            estimates + [Estimate(*estimate) for estimate in member_predictions], self.share_
        )


def bases_of(base: Any, n: int, d: int) -> list[Any]:
    """Return a list of regressors; "auto" selects them for n rows and d features."""
    if isinstance(base, str):
        if base != "auto":
            raise ValueError(
                f"base is {base!r}; pass 'auto', a scikit-learn regressor, or a list of them."
            )
        return _automatic(n, d)
    bases = list(base) if isinstance(base, list | tuple) else [base]
    for one in bases:
        if not isinstance(one, BaseEstimator) or not is_regressor(one):
            raise ValueError(
                f"base must contain regressors, but has {one!r}; pass 'auto', a scikit-learn "
                "regressor, or a list of them."
            )
    if not bases:
        raise ValueError("base is an empty list; pass 'auto', or a regressor at least.")
    return bases


def _automatic(n: int, d: int) -> list[Any]:
    """Return regressors that are fast enough for n rows and d features, the slowest last."""
    # Two searches give different scales; without warping, predictions vary less for few rows.
    processes = [GaussianProcess(), GaussianProcess(), GaussianProcess(n_searched=400, bent=False)]
    if n < LEAST_OF_BOOSTING:
        return [*processes, ExtraTreesRegressor(100)]
    if n < FEW:
        return [
            *processes,
            ExtraTreesRegressor(100),
            _histogram(300, 0.1, 15, min_samples_leaf=5),
            GradientBoostingRegressor(
                n_estimators=600,
                learning_rate=0.05,
                max_depth=4,
                subsample=0.6,
                max_features=0.6,
                min_samples_leaf=3,
            ),
        ]
    if n < MANY:
        process = [GaussianProcess()] if n <= MOST_OF_A_PROCESS else []
        return [*process, ExtraTreesRegressor(50), _histogram(500, 0.08, 31)]
    return [
        ExtraTreesRegressor(20, min_samples_leaf=2, max_features=0.6),
        _histogram(300, 0.06, 511, max_features=0.3, min_samples_leaf=5),
    ]


def _histogram(rounds: int, rate: float, leaves: int, **settings: Any) -> Any:
    """Histogram-based boosting on random subsets of the features, without early stopping."""
    fixed = {"max_features": 0.6, "l2_regularization": 1.0, "early_stopping": False}
    return HistGradientBoostingRegressor(
        max_iter=rounds, learning_rate=rate, max_leaf_nodes=leaves, **(fixed | settings)
    )


def repetitions(weight: npt.NDArray[np.float64]) -> Index | None:
    """Return numbers of repetitions in place of sample weights; None if these do not fit.

    Examples
    --------
    >>> repetitions(np.array([0.5, 0.75, 0.0])), repetitions(np.array([1.0, 1.618]))
    (array([2, 3, 0]), None)
    """
    times = weight / weight[weight > 0].min()
    for part in range(1, MOST_DIVISIONS + 1):
        whole = np.rint(part * times)
        if whole.sum() > MOST_COPIES * len(weight):
            return None
        if np.allclose(whole, part * times, rtol=1e-9, atol=0):
            return whole.astype(np.intp)
    return None


def check_base(base: Any, times: Index | None) -> None:
    """Raise ValueError if a regressor supports neither sample weights nor these repetitions."""
    if _weight_name(base) is None and times is None:
        raise ValueError(
            f"{type(base).__name__} takes no sample_weight in fit, and the weights differ; pass a "
            "regressor that takes them as base, or leave sample_weight out."
        )


def _weight_name(model: Any) -> str | None:
    """Name of the sample weights in `fit`; None if it has none."""
    if isinstance(model, Pipeline):
        name, last = model.steps[-1]
        inner = None if isinstance(last, str) else _weight_name(last)
        return None if inner is None else f"{name}__{inner}"
    return "sample_weight" if has_fit_parameter(model, "sample_weight") else None


def with_states(model: Any, rng: np.random.RandomState) -> Any:
    """Return a clone with random integers as all of its random states."""
    model = clone(model)
    names = sorted(
        name
        for name in model.get_params(deep=True)
        if name == "random_state" or name.endswith("__random_state")
    )
    return model.set_params(**{name: rng.randint(np.iinfo(np.int32).max) for name in names})


def shares(predictions: Array, rows: Rows) -> Array:
    """Minimise Σ_i w_i (y_i − Σ_j v_j f_ij)² over v ≥ 0 with Σ v = 1, for each output.

    Parameters
    ----------
    predictions : ndarray of shape (n_samples, n_regressors, n_outputs)
        Predictions f.
    rows : Rows
        Rows with the answers y and sample weights w.

    Returns
    -------
    ndarray of shape (n_outputs, n_regressors)
        Stacking weights v.

    Examples
    --------
    One regressor predicts 1.1 y, another 0.7 y:

    >>> y = np.array([[1.0], [-1.0]])
    >>> rows = Rows(y, y, np.ones(2))
    >>> shares(np.stack([y * 1.1, y * 0.7], axis=1), rows).round(2)
    array([[0.75, 0.25]])
    """
    _, j, q = predictions.shape
    root, size = np.sqrt(rows.weight), rows.weight.sum()
    below = np.sqrt(size) * np.vstack([np.full(j, np.sqrt(SUM_TO_ONE)), np.sqrt(EQUAL) * np.eye(j)])
    wanted = below @ np.full(j, 1 / j)
    found = [
        optimize.nnls(
            np.vstack([root[:, None] * predictions[:, :, answer], below]),
            np.concatenate([root * rows.y[:, answer], wanted]),
        )[0]
        for answer in range(q)
    ]
    share = np.array(found)
    result: Array = share / share.sum(axis=1, keepdims=True)
    return result


def _located(estimates: Sequence[Estimate], share: Array) -> LocationPrediction:
    means = np.stack([estimate.mean for estimate in estimates], axis=1)
    spread = np.log(means.std(axis=1) + LEAST_SPREAD)
    sure = [
        (estimate.mean, estimate.deviation)
        for estimate in estimates
        if estimate.deviation is not None
    ]
    mean = np.einsum("njq,qj->nq", means, share)
    features = [means.reshape(len(means), -1), spread]
    if not sure:
        return LocationPrediction(mean, np.hstack(features))
    centres, deviations = (np.stack(part, axis=1) for part in zip(*sure, strict=True))
    features.append(np.log(deviations + LEAST_SPREAD).reshape(len(means), -1))
    return LocationPrediction(mean, np.hstack(features), centres, deviations)


def _predicted(models: list[Any], X: Array) -> Array:
    """Predictions of models, one for each output or one for all, (n, q)."""
    # OpenMP threads inside our own threads are slow, as they wait for each other.
    with _openmp().limit(limits=1, user_api="openmp"):
        predicted = [np.asarray(model.predict(X)).reshape(len(X), -1) for model in models]
    return np.hstack(predicted)


class _Fits:
    """The fits of one regressor on all folds, as jobs, and their results."""

    def __init__(
        self,
        base: Any,
        rows: Rows,
        times: Index | None,
        folds: Folds,
        rng: np.random.RandomState,
    ) -> None:
        self.rows, self.folds, self.mean = rows, folds, np.zeros(rows.y.shape)
        # Repetitions of rows for a regressor without sample weights.
        self.times = None if _weight_name(base) else times
        q = rows.y.shape[1]
        together = q > 1 and get_tags(base).target_tags.multi_output
        answers: list[Any] = [slice(None)] if together else list(range(q))
        # A Gaussian process has out-of-fold predictions after a single fit.
        process = isinstance(base, GaussianProcess)
        self.deviation = np.zeros(rows.y.shape) if process else None
        fit, places = (self._process, 1) if process else (self._of_fold, folds.n_folds)
        self.part = FittedRegressor([[None] * len(answers) for _ in range(places)])
        self.jobs = [
            partial(fit, place, number, answer, with_states(base, rng))
            for place in range(places)
            for number, answer in enumerate(answers)
        ]

    @property
    def predict_moments(self) -> Estimate:
        """Out-of-fold predictions."""
        return Estimate(self.mean, self.deviation)

    def _process(self, place: int, number: int, answer: int, model: GaussianProcess) -> None:
        """Fit a Gaussian process to all rows, and compute its out-of-fold predictions."""
        assert self.deviation is not None
        model.fit(self.rows.X, self.rows.y[:, answer], self.rows.weight)
        predicted = model.out_of_fold(self.folds.of_row)
        self.mean[:, answer], self.deviation[:, answer] = predicted
        model.drop_training_answers()
        self.part.models[place][number] = model

    def _of_fold(self, place: int, number: int, answer: Any, model: Any) -> None:
        """Fit a model without a fold, and predict this fold."""
        unseen = self.folds.of_row == place
        seen = np.flatnonzero(~unseen & (self.rows.weight > 0))
        if self.times is not None:
            seen = np.repeat(seen, self.times[seen])
        _fit_rows(model, self.rows.take(seen), answer)
        self.mean[unseen, answer] = model.predict(self.rows.X[unseen])
        self.part.models[place][number] = model


@cache
def _openmp() -> ThreadpoolController:
    """Thread pools of this process, cached because their detection takes milliseconds."""
    return ThreadpoolController()


def _fit_rows(model: Any, rows: Rows, answer: Any) -> None:
    """Fit on rows, with sample weights if they are supported and differ."""
    name = _weight_name(model)
    weighted = {} if name is None or np.ptp(rows.weight) == 0 else {name: rows.weight}
    # OpenMP threads inside our own threads are slow, as they wait for each other. The limit is for
    # the current thread.
    with _openmp().limit(limits=1, user_api="openmp"):
        model.fit(rows.X, rows.y[:, answer], **weighted)
