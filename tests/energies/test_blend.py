"""Blends: members and their names, priors, backgrounds, folds, weights, and what is left out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp
from scipy.stats import norm
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import Ridge

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm.energies import Blend, Experts, LocationScale, Memory
from sklearn_ebm.energies._bank import folds as folds_module
from sklearn_ebm.energies._bank.backgrounds import BroadComponents
from sklearn_ebm.energies._bank.folds import folds_of, has_levels
from sklearn_ebm.energies._bank.prior import HeldOutDensities, most_likely_prior
from sklearn_ebm.energies._gaussian.quadratics import Quadratics
from sklearn_ebm.energies.banks import BankEnergy
from sklearn_ebm.energies.latent import LatentEnergy
from sklearn_ebm.estimators import _density_predictions as predictions

RNG = np.random.RandomState(0)
X = RNG.normal(size=(80, 2))
Y = np.sin(2 * X[:, 0]) + 0.3 * RNG.normal(size=80)
VECTOR = np.column_stack([Y, X[:, 1] + 0.2 * RNG.normal(size=80)])

MEMORY = Memory(n_trees=3, min_leaf_size=2, powers=1, bandwidths=((0.3, 0.02), (1.2, 0.01)))
LOCATED = LocationScale(base="auto", n_estimators=3)
EXPERTS = Experts(n_latents=2, hidden_layer_sizes=(4,))


def blend(*members, base=None):
    return Blend(list(members), base=Ridge() if base is None else base)


def fit(energy, rows=X, y=Y, weight=None, fit_params=None, **parameters):
    parameters = {"random_state": 0, "max_iter": 3, **parameters}
    return LatentEBMRegressor(energy, **parameters).fit(rows, y, weight, **(fit_params or {}))


def names(reg):
    return list(dict.fromkeys(name for name, _ in reg.energy_.labels_))


class Wide(BankEnergy):
    """A user's own: one Gaussian of standard deviation 1 about the mean, whatever the row."""

    def _width(self, n_answers):
        return 1

    def learned(self, rows, folds, location, floor, rng):
        other = clone(self)
        other._floor = floor
        return other, other._ones(len(folds.validation), rows.y.shape[1])

    def elements(self, X, location):
        return self._ones(len(X), len(self._floor))

    def _ones(self, n, q):
        return [Quadratics.of_mixture(np.ones((n, 1)), np.zeros((n, 1, q)), np.ones((n, 1, q)))]


class MyExperts(Experts):
    """A user's own energy that is learned by gradients."""


class Single(Experts):
    """An energy of which there are never several."""

    def __init__(self, n_latents=2):
        super().__init__(n_latents, hidden_layer_sizes=(3,))


# Members and names


@pytest.fixture
def keep_all(monkeypatch):
    """No element is so unlikely that it is left out."""
    monkeypatch.setattr("sklearn_ebm.energies._bank.prior.LEAST_PRIOR", 0.0)
    monkeypatch.setattr("sklearn_ebm.energies._bank.prior.VANISHED", -1.0)


def test_members_by_name_object_and_with_a_name(keep_all):
    reg = fit(
        blend(
            MEMORY,
            ("mine", MEMORY),
            MEMORY,
            LOCATED,
            EXPERTS,
            MyExperts(2, hidden_layer_sizes=(3,)),
            Wide(),
        )
    )
    assert [name for name, _ in reg.energy_.members_] == [
        "experts", "MyExperts", "memory", "mine", "memory_2", "location_scale", "Wide"
    ]  # fmt: skip
    assert names(reg)[-1] == "backgrounds"
    assert reg.energy_.sizes_[2:5] == (2, 2, 2) and reg.energy_.sizes_[-1] == 1
    assert len(reg.params_["log_prior"]) == sum(reg.energy_.sizes_) + 3
    assert np.exp(reg.params_["log_prior"]).sum() == pytest.approx(1)


