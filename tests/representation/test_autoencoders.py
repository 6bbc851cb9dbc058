"""Auto-encoders: gradients, sparse and discrete codes, densities, collapse."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from sklearn_ebm._utils.parameters import ParameterLayout
from sklearn_ebm.exceptions import CollapseWarning
from sklearn_ebm.metrics import collapse_ratio
from sklearn_ebm.representation import (
    Autoencoder,
    SparseAutoencoder,
    SparseCoding,
    VariationalAutoencoder,
    VectorQuantizer,
    VQAutoencoder,
)

RNG = np.random.RandomState(0)
X = RNG.normal(size=(30, 6)) @ RNG.normal(size=(6, 6))
UNIT = RNG.uniform(size=(30, 6))
DIGITS = load_digits().data / 16
TRAIN, NEW = DIGITS[:1_000], DIGITS[1_000:]


# Gradients


def moved_away(model, rows):
    """The energy of a model, standardised samples, and parameters away from their start."""
    model = clone(model).set_params(max_iter=0).fit(rows)
    rng = np.random.RandomState(1)
    params = {
        name: part + 0.1 * rng.normal(size=part.shape) for name, part in model.params_.items()
    }
    return model.energy_, model._rows_of(rows), params


def slopes(energy, rows, params, weight):
    """Derivatives in every direction of the layout, by the pullback and by differences."""
    layout = ParameterLayout(energy.shapes(rows.shape[1], 1))
    w = layout.pack(params)
    gradient = layout.pack(energy.linearize(params, rows).pullback(weight.copy()))
    found = {}
    for name, part in layout.slices.items():
        direction = np.zeros_like(w)
        direction[part] = np.random.RandomState(2).normal(size=part.stop - part.start)
        ends = [
            float((weight * energy.linearize(layout.unpack(v), rows).energies).sum())
            for v in (w + 1e-6 * direction, w - 1e-6 * direction)
        ]
        found[name] = gradient @ direction, (ends[0] - ends[1]) / 2e-6
    return found


@pytest.mark.parametrize(
    "model",
    [
        Autoencoder(3, (5, 4), activation="silu"),
        Autoencoder(3, ()),
        SparseAutoencoder(9, "l1"),
        SparseAutoencoder(9, "l1", tied=True),
        SparseAutoencoder(9, "topk", n_active=2, hidden_layer_sizes=(4,), activation="tanh"),
        SparseAutoencoder(9, "batch_topk", n_active=2),
        VariationalAutoencoder(2, (), beta_kl=0.7),
        VariationalAutoencoder(2, (5,), activation="tanh"),
        VariationalAutoencoder(2, (5,), activation="gelu", noise=0.3, beta_kl=2.0),
        VariationalAutoencoder(2, (5,), activation="silu", likelihood="bernoulli"),
    ],
    ids=repr,
)
def test_gradients_are_those_of_differences(model):
    rows = UNIT if getattr(model, "likelihood", "") == "bernoulli" else X
    energy, rows, params = moved_away(model, rows)
    weight = np.random.RandomState(3).uniform(0.5, 2, size=(30, 1))
    for name, (mine, expected) in slopes(energy, rows, params, weight).items():
        assert mine == pytest.approx(expected, rel=1e-5, abs=1e-6), name


def test_the_gradient_of_a_mean_over_the_batch():
    """The divergence of ``"kl"`` is one of means, so it is exact for equal weights."""
    energy, rows, params = moved_away(SparseAutoencoder(9, "kl", n_active=2, strength=3.0), X)
    for name, (mine, expected) in slopes(energy, rows, params, np.ones((30, 1))).items():
        assert mine == pytest.approx(expected, rel=1e-5, abs=1e-6), name


@pytest.mark.parametrize(
    ("model", "estimated"),
    [
        (SparseAutoencoder(9, "jumprelu"), ("log_threshold",)),
        (VQAutoencoder(4, 1, 3, (5,)), ("encoder_",)),
    ],
    ids=["jumprelu", "vq"],
)
def test_gradients_are_exact_where_they_are_not_estimated(model, estimated):
    energy, rows, params = moved_away(model, X)
    found = slopes(energy, rows, params, np.ones((30, 1)))
    exact = [name for name in found if not name.startswith(estimated)]
    assert len(exact) >= 3
    for name in exact:
        assert found[name][0] == pytest.approx(found[name][1], rel=1e-5, abs=1e-6), name


def test_more_active_components_cost_less_reconstruction_with_jumps():
    """Thresholds follow their estimated gradient: a stronger penalty raises them."""
    weak, strong = (
        SparseAutoencoder(64, "jumprelu", strength=strength, max_iter=300).fit(TRAIN)
        for strength in (0.03, 0.5)
    )
    active = [(model.transform(NEW) > 0).sum(axis=1).mean() for model in (weak, strong)]
    assert active[1] < 0.6 * active[0]
    assert weak.reconstruction_error(NEW).mean() < strong.reconstruction_error(NEW).mean()
    assert (strong.params_["log_threshold"] > weak.params_["log_threshold"]).mean() > 0.8


# Narrow codes


@pytest.mark.parametrize("weight", [None, np.arange(1_000) % 3])
def test_a_linear_autoencoder_spans_the_principal_components(weight):
    model = Autoencoder(8, ()).fit(TRAIN, sample_weight=weight)
    rows = TRAIN if weight is None else np.repeat(TRAIN, weight, axis=0)
    axes = PCA(8).fit(rows).components_
    assert subspace_angles(model.params_["decoder_output_weight"].T, axes.T).max() < 1e-3


def test_a_linear_autoencoder_finds_them_from_a_random_start():
    from sklearn_ebm.learning.samples import learn_samples
    from sklearn_ebm.solvers import LBFGS

    model = Autoencoder(3, (), max_iter=0).fit(X)
    rng = np.random.RandomState(0)
    start = {name: 0.3 * rng.normal(size=part.shape) for name, part in model.params_.items()}
    learned = learn_samples(
        model.energy_, model._rows_of(X), np.ones(30), LBFGS(), params=start, max_iter=5_000,
        rng=rng, tol=1e-14,
    )  # fmt: skip
    axes = PCA(3).fit(X).components_
    assert subspace_angles(learned.params["decoder_output_weight"].T, axes.T).max() < 1e-3


def test_hidden_layers_lower_the_energy_of_new_samples():
    linear, deep = Autoencoder(8, ()).fit(TRAIN), Autoencoder(8, (64,), max_iter=300).fit(TRAIN)
    assert deep.energies(NEW).mean() < 0.8 * linear.energies(NEW).mean()


# Sparse codes


@pytest.mark.parametrize("tied", [False, True])
def test_codes_have_few_active_components(tied):
    model = SparseAutoencoder(64, n_active=5, tied=tied, max_iter=40).fit(TRAIN)
    active = (model.transform(NEW) != 0).sum(axis=1)
    assert active.max() == 5
    np.testing.assert_allclose(model.energies(NEW), model.reconstruction_error(NEW))
    atoms = model.dictionary_
    np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), model.scale_)
    codes = model.transform(NEW)
    offset = model.inverse_transform(np.zeros((1, 64)))
    np.testing.assert_allclose(model.inverse_transform(codes), codes @ atoms + offset)


def test_a_threshold_gives_as_many_active_components_on_average():
    model = SparseAutoencoder(64, "batch_topk", n_active=5, max_iter=40).fit(TRAIN)
    active = (model.transform(TRAIN) != 0).sum(axis=1)
    assert active.mean() == pytest.approx(5, rel=0.02) and len(set(active)) > 3


def test_the_energy_of_an_l1_code():
    model = SparseAutoencoder(64, "l1", strength=0.2, max_iter=40).fit(TRAIN)
    codes = model.transform(NEW)
    expected = model.reconstruction_error(NEW) + 0.2 * model.scale_**2 * codes.sum(axis=1)
    np.testing.assert_allclose(model.energies(NEW), expected)
    assert (codes >= 0).all()


def test_mean_activations_approach_the_given_one():
    models = [
        SparseAutoencoder(32, "kl", n_active=4, strength=strength, max_iter=100).fit(TRAIN)
        for strength in (1e-3, 3.0)
    ]
    away = [np.abs(model.transform(TRAIN).mean(axis=0) - 4 / 32).mean() for model in models]
    assert away[1] < 0.5 * away[0]


def test_idle_units_are_revived():
    """Outputs that start at −½ for all samples would never be active without a revival."""
    from sklearn_ebm.representation import sparse_autoencoder as module

    unused = []
    for revival in (module.REVIVAL, 0.0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "REVIVAL", revival)
            model = SparseAutoencoder(32, "l1", strength=0.05, max_iter=60)
            model.partial_fit(TRAIN)
            model.params_["encoder_output_weight"][:, 16:] = 0
            model.params_["encoder_output_bias"][16:] = -0.5
            model._memory = None
            for _ in range(60):
                model.partial_fit(TRAIN)
            unused.append(int((model.transform(TRAIN)[:, 16:] == 0).all(axis=0).sum()))
    assert unused[0] <= 4 and unused[1] == 16


def test_known_atoms_are_found():
    rng = np.random.RandomState(0)
    atoms = rng.normal(size=(16, 12))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    codes = np.zeros((2_000, 16))
    for row in codes:
        row[rng.choice(16, 2, replace=False)] = rng.uniform(1, 2, size=2)
    model = SparseAutoencoder(16, n_active=2, max_iter=200).fit(codes @ atoms)
    assert np.abs(atoms @ model.dictionary_.T / model.scale_).max(axis=1).mean() > 0.9


# Densities


def exact(model, rows):
    """Log-density of a model with a linear decoder: normal with covariance W Wᵀ + σ² I."""
    weight = model.scale_ * model.params_["decoder_output_weight"]
    covariance = weight.T @ weight + model.noise_**2 * np.eye(rows.shape[1])
    mean = model.inverse_transform(np.zeros((1, len(weight))))[0]
    return multivariate_normal(mean, covariance).logpdf(rows)


@pytest.mark.parametrize("n_components", [2, 16])
def test_a_linear_decoder_is_probabilistic_pca(n_components):
    model = VariationalAutoencoder(n_components, ()).fit(TRAIN)
    assert model.score(TRAIN) == pytest.approx(PCA(n_components).fit(TRAIN).score(TRAIN), abs=0.05)
    np.testing.assert_allclose(exact(model, NEW).mean(), model.score(NEW), atol=0.05)


def test_importance_sampling_estimates_the_likelihood():
    model = VariationalAutoencoder(3, ()).fit(X)
    model.params_["encoder_output_weight"] *= 0.9  # the encoder is not the posterior
    estimate, error = model.log_likelihood(X, n_importance=4_000)
    true = exact(model, X)
    assert error.max() < 0.1
    assert (np.abs(estimate - true) < 2 * error).mean() > 0.8
    assert (np.abs(estimate - true) < 4 * error).all()
    assert (model.elbo(X) < true).all()
    with pytest.raises(ValueError, match="n_importance=1 must be a whole number of at least 2"):
        model.log_likelihood(X, 1)


def test_the_bound_of_a_network_is_below_its_likelihood():
    model = VariationalAutoencoder(4, (32,), max_iter=300).fit(TRAIN)
    estimate, error = model.log_likelihood(NEW[:100])
    assert (model.elbo(NEW[:100]) < estimate + 4 * error).mean() > 0.97
    assert estimate.mean() > PCA(4).fit(TRAIN).score(NEW[:100])
    np.testing.assert_array_equal(model.score_samples(NEW), model.elbo(NEW))


def test_samples_have_the_moments_of_the_data():
    model = VariationalAutoencoder(3, ()).fit(X)
    drawn = model.sample(20_000, random_state=0)
    np.testing.assert_allclose(drawn.mean(axis=0), X.mean(axis=0), atol=0.1)
    np.testing.assert_allclose(np.cov(drawn.T).trace(), np.cov(X.T, bias=True).trace(), rtol=0.05)
    np.testing.assert_array_equal(model.sample(3, random_state=1), model.sample(3, random_state=1))


def test_bernoulli_features():
    model = VariationalAutoencoder(4, (32,), likelihood="bernoulli", max_iter=300).fit(TRAIN)
    drawn = model.sample(50, random_state=0)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    means = model.inverse_transform(model.transform(NEW))
    assert 0 <= means.min() <= means.max() <= 1
    independent = TRAIN.mean(axis=0).clip(1e-3, 1 - 1e-3)
    cross = -(NEW * np.log(independent) + (1 - NEW) * np.log(1 - independent)).sum(axis=1)
    assert -model.score(NEW) < 0.95 * cross.mean()
    with pytest.raises(ValueError, match="needs features from 0 to 1, but X has values from"):
        clone(model).fit(X)
    with pytest.raises(AttributeError, match="noise_ exists only"):
        model.noise_  # noqa: B018


def test_samples_on_a_line_have_a_finite_likelihood():
    line = np.outer(np.arange(20.0), [1.0, 2.0, 3.0])
    model = VariationalAutoencoder(1, ()).fit(line)
    assert np.isfinite(model.score(line)) and 0 < model.noise_ < 0.01


# Discrete codes


@pytest.mark.parametrize("n_groups", [1, 2])
def test_all_codes_are_used(n_groups):
    model = VQAutoencoder(32, n_groups, max_iter=100).fit(TRAIN)
    codes = model.transform(TRAIN)
    assert codes.shape == (1_000, n_groups)
    for column in codes.T:
        assert len(np.unique(column)) >= 0.95 * 32
    assert model.inverse_transform(codes).shape == TRAIN.shape
    with pytest.raises(ValueError, match="codes must be whole numbers from 0 to 31"):
        model.inverse_transform(codes + 0.5)


def test_reconstructions_are_near_those_of_kmeans():
    model = VQAutoencoder(32, max_iter=400).fit(TRAIN)
    inertia = KMeans(32, n_init=1, random_state=0).fit(TRAIN).inertia_ / 2_000
    assert model.reconstruction_error(TRAIN).mean() < 1.1 * inertia


def test_codes_are_nearest_to_the_encoder_and_the_energy_has_the_commitment():
    model = VQAutoencoder(8, 2, 4, (16,), commitment=0.5, max_iter=20).fit(TRAIN)
    outputs = model.energy_._encoded(model.params_, model._rows_of(NEW))
    codes, away = model.transform(NEW), np.zeros(len(NEW))
    for number, group in enumerate(model.energy_.codebooks.groups):
        squares = ((outputs[:, None, group] - model.codebooks_[number]) ** 2).sum(axis=2)
        np.testing.assert_array_equal(codes[:, number], squares.argmin(axis=1))
        away += 0.5 * squares.min(axis=1)
    expected = model.reconstruction_error(NEW) + model.scale_**2 * 0.5 * away
    np.testing.assert_allclose(model.energies(NEW), expected)


def test_codes_that_no_sample_uses_are_moved():
    model = VQAutoencoder(16, max_iter=30).fit(TRAIN)
    for part in model.codebooks_:
        part[8:] = 1e3
    for _ in range(60):
        model.partial_fit(TRAIN)
    assert len(np.unique(model.transform(TRAIN))) == 16


def test_groups_must_have_components():
    with pytest.raises(ValueError, match="n_groups=3 of VQAutoencoder must be at most n_compon"):
        VQAutoencoder(4, 3, 2).fit(X)


# Collapse


def test_a_wide_code_without_a_penalty_collapses():
    with pytest.warns(CollapseWarning, match="low for any sample"):
        model = Autoencoder(8, ()).fit(X)
    for against in ("permuted", "noise"):
        assert collapse_ratio(model, 3 * X, against=against) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    "model",
    [
        Autoencoder(8, (32,), max_iter=200),
        SparseCoding(100, alpha=0.1, max_iter=5),
        SparseAutoencoder(100, max_iter=30),
        VariationalAutoencoder(100, (32,), max_iter=300),
        VectorQuantizer(64),
        VQAutoencoder(64, max_iter=30),
    ],
    ids=repr,
)
def test_a_limited_code_does_not_collapse(model):
    model.fit(TRAIN)
    assert collapse_ratio(model, NEW) > 1.8
    assert collapse_ratio(model, NEW, against="noise") > 1.8


@pytest.mark.parametrize(
    ("model", "settings", "message"),
    [
        (SparseAutoencoder, {"penalty": "l2"}, "Did you mean 'l1'"),
        (SparseAutoencoder, {"n_active": 0}, "n_active=0"),
        (SparseAutoencoder, {"strength": 0.0}, "strength=0.0"),
        (SparseAutoencoder, {"tied": True, "hidden_layer_sizes": (3,)}, "tied=True .* is for"),
        (VariationalAutoencoder, {"beta_kl": -1.0}, "beta_kl=-1.0"),
        (VariationalAutoencoder, {"noise": 0.0}, "noise=0.0 .* Or it is 'learned'"),
        (VariationalAutoencoder, {"likelihood": "gausian"}, "Did you mean 'gaussian'"),
        (VQAutoencoder, {"n_codes": 0}, "n_codes=0"),
        (VQAutoencoder, {"commitment": -1.0}, "commitment=-1.0"),
    ],
)
def test_settings_are_refused(model, settings, message):
    with pytest.raises(ValueError, match=message):
        model(**settings).fit(X)


# Amortisation gaps


def test_the_gap_of_a_linear_decoder_is_that_of_least_squares():
    """The best code is the projection onto the range of the decoder."""
    model = Autoencoder(2, (8,), max_iter=3).fit(X)
    decoder = Autoencoder(2, ()).fit(X)
    gap = decoder.amortization_gap(X)
    np.testing.assert_allclose(gap, 0, atol=1e-6)
    decoder.params_["encoder_output_weight"] *= 0.5  # codes half as long
    gap, bound = decoder.amortization_gap(X, return_bound=True)
    projected = PCA(2).fit(X)
    away = 0.5 * ((X - projected.inverse_transform(projected.transform(X))) ** 2).sum(axis=1)
    np.testing.assert_allclose(gap, decoder.energies(X) - away, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(bound, decoder.energies(X))
    assert (model.amortization_gap(X) > 0).all()  # an encoder that has learned little


def test_the_gap_of_an_l1_code_is_that_of_sparse_coding():
    from sklearn.decomposition import sparse_encode

    model = SparseAutoencoder(8, "l1", strength=0.3, max_iter=50).fit(X)
    rows = model._rows_of(X) - model.params_["decoder_bias"]
    atoms = model.dictionary_ / model.scale_
    codes = sparse_encode(
        rows, atoms, algorithm="lasso_cd", alpha=0.3, positive=True, max_iter=10_000
    )
    best = 0.5 * ((rows - codes @ atoms) ** 2).sum(axis=1) + 0.3 * codes.sum(axis=1)
    expected = model.energies(X) - model.scale_**2 * best
    gap, bound = model.amortization_gap(X, return_bound=True, max_iter=3_000)
    np.testing.assert_allclose(gap, expected, rtol=1e-4, atol=1e-6)
    assert (bound >= expected - 1e-9).all()


@pytest.mark.parametrize(
    "model",
    [
        SparseAutoencoder(12, n_active=2, max_iter=5),
        SparseAutoencoder(12, "batch_topk", n_active=2, max_iter=5),
        SparseAutoencoder(12, "kl", n_active=2, max_iter=5),
        SparseAutoencoder(12, "jumprelu", max_iter=5),
        VariationalAutoencoder(2, (8,), max_iter=5),
        VQAutoencoder(6, 2, 4, (8,), max_iter=5),
    ],
    ids=repr,
)
def test_gaps_are_between_zero_and_their_bound(model):
    gap, bound = model.fit(X).amortization_gap(X, return_bound=True)
    assert (gap >= 0).all() and (gap > 0).any() and (gap <= bound).all()


def test_the_gap_of_one_group_of_codes_is_exact():
    model = VQAutoencoder(6, max_iter=5).fit(X)
    all_codes = model.inverse_transform(np.arange(6)[:, None])
    energies = 0.5 * ((X[:, None] - all_codes) ** 2).sum(axis=2)
    expected = model.reconstruction_error(X) - energies.min(axis=1)
    gap, bound = model.amortization_gap(X, return_bound=True)
    np.testing.assert_allclose(gap, expected, atol=1e-9)
    np.testing.assert_allclose(bound, expected, atol=1e-9)


def test_free_energies():
    """Codes of an encoder are functions of x, so there is one term; −ELBO bounds an integral."""
    model = Autoencoder(2, (8,), max_iter=5).fit(X)
    np.testing.assert_array_equal(model.free_energy(X), model.energies(X))
    model = VariationalAutoencoder(2, ()).fit(X)
    model.params_["encoder_output_weight"] *= 0.9
    assert (model.free_energy(X) > -exact(model, X)).all()
