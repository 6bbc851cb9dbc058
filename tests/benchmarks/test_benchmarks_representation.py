"""The benchmark of representations: energies by hand, and a small run."""

from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.exists(), reason="benchmarks are not installed")


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import representation

    return representation


def test_the_energy_by_hand(benchmark):
    # ½ ‖(3, 4) − 2 (1, 0)‖² + 1 · 2 = ½ (1 + 16) + 2
    found = benchmark.energy(np.array([[3.0, 4.0]]), np.array([[2.0]]), np.array([[1.0, 0.0]]), 1.0)
    assert found == 10.5


def test_contenders_agree(benchmark):
    rng = np.random.RandomState(0)
    X, dictionary = rng.normal(size=(20, 6)), rng.normal(size=(8, 6))
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    best = benchmark.best_codes(X, dictionary, 0.3)
    for codes in (benchmark.lasso_codes(1e-8), benchmark.our_codes("cd", np.float64, 1e-8)):
        found = codes(X, dictionary, 0.3)
        assert benchmark.energy(X, found, dictionary, 0.3) == pytest.approx(
            benchmark.energy(X, best, dictionary, 0.3), rel=1e-6
        )


def test_a_small_run_prints_every_contender(benchmark, capsys, monkeypatch):
    monkeypatch.setattr(benchmark, "LAYERS", (1, 2))
    benchmark.main(["--rows", "150", "--atoms", "8", "--rounds", "1"])
    printed = capsys.readouterr().out
    assert printed.count("gap ") == len(benchmark.OURS)
    assert printed.count("MiniBatchDictionaryLearning") == 2 and "nan" not in printed
    assert printed.count("LISTA, untied") == 2
