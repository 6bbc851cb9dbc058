"""LatentEBMRegressor: what it returns, how it learns, and how it is tuned."""

import copy
import pickle
import re
import warnings
from functools import partial

import numpy as np
import pandas
import pytest
from scipy.special import softmax
from scipy.stats import norm
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ebm import LatentEBMRegressor, losses
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies import Decoder, Experts, Linear, Memory
from sklearn_ebm.energies._gaussian.quadratics import gibbs_law
from sklearn_ebm.estimators import _callbacks
from sklearn_ebm.estimators._density_parts import resolve_density_parts
from sklearn_ebm.estimators.regressor import CALIBRATIONS
from sklearn_ebm.exceptions import CalibrationWarning, FewAnswersWarning
from sklearn_ebm.inference import SoftMinimum
from sklearn_ebm.learning import monitor as _watch
from sklearn_ebm.learning.densities.ensemble import member_rows
from sklearn_ebm.learning.densities.gradient_fit import learn_density
from sklearn_ebm.learning.densities.objective import DensityObjective
from sklearn_ebm.learning.densities.widths import likeliest_beta
from sklearn_ebm.losses.negatives import Pool
from sklearn_ebm.solvers import Adam

needs_callbacks = pytest.mark.skipif(
    not _callbacks.FRAMES, reason="callbacks came with scikit-learn 1.9"
)

ENERGIES = {
    "experts": Experts(n_latents=2, hidden_layer_sizes=(8,), n_members=2),
    "decoder": Decoder(n_latents=6, hidden_layer_sizes=(8,), n_members=2),
}
INFERENCES = ("marginal", "min")
LIKELIHOODS = ("nll", "energy")
CONTRASTS = ("simple", "hinge", "log", "square_square", "square_exp", "mce")


