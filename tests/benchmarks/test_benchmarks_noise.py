"""The benchmark of wrong labels replaces those that it says, and scores on right ones."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sklearn_ebm import EBMClassifier

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
RESULTS = BENCHMARKS / "results"

pytestmark = pytest.mark.skipif(not BENCHMARKS.exists(), reason="benchmarks are not installed")


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import noise

    return noise


@pytest.mark.parametrize("share", [0.0, 0.1, 0.35, 0.5])
def test_a_share_of_the_labels_is_wrong(benchmark, share):
    y = np.arange(9000) % 3
    for kind in benchmark.KINDS:
        labels = benchmark.noisy(y, share, kind, 0)
        wrong = labels != y
        assert wrong.sum() == round(share * 9000)
        steps = (labels - y)[wrong] % 3
        if kind == "class-pair":
            assert set(steps) <= {1}
        elif share:  # both wrong labels: 1/2 ± five standard deviations
            assert abs((steps == 1).mean() - 0.5) < 2.5 / np.sqrt(wrong.sum())


def test_more_wrong_labels_contain_fewer_and_seeds_differ(benchmark):
    y = np.arange(300) % 3
    few, many = (benchmark.noisy(y, share, "symmetric", 0) for share in (0.2, 0.5))
    np.testing.assert_array_equal(many[few != y], few[few != y])
    assert np.not_equal(few, benchmark.noisy(y, 0.2, "symmetric", 1)).any()


def test_two_classes_have_one_kind_of_noise(benchmark):
    assert benchmark.kinds_of(np.array([0, 1, 1])) == ("symmetric",)
    assert benchmark.kinds_of(np.array([0, 1, 2])) == ("symmetric", "class-pair")


def test_learned_from_wrong_labels_and_scored_on_right_ones(benchmark):
    X, y = load_wine(return_X_y=True)
    found = dict(
        (model, (score, C))
        for model, score, C in benchmark.measured(
            X, y, 0.35, "class-pair", 0, ["nll", "LogisticRegression"]
        )
    )
    X, X_new, y, y_new = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
    scaler = StandardScaler().fit(X)
    X, X_new, labels = *map(scaler.transform, (X, X_new)), benchmark.noisy(y, 0.35, "class-pair", 0)
    score, C = found["LogisticRegression"]
    assert score == LogisticRegression(C=C, max_iter=10_000).fit(X, labels).score(X_new, y_new)
    # The same model by two libraries, also in the choice of C.
    assert found["nll"] == (pytest.approx(score, abs=0.03), C)


def test_the_grid_of_penalties_searches_margins_of_a_linear_energy():
    X, y = load_wine(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    settings = {"hinge": (0.02, 0.08), "simple": (0.02, 0.08), "square_square": (0.02, 0.02)}
    for loss, (C, other) in settings.items():
        one = EBMClassifier(loss=loss, margin=1.0, C=C, tol=1e-8).fit(X, y).energies(X)
        four = EBMClassifier(loss=loss, margin=4.0, C=other, tol=1e-8).fit(X, y).energies(X)
        np.testing.assert_allclose(4 * one, four, atol=0.02)


def test_tables_by_hand(benchmark):
    def row(share, model, accuracy):
        of_row = {"set": "s", "noise": "symmetric", "share": share, "model": model}
        return of_row | {"accuracy": accuracy} | benchmark.summary(accuracy)

    rows = [
        row(0.0, "mee", [0.9, 0.8]),  # mean 0.85 ± 0.05
        row(0.0, "LogisticRegression", [0.95, 0.95]),
        row(0.35, "mee", [0.8, 0.8]),
        row(0.35, "LogisticRegression", [0.7, 0.6]),
    ]
    lines = benchmark.section(rows, "s").splitlines()
    assert "| mee | 0.850 ± 0.050 | **0.800 ± 0.000** |" in lines
    assert "| LogisticRegression | **0.950 ± 0.000** | 0.650 ± 0.050 |" in lines
    assert "| mee | −0.100 ± 0.087 | +0.150 ± 0.087 |" in lines
    means, errors = benchmark.curve([*rows, row(0.35, "mee", [0.6, 0.4]) | {"set": "t"}], "mee")
    assert means == {0.0: pytest.approx(0.85), 0.35: pytest.approx((0.8 + 0.5) / 2)}
    assert errors[0.35] == pytest.approx(np.hypot(0, 0.1) / 2)


def test_the_tables_are_those_of_the_results(benchmark, monkeypatch, tmp_path, capsys):
    page = tmp_path / "noise.md"
    command = ["noise.py", "--read", str(RESULTS / "noise.json"), "--markdown", str(page)]
    monkeypatch.setattr(sys, "argv", command)
    benchmark.main()
    assert page.read_text(encoding="utf-8") == (RESULTS / "noise.md").read_text(encoding="utf-8")


def test_it_runs_without_data(tmp_path):
    rows, page, plot = (tmp_path / name for name in ("rows.json", "page.md", "plot.png"))
    command = [sys.executable, str(BENCHMARKS / "noise.py"), "--sets", "wine", "--seeds", "3"]
    command += ["--shares", "0,0.4", "--models", "mee,LogisticRegression"]
    command += ["--json", str(rows), "--markdown", str(page), "--plot", str(plot)]
    checkout = os.environ | {"PYTHONPATH": str(BENCHMARKS.parent), "MPLBACKEND": "Agg"}
    done = subprocess.run(command, env=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(rows.read_text(encoding="utf-8"))
    assert len(found) == 3 * 2  # without noise the kinds are one
    assert all(len(row["accuracy"]) == len(row["C"]) == 3 for row in found)
    assert "## wine, class-pair noise" in page.read_text(encoding="utf-8")
    assert plot.stat().st_size > 1000


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--seeds", "2"], "a standard error needs 3 seeds or more"),
        (["--sets", "wine,iris"], "'iris' is none of the sets: breast cancer, digits, wine"),
    ],
)
def test_what_it_refuses(benchmark, monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(sys, "argv", ["noise.py", *arguments])
    with pytest.raises(SystemExit, match="2"):
        benchmark.main()
    assert message in capsys.readouterr().err