def test_members_by_name_alone(keep_all, monkeypatch):
    monkeypatch.setattr("sklearn_ebm.energies.memory.TREES", 2)
    monkeypatch.setattr("sklearn_ebm.energies.memory.FEWEST_TREES", 2)
    assert names(fit(Blend(["memory", "memory"]))) == ["memory", "memory_2", "backgrounds"]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([], "members of the blend is empty; name one energy or more"),
        (["memry"], "energy='memry' is not known. Did you mean 'memory'?"),
        ([("a", MEMORY), ("a", EXPERTS)], "Two members of the blend are called 'a'; rename one"),
        ([MEMORY, ("memory", MEMORY)], "Two members of the blend are called 'memory'"),
        ([Single()], "Single has no parameter n_members, but a blend needs two members"),
        ([Memory(n_trees=0)], "n_trees=0 of Memory must be a whole number"),
        ([LocationScale(base=None)], "it needs a location"),
        ([Blend([])], "members of the blend is empty"),
    ],
)
def test_members_that_are_refused(members, message):
    with pytest.raises(ValueError, match=message):
        fit(Blend(members, base=Ridge()))


@pytest.mark.parametrize("member", [Memory, 3, Ridge()])
def test_what_is_no_energy_is_refused(member):
    with pytest.raises(TypeError, match="energy="):
        fit(Blend([member]))


@pytest.mark.parametrize("members", ["memory", None, 3, MEMORY])
def test_members_that_are_no_list(members):
    with pytest.raises(ValueError, match="of the blend must be 'auto', or a list of energies"):
        fit(Blend(members))


def test_a_blend_within_a_blend(keep_all):
    inner = Blend([MEMORY, EXPERTS, LOCATED], base=Ridge(alpha=2.0))
    reg = fit(blend(("inner", inner), ("memory", MEMORY)))
    assert names(reg) == ["inner", "memory", "backgrounds"]
    assert np.isfinite(reg.log_prob(X, Y)).all()
    part = dict(reg.energy_.members_)["inner"]
    assert [name for name, _ in part.members_] == ["experts", "memory", "location_scale"]
    assert reg.energy_.sizes_[0] == sum(part.sizes_)


def test_a_blend_of_one_memory_is_that_memory():
    """The same folds, the same elements: only the seed of the trees is drawn elsewhere."""
    alone, blended = fit(MEMORY), fit(blend(MEMORY))
    assert len(alone.params_["log_prior"]) == len(blended.params_["log_prior"])
    assert blended.log_prob(X, Y).mean() == pytest.approx(alone.log_prob(X, Y).mean(), abs=0.3)


# What has no prior is left out


def test_what_has_no_prior_is_left_out_and_nothing_changes():
    """A member that is of no use goes; the distribution of what stays is the same."""
    far = Memory(n_trees=2, min_leaf_size=40, powers=1, bandwidths=((20.0, 20.0),))
    reg = fit(blend(MEMORY, ("far", far), EXPERTS, LOCATED))
    energy = reg.energy_
    assert "far" not in names(reg)
    assert np.isfinite(energy._held_out_densities.log_density).all()
    assert energy._held_out_densities.log_density.shape[1] == len(energy.labels_)
    log_prior = reg.params_["log_prior"].copy()
    assert len(log_prior) == len(energy.labels_)
    restricted = energy._restricted(np.arange(len(log_prior) - 3))
    before, after = (
        one.distribution({"log_prior": log_prior}, X, 1.0).log_prob(Y)
        for one in (energy, restricted)
    )
    np.testing.assert_array_equal(after, before)
    assert restricted.labels_ == energy.labels_


