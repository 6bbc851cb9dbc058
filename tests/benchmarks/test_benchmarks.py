"""The benchmark of linear energies runs, and judges everybody by the right objective."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from sklearn_ebm import EBMClassifier

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.exists(), reason="benchmarks are not installed")


@pytest.fixture
def linear_cases(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import linear_cases.data
    import linear_cases.objectives
    import linear_cases.report
    import linear_cases.speed
    import linear_cases.table

    return linear_cases


def problem(linear_cases, loss="nll", classes=10, as_sparse=False):
    X, y = load_digits(n_class=classes, return_X_y=True)
    X = StandardScaler().fit_transform(X[:400, :30])
    X = sparse.csr_matrix(X) if as_sparse else X
    return linear_cases.data.Problem("digits", X, y[:400], loss)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_both_sides_minimise_the_objective_of_the_benchmark(linear_cases, classes):
    digits = problem(linear_cases, classes=classes)
    value = linear_cases.objectives.of_model
    theirs = LogisticRegression(tol=1e-10, max_iter=10_000).fit(digits.X, digits.y)
    ours = EBMClassifier(tol=1e-8).fit(digits.X, digits.y)
    polished = linear_cases.objectives.polished(digits, ours.coef_, ours.intercept_)
    assert value(ours, digits) == pytest.approx(value(theirs, digits), rel=1e-7)
    assert polished == pytest.approx(value(theirs, digits), rel=1e-7)
    loose = EBMClassifier(tol=1e-3).fit(digits.X, digits.y)
    assert 0 <= (value(loose, digits) - polished) / polished + 1e-8 <= loose.gap_ + 2e-8


@pytest.mark.parametrize("loss", ["hinge", "log", "square_square"])
def test_other_losses_agree_with_the_package(linear_cases, loss):
    digits = problem(linear_cases, loss, as_sparse=True)
    from sklearn_ebm.losses import LOSSES

    rng = np.random.default_rng(0)
    coef, intercept = rng.normal(size=(10, 30)), rng.normal(size=10)
    energies = -(digits.X @ coef.T + intercept)
    rows = LOSSES.resolve(loss)(energies, digits.y[:, None] == np.arange(10))[0]
    expected = rows.sum() + 0.5 * (coef**2).sum()
    assert linear_cases.objectives.value(digits, coef, intercept) == pytest.approx(expected)


def test_geometric_mean(linear_cases):
    assert linear_cases.report.geometric_mean([2.0, 8.0]) == pytest.approx(4.0)


def test_figures_as_markdown(linear_cases):
    from linear_cases.table import markdown

    report = linear_cases.report.Report()
    report.figure("nll", "letter", "times faster", 12.34, "at least: lbfgs")
    report.figure("losses", "letter", "evaluations of |log|", None)
    head, rule, first, second = markdown(report.figures).splitlines()
    assert head == "| case | what | measured | note |"
    assert rule.count("|") == head.count("|")
    assert first == "| nll | letter: times faster | 12.3 | at least: lbfgs |"
    assert second == "| losses | letter: evaluations of \\|log\\| | — |  |"


def test_one_evaluation_takes_the_threads_of_a_fit(linear_cases):
    from linear_cases.speed import evaluating, objective_of
    from threadpoolctl import threadpool_limits

    objective, w = objective_of(problem(linear_cases))
    alone = objective.evaluate(w)
    for threads in (1, 2):
        with threadpool_limits(threads), evaluating(objective, w) as call:
            assert objective.workers.__self__.n_threads == threads
            value, gradient = call()
        assert value == alone[0]
        assert np.array_equal(gradient, alone[1])


def run(folder, *arguments):
    rows = folder / "rows.json"
    command = [sys.executable, str(BENCHMARKS / "linear.py"), "--quick", "--json", str(rows)]
    checkout = os.environ | {"PYTHONPATH": str(BENCHMARKS.parent)}
    done = subprocess.run(
        [*command, *arguments], env=checkout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(rows.read_text(encoding="utf-8"))


def test_cheap_cases_run_without_data(tmp_path):
    table = tmp_path / "table.md"
    more = ("--repeats", "1", "--table", str(table))
    printed, rows = run(tmp_path, "--cases", "losses,evaluation", *more)
    assert "stand-ins: digits" in printed
    assert {row["case"] for row in rows["figures"]} == {"losses", "evaluation"}
    assert len(table.read_text(encoding="utf-8").splitlines()) == 2 + len(rows["figures"])


@pytest.mark.slow
def test_a_race_runs_without_data(tmp_path):
    printed, rows = run(tmp_path, "--cases", "nll", "--repeats", "1")
    assert "times faster than lbfgs" in printed
    assert {"lbfgs", "EBMClassifier"} <= {row["contender"] for row in rows["runs"]}
    assert all(np.isfinite(row["value"]) for row in rows["figures"])
    assert len(rows["curves"]) >= 5
