"""Restricted Boltzmann machines: sums over all codes and samples, chains, learning, refusals."""

import itertools
import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit, logsumexp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from sklearn_ebm.representation import BoltzmannMachine
from sklearn_ebm.representation import rbm as module
from sklearn_ebm.representation._boltzmann import Machine, drawn, gibbs_steps
from sklearn_ebm.representation._boltzmann_learning import (
    LARGEST_CHANGE,
    Progress,
    Settings,
    Statistics,
    centred_gradient,
    first_progress,
    moved,
    one_pass,
    statistics,
)
from sklearn_ebm.representation._boltzmann_partition import (
    annealed_log_partition,
    exact_log_partition,
    ladder,
)

RNG = np.random.RandomState(0)
TINY = Machine(RNG.normal(size=(3, 4)), RNG.normal(size=3), RNG.normal(size=4))
SINGLE = TINY.astype(np.float32)


def all_values(n):
    return np.array(list(itertools.product((0.0, 1.0), repeat=n)))


def energies_of_all_codes(machine, X):
    """E(x, h) of rows and all codes, by the definition."""
    codes = all_values(len(machine.hidden))
    return -(
        (X @ machine.visible)[:, None] + codes @ machine.hidden + X @ machine.weight.T @ codes.T
    )


def law(machine):
    """p(x) of all x in the order of `all_values`."""
    logs = logsumexp(-energies_of_all_codes(machine, all_values(len(machine.visible))), axis=1)
    return np.exp(logs - logsumexp(logs))


def fitted(machine, dtype=np.float64):
    """An estimator with given parameters."""
    d = len(machine.visible)
    model = BoltzmannMachine(len(machine.hidden), max_iter=0)
    model.fit(np.tile([0.0, 1.0], (d, 1)).T.astype(dtype))
    model.components_, model.intercept_hidden_, model.intercept_visible_ = machine.astype(dtype)
    return model


def bars(n, seed=0):
    """Images of 3 by 3 whose rows are 1 or 0, or whose columns are: 14 images."""
    rng = np.random.RandomState(seed)
    lines = rng.randint(2, size=(n, 3))
    upright = rng.randint(2, size=n)[:, None]
    rows, columns = np.repeat(lines, 3, axis=1), np.tile(lines, (1, 3))
    return np.where(upright, columns, rows).astype(float)


def generator(seed=0):
    return np.random.Generator(np.random.SFC64(seed))


# The energy


def test_energies_are_sums_and_minima_over_all_codes():
    X = all_values(4)
    of_codes = energies_of_all_codes(TINY, X)
    model = fitted(TINY)
    np.testing.assert_allclose(model.free_energy(X), -logsumexp(-of_codes, axis=1), rtol=1e-12)
    np.testing.assert_allclose(model.energies(X), of_codes.min(axis=1), rtol=1e-12, atol=1e-12)
    weights = np.exp(-of_codes) / np.exp(-of_codes).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.transform(X), weights @ all_values(3), rtol=1e-12)
    codes = model.transform(X)
    expected = expit(TINY.visible + codes @ TINY.weight)
    np.testing.assert_allclose(model.inverse_transform(codes), expected, rtol=1e-12)
    errors = 0.5 * ((X - expected) ** 2).sum(axis=1)
    np.testing.assert_allclose(model.reconstruction_error(X), errors, rtol=1e-12)
    assert list(model.get_feature_names_out()) == [f"boltzmannmachine{j}" for j in range(3)]


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (10, 11), (70, 2)])
def test_the_exact_sum_is_that_over_all_samples(shape):
    rng = np.random.RandomState(1)
    machine = Machine(rng.normal(size=shape), rng.normal(size=shape[0]), rng.normal(size=shape[1]))
    X = all_values(shape[1])
    expected = logsumexp(-machine.free_energies(X, machine.component_inputs(X)))
    assert exact_log_partition(machine) == pytest.approx(expected, rel=1e-12)
    found = fitted(machine).log_partition()
    assert found.value == pytest.approx([expected]) and found.standard_error == [0.0]
    assert found.reliable.all() and np.isinf(found.ess).all()


