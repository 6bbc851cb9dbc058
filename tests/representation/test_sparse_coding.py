"""Sparse coding: codes with certificates, dictionaries, and scikit-learn's contract."""

import pickle

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.decomposition import sparse_encode
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from sklearn_ebm import EBMClassifier
from sklearn_ebm.exceptions import CollapseWarning
from sklearn_ebm.inference import Descent, splitting
from sklearn_ebm.representation import SparseCoding, _dictionary, sparse_coding
from sklearn_ebm.representation._dictionary import ATOMS_TOGETHER, improved_dictionary
from sklearn_ebm.representation._mean_field import positive_entries

RNG = np.random.RandomState(0)
ATOMS = RNG.normal(size=(8, 5))
X = RNG.normal(size=(60, 5))


def energy(X, codes, dictionary, alpha):
    away = X - codes @ dictionary
    return 0.5 * (away**2).sum(axis=1) + alpha * np.abs(codes).sum(axis=1)


def fixed(**settings):
    """Sparse coding with a dictionary that is given and stays."""
    settings = {"alpha": 0.3, "dictionary": ATOMS, "max_iter": 0} | settings
    return SparseCoding(8, **settings).fit(X)


def known_codes(n_samples, n_atoms=16, n_features=12, n_active=2, seed=0):
    """Samples that are sums of few atoms, and the atoms."""
    rng = np.random.RandomState(seed)
    atoms = rng.normal(size=(n_atoms, n_features))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    codes = np.zeros((n_samples, n_atoms))
    for row in codes:
        row[rng.choice(n_atoms, n_active, replace=False)] = rng.choice([-1, 1]) * rng.uniform(1, 2)
    return codes @ atoms, atoms


# scikit-learn


def test_a_linear_probe_in_a_pipeline():
    rows, _ = known_codes(200)
    y = (rows[:, 0] > 0).astype(int)
    probe = make_pipeline(SparseCoding(16, alpha=0.1), EBMClassifier(loss="hinge")).fit(rows, y)
    assert probe.score(rows, y) > 0.9
    names = probe[0].set_output(transform="pandas").transform(rows[:3]).columns
    assert list(names[:2]) == ["sparsecoding0", "sparsecoding1"]


# Codes


@pytest.mark.parametrize("inference", ["admm", "cd", "fista", "ista", Descent(tol=1e-4)])
@pytest.mark.parametrize("positive", [False, True])
def test_gaps_bound_the_distance_from_the_best_codes(inference, positive):
    coding = fixed(positive_code=positive, inference=inference)
    codes, gap = coding.transform(X, return_gap=True)
    best = sparse_encode(
        X, coding.dictionary_, algorithm="lasso_cd", alpha=0.3, positive=positive, max_iter=10_000
    )
    excess = energy(X, codes, coding.dictionary_, 0.3) - energy(X, best, coding.dictionary_, 0.3)
    assert (excess <= gap + 1e-12).all()
    assert (gap <= 1e-4 * 0.5 * (X**2).sum(axis=1)).all()
    assert (codes >= 0).all() == positive
    np.testing.assert_allclose(coding.energies(X), energy(X, codes, coding.dictionary_, 0.3))


def test_codes_fulfil_the_optimality_conditions():
    """⟨D_j, residual⟩ is α sign(z_j) for active atoms, and at most α for all others."""
    coding = fixed(inference=Descent(10_000, 0.0))
    codes = coding.transform(X)
    correlation = (X - codes @ coding.dictionary_) @ coding.dictionary_.T
    active = np.abs(codes) > 1e-9
    assert 0.1 < active.mean() < 0.9
    np.testing.assert_allclose(correlation[active], 0.3 * np.sign(codes[active]), atol=1e-8)
    assert np.abs(correlation).max() <= 0.3 + 1e-8


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_codes_do_not_depend_on_the_number_of_threads(dtype):
    rows = np.tile(X, (20, 1)).astype(dtype)  # five blocks
    found = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            coding = SparseCoding(8, alpha=0.3, max_iter=3).fit(rows)
            found.append((coding.dictionary_, *coding.transform(rows, return_gap=True)))
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


