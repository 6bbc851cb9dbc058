"""A regressor with an energy of any form: every loss and negatives, warnings, and what agrees."""

import copy
import pickle
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import kstest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm.compare import regressors
from sklearn_ebm.energies import FREE_FORM_ENERGIES, Joint
from sklearn_ebm.estimators import _callbacks
from sklearn_ebm.exceptions import CalibrationWarning, SamplingWarning
from sklearn_ebm.inspection import ConditionalDensityDisplay, LatentDisplay
from sklearn_ebm.learning import monitor
from sklearn_ebm.learning.densities import free_form
from sklearn_ebm.losses.negatives import MCMC, NEGATIVES, Importance, Persistent, Pool, Quadrature
from sklearn_ebm.losses.negatives.base import ModelNegatives
from sklearn_ebm.losses.sampled import NCE, SAMPLED_LOSSES, SampledNLL, ScoreMatching
from sklearn_ebm.solvers import Adam

JOINT = Joint(hidden_layer_sizes=(8,), n_components=3)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 2))
Y = X[:, 0] + 0.3 * RNG.normal(size=100)
VECTOR = np.column_stack([Y, 10 * X[:, 1] + 3 * RNG.normal(size=100)])
MODEL_NEGATIVES = [name for name, part in NEGATIVES.items() if issubclass(part, ModelNegatives)]
# Every pair of a loss and negatives that can be combined.
PARTS = [
    *({"negatives": name} for name in MODEL_NEGATIVES),
    *({"loss": loss, "negatives": name} for loss in ("nce", "snl") for name in MODEL_NEGATIVES[:2]),
    {"loss": ScoreMatching(noise=0.7)},
    {"loss": "hinge"},
]
BRANCHES = "the weights of branches of answers .* are not identified; .* use loss='nll' with negat"

needs_callbacks = pytest.mark.skipif(
    not _callbacks.FRAMES, reason="callbacks came with scikit-learn 1.9"
)
# Some densities below are learned in a few passes, and are then far from the proposal.
few_draws = pytest.mark.filterwarnings("ignore::sklearn_ebm.exceptions.SamplingWarning")


def regressor(energy=JOINT, **parameters):
    return LatentEBMRegressor(energy, **{"max_iter": 5, "random_state": 0, **parameters})


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """No test is the second Ctrl-C of the one before."""
    monkeypatch.setattr(monitor.TrainingMonitor, "_last_interrupt", -np.inf)


@pytest.fixture(scope="module")
def fitted():
    """Regressors for one and for two outputs, each fitted once."""
    return {
        1: regressor(max_iter=60, beta=1.5).fit(X, Y),
        2: regressor(max_iter=30).fit(X, VECTOR),
    }


# Every loss, every negatives


def test_every_loss_and_negatives_is_here():
    assert {parts.get("negatives") for parts in PARTS} - {None} == set(MODEL_NEGATIVES)
    losses = [parts.get("loss", "nll") for parts in PARTS]
    names = {loss if isinstance(loss, str) else SAMPLED_LOSSES.name_of(loss) for loss in losses}
    assert names == {*SAMPLED_LOSSES, "hinge"}
    assert FREE_FORM_ENERGIES["joint"] is Joint