def test_likelihoods_sum_to_one():
    scores = fitted(TINY).score_samples(all_values(4))
    np.testing.assert_allclose(np.exp(scores), law(TINY), rtol=1e-12)
    assert np.exp(scores).sum() == pytest.approx(1, rel=1e-12)
    shifted = fitted(TINY).score_samples(all_values(4), log_partition=0.0)
    np.testing.assert_allclose(shifted, -fitted(TINY).free_energy(all_values(4)))


def test_large_inputs_overflow_nowhere():
    machine = Machine(np.full((2, 3), 1e30), np.zeros(2), np.full(3, -1e30))
    with np.errstate(over="raise", invalid="raise"):
        model = fitted(machine)
        assert np.isfinite(model.free_energy(np.eye(3))).all()
        assert model.transform(np.eye(3)).max() == 1.0


# Chains


def test_draws_have_their_probabilities():
    odds = np.float32([-3.0, 0.0, 2.0, -1e30, 1e30])
    found = drawn(np.tile(odds, (40_000, 1)), generator()).mean(axis=0)
    error = np.sqrt(expit(odds) * (1 - expit(odds)) / 40_000)
    assert (np.abs(found - expit(odds)) <= 4 * error).all()


def counts_of(X):
    """Share of each x among rows, in the order of `all_values`."""
    number = X @ 2.0 ** np.arange(X.shape[1])[::-1]
    return np.bincount(number.astype(int), minlength=2 ** X.shape[1]) / len(X)


@pytest.mark.parametrize("n_steps", [1, 3])
def test_gibbs_steps_leave_the_exact_law_invariant(n_steps):
    n, rng = 60_000, generator(1)
    X = all_values(4)[rng.choice(16, size=n, p=law(TINY))].astype(np.float32)
    codes = drawn(SINGLE.component_inputs(X), rng)
    found = counts_of(gibbs_steps(SINGLE, codes, n_steps, rng))
    error = np.sqrt(law(TINY) / n)
    assert (np.abs(found - law(TINY)) <= 4 * error).all()


def test_chains_forget_where_they_start():
    n = 40_000
    codes = np.zeros((n, 3), dtype=np.float32)
    found = counts_of(gibbs_steps(SINGLE, codes, 30, generator(2)))
    assert (np.abs(found - law(TINY)) <= 4 * np.sqrt(law(TINY) / n)).all()