def test_splitting_needs_fewer_iterations_if_atoms_share_a_direction():
    """Proximal gradient descent then has a short step."""
    rng = np.random.RandomState(0)
    atoms = rng.rand(64, 32)
    rows = (rng.rand(100, 64) < 0.08) * rng.uniform(0.5, 1.5, (100, 64)) @ atoms
    steps = []
    for name in ("admm", "fista"):
        coding = SparseCoding(64, alpha=0.2, dictionary=atoms, max_iter=0, inference=name).fit(rows)
        steps.append(coding._inferred(rows).n_iter)
    assert steps[0] < 0.5 * steps[1]


def test_residuals_are_balanced_if_a_sample_takes_long(monkeypatch):
    settings = {"dictionary": ATOMS + 3, "tol": 1e-8}  # nearly parallel atoms
    steps = [fixed(**settings)._inferred(X).n_iter]
    _, gap = fixed(**settings).transform(X, return_gap=True)
    assert (gap <= 1e-8 * 0.5 * (X**2).sum(axis=1)).all()
    monkeypatch.setattr(splitting, "UNBALANCED", np.inf)
    steps.append(fixed(**settings)._inferred(X).n_iter)
    assert 100 < steps[0] < 0.7 * steps[1]


def test_states_are_those_of_the_first_weight_after_balancing():
    """Continuing from the state of a finished inference leaves the codes where they are."""
    coding = fixed(dictionary=ATOMS + 3, tol=1e-12)
    atoms = coding.dictionary_
    found, state = coding._inference_of(atoms, None)(X, np.zeros((60, 8)))
    assert found.n_iter > 110
    changes = [
        np.abs(coding._inference_of(atoms, 1)(X, start)[0].values - found.values).max()
        for start in (state, found.values)
    ]
    assert changes[0] < 1e-3 < changes[1]


@pytest.mark.parametrize("positive", [False, True])
def test_splitting_reaches_the_smallest_gaps(positive):
    codes, gap = fixed(positive_code=positive, tol=1e-13).transform(X, return_gap=True)
    assert (gap <= 1e-13 * 0.5 * (X**2).sum(axis=1)).all()
    best = sparse_encode(
        X, fixed().dictionary_, algorithm="lasso_cd", alpha=0.3, positive=positive, max_iter=10_000
    )
    dictionary = fixed().dictionary_
    assert (energy(X, codes, dictionary, 0.3) <= energy(X, best, dictionary, 0.3) + 1e-12).all()
    # The tolerance is that of the reference, which older versions compute less exactly.
    np.testing.assert_allclose(codes @ dictionary, best @ dictionary, atol=2e-3)


def test_splitting_continues_from_its_state():
    coding = fixed()
    whole, _ = coding._steps(X, coding.dictionary_, None, 12)
    _, state = coding._steps(X, coding.dictionary_, None, 5)
    before = state.copy()
    rest, _ = coding._steps(X, coding.dictionary_, state, 7)
    np.testing.assert_allclose(rest.values, whole.values, atol=1e-13)
    np.testing.assert_array_equal(state, before)
    assert not np.allclose(whole.values, coding._steps(X, coding.dictionary_, None, 7)[0].values)


def test_finished_samples_keep_their_codes_and_states():
    """Samples of both kinds: codes of zero, which are finished first, and others."""
    rows = np.vstack([1e-3 * X[:30], X[30:]])[RNG.permutation(60)]
    coding = fixed(tol=1e-10)
    codes, gap = coding.transform(rows, return_gap=True)
    small = np.abs(rows @ coding.dictionary_.T).max(axis=1) <= 0.3
    assert 0 < small.sum() < 60 and not codes[small].any() and codes[~small].any(axis=1).all()
    for number in range(60):
        one, its_gap = coding.transform(rows[[number]], return_gap=True)
        np.testing.assert_allclose(one[0], codes[number], atol=1e-12)
        np.testing.assert_allclose(its_gap, gap[number], atol=1e-12)


