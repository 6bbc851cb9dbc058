"""What every representation does: scikit-learn's contract, unusual data, streams, callbacks."""

import pickle

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_ebm.energies import Featured, Linear
from sklearn_ebm.estimators._parts import generator_and_seed
from sklearn_ebm.learning.monitor import TrainingMonitor
from sklearn_ebm.representation import (
    LISTA,
    REPRESENTATIONS,
    Autoencoder,
    BoltzmannMachine,
    SparseAutoencoder,
    SparseCoding,
    VariationalAutoencoder,
    VectorQuantizer,
    VQAutoencoder,
)

RNG = np.random.RandomState(0)
X = RNG.normal(size=(60, 2)) @ RNG.normal(size=(2, 5)) + 0.1 * RNG.normal(size=(60, 5))

SMALL = {
    "autoencoder": [
        Autoencoder(2, (8,), max_iter=20),
        Autoencoder(2, ()),
        Autoencoder(2, (6, 4), activation="silu", max_iter=3, early_stopping=True),
    ],
    "boltzmann_machine": [
        BoltzmannMachine(6, batch_size=10, C=100.0, binarize="mean", max_iter=50),
        BoltzmannMachine(3, 0.5, 7, 2, False, 3, C=1.0, binarize=0.1),
    ],
    "lista": [
        LISTA(6, alpha=0.1, n_layers=3, max_iter=5),
        LISTA(6, alpha=0.1, n_layers=2, tied=False, max_iter=3, early_stopping=True),
        LISTA(6, alpha=0.1, n_layers=2, refine_steps=2, positive_code=True, max_iter=3),
    ],
    "sparse_autoencoder": [
        *(SparseAutoencoder(6, penalty, n_active=2, max_iter=20) for penalty in ("topk", "l1")),
        *(SparseAutoencoder(6, penalty, max_iter=3) for penalty in ("kl", "batch_topk")),
        SparseAutoencoder(6, "jumprelu", tied=True, max_iter=3),
        SparseAutoencoder(6, "l1", hidden_layer_sizes=(4,), activation="tanh", max_iter=3),
    ],
    "sparse_coding": [
        SparseCoding(6, alpha=0.1, max_iter=5),
        SparseCoding(6, alpha=0.1, positive_code=True, inference="ista", max_iter=5),
        SparseCoding(6, alpha=0.1, inference="fista", max_iter=5),
        SparseCoding(6, alpha=0.1, inference="cd", max_iter=5),
    ],
    "variational_autoencoder": [
        VariationalAutoencoder(2, (8,), max_iter=20),
        VariationalAutoencoder(2, ()),
        VariationalAutoencoder(2, (4,), beta_kl=2.0, noise=0.5, activation="gelu", max_iter=3),
    ],
    "vector_quantizer": [VectorQuantizer(4), VectorQuantizer(3, n_groups=2, n_levels=2)],
    "vq_autoencoder": [
        VQAutoencoder(4, 1, 2, (8,), max_iter=20),
        VQAutoencoder(3, 2, 4, (4,), commitment=0.0, max_iter=3),
    ],
}
FIRST = {name: models[0] for name, models in SMALL.items()}
ALL = [model for models in SMALL.values() for model in models]
OF_ZEROS_AND_ONES = [*SMALL["boltzmann_machine"]]  # tests of these are in test_rbm.py
LEARNED_BY_GRADIENTS = [model for model in ALL if hasattr(model, "early_stopping")]
NETWORKS = [name for name in SMALL if hasattr(FIRST[name], "hidden_layer_sizes")]

# A weight is a repetition only in expectation if batches, starts or held-out samples are drawn.
BY_CHANCE = {
    "LISTA": "the dictionary is learned from random mini-batches",
    "SparseCoding": "mini-batches are random",
    "VectorQuantizer": "the start is random",
    "BoltzmannMachine": "batches and chains are random",
    "SparseAutoencoder": "the start is random",
    "VQAutoencoder": "the start is random",
    "VariationalAutoencoder": "draws are random",
}