@few_draws
@pytest.mark.parametrize(
    ("y", "dtype"),
    [
        pytest.param(Y, np.float64, id="one"),
        pytest.param(VECTOR, np.float32, id="two", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("parts", PARTS, ids=str)
def test_every_loss_and_negatives_learns(parts, y, dtype):
    rows = X.astype(dtype)
    if y.ndim == 2 and parts.get("negatives") == "quadrature":
        parts = {**parts, "negatives": Quadrature(20)}
    reg = regressor(max_iter=40, **parts).fit(rows, y)
    assert {part.dtype for part in reg.params_.values()} == {np.dtype(dtype)}
    assert np.isfinite(reg.loss_curve_).all() and len(reg.loss_curve_) == reg.n_iter_ + 1
    assert np.isfinite(reg.validation_loss_curve_).all()
    start = regressor(max_iter=1, solver=Adam(learning_rate=1e-9), **parts).fit(rows, y)
    assert reg.log_prob(rows, y).mean() > start.log_prob(rows, y).mean() + 0.1
    assert reg.score(rows, y) > 0.3


@few_draws
@pytest.mark.parametrize("parts", PARTS, ids=str)
def test_clone_and_pickle(parts):
    reg = regressor(max_iter=2, **parts).fit(X, Y)
    again = pickle.loads(pickle.dumps(reg))
    np.testing.assert_array_equal(again.log_prob(X, Y), reg.log_prob(X, Y))
    np.testing.assert_array_equal(clone(reg).fit(X, Y).log_prob(X, Y), reg.log_prob(X, Y))
    assert repr(clone(reg)) == repr(reg)


@few_draws
@pytest.mark.parametrize("parts", PARTS, ids=str)
def test_a_weight_of_zero_is_a_sample_left_out(parts):
    weight = np.where(np.arange(100) < 90, 1.0, 0.0)
    weighted = regressor(max_iter=2, **parts).fit(X, Y, weight)
    without = regressor(max_iter=2, **parts).fit(X[:90], Y[:90])
    np.testing.assert_array_equal(weighted.log_prob(X, Y), without.log_prob(X, Y))


@pytest.mark.slow
@few_draws
@pytest.mark.parametrize("parts", PARTS, ids=str)
def test_heavy_samples_count_more(parts):
    """Two branches with the weights 9 and 1, in the numbers 1 and 1."""
    rng = np.random.default_rng(0)
    sign = np.where(np.arange(200) % 2 == 0, 1.0, -1.0)
    rows, y = rng.normal(size=(200, 1)), sign + 0.3 * rng.normal(size=200)
    weight = np.where(sign > 0, 9.0, 1.0)
    reg = regressor(max_iter=30, early_stopping=False, **parts).fit(rows, y, weight)
    equal = regressor(max_iter=30, early_stopping=False, **parts).fit(rows, y)
    means = [model.predict_distribution(rows[:20]).mean().mean() for model in (reg, equal)]
    assert means[0] > means[1] + 0.1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"loss": "nce", "negatives": "mcmc"}, "needs the density of its draws"),
        ({"loss": "snl", "negatives": Persistent()}, "needs the density of its draws"),
        ({"loss": "score_matching", "negatives": "importance"}, "draws its own answers; leave"),
        ({"negatives": "pool"}, "negatives='pool' cannot estimate the partition function"),
        ({"loss": "hinge", "negatives": "importance"}, "use 'pool' or 'auto'"),
        ({"loss": "energy"}, "not normalised by construction"),
        ({"loss": NCE(), "energy": "experts"}, "is for energies of any form, such as 'joint'"),
        ({"loss": "nce", "energy": "auto"}, "is for energies of any form, such as 'joint'"),
        ({"margin": 2.0}, "loss 'nll' has no margin"),
        ({"energy": "joint", "n_latents": 3}, "energy 'joint' has no n_latents"),
        ({"loss": SampledNLL(-1.0)}, "energy_penalty=-1.0 of SampledNLL must be"),
        ({"loss": ScoreMatching(0.0)}, "noise=0.0 of ScoreMatching must be"),
        ({"negatives": Importance(0)}, "n_draws=0 of Importance must be"),
        ({"solver": "lbfgs"}, "cannot learn a density"),
    ],
    ids=str,
)
def test_what_cannot_be_combined_is_refused_in_one_sentence(parameters, message):
    reg = regressor(**parameters)
    before = dict(vars(reg))
    with pytest.raises(ValueError, match=message) as caught:
        reg.fit(X, Y)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
    assert vars(reg) == before


def test_a_grid_of_three_outputs_is_refused():
    with pytest.raises(ValueError, match="for at most 2 outputs, and there are 3; use negatives="):
        regressor(negatives="quadrature").fit(X, np.column_stack([VECTOR, Y]))