def test_sparse_codes_are_the_dense_ones():
    rows = np.tile(X, (10, 1))  # three blocks
    dense, gap = fixed().transform(rows, return_gap=True)
    coding = fixed(sparse_output=True)
    codes, same_gap = coding.transform(rows, return_gap=True)
    assert isinstance(codes, csr_array) and codes.nnz == np.count_nonzero(dense) < dense.size
    np.testing.assert_array_equal(codes.toarray(), dense)
    np.testing.assert_array_equal(same_gap, gap)
    for given in (codes, codes.tocsc(), csr_matrix(dense)):
        np.testing.assert_allclose(coding.inverse_transform(given), dense @ coding.dictionary_)
    assert type(coding.inverse_transform(codes)) is np.ndarray
    np.testing.assert_allclose(coding.reconstruction_error(X), fixed().reconstruction_error(X))
    with pytest.raises(ValueError, match=r"codes have shape \(600, 5\), expected"):
        coding.inverse_transform(codes[:, :5])


def test_sparse_codes_keep_the_dtype_and_are_no_data_frame():
    coding = fixed(sparse_output=True)
    assert coding.transform(X.astype(np.float32)).dtype == np.float32
    y = X[:, 0] > 0
    probe = make_pipeline(SparseCoding(8, alpha=0.1, sparse_output=True), EBMClassifier())
    assert probe.fit(X, y).score(X, y) > 0.9
    with pytest.raises(ValueError, match="sparse matrix"):
        coding.set_output(transform="pandas").transform(X)


def test_codes_do_not_depend_on_other_samples():
    """Nor does the balance of residuals, of which each sample has its own."""
    rows = np.tile(X, (20, 1))  # five blocks
    nearly_parallel = (fixed(dictionary=ATOMS + shift, tol=1e-8) for shift in (1, 3))
    for coding in (fixed(), *nearly_parallel):
        whole = coding.transform(rows)
        np.testing.assert_allclose(whole[:60], coding.transform(X), atol=1e-9)
        for number in range(60):
            one = coding.transform(X[[number]])
            np.testing.assert_allclose(one, whole[[number]], atol=1e-9)


def test_momentum_needs_fewer_iterations():
    steps = []
    for momentum in (True, False):
        descent = Descent(10_000, 1e-8, momentum)
        steps.append(fixed(inference=descent)._inferred(X).n_iter)
    assert steps[0] < 0.5 * steps[1] < 5_000


def test_a_descent_that_is_cut_short_says_so_in_its_gap():
    codes, gap = fixed(inference=Descent(max_iter=1)).transform(X, return_gap=True)
    assert (gap > 1e-4 * 0.5 * (X**2).sum(axis=1)).any() and codes.any()
    none, gap = fixed(inference=Descent(max_iter=0)).transform(X, return_gap=True)
    assert not none.any()
    # At z = 0 the best dual point is s x with s = min(1, α/max |⟨D_j, x⟩|).
    largest = np.abs(X @ fixed().dictionary_.T).max(axis=1)
    s = np.minimum(1, 0.3 / largest)
    np.testing.assert_allclose(gap, 0.5 * (X**2).sum(axis=1) * (1 - s) ** 2)


# Dictionaries


@pytest.mark.parametrize("positive", [False, True])
def test_a_sweep_in_blocks_is_one_atom_after_the_other(positive):
    n_atoms = 2 * ATOMS_TOGETHER + 5
    rng = np.random.RandomState(1)
    start, codes = rng.normal(size=(n_atoms, 7)), rng.normal(size=(200, n_atoms))
    codes[:, [3, 40]] = 0  # atoms that are not used stay
    products, targets = codes.T @ codes, codes.T @ rng.normal(size=(200, 7))
    atoms = start.copy()
    for j in range(n_atoms):
        if products[j, j] > 0:
            atom = atoms[j] + (targets[j] - products[j] @ atoms) / products[j, j]
            atom = np.maximum(atom, 0) if positive else atom
            atoms[j] = atom / max(np.linalg.norm(atom), 1)
    found = improved_dictionary(start, products, targets, positive=positive)
    np.testing.assert_allclose(found, atoms, atol=1e-12)
    np.testing.assert_array_equal(found[[3, 40]], start[[3, 40]])