def branches(n_rows=200, seed=0):
    """Two answers to each x: x + 1 and x − 1."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, size=(n_rows, 1))
    return X, X[:, 0] + rng.choice([-1.0, 1.0], n_rows) + 0.1 * rng.normal(size=n_rows)


X, Y = branches()
VECTOR = np.column_stack([Y, 10 * np.cos(3 * X[:, 0]) + np.random.default_rng(1).normal(size=200)])
EVERY = np.arange(200)
LEVEL = norm(Y.mean(), Y.std()).logpdf(Y).mean()  # of the best answer that does not look at x


def regressor(energy="experts", **parameters):
    settings = {"max_iter": 40, "random_state": 0, **parameters}
    return LatentEBMRegressor(ENERGIES.get(energy, energy), **settings)


@pytest.fixture(scope="module")
def fitted():
    """Regressors by energy, inference, and the answers they were learned from; each fitted once."""
    known = {}

    def of(energy="experts", inference="marginal", answers="flat"):
        key = energy, inference, answers
        if key not in known:
            y = {"flat": Y, "column": Y[:, None], "vector": VECTOR}[answers]
            known[key] = regressor(energy, inference=inference, beta=2.0).fit(X, y)
        return known[key]

    return of


@pytest.fixture(params=ENERGIES)
def energy(request):
    return request.param


@pytest.fixture(params=INFERENCES)
def inference(request):
    return request.param


# Shapes


def test_shapes_of_answers_of_one_number(fitted, energy, inference):
    reg = fitted(energy, inference)
    rows, y = X[:7], Y[:7]
    assert (reg.energy_._widths is None) == (inference == "min")
    z = 4 if energy == "experts" else 12
    z *= 1 if inference == "min" else len(reg.energy_._widths.factors)
    many = np.linspace(-2, 2, 5) + np.zeros((7, 1))
    assert reg.predict(rows).shape == (7,)
    assert reg.energies(rows, y).shape == reg.log_prob(rows, y).shape == (7,)
    assert reg.energies(rows, many).shape == reg.log_prob(rows, many).shape == (7, 5)
    assert reg.latent_energies(rows, y).shape == (7, z)
    assert reg.latent_energies(rows, many).shape == (7, 5, z)
    assert reg.predict_candidate_proba(rows).shape == (7, len(reg.y_grid_))
    assert (
        reg.predict_candidate_proba(rows, many[0]).shape
        == reg.predict_candidate_proba(rows, many).shape
        == (7, 5)
    )
    assert reg.predict_quantiles(rows, [0.1, 0.5, 0.9]).shape == (7, 3)
    assert reg.predict_quantiles(rows, 0.5).shape == (7,)
    assert reg.predict_interval(rows).shape == (7, 2)
    region = reg.predict_region(rows)
    assert region.shape[0] == 7 and region.shape[2] == 2
    assert reg.sample(rows).shape == (7, 1) and reg.sample(rows, 4).shape == (7, 4)
    modes = reg.predict_modes(rows)
    assert modes.answers.shape == modes.probabilities.shape and len(modes.answers) == 7
    assert len(reg.predict_distribution(rows)) == 7
    assert reg.score(X, Y) <= 1
    assert reg.n_outputs_ == 1 and reg.n_features_in_ == 1


def test_shapes_of_answers_in_one_column(fitted, energy, inference):
    """One column of answers is what a vector of them is, but for the shape of `predict`."""
    reg, flat = fitted(energy, inference, "column"), fitted(energy, inference)
    rows, many = X[:7], np.zeros((7, 5, 1))
    assert reg.predict(rows).shape == (7, 1)
    np.testing.assert_array_equal(reg.predict(rows)[:, 0], flat.predict(rows))
    np.testing.assert_array_equal(reg.energies(rows, Y[:7, None]), flat.energies(rows, Y[:7]))
    np.testing.assert_array_equal(reg.log_prob(rows, many), flat.log_prob(rows, many[..., 0]))
    np.testing.assert_array_equal(
        reg.latent_energies(rows, many), flat.latent_energies(rows, many[..., 0])
    )
    np.testing.assert_array_equal(
        reg.predict_candidate_proba(rows, many), flat.predict_candidate_proba(rows, many[..., 0])
    )
    np.testing.assert_array_equal(reg.predict_interval(rows), flat.predict_interval(rows))


def test_shapes_of_answers_of_two_numbers(fitted, energy, inference):
    reg = fitted(energy, inference, "vector")
    rows, y = X[:7], VECTOR[:7]
    z = 4 if energy == "experts" else 12
    many = y[:, None] + np.zeros((7, 5, 2))
    assert reg.predict(rows).shape == (7, 2)
    assert reg.energies(rows, y).shape == reg.log_prob(rows, y).shape == (7,)
    assert reg.energies(rows, many).shape == reg.log_prob(rows, many).shape == (7, 5)
    assert reg.latent_energies(rows, many).shape == (7, 5, z)
    assert reg.predict_candidate_proba(rows, many).shape == (7, 5)
    assert reg.predict_candidate_proba(rows, many[0]).shape == (7, 5)
    assert reg.predict_quantiles(rows, [0.1, 0.5, 0.9]).shape == (7, 2, 3)
    assert reg.predict_quantiles(rows, 0.5).shape == (7, 2)
    assert reg.predict_interval(rows).shape == (7, 2, 2)
    assert reg.predict_region(rows).contains(y).shape == (7,)
    assert reg.predict_region(rows).contains(many).shape == (7, 5)
    assert reg.sample(rows, 4).shape == (7, 4, 2)
    modes = reg.predict_modes(rows)
    assert modes.answers.shape == (*modes.probabilities.shape, 2)
    assert reg.n_outputs_ == 2 and reg.y_grid_ is None


def bad_shapes():
    flat, column, vector = "flat", "column", "vector"
    one, many = r"expected \(200,\) for one", r"\(200, m\) for m of each"
    for method in ("energies", "latent_energies", "log_prob"):
        yield flat, method, Y[:5], one
        yield flat, method, 1.0, many
        yield flat, method, np.zeros((200, 3, 2)), one
        yield column, method, Y, r"expected \(200, 1\) for one"
        yield column, method, np.zeros((200, 3)), r"\(200, m, 1\) for m"
        yield vector, method, Y, r"expected \(200, 2\) for one"
        yield vector, method, np.zeros((200, 4, 3)), r"\(200, m, 2\) for m"
        yield flat, method, np.full(200, np.nan), "y contains NaN or infinity"
        yield vector, method, np.full((200, 2), np.inf), "y contains NaN or infinity"
        yield flat, method, ["a"] * 200, "could not convert string to float"
    for y, message in [
        (1.0, r"expected \(m,\) or \(n, m\)"),
        (np.zeros((3, 4)), r"expected \(m,\) or \(n, m\)"),
        ([], "y_candidates is empty"),
        ([np.nan, 1], "y_candidates contains NaN or infinity"),
        ([np.inf, 1], "y_candidates contains NaN or infinity"),
    ]:
        yield flat, "predict_candidate_proba", y, message
    yield vector, "predict_candidate_proba", None, r"needs y_candidates for 2 answers.*\(m, 2\)"
    yield vector, "predict_candidate_proba", np.zeros((4, 3)), r"expected \(m, q\) or \(n, m, q\)"


@pytest.mark.parametrize(("answers", "method", "y", "message"), bad_shapes())
def test_answers_of_other_shapes_are_refused(fitted, answers, method, y, message):
    with pytest.raises(ValueError, match=message) as caught:
        getattr(fitted("experts", "marginal", answers), method)(X, y)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("method", "arguments", "message"),
    [
        ("predict_interval", (1.5,), "level=1.5 must be above 0 and at most 1"),
        ("predict_interval", ("wide",), "level='wide' must be"),
        ("predict_region", (0.0,), "level=0.0 must be"),
        ("predict_quantiles", ([[0.5]],), r"probabilities.shape == \(1, 1\), expected"),
        ("predict_quantiles", ([0.5, 2.0],), "between 0 and 1"),
        ("predict_modes", (-1,), "min_probability=-1 must be"),
        ("sample", (0,), "n_samples=0 must be"),
    ],
)
@pytest.mark.parametrize("calibration", [None, "conformal"])
def test_arguments_out_of_range_are_refused(method, arguments, message, calibration):
    reg = regressor(max_iter=1, calibration=calibration).fit(X, Y)
    with pytest.raises(ValueError, match=message):
        getattr(reg, method)(X, *arguments)


def test_nothing_is_predicted_before_fit():
    reg = LatentEBMRegressor()
    for method in ("predict", "predict_distribution", "predict_candidate_proba", "sample"):
        with pytest.raises(NotFittedError):
            getattr(reg, method)(X)
    with pytest.raises(NotFittedError):
        reg.energies(X, Y)


def test_misspelt_parameters_set_after_fit_are_refused():
    reg = regressor(max_iter=1).fit(X, Y).set_params(prediction="mod")
    with pytest.raises(ValueError, match=r"prediction='mod' is not known. Did you mean 'mode'"):
        reg.predict(X)
    reg.set_params(prediction="mode", inference="minimum")
    for call in (lambda: reg.predict(X), lambda: reg.energies(X, Y)):
        with pytest.raises(ValueError, match=r"inference='minimum' is not known. Did you mean"):
            call()


# What is said agrees


@pytest.mark.parametrize("answers", ["flat", "vector"])
def test_energies_and_densities_agree(fitted, energy, inference, answers):
    reg = fitted(energy, inference, answers)
    y = Y if answers == "flat" else VECTOR
    many = y[:, None] + np.random.default_rng(0).normal(size=(200, 4, *y.shape[1:]))
    free, latent = reg.energies(X, many), reg.latent_energies(X, many)
    expected = (
        latent.min(axis=-1)
        if inference == "min"
        else -np.log(np.exp(-2 * latent).sum(axis=-1)) / 2  # β = 2
    )
    np.testing.assert_allclose(free, expected, rtol=1e-10)
    difference = np.diff(reg.log_prob(X, many), axis=1)
    np.testing.assert_allclose(difference, -2 * np.diff(free, axis=1), atol=1e-8, rtol=1e-7)
    probability = reg.predict_candidate_proba(X, many)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    np.testing.assert_allclose(probability, softmax(-2 * free, axis=1), atol=1e-9)
    np.testing.assert_allclose(
        reg.log_prob(X, y), reg.predict_distribution(X).log_prob(y), rtol=1e-12
    )


def test_the_grid_is_the_default_of_candidates(fitted):
    reg = fitted()
    np.testing.assert_array_equal(
        reg.predict_candidate_proba(X), reg.predict_candidate_proba(X, reg.y_grid_)
    )
    assert reg.y_grid_[0] == Y.min() and reg.y_grid_[-1] == Y.max()
    assert len(reg.y_grid_) == 101 and set(reg.y_grid_) <= set(Y)


def test_the_grid_honours_weights():
    rng = np.random.default_rng(0)
    times = rng.integers(0, 4, size=200)
    weighted = regressor(max_iter=1).fit(X, Y, times)
    repeated = regressor(max_iter=1).fit(np.repeat(X, times, axis=0), np.repeat(Y, times))
    np.testing.assert_array_equal(weighted.y_grid_, repeated.y_grid_)
    heavy = np.where(Y > 1, 1e6, 1.0)
    grid = regressor(max_iter=1).fit(X, Y, heavy).y_grid_
    assert np.mean(grid > 1) > 0.9


@pytest.mark.parametrize("prediction", ["mode", "mean", "median"])
def test_predict_is_what_was_asked_for(fitted, energy, inference, prediction):
    reg = copy.copy(fitted(energy, inference)).set_params(prediction=prediction)
    law = reg.predict_distribution(X)
    np.testing.assert_array_equal(reg.predict(X), getattr(law, prediction)())
    if prediction == "mode":
        around = reg.predict(X)[:, None] + np.linspace(-3, 3, 301)
        lowest = reg.energies(X, around).min(axis=1)
        assert (reg.energies(X, reg.predict(X)) <= lowest + 1e-6).all()
    if prediction == "mean":
        samples = reg.sample(X[:5], 4000, random_state=0)
        error = samples.std(axis=1) / np.sqrt(4000)
        assert (np.abs(samples.mean(axis=1) - reg.predict(X[:5])) < 5 * error).all()
    if prediction == "median":
        np.testing.assert_allclose(law.cdf(reg.predict(X)), 0.5, atol=1e-6)


def test_both_of_two_clear_branches_are_modes():
    reg = regressor(max_iter=100).fit(X, Y)
    rows = np.array([[-0.5], [0.0], [0.5]])
    modes = reg.predict_modes(rows, min_probability=0.2)
    assert modes.answers.shape == (3, 2)
    np.testing.assert_allclose(np.sort(modes.answers, axis=1), np.add(rows, [-1, 1]), atol=0.15)
    np.testing.assert_allclose(modes.probabilities, 0.5, atol=0.15)
    region = reg.predict_region(rows, 0.8)
    assert region.shape == (3, 2, 2)
    assert (region[:, 0, 1] < region[:, 1, 0]).all()
    assert reg.log_prob(X, Y).mean() > LEVEL + 1


@pytest.mark.parametrize("answers", ["flat", "vector"])
def test_quantiles_never_cross_and_agree_with_everything_else(fitted, energy, inference, answers):
    reg, X = fitted(energy, inference, answers), branches()[0][:50]
    probabilities = [0.95, 0.01, 0.5, 0.05, 0.99]
    quantiles = reg.predict_quantiles(X, probabilities)
    order = np.argsort(probabilities)
    assert (np.diff(quantiles[..., order], axis=-1) >= 0).all()
    interval = reg.predict_interval(X, 0.9)
    np.testing.assert_allclose(interval, quantiles[..., [3, 0]], rtol=1e-7, atol=1e-9)
    law = reg.predict_distribution(X)
    np.testing.assert_array_equal(reg.sample(X, 3, random_state=5), law.sample(3, random_state=5))
    region, other = reg.predict_region(X, 0.7), law.region(0.7)
    if answers == "flat":
        np.testing.assert_array_equal(region, other)
        inside = law.cdf(np.nan_to_num(region[..., 1])) - law.cdf(np.nan_to_num(region[..., 0]))
        np.testing.assert_allclose((inside * ~np.isnan(region[..., 0])).sum(axis=1), 0.7, atol=1e-6)
        samples = reg.sample(X[:20], 2000, random_state=0)
        below = (samples < quantiles[:20, [3]]).mean(axis=1)
        assert np.abs(below - 0.05).max() < 0.03
    else:
        np.testing.assert_array_equal(region.log_threshold, other.log_threshold)


# Losses


@pytest.mark.parametrize("loss", [*LIKELIHOODS, *CONTRASTS])
def test_every_loss_learns(energy, inference, loss):
    rng = np.random.default_rng(0)
    few = Pool(n_candidates=8)
    reg = regressor(energy, loss=loss, inference=inference, beta="auto", negatives=few).fit(X, Y)
    right, wrong = reg.energies(X, Y), reg.energies(X, rng.uniform(-3, 3, size=(200, 20)))
    assert np.isfinite(reg.predict(X)).all() and np.isfinite(reg.log_prob(X, Y)).all()
    assert right.mean() < wrong.mean()
    assert (right[:, None] < wrong).mean() > 0.75
    assert np.isfinite(reg.loss_curve_).all() and np.isfinite(reg.validation_loss_curve_).all()
    assert reg.loss_curve_[-1] < reg.loss_curve_[0]
    if loss in LIKELIHOODS or energy == "experts":
        assert reg.log_prob(X, Y).mean() > LEVEL + 0.2


@pytest.mark.parametrize("answers", [Y, VECTOR], ids=["one", "two"])
def test_the_energy_loss_of_a_normalised_energy_is_the_likelihood(answers):
    one = regressor(loss="nll", max_iter=3).fit(X, answers)
    other = regressor(loss="energy", max_iter=3).fit(X, answers)
    np.testing.assert_array_equal(one.log_prob(X, answers), other.log_prob(X, answers))


def test_every_wrong_answer_or_the_most_offending_one():
    hard = regressor(loss=losses.Hinge(margin=2.0), max_iter=3).fit(X, Y)
    whole = regressor(loss=losses.Hinge(margin=2.0, contrast="all"), max_iter=3).fit(X, Y)
    by_name = regressor(loss="hinge", margin=2.0, max_iter=3).fit(X, Y)
    np.testing.assert_array_equal(hard.energies(X, Y), by_name.energies(X, Y))
    assert (hard.energies(X, Y) != whole.energies(X, Y)).any()


class Unnormalised(Experts):
    traits = Experts.traits._replace(normalized=False)


PARTS = "use 'nll', 'hinge', 'log', 'simple' or 'square_square'"
REFUSED = [
    ({"loss": "perceptron"}, f"loss 'perceptron' cannot be minimised with energy Experts.*{PARTS}"),
    ({"loss": "lvq2"}, f"loss 'lvq2' cannot be minimised.*divides by the energy.*{PARTS}"),
    ({"loss": "mee"}, "loss 'mee' counts errors, and every continuous answer is one"),
    ({"loss": losses.NLL(beta=2.0)}, "loss 'nll' has beta=2.0, but .* set beta= of the regressor"),
    ({"loss": losses.MEE(beta=2.0)}, "loss 'mee' "),
    ({"loss": "hing"}, "loss='hing' is not known. Did you mean 'hinge'"),
    ({"loss": "nll", "margin": 1.0}, "loss 'nll' has no margin; .*one of: hinge"),
    ({"loss": "hinge", "margin": -1.0}, "margin=-1.0 of Hinge must be"),
    ({"loss": "hinge", "margin": [[0, 1], [1, 0]]}, "margin of 'hinge' is an array of pairs"),
    ({"loss": losses.Hinge(), "margin": 1.0}, "both set the margin; leave margin=None"),
    ({"energy": Unnormalised(), "loss": "nll"}, "energy Unnormalised, which is not normalised"),
    ({"energy": Unnormalised(), "loss": "energy"}, "not normalised by construction"),
    ({"energy": "expert"}, "energy='expert' is not known. Did you mean 'experts'"),
    ({"energy": "experts", "n_latents": 0}, "n_latents=0 of Experts must be a whole number"),
    ({"energy": "decoder", "n_latents": 2}, "n_latents=2 of Decoder must be 3 or more"),
    ({"n_latents": 3}, "n_latents=3 and the object energy=Experts.* both set the latent values"),
    ({"inference": "minimum"}, "inference='minimum' is not known. Did you mean 'min'"),
    ({"inference": None}, "inference=None is not known. Known names: "),
    ({"prediction": "mod"}, "prediction='mod' is not known. Did you mean 'mode'"),
    ({"calibration": "conform"}, "calibration='conform' is not known. Known: None, 'conformal'"),
    ({"negatives": "pol"}, "negatives='pol' is not known. Did you mean 'pool'"),
    ({"negatives": Pool(epsilon=0)}, "epsilon=0 of Pool must be a positive finite number"),
    ({"solver": "lbfgs"}, "solver 'lbfgs' cannot learn a density.*use solver='adam' or 'auto'"),
    ({"solver": "newton"}, "solver 'newton' cannot learn a density"),
    ({"solver": "averaged"}, "solver 'averaged' cannot learn a density"),
    ({"solver": "adm"}, "solver='adm' is not known. Did you mean 'adam'"),
    ({"beta": 0}, "beta=0 must be a positive finite number"),
    ({"beta": "best"}, "beta='best' must be a positive number or 'auto'"),
    (
        {"beta": "auto", "early_stopping": False},
        "beta='auto' needs held-out rows",
    ),
    ({"C": 0}, "C=0 must be a positive number or inf"),
    ({"tol": 0}, "tol=0 must be a positive finite number"),
    ({"max_iter": -1}, "max_iter=-1 must be a whole number"),
    ({"n_iter_no_change": 0}, "n_iter_no_change=0 must be a whole number"),
    ({"validation_fraction": 1.0}, "validation_fraction=1.0 must be a number between 0 and 1"),
    ({"validation_fraction": -0.1}, "validation_fraction=-0.1 must be"),
    ({"random_state": "chance"}, "must be None, a whole number"),
]


@pytest.mark.parametrize(("parameters", "message"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_cannot_learn_is_refused_before_any_work(parameters, message, monkeypatch):
    monkeypatch.setattr("sklearn_ebm.estimators.regressor.learn_energy", None)  # nothing is learned
    settings = {"energy": ENERGIES["experts"], **parameters}
    if parameters.get("n_latents") == 0 or parameters.get("n_latents") == 2:
        monkeypatch.undo()  # settings of an energy are refused where it is prepared
    reg = LatentEBMRegressor(**settings)
    before = dict(vars(reg))
    with pytest.raises(ValueError, match=message) as caught:
        reg.fit(X, Y)
    assert "\n" not in str(caught.value)
    assert vars(reg) == before


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"energy": Experts},
            r"energy=Experts is a class; pass an object of it: energy=Experts\(\)",
        ),
        ({"energy": Linear()}, r"energy=Linear\(\) is neither one of the names experts, decoder"),
        ({"loss": None}, "loss=None is neither one of the names"),
        ({"negatives": 3}, "negatives=3 is neither one of the names pool"),
        ({"solver": 3}, "solver=3 is neither one of the names"),
    ],
)
def test_what_is_no_part_is_refused(parameters, message):
    with pytest.raises(TypeError, match=message):
        LatentEBMRegressor(**parameters).fit(X, Y)


# Weights


def test_a_weight_of_zero_is_a_row_left_out():
    weight = np.random.default_rng(0).uniform(0.5, 2, 200) * (np.arange(200) % 3 > 0)
    used = weight > 0
    for parameters in ({}, {"loss": "hinge"}, {"beta": "auto"}, {"energy": "decoder"}):
        zero = regressor(max_iter=3, **parameters).fit(X, Y, weight)
        out = regressor(max_iter=3, **parameters).fit(X[used], Y[used], weight[used])
        np.testing.assert_array_equal(zero.log_prob(X, Y), out.log_prob(X, Y))
        np.testing.assert_array_equal(zero.y_grid_, out.y_grid_)


def test_the_unit_of_weights_is_nothing():
    weight = np.random.default_rng(0).uniform(0.5, 2, 200)
    plain = regressor(max_iter=3).fit(X, Y, weight)
    for unit in (4.0, 2.0**-900, 2.0**1000):
        scaled = regressor(max_iter=3).fit(X, Y, unit * weight)
        np.testing.assert_array_equal(scaled.log_prob(X, Y), plain.log_prob(X, Y))
    scaled = regressor(max_iter=3).fit(X, Y, 3 * weight)
    np.testing.assert_allclose(scaled.log_prob(X, Y), plain.log_prob(X, Y), rtol=1e-3)
    equal = regressor(max_iter=3).fit(X, Y, np.full(200, 7.0))
    none = regressor(max_iter=3).fit(X, Y)
    np.testing.assert_array_equal(equal.log_prob(X, Y), none.log_prob(X, Y))


def test_weights_move_the_answer():
    upper = regressor(prediction="mean").fit(X, Y, np.where(Y > X[:, 0], 1.0, 1e-3))
    np.testing.assert_allclose(upper.predict(X), X[:, 0] + 1, atol=0.3)


def test_weights_of_held_out_rows_by_hand(energy, inference):
    weight = np.random.default_rng(0).uniform(0.5, 2, 100)
    reg = regressor(energy, inference=inference, early_stopping=False, max_iter=4)
    reg.fit(X[:100], Y[:100], X_val=X[100:], y_val=Y[100:], sample_weight_val=weight)
    # The mean over members of the free energy of each alone.
    energy_, params = reg.energy_, reg.params_
    rows, answers = energy_._standardize_rows(X[100:]), energy_._standardize_answers(Y[100:, None])
    latent = energy_.linearize_members(params, rows[None], answers[None, :, None]).energies
    free = latent.min(axis=-1) if inference == "min" else SoftMinimum()(latent).energies
    expected = np.average(free[:, :, 0].mean(axis=0), weights=weight)
    assert reg.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-4)
    assert len(reg.validation_loss_curve_) == reg.n_iter_ == 4


def objective_of(energy, loss, y, weight, rows=None, negatives=None):
    initialized = energy.initialized(Rows(X, y, weight), y.shape[1], np.random.RandomState(0))
    rows = np.arange(len(X))[None] if rows is None else rows
    objective = DensityObjective(
        initialized, loss, SoftMinimum(), initialized._standardize_rows(X),
        initialized._standardize_answers(y),
        weight, rows, negatives,
    )  # fmt: skip
    start = initialized.start(Rows(X, y, weight), y.shape[1], np.random.RandomState(1))
    return objective, objective.layout.pack(start)


@pytest.mark.parametrize("q", [1, 2])
def test_repeated_rows_are_weights_in_the_objective(energy, q):
    times = np.random.default_rng(0).integers(0, 4, size=200)
    y = VECTOR[:, :q]
    weighted, w = objective_of(ENERGIES[energy], losses.NLL(), y, times.astype(float))
    repeated, _ = objective_of(ENERGIES[energy], losses.NLL(), y, times.astype(float))
    repeated.rows, repeated.row_weight = np.repeat(np.arange(200), times)[None], np.ones(200)
    assert weighted.value(w) == pytest.approx(repeated.value(w), rel=1e-12)
    assert repeated.rounded().value(w) == pytest.approx(repeated.value(w), rel=1e-4)


@pytest.mark.parametrize("loss", [losses.NLL(), losses.Hinge(margin=3.0), losses.SquareSquare()])
def test_the_gradient_of_a_batch(energy, loss):
    """Of the mean over members, with wrong answers that are the same each time."""
    from sklearn_ebm.solvers.objective import Gradient

    negatives = None if loss.traits.needs_partition_function else Pool(n_candidates=4)
    weight = np.random.default_rng(0).uniform(0.5, 2, 200)
    rows = np.stack([np.random.RandomState(m).permutation(200)[:50] for m in range(2)])
    objective, w = objective_of(ENERGIES[energy], loss, VECTOR, weight, rows, negatives)
    still = copy.copy(objective.energy)
    still._chance = lambda: np.random.default_rng(0)
    gradient = Gradient(objective.layout, np.float64)
    batch = np.arange(7, 27)

    def value(w):
        params = objective.layout.unpack(w)
        return objective.on_batch(params, batch, 1 / 20, still, gradient)

    mean = value(w)
    found = gradient.vector.copy()
    direction = np.random.RandomState(0).normal(size=len(w))
    change = (value(w + 1e-6 * direction) - value(w - 1e-6 * direction)) / 2e-6
    assert found @ direction == pytest.approx(change, rel=1e-5, abs=1e-6)
    assert objective.weight.sum() == pytest.approx(weight[rows].sum() / 2)
    if negatives is None:
        objective.rows = rows[:, batch]
        assert mean == pytest.approx(objective.value(w) / 20)


@pytest.mark.filterwarnings("ignore:.* different rows of X_val")
def test_weights_choose_beta():
    near = np.abs(np.abs(Y - X[:, 0]) - 1) < 0.1

    def chosen(weight):
        return (
            regressor(beta="auto", early_stopping=False)
            .fit(X, Y, X_val=X, y_val=Y, sample_weight_val=weight)
            .beta_
        )

    assert chosen(np.where(near, 1.0, 1e-3)) > chosen(np.where(near, 1e-3, 1.0))


# Held-out rows, β, stopping


def test_member_rows_share_nothing():
    kept, out = member_rows(50, 4, np.random.RandomState(0), 0.1)
    assert kept.shape == (4, 45) and out.shape == (4, 5)
    assert len(np.unique(out)) == 10 and (out[::2] == out[1::2]).all()  # two members, one part
    for mine, others in zip(kept, out, strict=True):
        assert set(mine) | set(others) == set(range(50)) and not set(mine) & set(others)
    kept, out = member_rows(50, 4, np.random.RandomState(0), None)
    assert out is None and all(set(mine) == set(range(50)) for mine in kept)
    kept, out = member_rows(2, 3, np.random.RandomState(0), 0.9)
    assert kept.shape == out.shape == (3, 1)


def learned_with(energy, inference, fraction, passes=6):
    parts = resolve_density_parts(
        ENERGIES[energy], "nll", inference, "pool", "auto", n_latents=None, margin=None, beta=1.0
    )
    rows = Rows(X, Y[:, None], np.random.default_rng(0).uniform(0.5, 2, 200))
    learned = learn_density(
        parts, rows, C=1.0, tol=1e-4, max_iter=passes, start=None,
        rng=np.random.RandomState(0), watch=_watch.TrainingMonitor(patience=passes),
        validation=None,
        divide=partial(member_rows, fraction=fraction),
    )  # fmt: skip
    return learned, rows


def test_each_member_is_judged_by_the_rows_that_it_has_not_seen(energy, inference):
    learned, rows = learned_with(energy, inference, 0.2)
    out = learned.held.left_out
    assert out.shape == (2, 40) and set(out[0]) == set(out[1])
    answers = learned.energy._standardize_answers(rows.y)[out][:, :, None]
    line = learned.energy.linearize_members(
        learned.params, learned.energy._standardize_rows(X)[out], answers
    )
    latent = line.energies[:, :, 0]
    free = latent.min(axis=-1) if inference == "min" else SoftMinimum()(latent).energies
    weight = rows.weight[out]
    assert min(learned.held_out_curve) == pytest.approx((weight * free).sum() / weight.sum(), 1e-4)


def test_each_pair_of_members_speaks_of_beta_by_the_rows_that_it_has_not_seen(inference):
    learned, rows = learned_with("experts", inference, 0.2)
    minimum = inference == "min"
    pieces = learned.unseen()
    best = likeliest_beta(pieces, learned.energy._units, minimum=minimum)

    def held_out(beta):
        out = learned.held.left_out[0]
        quadratics = learned.energy._quadratics(learned.params, X[out], [0, 1])
        law = gibbs_law(quadratics, beta, learned.energy._units, minimum=minimum)
        likelihood = np.average(law.log_prob(Y[out]), weights=rows.weight[out])
        return len(out) * likelihood - 2 * np.log(1 + np.log(beta) ** 2 / 3)  # and the prior

    assert held_out(best) > max(held_out(0.95 * best), held_out(1.05 * best))


def test_losses_of_wrong_answers_learn_at_beta():
    known = {
        beta: regressor(loss="hinge", beta=beta, max_iter=2).fit(X, Y).params_["output_weight"]
        for beta in (1.0, 4.0, "auto")
    }
    assert (known[1.0] != known[4.0]).any()
    np.testing.assert_array_equal(known[1.0], known["auto"])


def test_the_objective_draws_the_same_wrong_answers_each_time(energy):
    weight = np.ones(200)
    objective, w = objective_of(ENERGIES[energy], losses.Hinge(), VECTOR, weight, negatives=Pool())
    assert objective.value(w) == objective.value(w)


@pytest.mark.filterwarnings("ignore:.* different rows of X_val")
def test_rows_given_to_be_held_out_leave_all_others_to_every_member(monkeypatch):
    seen = []

    def recording(n_rows, n_members, rng, fraction, group):
        seen.append(fraction)
        return member_rows(n_rows, n_members, rng, fraction, group)

    monkeypatch.setattr("sklearn_ebm.learning.densities.learn.member_rows", recording)
    regressor(max_iter=1).fit(X, Y, X_val=X, y_val=Y)
    regressor(max_iter=1, validation_fraction=0.3).fit(X, Y)
    regressor(max_iter=1, early_stopping=False).fit(X, Y)
    assert seen == [None, 0.3, None]


def test_without_early_stopping_held_out_rows_stop_nothing():
    reg = regressor(early_stopping=False, n_iter_no_change=1, max_iter=25)
    rng = np.random.default_rng(0)
    reg.fit(
        rng.normal(size=(20, 9)), rng.normal(size=20), X_val=rng.normal(size=(9, 9)), y_val=Y[:9]
    )
    assert reg.n_iter_ == 25
    assert (np.diff(reg.validation_loss_curve_) > 0).any()


@pytest.mark.parametrize("given", [False, True])
def test_beta_is_that_of_the_likeliest_held_out_rows(given, inference):
    reg = regressor(loss="hinge", inference=inference, beta="auto", max_iter=15)
    keywords = {"X_val": X[150:], "y_val": Y[150:]} if given else {}
    reg.fit(X[:150], Y[:150], **keywords)
    assert reg.beta_ != 1.0
    if given:
        best = reg.beta_

        def held_out(beta):
            reg.beta_ = beta
            return reg.log_prob(X[150:], Y[150:]).mean()

        assert held_out(best) > max(held_out(0.8 * best), held_out(1.25 * best))


def test_a_given_beta_is_kept_and_sharpens():
    wide = regressor(beta=0.5, max_iter=10).fit(X, Y)
    narrow = regressor(beta=4.0, max_iter=10).fit(X, Y)
    assert (wide.beta_, narrow.beta_) == (0.5, 4.0)
    entropy = [reg.predict_distribution(X).entropy().mean() for reg in (wide, narrow)]
    assert entropy[1] < entropy[0]
    for name in wide.params_:  # a likelihood is learned at β = 1 in any case
        np.testing.assert_array_equal(wide.params_[name], narrow.params_[name])


def test_early_stopping_keeps_the_best_parameters():
    noise = np.random.default_rng(0).normal(size=(120, 20))
    y = np.random.default_rng(1).normal(size=120)
    reg = regressor(n_iter_no_change=3, max_iter=200, solver=Adam(learning_rate=0.02))
    reg.fit(noise[:60], y[:60], X_val=noise[60:], y_val=y[60:])
    curve = reg.validation_loss_curve_
    assert len(curve) == reg.n_iter_ == curve.argmin() + 4 < 200
    energy_ = reg.energy_
    rows, answers = (
        energy_._standardize_rows(noise[60:]),
        energy_._standardize_answers(y[60:, None]),
    )
    latent = energy_.linearize_members(reg.params_, rows[None], answers[None, :, None]).energies
    assert SoftMinimum()(latent).energies.mean() == pytest.approx(curve.min(), rel=1e-4)


@pytest.mark.filterwarnings("ignore:.* different rows of X_val")
def test_without_early_stopping_nothing_is_held_out():
    reg = regressor(early_stopping=False, max_iter=4).fit(X, Y)
    assert "validation_loss_curve_" not in vars(reg) and reg.n_iter_ == 4
    assert len(reg.loss_curve_) == 5
    again = regressor(early_stopping=False, max_iter=4)
    again.fit(X, Y, X_val=X, y_val=Y)
    np.testing.assert_array_equal(again.predict(X), reg.predict(X))  # recorded, no more
    again.fit(X, Y)
    assert "validation_loss_curve_" not in vars(again)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"X_val": X}, "X_val and y_val belong together"),
        ({"y_val": Y}, "X_val and y_val belong together"),
        ({"sample_weight_val": Y}, "X_val and y_val belong together"),
        ({"X_val": X, "y_val": VECTOR}, "y_val has 2 answers for each row, but y has 1"),
        (
            {"X_val": np.hstack([X, X]), "y_val": Y},
            "X_val and y_val cannot be used: X has 2 features",
        ),
        ({"X_val": X, "y_val": Y, "sample_weight_val": -np.ones(200)}, "sample_weight_val has neg"),
        ({"X_val": X, "y_val": Y, "sample_weight_val": np.zeros(200)}, "all zero"),
        ({"X_val": X, "y_val": np.full(200, np.nan)}, "X_val and y_val cannot be used.*NaN"),
    ],
)
def test_bad_held_out_rows(keywords, message):
    reg = regressor(max_iter=1)
    before = dict(vars(reg))
    with pytest.raises(ValueError, match=message):
        reg.fit(X, Y, **keywords)
    assert vars(reg) == before


@pytest.mark.filterwarnings("ignore:.* different rows of X_val")
def test_held_out_answers_out_of_all_bounds():
    far = Y.copy()
    far[0] = 1e150
    reg = regressor(max_iter=2).fit(X, Y, X_val=X, y_val=far)
    assert np.abs(reg.predict(X)).max() < np.abs(Y).max()
    assert (reg.validation_loss_curve_ > 1e10).all() and np.isfinite(
        reg.validation_loss_curve_
    ).all()


class Interrupt:
    """An onlooker that presses Ctrl-C after some passes."""

    def __init__(self, after):
        self.after = after

    def __call__(self, iteration):
        if iteration.number == self.after:
            raise KeyboardInterrupt
        return False


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """No test is the second Ctrl-C of the one before."""
    monkeypatch.setattr(_watch.TrainingMonitor, "_last_interrupt", -np.inf)


def press_ctrl_c(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize("early_stopping", [False, True])
def test_ctrl_c_leaves_what_was_learnt(monkeypatch, energy, early_stopping):
    monkeypatch.setattr(
        _callbacks.FitCallbacks, "callbacks", property(lambda self: (Interrupt(3),))
    )
    reg = regressor(energy, early_stopping=early_stopping, warm_start=True)
    with pytest.warns(
        ConvergenceWarning, match="after 3 passes: it was interrupted. The est"
    ) as caught:
        reg.fit(X, Y)
    assert caught[0].filename == __file__
    assert reg.n_iter_ == 3 and np.isfinite(reg.predict(X)).all()
    monkeypatch.undo()
    before = reg.log_prob(X, Y).mean()
    assert reg.fit(X, Y).log_prob(X, Y).mean() > before


def test_ctrl_c_before_anything_is_learnt(monkeypatch):
    monkeypatch.setattr(Adam, "minimize", press_ctrl_c)
    reg = regressor()
    before = dict(vars(reg))
    with pytest.raises(KeyboardInterrupt):
        reg.fit(X, Y)
    assert vars(reg) == before


def test_ctrl_c_while_beta_is_chosen(monkeypatch):
    monkeypatch.setattr("sklearn_ebm.estimators.regressor.likeliest_beta", press_ctrl_c)
    reg = regressor(beta="auto", max_iter=3)
    with pytest.warns(ConvergenceWarning, match="before beta='auto' was chosen, so beta_ is 1"):
        reg.fit(X, Y)
    assert reg.beta_ == 1.0


class Recorder:
    """Notes what it is told, and asks to stop after some passes."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.tasks, self.scores, self.betas = [], [], []

    def setup(self, estimator, context):
        self.tasks.append("setup")

    def teardown(self, estimator, context):
        self.tasks.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.tasks.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        self.tasks.append(f"end {context.task_name}")
        self.betas.append(fitted_estimator.beta_)
        if context.task_name == "iteration":
            self.scores.append(fitted_estimator.log_prob(X, y).mean())
            fitted_estimator.predict_candidate_proba(X)
            fitted_estimator.predict_interval(X)
        return self.stop_after is not None and len(self.scores) >= self.stop_after