# Warnings


@pytest.mark.parametrize(
    ("parameters", "source"),
    [
        ({"negatives": "mcmc"}, "negatives='mcmc'"),
        ({"negatives": MCMC(n_steps=20)}, r"negatives=MCMC\(n_steps=20\)"),
        ({"negatives": Persistent(jump_every=None)}, r"negatives=Persistent\(jump_every=None\)"),
        ({"loss": "score_matching"}, "loss='score_matching'"),
        ({"loss": ScoreMatching(noise=0.2)}, r"loss=ScoreMatching\(noise=0.2\)"),
    ],
    ids=str,
)
def test_weights_of_branches_that_are_not_identified_are_warned_of(parameters, source):
    with pytest.warns(SamplingWarning, match=f"^With {source} {BRANCHES}") as caught:
        regressor(**parameters).fit(X, Y)
    assert len(caught) == 1 and caught[0].filename == __file__


@pytest.mark.parametrize(
    "parameters",
    [
        {}, {"loss": "nce"}, {"negatives": "quadrature"}, {"negatives": MCMC(jump_every=2)},
        {"negatives": "persistent"}, {"loss": "hinge"},
    ],
    ids=str,
)  # fmt: skip
def test_weights_of_branches_that_are_identified_are_not(parameters):
    regressor(**parameters).fit(X, Y)


@pytest.mark.slow
def test_jumps_learn_the_weights_of_branches():
    """A quarter of the answers are in the upper branch."""
    rng = np.random.default_rng(0)
    rows = rng.uniform(-1, 1, size=(400, 1))
    y = np.where(rng.uniform(size=400) < 0.25, 2.0, -2.0) + 0.2 * rng.normal(size=400)
    energy = Joint(hidden_layer_sizes=(16,), n_components=4)
    above = 1 - regressor(energy, max_iter=60).fit(rows, y).predict_distribution(rows).cdf(
        np.zeros(400)
    )
    assert np.abs(above - 0.25).mean() < 0.08
    jumping = regressor(energy, negatives="persistent", max_iter=60).fit(rows, y)
    assert np.abs(1 - jumping.predict_distribution(rows).cdf(np.zeros(400)) - 0.25).mean() < 0.15


@few_draws
@pytest.mark.parametrize(
    ("negatives", "rate"),
    [(MCMC(n_steps=2), 30.0), (Persistent(n_steps=2), 30.0)],
    ids=repr,
)
def test_divergence_is_told_or_refused(negatives, rate):
    """Rates of learning that are far too large: finite and said, or one sentence."""
    reg = regressor(solver=Adam(learning_rate=rate), negatives=negatives, max_iter=20)
    before = dict(vars(reg))
    try:
        with pytest.warns(ConvergenceWarning, match="learning_rate") as caught:
            reg.fit(X, Y)
    except ValueError as error:
        assert re.search("losses exploded .* lower the learning_rate of solver", str(error))
        assert vars(reg) == before
        return
    assert all(str(warned.message).endswith(".") for warned in caught)
    assert np.isfinite(reg.loss_curve_).all() and np.isfinite(reg.predict(X)).all()


@pytest.mark.parametrize(("diverged", "told"), [(1, "once"), (2, "2 times")])
def test_resumed_learning_is_warned_of(diverged, told, monkeypatch):
    """The first evaluations of the third pass diverge."""
    whole, count = free_form.FreeFormObjective.on_batch, []

    def on_batch(self, *arguments):
        count.append(1)
        value = whole(self, *arguments)
        return np.inf if 6 < len(count) <= 6 + diverged else value

    monkeypatch.setattr(free_form.FreeFormObjective, "on_batch", on_batch)
    match = f"^Learning diverged {told}, and was resumed .* lower the learning_rate of the solver"
    with pytest.warns(ConvergenceWarning, match=match) as caught:
        reg = regressor(negatives="persistent", max_iter=8).fit(X, Y)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert reg.n_iter_ == 8


