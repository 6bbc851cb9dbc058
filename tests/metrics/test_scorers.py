"""Scorers: what scikit-learn's searches get of them, alone, in pipelines, and with weights."""

import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LinearRegression
from sklearn.metrics import check_scoring
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_ebm import LatentEBMRegressor, metrics
from sklearn_ebm.distributions import GaussianMixture
from sklearn_ebm.energies import Experts

SCORERS = {
    "log_likelihood": metrics.log_likelihood_scorer,
    "crps": metrics.crps_scorer,
    "pinball": metrics.pinball_scorer(probabilities=(0.1, 0.5, 0.9)),
    "coverage": metrics.coverage_scorer(level=0.5),
}
PROPER = ("log_likelihood", "crps", "pinball")
RNG = np.random.RandomState(0)
X = RNG.normal(size=(60, 1))
Y = X[:, 0] + RNG.normal(size=60)
WEIGHT = np.arange(60) % 3


class Gaussian(RegressorMixin, BaseEstimator):
    """Says N(x, scale²) of each row."""

    def __init__(self, scale=1.0):
        self.scale = scale

    def fit(self, X, y, sample_weight=None):
        self.is_fitted_ = True
        return self

    def predict(self, X):
        return X[:, 0]

    def predict_distribution(self, X):
        one = np.ones((len(X), 1))
        return GaussianMixture(one, X[:, :1], self.scale * one)


class OnlyLogProb(BaseEstimator):
    def log_prob(self, X, y):
        return Gaussian().predict_distribution(X).log_prob(y)


def expected(name, X, y, weight=None):
    density = Gaussian().predict_distribution(X)
    return {
        "log_likelihood": lambda: (
            -metrics.negative_log_likelihood(y, density, sample_weight=weight)
        ),
        "crps": lambda: -metrics.crps(y, density, sample_weight=weight),
        "pinball": lambda: (
            -metrics.pinball_loss(y, density, probabilities=(0.1, 0.5, 0.9), sample_weight=weight)
        ),
        "coverage": lambda: metrics.interval_coverage(y, density, level=0.5, sample_weight=weight),
    }[name]()


@pytest.mark.parametrize("name", SCORERS)
def test_a_scorer_says_what_the_metric_says(name):
    scorer, model = SCORERS[name], Gaussian().fit(X, Y)
    found = scorer(model, X, Y)
    assert found == expected(name, X, Y) and type(found) is float
    weighted = scorer(model, X, Y, sample_weight=WEIGHT)
    assert weighted == expected(name, X, Y, WEIGHT) != found
    rows = np.repeat(np.arange(60), WEIGHT)
    assert weighted == pytest.approx(scorer(model, X[rows], Y[rows]), rel=1e-12)


@pytest.mark.parametrize("name", PROPER)
def test_the_right_density_is_chosen(name):
    search = GridSearchCV(Gaussian(), {"scale": [0.3, 1.0, 3.0]}, scoring=SCORERS[name], cv=3)
    assert search.fit(X, Y).best_params_ == {"scale": 1.0}
    assert check_scoring(search, SCORERS[name]) is SCORERS[name]


def test_several_scores_at_once():
    found = cross_validate(Gaussian(), X, Y, cv=3, scoring=SCORERS, return_train_score=True)
    for name in SCORERS:
        folds = [expected(name, X[rows], Y[rows]) for rows in np.split(np.arange(60), 3)]
        np.testing.assert_allclose(found[f"test_{name}"], folds)
    search = GridSearchCV(
        Gaussian(), {"scale": [0.3, 1.0, 3.0]}, scoring=SCORERS, refit="crps", cv=3
    )
    assert search.fit(X, Y).best_params_ == {"scale": 1.0}


@pytest.mark.parametrize("name", SCORERS)
def test_the_estimator_is_found_in_pipelines_and_searches(name):
    halved = FunctionTransformer(lambda rows: rows / 2)
    pipeline = make_pipeline(halved, "passthrough", Gaussian()).fit(2 * X, Y)
    assert SCORERS[name](pipeline, 2 * X, Y) == expected(name, X, Y)
    assert SCORERS[name](Pipeline([("only", pipeline)]), 2 * X, Y) == expected(name, X, Y)
    search = GridSearchCV(pipeline, {"gaussian__scale": [1.0]}, cv=2).fit(2 * X, Y)
    assert SCORERS[name](search, 2 * X, Y) == expected(name, X, Y)


def test_an_estimator_with_log_prob_alone_has_a_likelihood_and_no_more():
    found = metrics.log_likelihood_scorer(OnlyLogProb(), X, Y, sample_weight=WEIGHT)
    assert found == expected("log_likelihood", X, Y, WEIGHT)
    with pytest.raises(TypeError, match="OnlyLogProb has no method predict_distribution;"):
        metrics.crps_scorer(OnlyLogProb(), X, Y)


def test_quantiles_and_intervals_of_the_estimator_come_before_those_of_its_distribution():
    class Shifted(Gaussian):
        """Says something else of quantiles and intervals, as a calibrated estimator does."""

        def predict_quantiles(self, X, probabilities):
            return self.predict_distribution(X).quantiles(probabilities) + 1

        def predict_interval(self, X, level):
            return self.predict_distribution(X).interval(level) + 1

    # What is said of Y + 1 is that of Y.
    for name in ("pinball", "coverage"):
        found = SCORERS[name](Shifted(), X, Y + 1, sample_weight=WEIGHT)
        assert found == pytest.approx(expected(name, X, Y, WEIGHT), rel=1e-12)
        assert found != pytest.approx(SCORERS[name](Gaussian(), X, Y + 1, sample_weight=WEIGHT))