@needs_callbacks
@pytest.mark.parametrize("calibration", [None, "conformal"])
def test_callbacks_see_every_pass(energy, calibration):
    recorder = Recorder()
    reg = regressor(energy, max_iter=3, calibration=calibration, early_stopping=False)
    reg.set_callbacks(recorder).fit(X, Y)
    assert recorder.tasks == [
        "setup", "begin fit", *["begin iteration", "end iteration"] * 3, "end fit", "teardown"
    ]  # fmt: skip
    assert recorder.scores[-1] == pytest.approx(reg.log_prob(X, Y).mean(), abs=1e-5)


@needs_callbacks
def test_a_request_to_stop_is_honoured(energy):
    recorder = Recorder(stop_after=2)
    reg = regressor(energy, beta="auto").set_callbacks(recorder).fit(X, Y)
    assert reg.n_iter_ == len(recorder.scores) == 2
    assert recorder.betas == [1.0, 1.0, reg.beta_]


@needs_callbacks
def test_a_failure_ends_the_callbacks_and_leaves_the_estimator(monkeypatch):
    recorder = Recorder()
    reg = regressor().set_callbacks(recorder)
    monkeypatch.setattr("sklearn_ebm.estimators.regressor.learn_energy", press_ctrl_c)
    before = dict(vars(reg))
    with pytest.raises(KeyboardInterrupt):
        reg.fit(X, Y)
    assert recorder.tasks == ["setup", "begin fit", "teardown"] and vars(reg) == before