def test_a_restricted_blend_says_what_the_whole_one_says():
    """By hand: a prior of which one whole member has nothing."""
    reg = fit(blend(MEMORY, LOCATED, Wide()))
    energy = reg.energy_
    labels = np.array([name for name, _ in energy.labels_])
    for gone in set(labels) - {"backgrounds"}:
        log_prior = np.where(labels == gone, -np.inf, 0.0)
        log_prior -= logsumexp(log_prior)
        stays = np.flatnonzero(labels != gone)
        restricted = energy._restricted(stays[:-3])
        assert restricted.labels_ == [energy.labels_[place] for place in stays]
        assert gone not in dict(restricted.members_)
        assert (restricted._location is None) == ("location_scale" not in dict(restricted.members_))
        before, after = (
            one.distribution({"log_prior": prior}, X, 1.0).log_prob(Y)
            for one, prior in ((energy, log_prior), (restricted, log_prior[stays]))
        )
        np.testing.assert_allclose(after, before, rtol=1e-9)


def test_experts_without_a_prior_stay_where_the_location_listens_to_them():
    reg = fit(blend(EXPERTS, LOCATED))
    energy = reg.energy_
    places = [b for b, (name, _) in enumerate(energy.labels_) if name == "location_scale"]
    restricted = energy._restricted(np.array(places))
    assert [name for name, _ in restricted.members_] == ["experts", "location_scale"]
    assert restricted.sizes_[0] == 0
    assert len(places) + len(energy._backgrounds.widths) == len(restricted.labels_)
    elements = restricted._elements_alone(restricted._standardize_rows(X))
    assert len(elements) == sum(restricted.sizes_)


def test_backgrounds_alone():
    """Where no member is of any use, the backgrounds speak."""
    useless = Memory(n_trees=2, min_leaf_size=40, powers=1, bandwidths=((90.0, 90.0),))
    reg = fit(blend(useless), y=RNG.normal(size=80))
    assert names(reg) == ["backgrounds"]
    np.testing.assert_allclose(reg.predict(X), reg.energy_._units.answer_origin[0], atol=1e-6)
    assert np.isfinite(reg.energies(X, Y)).all()


# The prior


@pytest.mark.parametrize("seed", range(3))
def test_the_prior_is_the_likeliest(seed):
    rng = np.random.RandomState(seed)
    log_density = rng.normal(size=(60, 5)) * 2
    weight = rng.uniform(0.2, 2, size=60)
    found, curve = most_likely_prior(log_density, weight, np.zeros(5), rounds=20_000)

    def loss(z):
        return -weight @ logsumexp(log_density + log_softmax(z), axis=1) / weight.sum()

    best = min(
        (minimize(loss, start, method="BFGS", tol=1e-9) for start in (np.zeros(5), rng.randn(5))),
        key=lambda result: result.fun,
    )
    assert -weight @ logsumexp(log_density + found, axis=1) / weight.sum() <= best.fun + 1e-7
    np.testing.assert_allclose(np.exp(found), np.exp(log_softmax(best.x)), atol=2e-3)
    assert (np.diff(curve) <= 1e-12).all() and curve[-1] == pytest.approx(best.fun, abs=1e-7)


@settings(max_examples=30)
@given(arrays(np.float64, (12, 6), elements=st.floats(-1e300, 700)), st.floats(1e-4, 0.1))
def test_no_prior_of_a_background_is_lost(log_density, least_prior):
    least = np.array([0, 0, 0, 1, 1, 1]) * least_prior
    held_out_densities = HeldOutDensities(log_density, np.ones(12), least)
    log_prior, _ = held_out_densities.prior()
    assert np.exp(log_prior).sum() == pytest.approx(1)
    assert (np.exp(log_prior[3:]) >= least_prior / (1 + 3 * least_prior) * (1 - 1e-9)).all()


