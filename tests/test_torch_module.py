"""Any PyTorch module as an energy."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV

from sklearn_ebm import EBMClassifier, checks
from sklearn_ebm.energies import TorchModule
from sklearn_ebm.solvers import SOLVERS

torch = pytest.importorskip("torch")

X, Y = make_classification(300, 6, n_informative=4, n_classes=3, random_state=0)


def network(*layers, seed=0):
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        *layers or (torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_energies_and_pullback_by_hand(dtype):
    energy = TorchModule(torch.nn.Linear(2, 2))
    params = {
        "weight": np.array([[1.0, 2.0], [0.0, -1.0]], dtype),
        "bias": np.array([0.5, 0.0], dtype),
    }
    line = energy.linearize(params, np.array([[3.0, 1.0]], dtype))
    np.testing.assert_array_equal(line.energies, [[-5.5, 1.0]])
    assert line.energies.dtype == dtype
    for _ in range(2):
        gradient = line.pullback(np.array([[1.0, -2.0]], dtype))
        np.testing.assert_array_equal(gradient["weight"], [[-3, -1], [6, 2]])
        np.testing.assert_array_equal(gradient["bias"], [-1, 2])
        assert gradient["weight"].dtype == dtype


class Flat(torch.nn.Module):
    """As many outputs as asked for, so that the checks can have 2, 3 and 7 classes."""

    def __init__(self, outputs):
        super().__init__()
        self.inner = torch.nn.Linear(4, 3)
        self.outer = torch.nn.Linear(3, outputs)

    def forward(self, rows):
        return self.outer(torch.tanh(self.inner(rows)))


@pytest.mark.parametrize("check", checks.energies.ENERGY_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("n_answers", [2, 7])
def test_promises(check, n_answers):
    rng = np.random.RandomState(0)
    rows, y = rng.normal(size=(15, 4)), np.arange(15) % n_answers
    energy = TorchModule(Flat(n_answers)).prepared(rows, y, np.ones(15), n_answers, rng)
    params = {name: rng.normal(size=s) for name, s in energy.shapes(4, n_answers).items()}
    check(energy, rows, n_answers, params)


@pytest.mark.parametrize("loss", ["nll", "hinge", "square_square"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_it_learns_pickles_and_clones(loss, dtype):
    module = network()
    before = {name: part.clone() for name, part in module.state_dict().items()}
    clf = EBMClassifier(energy=TorchModule(module), loss=loss, max_iter=500).fit(X.astype(dtype), Y)
    assert clf.score(X.astype(dtype), Y) > 0.75
    assert all(torch.equal(part, before[name]) for name, part in module.state_dict().items())
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.energies(X), clf.energies(X))
    refit = clone(clf).fit(X.astype(dtype), Y)
    np.testing.assert_allclose(refit.energies(X), clf.energies(X), rtol=1e-4, atol=1e-4)
    assert clf.energies(X.astype(dtype)).dtype == dtype


def test_grid_search():
    grid = {"C": [0.1, 10.0], "solver__learning_rate": [1e-2]}
    clf = EBMClassifier(energy=TorchModule(network()), solver=SOLVERS["adam"](), max_iter=200)
    assert GridSearchCV(clf, grid, cv=2).fit(X, Y).best_score_ > 0.5


def test_dropout_and_batch_normalisation_train_and_predict():
    module = network(
        torch.nn.Linear(6, 16), torch.nn.BatchNorm1d(16), torch.nn.ReLU(), torch.nn.Dropout(0.3),
        torch.nn.Linear(16, 3),
    )  # fmt: skip
    clf = EBMClassifier(energy=TorchModule(module), max_iter=300).fit(X, Y)
    assert clf.score(X, Y) > 0.75
    moments = clf.energy_.module[1].running_mean
    assert float(moments.abs().max()) > 0 and not module[1].running_mean.any()
    np.testing.assert_array_equal(clf.energies(X), clf.energies(X))
    np.testing.assert_allclose(clf.energies(X[:5]), clf.energies(X)[:5], atol=1e-12)


def test_frozen_parameters_stay():
    module = network()
    module[0].weight.requires_grad_(False)
    clf = EBMClassifier(energy=TorchModule(module), max_iter=100).fit(X, Y)
    assert set(clf.params_) == {"0.bias", "2.weight", "2.bias"}


@pytest.mark.parametrize(
    ("module", "error", "message"),
    [
        (
            network(torch.nn.Linear(6, 4)),
            ValueError,
            "output of shape .1, 4. for one row",
        ),
        (network(torch.nn.Linear(5, 3)), ValueError, "cannot take rows of 6 features"),
        ("mlp", TypeError, "must be an object of torch.nn.Module"),
    ],
)
def test_modules_that_do_not_fit(module, error, message):
    with pytest.raises(error, match=message):
        EBMClassifier(energy=TorchModule(module)).fit(X, Y)