def test_an_explosion_is_told_by_the_solver_and_changes_nothing():
    reg = regressor(max_iter=3).fit(X, Y)
    before = dict(vars(reg))
    reg.set_params(solver=Adam(learning_rate=1e30))
    with pytest.raises(
        ValueError, match=r"losses exploded.*lower the learning_rate of solver 'adam'"
    ):
        reg.fit(X, 3 * Y)
    assert vars(reg) == {**before, "solver": reg.solver}


def test_steps_that_are_too_long_are_warned_of():
    solver = Adam(learning_rate=30.0, schedule="constant")
    with pytest.warns(
        ConvergenceWarning, match="Learning stopped after 2 passes.*learning_rate"
    ) as caught:
        regressor(solver=solver, max_iter=2, early_stopping=False).fit(X, Y)
    assert caught[0].filename == __file__


def test_verbose_writes_one_line(capsys):
    for energy in ENERGIES:
        regressor(energy, loss="hinge", verbose=1, max_iter=2).fit(X, Y)
    regressor(max_iter=2).fit(X, Y)
    captured = capsys.readouterr()
    assert captured.out == ""
    line = r": iteration \d+, objective [\d.]+, held out [\d.]+, [\d.]+ s\n"
    assert re.fullmatch(f"experts, hinge{line}decoder, hinge{line}", captured.err)