def test_elements_of_hardly_any_prior_are_left_out():
    """The one that is likelier in 1 of 2,000 rows: its prior is about 0.0005, below a thousandth.

    The slope of Σ log Σ_b ρ_b p_b is 0 where 1999/(1 − ρ) = 1/ρ if each row is impossible under one
    of the two elements: ρ = 1/2000.
    """
    log_density = np.full((2_000, 2), -500.0)
    log_density[:, 0] = np.log(0.4)
    log_density[0] = -500.0, np.log(0.8)
    weight = np.ones(2_000)
    kept = HeldOutDensities(log_density, weight, np.array([0.0, 1e-9])).prior()[0]
    np.testing.assert_allclose(np.exp(kept), [1999 / 2000, 1 / 2000], rtol=1e-6)
    log_prior, curve = HeldOutDensities(log_density, weight, np.zeros(2)).prior()
    np.testing.assert_array_equal(log_prior, [0.0, -np.inf])
    # The loss is that of what is left.
    assert curve[-1] == pytest.approx((500 - 1999 * np.log(0.4)) / 2_000)
    # Twice as many rows that it explains, 1 of 500, keep it.
    log_density[:4] = -500.0, np.log(0.8)
    log_prior, _ = HeldOutDensities(log_density, weight, np.zeros(2)).prior()
    np.testing.assert_allclose(np.exp(log_prior), [0.998, 0.002], rtol=1e-6)


def test_a_row_beyond_all_elements_speaks_for_none():
    log_density = np.array([[-1.0, -2.0], [-np.inf, -np.inf], [-1.0, -2.0]])
    log_prior, curve = most_likely_prior(log_density, np.ones(3), np.zeros(2))
    assert np.isfinite(curve).all() and log_prior[0] > log_prior[1]


@settings(max_examples=40)
@given(
    st.sampled_from(["memory", "blend", "vector"]),
    st.floats(-1, 1), st.sampled_from([0.0, 0.3, 3.0, 1e3, 1e200]), st.integers(0, 79),
)  # fmt: skip
def test_the_stated_bound_is_a_bound(which, place, far, row):
    """No row, however far away, makes an answer within reach less likely than was said."""
    reg = FITTED[which]
    energy = reg.energy_
    reach = energy._backgrounds.widths[-1] * energy._units.answer_unit
    y = energy._units.answer_origin + place * reach
    rows = X[[row]] + far * np.array([[1.0, -1.0]])
    log_prob = reg.log_prob(rows, y if reg.n_outputs_ == 1 else y[None])
    assert log_prob[0] >= energy.least_log_density - 1e-9
    assert reg.log_prob(X, VECTOR if which == "vector" else Y).min() >= energy.least_log_density


OUTLIERS = np.where(np.arange(80) < 3, 50.0, Y)
FITTED = {
    "memory": fit(MEMORY, y=OUTLIERS),
    "blend": fit(blend(MEMORY, LOCATED)),
    "vector": fit(blend(MEMORY, LOCATED), y=VECTOR),
}


def test_the_widest_background_reaches_the_furthest_answer():
    answers = np.array([[0.5], [-40.0], [3.0]])
    backgrounds = BroadComponents.around(answers, 0.0)
    assert backgrounds.widths.tolist() == [1.0, 3.0, 40.0]
    density = backgrounds.elements(3)[-1].log_prob(answers) + np.log(backgrounds.least_prior[-1])
    assert density.min() == pytest.approx(backgrounds.least_log_density)


# Folds


@settings(max_examples=40)
@given(
    arrays(np.int64, st.tuples(st.integers(2, 60), st.integers(1, 2)), elements=st.integers(0, 6)),
    st.integers(0, 5),
)
def test_equal_rows_share_a_fold(rows, seed):
    rows = rows.astype(np.float64)
    folds = folds_of(rows, np.random.RandomState(seed))
    _, group = np.unique(rows, axis=0, return_inverse=True)
    group = group.reshape(-1)
    n_groups = group.max() + 1
    present = np.unique(folds.of_row)
    np.testing.assert_array_equal(present, np.arange(folds.n_folds))
    assert folds.n_folds >= 2
    if n_groups > 1 and not has_levels(rows):
        for one in range(n_groups):
            assert len(np.unique(folds.of_row[group == one])) == 1
    np.testing.assert_array_equal(folds.validation, np.arange(len(rows)))
    for judges, places, others in folds.validation_splits():
        assert len(others) and not np.isin(others, judges).any()
        np.testing.assert_array_equal(folds.validation[places], judges)