def test_ordinary_learning_by_chains_does_not_diverge():
    for seed in range(3):
        regressor("joint", negatives="persistent", max_iter=8, random_state=seed).fit(X, VECTOR)


# What is said agrees


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_energies_and_densities_agree(fitted, n_outputs):
    reg, y = fitted[n_outputs], Y if n_outputs == 1 else VECTOR
    many = y[:, None] + 0.5 * RNG.normal(size=(100, 4, *y.shape[1:]))
    energies = reg.energies(X, many)
    np.testing.assert_array_equal(energies, reg.latent_energies(X, many)[..., 0])
    np.testing.assert_allclose(reg.energies(X, many[:, 0]), energies[:, 0], atol=1e-12)
    difference = np.diff(reg.log_prob(X, many), axis=1)
    np.testing.assert_allclose(difference, -reg.beta_ * np.diff(energies, axis=1), atol=1e-3)
    probability = reg.predict_candidate_proba(X, many)
    np.testing.assert_allclose(probability, softmax(-reg.beta_ * energies, axis=1), atol=1e-3)
    law = reg.predict_distribution(X)
    np.testing.assert_allclose(reg.log_prob(X, y), law.log_prob(y), atol=1e-9)
    assert reg.latent_energies(X, y).shape == (100, 1)


@pytest.mark.parametrize("prediction", ["mode", "mean", "median"])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_predictions_are_those_of_the_distribution(fitted, prediction, n_outputs):
    reg = copy.copy(fitted[n_outputs]).set_params(prediction=prediction)
    expected = getattr(reg.predict_distribution(X), prediction)()
    np.testing.assert_allclose(reg.predict(X), expected, rtol=1e-9)
    if prediction == "mode":
        shape = (100, 41) if n_outputs == 1 else (100, 41, 2)
        around = reg.predict(X)[:, None] + 0.2 * RNG.normal(size=shape)
        lowest = reg.energies(X, around).min(axis=1)
        assert (reg.energies(X, reg.predict(X)) <= lowest + 1e-3).all()


def test_quantiles_intervals_draws_and_distribution_functions_agree(fitted):
    reg, rows = fitted[1], X[:10]
    quantiles = reg.predict_quantiles(rows, [0.05, 0.5, 0.95])
    law = reg.predict_distribution(rows)
    np.testing.assert_allclose(law.cdf(quantiles), [[0.05, 0.5, 0.95]] * 10, atol=1e-5)
    np.testing.assert_allclose(reg.predict_interval(rows, 0.9), quantiles[:, [0, 2]], rtol=1e-6)
    drawn = reg.sample(rows, 2_000, random_state=0)
    for row in range(10):
        single = law[row : row + 1]
        found = kstest(drawn[row], lambda y, one=single: one.cdf(y[None])[0])
        assert found.pvalue > 1e-4
    region = reg.predict_region(rows, 0.7)
    mass = np.nan_to_num(law.cdf(np.nan_to_num(region[..., 1]))) - law.cdf(
        np.nan_to_num(region[..., 0])
    )
    np.testing.assert_allclose((mass * ~np.isnan(region[..., 0])).sum(axis=1), 0.7, atol=1e-3)


def test_draws_of_two_outputs_have_the_quantiles_of_the_density(fitted):
    reg, rows = fitted[2], X[:5]
    drawn = reg.sample(rows, 4_000, random_state=0)
    quantiles = reg.predict_quantiles(rows, [0.1, 0.5, 0.9])
    below = (drawn[..., None] < quantiles[:, None]).mean(axis=1)
    np.testing.assert_allclose(below, np.broadcast_to([0.1, 0.5, 0.9], below.shape), atol=0.06)
    inside = reg.predict_region(rows, 0.8).contains(drawn).mean(axis=1)
    np.testing.assert_allclose(inside, 0.8, atol=0.06)
    law = reg.predict_distribution(rows)
    np.testing.assert_allclose(law.mean(), drawn.mean(axis=1), atol=0.1 * VECTOR.std(axis=0).max())