# Warm starts


def test_a_warm_start_goes_on(energy):
    reg = regressor(energy, max_iter=10, warm_start=True).fit(X, Y)
    first = reg.log_prob(X, Y).mean()
    kept = reg.energy_
    for _ in range(3):
        reg.fit(X, Y)
    assert reg.energy_._units is kept._units
    assert reg.log_prob(X, Y).mean() > first
    cold = regressor(energy, max_iter=10).fit(X, Y).fit(X, Y)
    assert cold.log_prob(X, Y).mean() == pytest.approx(first)


def test_a_warm_start_never_loses_on_held_out_rows():
    reg = regressor(max_iter=5, warm_start=True)
    lowest = []
    for _ in range(4):
        reg.fit(X[:100], Y[:100], X_val=X[100:], y_val=Y[100:])
        energy_ = reg.energy_
        rows, answers = (
            energy_._standardize_rows(X[100:]),
            energy_._standardize_answers(Y[100:, None]),
        )
        latent = energy_.linearize_members(reg.params_, rows[None], answers[None, :, None]).energies
        lowest.append(SoftMinimum()(latent).energies.mean())
    assert np.diff(lowest).max() <= 1e-5


@pytest.mark.parametrize(
    "change",
    ["scale of y", "offset of y", "scale of X", "shrunk y", "fewer rows", "weights"],
)
def test_a_warm_start_in_other_units_begins_anew(energy, change):
    reg = regressor(energy, max_iter=5, warm_start=True).fit(X, Y)
    rows = {"scale of X": 2 * X, "fewer rows": X[:-1]}.get(change, X)
    y = {
        "scale of y": 1e100 * Y, "offset of y": Y + 1, "shrunk y": 1e-5 * Y, "fewer rows": Y[:-1],
    }.get(change, Y)  # fmt: skip
    weight = np.arange(1.0, len(y) + 1) if change == "weights" else None
    warm = reg.fit(rows, y, weight)
    cold = clone(reg).fit(rows, y, weight)
    np.testing.assert_array_equal(warm.log_prob(rows, y), cold.log_prob(rows, y))