def test_levels_that_return_are_learnt():
    """A level that is left out cannot be told by others, so that no fold may be a level."""
    rng = np.random.RandomState(0)
    level = rng.randint(8, size=240)
    answers = np.array([3.0, -1.0, 2.0, -4.0, 0.0, 5.0, -2.0, 1.0])
    y = answers[level] + 0.1 * rng.normal(size=240)
    energy = LocationScale(ExtraTreesRegressor(5), n_estimators=5)
    reg = fit(energy, level[:, None].astype(float), y)
    law = reg.predict_distribution(np.arange(8.0)[:, None])
    assert law.median() == pytest.approx(answers, abs=0.15)
    assert np.ptp(law.interval(0.9), axis=1).max() < 0.6


@pytest.mark.parametrize(("energy", "shared"), [(MEMORY, True), (EXPERTS, False)])
def test_rows_are_shared_out_to_threads_where_the_energy_says_so(energy, shared, monkeypatch):
    monkeypatch.setattr(predictions, "ROWS_OF_A_THREAD", 7)
    reg = fit(energy)
    seen = []
    law = reg._distribution

    def spied(rows):
        seen.append(len(rows))
        return law(rows)

    monkeypatch.setattr(reg, "_distribution", spied, raising=False)
    found = reg.log_prob(X, Y)
    assert seen == ([7] * 11 + [3] if shared else [80])
    np.testing.assert_allclose(found, reg.predict_distribution(X).log_prob(Y), rtol=1e-9)
    drawn = reg.predict_distribution(X).sample(2, random_state=3)
    np.testing.assert_array_equal(reg.sample(X, 2, random_state=3), drawn)


def test_few_of_many_rows_judge(monkeypatch):
    monkeypatch.setattr(folds_module, "MAX_VALIDATION_ROWS", 60)
    monkeypatch.setattr(folds_module, "VALIDATION_OF_MANY", 6)
    reg = fit(blend(MEMORY, LOCATED, EXPERTS))
    assert len(reg.energy_._held_out_densities.log_density) == 6
    # Better than the best Gaussian that does not look at x.
    assert reg.log_prob(X, Y).mean() > norm(Y.mean(), Y.std()).logpdf(Y).mean()
    every = folds_of(X, np.random.RandomState(0))
    assert len(np.unique(every.of_row[every.validation])) == 1


def test_more_rows_than_six_thousand():
    rng = np.random.RandomState(0)
    rows = rng.normal(size=(6_400, 1))
    y = rows[:, 0] + 0.1 * rng.normal(size=6_400)
    reg = fit(Memory(n_trees=4, min_leaf_size=1, powers=1, bandwidths=((1.0, 0.05),)), rows, y)
    assert len(reg.energy_._held_out_densities.weight) == 1_280
    assert reg.log_prob(rows[:500], y[:500]).mean() > 0


def test_all_rows_equal():
    reg = fit(blend(MEMORY, LOCATED), np.ones((80, 2)))
    law = reg.predict_distribution(np.ones((1, 2)))
    assert law.mean()[0] == pytest.approx(Y.mean(), abs=0.1)
    assert law.std()[0] == pytest.approx(Y.std(), rel=0.4)


