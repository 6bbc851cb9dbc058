"""LISTA: its start, its gradients, its certificates, and scikit-learn's contract."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklearn_ebm._utils.parameters import ParameterLayout
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.exceptions import CollapseWarning
from sklearn_ebm.inference import Descent
from sklearn_ebm.representation import LISTA, SparseCoding
from sklearn_ebm.representation import _encoder as module
from sklearn_ebm.representation._encoder import EncoderEnergy
from sklearn_ebm.solvers import Adam

RNG = np.random.RandomState(0)
ATOMS = RNG.normal(size=(8, 5))
X = RNG.normal(size=(60, 5))


def batches(size):
    """The default solver with mini-batches of another size."""
    return Adam(learning_rate=0.005, batch_size=size)


def energy(X, codes, dictionary, alpha):
    away = X - codes @ dictionary
    return 0.5 * (away**2).sum(axis=1) + alpha * np.abs(codes).sum(axis=1)


def fixed(**settings):
    """An encoder for a dictionary that is given; by default it is not learned."""
    settings = {"alpha": 0.3, "dictionary": ATOMS, "n_layers": 3, "max_iter": 0} | settings
    return LISTA(8, **settings).fit(X)


def sparse_sums(n_samples=1_200, n_atoms=24, n_features=16, seed=0):
    """Samples that are sums of few atoms with a common direction, and the atoms."""
    rng = np.random.RandomState(seed)
    atoms = rng.normal(size=(n_atoms, n_features)) + 0.8
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    active = rng.uniform(size=(n_samples, n_atoms)) < 0.1
    return (active * rng.normal(size=active.shape)) @ atoms, atoms


def excess(found, best):
    """How far mean energies lie above the best ones, as a fraction."""
    return found.mean() / best.mean() - 1


# The start


@pytest.mark.parametrize("n_layers", [1, 2, 5])
@pytest.mark.parametrize("positive", [False, True])
def test_without_a_cap_the_start_is_fista(n_layers, positive, monkeypatch):
    """With the largest eigenvalue as its cap, the preconditioner is 1/L."""
    monkeypatch.setattr(module, "CAPS", np.ones(1))
    encoder = fixed(n_layers=n_layers, positive_code=positive)
    atoms = encoder.dictionary_
    step = 1 / np.linalg.eigvalsh(atoms @ atoms.T)[-1]
    z, u, t = np.zeros((60, 8)), np.zeros((60, 8)), 1.0
    for _ in range(n_layers):
        before, v = z, u - step * (u @ atoms - X) @ atoms.T
        z = np.maximum(v - 0.3 * step, 0) if positive else v - np.clip(v, -0.3 * step, 0.3 * step)
        t, after = (1 + np.sqrt(1 + 4 * t**2)) / 2, t
        u = z + (after - 1) / t * (z - before)
    np.testing.assert_allclose(encoder.transform(X), z, atol=1e-12)


def test_the_start_is_no_worse_than_fista():
    rows, atoms = sparse_sums()
    encoder = LISTA(24, alpha=0.05, dictionary=atoms, n_layers=4, max_iter=0).fit(rows)
    fista = encoder.coding_.set_params(inference=Descent(4, 0.0)).energies(rows)
    assert encoder.energies(rows).mean() < 0.9 * fista.mean()


# Learning


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("n_layers", [1, 2, 4])
def test_gradients_are_differences(tied, positive, n_layers):
    atoms = fixed().dictionary_
    rows = np.c_[X @ atoms.T, 0.5 * (X**2).sum(axis=1)]
    unit = EncoderEnergy(atoms @ atoms.T, 0.3, n_layers, tied, positive)
    start = unit.start(Rows(rows, np.zeros(60, dtype=int), np.ones(60)), 1, RNG)
    layout = ParameterLayout(unit.shapes(9, 1))
    w = layout.pack(start) + 0.05 * np.random.RandomState(1).normal(size=layout.size)
    slope = np.random.RandomState(2).uniform(-1, 1, size=(60, 1))

    def value(w):
        return float((slope * unit.linearize(layout.unpack(w), rows).energies).sum())

    line = unit.linearize(layout.unpack(w), rows)
    gradient = layout.pack(line.pullback(slope))
    steps = 1e-6 * np.eye(layout.size)
    differences = [(value(w + step) - value(w - step)) / 2e-6 for step in steps]
    np.testing.assert_allclose(gradient, differences, atol=1e-7)
    into = {name: np.empty(shape) for name, shape in layout.shapes.items()}
    line.pullback_into(slope, into)
    np.testing.assert_array_equal(layout.pack(into), gradient)


@pytest.mark.parametrize("tied", [False, True])
def test_learning_lowers_held_out_energies_far_below_those_of_fista(tied):
    rows, atoms = sparse_sums()
    rows, new = rows[:1_000], rows[1_000:]
    settings = {"alpha": 0.05, "dictionary": atoms, "n_layers": 4, "tied": tied}
    learned = LISTA(24, max_iter=60, solver=batches(100), **settings).fit(rows)
    start = LISTA(24, max_iter=0, **settings).fit(rows)
    best = start.coding_.energies(new)
    fista = clone(start.coding_).set_params(inference=Descent(4, 0.0)).fit(rows).energies(new)
    assert learned.n_iter_ == 60 and len(learned.energy_curve_) == 61
    assert learned.energy_curve_[-1] < 0.9 * learned.energy_curve_[0]
    assert excess(learned.energies(new), best) < 0.35 * excess(start.energies(new), best)
    assert excess(learned.energies(new), best) < 0.15 * excess(fista, best)


def test_more_layers_and_refinement_come_closer_to_the_minimum():
    rows, atoms = sparse_sums()
    settings = {"alpha": 0.05, "dictionary": atoms, "max_iter": 30, "solver": batches(100)}
    gaps = [
        LISTA(24, n_layers=n_layers, refine_steps=steps, **settings)
        .fit(rows)
        .amortization_gap(rows)
        .mean()
        for n_layers, steps in ((1, 0), (2, 0), (6, 0), (6, 20))
    ]
    assert gaps[0] > 1.5 * gaps[1] > 3 * gaps[2] > 6 * gaps[3]


def test_the_dictionary_is_learned_as_sparse_coding_does():
    rows, _ = sparse_sums(400)
    coding = SparseCoding(12, alpha=0.1).fit(rows)
    encoder = LISTA(12, alpha=0.1, max_iter=1).fit(rows)
    np.testing.assert_allclose(encoder.dictionary_, coding.dictionary_, atol=1e-12)
    given = LISTA(12, alpha=0.1, max_iter=1, dictionary=3 * coding.dictionary_).fit(rows)
    np.testing.assert_allclose(given.dictionary_, coding.dictionary_, atol=1e-12)
    np.testing.assert_allclose(given.transform(rows), encoder.transform(rows), atol=1e-6)


def test_samples_of_weight_zero_are_left_out_and_a_common_factor_has_no_effect():
    weight = np.repeat([1.0, 0.0, 1.0], 20)
    encoder = LISTA(8, alpha=0.3, dictionary=ATOMS, max_iter=3, solver=batches(16))
    codes = [
        clone(encoder).fit(X, sample_weight=weight).transform(X),
        clone(encoder).fit(X[weight > 0]).transform(X),
        clone(encoder).fit(X, sample_weight=1e-200 * weight).transform(X),
    ]
    np.testing.assert_allclose(codes[1], codes[0], atol=1e-6)
    np.testing.assert_allclose(codes[2], codes[0], atol=1e-6)


def test_weights_are_repetitions_within_one_batch():
    times = np.arange(60) % 3
    encoder = LISTA(8, alpha=0.3, dictionary=ATOMS, max_iter=5)
    weighted = clone(encoder).fit(X, sample_weight=times)
    repeated = clone(encoder).fit(np.repeat(X, times, axis=0))
    np.testing.assert_allclose(weighted.transform(X), repeated.transform(X), atol=1e-9)
    np.testing.assert_allclose(
        weighted.energy_curve_ * 40 / 60, repeated.energy_curve_ * 40 / 60, rtol=1e-9
    )


def test_few_samples_have_many_passes():
    assert fixed(max_iter=None, solver=batches(6)).n_iter_ == 100  # of 10 batches


def test_learning_that_raises_the_energies_keeps_the_start():
    rows, atoms = sparse_sums(200)
    settings = {"alpha": 0.05, "dictionary": atoms}
    with pytest.warns(ConvergenceWarning, match=r"keeps its start; lower the learning_rate"):
        encoder = LISTA(24, max_iter=3, solver=Adam(3.0, 256), **settings).fit(rows)
    start = LISTA(24, max_iter=0, **settings).fit(rows)
    np.testing.assert_array_equal(encoder.transform(rows), start.transform(rows))


def test_a_penalty_that_is_too_strong_is_a_collapse():
    for dictionary in (None, ATOMS):
        with pytest.warns(CollapseWarning, match=r"alpha=1000.* lower alpha") as found:
            encoder = LISTA(8, alpha=1e3, dictionary=dictionary, max_iter=1).fit(X)
        assert len(found) == 1
        assert not encoder.transform(X).any()
        np.testing.assert_allclose(encoder.energies(X), 0.5 * (X**2).sum(axis=1))


# Energies and certificates


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("refine_steps", [0, 7])
def test_gaps_bound_the_distance_from_the_minimum(positive, refine_steps):
    encoder = fixed(positive_code=positive, refine_steps=refine_steps, max_iter=5, tol=1e-10)
    codes, gap = encoder.transform(X, return_gap=True)
    np.testing.assert_allclose(encoder.transform(X), codes, atol=1e-12)
    found = energy(X, codes, encoder.dictionary_, 0.3)
    np.testing.assert_allclose(encoder.energies(X), found)
    best = encoder.coding_.transform(X)
    lost = found - energy(X, best, encoder.dictionary_, 0.3)
    np.testing.assert_allclose(encoder.amortization_gap(X), np.maximum(lost, 0), atol=1e-12)
    assert (lost <= gap + 1e-9).all() and lost.max() > 1e-6
    assert (codes >= 0).all() == positive
    np.testing.assert_allclose(
        encoder.reconstruction_error(X),
        0.5 * ((X - encoder.inverse_transform(codes)) ** 2).sum(axis=1),
    )
    np.testing.assert_array_equal(encoder.score_samples(X), -encoder.energies(X))


def test_a_refinement_starts_at_the_code_of_the_encoder():
    plain, refined = fixed(), fixed(refine_steps=1)
    atoms, codes = plain.dictionary_, plain.transform(X)
    step = 1 / np.linalg.eigvalsh(atoms @ atoms.T)[-1]
    v = codes - step * (codes @ atoms - X) @ atoms.T
    expected = v - np.clip(v, -0.3 * step, 0.3 * step)
    np.testing.assert_allclose(refined.transform(X), expected, atol=1e-5)


def test_codes_do_not_depend_on_other_samples():
    rows = np.tile(X, (20, 1))  # three blocks
    encoder = fixed(max_iter=2)
    whole = encoder.transform(rows)
    np.testing.assert_allclose(whole[:60], encoder.transform(X), atol=1e-12)
    np.testing.assert_allclose(encoder.transform(X[:1]), whole[:1], atol=1e-12)


# Unusual data


@pytest.mark.parametrize("size", [1e-100, 1e100])
def test_codes_have_the_scale_of_the_data(size):
    plain = LISTA(8, alpha=0.3, max_iter=5, solver=batches(20)).fit(X)
    scaled = LISTA(8, alpha=0.3 * size, max_iter=5, solver=batches(20)).fit(X * size)
    np.testing.assert_allclose(scaled.transform(X * size) / size, plain.transform(X), atol=1e-4)
    np.testing.assert_allclose(
        scaled.amortization_gap(X * size) / size / size, plain.amortization_gap(X), atol=1e-3
    )
    np.testing.assert_allclose(scaled.energy_curve_ / size / size, plain.energy_curve_, rtol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("refine_steps", [0, 2])
def test_the_dtype_is_kept(dtype, refine_steps):
    rows = X.astype(dtype)
    encoder = LISTA(8, alpha=0.3, max_iter=2, solver=batches(20), refine_steps=refine_steps).fit(
        rows
    )
    codes, gap = encoder.transform(rows, return_gap=True)
    found = (
        encoder.transform(rows), codes, gap, encoder.energies(rows), encoder.dictionary_,
        encoder.amortization_gap(rows), encoder.inverse_transform(codes),
    )  # fmt: skip
    assert {part.dtype for part in found} == {np.dtype(dtype)}


def test_few_samples_zero_rows_and_constant_columns():
    rows = np.c_[X[:3], np.ones(3), np.zeros(3)]
    rows = np.vstack([rows, np.zeros((1, 7))])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder = LISTA(10, alpha=0.1, max_iter=20).fit(rows)
    codes, gap = encoder.transform(rows, return_gap=True)
    assert codes.shape == (4, 10) and not codes[3].any() and gap[3] == 0
    with pytest.warns(CollapseWarning):
        nothing = LISTA(8, alpha=0.1, max_iter=2, dictionary=ATOMS).fit(np.zeros((4, 5)))
    assert not nothing.transform(np.zeros((4, 5))).any()


def test_the_same_seed_gives_the_same_encoder_and_pickles_give_the_same_codes():
    one, other = (LISTA(8, alpha=0.3, max_iter=3, solver=batches(16)).fit(X) for _ in range(2))
    np.testing.assert_array_equal(one.transform(X), other.transform(X))
    again = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(again.transform(X), one.transform(X))
    assert not hasattr(clone(one), "dictionary_")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_components": 0}, "n_components=0 of LISTA"),
        ({"alpha": 0.0}, "alpha=0.0 of LISTA must be a positive finite number"),
        ({"n_layers": 0}, "n_layers=0 of LISTA"),
        ({"tied": "no"}, "tied='no' of LISTA must be True or False"),
        ({"refine_steps": -1}, "refine_steps=-1 of LISTA"),
        ({"dictionary": "data"}, "dictionary='data' of LISTA must be None, which learns"),
        ({"dictionary": np.ones((2, 3))}, r"dictionary of shape \(2, 3\) must hold n_components=4"),
        ({"positive_code": 1}, "positive_code=1 of LISTA"),
        ({"max_iter": -1}, "max_iter=-1"),
        ({"solver": batches(0)}, "batch_size=0 of Adam"),
        ({"solver": "addam"}, "Did you mean 'adam'"),
        ({"tol": 0}, "tol=0 of LISTA"),
    ],
)
def test_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        LISTA(**({"n_components": 4} | settings)).fit(X)