def test_inference_has_no_effect(fitted):
    for q, y in ((1, Y), (2, VECTOR)):
        other = clone(fitted[q]).set_params(inference="min").fit(X, y)
        np.testing.assert_array_equal(other.log_prob(X, y), fitted[q].log_prob(X, y))
        np.testing.assert_array_equal(other.energies(X, y), fitted[q].energies(X, y))


def test_there_is_no_latent_variable(fitted):
    for arguments in ((X,), (X, Y)):
        with pytest.raises(ValueError, match=r"no latent variable.*use energies") as caught:
            fitted[1].latent_responsibilities(*arguments)
        assert str(caught.value).endswith(".")
    with pytest.raises(ValueError, match="no latent variable"):
        LatentDisplay.from_estimator(fitted[1], X, Y)


def test_plots_of_densities(fitted):
    ConditionalDensityDisplay.from_estimator(fitted[1], X, Y)
    ConditionalDensityDisplay.from_estimator(fitted[2], X, VECTOR, x=X[0])
    plt.close("all")


def test_the_comparison_knows_it():
    assert regressors.ENERGIES["joint"] == {"energy": "joint"}
    assert {"nll", "hinge"} <= set(regressors.suitable_losses("joint"))
    assert "energy" not in regressors.suitable_losses("joint")


# Settings


@few_draws
@pytest.mark.parametrize("q", [1, 10])
@pytest.mark.parametrize("d", [1, 40])
def test_numbers_of_outputs_and_features(q, d):
    rows = RNG.normal(size=(60, d))
    y = rows[:, :1] + 0.3 * RNG.normal(size=(60, q))
    reg = regressor().fit(rows, y)
    assert reg.predict(rows).shape == (60, q) and reg.n_outputs_ == q
    assert np.isfinite(reg.log_prob(rows, y)).all()


@few_draws
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("y", [Y, VECTOR], ids=["one", "two"])
def test_beta_is_that_of_the_likeliest_held_out_samples(y, given):
    held_out = {"X_val": X[80:], "y_val": y[80:]} if given else {}
    reg = regressor(beta="auto", max_iter=10).fit(X[:80], y[:80], **held_out)
    assert 0.1 < reg.beta_ < 10 and reg.beta_ != 1
    if given:  # the chosen β is not worse than its neighbours
        likelihoods = []
        for factor in (0.6, 1.0, 1.6):
            other = copy.copy(reg)
            other.beta_ = factor * reg.beta_
            likelihoods.append(other.log_prob(X[80:], y[80:]).mean())
        assert likelihoods[1] > max(likelihoods[0], likelihoods[2]) - 0.05


def test_validation_samples_are_monitored():
    reg = regressor(early_stopping=False).fit(X[:80], Y[:80], X_val=X[80:], y_val=Y[80:])
    alone = regressor(early_stopping=False).fit(X[:80], Y[:80])
    np.testing.assert_array_equal(reg.log_prob(X, Y), alone.log_prob(X, Y))
    last = -reg.log_prob(X[80:], Y[80:]).mean() - reg.energy_._units.log_unit
    assert reg.validation_loss_curve_[-1] == pytest.approx(last, abs=0.1)
    assert len(reg.validation_loss_curve_) == 5


@pytest.mark.filterwarnings("ignore::sklearn_ebm.exceptions.SamplingWarning")
@pytest.mark.parametrize("y", [Y, VECTOR], ids=["one", "two"])
def test_conformal_calibration(y):
    reg = regressor(calibration="conformal", validation_fraction=0.3, max_iter=10).fit(X, y)
    interval = reg.predict_interval(X, 0.8)
    inside = (interval[..., 0] <= y) & (y <= interval[..., 1])
    assert inside.mean() > 0.6
    with pytest.warns(CalibrationWarning):
        assert np.isinf(reg.predict_interval(X, 0.99)).all()


