"""The benchmark of features: what its contenders compute, and a small run."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from sklearn_ebm.representation import REPRESENTATIONS

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.exists(), reason="benchmarks are not installed")


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import features

    return features


def test_rows_are_standardised_on_the_learned_ones(benchmark):
    rng = np.random.RandomState(0)
    X, y = rng.normal(3, 2, size=(50, 2)), np.arange(50) % 2
    (train, test, other), (y_train, y_test) = benchmark.split(X, y, 0, X[:7])
    np.testing.assert_allclose(train.std(axis=0), 1)
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-12)
    assert len(train) == len(y_train) == 35 and len(test) == len(y_test) == 15
    original = X[:7] - X[:7].mean(axis=0)
    ratio = (other - other.mean(axis=0)) / original
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[0], ratio.shape))


def test_every_kind_of_features_has_its_size(benchmark):
    rows = np.random.RandomState(0).normal(size=(60, 5))
    sizes = {
        kind: transformer.fit(rows).transform(rows).shape[1]
        for kind, transformer in benchmark.features(4, rows.shape)
    }
    expected = {"x": 5, "PCA": 4, "Nystroem": 4, "x + Nystroem": 9}
    expected |= {name: 4 for name in REPRESENTATIONS}
    expected |= {f"x + {name}": 9 for name in REPRESENTATIONS}
    assert sizes == expected


def test_scores_are_high_for_unusual_rows(benchmark):
    rng = np.random.RandomState(0)
    # Usual rows lie near a plane, unusual ones do not.
    plane = rng.normal(size=(2, 6))
    usual, unusual = rng.normal(size=(300, 2)) @ plane, 3 * rng.normal(size=(50, 6))
    rows = np.vstack([usual[200:], unusual])
    truth = np.repeat([0, 1], [100, 50])
    names = []
    for name, score in benchmark.anomaly_scores(usual[:200], 16):
        names.append(name)
        assert roc_auc_score(truth, score(rows)) > 0.9
    assert names == ["IsolationForest", "KernelDensity", "PCA", *REPRESENTATIONS]


def test_a_small_run_prints_every_contender(benchmark, capsys):
    benchmark.main(["--rows", "150", "--components", "8", "--seeds", "1"])
    printed = capsys.readouterr().out
    for kind in ("x", "PCA", "x + Nystroem", "IsolationForest", *REPRESENTATIONS):
        assert f"\n| {kind} | " in printed
    assert "nan" not in printed