def test_draws_of_the_estimator_follow_its_law():
    model, n = fitted(TINY), 40_000
    X = model.sample(n, n_steps=40, random_state=0)
    assert X.dtype == np.float64 and np.isin(X, (0, 1)).all()
    assert (np.abs(counts_of(X) - law(TINY)) <= 4 * np.sqrt(law(TINY) / n)).all()
    np.testing.assert_array_equal(X[:0], model.sample(5, random_state=1)[:0])
    assert model.sample().shape == (1, 4)
    assert not np.array_equal(model.sample(50), model.sample(50))
    one, other = (model.sample(50, n_steps=1, random_state=3) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_intervals_of_annealing_contain_the_exact_value():
    rng = np.random.RandomState(2)
    machine = Machine(rng.normal(size=(20, 25)), rng.normal(size=20), rng.normal(size=25))
    exact = exact_log_partition(machine)
    found = [
        annealed_log_partition(machine, np.zeros(25), ladder(100), 200, generator(seed))
        for seed in range(60)
    ]
    found = [each for each in found if each.reliable[0]]
    assert len(found) >= 50
    limits = np.array([each.interval(0.95)[0] for each in found])
    inside = ((limits[:, 0] <= exact) & (exact <= limits[:, 1])).mean()
    assert inside >= 0.88  # 0.95 but for 2.5 standard errors of 60 repetitions
    z = [(each.value[0] - exact) / each.standard_error[0] for each in found]
    assert abs(np.mean(z)) < 0.6 and 0.6 < np.std(z) < 1.5


def test_few_particles_are_not_reliable():
    rng = np.random.RandomState(0)
    machine = Machine(3 * rng.normal(size=(30, 30)), rng.normal(size=30), rng.normal(size=30))
    found = annealed_log_partition(machine, np.zeros(30), ladder(3), 100, generator())
    assert found.ess < 50 and not found.reliable.any()


def test_the_estimate_of_the_estimator():
    model = BoltzmannMachine(5, max_iter=30, C=np.inf).fit(bars(300))
    exact = model.log_partition()
    found = model.log_partition("ais", n_particles=100, n_temperatures=50)
    assert abs(found.value - exact.value) < 4 * found.standard_error < 0.4
    other = model.log_partition("ais", 100, 50, random_state=1)
    assert other.value != found.value
    np.testing.assert_allclose(
        model.score_samples(bars(5)), -model.free_energy(bars(5)) - exact.value
    )


# Learning


def exact_gradient(machine, X, weight):
    """Gradient of Σ wᵢ log p(xᵢ)/n, with the expectation over all x."""

    def mean(rows, share):
        codes = expit(rows @ machine.weight.T + machine.hidden)
        return Machine((share[:, None] * codes).T @ rows, share @ codes, share @ rows)

    of_samples, total = mean(X, weight / len(X)), weight.sum() / len(X)
    of_model = mean(all_values(X.shape[1]), law(machine))
    return Machine(*(one - total * two for one, two in zip(of_samples, of_model, strict=True)))


def in_equilibrium(n, rng):
    """State whose chains follow the exact law."""
    X = all_values(4)[rng.choice(16, size=n, p=law(TINY))].astype(np.float32)
    codes = drawn(SINGLE.component_inputs(X), rng)
    mean, code = np.float32([0.3, 0.5, 0.7, 0.4]), np.float32([0.2, 0.5, 0.6])
    return Progress(SINGLE.copy(), codes, mean, 1.0, code)


def test_the_gradient_of_persistent_chains_is_unbiased():
    """Without centring; the mean over many chains is the exact one within its error."""
    rng = generator(3)
    X = all_values(4)[[3, 3, 9, 14]].astype(np.float32)
    weight = np.array([0.5, 1.0, 1.5, 2.0])
    zero = np.zeros(4, dtype=np.float32), np.zeros(3, dtype=np.float32)
    found = []
    for _ in range(40):
        state = in_equilibrium(2_000, rng)
        some = statistics(state, X, weight, Settings(0.0, 1, True), rng)
        found.append(np.concatenate([each.ravel() for each in centred_gradient(some, *zero)]))
    exact = np.concatenate([each.ravel() for each in exact_gradient(TINY, X, weight)])
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - exact) <= 3.5 * error + 1e-6).all()
    assert error.max() < 0.01


def test_the_centred_gradient_is_that_of_centred_parameters():
    """With x = x' + μ and h = h' + λ it is the plain gradient, in parameters of x' and h'."""
    rng = generator(4)
    state = in_equilibrium(500, rng)
    X = all_values(4)[[3, 9, 14]].astype(np.float32)
    found = statistics(state, X, np.ones(3), Settings(0.0, 1, True), rng)
    mean, code = state.mean, state.mean_code
    plain = centred_gradient(found, 0 * mean, 0 * code)
    centred = centred_gradient(found, mean, code)
    # ⟨(h − λ)(x − μ)ᵀ⟩, and the direction is one of ascent: its product with the gradient is ≥ 0.
    weight = found.weight[:, None]
    expected = (weight * (found.expected - code)).T @ (found.rows - mean)
    np.testing.assert_allclose(centred.weight, expected, atol=1e-5)
    np.testing.assert_allclose(centred.hidden, plain.hidden - expected @ mean, atol=1e-5)
    np.testing.assert_allclose(centred.visible, plain.visible - code @ expected, atol=1e-5)
    assert sum(float((a * b).sum()) for a, b in zip(plain, centred, strict=True)) > 0


