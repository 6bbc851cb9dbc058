"""A warm start goes on where the rows leave the energy as it was, and starts anew elsewhere."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.preprocessing import PolynomialFeatures

from sklearn_ebm import EBMClassifier
from sklearn_ebm.energies import ENERGIES, MLP, RBM, Featured, Kernel, Linear, Prototypes
from sklearn_ebm.estimators import classifier
from sklearn_ebm.learning import learn as _learning

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn_ebm.exceptions.CollapseWarning"),
]

# Energies that take something from the rows, such as landmarks, and energies that do not.
MOULDED = {
    "kernel": Kernel(n_components=20),
    "fourier": Kernel(n_components=20, approximation="fourier"),
    "prototypes": Prototypes(n_prototypes=2),
    "full metric": Prototypes(n_prototypes=2, metric="full"),
    "features and prototypes": Featured(
        PolynomialFeatures(2).fit(np.zeros((1, 3))), Prototypes(n_prototypes=2)
    ),
}
FREE = {
    "linear": Linear(),
    "mlp": MLP((5,)),
    "rbm": RBM(5),
    "features": Featured(PolynomialFeatures(2).fit(np.zeros((1, 3))), Linear()),
}
RNG = np.random.RandomState(0)
X = RNG.normal(size=(90, 3))
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
OTHER = {"other units": X / 1000, "moved": X + 3, "fewer": X[:-9], "one more": np.r_[X, 2 * X[:1]]}


def fitted(energy, **settings):
    settings = {"random_state": 0, **settings}
    return EBMClassifier(energy, max_iter=15, warm_start=True, **settings).fit(X, Y)


def labels(rows):
    return np.r_[Y, Y[:1]][: len(rows)]


def test_every_energy_is_here():
    assert {*ENERGIES} <= {*MOULDED, *FREE}


@pytest.fixture
def starts(monkeypatch):
    """Where each fit starts from."""
    seen = []

    def learn(*arguments, start, **settings):
        seen.append(start)
        return _learning.learn(*arguments, start=start, **settings)

    monkeypatch.setattr(classifier, "learn", learn)
    return seen


@pytest.mark.parametrize("random_state", [None, "a generator"])
@pytest.mark.parametrize("name", [*MOULDED, *FREE])
def test_the_same_rows_go_on(starts, name, random_state):
    if random_state == "a generator":
        random_state = np.random.RandomState(0)
    clf = fitted((MOULDED | FREE)[name], random_state=random_state)
    clf = pickle.loads(pickle.dumps(clf))
    before, kept = clf.params_, clf.energy_
    clf.fit(X, Y)
    assert starts[0] is None and starts[1].params is before and starts[1].energy is kept


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize("change", OTHER)
@pytest.mark.parametrize("name", MOULDED)
def test_other_rows_start_anew_where_they_shape_the_energy(name, change, as_sparse):
    rows = sparse.csr_matrix(OTHER[change]) if as_sparse else OTHER[change]
    warm = fitted(MOULDED[name]).fit(rows, labels(OTHER[change]))
    cold = clone(warm).fit(rows, labels(OTHER[change]))
    np.testing.assert_array_equal(warm.energies(rows), cold.energies(rows))


@pytest.mark.parametrize("change", OTHER)
@pytest.mark.parametrize("name", FREE)
def test_other_rows_go_on_where_they_do_not(starts, name, change):
    clf = fitted(FREE[name])
    before = clf.params_
    clf.fit(OTHER[change], labels(OTHER[change]))
    assert starts[1].params is before


def test_beta_is_chosen_without_what_the_rows_before_have_left():
    """The folds of β start from the fit before only where the fit itself does."""
    clf = fitted(MOULDED["kernel"], beta="auto").fit(X / 1000, Y)
    assert clf.beta_ == clone(clf).fit(X / 1000, Y).beta_
