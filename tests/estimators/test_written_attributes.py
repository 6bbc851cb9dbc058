"""What is written into fitted attributes is what answers, as in scikit-learn's linear models."""

import copy
import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, SGDClassifier

from sklearn_ebm import EBMClassifier, EBMClassifierCV
from sklearn_ebm.energies import ENERGIES, Featured, Linear, Prototypes
from sklearn_ebm.learning.compatibility import suitable_losses

# Fits are short.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn_ebm.exceptions.CollapseWarning"),
]

RNG = np.random.RandomState(0)
Y = np.arange(30) % 3
X = RNG.normal(size=(3, 4))[Y] + RNG.normal(size=(30, 4))


class Doubled:
    """A transformer of a user: every column twice."""

    def transform(self, X):
        return np.hstack([X, X])

    def get_feature_names_out(self):
        return np.arange(8)


MODELS = {
    **{
        f"linear {loss}": lambda loss=loss: EBMClassifier("linear", loss, tol=1e-2, random_state=0)
        for loss in suitable_losses("linear")
    },
    "no intercept": lambda: EBMClassifier(fit_intercept=False),
    "featured": lambda: EBMClassifier(Featured(Doubled(), Linear())),
    "in a search": lambda: EBMClassifierCV(losses=["nll"], Cs=[1.0], cv=2),
}


def data(n_classes, dtype=np.float64):
    rows = n_classes > Y
    return X[rows].astype(dtype), Y[rows]


def columns(model):
    return np.hstack([X, X]) if model.coef_.shape[1] == 8 else X