def test_given_rows_have_their_say_on_the_prior():
    """A bank of two widths: rows that are exact explain the narrow one, others for the wide."""
    two = Memory(n_trees=5, min_leaf_size=5, powers=1, bandwidths=((0.0, 0.02), (0.0, 1.0)))
    rng = np.random.RandomState(1)
    new = rng.normal(size=(40, 2))
    near, off = np.sin(2 * new[:, 0]), 3 * rng.normal(size=40)
    for energy in (two, blend(two)):
        narrow, wide = (
            fit(energy, y=np.sin(2 * X[:, 0]), fit_params={"X_val": new, "y_val": y})
            for y in (near, off)
        )
        of_narrow, of_wide = (np.exp(reg.params_["log_prior"][0]) for reg in (narrow, wide))
        assert (
            len(narrow.energy_._held_out_densities.weight) == len(X) + 40
        )  # besides those left out
        assert of_narrow > of_wide + 0.1
    # All weight on one row: the others might as well not be there.
    weight = np.where(np.arange(40) == 0, 1.0, 0.0)
    one = fit(two, fit_params={"X_val": new, "y_val": near, "sample_weight_val": weight})
    same = fit(two, fit_params={"X_val": new[:1], "y_val": near[:1]})
    np.testing.assert_array_equal(one.params_["log_prior"], same.params_["log_prior"])


# Weights


@pytest.mark.parametrize("energy", [MEMORY, blend(MEMORY, LOCATED, EXPERTS)], ids=["memory", "all"])
def test_rows_without_weight_are_not_there(energy):
    weight = np.where(np.arange(80) < 9, 0.0, 1.5)
    one, other = fit(energy, weight=weight), fit(energy, X[9:], Y[9:], weight[9:])
    np.testing.assert_array_equal(one.log_prob(X, Y), other.log_prob(X, Y))


@pytest.mark.parametrize("energy", [MEMORY, blend(MEMORY, LOCATED, EXPERTS)], ids=["memory", "all"])
def test_the_unit_of_the_weights_does_not_matter(energy):
    weight = np.random.RandomState(3).uniform(0.5, 2, size=80)
    plain = fit(energy, weight=weight).log_prob(X, Y)
    for unit in (2.0**-500, 2.0**500):
        np.testing.assert_array_equal(fit(energy, weight=unit * weight).log_prob(X, Y), plain)
    for unit in (1e-150, 1e150):
        scaled = fit(energy, weight=unit * weight).log_prob(X, Y)
        np.testing.assert_allclose(scaled, plain, rtol=0.02, atol=0.02)


def test_a_weight_of_two_is_a_row_twice():
    """Repetitions share a fold; what trees draw differs, so that distributions are alike, not
    equal."""
    twice = np.arange(80) < 30
    repeated = np.append(np.arange(80), np.flatnonzero(twice))
    of_row = folds_of(X[repeated], np.random.RandomState(0)).of_row
    np.testing.assert_array_equal(of_row[:30], of_row[80:])
    # A single leaf, so that there is no chance in the trees: all that is left is the folds.
    energy = Memory(n_trees=2, min_leaf_size=200, powers=1, bandwidths=((0.5, 0.1), (1.0, 0.1)))
    weighted = fit(energy, weight=1.0 + twice)
    doubled = fit(energy, X[repeated], Y[repeated])
    grid = np.tile(np.linspace(-2, 2, 21), (5, 1))
    np.testing.assert_allclose(
        weighted.log_prob(X[:5], grid), doubled.log_prob(X[:5], grid), atol=0.1
    )
    trees = Memory(n_trees=60, min_leaf_size=5, powers=1, bandwidths=((0.5, 0.1),))
    weighted, doubled = fit(trees, weight=1.0 + twice), fit(trees, X[repeated], Y[repeated])
    means = (reg.predict_distribution(X).mean() for reg in (weighted, doubled))
    assert np.abs(np.subtract(*means)).mean() < 0.1 * Y.std()


# Inference


@pytest.mark.parametrize("energy", [MEMORY, LocationScale(Ridge(), 3), blend(MEMORY, LOCATED)],
                         ids=["memory", "location_scale", "blend"])  # fmt: skip