def test_one_pass_forgets_the_codes_of_poor_atoms(monkeypatch):
    rows, _ = known_codes(6_000)
    settings = {"n_components": 16, "alpha": 0.1, "batch_size": 100, "max_iter": 1}
    energies = [SparseCoding(**settings).fit(rows).energies(rows).mean()]
    monkeypatch.setattr(sparse_coding, "FORGETTING", 1.0)  # statistics are plain means
    energies.append(SparseCoding(**settings).fit(rows).energies(rows).mean())
    assert energies[0] < 0.99 * energies[1]


def test_a_stream_of_single_samples_changes_a_learned_dictionary_little():
    rows, _ = known_codes(4_000)
    coding = SparseCoding(16, alpha=0.1).fit(rows[:3_900])
    before = coding.dictionary_
    for row in rows[3_900:]:
        coding.partial_fit(row[None])
    assert 0 < np.linalg.norm(coding.dictionary_ - before, axis=1).max() < 0.1


def test_batches_are_of_nearly_equal_size():
    sizes = [len(rows) for rows in SparseCoding(batch_size=100)._batches(np.arange(203))]
    assert sizes == [68, 68, 67]


def test_codes_continue_from_the_pass_before(monkeypatch):
    """With few steps in each pass, codes are good only if their states are kept."""
    rows, _ = known_codes(600)
    monkeypatch.setattr(sparse_coding, "STEPS", 2)
    monkeypatch.setattr(sparse_coding, "MORE_STEPS", 2)
    kept = SparseCoding(16, alpha=0.1, max_iter=10).fit(rows)
    monkeypatch.setattr(sparse_coding, "KEPT_STATES", 0)
    without = SparseCoding(16, alpha=0.1, max_iter=10).fit(rows)
    assert kept.energy_curve_[-1] < 0.95 * without.energy_curve_[-1]
    assert (np.diff(without.energy_curve_) < 0).all()  # it learns all the same


@pytest.mark.parametrize("start", ["data", "svd"])
def test_known_atoms_are_found(start):
    rows, atoms = known_codes(2_000)
    coding = SparseCoding(16, alpha=0.1, dictionary=start, batch_size=200, max_iter=50).fit(rows)
    cosines = np.abs(atoms @ coding.dictionary_.T).max(axis=1)
    assert np.mean(cosines) > 0.95
    assert (np.linalg.norm(coding.dictionary_, axis=1) <= 1 + 1e-12).all()
    assert (np.diff(coding.energy_curve_) < 0).all()


def test_energies_are_no_higher_than_those_of_dictionary_learning():
    from sklearn.decomposition import MiniBatchDictionaryLearning

    rows, _ = known_codes(600, seed=1)
    rows, new = rows[:400], rows[400:]
    ours = SparseCoding(12, alpha=0.2, batch_size=100).fit(rows)
    theirs = MiniBatchDictionaryLearning(
        12, alpha=0.2, batch_size=100, max_iter=ours.n_iter_, fit_algorithm="cd", random_state=0
    ).fit(rows)
    codes = sparse_encode(new, theirs.components_, algorithm="lasso_cd", alpha=0.2)
    assert ours.energies(new).mean() < 1.02 * energy(new, codes, theirs.components_, 0.2).mean()


def test_positive_dictionaries_and_codes():
    rows = np.abs(known_codes(200)[0])
    coding = SparseCoding(6, alpha=0.1, positive_code=True, positive_dictionary=True).fit(rows)
    assert (coding.dictionary_ >= 0).all() and (coding.transform(rows) >= 0).all()
    assert coding.energies(rows).mean() < 0.5 * 0.5 * (rows**2).sum(axis=1).mean()