def test_answers_are_transformed():
    y = np.exp(3 * Y)
    reg = regressor(y_transform="log", max_iter=20).fit(X, y)
    assert reg.y_transform_ is not None
    quantiles = reg.predict_quantiles(X[:5], [0.1, 0.9])
    np.testing.assert_allclose(
        reg.predict_distribution(X[:5]).cdf(quantiles), [[0.1, 0.9]] * 5, atol=1e-5
    )
    inner = reg.energy_.distribution(reg.params_, X, 1.0).log_prob(reg.y_transform_(y))
    slope = (reg.y_transform_(y * (1 + 1e-6)) - reg.y_transform_(y * (1 - 1e-6))) / (2e-6 * y)
    np.testing.assert_allclose(reg.log_prob(X, y), inner + np.log(slope), atol=1e-3)


@pytest.mark.parametrize("negatives", ["importance", "persistent"])
def test_a_warm_start_goes_on(negatives):
    reg = regressor(warm_start=True, negatives=negatives, max_iter=10).fit(X, Y)
    first, kept = reg.log_prob(X, Y).mean(), reg.energy_
    reg.fit(X, Y)
    assert reg.energy_ is kept and reg.log_prob(X, Y).mean() > first
    other = reg.fit(X, 2 * Y)
    cold = clone(reg).fit(X, 2 * Y)
    np.testing.assert_array_equal(other.log_prob(X, Y), cold.log_prob(X, Y))


@pytest.mark.parametrize("negatives", ["importance", "persistent"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_ctrl_c_leaves_what_was_learned(monkeypatch, early_stopping, negatives):
    def interrupt(iteration):
        if iteration.number == 3:
            raise KeyboardInterrupt
        return False

    monkeypatch.setattr(_callbacks.FitCallbacks, "callbacks", property(lambda self: (interrupt,)))
    reg = regressor(early_stopping=early_stopping, negatives=negatives)
    with pytest.warns(ConvergenceWarning, match="after 3 passes: it was interrupted"):
        reg.fit(X, Y)
    assert reg.n_iter_ == 3 and np.isfinite(reg.predict(X)).all()


def test_verbose_writes_one_line(capsys):
    regressor(verbose=1, max_iter=2, loss="nce").fit(X, Y)
    captured = capsys.readouterr()
    assert captured.out == ""
    line = r"joint, nce: iteration \d+, objective [\d.]+, held out [\d.]+, [\d.]+ s\n"
    assert re.fullmatch(line, captured.err)


class Recorder:
    """Notes the log-likelihood after each pass, and may ask to stop."""

    def __init__(self, stop_after):
        self.stop_after, self.scores = stop_after, []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        if context.task_name == "iteration":
            self.scores.append(fitted_estimator.log_prob(X, y).mean())
        return len(self.scores) >= self.stop_after


@needs_callbacks
@pytest.mark.parametrize(("stop_after", "passes"), [(99, 4), (2, 2)])
def test_callbacks_see_every_pass(stop_after, passes):
    recorder = Recorder(stop_after)
    reg = regressor(max_iter=4, early_stopping=False).set_callbacks(recorder).fit(X, Y)
    assert reg.n_iter_ == len(recorder.scores) == passes
    assert recorder.scores[-1] == pytest.approx(reg.log_prob(X, Y).mean(), abs=1e-5)


def test_searches_over_parameters_of_the_parts():
    grid = {"energy__base_scale": [1.5, 2.0], "negatives__n_draws": [4, 8]}
    search = GridSearchCV(regressor(negatives=Importance(), max_iter=2), grid, cv=2).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_without_passes_the_density_is_near_the_base():
    with pytest.warns(ConvergenceWarning, match="after 0 passes"):
        reg = regressor(max_iter=0).fit(X, Y)
    np.testing.assert_allclose(reg.predict_distribution(X).std(), 2 * Y.std(), rtol=0.2)


def test_pools_are_for_other_losses():
    reg = regressor(loss="square_square", negatives=Pool(n_candidates=4)).fit(X, Y)
    assert np.isfinite(reg.predict(X)).all()