@pytest.mark.parametrize("change", ["energy", "columns", "outputs"])
def test_a_warm_start_of_another_shape_is_refused(change):
    reg = regressor(max_iter=5, warm_start=True).fit(X, Y)
    before = reg.log_prob(X, Y)
    asked = reg.energy
    if change == "energy":
        reg.set_params(energy=Experts(n_latents=3, hidden_layer_sizes=(8,), n_members=2))
    rows, y = np.hstack([X, X]) if change == "columns" else X, VECTOR if change == "outputs" else Y
    with pytest.raises(ValueError, match="another shape now; use warm_start=False"):
        reg.fit(rows, y)
    np.testing.assert_array_equal(reg.set_params(energy=asked).log_prob(X, Y), before)


# Tuning and the rest of scikit-learn


def likelihood(estimator, X, y):
    return estimator.log_prob(X, y).mean()


@pytest.mark.parametrize(
    ("parameters", "grid"),
    [
        ({"loss": "hinge"}, {"margin": [0.01, 2.0]}),
        ({"loss": losses.Hinge()}, {"loss__margin": [0.01, 2.0]}),
        ({}, {"beta": [0.5, 1.0, 4.0]}),
        ({}, {"loss": ["nll", "square_square"], "C": [0.1, np.inf]}),
        ({"energy": ENERGIES["experts"]}, {"energy__n_latents": [1, 2]}),
        ({"energy": "decoder"}, {"n_latents": [3, 5]}),
        ({"loss": "simple", "negatives": Pool()}, {"negatives__epsilon": [0.1, 0.5]}),
        ({"solver": Adam()}, {"solver__learning_rate": [1e-3, 1e-2]}),
    ],
    ids=lambda value: str(sorted(value)) if isinstance(value, dict) else None,
)
def test_grid_search(parameters, grid):
    settings = {"energy": ENERGIES["experts"], "max_iter": 8, "random_state": 0, **parameters}
    search = GridSearchCV(
        LatentEBMRegressor(**settings), grid, scoring=likelihood, cv=KFold(2), error_score="raise"
    ).fit(X, Y)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all() and len(np.unique(scores)) == len(scores)
    assert search.best_params_.keys() == grid.keys()


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            "loss__margin",
            "loss__margin cannot be set while loss='nll' is a name; set 'margin' of the",
        ),
        (
            "loss__contrast",
            "loss__contrast cannot be set while loss='nll' is a name; pass an object",
        ),
        (
            "energy__n_latents",
            "energy='auto' is a name; set 'n_latents' of the estimator itself",
        ),
        (
            "energy__n_members",
            "energy__n_members cannot be set while energy='auto' is a name; pass",
        ),
        ("negatives__epsilon", "negatives='auto' is a name; pass an object as negatives="),
        ("solver__learning_rate", "solver='auto' is a name; pass an object as solver="),
    ],
)
def test_parameters_of_names_cannot_be_set(key, message):
    with pytest.raises(ValueError, match=message):
        LatentEBMRegressor().set_params(**{key: 1})