@pytest.mark.parametrize("y", [Y, VECTOR], ids=["scalar", "vector"])
def test_whatever_is_asked_is_finite(energy, y):
    reg = fit(energy, X.astype(np.float32), y, beta="auto")
    assert 0.2 < reg.beta_ < 5
    rows = X[:6].astype(np.float32)
    law, modes = reg.predict_distribution(rows), reg.predict_modes(rows)
    asked = [
        law.mean(), law.var(), law.entropy(), law.crps(y[:6]), modes.probabilities,
        modes.answers[:, 0], reg.predict(rows), reg.predict_quantiles(rows, [0.1, 0.9]),
        reg.sample(rows, 4, random_state=0), reg.log_prob(rows, y[:6]),
    ]  # fmt: skip
    assert all(np.isfinite(values).all() for values in asked)
    region = reg.predict_region(rows)
    assert np.isfinite(region[:, 0] if y.ndim == 1 else region.log_threshold).all()
    wide = fit(energy, X.astype(np.float32).astype(np.float64), y, beta=reg.beta_)
    np.testing.assert_allclose(
        reg.log_prob(rows, y[:6]), wide.log_prob(rows.astype(np.float64), y[:6]), atol=1e-6
    )


def test_beta_sharpens_the_law():
    one, two = fit(MEMORY), fit(MEMORY, beta=2.0)
    candidates = np.tile(np.linspace(-1, 1, 7), (80, 1))
    plain, sharp = (np.diff(reg.log_prob(X, candidates)) for reg in (one, two))
    energies = -2 * np.diff(two.energies(X, candidates))
    np.testing.assert_allclose(sharp, energies, atol=1e-6)
    assert (two.predict_distribution(X).var() < one.predict_distribution(X).var()).mean() > 0.9
    assert np.abs(sharp).mean() > np.abs(plain).mean()


def test_the_minimum_over_stored_rows():
    reg = fit(MEMORY, inference="min")
    candidates = np.tile(np.linspace(-1, 1, 7), (80, 1))
    energies = reg.energies(X, candidates)
    np.testing.assert_allclose(energies, reg.latent_energies(X, candidates).min(axis=2))
    np.testing.assert_allclose(
        np.diff(reg.log_prob(X, candidates)), -np.diff(energies), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("y", [Y, VECTOR], ids=["scalar", "vector"])
def test_calibrated_intervals_hold_what_they_promise(y):
    """Calibration promises the level for new rows on average, so many rows and a margin."""
    rng = np.random.RandomState(2)
    rows = rng.normal(size=(1200, 2))
    answers = np.sin(2 * rows[:, :1]) + 0.3 * rng.standard_t(3, size=(1200, y.ndim))
    answers = answers[:, 0] if y.ndim == 1 else answers
    energy = Memory(n_trees=5, min_leaf_size=5, powers=1, bandwidths=((0.6, 0.01),))
    reg = fit(energy, rows[:600], answers[:600], calibration="conformal", validation_fraction=0.3)
    new = answers[600:].reshape(600, -1)
    interval = reg.predict_interval(rows[600:], 0.8).reshape(600, -1, 2)
    inside = ((interval[..., 0] <= new) & (new <= interval[..., 1])).mean(axis=0)
    # Standard deviation of the coverage: of 180 rows that calibrate, and of 600 that are counted.
    margin = 3 * np.sqrt(0.8 * 0.2 * (1 / 180 + 1 / 600))
    assert (np.abs(inside - 0.8) < margin).all()


def test_a_gradient_member_is_a_latent_energy_of_its_own():
    assert issubclass(MyExperts, LatentEnergy)
    reg = fit(blend(MyExperts(2, hidden_layer_sizes=(3,))))
    member = dict(reg.energy_.members_).get("MyExperts")
    if member is not None:
        assert type(member.energy) is MyExperts
    assert np.isfinite(reg.log_prob(X, Y)).all()
