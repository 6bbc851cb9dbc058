"""beta="auto": the inverse temperature of lowest log-loss on rows that were held out."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_iris, load_wine, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ebm import EBMClassifier, EBMClassifierCV
from sklearn_ebm._utils.repeated import groups_of_equal_rows
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.estimators._rows import split_rows
from sklearn_ebm.exceptions import CollapseWarning
from sklearn_ebm.learning import temperature_scaling as _temperature
from sklearn_ebm.learning.temperature_scaling import choose_beta, fit_beta, fold_of_each_row
from sklearn_ebm.losses import LOSSES, NLL

DATA = Path(os.environ.get("EBM_DATA", Path(__file__).parents[3] / "shared" / "data"))


def drawn(n_rows=400, k=4, beta=2.0, seed=0):
    """Energies, and answers drawn from the Gibbs distribution at β, so that β is known."""
    rng = np.random.default_rng(seed)
    energies = rng.normal(size=(n_rows, k))
    gumbel = rng.gumbel(size=(n_rows, k))
    return energies, (gumbel - beta * energies).argmax(axis=1)


def mean_log_loss(beta, energies, y, weight=None):
    """Written out anew, in the plainest way."""
    logits = -beta * energies
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -np.average(log_p[np.arange(len(y)), y], weights=weight)


def prior(beta, before=1.0):
    """−log density of Student's t with three degrees of freedom, at log β."""
    return 2 * np.log(1 + np.log(beta / before) ** 2 / 3)


def best_on_a_grid(energies, y, weight=None):
    """As many rows as there are, whatever their weights, and the prior."""
    grid = np.geomspace(0.01, 100, 4001)
    loss = [len(y) * mean_log_loss(beta, energies, y, weight) + prior(beta) for beta in grid]
    return grid[np.argmin(loss)]