def test_pipeline():
    pipeline = make_pipeline(StandardScaler(), regressor(max_iter=3)).fit(1e3 * X, Y)
    assert pipeline.predict(1e3 * X).shape == (200,)
    plain = regressor(max_iter=3).fit(X, Y)
    np.testing.assert_allclose(pipeline.predict(1e3 * X), plain.predict(X), atol=1e-2)


def test_clone_and_pickle(energy, inference):
    reg = regressor(energy, inference=inference, max_iter=2, calibration="conformal").fit(X, Y)
    other = pickle.loads(pickle.dumps(reg))
    np.testing.assert_array_equal(other.log_prob(X, Y), reg.log_prob(X, Y))
    np.testing.assert_array_equal(other.predict_interval(X), reg.predict_interval(X))
    fresh = clone(reg)
    assert "params_" not in vars(fresh) and repr(fresh) == repr(reg)
    np.testing.assert_array_equal(fresh.fit(X, Y).log_prob(X, Y), reg.log_prob(X, Y))
    again = clone(reg).set_params(energy=reg.energy_)  # one that is prepared already
    np.testing.assert_array_equal(again.fit(X, Y).log_prob(X, Y), reg.log_prob(X, Y))


def test_names_of_features():
    frame = pandas.DataFrame({"here": X[:, 0], "there": X[:, 0] ** 2})
    reg = regressor(max_iter=1).fit(frame, pandas.Series(Y, name="answer"))
    assert reg.feature_names_in_.tolist() == ["here", "there"]
    with pytest.raises(ValueError, match="feature names should match"):
        reg.predict(frame[["there", "here"]])
    assert reg.log_prob(frame, pandas.Series(Y)).shape == (200,)
    table = regressor(max_iter=1).fit(frame, pandas.DataFrame(VECTOR, columns=["a", "b"]))
    assert table.predict(frame).shape == (200, 2)


