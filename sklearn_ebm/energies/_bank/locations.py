"""Where the answers are expected: regressors side by side, and what they say of rows left out."""

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

# Up to here there are three Gaussian processes, which cost n³ to learn and n² for each new row, and
# trees whose splits are exact, which cost no more than those of histograms.
FEW = 2_000

# Up to here there is one process.
MOST_OF_A_PROCESS = 4_000

# From here on trees are large: fewer of them fit into the memory.
MANY = 20_000

# Boosting draws a part of the rows, which should not be none.
LEAST_OF_BOOSTING = 8

# Regressors that predict the mean over trees of what is in their leaves.
FORESTS = (ExtraTreesRegressor, RandomForestRegressor)

# What a missing sum of shares costs, and what shares apart from equal ones do, as parts of the
# squares of the answers.
SUM_TO_ONE = 1e3
EQUAL = 1e-4

# A regressor without sample weights is fitted to repeated rows, if the weights are multiples of the
# smallest weight divided by a number up to MOST_DIVISIONS, and if there are at most MOST_COPIES
# repetitions per row on average.
MOST_DIVISIONS, MOST_COPIES = 6, 10

# The least spread of regressors, in units, so that its logarithm is finite.
LEAST_SPREAD = 1e-6


class Estimate(NamedTuple):
    """What one regressor says of rows.

    Attributes
    ----------
    mean : ndarray of shape (n_samples, n_outputs)
    standard deviation : ndarray of shape (n_samples, n_outputs) or None
        How far an answer is expected from it, where the regressor knows.
    """

    mean: Array
    deviation: Array | None = None


class FittedRegressor(NamedTuple):
    """One regressor, as it was fitted.

    Attributes
    ----------
    models : list of list of regressors
        For each fold, or once where the folds share them: one for each answer, or one for all.
    """

    models: list[list[Any]]

    def compact(self) -> FittedRegressor:
        """What a prediction takes: models of some folds; forests as their leaves alone."""
        models = spread_over_folds(self.models)
        if not all(type(model) in FORESTS for fold in models for model in fold):
            return FittedRegressor(models)
        return FittedRegressor([[LeafMeans.of(forests) for forests in zip(*models, strict=True)]])

    def __call__(self, X: Array) -> Estimate:
        """The mean over the folds, and the standard deviation where there is one."""
        if isinstance(self.models[0][0], GaussianProcess):
            predicted = [model.predict(X, return_std=True) for model in self.models[0]]
            mean, deviation = (np.column_stack(part) for part in zip(*predicted, strict=True))
            return Estimate(mean, deviation)
        means = [_predicted(models, X) for models in self.models]
        return Estimate(np.mean(means, axis=0))


class Location(Documented, BaseEstimator):
    r"""f(x) = Σ_j v_j f_j(x): shares v of the regressors that predict rows left out best.

    The shares are not negative and sum to 1; they are those of least squares on out-of-fold
    predictions, for each answer. New rows are given the mean over the regressors of five folds at
    most.

    Parameters
    ----------
    base : "auto", regressor, or list of regressors, default="auto"
        "auto" takes boosted and random trees, and Gaussian processes where rows are few.

    Attributes
    ----------
    share_ : ndarray of shape (n_outputs, j)
        v, also of companions, which come last.

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
        """Return a copy that knows the rows, and what it says of each out of its fold.

        Parameters
        ----------
        rows : Rows
        folds : Folds
        rng : RandomState
        member_predictions : sequence of tuple of ndarray of shape (n_samples, n_outputs)
            Out-of-fold means of regressors from elsewhere; a second array is their standard
            deviation.

        Returns
        -------
        location : Location
        located : LocationPrediction
            Of all rows.
        """
        bases = bases_of(self.base, *rows.X.shape)
        times = repetitions(rows.weight)
        for base in bases:
            check_base(base, times)
        fitted = [_Fits(base, rows, times, folds, rng) for base in bases]
        jobs = [job for fits in fitted for job in fits.jobs]
        with Workers() as workers:
            # Boosting is the last to be listed, and the longest: it starts first.
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
        """Return what is expected of rows in units.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
        member_predictions : sequence of tuple of ndarray of shape (n_samples, n_outputs)
            What those that took part in learning say of these rows, in the same order.

        Returns
        -------
        located : LocationPrediction
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
    """Return the regressors of a location: those given, or what suits n rows of d columns."""
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
                f"base is to hold regressors and has {one!r}; pass 'auto', a scikit-learn "
                "regressor, or a list of them."
            )
    if not bases:
        raise ValueError("base is an empty list; pass 'auto', or a regressor at least.")
    return bases