def test_weights_are_repetitions_within_one_batch():
    times = np.arange(60) % 3
    settings = {"n_components": 8, "alpha": 0.2, "dictionary": ATOMS, "max_iter": 3}
    weighted = SparseCoding(**settings).fit(X, sample_weight=times)
    repeated = SparseCoding(**settings).fit(np.repeat(X, times, axis=0))
    np.testing.assert_allclose(weighted.dictionary_, repeated.dictionary_, atol=1e-9)
    np.testing.assert_allclose(weighted.energy_curve_, repeated.energy_curve_)


def test_atoms_that_no_sample_uses_are_replaced():
    rows, atoms = known_codes(300)
    start = np.vstack([atoms[:8], np.zeros((8, 12))])
    start[8:, 0] = 1e-3 * np.arange(1, 9)  # eight times the same direction
    coding = SparseCoding(16, alpha=0.1, dictionary=start, batch_size=50, max_iter=30).fit(rows)
    assert (coding.transform(rows) != 0).any(axis=0).all()


def test_parts_of_a_stream_improve_the_dictionary():
    rows, _ = known_codes(1_000)
    coding = SparseCoding(16, alpha=0.1)
    for part in np.split(rows[:900], 9):
        coding.partial_fit(part)
    assert coding.n_iter_ == 9
    fitted = SparseCoding(16, alpha=0.1).fit(rows[:900])
    start = SparseCoding(16, alpha=0.1, max_iter=0).fit(rows[:900])
    energies = [one.energies(rows[900:]).mean() for one in (fitted, coding, start)]
    assert energies[0] < energies[1] < energies[2]


def test_a_stream_leaves_out_samples_of_weight_zero():
    weight = np.repeat([1.0, 0.0, 1.0], 20)
    coding = SparseCoding(8, alpha=0.3, dictionary=ATOMS, batch_size=20)
    all_rows = clone(coding).partial_fit(X, sample_weight=weight)
    without = clone(coding).partial_fit(X[weight > 0])
    np.testing.assert_allclose(all_rows.dictionary_, without.dictionary_, rtol=1e-12)
    np.testing.assert_allclose(all_rows.energy_curve_, without.energy_curve_, rtol=1e-12)


def test_a_penalty_that_is_too_strong_is_a_collapse():
    with pytest.warns(CollapseWarning, match=r"alpha=1000.* lower alpha"):
        coding = SparseCoding(4, alpha=1e3).fit(X)
    assert not coding.transform(X).any()
    np.testing.assert_allclose(coding.energies(X), 0.5 * (X**2).sum(axis=1))


# Unusual data