def test_a_step_is_limited_and_weights_decay():
    state = in_equilibrium(50, generator(5))
    found = Statistics(
        np.float32([[1, 0, 0, 0], [0, 0, 0, 0]]), np.float32([[1, 1, 1], [0, 0, 0]]),
        np.float32([1, -1]), state.codes, 0.0,
    )  # fmt: skip
    before = state.machine.weight.copy()
    after = moved(state, found, 1e9, Settings(0.0, 1, True), 1)
    change = after.machine.weight - before
    assert np.linalg.norm(change, axis=1).max() == pytest.approx(LARGEST_CHANGE, rel=1e-3)
    still = found._replace(weight=np.zeros(2, dtype=np.float32))
    before = after.machine.weight.copy()
    after = moved(after, still, 0.1, Settings(0.5, 1, True), 1)
    np.testing.assert_allclose(after.machine.weight, 0.95 * before, rtol=1e-5)


def test_bars_are_learned_to_nearly_their_entropy():
    """Two of 16 pairs of direction and lines are the same image twice: blank and full."""
    X = bars(1_000)
    _, count = np.unique(X, axis=0, return_counts=True)
    assert len(count) == 14
    entropy = -(count / 1_000) @ np.log(count / 1_000)
    model = BoltzmannMachine(8, C=np.inf).fit(X)
    assert -model.score(X) < entropy + 0.25
    independent = BoltzmannMachine(8, max_iter=0).fit(X)
    assert -independent.score(X) > entropy + 3
    shares = np.mean([tuple(x) in {tuple(y) for y in X} for x in model.sample(500, 300, 0)])
    assert shares > 0.8


def test_chains_that_start_from_samples_learn_as_well():
    model = BoltzmannMachine(8, C=np.inf, persistent=False, n_steps=3, batch_size=50, max_iter=150)
    assert model.fit(bars(600)).score(bars(600)) > -3.2
    shorter = clone(model).set_params(n_steps=1).fit(bars(600))
    assert -5 < shorter.score(bars(600)) < model.score(bars(600))


def test_a_penalty_keeps_weights_small():
    X = bars(50)
    norms = [
        np.linalg.norm(BoltzmannMachine(4, C=C, max_iter=200).fit(X).components_)
        for C in (0.01, 0.1, 1.0)
    ]
    assert norms[0] < 0.5 * norms[1] < 0.5 * norms[2]


def test_weights_of_samples():
    X = bars(400)
    one = BoltzmannMachine(6, C=np.inf, batch_size=50, max_iter=60).fit(
        X, sample_weight=np.where(X[:, 0] == 1, 3.0, 1.0)
    )
    plain = clone(one).fit(X)
    first = [model.sample(2_000, 60, random_state=0)[:, 0].mean() for model in (plain, one)]
    share = X[:, 0].mean()
    assert first[0] == pytest.approx(share, abs=0.08)
    assert first[1] == pytest.approx(3 * share / (3 * share + 1 - share), abs=0.08)


def test_the_unit_of_the_weights_does_not_matter():
    model = BoltzmannMachine(2, binarize=0.5)
    model._set_thresholds(bars(3), np.ones(3))
    rows, weight, _ = model._prepared(bars(3), np.array([0.0, 1e-5, 3e-5]))
    np.testing.assert_allclose(weight, [0.5, 1.5])
    np.testing.assert_array_equal(rows, bars(3)[1:])