@pytest.mark.parametrize("k", [2, 5])
@pytest.mark.parametrize("beta", [0.3, 1.0, 7.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_the_minimum_of_the_log_loss(k, beta, weighted):
    energies, y = drawn(k=k, beta=beta)
    weight = np.random.default_rng(1).uniform(0, 5, len(y)) if weighted else np.ones(len(y))
    found = fit_beta(energies, y, weight)
    assert found == pytest.approx(best_on_a_grid(energies, y, weight), rel=3e-3)
    assert found == pytest.approx(beta, rel=0.35)


def test_a_weight_of_two_is_a_row_twice():
    energies, y = drawn()
    weight = np.random.default_rng(1).integers(0, 3, len(y))
    twice = np.repeat(np.arange(len(y)), weight)
    # Up to the prior, which counts the rows that are there.
    assert fit_beta(energies, y, weight.astype(float)) == pytest.approx(
        fit_beta(energies[twice], y[twice], np.ones(len(twice))), rel=2e-3
    )
    assert fit_beta(energies, y, weight.astype(float)) != pytest.approx(
        fit_beta(energies, y, np.ones(len(y))), rel=1e-3
    )


@pytest.mark.parametrize("scale", [1e-308, 1.0, 1e300])
def test_the_scale_of_the_weights_means_nothing(scale):
    energies, y = drawn(20)
    weight = np.random.default_rng(1).uniform(0.1, 4, len(y))
    assert fit_beta(energies, y, scale * weight) == pytest.approx(
        fit_beta(energies, y, weight), rel=1e-5
    )


@pytest.mark.parametrize("scale", [1e-100, 1e-12, 0.1, 3.0, 1e12, 1e100])
@pytest.mark.parametrize("n_rows", [40, 400])
def test_the_prior_does_not_hold_back_what_rows_say_of_the_unit(scale, n_rows):
    """A slope of the prior of at most 2/√3 against the n Var(βF) of the rows."""
    energies, y = drawn(n_rows)
    weight = np.ones(len(y))
    assert fit_beta(scale * energies, y, weight) * scale == pytest.approx(
        fit_beta(energies, y, weight), rel=4 / n_rows
    )


def test_the_prior_is_about_the_beta_of_learning():
    energies, y = drawn(12)
    weight = np.ones(len(y))
    assert fit_beta(energies / 5, y, weight, before=5.0) == pytest.approx(
        5 * fit_beta(energies, y, weight), rel=1e-5
    )


@pytest.mark.parametrize("value", [0.0, 3.7, 0.1, 1e300])
def test_flat_energies_leave_beta_at_one(value):
    _, y = drawn()
    energies = np.full((len(y), 3), value)
    assert fit_beta(energies, y % 3, np.ones(len(y))) == 1.0


@pytest.mark.parametrize("n_rows", [1, 10, 400])
def test_rows_that_are_all_right_do_not_send_beta_away(n_rows):
    """Of two energies 0 and 1: n β/(1 + e^β) = 4 t/(3 + t²), t = log β; and all wrong, likewise."""
    y = np.arange(n_rows) % 2
    right = np.where(np.arange(2) == y[:, None], 0.0, 1.0)
    certain, none = (fit_beta(energies, y, np.ones(n_rows)) for energies in (right, -right))
    for beta, sign in ((certain, 1), (none, -1)):
        t = np.log(beta)
        slope = sign * n_rows * beta / (1 + np.exp(sign * beta))
        assert slope == pytest.approx(4 * t / (3 + t**2), rel=1e-3)
    assert 1 < certain < 10
    assert 0.001 < none < 1


def test_float32_energies():
    energies, y = drawn()
    weight = np.ones(len(y))
    assert fit_beta(energies.astype(np.float32), y, weight) == pytest.approx(
        fit_beta(energies, y, weight), rel=1e-5
    )


def test_folds_are_stratified_and_a_single_row_is_never_held_out():
    y = np.repeat([0, 1, 2, 3], [50, 23, 2, 1])
    fold = fold_of_each_row(y, 5, np.random.RandomState(0))
    assert (fold[y == 3] == -1).all()
    assert (fold[y != 3] >= 0).all()
    np.testing.assert_array_equal(np.bincount(fold[y == 0]), 10)
    assert np.ptp(np.bincount(fold[y == 1], minlength=5)) <= 1
    assert len(set(fold[y == 2])) == 2


def test_rows_are_never_scored_by_what_learnt_from_them():
    y = np.repeat([0, 1, 2], [20, 13, 1])
    learned, held_out = [], []

    def energies(rows, out):
        learned.append(set(rows))
        held_out.append(set(out))
        return np.zeros((len(out), 3))

    choose_beta(energies, y, np.ones(len(y)), np.random.RandomState(0), None, n_folds=5)
    assert len(learned) == 5
    for rows, out in zip(learned, held_out, strict=True):
        assert not rows & out
        assert rows | out == set(range(34))
        assert set(y[list(rows)]) == {0, 1, 2}
    assert sorted(set.union(*held_out)) == list(range(33))
    assert sum(map(len, held_out)) == 33


@pytest.mark.parametrize("weighted", [False, True])
def test_auto_is_the_best_of_a_grid_on_the_same_folds(weighted, monkeypatch):
    X, y = load_iris(return_X_y=True)
    weight = np.random.default_rng(0).uniform(0.1, 4, len(y)) if weighted else np.ones(len(y))
    dealt = []

    def remembered(y, n_folds, rng, group):
        dealt.append(fold_of_each_row(y, n_folds, rng, group))
        return dealt[-1]

    monkeypatch.setattr(_temperature, "fold_of_each_row", remembered)
    clf = EBMClassifier(loss="hinge", beta="auto", random_state=0).fit(X, y, weight)
    (fold,) = dealt
    energies = np.empty((len(y), 3))
    for f in np.unique(fold):
        learn = fold != f
        part = EBMClassifier(loss="hinge", random_state=0).fit(X[learn], y[learn], weight[learn])
        energies[~learn] = part.energies(X[~learn])
    assert clf.beta_ == pytest.approx(best_on_a_grid(energies, y, weight), rel=5e-3)
    assert abs(clf.beta_ - 1) > 0.05  # a β that was not chosen would show
    np.testing.assert_allclose(
        clf.predict_proba(X), np.exp(-clf.beta_ * clf.energies(X))
        / np.exp(-clf.beta_ * clf.energies(X)).sum(axis=1, keepdims=True),
    )  # fmt: skip


def test_auto_learns_at_beta_one():
    X, y = load_iris(return_X_y=True)
    auto, plain = (EBMClassifier(beta=beta, random_state=0).fit(X, y) for beta in ("auto", 1.0))
    np.testing.assert_array_equal(auto.coef_, plain.coef_)
    assert auto.beta_ > 0
    assert plain.beta_ == 1.0
    np.testing.assert_array_equal(auto.predict(X), plain.predict(X))


def test_jobs_change_nothing():
    """Not even the random order of the perceptron."""
    X, y = load_iris(return_X_y=True)
    alone, side_by_side = (
        EBMClassifier(loss="perceptron", beta="auto", n_jobs=n_jobs, random_state=0).fit(X, y)
        for n_jobs in (None, 2)
    )
    assert alone.beta_ == side_by_side.beta_ != 1


def test_classes_with_one_row():
    X, y = load_iris(return_X_y=True)
    y = np.where(np.arange(len(y)) == 7, 9, y)
    clf = EBMClassifier(beta="auto", random_state=0).fit(X, y)
    assert clf.predict_proba(X).shape == (150, 4)
    assert 0 < clf.beta_ < np.inf


def test_rows_of_weight_zero_are_not_dealt_out():
    X, y = load_iris(return_X_y=True)
    weight = np.ones(len(y))
    weight[::3] = 0
    kept = weight > 0
    with_zeros = EBMClassifier(loss="hinge", beta="auto", random_state=0).fit(X, y, weight)
    assert (
        with_zeros.beta_
        == EBMClassifier(loss="hinge", beta="auto", random_state=0).fit(X[kept], y[kept]).beta_
    )


@pytest.mark.parametrize("loss", ["nll", "hinge", "simple", "square_square", "log"])
def test_probabilities_are_no_worse_than_at_beta_one(loss):
    X, y = make_classification(900, 8, n_informative=6, n_classes=3, flip_y=0.2, random_state=0)
    learn = np.arange(len(y)) < 600
    losses = []
    for beta in ("auto", 1.0):
        clf = EBMClassifier(loss=loss, beta=beta, tol=1e-3, random_state=0).fit(X[learn], y[learn])
        losses.append(log_loss(y[~learn], clf.predict_proba(X[~learn])))
    assert losses[0] <= losses[1] * 1.01


# Few rows, repeated rows, rows without a vote -----------------------------------------------------


def halves(load, n_rows, seed=0):
    """Standardised rows to learn from, and the others."""
    X, y = load(return_X_y=True)
    A, T, a, t = train_test_split(X, y, train_size=n_rows, stratify=y, random_state=seed)
    scaler = StandardScaler().fit(A)
    return scaler.transform(A), a, scaler.transform(T), t


FEW = {
    "folds": lambda **settings: EBMClassifier(**settings, random_state=0),
    "early stopping": lambda **settings: EBMClassifier(
        early_stopping=True, **settings, random_state=0
    ),
    "X_val": lambda **settings: EBMClassifier(**settings, random_state=0),
    "search": lambda loss, beta, tol: EBMClassifierCV(
        losses=[loss], betas=[beta], Cs=[1.0], cv=3, tol=tol, random_state=0
    ),
}


@pytest.mark.parametrize("how", FEW)
@pytest.mark.parametrize("loss", [loss for loss in LOSSES.names if loss not in ("lvq2", "energy")])
def test_few_rows_do_no_harm(loss, how):
    """Without the prior, log-losses are up to hundreds of times those at β = 1.

    In the mean over sets they are no higher than at β = 1; on one set, six rows may be misleading.
    """
    A, a, T, t = halves(load_wine, 40)
    held_out = {"X_val": A[:6], "y_val": a[:6]} if how == "X_val" else {}
    learned = slice(6, None) if how == "X_val" else slice(None)
    losses = []
    for beta in ("auto", 1.0):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            clf = FEW[how](loss=loss, beta=beta, tol=1e-2).fit(A[learned], a[learned], **held_out)
        losses.append(log_loss(t, clf.predict_proba(T)))
    assert losses[0] <= 1.2 * losses[1] + 0.02


def test_folds_that_lack_a_class_leave_beta():
    """Sorted labels, and folds without shuffling: no row is of a class that was learned."""
    X, y = load_iris(return_X_y=True)
    settings = {"losses": ["hinge"], "Cs": [1.0]}
    with pytest.warns(UserWarning, match="cannot be chosen, because no held-out row is of a cla"):
        clf = EBMClassifierCV(cv=KFold(3), **settings, random_state=0).fit(X, y)
    assert clf.beta_ == 1.0
    mixed = EBMClassifierCV(
        cv=KFold(3, shuffle=True, random_state=0), **settings, random_state=0
    ).fit(X, y)
    assert 1 < mixed.beta_ < 5
    assert log_loss(y, clf.predict_proba(X)) < 0.4
    np.testing.assert_array_equal(clf.predict(X), mixed.predict(X))


def test_rows_without_a_vote_change_nothing():
    """Two folds of mixed rows, and a third whose class they have not seen."""
    X, y = load_iris(return_X_y=True)
    first = np.flatnonzero(y < 2)
    folds = [(first[first % 2 == f], first[first % 2 != f]) for f in (0, 1)]
    lacking = (first, np.flatnonzero(y == 2))
    betas = {
        EBMClassifierCV(losses=["hinge"], Cs=[1.0], cv=cv, random_state=0).fit(X, y).beta_
        for cv in (folds, [*folds, lacking])
    }
    assert len(betas) == 1


def test_where_no_row_has_a_vote_beta_stays():
    """One row of each class that has weight."""
    clf = EBMClassifier(loss=NLL(beta=3.0), beta="auto", random_state=0)
    with pytest.warns(UserWarning, match="beta stays at 3"):
        clf.fit(np.eye(3), ["a", "b", "c"], np.array([1.0, 1.0, 0.0]))
    assert clf.beta_ == 3.0


def copies(X, y, k):
    """Each row k times, in sequence, with a weight of 1/k."""
    return np.repeat(X, k, axis=0), np.repeat(y, k), np.full(k * len(y), 1 / k)


@pytest.mark.parametrize("how", FEW)
def test_copies_of_a_row_have_one_vote(how):
    """All rows are right, so that only the prior keeps β from running away."""
    rng = np.random.RandomState(0)
    y = np.repeat([0, 1], 24)
    X = rng.normal(size=(48, 2)) + 4 * y[:, None]
    betas = []
    for k in (1, 10):
        *rows, weight = copies(X, y, k)
        held_out = {}
        if how == "X_val":
            held_out = {"X_val": rows[0], "y_val": rows[1], "sample_weight_val": weight}
            (*rows, weight) = copies(X, y, 1)
        clf = FEW[how](loss="hinge", beta="auto", tol=1e-4)
        betas.append(clf.fit(*rows, weight, **held_out).beta_)
    # Early stopping holds out others where there are copies; ten votes for one would double β.
    assert betas[1] == pytest.approx(betas[0], rel=0.2 if how == "early stopping" else 1e-4)
    assert how == "early stopping" or betas[0] > 1.3


def test_equal_rows_with_other_answers_are_no_copies():
    energies, y = np.tile([[0.0, 1.0]], (4, 1)), np.array([0, 0, 0, 1])
    one = fit_beta(energies, y, np.ones(4), group=np.zeros(4, dtype=int))
    two = fit_beta(energies[[0, 3]], y[[0, 3]], np.array([3.0, 1.0]))
    assert one == pytest.approx(two, rel=1e-5)


def test_rows_with_a_copy_that_was_learnt_do_not_vote():
    """Noise that was learned by heart looks right in its copies, so that β would rise."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(40, 10))
    y = (X[:, 0] + 2 * rng.normal(size=40) > 0).astype(int)
    half = np.arange(40) % 2
    clf = EBMClassifierCV(losses=["hinge"], Cs=[1e3], tol=1e-2, refit=False, random_state=0)
    folds = [(np.flatnonzero(half != f), np.flatnonzero(half == f)) for f in (0, 1)]
    alone = clone(clf).set_params(cv=folds).fit(X, y).beta_
    leaking = [(kept, np.append(held_out, kept[:10] + 40)) for kept, held_out in folds]
    more = np.append(np.arange(40), np.arange(40))
    assert clone(clf).set_params(cv=leaking).fit(X[more], y[more]).beta_ == alone
    with pytest.warns(UserWarning, match="beta stays at 1"):
        assert clone(clf).set_params(cv=2).fit(np.tile(X, (2, 1)), np.tile(y, 2)).beta_ == 1


@pytest.mark.parametrize("as_sparse", [False, True])
def test_copies_of_a_row_are_held_out_together(as_sparse):
    A, a, _, _ = halves(load_wine, 40)
    A[3:6] = -0.0  # a row of zeros of each class, never in two folds
    A[4] = 0.0
    form = sparse.csr_array if as_sparse else np.asarray
    group = groups_of_equal_rows(form(np.repeat(A, 10, axis=0)))
    y = np.repeat(a, 10)
    fold = fold_of_each_row(y, 3, np.random.RandomState(0), group)
    for number in np.unique(group):
        assert len(set(fold[group == number])) == 1
    assert np.ptp(np.bincount(fold)) <= 60
    for f in range(3):
        assert set(y[fold != f]) == {0, 1, 2}


@pytest.mark.parametrize("as_sparse", [False, True])
def test_early_stopping_holds_out_all_copies_of_a_row(as_sparse):
    A, a, _, _ = halves(load_wine, 40)
    X, y = np.repeat(A, 5, axis=0), np.repeat(a, 5)
    rows = Rows(sparse.csr_array(X) if as_sparse else X, y, np.ones(len(y)))
    kept, held_out = split_rows(rows, 0.2, np.arange(3), 0)
    whole = kept.X.toarray() if as_sparse else kept.X
    seen = {row.tobytes() for row in whole}
    held = held_out.X.toarray() if as_sparse else held_out.X
    assert not seen & {row.tobytes() for row in held}
    assert len(kept.y) == 160 and len(held_out.y) == 40
    assert set(kept.y) == set(held_out.y) == {0, 1, 2}


@pytest.mark.parametrize("fraction", [0.1, 0.3])
def test_early_stopping_learns_from_a_row_with_many_copies(fraction):
    """The share is of the other rows; with groups of several sizes it is reached and no more."""
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(100, 2)), np.arange(100) % 2
    times = np.where(np.arange(100) == 7, 2_001, 1 + np.arange(100) % 3)
    X, y = np.repeat(X, times, axis=0), np.repeat(y, times)
    kept, held_out = split_rows(Rows(X, y, np.ones(len(y))), fraction, np.arange(2), 0)
    wanted = fraction * (times.sum() - 2_001)
    assert wanted <= len(held_out.y) < wanted + 3
    assert np.bincount(held_out.y) == pytest.approx(wanted / 2, abs=4)
    assert len(kept.y) + len(held_out.y) == len(y)
    assert not set(map(bytes, kept.X)) & set(map(bytes, held_out.X))


def test_four_points_many_times_are_held_out_one_by_one():
    """Exclusive or: without one of its points, nothing of it can be learned."""
    X = np.tile([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], (20, 1))
    y = np.tile([0, 1, 1, 0], 20)
    kept, held_out = split_rows(Rows(X, y, np.ones(80)), 0.1, np.arange(2), 0)
    assert len(np.unique(kept.X, axis=0)) == 4
    assert np.bincount(held_out.y).tolist() == [4, 4]


def test_one_group_has_no_fold():
    y = np.array([0, 1, 0, 1, 2, 2])
    fold = fold_of_each_row(y, 3, np.random.RandomState(0), np.array([0, 0, 0, 0, 1, 2]))
    np.testing.assert_array_equal(fold[:4], -1)
    assert len(set(fold[4:])) == 2
    with pytest.warns(UserWarning, match="beta stays at 1"):
        with pytest.warns(CollapseWarning):
            EBMClassifier(beta="auto", random_state=0).fit(np.zeros((6, 1)), [0, 1] * 3)


# Data of the benchmarks ---------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "n_rows"), [("letter", 1600), ("satimage", 1000)])
def test_hinge_with_auto_comes_close_to_nll(name, n_rows):
    """Held-out log-loss within 15 % of the nll's, on a sample; the whole sets give the same."""
    path = DATA / "classification" / f"{name}.npz"
    if not path.exists():
        pytest.skip(f"{path} is not there; set EBM_DATA to the folder of the benchmark data")
    with np.load(path) as data:
        X, y = data["X"].astype(np.float64), data["y"]
    rows = np.random.default_rng(0).permutation(len(y))
    learn, held_out = rows[:n_rows], rows[n_rows:]
    losses = {}
    for loss, beta in [("hinge", "auto"), ("hinge", 1.0), ("nll", 1.0)]:
        clf = make_pipeline(
            StandardScaler(), EBMClassifier(loss=loss, beta=beta, tol=1e-2, random_state=0)
        )
        clf.fit(X[learn], y[learn])
        losses[loss, beta] = log_loss(y[held_out], clf.predict_proba(X[held_out]))
    assert losses["hinge", "auto"] <= 1.15 * losses["nll", 1.0]
    assert losses["hinge", "auto"] < losses["hinge", 1.0]