@pytest.mark.parametrize("size", [1e-100, 1e100])
def test_codes_have_the_scale_of_the_data(size):
    plain = SparseCoding(8, alpha=0.3, max_iter=3).fit(X)
    scaled = SparseCoding(8, alpha=0.3 * size, max_iter=3).fit(X * size)
    np.testing.assert_allclose(scaled.dictionary_, plain.dictionary_, atol=1e-6)
    np.testing.assert_allclose(scaled.transform(X * size) / size, plain.transform(X), atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_kept(dtype):
    rows = X.astype(dtype)
    coding = SparseCoding(8, alpha=0.3).fit(rows)
    codes, gap = coding.transform(rows, return_gap=True)
    found = (codes, gap, coding.energies(rows), coding.inverse_transform(codes), coding.dictionary_)
    assert {part.dtype for part in found} == {np.dtype(dtype)}
    assert (gap <= 2e-4 * 0.5 * (rows**2).sum(axis=1)).all()


def test_few_samples_zero_rows_and_constant_columns():
    rows = np.c_[X[:3], np.ones(3), np.zeros(3)]
    rows = np.vstack([rows, np.zeros((1, 7))])
    coding = SparseCoding(10, alpha=0.1).fit(rows)
    codes, gap = coding.transform(rows, return_gap=True)
    assert codes.shape == (4, 10) and not codes[3].any() and gap[3] == 0
    assert np.isfinite(coding.dictionary_).all()
    np.testing.assert_allclose(
        coding.reconstruction_error(rows),
        0.5 * ((rows - coding.inverse_transform(codes)) ** 2).sum(axis=1),
    )
    np.testing.assert_array_equal(coding.score_samples(rows), -coding.energies(rows))
    assert coding.score(rows) == pytest.approx(-coding.energies(rows).mean())


def test_the_same_seed_gives_the_same_dictionary_and_pickles_give_the_same_codes():
    one, other = (SparseCoding(8, alpha=0.3, batch_size=16).fit(X) for _ in range(2))
    np.testing.assert_array_equal(one.dictionary_, other.dictionary_)
    again = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(again.transform(X), one.transform(X))
    assert not hasattr(clone(one), "dictionary_")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_components": 0}, "n_components=0 of SparseCoding"),
        ({"alpha": 0.0}, "alpha=0.0 of SparseCoding must be a positive finite number"),
        ({"inference": "fistta"}, "Did you mean 'fista'"),
        ({"dictionary": "date"}, "Did you mean 'data'"),
        ({"dictionary": np.ones((2, 3))}, r"dictionary of shape \(2, 3\) must hold n_components=4"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"sparse_output": "csr"}, "sparse_output='csr'"),
        ({"max_iter": -1}, "max_iter=-1"),
        ({"inference": Descent(max_iter=-1)}, "max_iter=-1 of Descent"),
    ],
)
def test_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        SparseCoding(**({"n_components": 4} | settings)).fit(X)


def test_codes_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"codes have shape \(60, 5\), expected \(n_samples, 8\)"):
        fixed().inverse_transform(X)


@pytest.mark.filterwarnings("error")
def test_coordinate_descent_does_not_warn_of_the_precision_of_float32():
    """A descent continues where it ends, and the gaps say how far the codes are from the best."""
    rows = (1_000 * np.random.RandomState(1).normal(size=(60, 4)) + 1).astype(np.float32)
    model = SparseCoding(6, alpha=0.1, inference="cd", max_iter=2).fit(rows)
    _, gap = model.transform(rows, return_gap=True)
    assert (gap <= 1e-2 * 0.5 * (rows**2).sum(axis=1)).all()


# Free energies


def integrated(x, dictionary, alpha, beta, low):
    """−(1/β) log of the integral over a grid of one or two entries."""
    step = 0.004 if len(dictionary) == 1 else 0.02
    grid = np.arange(low, 8, step) + step / 2
    codes = np.stack(np.meshgrid(*[grid] * len(dictionary), indexing="ij"), axis=-1)
    codes = codes.reshape(-1, len(dictionary))
    energies = energy(x[None], codes, dictionary, alpha)
    return -(logsumexp(-beta * energies) + len(dictionary) * np.log(step)) / beta