def test_a_stream_learns():
    parts = np.array_split(bars(4_000), 40)
    stream = BoltzmannMachine(8, learning_rate=1.0, C=np.inf, batch_size=10)
    for part in parts:
        stream.partial_fit(part)
    assert stream.n_iter_ == len(stream.free_energy_gap_curve_) == 40
    start = BoltzmannMachine(8, max_iter=0).fit(parts[0])
    assert stream.score(parts[0]) > start.score(parts[0]) + 0.7
    again = clone(stream).set_params(max_iter=5).fit(parts[0])
    assert again.partial_fit(parts[1]).n_iter_ == 6
    with pytest.raises(ValueError, match="continues with 8 components, but n_components is 3"):
        stream.set_params(n_components=3).partial_fit(parts[0])


# Divergence


def test_learning_that_diverges_is_restored():
    X = bars(300)
    model = BoltzmannMachine(30, learning_rate=1e4, batch_size=20, max_iter=10)
    with pytest.warns(
        ConvergenceWarning, match=r"diverged \d+ times with learning_rate=10000"
    ) as log:
        model.fit(X)
    assert log[0].filename == __file__
    assert np.isfinite(model.free_energy(X)).all() and np.abs(model.components_).max() < 1e3
    assert np.isfinite(model.free_energy_gap_curve_).all()


def test_a_part_of_a_stream_that_diverges_leaves_the_state_before(monkeypatch):
    X = bars(100)
    model = BoltzmannMachine(3, max_iter=3).fit(X)
    before = model.components_.copy()

    def diverging(progress, *arguments):
        state = progress.copy()
        state.machine.weight[:] = np.nan
        return state, float("nan")

    monkeypatch.setattr(module, "one_pass", diverging)
    with pytest.warns(ConvergenceWarning, match="diverged 21 times"):
        model.partial_fit(X)
    np.testing.assert_array_equal(model.components_, before)


def test_divergence_is_noticed_in_the_step_and_changes_nothing_before():
    X = bars(60).astype(np.float32)
    state = first_progress(X.mean(axis=0), 60, 3, 10, generator())
    state.machine.visible[:] = 1e4  # chains are far from the samples
    kept = state.copy()
    batches = [np.arange(30), np.arange(30, 60)]
    after, gap = one_pass(
        state, X, np.ones(60), batches, [0.1, 0.1], Settings(0.0, 1, True), generator()
    )
    assert np.isnan(gap)
    for one, two, three in zip(state.machine, kept.machine, after.machine, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)


# Input


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("settings", [{}, {"binarize": 0.3}, {"binarize": "mean"}], ids=str)
def test_sparse_samples_are_taken_as_dense_ones(kind, settings):
    X = bars(80) * (1.0 if not settings else RNG.uniform(0.2, 0.9, size=(80, 9)))
    model = BoltzmannMachine(4, max_iter=5, **settings)
    dense, rows = clone(model).fit(X), kind(X)
    thin = clone(model).fit(rows)
    np.testing.assert_allclose(thin.components_, dense.components_, atol=1e-6)
    for name in ("transform", "energies", "free_energy", "score_samples", "reconstruction_error"):
        found = getattr(dense, name)(rows)
        assert type(found) is np.ndarray
        np.testing.assert_allclose(found, getattr(dense, name)(X), rtol=1e-10, atol=1e-12)
    thin.partial_fit(rows)


