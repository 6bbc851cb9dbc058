"""Data that break numerical code: a right answer, or one clear error or warning; never NaN."""

import time
import tracemalloc
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from sklearn_ebm import EBMClassifier
from sklearn_ebm.exceptions import CollapseWarning
from sklearn_ebm.learning.compatibility import suitable_losses
from sklearn_ebm.losses import LOSSES

LINEAR = suitable_losses("linear")
BATCH = [name for name in LINEAR if name != "perceptron"]  # follows the scale of the columns
WITH_MARGIN = [name for name in LINEAR if LOSSES.accepts(name, "margin")]
LONGEST = 10.0  # seconds


def blobs(n_rows=60, d=3, k=3, seed=0):
    """Classes that a linear energy tells apart without a mistake."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_rows) % k
    return 4 * np.eye(k, d)[y] + 0.3 * rng.normal(size=(n_rows, d)), y


def fit(X, y, weight=None, *, expected=(ConvergenceWarning, CollapseWarning), **parameters):
    """Fit in bounded time, warning of nothing but what is expected; probabilities are sound.

    Anything else that warns, such as an overflow inside NumPy, is an error (setup.cfg).
    """
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        for category in expected:
            warnings.simplefilter("always", category)
        clf = EBMClassifier(**parameters).fit(X, y, weight)
    assert time.perf_counter() - started < LONGEST
    clf.warned_ = {record.category for record in caught}
    probability = clf.predict_proba(X)
    assert np.isfinite(probability).all()
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-5)
    for values in (clf.energies(X), clf.decision_function(X), clf.free_energy(X)):
        assert np.isfinite(values).all()
    assert np.isfinite(clf.predict_log_proba(X)).all()
    assert np.isfinite(clf.coef_).all()
    assert np.isfinite(clf.intercept_).all()
    assert set(clf.predict(X)) <= set(np.asarray(y).tolist())
    return clf


@pytest.mark.parametrize("loss", LINEAR)
@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e30, 1e150])
def test_scale_of_the_features(loss, scale):
    """With a penalty that scales along, the answer is the same; it may not be NaN in any case."""
    X, y = blobs()
    with np.errstate(over="ignore"):
        C = scale**-2.0
    clf = fit(scale * X, y, loss=loss, C=C)
    if not clf.warned_:
        assert clf.score(scale * X, y) == 1


@pytest.mark.parametrize("loss", LINEAR)
@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_scale_of_the_features_at_the_default_penalty(loss, scale):
    X, y = blobs()
    clf = fit(scale * X, y, loss=loss)
    assert clf.score(scale * X, y) == 1 or clf.warned_


@pytest.mark.parametrize("loss", BATCH)
@pytest.mark.parametrize("scale", [1e-30, 1e-10, 1e10, 1e30])
def test_scale_of_the_features_in_float32(loss, scale):
    X, y = blobs()
    X = (scale * X).astype(np.float32)
    clf = fit(X, y, loss=loss, C=min(scale**-2.0, 1e300), tol=1e-3)
    assert clf.coef_.dtype == np.float32
    assert clf.score(X, y) == 1 or clf.warned_


def test_energies_that_float32_cannot_hold():
    """The steps of the perceptron grow with X, so its energies grow with X²."""
    X, y = blobs()
    with pytest.raises(ValueError, match="StandardScaler"):
        EBMClassifier(loss="perceptron", max_iter=50).fit((1e30 * X).astype(np.float32), y)


@pytest.mark.parametrize("loss", BATCH)
def test_columns_of_very_different_size(loss):
    X, y = blobs()
    clf = fit(X * [1e-8, 1.0, 1e8], y, loss=loss, C=1e6)
    assert clf.score(X * [1e-8, 1.0, 1e8], y) >= 0.6
    assert clf.coef_.any()


@pytest.mark.parametrize("loss", LINEAR)
def test_two_rows(loss):
    X, y = np.array([[-1.0, 2.0], [1.0, 2.0]]), ["no", "yes"]
    clf = fit(X, y, loss=loss)
    assert clf.predict(X).tolist() == y


@pytest.mark.parametrize("loss", LINEAR)
def test_one_row_of_each_class(loss):
    X, y = 3 * np.eye(7), np.arange(7)
    clf = fit(X, y, loss=loss)
    assert clf.predict(X).tolist() == y.tolist()


@pytest.mark.parametrize("loss", LINEAR)
def test_more_columns_than_rows(loss):
    X, y = blobs(15, d=400)
    assert fit(X, y, loss=loss).score(X, y) == 1


@pytest.mark.parametrize("loss", LINEAR)
def test_constant_and_doubled_columns(loss):
    X, y = blobs()
    plain = fit(X, y, loss=loss, C=2.0)
    # Two equal columns of weights v each cost half of what one of 2v does.
    doubled = np.hstack([X, X]) / np.sqrt(2)
    constant = np.hstack([X, np.zeros((60, 1))])
    assert fit(constant, y, loss=loss).coef_[:, -1].tolist() == [0, 0, 0]
    if LOSSES[loss]().traits.convex and loss in BATCH:
        clf = fit(doubled, y, loss=loss, C=2.0, tol=1e-8)
        exact = fit(X, y, loss=loss, C=2.0, tol=1e-8)
        np.testing.assert_allclose(clf.predict_proba(doubled), exact.predict_proba(X), atol=2e-3)
        np.testing.assert_allclose(clf.coef_[:, :3], clf.coef_[:, 3:], atol=1e-6)
    level = np.hstack([X, np.full((60, 1), 1e3)])
    if loss in BATCH:
        assert fit(level, y, loss=loss).score(level, y) > 0.6
    assert plain.score(X, y) == 1


@pytest.mark.parametrize("loss", LINEAR)
def test_nothing_but_zeros(loss):
    clf = EBMClassifier(loss=loss)
    with pytest.warns(CollapseWarning, match="answers are equal.*Raise C or the margin"):
        clf.fit(np.zeros((9, 2)), np.arange(9) % 3)
    if loss in BATCH:
        np.testing.assert_allclose(clf.predict_proba(np.zeros((1, 2))), 1 / 3, atol=1e-6)


def test_features_that_say_nothing_leave_the_frequencies():
    y = np.repeat([0, 1, 2], [6, 3, 1])
    clf = fit(np.zeros((10, 2)), y, tol=1e-10)
    np.testing.assert_allclose(clf.predict_proba(np.zeros((1, 2))), [[0.6, 0.3, 0.1]], atol=1e-4)


@pytest.mark.parametrize("loss", LINEAR)
@pytest.mark.parametrize("C", [1e-300, 1e-12, 1e12, 1e300, np.inf])
def test_penalty(loss, C):
    X, y = blobs()
    clf = fit(X, y, loss=loss, C=C, max_iter=500)
    if C < 1 and loss != "perceptron":
        assert np.abs(clf.coef_).max() <= 1e3 * C
        assert CollapseWarning in clf.warned_ or clf.score(X, y) == 1
    else:
        assert clf.score(X, y) == 1


@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e30, 1e150])
@pytest.mark.parametrize("loss", LINEAR)
def test_weights(loss, scale):
    X, y = blobs()
    clf = fit(X, y, np.full(60, scale), loss=loss, max_iter=500)
    assert clf.score(X, y) == 1 or clf.warned_


@pytest.mark.parametrize("scale", [1e-150, 1e150])
@pytest.mark.parametrize("loss", BATCH)
def test_weights_and_penalty_in_other_units(loss, scale):
    """Weights s and C/s are the same objective in units of s."""
    X, y = blobs()
    plain = fit(X, y, loss=loss, tol=1e-6)
    scaled = fit(X, y, np.full(60, scale), loss=loss, C=1 / scale, tol=1e-6)
    np.testing.assert_allclose(scaled.predict_proba(X), plain.predict_proba(X), atol=1e-3)


@pytest.mark.parametrize("loss", LINEAR)
def test_one_row_outweighs_all_others(loss):
    X, y = blobs()
    weight = np.where(np.arange(60) == 7, 1e12, 1.0)
    clf = fit(X, y, weight, loss=loss)
    assert clf.predict(X[7:8]).tolist() == [y[7]] or clf.warned_


@pytest.mark.parametrize("margin", [0.0, 1e-100, 1e-6, 1e6, 1e100])
@pytest.mark.parametrize("loss", WITH_MARGIN)
def test_margin(loss, margin):
    X, y = blobs()
    clf = fit(X, y, loss=loss, margin=margin, C=1e3)
    assert clf.score(X, y) == 1 or clf.warned_


@pytest.mark.parametrize("beta", [1e-300, 1e-100, 1e-6, 1e6, 1e100, 1e300])
@pytest.mark.parametrize("loss", ["hinge", "simple"])
def test_beta_of_the_probabilities(beta, loss):
    X, y = blobs()
    expected = EBMClassifier(loss=loss).fit(X, y).predict(X)
    clf = EBMClassifier(loss=loss, beta=beta).fit(X, y)
    assert np.isfinite(clf.predict_proba(X)).all()
    np.testing.assert_array_equal(clf.predict(X), expected)
    with np.errstate(over="raise", invalid="raise"):
        assert not np.isnan(clf.predict_log_proba(X)).any()
        assert np.isfinite(clf.free_energy(X)).all()


@pytest.mark.parametrize("beta", [1e-100, 1e-6, 1e6, 1e100])
@pytest.mark.parametrize("loss", ["nll", "mee"])
def test_beta_of_the_loss(beta, loss):
    X, y = blobs()
    clf = EBMClassifier(loss=loss, beta=beta, max_iter=500)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", CollapseWarning)
        clf.fit(X, y)
    probability = clf.predict_proba(X)
    if beta < 1:  # a loss of hardly any slope
        np.testing.assert_allclose(probability, 1 / 3, atol=0.01)
    else:
        np.testing.assert_allclose(probability, np.eye(3)[y], atol=1e-6)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int64, np.uint64, bool])
def test_integers_up_to_their_limits(dtype):
    X, y = blobs()
    if dtype is bool:
        X = X > 2
    else:
        info = np.iinfo(dtype)
        low, high = (1, 2) if X.max() == X.min() else (X.min(), X.max())
        unit = (X - low) / (high - low)
        X = (info.min / 2 + unit * (info.max / 2 - info.min / 2)).astype(dtype)
        X[0, 0], X[1, 1] = info.max, info.min
    clf = fit(X, y, C=1e-2 if dtype is not bool else 1.0)
    assert clf.coef_.dtype == np.float64
    np.testing.assert_array_equal(clf.energies(X), clf.energies(X.astype(np.float64)))
    assert clf.score(X, y) >= 0.9 or clf.warned_


@pytest.mark.parametrize(
    "labels",
    [
        np.array([np.iinfo(np.int64).min, 0, np.iinfo(np.int64).max]),
        np.array([0, 2**63, 2**64 - 1], dtype=np.uint64),
        np.array([-128, 0, 127], dtype=np.int8),
        np.array(["", " ", "\N{SNOWMAN}"]),
        np.array([10.0**6, 10.0**7, 2.0**53]),
        np.array([b"a", b"b", b"c"]).astype(str),
    ],
    ids=["int64", "uint64", "int8", "text", "float", "bytes"],
)
def test_labels_at_their_limits(labels):
    X, y = blobs()
    clf = EBMClassifier().fit(X, labels[y])
    assert clf.predict(X).dtype == labels.dtype
    np.testing.assert_array_equal(clf.predict(X), labels[y])


def test_nearly_as_many_classes_as_rows():
    X, y = np.eye(200), np.arange(200)
    with warnings.catch_warnings():
        # It looks like a regression target to scikit-learn.
        warnings.filterwarnings("ignore", "The number of unique classes is greater", UserWarning)
        clf = fit(X, y, C=1e3)
    assert clf.score(X, y) == 1


@pytest.mark.slow
def test_ten_thousand_classes():
    k = 10_000
    X = np.random.default_rng(0).normal(size=(k, 8))
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of unique classes is greater", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        clf = EBMClassifier(max_iter=1).fit(X, np.arange(k))
    assert time.process_time() - started < 60
    assert clf.classes_.shape == (k,)
    assert np.isfinite(clf.predict_proba(X[:20])).all()


@pytest.mark.parametrize("loss", ["nll", "hinge"])
def test_memory_does_not_grow_with_rows_times_classes(loss):
    """Energies of all rows and classes would take 64 MB here; learning goes block by block."""
    n_rows, k = 40_000, 200
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n_rows, 3)), rng.integers(0, k, n_rows)
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.simplefilter("ignore", CollapseWarning)
            EBMClassifier(loss=loss, max_iter=1).fit(X, y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 32 * 2**20


def test_sparse_with_wide_indices_and_empty_rows():
    X, y = blobs()
    X[X < 2] = 0
    X[5] = 0
    wide = sparse.csr_array(X)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    clf, dense = fit(wide, y), fit(X, y)
    np.testing.assert_allclose(clf.energies(wide), dense.energies(X), atol=1e-3)
    probability = clf.predict_proba(wide[5:6])
    expected = np.exp(clf.intercept_) / np.exp(clf.intercept_).sum()
    np.testing.assert_allclose(probability[0], expected)


def test_sparse_with_nothing_in_it():
    X = sparse.csr_matrix((9, 4))
    with pytest.warns(CollapseWarning):
        clf = EBMClassifier().fit(X, np.arange(9) % 3)
    assert not clf.coef_.any()


def test_sparse_with_explicit_zeros_and_duplicates():
    X, y = blobs()
    rows, columns = np.nonzero(np.ones_like(X))
    halves = sparse.coo_array(
        (np.r_[X.ravel() / 2, X.ravel() / 2, 0.0],
         (np.r_[rows, rows, 0], np.r_[columns, columns, 0])), shape=X.shape,
    )  # fmt: skip
    np.testing.assert_allclose(fit(halves, y).energies(X), fit(X, y).energies(X), atol=1e-6)


def test_not_a_number_is_never_repaired():
    X, y = blobs()
    for bad in (np.nan, np.inf, -np.inf):
        X[3, 1] = bad
        with pytest.raises(ValueError, match="Input X contains"):
            EBMClassifier().fit(X, y)


def test_float64_that_float32_cannot_hold_is_kept():
    X, y = blobs()
    X[:, 0] *= 1e100
    clf = fit(X, y, C=1e-3)
    assert clf.coef_.dtype == np.float64 and clf.score(X, y) == 1
    assert 1e-101 < np.abs(clf.coef_[:, 0]).max() < 1e-98


def test_views_with_steps_and_orders():
    X, y = blobs()
    expected = fit(X, y).energies(X)
    wide = np.empty((120, 6))
    wide[::2, ::-2] = X
    for view in (np.asfortranarray(X), wide[::2, ::-2]):
        np.testing.assert_allclose(fit(view, y).energies(view), expected, atol=1e-8)


def test_a_warm_start_from_rows_of_another_size():
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(60, 3)), np.arange(60) % 3
    for loss, factor in (("square_exp", 1e6), ("square_square", 1e200)):
        clf = EBMClassifier(loss=loss, C=100.0, warm_start=True).fit(X, y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.simplefilter("ignore", CollapseWarning)
            clf.fit(factor * X, y)
            new = EBMClassifier(loss=loss, C=100.0).fit(factor * X, y)
        np.testing.assert_array_equal(clf.predict_proba(factor * X), new.predict_proba(factor * X))


@pytest.mark.parametrize("offset, deviation", [(1.6e15, 1e3), (1.6e18, 3e4)])
def test_a_mean_that_dwarfs_the_deviation(offset, deviation):
    """The same rows, but for the offset, have the same minimum; the certificate must know it."""
    rng = np.random.RandomState(0)
    y = np.arange(200) % 3
    steps = np.round(64 * (rng.normal(size=200) + y)) * 2.0**10  # exact at any offset here
    far = (offset + steps)[:, None]
    near = far - far[0]
    C = 10.0 / deviation**2
    one, other = (EBMClassifier(C=C).fit(X, y) for X in (far, near))
    assert one.gap_ <= 1e-4 and other.gap_ <= 1e-4
    np.testing.assert_allclose(one.loss_curve_[-1], other.loss_curve_[-1], rtol=2e-4)


def test_energies_that_float32_cannot_hold_have_probabilities():
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(60, 2)).astype(np.float32), np.arange(60) % 3
    clf = EBMClassifier(C=100.0).fit(X, y)
    huge = np.float32(3e38) * np.sign(X[:4])
    assert np.isfinite(clf.predict_proba(huge)).all()
    np.testing.assert_array_equal(clf.predict_proba(huge).argmax(axis=1), clf.predict(huge))
