"""The benchmark of energies of any form runs, and its exact densities are right."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import trapezoid

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.exists(), reason="benchmarks are not installed")


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import free_form

    return free_form


def test_two_branches_are_a_density(benchmark):
    truth = benchmark.TwoBranches()
    grid = np.linspace(-4, 6, 20_001)
    for x in (-1.5, 0.5):
        density = np.exp(truth.log_prob(np.full((len(grid), 1), x), grid))
        assert trapezoid(density, grid) == pytest.approx(1, abs=1e-6)
    density = np.exp(truth.log_prob(np.full((len(grid), 1), -1.5), grid))
    above = trapezoid(np.where(grid > 0, density, 0), grid)
    assert above == pytest.approx(truth.share(np.array([[-1.5]]))[0], abs=1e-4)


def test_samples_have_the_density(benchmark):
    X, y, truth = benchmark.two_branches(20_000, 0)
    separate = (X[:, 0] > -2.6) & (X[:, 0] < -0.5)
    share = (y[separate] > 0).mean()
    assert share == pytest.approx(truth.share(X[separate]).mean(), abs=0.015)
    # The second branch has twice the standard deviation of the first.
    away = np.abs(y - np.sin(X[:, 0]))[separate & (y < 0)]
    assert away.std() / 0.15 == pytest.approx(np.sqrt(1 - 2 / np.pi), abs=0.05)
    assert np.log(y[X[:, 0] >= 0]).std() == pytest.approx(0.25, abs=0.01)


def test_it_runs(benchmark, tmp_path, capsys):
    rows = tmp_path / "rows.json"
    names = "importance,nce,experts"
    benchmark.main(["--quick", "--sets", "two branches", "--methods", names, "--json", str(rows)])
    printed = capsys.readouterr().out
    assert "Nats above the exact density" in printed
    assert "Share of the main branch" in printed
    assert "CPU seconds" in printed
    found = json.loads(rows.read_text())
    assert [row["method"] for row in found] == names.split(",")
    assert all(np.isfinite(row["gap"]) and row["seconds"] > 0 for row in found)
