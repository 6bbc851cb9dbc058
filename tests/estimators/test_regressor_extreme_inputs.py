"""Data that break numerical code: finite and sensible densities, or one clear sentence."""

import pickle
import time
import warnings

import numpy as np
import pytest
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm.energies import Blend, Decoder, Experts, Joint, LocationScale, Memory
from sklearn_ebm.exceptions import CalibrationWarning, FewAnswersWarning
from sklearn_ebm.learning.monitor import TrainingMonitor

MEMORY = Memory(n_trees=3, min_leaf_size=2, powers=1, bandwidths=((0.3, 0.02), (1.2, 0.01)))
ENERGIES = {
    "experts": Experts(n_latents=2, hidden_layer_sizes=(8,), n_members=2),
    "decoder": Decoder(n_latents=5, hidden_layer_sizes=(8,), n_members=1),
    "joint": Joint(hidden_layer_sizes=(8,), n_components=2),
    "blend": Blend([MEMORY, LocationScale(n_estimators=3)], base=Ridge()),
}
# Learned by counting, with the likelihood alone, and from two rows on.
COUNTED = {"blend"}
# Their partition function is estimated, and draws may be few for so few passes.
FREE_FORM = {"joint"}
LONGEST = 15.0  # seconds
pytestmark = pytest.mark.filterwarnings("ignore::sklearn_ebm.exceptions.SamplingWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 2))
Y = X[:, 0] + 0.3 * RNG.normal(size=40)
VECTOR = np.column_stack([Y, Y**2 + 0.1 * RNG.normal(size=40)])


def pytest_generate_tests(metafunc):
    """Every energy; with the minimum those that are learned through it, the others elsewhere."""
    if "inference" in metafunc.fixturenames:
        pairs = [(energy, "marginal") for energy in ENERGIES]
        pairs += [(energy, "min") for energy in ENERGIES if energy not in COUNTED | FREE_FORM]
        metafunc.parametrize(("energy", "inference"), pairs)
    elif "energy" in metafunc.fixturenames:
        metafunc.parametrize("energy", ENERGIES)


def finite(*values):
    return all(np.isfinite(value).all() for value in values)


def fit(energy, rows, y, *, expected=(FewAnswersWarning, ConvergenceWarning), **parameters):
    """Fit in bounded time; whatever is said afterwards is finite.

    Anything that warns but what is expected, such as an overflow inside NumPy, is an error.
    """
    started = time.perf_counter()
    parameters = {"max_iter": 4, "random_state": 0, **parameters}
    with warnings.catch_warnings(record=True) as caught:
        for category in expected:
            warnings.simplefilter("always", category)
        reg = LatentEBMRegressor(ENERGIES[energy], **parameters).fit(rows, y)
    reg.warned_ = {record.category for record in caught}
    says_sound_things(reg, rows, y)
    assert time.perf_counter() - started < LONGEST
    return reg


def says_sound_things(reg, rows, y):
    rows = np.asarray(rows)[:4]
    y = np.asarray(y, dtype=np.float64)[: len(rows)]
    law = reg.predict_distribution(rows)
    assert finite(reg.predict(rows), law.mode(), law.mean(), law.median(), law.var())
    assert (law.var() > 0).all()
    modes = reg.predict_modes(rows)
    assert finite(modes.answers[:, 0], modes.probabilities)
    quantiles = reg.predict_quantiles(rows, [0.01, 0.5, 0.99])
    interval = reg.predict_interval(rows)
    assert finite(quantiles, interval, reg.sample(rows, 3, random_state=0))
    assert (np.diff(quantiles) >= 0).all() and (np.diff(interval) > 0).all()
    region = reg.predict_region(rows)
    if reg.n_outputs_ == 1:
        assert finite(region[:, 0]) and (region[:, 0, 0] < region[:, 0, 1]).all()
        candidates, right = None, y.reshape(len(rows))
    else:
        assert finite(region.log_threshold)
        candidates, right = y, y
    probability = reg.predict_candidate_proba(rows, candidates)
    assert finite(probability)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    assert finite(reg.energies(rows, y), reg.latent_energies(rows, y), reg.log_prob(rows, y))
    assert finite(law.entropy(), law.crps(right), law.density_rank(right))


# Answers


def test_outliers(energy, inference):
    y = Y.copy()
    y[3], y[30] = 1e6, -1e6
    reg = fit(energy, X, y, inference=inference)
    assert np.abs(reg.predict(X)).max() < 1e6
    fit(energy, X, np.column_stack([Y, y]), inference=inference)


@pytest.mark.parametrize("loss", ["nll", "energy", "hinge"])
def test_ties(energy, inference, loss):
    if energy in COUNTED and loss != "nll":
        with pytest.raises(ValueError, match="learned by density stacking: use 'nll'"):
            fit(energy, X, Y, inference=inference, loss=loss)
        return
    if energy in FREE_FORM and loss == "energy":
        with pytest.raises(ValueError, match="not normalised by construction"):
            fit(energy, X, Y, inference=inference, loss=loss)
        return
    for y in (np.round(Y), (Y > 0) * 1.0):
        reg = fit(energy, X, y, inference=inference, loss=loss)
        assert reg.warned_ >= (
            {FewAnswersWarning} if loss != "hinge" and set(y) == {0, 1} else set()
        )
    fit(energy, X, Y > 0, inference=inference, loss=loss)


@pytest.mark.parametrize("level", [0.0, 7.0, -1e10, 1e150])
def test_constant_answers_have_their_mass_near_the_constant(energy, inference, level):
    reg = fit(energy, X, np.full(40, level), inference=inference, max_iter=150)
    near = 0.5 + 1e-6 * abs(level)
    assert np.abs(reg.predict(X) - level).max() < near
    interval = reg.predict_interval(X, 0.9)
    assert (np.abs(interval - level) < 4 * near).all()
    assert reg.y_grid_.tolist() == [level]
    np.testing.assert_array_equal(reg.predict_candidate_proba(X), 1)


@pytest.mark.parametrize("q", [2, 20])
def test_constant_columns_of_answers(energy, q):
    y = np.column_stack([Y, *np.full((q - 1, 40), 3.0)])
    reg = fit(energy, X, y, max_iter=60)
    assert np.abs(reg.predict(X)[:, 1:] - 3).max() < 1


def test_many_answers(energy, inference):
    y = np.random.default_rng(0).normal(size=(6, 20))
    fit(energy, X[:6], y, inference=inference)
    full = Experts(n_latents=2, hidden_layer_sizes=(4,), n_members=1, covariance="full")
    reg = LatentEBMRegressor(full, max_iter=2, inference=inference, random_state=0).fit(X[:6], y)
    says_sound_things(reg, X[:3], y)


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_scale_of_the_answers(energy, inference, scale):
    """In units of the answers, the same is learned."""
    plain, scaled = (fit(energy, X, s * Y, inference=inference) for s in (1.0, scale))
    np.testing.assert_allclose(scaled.predict(X) / scale, plain.predict(X), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(
        scaled.log_prob(X, scale * Y) + np.log(scale), plain.log_prob(X, Y), rtol=1e-3, atol=1e-3
    )
    fit(energy, X, scale * VECTOR, inference=inference)


def test_offset_of_the_answers(energy, inference):
    plain, moved = (fit(energy, X, Y + offset, inference=inference) for offset in (0.0, 1e8))
    np.testing.assert_allclose(moved.predict(X) - 1e8, plain.predict(X), atol=1e-3)
    fit(energy, X + 1e8, VECTOR + 1e8, inference=inference)


def test_whole_numbers(energy):
    whole = np.round(100 * Y).astype(int)
    reg, same = fit(energy, X, whole), fit(energy, X, whole.astype(float))
    np.testing.assert_array_equal(reg.log_prob(X, whole), same.log_prob(X, whole))
    fit(energy, X, (1e18 * Y).astype(np.int64))
    fit(energy, X, np.arange(40, dtype=np.uint64) + np.uint64(2**63))
    fit(energy, X, np.array([2**70 + number * 2**60 for number in range(40)], dtype=object))


# Rows


@pytest.mark.parametrize("n_rows", [2, 3])
def test_hardly_any_rows(energy, inference, n_rows):
    for y in (Y, VECTOR):
        fit(energy, X[:n_rows], y[:n_rows], inference=inference)
        fit(energy, X[:n_rows], y[:n_rows], inference=inference, early_stopping=False)
    loss = "nll" if energy in COUNTED else "hinge"
    fit(energy, X[:n_rows], Y[:n_rows], beta="auto", loss=loss, inference=inference)
    if n_rows == 3:
        calibrated = LatentEBMRegressor(
            ENERGIES[energy], max_iter=2, calibration="conformal", random_state=0
        )
        with pytest.warns(CalibrationWarning, match="allow levels up to 0.5"):
            interval = calibrated.fit(X[:3], Y[:3]).predict_interval(X)
        assert np.isinf(interval).all()


def test_one_row(energy):
    if energy in COUNTED:
        with pytest.raises(ValueError, match=r"n_samples=1 of positive weight; pass two rows"):
            fit(energy, X[:1], Y[:1], early_stopping=False)
        return
    fit(energy, X[:1], Y[:1], early_stopping=False)
    fit(energy, np.vstack([X[:1], X]), np.r_[0.0, Y], early_stopping=False)
    with pytest.raises(ValueError, match=r"n_samples=1 of positive weight; pass X_val and y_val"):
        LatentEBMRegressor(ENERGIES[energy], random_state=0).fit(X, Y, np.eye(40)[0])


def test_more_columns_than_rows(energy, inference):
    rng = np.random.default_rng(0)
    fit(energy, rng.normal(size=(20, 200)), rng.normal(size=20), inference=inference)


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_scale_of_the_features(energy, scale):
    plain, scaled = (fit(energy, s * X, Y) for s in (1.0, scale))
    np.testing.assert_allclose(scaled.predict(scale * X), plain.predict(X), rtol=1e-3, atol=1e-4)


def test_offset_and_constant_columns(energy):
    plain, moved = (fit(energy, X + offset, Y) for offset in (0.0, 1e8))
    np.testing.assert_allclose(moved.predict(X + 1e8), plain.predict(X), atol=1e-3)
    fit(energy, np.column_stack([X, np.full(40, 5.0), np.zeros(40)]), Y)
    nothing = fit(energy, np.full((40, 3), 7.0), Y)
    assert np.ptp(nothing.predict(np.full((5, 3), 7.0))) == 0


def test_rows_far_away_from_all_that_was_seen(energy, inference):
    for y in (Y, VECTOR):
        reg = fit(energy, X, y, inference=inference)
        for far in (1e6 * X, -1e300 * X, np.full((10, 2), np.finfo(float).max)):
            says_sound_things(reg, far, y)


def test_outliers_of_the_features(energy):
    rows = X.copy()
    rows[5] = 1e12
    fit(energy, rows, Y)


def test_candidates_far_away(energy, inference):
    for y in (Y, VECTOR):
        reg = fit(energy, X, y, inference=inference)
        for size in (1e10, 1e200, -1e300):
            far = np.full_like(y, size)
            assert finite(reg.energies(X, far), reg.latent_energies(X, far))
            assert (reg.energies(X, far) > reg.energies(X, y)).all()
            assert (reg.log_prob(X, far) < -1e3).all()
            both = np.stack([far, y], axis=1)
            np.testing.assert_allclose(
                reg.predict_candidate_proba(X, both), [[0, 1]] * 40, atol=1e-12
            )
        all_far = np.full((3, *y.shape[1:]), 1e200)
        np.testing.assert_allclose(reg.predict_candidate_proba(X, all_far), 1 / 3)


@pytest.mark.parametrize("weight", [1e-300, 1e300])
def test_weights_out_of_all_proportion(energy, weight):
    weights = np.where(np.arange(40) < 3, weight, 1.0)
    reg = LatentEBMRegressor(ENERGIES[energy], max_iter=2, random_state=0).fit(X, Y, weights)
    says_sound_things(reg, X, Y)


# One sentence


def changed(array, value, place=0):
    array = np.array(array, dtype=np.float64)
    array[place] = value
    return array


BAD = {
    "NaN in X": (changed(X, np.nan), Y, ValueError, "Input X contains NaN"),
    "infinity in X": (changed(X, np.inf), Y, ValueError, "Input X contains infinity"),
    "sparse X": (sparse.csr_matrix(X), Y, TypeError, "Sparse data was passed"),
    "1-D X": (X[:, 0], Y, ValueError, "Expected 2D array, got 1D array"),
    "no rows": (X[:0], Y[:0], ValueError, r"0 sample\(s\)"),
    "no columns": (X[:, :0], Y, ValueError, r"0 feature\(s\)"),
    "NaN in y": (X, changed(Y, np.nan), ValueError, "Input y contains NaN"),
    "infinity in y": (X, changed(Y, -np.inf), ValueError, "Input y contains infinity"),
    "NaN in a column of y": (X, changed(VECTOR, np.nan, (3, 1)), ValueError, "contains NaN"),
    "y of no column": (X, VECTOR[:, :0], ValueError, r"0 feature\(s\)"),
    "3-D y": (X, VECTOR[None], ValueError, "dim 3"),
    "y is None": (X, None, ValueError, "requires y to be passed"),
    "y of other length": (X, Y[:-1], ValueError, "inconsistent numbers of samples"),
    "words": (X, ["warm"] * 40, ValueError, "could not convert string to float"),
    "empty words": (X, [""] * 40, ValueError, "could not convert string to float"),
    "mixed y": (X, np.array(["a", 1.0] * 20, dtype=object), ValueError, "could not convert"),
    "complex y": (X, Y + 1j, ValueError, "Complex data not supported"),
    "sparse y": (X, sparse.csr_matrix(VECTOR), TypeError, r"y is sparse, .* use y.toarray\(\)"),
    "huge y": (X, changed(Y, 1e300), ValueError, r"size 1e\+300, .*divide the answers by a number"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_one_clear_sentence(energy, what):
    rows, y, error, message = BAD[what]
    reg = LatentEBMRegressor(ENERGIES[energy])
    before = dict(vars(reg))
    with pytest.raises(error, match=message):
        reg.fit(rows, y)
    assert vars(reg) == before


def test_huge_answers_of_weight_zero_are_not_there(energy):
    weight = changed(np.ones(40), 0.0)
    reg = LatentEBMRegressor(ENERGIES[energy], max_iter=2, random_state=0).fit(
        X, changed(Y, 1e300), weight
    )
    same = LatentEBMRegressor(ENERGIES[energy], max_iter=2, random_state=0).fit(X, Y, weight)
    np.testing.assert_array_equal(reg.predict(X), same.predict(X))


# Learned by counting


TWO_PLACES = np.repeat([[0.0], [1.0]], 20, axis=0)
ENEMIES = {
    "two rows": (X[:2], Y[:2]),
    "three rows": (X[:3], Y[:3]),
    "constant answers": (X, np.full(40, 7.0)),
    "constant rows": (np.ones((40, 2)), Y),
    "two distinct rows": (TWO_PLACES, Y),
    "two distinct rows and answers": (TWO_PLACES, TWO_PLACES[:, 0]),
    "ties": (np.round(X), np.round(Y)),
    "an outlier": (X, np.where(np.arange(40) == 7, 1e6, Y)),
    "tiny": (1e-150 * X, 1e-150 * Y),
    "huge": (1e150 * X, 1e150 * Y),
    "one column": (X[:, :1], Y),
    "many columns": (RNG.normal(size=(20, 200)), Y[:20]),
    "several answers": (X, VECTOR),
    "twenty answers": (X[:12], RNG.normal(size=(12, 20))),
}
COUNTING = {
    "memory": MEMORY,
    "memory of residuals": Memory(n_trees=3, min_leaf_size=2, powers=1, base=Ridge()),
    "location_scale": LocationScale(base=Ridge(), n_estimators=3),
    "auto": "auto",
}


@pytest.fixture
def few_members(monkeypatch):
    """A blend that says nothing of its members has two that are quickly learned."""
    members = [("memory", MEMORY), ("location_scale", LocationScale(Ridge(), 3))]
    monkeypatch.setattr(
        "sklearn_ebm.learning.densities.learn.suitable_members", lambda *_, **__: members
    )


@pytest.mark.parametrize("what", ENEMIES)
@pytest.mark.parametrize("counting", COUNTING)
@pytest.mark.filterwarnings("ignore::sklearn_ebm.exceptions.FewAnswersWarning")
def test_energies_that_count(counting, what, few_members):
    rows, y = ENEMIES[what]
    reg = LatentEBMRegressor(COUNTING[counting], random_state=0).fit(rows, y)
    law = reg.predict_distribution(rows[:5])
    right = np.asarray(y)[:5]
    assert finite(law.mean(), law.var(), law.crps(right), reg.predict(rows[:5]))
    assert finite(reg.predict_quantiles(rows[:5], [0.01, 0.99]), reg.sample(rows[:5], 2))
    log_prob = reg.log_prob(rows, y)
    assert finite(log_prob, reg.energies(rows, y))
    # The bound is one of what was learned: of t(y), where an outlier is drawn in.
    transform = reg.y_transform_
    lacking = 0.0 if transform is None else transform.log_slope(np.asarray(y))
    assert np.min(log_prob - lacking) >= reg.energy_.least_log_density - 1e-6
    assert (transform is not None) == (what == "an outlier")
    far = reg.predict_distribution(np.full((2, rows.shape[1]), 1e200))
    assert finite(far.mean(), far.var())


def same_predictions(one, other):
    np.testing.assert_array_equal(one.predict(X), other.predict(X))
    np.testing.assert_array_equal(one.log_prob(X, Y), other.log_prob(X, Y))


@pytest.mark.parametrize("counting", [*COUNTING, "blend"])
def test_copies_threads_and_searches(counting, few_members):
    reg = LatentEBMRegressor({**COUNTING, **ENERGIES}[counting], random_state=3).fit(X, Y)
    same_predictions(reg, pickle.loads(pickle.dumps(reg)))
    assert repr(clone(reg)) == repr(reg)
    assert clone(reg).get_params(deep=False).keys() == reg.get_params(deep=False).keys()
    same_predictions(reg, clone(reg).fit(X, Y))
    # Two fits side by side give what each gives alone.
    both = Parallel(n_jobs=2, backend="threading")(delayed(clone(reg).fit)(X, Y) for _ in range(2))
    for other in both:
        same_predictions(reg, other)
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        reg.predict(X[:0])
    with pytest.raises(ValueError, match="contains NaN"):
        reg.predict(changed(X, np.nan))


def test_search_over_energies(few_members):
    search = GridSearchCV(
        LatentEBMRegressor(max_iter=2, random_state=0),
        {"energy": [*COUNTING.values(), ENERGIES["experts"]]},
        scoring="neg_mean_absolute_error", cv=2, error_score="raise",
    ).fit(X, Y)  # fmt: skip
    assert finite(search.cv_results_["mean_test_score"])
    deep = LatentEBMRegressor(ENERGIES["blend"].set_params(), random_state=0)
    deep = clone(deep).set_params(energy__base=Ridge(alpha=3.0), energy__members=["memory"])
    assert deep.energy.base.alpha == 3.0 and deep.energy.members == ["memory"]


@pytest.mark.parametrize("counting", [*COUNTING, "blend"])
@pytest.mark.parametrize("fitted", [False, True])
def test_an_interrupt_leaves_the_estimator_as_it_was(counting, fitted, few_members, monkeypatch):
    reg = LatentEBMRegressor({**COUNTING, **ENERGIES}[counting], random_state=3)
    if fitted:
        reg.fit(X, Y)
    before = dict(vars(reg))
    calls = []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return ExtraTreesRegressor.fit(*args)

    for module in ("memory", "location_scale"):
        trees = type("Trees", (ExtraTreesRegressor,), {"fit": interrupted})
        monkeypatch.setattr(f"sklearn_ebm.energies.{module}.ExtraTreesRegressor", trees)
    with pytest.raises(KeyboardInterrupt):
        reg.fit(X, Y + 1)
    assert len(calls) >= 3
    assert vars(reg) == before


@pytest.mark.parametrize("passes", [0, 2])
def test_an_interrupt_of_a_member_that_learns_by_gradients(passes, monkeypatch):
    """What was learned so far of one member is no blend: the fit ends, and nothing is changed."""
    blend = Blend([MEMORY, ENERGIES["experts"]])
    reg = LatentEBMRegressor(blend, max_iter=6).fit(X, Y)
    before, calls = dict(vars(reg)), []
    step = TrainingMonitor.__call__

    def interrupted(*args):
        calls.append(args)
        if len(calls) > passes:
            raise KeyboardInterrupt
        return step(*args)

    monkeypatch.setattr(TrainingMonitor, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        reg.fit(X, Y + 1)
    assert len(calls) == passes + 1 and vars(reg) == before