def test_thresholds():
    X = np.array([[0.0, 10.0], [4.0, 29.0], [8.0, 51.0]])
    by_mean = BoltzmannMachine(2, binarize="mean", max_iter=1).fit(X)
    np.testing.assert_array_equal(by_mean.thresholds_.round(9), [4.0, 30.0])
    plain = BoltzmannMachine(2, max_iter=1).fit([[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    np.testing.assert_array_equal(by_mean.components_, plain.components_)
    weighted = clone(by_mean).fit(X, sample_weight=[1, 1, 2])
    np.testing.assert_allclose(weighted.thresholds_, [5.0, 35.25])
    np.testing.assert_array_equal(by_mean.transform([[5.0, 29.0]]), plain.transform([[1.0, 0.0]]))


def test_probabilities_of_features_are_samples_as_well():
    X = np.full((50, 2), 0.25)
    model = BoltzmannMachine(2, max_iter=3).fit(X)
    odds = np.log((0.25 * 50 + 0.5) / (0.75 * 50 + 0.5))
    np.testing.assert_allclose(model.base_log_odds_, odds)


def test_codes_are_tables_on_request():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(bars(40), columns=[f"pixel {i}" for i in range(9)])
    found = BoltzmannMachine(2, max_iter=1).set_output(transform="pandas").fit_transform(frame)
    assert list(found.columns) == ["boltzmannmachine0", "boltzmannmachine1"]


def test_the_progress_is_shown(capsys):
    BoltzmannMachine(2, max_iter=2, verbose=1).fit(bars(20))
    shown = capsys.readouterr()
    assert "pass 2, free-energy gap" in shown.out + shown.err


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_components": 0}, "n_components=0 of BoltzmannMachine"),
        ({"batch_size": 2.5}, "batch_size=2.5"),
        ({"n_steps": 0}, "n_steps=0"),
        ({"max_iter": -1}, "max_iter=-1"),
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
        ({"learning_rate": np.inf}, "learning_rate=inf"),
        ({"C": 0.0}, "C=0.0"),
        ({"persistent": "yes"}, "persistent='yes'"),
        ({"binarize": "median"}, "binarize='median' of BoltzmannMachine must be None, a finite"),
        ({"binarize": np.nan}, "binarize=nan"),
        ({"verbose": -1}, "verbose=-1"),
    ],
)
def test_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        BoltzmannMachine(**settings).fit(bars(10))


@pytest.mark.parametrize("rows", [[[0.0, 2.0]], [[-0.5, 1.0]], sparse.csr_array([[0.0, 2.0]])])
def test_samples_outside_of_the_unit_interval_are_refused(rows):
    message = r"must hold numbers from 0 to 1, but has values from .*binarize='mean'"
    with pytest.raises(ValueError, match=message):
        BoltzmannMachine(2).fit(rows)
    model = BoltzmannMachine(2, max_iter=0).fit([[0.0, 1.0]])
    with pytest.raises(ValueError, match=message):
        model.transform(rows)


def test_zeros_of_sparse_samples_stay_zeros():
    with pytest.raises(ValueError, match=r"zeros of sparse X would become ones.*binarize=-1.0"):
        BoltzmannMachine(2, binarize=-1.0).fit(sparse.csr_array(bars(10)))


def test_arguments_of_methods_are_refused():
    wide = BoltzmannMachine(21, max_iter=0).fit(np.zeros((3, 21)))
    with pytest.raises(ValueError, match=r"lists 2\^21 values.*use method='ais'"):
        wide.log_partition("exact")
    with pytest.raises(ValueError, match="Did you mean 'exact'"):
        wide.log_partition("exat")
    with pytest.raises(ValueError, match="n_particles=1"):
        wide.log_partition(n_particles=1)
    with pytest.raises(ValueError, match="n_temperatures=0"):
        wide.log_partition(n_temperatures=0)
    with pytest.raises(ValueError, match="n_samples=0"):
        wide.sample(0)
    with pytest.raises(ValueError, match="n_steps=0"):
        wide.sample(1, n_steps=0)
    for name in ("transform", "energies", "free_energy", "score_samples", "reconstruction_error"):
        with pytest.raises(NotFittedError):
            getattr(BoltzmannMachine(), name)([[0.0]])
    for name in ("sample", "log_partition"):
        with pytest.raises(NotFittedError):
            getattr(BoltzmannMachine(), name)()


def test_no_learning_gives_independent_features():
    X = bars(50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = BoltzmannMachine(4, max_iter=0).fit(X)
    model.components_ *= 0
    mean = (X.sum(axis=0) + 0.5) / 51
    independent = (X * np.log(mean) + (1 - X) * np.log(1 - mean)).sum(axis=1)
    np.testing.assert_allclose(model.score_samples(X), independent, rtol=1e-5)
