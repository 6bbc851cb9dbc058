"""Models in the hands of other tools: as logistic regression, in ONNX, in reports of skore."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from sklearn_ebm import EBMClassifier, EBMClassifierCV, LatentEBMRegressor
from sklearn_ebm.energies import ENERGIES, Featured, Linear

RNG = np.random.RandomState(0)
Y = np.arange(60) % 3
X = RNG.normal(size=(3, 4))[Y] + RNG.normal(size=(60, 4))
NEW = 3 * RNG.normal(size=(50, 4))
WORDS = np.array(["no", "perhaps", "yes"])

MODELS = {
    "nll": lambda: EBMClassifier(),
    "hinge": lambda: EBMClassifier(loss="hinge", margin=2.0, beta="auto"),
    "mee": lambda: EBMClassifier(loss="mee", beta=0.5),
    "no intercept": lambda: EBMClassifier(loss="log", fit_intercept=False, beta=3.0),
    "search": lambda: EBMClassifierCV(Cs=[0.1, 1.0], cv=2),
}


def data(n_classes):
    rows = n_classes > Y
    return X[rows], WORDS[Y[rows]]


def assert_same(exported, model, rows=NEW, atol=1e-12):
    assert type(exported) is LogisticRegression
    np.testing.assert_array_equal(exported.classes_, model.classes_)
    found, expected = exported.predict_proba(rows), model.predict_proba(rows)
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(exported.predict(rows), model.predict(rows))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", MODELS)
def test_logistic_regression_has_the_same_probabilities(name, n_classes):
    model = MODELS[name]().fit(*data(n_classes))
    exported = model.to_logistic_regression()
    assert_same(exported, model)
    assert_same(pickle.loads(pickle.dumps(exported)), model)
    decisions = model.beta_ * model.decision_function(NEW)
    np.testing.assert_allclose(exported.decision_function(NEW), decisions, rtol=1e-9, atol=1e-12)
    fitted = LogisticRegression(fit_intercept=exported.fit_intercept).fit(*data(n_classes))
    assert vars(exported).keys() == vars(fitted).keys()
    for attribute in ("coef_", "intercept_", "n_iter_"):
        found, expected = getattr(exported, attribute), getattr(fitted, attribute)
        assert found.shape == expected.shape and found.dtype == expected.dtype


@pytest.mark.parametrize("n_classes", [2, 3])
def test_logistic_regression_of_float32(n_classes):
    rows, y = data(n_classes)
    model = EBMClassifier(beta=2.0).fit(rows.astype(np.float32), y)
    exported = model.to_logistic_regression()
    assert exported.coef_.dtype == exported.intercept_.dtype == np.float32
    assert_same(exported, model, NEW.astype(np.float32), atol=1e-5)
    assert_same(exported, model, NEW, atol=1e-5)


def test_logistic_regression_of_a_data_frame():
    rows, y = data(3)
    names = ["a", "b", "c", "d"]
    model = EBMClassifier().fit(pd.DataFrame(rows, columns=names), y)
    exported = model.to_logistic_regression()
    assert exported.n_features_in_ == 4 and exported.feature_names_in_.tolist() == names
    assert_same(exported, model, pd.DataFrame(NEW, columns=names))
    with pytest.raises(ValueError, match="feature names should match"):
        exported.predict(pd.DataFrame(NEW, columns=names[::-1]))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_logistic_regression_of_what_was_written(n_classes):
    model = EBMClassifier(beta=2.0).fit(*data(n_classes))
    model.coef_, model.intercept_ = RNG.normal(size=model.coef_.shape), 0.5 + model.intercept_
    assert_same(model.to_logistic_regression(), model)
    assert_same(model.sparsify().to_logistic_regression(), model)
    assert sparse.issparse(model.coef_)
    exported = model.to_logistic_regression()
    exported.coef_[:] = 0
    assert model.coef_.toarray().any()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_logistic_regression_of_a_class_without_rows(n_classes):
    rows, y = data(n_classes)
    model = EBMClassifier().fit(rows, y, sample_weight=(y != "no").astype(float))
    exported = model.to_logistic_regression()
    assert_same(exported, model)
    assert (exported.predict_proba(NEW)[:, 0] == 0).all()


@pytest.mark.parametrize("energy", sorted(set(ENERGIES) - {"linear"}))
def test_no_logistic_regression_of_energies_that_are_not_linear(energy):
    model = EBMClassifier(energy, loss="hinge", max_iter=500).fit(X, Y)
    with pytest.raises(ValueError, match=r"^Logistic .* linear in x; use energy='linear', after"):
        model.to_logistic_regression()


def test_no_logistic_regression_of_features():
    """A pipeline holds them, and its last step can be converted."""
    square = PolynomialFeatures(2, include_bias=False).fit(X)
    model = EBMClassifier(Featured(square, Linear())).fit(X, Y)
    with pytest.raises(ValueError, match=r"linear in x; use make_pipeline\(transformer, EBM"):
        model.to_logistic_regression()
    pipeline = make_pipeline(square, EBMClassifier()).fit(X, Y)
    exported = make_pipeline(square, pipeline[-1].to_logistic_regression())
    np.testing.assert_allclose(
        exported.predict_proba(NEW), model.predict_proba(NEW), rtol=0, atol=1e-12
    )


def test_no_logistic_regression_of_an_energy_of_a_user():
    class Bent(Linear):
        def linearize(self, params, X):
            return super().linearize(params, np.abs(X))

    model = EBMClassifier(Bent()).fit(X, Y)
    with pytest.raises(ValueError, match="linear in x; use energy='linear'"):
        model.to_logistic_regression()


def test_no_logistic_regression_before_a_fit():
    for model in (EBMClassifier(), EBMClassifierCV()):
        with pytest.raises(NotFittedError):
            model.to_logistic_regression()
    with pytest.raises(NotFittedError, match="refit=False"):
        EBMClassifierCV(Cs=[1.0], cv=2, refit=False).fit(X, Y).to_logistic_regression()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_onnx(n_classes):
    """Other tools write and run what they know."""
    skl2onnx = pytest.importorskip("skl2onnx")
    runtime = pytest.importorskip("onnxruntime")
    scaler = StandardScaler().fit(X)
    rows, y = data(n_classes)
    model = EBMClassifier(loss="hinge", beta="auto").fit(scaler.transform(rows), y)
    pipeline = make_pipeline(scaler, model.to_logistic_regression())
    written = skl2onnx.to_onnx(pipeline, NEW[:1].astype(np.float32), options={"zipmap": False})
    session = runtime.InferenceSession(
        written.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    labels, probabilities = session.run(None, {"X": NEW.astype(np.float32)})
    rows = scaler.transform(NEW)
    np.testing.assert_allclose(probabilities, model.predict_proba(rows), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(labels, model.predict(rows))


# Tools look for it to tell a classifier, and scikit-learn's own checks refuse it.
@pytest.mark.parametrize("fitted", [False, True])
def test_no_regressor_has_predict_proba(fitted):
    reg = LatentEBMRegressor("experts", max_iter=2)
    if fitted:
        reg.fit(X, X[:, 0])
    assert not hasattr(reg, "predict_proba")


REPORTED = {
    "regressor": (
        lambda: LatentEBMRegressor("experts", max_iter=5, prediction="mean"), X[:, 0], "rmse",
    ),
    "two outputs": (
        lambda: LatentEBMRegressor("experts", max_iter=5, prediction="mean"), X[:, :2], "rmse",
    ),
    "classifier": (lambda: EBMClassifier(), WORDS[Y], "log_loss"),
    "two classes": (lambda: EBMClassifier(loss="hinge"), WORDS[Y // 2], "log_loss"),
    "search": (lambda: EBMClassifierCV(Cs=[1.0], cv=2), WORDS[Y], "log_loss"),
}  # fmt: skip


@pytest.mark.parametrize("name", REPORTED)
def test_reports_of_skore(name):
    skore = pytest.importorskip("skore")
    make, y, metric = REPORTED[name]
    parts = {"X_train": X[:40], "y_train": y[:40], "X_test": X[40:], "y_test": y[40:]}
    report = skore.EstimatorReport(make(), **parts)
    model = make().fit(X[:40], y[:40])
    np.testing.assert_array_equal(report.get_predictions(data_source="test"), model.predict(X[40:]))
    assert np.isfinite(getattr(report.metrics, metric)()).all()
    assert len(report.metrics.summarize().frame()) > 3
    folds = skore.CrossValidationReport(make(), X, y, splitter=2)
    assert len(folds.metrics.summarize().frame()) > 3
