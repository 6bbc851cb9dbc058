"""The benchmark of unknown inputs learns no unknown row, and measures what it says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.exists(), reason="benchmarks are not installed")


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import unknown_inputs

    return unknown_inputs


def test_measures_by_hand(benchmark):
    # 20 known rows score 0, 1, ..., 19; 95 % of them lie at 19 × 0.95 = 18.05 or below, so that
    # the threshold is the next score, 19.
    score = np.concatenate([np.arange(20.0), [18.5, 19.0, 30.0, 40.0]])
    unknown = np.arange(24) >= 20
    found = benchmark.measured(score, unknown)
    assert found["fpr95"] == 0.5  # 18.5 and 19 are accepted
    assert found["auroc"] == pytest.approx((19 + 19.5 + 20 + 20) / 80)
    # Precision at each recall, from the highest score: 1, 1, 3/4 with the tie at 19, 4/5.
    assert found["aupr"] == pytest.approx((1 + 1 + 3 / 4 + 4 / 5) / 4)
    assert benchmark.measured(-score, unknown)["fpr95"] == 1.0


def test_choices_of_unknown_classes(benchmark):
    few = benchmark.left_out(np.arange(6), 0)
    assert [choice.tolist() for choice in few] == [[0], [1], [2], [3], [4], [5]]
    letters = [benchmark.left_out(np.arange(26), seed) for seed in (0, 0, 1)]
    assert [len(choice) for choice in letters[0]] == [5] * 5
    assert len(np.unique(letters[0])) == 25  # no letter twice
    np.testing.assert_array_equal(letters[0], letters[1])
    assert np.not_equal(letters[0], letters[2]).any()


def test_unknown_classes_are_not_learnt_and_known_rows_set_the_scale(benchmark):
    X, y = benchmark.problem("digits", None, 600)
    X[y == 4] += 1000.0
    X_train, y_train, X_test, y_test, unknown = benchmark.split(X, y, np.array([4]), 0)
    assert set(y_train) == set(range(10)) - {4}
    np.testing.assert_array_equal(unknown, y_test == 4)
    np.testing.assert_allclose(X_train.mean(axis=0), 0, atol=1e-12)
    assert abs(X_test[~unknown]).max() < 50 < abs(X_test[unknown]).max()


def test_sets_that_are_not_there_are_left_out(benchmark, tmp_path, capsys):
    assert benchmark.present(["letter"], str(tmp_path)) == []
    assert "letter is left out" in capsys.readouterr().out
    assert benchmark.present(["letter"], None) == ["digits"]


def test_it_runs_without_data(benchmark, tmp_path):
    rows, table = tmp_path / "rows.json", tmp_path / "table.md"
    command = [sys.executable, str(BENCHMARKS / "unknown_inputs.py"), "--rows", "500"]
    command += ["--choices", "1", "--energies", "linear,prototypes", "--losses", "nll"]
    command += ["--json", str(rows), "--markdown", str(table)]
    checkout = os.environ | {"PYTHONPATH": str(BENCHMARKS.parent)}
    done = subprocess.run(command, env=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(rows.read_text(encoding="utf-8"))["rows"]
    scores = {(row["model"], row["score"]): row for row in found}
    assert len(scores) == len(found) == 2 * 5 + 5
    assert {row["score"] for row in found} == set(benchmark.SCORES)
    # The same model twice, by two libraries.
    ours = scores["linear, nll", "maximum probability"]
    theirs = scores["LogisticRegression", "maximum probability"]
    assert ours["accuracy"] == pytest.approx(theirs["accuracy"], abs=0.03)
    assert ours["auroc"] == pytest.approx(theirs["auroc"], abs=0.05)
    lines = table.read_text(encoding="utf-8").splitlines()
    cells = next(line for line in lines if line.startswith("| linear, nll |")).split(" | ")
    assert cells[3] == f"{scores['linear, nll', 'free energy']['auroc']:.3f}"
    assert not any(line.count("|") != lines[2].count("|") for line in lines if line[:1] == "|")