@pytest.mark.parametrize("name", SCORERS)
def test_other_estimators_are_refused(name):
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(X, Y)
    with pytest.raises(TypeError, match=r"LinearRegression has no method .*predict_distribution;"):
        SCORERS[name](model, X, Y)


def test_log_probabilities_of_another_shape_are_refused():
    class Wide(BaseEstimator):
        def log_prob(self, X, y):
            return np.zeros((len(X), 2))

    class Wordy(BaseEstimator):
        def log_prob(self, X, y):
            return ["likely"] * len(X)

    with pytest.raises(ValueError, match=r"^log_prob has the shape \(60, 2\)"):
        metrics.log_likelihood_scorer(Wide(), X, Y)
    with pytest.raises(ValueError, match=r"^log_prob must be an array of numbers"):
        metrics.log_likelihood_scorer(Wordy(), X, Y)


def test_settings_are_checked_when_they_are_used():
    with pytest.raises(ValueError, match="probabilities=1 must be a number between 0 and 1"):
        metrics.pinball_scorer(probabilities=1)(Gaussian(), X, Y)
    with pytest.raises(ValueError, match="level=0 must be above 0"):
        metrics.coverage_scorer(level=0)(Gaussian(), X, Y)


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_are_cloned_and_pickled(name):
    for other in (clone(SCORERS[name]), pickle.loads(pickle.dumps(SCORERS[name]))):
        assert repr(other) == repr(SCORERS[name])
        assert other(Gaussian(), X, Y) == SCORERS[name](Gaussian(), X, Y)


def test_scorers_are_shown_as_they_are_typed():
    assert [repr(scorer) for scorer in SCORERS.values()] == [
        "log_likelihood_scorer",
        "crps_scorer",
        "pinball_scorer(probabilities=(0.1, 0.5, 0.9))",
        "coverage_scorer(level=0.5)",
    ]
    assert repr(metrics.coverage_scorer()) == "coverage_scorer(level=0.9)"
    default = "pinball_scorer(probabilities=(0.05, 0.25, 0.5, 0.75, 0.95))"
    assert repr(metrics.pinball_scorer()) == default


@pytest.mark.parametrize("name", SCORERS)
def test_weights_are_routed_as_they_were_asked_for(name):
    with config_context(enable_metadata_routing=True):
        assert SCORERS[name].get_metadata_routing().score.requests == {"sample_weight": None}
        model = Gaussian().set_fit_request(sample_weight=True)
        more = {"cv": 3, "params": {"sample_weight": WEIGHT}}
        asked = clone(SCORERS[name]).set_score_request(sample_weight=True)
        found = cross_validate(model, X, Y, scoring=asked, **more)["test_score"]
        folds = np.split(np.arange(60), 3)
        np.testing.assert_allclose(
            found, [expected(name, X[rows], Y[rows], WEIGHT[rows]) for rows in folds]
        )
        declined = clone(SCORERS[name]).set_score_request(sample_weight=False)
        found = cross_validate(model, X, Y, scoring=declined, **more)["test_score"]
        np.testing.assert_allclose(found, [expected(name, X[rows], Y[rows]) for rows in folds])
        with pytest.raises(UnsetMetadataPassedError):
            cross_validate(model, X, Y, scoring=SCORERS[name], **more)


# -- the regressor --------------------------------------------------------------------------------


def fitted(y, **settings):
    energy = Experts(n_latents=1, n_members=1, hidden_layer_sizes=(4,))
    return LatentEBMRegressor(energy, max_iter=3, random_state=0, **settings).fit(X, y)


@pytest.mark.parametrize("shape", ["one", "column", "two"])
@pytest.mark.parametrize("name", SCORERS)
def test_of_the_regressor(name, shape):
    y = {"one": Y, "column": Y[:, None], "two": np.column_stack([Y, -X[:, 0]])}[shape]
    model = fitted(y)
    found = SCORERS[name](model, X, y, sample_weight=WEIGHT)
    density = model.predict_distribution(X)
    flat = Y if shape == "column" else y
    middle = density.interval(0.5)
    inside = (middle[..., 0] <= flat) & (flat <= middle[..., 1])
    each = {
        "log_likelihood": lambda: model.log_prob(X, y),
        "crps": lambda: -density.crps(flat).reshape(60, -1).mean(axis=1),
        "coverage": lambda: inside.reshape(60, -1).mean(axis=1),
        "pinball": lambda: (
            -sum(
                np.where(flat >= q, p * (flat - q), (1 - p) * (q - flat))
                .reshape(60, -1)
                .mean(axis=1)
                for p in (0.1, 0.5, 0.9)
                for q in [density.quantiles([p])[..., 0]]
            )
            / 3
        ),
    }[name]()
    assert found == pytest.approx(np.average(each, weights=WEIGHT), rel=1e-9)


def test_coverage_is_that_of_calibrated_intervals():
    model = fitted(Y, calibration="conformal", validation_fraction=0.5)
    scorer = metrics.coverage_scorer(level=0.5)
    calibrated = metrics.interval_coverage(Y, model.predict_interval(X, 0.5))
    plain = metrics.interval_coverage(Y, model.predict_distribution(X), level=0.5)
    assert scorer(model, X, Y) == calibrated != plain