def expected_failures(estimator):
    reason = BY_CHANCE.get(type(estimator).__name__)
    if isinstance(estimator, VariationalAutoencoder) and estimator.hidden_layer_sizes == ():
        reason = None  # probabilistic PCA
    if getattr(estimator, "early_stopping", False):
        reason = "held-out samples are random"
    check = "check_sample_weight_equivalence_on"
    # Only Boltzmann machines take sparse samples.
    kinds = ("dense", "sparse") if isinstance(estimator, BoltzmannMachine) else ("dense",)
    return {} if reason is None else {f"{check}_{kind}_data": reason for kind in kinds}


def ids(model):
    return repr(model).replace("\n", "")


def test_every_representation_is_tested():
    assert set(SMALL) == set(REPRESENTATIONS)
    for name, models in SMALL.items():
        assert {type(model) for model in models} == {REPRESENTATIONS[name]}


# Some checks set n_components to 1, or have no more features than codes have components.
@pytest.mark.filterwarnings("ignore::sklearn_ebm.exceptions.CollapseWarning")
@parametrize_with_checks(
    [model for model in ALL if not (isinstance(model, VQAutoencoder) and model.n_groups > 1)],
    expected_failed_checks=expected_failures,
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("model", [each for each in ALL if each not in OF_ZEROS_AND_ONES], ids=ids)
def test_energies_are_low_for_samples_like_the_data(model):
    model = clone(model).fit(X)
    assert model.energies(X).shape == (60,) and (model.energies(X) >= 0).all()
    assert model.energies(X).mean() < 0.7 * model.energies(3 * X[::-1, ::-1]).mean()
    assert model.score(X) == pytest.approx(model.score_samples(X).mean())
    codes = model.transform(X)
    assert codes.shape == (60, len(model.get_feature_names_out()))
    away = X - model.inverse_transform(codes)
    np.testing.assert_allclose(model.reconstruction_error(X), 0.5 * (away**2).sum(axis=1))


@pytest.mark.parametrize("model", ALL, ids=ids)
def test_a_sample_alone_has_the_same_code_and_energy(model):
    rows = np.tile(X, (30, 1))
    model = clone(model).fit(X)
    for function in (model.transform, model.energies, model.score_samples):
        np.testing.assert_allclose(function(rows)[:60], function(X), atol=1e-9)
        np.testing.assert_allclose(function(X[:1]), function(X)[:1], atol=1e-9)


@pytest.mark.parametrize("model", ALL, ids=ids)
def test_the_same_seed_and_a_pickle_give_the_same(model):
    one, other = clone(model).fit(X), clone(model).fit(X)
    again = pickle.loads(pickle.dumps(one))
    for found in (other, again):
        np.testing.assert_array_equal(found.transform(X), one.transform(X))
        np.testing.assert_array_equal(found.energies(X), one.energies(X))


@pytest.mark.parametrize("size", [1e-100, 1e100])
@pytest.mark.parametrize("model", LEARNED_BY_GRADIENTS, ids=ids)
def test_the_unit_of_the_samples_does_not_matter(model, size):
    scaled = clone(model)
    for name in ("noise", "alpha"):
        if isinstance(getattr(model, name, None), float):
            scaled.set_params(**{name: getattr(model, name) * size})
    plain, scaled = clone(model).fit(X), scaled.fit(X * size)
    unit = size if isinstance(model, LISTA) else 1.0
    np.testing.assert_allclose(scaled.transform(X * size) / unit, plain.transform(X), atol=1e-3)
    unit = 1.0 if isinstance(model, VariationalAutoencoder) else size**2
    np.testing.assert_allclose(scaled.energies(X * size) / unit, plain.energies(X), rtol=1e-3)


@pytest.mark.parametrize("model", ALL, ids=ids)
def test_float32_is_kept(model):
    rows = X.astype(np.float32)
    model = clone(model).fit(rows)
    found = [model.energies(rows), model.score_samples(rows), model.reconstruction_error(rows)]
    if "float32" in model.__sklearn_tags__().transformer_tags.preserves_dtype:
        codes = model.transform(rows)
        found += [codes, model.inverse_transform(codes)]
    assert {part.dtype for part in found} == {np.dtype(np.float32)}


@pytest.mark.filterwarnings("ignore::sklearn_ebm.exceptions.CollapseWarning")
@pytest.mark.filterwarnings("ignore:Learning stopped after [12] it")
@pytest.mark.parametrize("name", SMALL)
def test_random_shapes_and_settings_give_finite_energies(name):
    rng = np.random.RandomState(1)
    for number in range(100):
        n, d = rng.randint(2, 40), rng.randint(1, 9)
        rows = rng.normal(size=(n, d)) * 10.0 ** rng.randint(-3, 4) + rng.normal()
        rows[:, : rng.randint(0, d)] = 1.0  # constant columns
        rows = rows.astype([np.float32, np.float64][number % 2])
        model = clone(SMALL[name][number % len(SMALL[name])])
        limits = {"n_groups": 1, "max_iter": 2, "early_stopping": False}
        known = model.get_params()
        model.set_params(**{key: value for key, value in limits.items() if key in known})
        model.fit(rows)
        for found in (model.energies(rows), model.score_samples(rows), model.transform(rows)):
            assert np.isfinite(found).all(), model


@pytest.mark.parametrize("model", FIRST.values(), ids=ids)
def test_rows_of_zeros_and_constant_columns(model):
    rows = np.vstack([np.c_[X[:8], np.ones(8), np.zeros(8)], np.zeros((1, 7))])
    model = clone(model).fit(rows)
    assert np.isfinite(model.energies(rows)).all() and np.isfinite(model.transform(rows)).all()


@pytest.mark.parametrize("model", ALL, ids=ids)
def test_a_file_in_memory_is_read(model, tmp_path):
    file = tmp_path / "rows.npy"
    np.save(file, X)
    mapped = np.load(file, mmap_mode="r")
    one, other = clone(model).fit(mapped), clone(model).fit(X)
    np.testing.assert_array_equal(one.energies(mapped), other.energies(X))


@pytest.mark.parametrize("model", FIRST.values(), ids=ids)
def test_samples_of_weight_zero_are_absent(model):
    weight = np.r_[np.ones(40), np.zeros(20)]
    one, other = clone(model).fit(X, sample_weight=weight), clone(model).fit(X[:40])
    np.testing.assert_allclose(one.energies(X), other.energies(X), rtol=1e-6)


@pytest.mark.parametrize("model", FIRST.values(), ids=ids)
def test_invalid_input_leaves_the_estimator_unchanged(model):
    model = clone(model).fit(X)
    before = model.energies(X)
    for bad in (np.full((3, 5), np.nan), np.zeros((0, 5)), np.zeros(5)):
        with pytest.raises(ValueError):
            model.fit(bad)
    np.testing.assert_array_equal(model.energies(X), before)
    with pytest.raises(ValueError, match="codes have shape"):
        model.inverse_transform(np.zeros((2, 99)))


@pytest.mark.parametrize("name", sorted(set(SMALL) - {"vector_quantizer", "vq_autoencoder"}))
def test_the_features_of_an_energy_of_classes(name):
    from sklearn_ebm import EBMClassifier

    y = (X[:, 0] > 0).astype(int)
    model = clone(FIRST[name]).fit(X)
    energy = Featured(model, Linear())
    assert EBMClassifier(energy=energy).fit(X, y).score(X, y) > 0.6


# Learned by gradients


@pytest.mark.parametrize("model", LEARNED_BY_GRADIENTS, ids=ids)
def test_parts_of_a_stream_lower_the_energy(model):
    model = clone(model).set_params(early_stopping=False)
    rows = np.tile(X, (20, 1))[RNG.permutation(1_200)]
    start = clone(model).set_params(max_iter=0).fit(rows[:60])
    stream = clone(model)
    for part in np.array_split(rows, 20):
        stream.partial_fit(part)
    assert stream.n_iter_ == 20
    if getattr(model, "hidden_layer_sizes", None) != () or isinstance(model, SparseAutoencoder):
        kept = isinstance(model, LISTA)  # its start, which few steps need not improve
        assert stream.score(X) > start.score(X) or (kept and stream.score(X) == start.score(X))
    with pytest.raises(ValueError, match="expecting 5 features"):
        stream.partial_fit(X[:, :3])


@pytest.mark.parametrize("name", ["autoencoder", "sparse_autoencoder", "vq_autoencoder"])
def test_early_stopping_returns_the_best_iteration(name):
    rows = np.random.RandomState(0).normal(size=(40, 8))  # nothing to be learned
    model = clone(SMALL[name][0]).set_params(
        early_stopping=True, max_iter=300, n_iter_no_change=3, validation_fraction=0.3,
        hidden_layer_sizes=(64,),
    )  # fmt: skip
    model.fit(rows)
    curve = model.validation_energy_curve_
    assert len(curve) == model.n_iter_ < 300
    assert curve.argmin() == len(curve) - 4


@pytest.mark.parametrize("model", FIRST.values(), ids=ids)
def test_callbacks_are_called_and_may_stop_learning(model):
    pytest.importorskip("sklearn.callback")

    class Stopping:
        """Counts tasks, and stops at the second one."""

        def __init__(self):
            self.ended = 0

        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context, **data):
            pass

        def on_fit_task_end(self, estimator, context, **data):
            self.ended += 1
            return self.ended == 2

    stopping = Stopping()
    model = clone(model).set_callbacks(stopping).fit(X)
    assert stopping.ended >= 2
    if hasattr(model, "early_stopping"):
        assert model.n_iter_ == 2


