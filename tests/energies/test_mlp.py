"""The energy of a network: numbers computed by hand, derivatives, dropout, and fits."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_blobs

from sklearn_ebm import EBMClassifier
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies import MLP
from sklearn_ebm.energies._network.activations import ACTIVATIONS
from sklearn_ebm.learning.compatibility import suitable_losses
from sklearn_ebm.solvers import Adam

X = np.array([[3.0], [0.0]])
PARAMS = {
    "hidden_0_weight": np.array([[2.0]]),
    "output_weight": np.array([[1.0, -1.0]]),
    "hidden_0_bias": np.array([-1.0]),
    "output_bias": np.array([0.5, 0.0]),
}

LOSSES = [name for name in suitable_losses("mlp") if name != "perceptron"]


def started(energy, n_features, n_answers=3, seed=0):
    rng = np.random.RandomState(seed)
    return energy.start(Rows(np.zeros((1, n_features)), None, None), n_answers, rng)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csr_array])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_one_unit_by_hand(dtype, kind):
    # The unit is at max(2·3 − 1, 0) = 5 in the first row, and off, at max(−1, 0), in the second.
    line = MLP((1,)).linearize(PARAMS, kind(X.astype(dtype)))
    np.testing.assert_array_equal(line.energies, [[-5.5, 5.0], [-0.5, 0.0]])
    assert line.energies.dtype == dtype
    # dF = (1, −2), (4, 0): scores get (−1, 2), (−4, 0), the unit −1·1 + 2·(−1) = −3 in the row
    # where it is on, its weight −3·3.
    gradient = line.pullback(np.array([[1.0, -2.0], [4.0, 0.0]], dtype=dtype))
    assert all(value.dtype == dtype for value in gradient.values())
    np.testing.assert_array_equal(gradient["output_weight"], [[-5, 10]])
    np.testing.assert_array_equal(gradient["output_bias"], [-5, 2])
    np.testing.assert_array_equal(gradient["hidden_0_bias"], [-3])
    np.testing.assert_array_equal(gradient["hidden_0_weight"], [[-9]])


def test_the_gradient_goes_where_it_is_told_to():
    line = MLP((1,)).linearize(PARAMS, X)
    slope = np.array([[1.0, -2.0], [4.0, 0.0]])
    out = {name: np.full_like(value, np.nan) for name, value in PARAMS.items()}
    line.pullback_into(slope, out)
    for name, value in line.pullback(slope).items():
        np.testing.assert_array_equal(out[name], value)


@pytest.mark.parametrize(
    ("name", "value", "derivative"),
    [
        ("relu", [0.0, 0.0, 2.0], [0.0, 0.0, 1.0]),
        ("tanh", [-0.761594, 0.0, 0.964028], [0.419974, 1.0, 0.070651]),
        # σ(−1) = 0.268941 and σ(2) = 0.880797
        ("silu", [-0.268941, 0.0, 1.761594], [0.072329, 0.5, 1.090784]),
        # Φ(−1) = 0.158655, φ(1) = 0.241971, Φ(2) = 0.977250, φ(2) = 0.053991
        ("gelu", [-0.158655, 0.0, 1.954500], [-0.083315, 0.5, 1.085232]),
    ],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_activations_by_hand(name, value, derivative, dtype):
    activation = ACTIVATIONS[name]()
    h, kept = activation.forward(np.array([-1.0, 0.0, 2.0], dtype=dtype))
    slope = np.ones(3, dtype=dtype)
    activation.backward(slope, kept)
    np.testing.assert_allclose(h, value, atol=1e-6)
    np.testing.assert_allclose(slope, derivative, atol=1e-6)
    assert h.dtype == slope.dtype == dtype


def test_layer_norm_by_hand():
    """Two units at 3 and 1: mean 2, standard deviation 1, so 1 and −1, then gain and shift."""
    params = {
        "hidden_0_weight": np.array([[3.0, 1.0]]),
        "output_weight": np.array([[1.0, 0.0], [0.0, 1.0]]),
        "hidden_0_bias": np.zeros(2),
        "hidden_0_gain": np.array([2.0, -3.0]),
        "hidden_0_shift": np.array([0.5, 0.25]),
    }
    energy = MLP((2,), layer_norm=True, fit_intercept=False)
    assert list(energy.shapes(1, 2)) == list(params)
    line = energy.linearize(params, np.array([[1.0]]))
    np.testing.assert_allclose(line.energies, [[-2.5, -3.25]], rtol=1e-5)
    gradient = line.pullback(np.array([[1.0, 1.0]]))
    np.testing.assert_allclose(gradient["hidden_0_gain"], [-1, 1], rtol=1e-5)
    np.testing.assert_allclose(gradient["hidden_0_shift"], [-1, -1])
    # Two units normalised are ±1 wherever they are: no slope is left but that of ε.
    np.testing.assert_allclose(gradient["hidden_0_weight"], 0, atol=1e-4)


@pytest.mark.parametrize("n_rows", [2, 7])
def test_the_derivative_holds_while_units_are_left_out(n_rows):
    energy = MLP((6, 5), "tanh", dropout=0.4, layer_norm=True)
    params, rng = started(energy, 4), np.random.RandomState(1)
    rows, slope = rng.normal(size=(n_rows, 4)), rng.normal(size=(n_rows, 3))
    step = energy._for_step(rng)
    gradient = step.linearize(params, rows).pullback(slope)
    for name, value in params.items():
        direction = rng.normal(size=value.shape)
        ends = [
            step.linearize({**params, name: value + size * direction}, rows).energies
            for size in (1e-6, -1e-6)
        ]
        expected = np.vdot(slope, ends[0] - ends[1]) / 2e-6
        np.testing.assert_allclose(np.vdot(gradient[name], direction), expected, rtol=1e-5)


def test_dropout_keeps_the_mean():
    energy = MLP((4,), dropout=0.5)
    params, rng = started(energy, 3), np.random.RandomState(0)
    rows = np.ones((20_000, 3))
    step = energy._for_step(rng)
    drawn = step.linearize(params, rows).energies
    whole = energy.linearize(params, rows).energies
    assert drawn.std(axis=0).min() > 0.1
    np.testing.assert_allclose(drawn.mean(axis=0), whole[0], atol=0.03)
    np.testing.assert_array_equal(drawn, step.linearize(params, rows).energies)
    other = energy._for_step(rng).linearize(params, rows).energies
    assert not np.array_equal(drawn, other)
    assert MLP()._for_step(rng)._for_step(rng)._seed is None


def test_weights_are_penalised_and_nothing_else():
    energy = MLP((4, 3), layer_norm=True)
    assert energy.penalized == ("hidden_0_weight", "hidden_1_weight", "output_weight")
    assert set(energy.penalized) < set(energy.shapes(2, 2))
    assert list(energy.shapes(2, 2))[:3] == list(energy.penalized)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_start_keeps_the_size_of_what_comes_in(activation):
    energy = MLP((300, 300), activation)
    params = started(energy, 300, n_answers=50)
    rows = np.random.RandomState(1).normal(size=(200, 300))
    size = energy.linearize(params, rows).energies.std()
    assert 0.3 < size < 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_layer_sizes": ()}, "hidden_layer_sizes="),
        ({"hidden_layer_sizes": (5, 0)}, "hidden_layer_sizes="),
        ({"hidden_layer_sizes": (2.5,)}, "hidden_layer_sizes="),
        ({"hidden_layer_sizes": None}, "hidden_layer_sizes=None"),
        ({"activation": "rely"}, "Did you mean 'relu'"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"dropout": "half"}, "dropout='half'"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        EBMClassifier(energy=MLP(**settings), random_state=0).fit(X, [0, 1])


@pytest.mark.parametrize("n_classes", [2, 20])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_learns(loss, n_classes):
    rows, y = make_blobs(400, 8, centers=n_classes, cluster_std=0.5, random_state=0)
    rows = rows / rows.std(axis=0)
    solver = Adam(learning_rate=0.01, batch_size=50)
    model = EBMClassifier(
        energy=MLP((30,)), loss=loss, solver=solver, max_iter=40, C=100.0, random_state=0
    )
    model.fit(rows, y)
    assert model.score(rows, y) > 0.9
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert model.n_iter_ == 40


def test_class_weight_moves_the_border():
    rng = np.random.RandomState(0)
    y = np.repeat([0, 1], [180, 20])
    rows = rng.normal(size=(200, 2)) + y[:, None]
    settings = {"energy": MLP((10,)), "solver": Adam(learning_rate=0.01), "max_iter": 200}
    plain = EBMClassifier(**settings, random_state=0).fit(rows, y)
    balanced = EBMClassifier(class_weight="balanced", **settings, random_state=0).fit(rows, y)
    assert balanced.predict(rows).sum() > plain.predict(rows).sum()


def test_float32_stays_float32():
    rows, y = make_blobs(100, 4, centers=3, random_state=0)
    solver = Adam(learning_rate=0.1)
    model = EBMClassifier(
        energy=MLP((5,), layer_norm=True, dropout=0.1), solver=solver, max_iter=9, random_state=0
    )
    model.fit(rows.astype(np.float32), y)
    assert all(value.dtype == np.float32 for value in model.params_.values())
    assert model.energies(rows.astype(np.float32)).dtype == np.float32


def test_sparse_rows_give_what_dense_rows_give():
    rows, y = make_blobs(300, 6, centers=3, random_state=0)
    rows[np.random.RandomState(0).uniform(size=rows.shape) < 0.5] = 0
    model = EBMClassifier(energy=MLP((7,)), solver=Adam(batch_size=64), max_iter=20, random_state=0)
    dense = model.fit(rows, y).energies(rows)
    for kind in (sparse.csr_matrix, sparse.csr_array):
        np.testing.assert_allclose(model.fit(kind(rows), y).energies(rows), dense, atol=1e-4)


def test_copies():
    rows, y = make_blobs(60, 2, centers=3, random_state=0)
    model = EBMClassifier(energy=MLP((5,), dropout=0.2), max_iter=5, random_state=0).fit(rows, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.energies(rows), model.energies(rows))
    np.testing.assert_array_equal(clone(model).fit(rows, y).energies(rows), model.energies(rows))