def _automatic(n: int, d: int) -> list[Any]:
    """Return what is fast enough for n rows of d columns, the slowest last."""
    # Two searches end at different scales; a straight one is calmer where rows are very few.
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
    """Boosting on histograms that draws columns, and goes on to the end."""
    fixed = {"max_features": 0.6, "l2_regularization": 1.0, "early_stopping": False}
    return HistGradientBoostingRegressor(
        max_iter=rounds, learning_rate=rate, max_leaf_nodes=leaves, **(fixed | settings)
    )


def repetitions(weight: npt.NDArray[np.float64]) -> Index | None:
    """Return how often each row stands for itself in place of a weight; None if that is no number.

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
    """Raise ValueError if rows with these `repetitions` cannot be given to the regressor."""
    if _weight_name(base) is None and times is None:
        raise ValueError(
            f"{type(base).__name__} takes no sample_weight in fit, and the weights differ; pass a "
            "regressor that takes them as base, or leave sample_weight out."
        )


def _weight_name(model: Any) -> str | None:
    """What the weights are called in `fit`; None where it takes none."""
    if isinstance(model, Pipeline):
        name, last = model.steps[-1]
        inner = None if isinstance(last, str) else _weight_name(last)
        return None if inner is None else f"{name}__{inner}"
    return "sample_weight" if has_fit_parameter(model, "sample_weight") else None


def with_states(model: Any, rng: np.random.RandomState) -> Any:
    """Return a clone of which every random state is a number drawn here."""
    model = clone(model)
    names = sorted(
        name
        for name in model.get_params(deep=True)
        if name == "random_state" or name.endswith("__random_state")
    )
    return model.set_params(**{name: rng.randint(np.iinfo(np.int32).max) for name in names})


def shares(predictions: Array, rows: Rows) -> Array:
    """Return v of min Σ_i w_i (y_i − Σ_j v_j f_ij)² with v ≥ 0 and Σ v = 1, (q, j).

    Parameters
    ----------
    predictions : ndarray of shape (n_samples, j, n_outputs)
    rows : Rows

    Examples
    --------
    Of two regressors, one says a tenth too much and one three tenths too little:

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
    """What models say together, one for each answer or one for all, (n, q)."""
    # Threads of OpenMP inside of threads of ours wait for each other more than they work.
    with _openmp().limit(limits=1, user_api="openmp"):
        predicted = [np.asarray(model.predict(X)).reshape(len(X), -1) for model in models]
    return np.hstack(predicted)


class _Fits:
    """The fits of one regressor: what there is to do, and what came of it."""

    def __init__(
        self,
        base: Any,
        rows: Rows,
        times: Index | None,
        folds: Folds,
        rng: np.random.RandomState,
    ) -> None:
        self.rows, self.folds, self.mean = rows, folds, np.zeros(rows.y.shape)
        # How often a regressor sees each row that takes no weights.
        self.times = None if _weight_name(base) else times
        q = rows.y.shape[1]
        together = q > 1 and get_tags(base).target_tags.multi_output
        answers: list[Any] = [slice(None)] if together else list(range(q))
        # A process says by itself what it would have estimate, so that all folds share one.
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
        """What the models say of rows that they have not seen."""
        return Estimate(self.mean, self.deviation)

    def _process(self, place: int, number: int, answer: int, model: GaussianProcess) -> None:
        """Fit one process to all rows; what it says without those of a fold is known then."""
        assert self.deviation is not None
        model.fit(self.rows.X, self.rows.y[:, answer], self.rows.weight)
        predicted = model.out_of_fold(self.folds.of_row)
        self.mean[:, answer], self.deviation[:, answer] = predicted
        model.drop_training_answers()
        self.part.models[place][number] = model

    def _of_fold(self, place: int, number: int, answer: Any, model: Any) -> None:
        """Fit one model to the other folds, and note what it says of this one."""
        unseen = self.folds.of_row == place
        seen = np.flatnonzero(~unseen & (self.rows.weight > 0))
        if self.times is not None:
            seen = np.repeat(seen, self.times[seen])
        _fit_rows(model, self.rows.take(seen), answer)
        self.mean[unseen, answer] = model.predict(self.rows.X[unseen])
        self.part.models[place][number] = model


@cache
def _openmp() -> ThreadpoolController:
    """The libraries of this process that run threads; looking for them takes milliseconds."""
    return ThreadpoolController()


def _fit_rows(model: Any, rows: Rows, answer: Any) -> None:
    """Fit on rows; with weights only where it takes them, and they differ."""
    name = _weight_name(model)
    weighted = {} if name is None or np.ptp(rows.weight) == 0 else {name: rows.weight}
    # Threads of OpenMP inside of threads of ours wait for each other more than they work; the
    # limit is one of the thread it is set in.
    with _openmp().limit(limits=1, user_api="openmp"):
        model.fit(rows.X, rows.y[:, answer], **weighted)