@pytest.mark.parametrize("beta", [0.7, 5.0])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize(
    "atoms", [[[1.0, 0.0]], [[1.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [0.0, 1.0]]]
)
def test_free_energies_are_bounded(atoms, positive, beta):
    atoms = np.array(atoms)
    coding = SparseCoding(
        len(atoms), alpha=0.5, dictionary=atoms, max_iter=0, positive_code=positive, tol=1e-12,
        beta=beta,
    ).fit(atoms)  # fmt: skip
    rows = np.array([[2.0, 1.0], [0.2, -0.1], [-1.0, 0.3]])
    low = 0 if positive else -8
    expected = np.array([integrated(x, atoms, 0.5, beta, low) for x in rows])
    found = coding.free_energy(rows)
    assert (found >= expected - 5e-4).all()  # the error of the grid
    np.testing.assert_allclose(found, expected, atol=0.25 / beta)
    if positive and (atoms @ atoms.T == np.eye(len(atoms))).all():
        np.testing.assert_allclose(found, expected, atol=5e-4)


@pytest.mark.parametrize("positive", [False, True])
def test_the_free_energy_of_a_low_temperature_is_the_energy(positive):
    coding = fixed(positive_code=positive, beta=1e8, tol=1e-10)
    np.testing.assert_allclose(coding.free_energy(X), coding.energies(X), atol=1e-4)


def test_entries_far_from_zero_are_exponential():
    """The two formulas agree where one takes over from the other."""
    gradient = np.array([[499.0, 501.0]])
    found = positive_entries(np.zeros((1, 2)), gradient, np.ones(2), 0.0, 1.0)
    for part, expected in ((found.mean, 1 / gradient), (found.variance, 1 / gradient**2)):
        np.testing.assert_allclose(part, expected, rtol=1e-4)
    np.testing.assert_allclose(found.entropy, 1 - np.log(gradient), atol=1e-5)


# Repeated samples and atoms, and more atoms than features


def test_atoms_that_are_equal_are_replaced_by_different_ones():
    eye = np.eye(12)
    rows = np.repeat([eye[0], 5 * eye[3], 4.9 * eye[4], 4.8 * eye[5]], [100, 60, 60, 60], axis=0)
    start = np.r_[eye[:1], eye[6:12], -eye[6:7]]  # one of them is of use, two are opposite
    coding = SparseCoding(8, alpha=0.3, dictionary=start).fit(rows)
    given = SparseCoding(4, alpha=0.3, dictionary=eye[[0, 3, 4, 5]], max_iter=0).fit(rows)
    assert coding.energies(rows).mean() == pytest.approx(given.energies(rows).mean(), rel=1e-3)


@pytest.mark.parametrize("positive", [False, True])
def test_repeated_atoms(positive):
    atoms = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0], [0.0, -1.0], [0.0, 0.0]])
    found = _dictionary.repeated(atoms, positive=positive)
    np.testing.assert_array_equal(found, [False, False, True, not positive, False])


@pytest.mark.parametrize("inference", ["admm", "fista", "cd"])
def test_many_atoms_of_few_features(inference):
    """Products with D and Dᵀ replace those with D Dᵀ."""
    rng = np.random.RandomState(0)
    atoms, rows = rng.normal(size=(40, 4)), rng.normal(size=(30, 4))
    coding = SparseCoding(
        40, alpha=0.3, dictionary=atoms, max_iter=0, inference=inference, tol=1e-8
    ).fit(rows)  # fmt: skip
    codes, gap = coding.transform(rows, return_gap=True)
    assert (gap <= 1e-8 * 0.5 * (rows**2).sum(axis=1) * (1 + 1e-6)).all()
    best = sparse_encode(rows, coding.dictionary_, algorithm="lasso_cd", alpha=0.3, max_iter=10_000)
    above = [energy(rows, each, coding.dictionary_, 0.3) for each in (codes, best)]
    assert (above[0] <= above[1] + gap + 1e-9).all()


def test_free_energies_have_the_scale_of_the_data():
    size = 1e12
    settings = {"n_components": 5, "max_iter": 1}
    plain = SparseCoding(alpha=0.4, beta=1.0, **settings).fit(X)
    scaled = SparseCoding(alpha=0.4 * size, beta=1 / size**2, **settings).fit(X * size)
    shift = 5 * np.log(size)  # of the volume of the codes
    found = scaled.free_energy(X * size) / size**2
    np.testing.assert_allclose(found, plain.free_energy(X) - shift, rtol=1e-6)
    assert plain.free_energy(X.astype(np.float32)).dtype == np.float32


def test_large_weights_and_other_sizes_of_a_stream():
    weight = np.where(np.arange(60) < 20, 1e300, 1e-300)
    coding = SparseCoding(70, alpha=0.3, max_iter=2).fit(X, sample_weight=weight)
    assert np.isfinite(coding.dictionary_).all()
    with pytest.raises(ValueError, match="partial_fit continues with 70 atoms, but n_components"):
        coding.set_params(n_components=5).partial_fit(X)
    for wrong in (3, None, Descent):
        with pytest.raises(ValueError, match=r"must be one of the names admm, .* or a Descent"):
            SparseCoding(4, inference=wrong).fit(X)