@pytest.mark.parametrize("name", [*NETWORKS, "lista"])
def test_callbacks_see_an_estimator_of_each_iteration(name):
    pytest.importorskip("sklearn.callback")
    means = []

    class Recorder:
        """Notes the mean energy after each task."""

        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, fitted_estimator):
            if context.task_name == "iteration":
                means.append(fitted_estimator.energies(X).mean())

    model = clone(FIRST[name]).set_params(max_iter=6).set_callbacks(Recorder()).fit(X)
    assert len(means) == model.n_iter_ == 6 and len(set(means)) > 3
    assert means[-1] == pytest.approx(model.energies(X).mean(), rel=0.2)


@pytest.mark.parametrize("name", [*NETWORKS, "lista"])
def test_an_interrupt_keeps_what_was_learned(name):
    pytest.importorskip("sklearn.callback")

    class Interrupting:
        """Raises as Ctrl-C does, in the third iteration."""

        def __init__(self):
            self.ended = 0

        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context):
            self.ended += 1
            if self.ended == 3:
                raise KeyboardInterrupt

    TrainingMonitor._last_interrupt = -np.inf
    model = clone(FIRST[name]).set_callbacks(Interrupting())
    with pytest.warns(ConvergenceWarning, match="interrupted.*partial_fit goes on"):
        model.fit(X)
    assert np.isfinite(model.energies(X)).all() and model.n_iter_ == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_layer_sizes": (0,)}, r"hidden_layer_sizes=\(0,\) must hold one positive whole"),
        ({"hidden_layer_sizes": "ten"}, r"; \(\) is without hidden layers"),
        ({"activation": "rellu"}, "Did you mean 'relu'"),
        ({"solver": "addam"}, "Did you mean 'adam'"),
        ({"max_iter": -1}, "max_iter=-1"),
        ({"validation_fraction": 1.0}, "validation_fraction=1.0"),
        ({"n_iter_no_change": 0}, "n_iter_no_change=0"),
        ({"early_stopping": "yes"}, "early_stopping='yes'"),
        ({"n_components": 0}, "n_components=0"),
        ({"verbose": -1}, "verbose=-1"),
        ({"random_state": "seed"}, "random_state='seed'"),
    ],
)
@pytest.mark.parametrize("name", NETWORKS)
def test_settings_of_networks_are_refused(name, settings, message):
    with pytest.raises(ValueError, match=message):
        REPRESENTATIONS[name]().set_params(**settings).fit(X)


