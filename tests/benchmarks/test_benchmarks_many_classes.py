"""The benchmark of very many classes runs, and its gradients are exact if all classes are drawn."""

import argparse
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.exists(), reason="benchmarks are not installed")


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import many_classes

    return many_classes


def test_gradients_with_all_classes_are_exact(benchmark):
    X, y = benchmark.problem(20, 3, 1000)
    y = np.unique(y, return_inverse=True)[1]
    k = int(y.max()) + 1
    rows = (X.astype(float), y, np.ones(1000), k, 0.0)
    objective = benchmark.Objective(benchmark.Linear(), benchmark.NLL(), *rows)
    w = np.random.default_rng(0).normal(size=objective.layout.size)
    exact = objective.evaluate(w)[1] / 1000
    found = benchmark.gradients(benchmark.Sampled(k), rows, w, 2)
    np.testing.assert_allclose(found, np.tile(exact, (2, 1)), atol=1e-12)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("case", ["time", "quality", "bias"])
def test_cases_run(benchmark, case, capsys):
    benchmark.CASES[case](argparse.Namespace(quick=True, repeats=1, C=0.1))
    assert capsys.readouterr().out.lstrip().startswith(f"{case}: ")
