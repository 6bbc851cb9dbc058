"""What the tests of parts share: small random problems, and a Hypothesis profile without chance."""

import numpy as np
import pytest
from hypothesis import settings
from scipy import sparse
from threadpoolctl import threadpool_limits

from sklearn_ebm.energies import Linear
from sklearn_ebm.losses import NLL
from sklearn_ebm.solvers.objective import Objective

settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("fixed")


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Threads of BLAS cost more than they bring on problems as small as these."""
    with threadpool_limits(1):
        yield


@pytest.fixture(autouse=True)
def global_chance():
    """Samples without a random_state draw from NumPy's global generator: alike in every run."""
    np.random.seed(0)  # noqa: NPY002


def _make_objective(
    loss=None,
    *,
    seed=0,
    n_rows=40,
    n_features=3,
    n_answers=3,
    penalty=1.0,
    weighted=True,
    as_sparse=False,
    separable=False,
    fit_intercept=True,
    dtype=np.float64,
):
    rng = np.random.RandomState(seed)
    y = rng.permutation(np.arange(n_rows) % n_answers)
    X = rng.normal(size=(n_rows, n_features))
    X += (4.0 if separable else 0.7) * rng.normal(size=(n_answers, n_features))[y]
    if as_sparse:
        X *= rng.uniform(size=X.shape) < 0.5
    X = X.astype(dtype)
    weight = rng.uniform(0.2, 3.0, size=n_rows) if weighted else np.ones(n_rows)
    return Objective(
        Linear(fit_intercept=fit_intercept),
        NLL() if loss is None else loss,
        sparse.csr_matrix(X) if as_sparse else X,
        y,
        weight,
        n_answers,
        penalty,
    )


@pytest.fixture
def make_objective():
    """A factory of objectives on random rows, with a linear energy."""
    return _make_objective