# Sparse matrices


@pytest.mark.parametrize("name", ["sparse_coding", "lista", "sparse_autoencoder"])
def test_sparse_codes_are_those_of_the_array(name):
    model = clone(FIRST[name]).fit(X)
    codes = model.transform(X)
    sparse = model.set_params(sparse_output=True).transform(X)
    assert isinstance(sparse, csr_array) and sparse.nnz < codes.size
    np.testing.assert_array_equal(sparse.toarray(), codes)
    found = model.inverse_transform(sparse)
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, model.inverse_transform(codes))
    model.reconstruction_error(X)
    with pytest.raises(ValueError, match="sparse"):
        model.set_output(transform="pandas").transform(X)


# States beside the parameters: codes, thresholds, means


STATEFUL = [
    VQAutoencoder(8, 1, 2, (16,), max_iter=150),
    VectorQuantizer(8),
    SparseAutoencoder(12, "batch_topk", n_active=2, max_iter=60),
    SparseAutoencoder(12, "kl", n_active=2, max_iter=60),
]


@pytest.mark.parametrize("model", STATEFUL[:2], ids=ids)
def test_codes_follow_heavy_samples(model):
    rows = np.random.RandomState(0).normal(size=(300, 5))
    weight = np.ones(300)
    weight[:5] = 1e4
    model = clone(model).fit(rows, sample_weight=weight)
    errors = model.reconstruction_error(rows)
    assert errors[:5].mean() < 0.1 * errors[5:].mean()