def follows(model):
    """All answers are those of the coefficients, by scikit-learn's own formula."""
    coef = model.coef_.toarray() if sparse.issparse(model.coef_) else model.coef_
    expected = columns(model) @ coef.T + model.intercept_
    two = len(model.classes_) == 2
    decisions = model.decision_function(X)
    np.testing.assert_allclose(decisions, expected[:, 0] if two else expected, atol=1e-10)
    energies, apart = model.energies(X), decisions
    if two:
        np.testing.assert_allclose(energies[:, 0] - energies[:, 1], decisions, atol=1e-10)
        apart = np.column_stack([0 * decisions, decisions])
    else:
        np.testing.assert_allclose(energies, -decisions, atol=1e-10)
    odds = np.exp(model.beta_ * (apart - apart.max(axis=1, keepdims=True)))
    np.testing.assert_allclose(
        model.predict_proba(X), odds / odds.sum(axis=1, keepdims=True), atol=1e-9
    )
    np.testing.assert_array_equal(model.predict(X), model.classes_[apart.argmax(axis=1)])


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", MODELS)
def test_written_in_place_and_assigned(name, n_classes):
    model = MODELS[name]().fit(*data(n_classes))
    before = model.predict_proba(X)
    follows(model)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    model.coef_[:] = 0
    model.intercept_[:] = 0
    np.testing.assert_allclose(model.decision_function(X), 0, atol=1e-12)
    np.testing.assert_allclose(model.predict_proba(X), 1 / n_classes, atol=1e-12)
    model.coef_[0, 1], model.intercept_[0] = 2.0, 0.5
    follows(model)
    model.coef_ = RNG.normal(size=model.coef_.shape)
    model.intercept_ = RNG.normal(size=model.intercept_.shape)
    follows(model)
    coef = model.coef_.copy()
    for again in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        follows(again)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).coef_, coef)
    assert not hasattr(clone(model), "coef_")
    model.fit(*data(n_classes))
    np.testing.assert_array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_search_and_its_best_estimator_are_one(n_classes):
    """Whichever of both is written to."""
    search = MODELS["in a search"]().fit(*data(n_classes))
    search.best_estimator_.coef_ = 0 * search.coef_
    search.best_estimator_.intercept_[:] = 0
    np.testing.assert_allclose(search.decision_function(X), 0, atol=1e-12)
    search.coef_ = search.coef_ + 1.0
    np.testing.assert_array_equal(search.best_estimator_.coef_, search.coef_)
    follows(search)
    assert not hasattr(MODELS["in a search"](), "coef_")
    kernel = EBMClassifierCV("kernel", ["nll"], Cs=[1.0], cv=2).fit(*data(n_classes))
    assert not hasattr(kernel, "coef_")


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_stays_that_of_the_model(n_classes, dtype):
    rows, y = data(n_classes, dtype)
    model = EBMClassifier().fit(rows, y)
    model.coef_ = np.ones(model.coef_.shape, dtype=int)
    assert model.predict_proba(rows).dtype == model.energies(rows).dtype == dtype
    np.testing.assert_allclose(model.predict_proba(rows).sum(axis=1), 1, rtol=1e-6)
    expected = rows.sum(axis=1)[:, None] + model.intercept_
    found = model.decision_function(rows).reshape(len(rows), -1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("attribute", ["coef_", "intercept_"])
def test_another_shape_is_refused(attribute):
    model = EBMClassifier().fit(X, Y)
    setattr(model, attribute, np.ones((7, 7)))
    message = rf"^{attribute} has shape \(7, 7\) now, but this model has {attribute} of shape .*;"
    with pytest.raises(ValueError, match=message):
        model.predict(X)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", ["nll", "square_square"])
def test_warm_start_goes_on_from_what_was_written(loss, n_classes):
    """One iteration from the minimum of another fit is there at once; from zero it is not."""
    rows, y = data(n_classes)
    there = EBMClassifier(loss=loss, tol=1e-8).fit(rows, y)
    model = EBMClassifier(loss=loss, warm_start=True, max_iter=1).fit(rows, y)
    model.coef_, model.intercept_ = 1e3 * there.coef_, there.intercept_
    far = model.fit(rows, y).loss_curve_[0]
    model.coef_, model.intercept_ = there.coef_, there.intercept_
    assert far > 10 * model.fit(rows, y).loss_curve_[0]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", suitable_losses("linear"))
def test_stream_goes_on_from_what_was_written(loss, n_classes):
    """Not from what the solver remembers: one part changes coefficients by less than that."""
    rows, y = data(n_classes)
    model = EBMClassifier(loss=loss).partial_fit(rows, y, classes=np.unique(y))
    far = (50 if loss == "perceptron" else 5) * np.sign(RNG.normal(size=model.coef_.shape))
    model.coef_ = far.copy()
    model.partial_fit(rows, y)
    assert np.abs(model.coef_ - far).mean() < np.abs(far).mean() / 2


@pytest.mark.parametrize("learn", ["fit", "partial_fit"])
def test_learning_refuses_an_intercept_that_it_would_drop(learn):
    model = EBMClassifier(fit_intercept=False, warm_start=True).fit(X, Y)
    model.intercept_[0] = 7.0
    follows(model)
    with pytest.raises(ValueError, match=r"^intercept_ was written, but energy .*; set it to zero"):
        getattr(model, learn)(X, Y)
    follows(model)
    model.intercept_[0] = 0.0
    getattr(model, learn)(X, Y)


@pytest.mark.parametrize("method", ["predict", "partial_fit"])
def test_a_deleted_attribute_is_missed_in_a_sentence(method):
    model = EBMClassifier().fit(X, Y)
    del model.coef_
    with pytest.raises(AttributeError, match=r"^coef_ was deleted, .* shape \(3, 4\), or call fit"):
        getattr(model, method)(*((X, Y) if method == "partial_fit" else (X,)))
    model.fit(X, Y).predict(X)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", MODELS)
def test_sparsify_and_densify(name, n_classes):
    """As `SparseCoefMixin`: the form of `coef_` changes, and nothing else."""
    model = MODELS[name]().fit(*data(n_classes))
    energies = model.energies(X)
    assert model.sparsify() is model and sparse.issparse(model.coef_)
    np.testing.assert_array_equal(model.energies(X), energies)
    follows(model)
    model = pickle.loads(pickle.dumps(model)).sparsify()
    assert sparse.issparse(model.coef_)
    assert model.densify() is model and isinstance(model.coef_, np.ndarray)
    np.testing.assert_array_equal(model.densify().energies(X), energies)
    model.sparsify().fit(*data(n_classes))
    assert isinstance(model.coef_, np.ndarray)


def test_sparse_coefficients_take_less_space():
    rows = np.hstack([X, np.zeros((30, 2_000))])
    for y in (Y, Y == 1):
        model = EBMClassifier(tol=1e-2).fit(rows, y)
        size = len(pickle.dumps(model))
        assert len(pickle.dumps(model.sparsify())) < size / 2


@pytest.mark.parametrize("n_classes", [2, 3])
def test_sparse_coefficients_are_learnt_on_from(n_classes):
    rows, y = data(n_classes)
    one = EBMClassifier(warm_start=True).fit(rows, y).sparsify().fit(rows, y)
    assert one.score(rows, y) > 0.6
    one.sparsify().partial_fit(rows, y)
    assert isinstance(one.coef_, np.ndarray)


def test_sparsify_is_for_coefficients():
    """There is no such method where there is no `coef_`; before a fit, it says so."""
    for energy in ENERGIES:
        has = energy == "linear"
        assert hasattr(EBMClassifier(energy), "sparsify") == has
        assert hasattr(EBMClassifierCV(energy), "densify") == has
        model = EBMClassifier(energy, max_iter=2, loss="hinge").fit(X, Y)
        assert hasattr(model, "sparsify") == hasattr(model, "coef_") == has
    for method in ("sparsify", "densify"):
        with pytest.raises(NotFittedError):
            getattr(EBMClassifier(), method)()
        assert hasattr(LogisticRegression(), method) and hasattr(SGDClassifier(), method)


def test_attributes_of_another_energy_go():
    """A fit with another energy leaves none of those that the one before showed."""
    model = EBMClassifier().fit(X, Y)
    assert hasattr(model, "coef_")
    model.set_params(energy="prototypes").fit(X, Y)
    assert not hasattr(model, "coef_") and hasattr(model, "prototypes_")
    with pytest.raises(ValueError, match="one class only"):
        model.set_params(energy="linear").fit(X, 0 * Y)
    assert hasattr(model, "prototypes_")


@pytest.mark.parametrize("metric", ["euclidean", "diagonal", "full"])
@pytest.mark.parametrize("shared", [False, True])
def test_prototypes_are_followed(metric, shared):
    """F(x, y) ≥ 0 is 0 at a prototype that stands alone, and distances are those of A."""
    energy = Prototypes(n_prototypes=1, metric=metric, shared=shared, inference="min")
    model = EBMClassifier(energy, "square_exp", max_iter=5).fit(X, Y)
    places = np.tile(RNG.normal(size=4), (3, 1, 1))
    if not shared:
        places = RNG.normal(size=(3, 1, 4))
    model.prototypes_[:] = places
    A = np.eye(4)
    if metric != "euclidean":
        root = RNG.normal(size=(4, 4)) if metric == "full" else np.diag([1.0, 2.0, 0.5, 3.0])
        A = root.T @ root
        model.metric_ = A if metric == "full" else np.diag(A)
    apart = X[:, None] - places[:, 0]
    expected = np.einsum("nki,ij,nkj->nk", apart, A, apart)
    np.testing.assert_allclose(model.energies(X), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("settings", "name", "value", "message"),
    [
        ({"shared": True}, "prototypes_", np.arange(36.0).reshape(3, 3, 4), "one pool of them"),
        ({"metric": "diagonal"}, "metric_", -np.ones(4), "non-negative and finite"),
        ({"metric": "full"}, "metric_", -np.eye(4), "positive semi-definite"),
        ({"metric": "full"}, "metric_", np.triu(np.ones((4, 4))), "must be symmetric"),
        ({}, "prototypes_", np.zeros(4), r"prototypes_ has shape \(4,\) now"),
    ],
)
def test_prototypes_that_cannot_be_followed(settings, name, value, message):
    model = EBMClassifier(Prototypes(**settings), "square_exp", max_iter=2).fit(X, Y)
    setattr(model, name, value)
    with pytest.raises(ValueError, match=message):
        model.predict(X)
