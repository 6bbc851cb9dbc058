"""beta="auto": the inverse temperature of lowest log-loss on rows that were held out."""

import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris, make_classification
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ebm import EBMClassifier, _temperature
from sklearn_ebm._temperature import LARGEST, SMALLEST, choose_beta, fit_beta, fold_of_each_row

DATA = Path(os.environ.get("EBM_DATA", Path(__file__).parents[2] / "shared" / "data"))


def drawn(n_rows=400, k=4, beta=2.0, seed=0):
    """Energies, and answers drawn from the Gibbs law at β, so that β is known."""
    rng = np.random.default_rng(seed)
    energies = rng.normal(size=(n_rows, k))
    gumbel = rng.gumbel(size=(n_rows, k))
    return energies, (gumbel - beta * energies).argmax(axis=1)


def mean_log_loss(beta, energies, y, weight=None):
    """Written out anew, in the plainest way."""
    logits = -beta * energies
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -np.average(log_p[np.arange(len(y)), y], weights=weight)


def best_on_a_grid(energies, y, weight=None):
    grid = np.geomspace(0.01, 100, 4001)
    return grid[np.argmin([mean_log_loss(beta, energies, y, weight) for beta in grid])]


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
    assert fit_beta(energies, y, weight.astype(float)) == pytest.approx(
        fit_beta(energies[twice], y[twice], np.ones(len(twice))), rel=1e-5
    )
    assert fit_beta(energies, y, weight.astype(float)) != pytest.approx(
        fit_beta(energies, y, np.ones(len(y))), rel=1e-3
    )


@pytest.mark.parametrize("scale", [1e-100, 1e-12, 0.1, 3.0, 1e12, 1e100])
def test_energies_in_other_units(scale):
    energies, y = drawn()
    weight = np.ones(len(y))
    assert fit_beta(scale * energies, y, weight) * scale == pytest.approx(
        fit_beta(energies, y, weight), rel=1e-4
    )


@pytest.mark.parametrize("value", [0.0, 3.7, 0.1, 1e300])
def test_flat_energies_leave_beta_at_one(value):
    _, y = drawn()
    energies = np.full((len(y), 3), value)
    assert fit_beta(energies, y % 3, np.ones(len(y))) == 1.0


def test_separable_and_useless_energies_stay_in_range():
    _, y = drawn()
    right = np.where(np.arange(4) == y[:, None], 0.0, 1.0)
    spread = np.sqrt(right.var(axis=1).mean())
    certain, none = (fit_beta(energies, y, np.ones(len(y))) for energies in (right, -right))
    assert mean_log_loss(certain, right, y) < 1e-9
    assert certain <= LARGEST / spread
    assert SMALLEST / spread <= none < 1.01 * SMALLEST / spread


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
    learnt, held_out = [], []

    def energies(rows, out):
        learnt.append(set(rows))
        held_out.append(set(out))
        return np.zeros((len(out), 3))

    choose_beta(energies, y, np.ones(len(y)), np.random.RandomState(0), None, n_folds=5)
    assert len(learnt) == 5
    for rows, out in zip(learnt, held_out, strict=True):
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

    def remembered(*arguments):
        dealt.append(fold_of_each_row(*arguments))
        return dealt[-1]

    monkeypatch.setattr(_temperature, "fold_of_each_row", remembered)
    clf = EBMClassifier(loss="hinge", beta="auto").fit(X, y, weight)
    (fold,) = dealt
    energies = np.empty((len(y), 3))
    for f in np.unique(fold):
        learn = fold != f
        part = EBMClassifier(loss="hinge").fit(X[learn], y[learn], weight[learn])
        energies[~learn] = part.energies(X[~learn])
    assert clf.beta_ == pytest.approx(best_on_a_grid(energies, y, weight), rel=5e-3)
    assert abs(clf.beta_ - 1) > 0.05  # a β that was not chosen would show
    np.testing.assert_allclose(
        clf.predict_proba(X), np.exp(-clf.beta_ * clf.energies(X))
        / np.exp(-clf.beta_ * clf.energies(X)).sum(axis=1, keepdims=True),
    )  # fmt: skip


def test_auto_learns_at_beta_one():
    X, y = load_iris(return_X_y=True)
    auto, plain = (EBMClassifier(beta=beta).fit(X, y) for beta in ("auto", 1.0))
    np.testing.assert_array_equal(auto.coef_, plain.coef_)
    assert auto.beta_ > 0
    assert plain.beta_ == 1.0
    np.testing.assert_array_equal(auto.predict(X), plain.predict(X))


@pytest.mark.parametrize("loss", ["hinge", "perceptron"])
def test_jobs_change_nothing(loss):
    X, y = load_iris(return_X_y=True)
    betas = {
        EBMClassifier(loss=loss, beta="auto", n_jobs=n_jobs, random_state=0).fit(X, y).beta_
        for n_jobs in (None, 1, 2)
    }
    assert len(betas) == 1


def test_classes_with_one_row():
    X, y = load_iris(return_X_y=True)
    y = np.where(np.arange(len(y)) == 7, 9, y)
    clf = EBMClassifier(beta="auto").fit(X, y)
    assert clf.predict_proba(X).shape == (150, 4)
    assert 0 < clf.beta_ < np.inf


def test_rows_of_weight_zero_are_not_dealt_out():
    X, y = load_iris(return_X_y=True)
    weight = np.ones(len(y))
    weight[::3] = 0
    kept = weight > 0
    with_zeros = EBMClassifier(loss="hinge", beta="auto").fit(X, y, weight)
    assert with_zeros.beta_ == EBMClassifier(loss="hinge", beta="auto").fit(X[kept], y[kept]).beta_


@pytest.mark.parametrize("loss", ["nll", "hinge", "simple", "square_square", "log"])
def test_probabilities_are_no_worse_than_at_beta_one(loss):
    X, y = make_classification(900, 8, n_informative=6, n_classes=3, flip_y=0.2, random_state=0)
    learn = np.arange(len(y)) < 600
    losses = []
    for beta in ("auto", 1.0):
        clf = EBMClassifier(loss=loss, beta=beta, tol=1e-3).fit(X[learn], y[learn])
        losses.append(log_loss(y[~learn], clf.predict_proba(X[~learn])))
    assert losses[0] <= losses[1] * 1.01


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
        clf = make_pipeline(StandardScaler(), EBMClassifier(loss=loss, beta=beta, tol=1e-2))
        clf.fit(X[learn], y[learn])
        losses[loss, beta] = log_loss(y[held_out], clf.predict_proba(X[held_out]))
    assert losses["hinge", "auto"] <= 1.15 * losses["nll", 1.0]
    assert losses["hinge", "auto"] < losses["hinge", 1.0]