@pytest.mark.parametrize("model", STATEFUL[2:], ids=ids)
def test_thresholds_and_means_are_weighted(model):
    weight = np.where(X[:, 0] > 0, 20.0, 1.0)
    model = clone(model).fit(X, sample_weight=weight)
    codes = model.transform(X)
    if model.penalty == "batch_topk":
        active = (weight / weight.sum()) @ (codes > 0).sum(axis=1)
        assert active == pytest.approx(2, abs=0.25)
    else:
        mean = (weight / weight.sum()) @ codes
        np.testing.assert_allclose(model.energy_.sparsity.mean, mean, rtol=1e-6)


@pytest.mark.parametrize("model", STATEFUL, ids=ids)
def test_a_small_part_of_a_stream_changes_little(model):
    model = clone(model).fit(X)
    before = model.energies(X).mean()
    model.partial_fit(X[:1])
    assert model.energies(X).mean() < 1.3 * before + 1e-3


def test_early_stopping_returns_the_codes_of_the_best_iteration():
    rows = np.random.RandomState(0).normal(size=(120, 6))
    model = VQAutoencoder(
        8, 1, 3, (32,), early_stopping=True, n_iter_no_change=60, max_iter=400,
        validation_fraction=0.4,
    )  # fmt: skip
    model.fit(rows)
    assert model.validation_energy_curve_.argmin() < len(model.validation_energy_curve_) - 30
    _, out = model._split(120, generator_and_seed(0)[0])
    held_out = rows[out]
    best = model.validation_energy_curve_.min()
    assert model.energies(held_out).mean() == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize(
    ("model", "setting"),
    [
        (SparseAutoencoder(6), {"n_active": 3}),
        (VariationalAutoencoder(2, (4,)), {"beta_kl": 3.0}),
        (VQAutoencoder(4), {"commitment": 1.0}),
        (LISTA(4, alpha=0.1), {"alpha": 0.2}),
    ],
    ids=["sparse", "variational", "vq", "lista"],
)
def test_a_stream_with_other_settings_is_refused(model, setting):
    model = clone(model).set_params(max_iter=2).fit(X)
    model.set_params(max_iter=5, random_state=3).partial_fit(X)
    with pytest.raises(ValueError, match="continues with the settings of the first part"):
        model.set_params(**setting).partial_fit(X)


