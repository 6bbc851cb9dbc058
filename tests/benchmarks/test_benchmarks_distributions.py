"""The benchmark of densities with many components runs, and its errors can be seen."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sklearn_ebm.distributions import GaussianMixture

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.exists(), reason="benchmarks are not installed")


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import distributions

    return distributions


def test_blends_are_mixtures_with_backgrounds(benchmark):
    weights, means, scales = benchmark.blend(20, 300)
    assert weights.shape == means.shape == scales.shape
    assert 250 < weights.shape[1] <= 300
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    np.testing.assert_array_equal(scales.max(axis=1), 6.0)
    assert 0.001 < scales.min() < 0.01


def test_wrong_answers_have_errors(benchmark):
    density = GaussianMixture(*benchmark.blend(5, 100))
    y = density.sample(1, random_state=0)[:, 0]
    calls = benchmark.methods(density, y)
    results = {
        name: calls[name]() for name in ("quantiles (5)", "region(0.9)", "mode", "modes", "crps")
    }
    right = benchmark.errors(density, y, results)
    assert max(right.values()) < 1e-6
    wrong = results | {
        "quantiles (5)": results["quantiles (5)"] + 0.1,
        "region(0.9)": density.region(0.8),
        "mode": results["mode"] + 0.1,
    }
    seen = benchmark.errors(density, y, wrong)
    assert seen["region(0.9)"] == pytest.approx(0.1, abs=1e-6)
    assert seen["quantiles (5)"] > 1e-3
    assert seen["mode"] > 1e-3


@pytest.mark.parametrize("more", [(), ("--whole",)])
def test_it_runs(tmp_path, more):
    rows = tmp_path / "rows.json"
    command = [sys.executable, str(BENCHMARKS / "distributions.py"), "--quick", "--json", str(rows)]
    checkout = os.environ | {"PYTHONPATH": str(BENCHMARKS.parent)}
    done = subprocess.run(
        [*command, *more], env=checkout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    measured = json.loads(rows.read_text(encoding="utf-8"))["methods"]
    assert "| region(0.9) |" in done.stdout
    assert ("reduced" in {row["method"] for row in measured}) == (not more)
    assert all(row["seconds"] >= 0 for row in measured)