def test_random_state():
    def log_prob(random_state):
        return regressor(max_iter=2, random_state=random_state).fit(X, Y).log_prob(X, Y)

    np.testing.assert_array_equal(log_prob(0), log_prob(0))
    np.testing.assert_array_equal(log_prob(None), log_prob(0))
    assert (log_prob(1) != log_prob(0)).any()
    one, other = (log_prob(np.random.RandomState(3)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    state = np.random.RandomState(3)
    assert (log_prob(state) != log_prob(state)).any()


def test_what_is_learnt_does_not_depend_on_threads():
    from threadpoolctl import threadpool_limits

    one = regressor(max_iter=2, loss="hinge").fit(X, Y)
    with threadpool_limits(2):
        two = regressor(max_iter=2, loss="hinge").fit(X, Y)
    np.testing.assert_array_equal(one.log_prob(X, Y), two.log_prob(X, Y))


@pytest.mark.parametrize("answers", [Y, VECTOR], ids=["one", "two"])
def test_float32_stays_float32(energy, answers):
    reg = regressor(energy, max_iter=3).fit(X.astype(np.float32), answers.astype(np.float32))
    assert {value.dtype for value in reg.params_.values()} == {np.dtype(np.float32)}
    wide = regressor(energy, max_iter=3).fit(X, answers)
    assert {value.dtype for value in wide.params_.values()} == {np.dtype(np.float64)}
    assert reg.log_prob(X, answers).mean() == pytest.approx(
        wide.log_prob(X, answers).mean(), abs=0.05
    )


def test_fit_writes_on_nothing():
    rows, y, weight = X.copy(), Y.copy(), np.ones(200)
    for array in (rows, y, weight):
        array.setflags(write=False)
    reg = regressor(max_iter=1, loss="simple").fit(rows, y, weight)
    before = {name: value.copy() for name, value in reg.params_.items()}
    reg.predict(rows), reg.energies(rows, y), reg.predict_region(rows)
    for name, value in before.items():
        np.testing.assert_array_equal(reg.params_[name], value)


def test_an_adam_by_name_is_the_automatic_one():
    auto, named = (regressor(max_iter=2, solver=s, C=0.01).fit(X, Y) for s in ("auto", "adam"))
    np.testing.assert_array_equal(auto.predict(X), named.predict(X))
    free = regressor(max_iter=2, C=np.inf).fit(X, Y)
    assert (free.predict(X) != auto.predict(X)).any()


@pytest.mark.parametrize("loss", LIKELIHOODS)
def test_few_answers_are_warned_of(loss):
    few = np.round(Y)
    with pytest.warns(
        FewAnswersWarning, match=r"y takes \d different values in 200 rows"
    ) as caught:
        regressor(max_iter=1, loss=loss).fit(X, few)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        regressor(max_iter=1, loss="hinge").fit(X, few)
        regressor(max_iter=1).fit(X, np.round(Y, 1))


@pytest.mark.parametrize(
    ("y", "told"),
    [
        (
            np.where(EVERY < 160, 0.0, Y),
            r"y is 0 in 80% of the rows, so the likelihood .* unbounded",
        ),
        (np.where(EVERY < 22, -7.5, Y), "y is -7.5 in 11% of the rows"),
        (np.column_stack([Y, np.where(EVERY < 50, 3.0, Y)]), "y is 3 in 25% of the rows"),
        (np.where(EVERY < 18, 0.0, Y), None),
        (Y, None),
    ],
    ids=["four_fifths", "a_tenth", "second_answer", "less", "none"],
)
def test_an_answer_of_many_rows_is_warned_of(y, told):
    """By copies of the answer, not of the row, and by their weight."""
    learn = regressor(max_iter=1)
    if told is None:
        learn.fit(X, y)
        return
    with pytest.warns(FewAnswersWarning, match=told):
        learn.fit(X, y)
    regressor(max_iter=1, loss="hinge").fit(X, y)
    if y.ndim == 1:
        regressor(max_iter=1).fit(X, y, np.where(y == y[0], 1e-3, 1.0))


def test_an_answer_of_few_rows_is_none_of_many():
    """One row of twenty is a twentieth, and four of them are not many."""
    some = np.where(EVERY < 4, 0.0, Y)[:20]
    regressor(max_iter=1).fit(X[:20], some)


# Conformal calibration


@pytest.mark.filterwarnings("ignore::sklearn_ebm.exceptions.CalibrationWarning")
def test_conformal_calibration_covers(energy):
    """Of new rows as many lie inside as promised, though the density is far too narrow."""
    level, held = 0.8, 40
    for answers in ("flat", "vector"):
        intervals, regions = [], []
        for seed in range(4):
            rows, y = branches(500, seed=seed + 10)
            if answers == "vector":
                y = np.column_stack([y, np.random.default_rng(seed).standard_t(3, size=500)])
            reg = regressor(
                energy,
                calibration="conformal",
                validation_fraction=held / 200,
                beta=9.0,
                max_iter=5,
            ).fit(rows[:200], y[:200])
            new, right = rows[200:], y[200:]
            low, high = np.moveaxis(reg.predict_interval(new, level), -1, 0)
            intervals.append(((low <= right) & (right <= high)).mean(axis=0))
            region = reg.predict_region(new, level)
            if answers == "flat":
                inside = (region[..., 0] <= right[:, None]) & (right[:, None] <= region[..., 1])
                regions.append(inside.any(axis=1).mean())
            else:
                regions.append(region.contains(right).mean())
        # Coverage varies from split to split as a Beta distribution of the calibrating rows.
        error = np.sqrt(level * (1 - level) * (1 / held + 1 / 300) / 4)
        assert np.min(np.mean(intervals, axis=0)) > level - 2 * error
        assert np.mean(regions) > level - 2 * error
        if answers == "flat":  # ranks of vectors, of a thousand samples, are often 1
            assert np.mean(regions) < level + 1 / held + 3 * error
        narrow = reg.predict_distribution(new).interval(level)
        assert np.mean((narrow[..., 0] <= right) & (right <= narrow[..., 1])) < level - 0.1


@pytest.mark.parametrize("answers", [Y, VECTOR], ids=["one", "two"])
def test_too_few_rows_for_a_level_give_all_answers(energy, inference, answers):
    reg = regressor(
        energy, inference=inference, calibration="conformal", validation_fraction=0.05, max_iter=1
    ).fit(X, answers)
    told = r"10 calibration rows allow levels up to 0.909, and this level needs 19; raise valid"
    with pytest.warns(
        CalibrationWarning, match=f"level=0.95 gives unbounded sets: {told}"
    ) as caught:
        interval = reg.predict_interval(X, 0.95)
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(interval[..., 0], -np.inf)
    np.testing.assert_array_equal(interval[..., 1], np.inf)
    if answers.ndim == 1 or inference == "marginal":  # the others are of a thousand samples
        assert np.isfinite(reg.predict_interval(X, 0.9)).all()
    with pytest.warns(CalibrationWarning, match=told):
        region = reg.predict_region(X, 0.95)
    far = np.full_like(answers, 1e100)
    if answers.ndim == 1:
        assert region.shape == (200, 1, 2)
        np.testing.assert_array_equal(region, np.tile([-np.inf, np.inf], (200, 1, 1)))
    else:
        assert region.contains(far).all()
        assert not reg.predict_region(X, 0.5).contains(far).any()
    assert not np.isinf(reg.predict_quantiles(X, [0.025, 0.975])).any()  # these are not calibrated


@pytest.mark.parametrize("calibration", CALIBRATIONS)
@pytest.mark.parametrize("answers", [Y, VECTOR], ids=["one", "two"])
def test_level_one_is_all_answers(energy, inference, answers, calibration):
    reg = regressor(energy, inference=inference, calibration=calibration, max_iter=1)
    reg.fit(X, answers)
    interval, region = reg.predict_interval(X[:3], 1), reg.predict_region(X[:3], 1.0)
    np.testing.assert_array_equal(interval, np.broadcast_to([-np.inf, np.inf], interval.shape))
    if answers.ndim == 1:
        np.testing.assert_array_equal(region, np.tile([-np.inf, np.inf], (3, 1, 1)))
        law = reg.predict_distribution(X[:3])
        np.testing.assert_array_equal(law.region_threshold(1), -np.inf)
    else:
        assert region.contains(np.full((3, 2), 1e100)).all()


def test_marginal_distribution_functions_invert_quantiles(fitted, energy, inference):
    law = fitted(energy, inference, "vector").predict_distribution(X[:5])
    probabilities = [0.05, 0.3, 0.5, 0.9]
    quantiles = law.quantiles(probabilities)
    found = law.marginal_cdf(np.moveaxis(quantiles, -1, 1))
    np.testing.assert_allclose(found, np.broadcast_to(np.array(probabilities)[:, None], (5, 4, 2)))
    np.testing.assert_allclose(law.marginal_cdf(np.full((5, 2), 1e9)), 1)
    np.testing.assert_array_equal(law.marginal_cdf(np.full((5, 2), -1e9)), 0)


@pytest.mark.filterwarnings("ignore::sklearn_ebm.exceptions.CalibrationWarning")
def test_an_answer_far_out_in_the_tails_is_covered_by_infinity():
    """So far out, the distribution function is 1 but for rounding, and says nothing of how far."""
    far = Y.copy()
    far[::5] += 1e3
    settings = {"calibration": "conformal", "validation_fraction": 0.25, "max_iter": 1}
    for energy in ENERGIES.values():
        reg = LatentEBMRegressor(energy, loss="hinge", random_state=0, beta=1e6, **settings)
        reg.fit(X, far)
        interval = reg.predict_interval(X, 0.9)
        assert (
            np.isinf(interval).all()
            or ((interval[:, 0] <= far) & (far <= interval[:, 1])).mean() > 0.8
        )


def test_conformal_calibration_refuses_unequal_weights():
    reg = regressor(calibration="conformal", max_iter=1)
    with pytest.raises(ValueError, match=r"rows that are exchangeable.*leave the weights out"):
        reg.fit(X, Y, np.arange(200.0))
    kept = np.arange(200) % 4 > 0
    some = clone(reg).fit(X, Y, 3.0 * kept)  # equal, but for rows that are not there
    out = clone(reg).fit(X[kept], Y[kept])
    np.testing.assert_array_equal(some.predict_interval(X), out.predict_interval(X))


def test_conformal_calibration_needs_rows():
    with pytest.raises(ValueError, match="leaves 1 of n_samples=2 to learn from"):
        regressor(calibration="conformal").fit(X[:2], Y[:2])
    assert len(regressor(calibration="conformal", max_iter=1).fit(X[:3], Y[:3]).predict(X)) == 200


@pytest.mark.parametrize("counts", [False, True], ids=["by gradients", "by counting"])
def test_calibrating_rows_are_not_learnt_from(counts, monkeypatch):
    """Their answers grow by 100: the levels change, and not one of the energies does."""
    split_off = LatentEBMRegressor._split_calibration_rows
    calibrates = np.zeros(200, dtype=bool)

    def watched(self, rows, seed):
        kept, out = split_off(self, rows, seed)
        calibrates[:] = np.isin(X[:, 0], out.X[:, 0])
        return kept, out

    monkeypatch.setattr(LatentEBMRegressor, "_split_calibration_rows", watched)
    energy = Memory(n_trees=3, powers=1) if counts else ENERGIES["experts"]
    settings = {"calibration": "conformal", "max_iter": 5, "random_state": 0}
    one = LatentEBMRegressor(energy, **settings).fit(X, Y)
    assert calibrates.sum() == one._conformal.n_rows == 20
    other = LatentEBMRegressor(energy, **settings).fit(X, Y + 100 * calibrates)
    np.testing.assert_array_equal(other.energies(X, Y), one.energies(X, Y))
    np.testing.assert_array_equal(other.y_grid_, one.y_grid_)
    assert one._conformal.of_intervals.min() < 0.9
    np.testing.assert_allclose(other._conformal.of_intervals, 1)
