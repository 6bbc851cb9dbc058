"""Any PyTorch module as an energy."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

from sklearn_ebm import EBMClassifier, checks
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies import MLP, Featured, TorchModule
from sklearn_ebm.learning.parametrization import own_copy
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
    energy = TorchModule(Flat(n_answers)).initialized(Rows(rows, y, np.ones(15)), n_answers, rng)
    params = {name: rng.normal(size=s) for name, s in energy.shapes(4, n_answers).items()}
    check(energy, rows, n_answers, params)


@pytest.mark.parametrize("loss", ["nll", "hinge", "square_square"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_it_learns_pickles_and_clones(loss, dtype):
    module = network()
    before = {name: part.clone() for name, part in module.state_dict().items()}
    clf = EBMClassifier(energy=TorchModule(module), loss=loss, max_iter=500, random_state=0).fit(
        X.astype(dtype), Y
    )
    assert clf.score(X.astype(dtype), Y) > 0.75
    assert all(torch.equal(part, before[name]) for name, part in module.state_dict().items())
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.energies(X), clf.energies(X))
    refit = clone(clf).fit(X.astype(dtype), Y)
    np.testing.assert_allclose(refit.energies(X), clf.energies(X), rtol=1e-4, atol=1e-4)
    assert clf.energies(X.astype(dtype)).dtype == dtype


def test_grid_search():
    grid = {"C": [0.1, 10.0], "solver__learning_rate": [1e-2]}
    clf = EBMClassifier(
        energy=TorchModule(network()), solver=SOLVERS["adam"](), max_iter=200, random_state=0
    )
    assert GridSearchCV(clf, grid, cv=2).fit(X, Y).best_score_ > 0.5


def test_dropout_and_batch_normalisation_train_and_predict():
    module = network(
        torch.nn.Linear(6, 16), torch.nn.BatchNorm1d(16), torch.nn.ReLU(), torch.nn.Dropout(0.3),
        torch.nn.Linear(16, 3),
    )  # fmt: skip
    clf = EBMClassifier(energy=TorchModule(module), max_iter=300, random_state=0).fit(X, Y)
    assert clf.score(X, Y) > 0.75
    moments = clf.energy_.module[1].running_mean
    assert float(moments.abs().max()) > 0 and not module[1].running_mean.any()
    np.testing.assert_array_equal(clf.energies(X), clf.energies(X))
    np.testing.assert_allclose(clf.energies(X[:5]), clf.energies(X)[:5], atol=1e-12)


def test_frozen_parameters_stay():
    module = network()
    module[0].weight.requires_grad_(False)
    clf = EBMClassifier(energy=TorchModule(module), max_iter=100, random_state=0).fit(X, Y)
    assert set(clf.params_) == {"0.bias", "2.weight", "2.bias"}


class Pair(torch.nn.Linear):
    """It returns what no classifier can use."""

    def __init__(self):
        super().__init__(6, 3)

    def forward(self, rows):
        return super().forward(rows), rows


@pytest.mark.parametrize(
    ("module", "error", "message"),
    [
        (
            network(torch.nn.Linear(6, 4)),
            ValueError,
            "output of shape .1, 4. for one row",
        ),
        (network(torch.nn.Linear(5, 3)), ValueError, "cannot take rows of 6 features"),
        (network().requires_grad_(False), ValueError, "all are frozen .requires_grad=False."),
        (Pair(), ValueError, "returns a tuple for rows .n, 6.; it must return one tensor"),
        ("mlp", TypeError, "must be an object of torch.nn.Module"),
    ],
)
def test_modules_that_do_not_fit(module, error, message):
    with pytest.raises(error, match=message):
        EBMClassifier(energy=TorchModule(module), random_state=0).fit(X, Y)


def wide_network():
    return network(
        torch.nn.Linear(6, 400), torch.nn.BatchNorm1d(400), torch.nn.ReLU(), torch.nn.Dropout(0.2),
        torch.nn.Linear(400, 300), torch.nn.ReLU(), torch.nn.Linear(300, 3),
    )  # fmt: skip


def test_threads_change_nothing():
    """One module computes one batch at a time: parameters and mode are set in it for that time."""
    rng = np.random.RandomState(0)
    rows = rng.normal(size=(120_000, 6)).astype(np.float32)
    y = (rows[:, 0] > 0).astype(int) + (rows[:, 1] > 1)
    module, fits = wide_network(), []
    for n_threads in (1, 3):
        with threadpool_limits(n_threads, user_api="blas"):
            clf = EBMClassifier(
                energy=TorchModule(module), solver=SOLVERS["adam"](batch_size=4000),
                max_iter=4, random_state=0,
            ).fit(rows[:8000], y[:8000])  # fmt: skip
            fits.append((clf, clf.energies(rows)))
    (one, expected), (several, found) = fits
    assert sum(part.size for part in one.params_.values()) > 1e5
    for name, part in one.params_.items():
        np.testing.assert_allclose(several.params_[name], part, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
    halves = [rows[:60_000], rows[60_000:]]
    with ThreadPoolExecutor(2) as pool:  # a user's own threads
        together = np.concatenate(list(pool.map(one.energies, halves)))
    np.testing.assert_allclose(together, expected, rtol=1e-3, atol=1e-3)


def test_going_on_leaves_the_buffers_of_the_earlier_energy():
    module = network(torch.nn.Linear(6, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 3))
    module.double()
    for energy in (TorchModule(module), Featured(Same(), TorchModule(module))):
        other = own_copy(energy)
        _, inner = other._split_features() or (None, other)
        rng = np.random.RandomState(0)
        params = energy.start(Rows(X, Y, np.ones(300)), 3, rng)
        inner._for_step(rng).linearize(params, X + 5.0)
        assert not module[1].running_mean.any()
        assert inner.module[1].running_mean.any()
    plain = MLP((3,))
    assert own_copy(plain) is plain


class Same:
    """Features that are the rows."""

    def transform(self, rows):
        return rows


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_module_with_what_was_learnt(dtype):
    rows = X.astype(dtype)
    clf = EBMClassifier(energy=TorchModule(network()), max_iter=50, random_state=0).fit(rows, Y)
    module = clf.energy_.trained(clf.params_)
    scores = module(torch.from_numpy(rows)).detach().numpy()
    np.testing.assert_allclose(-scores, clf.energies(rows), rtol=1e-5, atol=1e-5)
    before = clf.energies(rows)
    with torch.no_grad():
        module[0].weight.zero_()
    np.testing.assert_array_equal(clf.energies(rows), before)


@pytest.mark.parametrize(
    "energy",
    [
        MLP((3,), dropout=0.1),
        TorchModule(network(torch.nn.Linear(6, 3), torch.nn.Dropout(0.2))),
        Featured(Same(), TorchModule(network(torch.nn.Linear(6, 3), torch.nn.BatchNorm1d(3)))),
    ],
    ids=["mlp", "dropout", "moments"],
)
def test_what_needs_mini_batches_is_refused_by_exact_solvers(energy):
    with pytest.raises(ValueError, match=r"cannot be learned by solver 'lbfgs'.*solver='adam'"):
        EBMClassifier(energy=energy, solver="lbfgs", random_state=0).fit(X, Y)
    assert (
        TorchModule(network()).traits.batches_because is None
        and MLP((3,)).traits.batches_because is None
    )


def test_no_batch_of_a_single_row():
    """Batch normalisation cannot take one; 401 rows in batches of 200 used to end with it."""
    module = network(torch.nn.Linear(6, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 3))
    rows, y = np.vstack([X, X])[:401], np.r_[Y, Y][:401]
    EBMClassifier(energy=TorchModule(module), max_iter=60, random_state=0).fit(rows, y)
