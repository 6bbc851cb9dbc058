"""The benchmark of auto-encoders: its exact likelihood, and a small run."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from sklearn_ebm.representation import VariationalAutoencoder
from sklearn_ebm.solvers import adam

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.exists(), reason="benchmarks are not installed")


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.setattr(adam, "FEWEST_STEPS", 50)
    monkeypatch.setattr(adam, "FEWEST_PASSES", 10)
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import autoencoders

    return autoencoders


def test_the_exact_likelihood_is_that_of_a_normal_distribution(benchmark):
    X = np.random.RandomState(0).normal(size=(50, 4)) * [3.0, 2.0, 1.0, 1.0] + 5
    model = VariationalAutoencoder(2, ()).fit(X)
    weight = model.scale_ * model.params_["decoder_output_weight"]
    covariance = weight.T @ weight + model.noise_**2 * np.eye(4)
    expected = multivariate_normal(X.mean(axis=0), covariance).logpdf(X)
    np.testing.assert_allclose(benchmark.exact_likelihood(model, X), expected)


def test_a_small_run_prints_every_contender(benchmark, capsys):
    benchmark.main(["--rows", "200", "--components", "2", "--codes", "16", "--rounds", "1"])
    printed = capsys.readouterr().out
    for name in ("PCA", "MLPRegressor", "FactorAnalysis", "4 levels of 4", "VQAutoencoder(4, 4)"):
        assert name in printed
    assert "nan" not in printed and printed.count("CPU s") == 3