@pytest.mark.parametrize("model", [VQAutoencoder(4), VariationalAutoencoder(2, (4,))], ids=ids)
def test_solvers_that_need_all_samples_are_refused(model):
    with pytest.raises(ValueError, match=r"solver 'lbfgs' cannot be used by .* because its codes"):
        clone(model).set_params(solver="lbfgs").fit(X)


# Tables


@pytest.mark.parametrize("model", FIRST.values(), ids=ids)
def test_a_data_frame_has_no_warnings(model):
    from sklearn_ebm.metrics import collapse_ratio

    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcde"))
    model = clone(model).fit(frame)
    if not isinstance(model, BoltzmannMachine):  # its energies may be negative
        assert collapse_ratio(model, frame) > 0.5
    np.testing.assert_allclose(model.energies(frame), clone(model).fit(X).energies(X), rtol=1e-9)


@pytest.mark.parametrize(
    "model",
    [Autoencoder(1, ()), SparseAutoencoder(4, n_active=1, max_iter=20), VQAutoencoder(16)],
    ids=ids,
)
def test_a_column_that_dominates_is_no_collapse(model):
    """Warnings are errors in these tests."""
    clone(model).fit(np.c_[X, 1_000 * np.random.RandomState(0).normal(size=60)])


@pytest.mark.parametrize("size", [1e-3, 1e3])
@pytest.mark.parametrize("model", [VariationalAutoencoder(2, ()), Autoencoder(2, ())], ids=ids)
def test_collapse_is_measured_in_any_unit(model, size):
    from sklearn_ebm.metrics import collapse_ratio

    plain, scaled = clone(model).fit(X), clone(model).fit(size * X)
    expected = collapse_ratio(plain, X)
    assert collapse_ratio(scaled, size * X) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("model", [FIRST[name] for name in NETWORKS], ids=ids)
@pytest.mark.parametrize("size", [1e-160, 1e160])
def test_units_whose_squares_overflow_are_refused(model, size):
    with pytest.raises(ValueError, match=r"energies do not fit into float64; scale X"):
        clone(model).fit(X * size)


def test_wide_tables_need_no_square_of_their_width():
    rows = np.random.RandomState(0).normal(size=(20, 3_000))
    model = Autoencoder(4, ()).fit(rows)
    away = rows - rows.mean(axis=0)
    singular = np.linalg.svd(away, compute_uv=False)
    assert model.energies(rows).sum() == pytest.approx(0.5 * (singular[4:] ** 2).sum())
    assert np.isfinite(VariationalAutoencoder(4, ()).fit(rows).score(rows))


def test_samples_far_away_have_infinite_energies_but_no_nan():
    model = VariationalAutoencoder(2, (4,), max_iter=2).fit(X)
    far = np.full((1, 5), 1e160)
    with np.errstate(all="ignore"):
        value, error = model.log_likelihood(far)
        gap = Autoencoder(2, (4,), max_iter=2).fit(X).amortization_gap(far)
    assert value[0] == -np.inf and error[0] == np.inf and not np.isnan(gap).any()


def test_codes_of_few_vectors_are_checked():
    quantizer = VectorQuantizer(256).fit(X[:3])
    with pytest.raises(ValueError, match="codes must be whole numbers from 0 to 2"):
        quantizer.inverse_transform([[5]])
    quantizer.set_params(n_codes=2).partial_fit(X[:5])
    assert quantizer.codebooks_[0][0].shape == (3, 5)
