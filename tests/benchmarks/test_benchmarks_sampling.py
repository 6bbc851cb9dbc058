"""The benchmark of samplers: its exact draws, its count of effective draws, and its tables."""

from pathlib import Path

import numpy as np
import pytest

from sklearn_ebm.inference import log_partition
from sklearn_ebm.samplers.surfaces import check_slopes

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.exists(), reason="benchmarks are not installed")


@pytest.fixture
def sampling(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import sampling

    return sampling


def test_exact_draws_have_the_density_of_the_energy(sampling):
    """Stein's identity: the mean of y ∂F/∂y is 1 for each output."""
    energies = {
        "10-D Gaussian": sampling.gaussian_energy(sampling.correlated(10, sampling.RHO)[1]),
        "double well": sampling.double_well, "2-D ring": sampling.ring,
        "banana": sampling.banana,
    }  # fmt: skip
    for name, energy in energies.items():
        y = sampling.exact_draws(name, 50_000, np.random.default_rng(0))
        products = y * energy(None, y)[1]
        error = products.std(axis=0) / np.sqrt(len(y))
        assert (np.abs(products.mean(axis=0) - 1) < 4.5 * error).all(), name


def test_listed_answers_of_the_chain_of_spins(sampling):
    where = sampling.Ising(q=5)
    answers, probabilities = where.listed()
    energies = where.energies(answers[None])[0]
    np.testing.assert_allclose(
        log_partition(where).value, -energies[0] - np.log(probabilities[0]), rtol=1e-12
    )
    conditional = where.conditional_energies(answers[None], np.array([0, 2, 4]))
    default = super(sampling.Ising, where).conditional_energies(answers[None], np.array([0, 2, 4]))
    np.testing.assert_allclose(np.diff(conditional, axis=-1), np.diff(default, axis=-1), atol=1e-12)


def test_effective_draws_of_an_autoregression(sampling):
    draws = np.random.default_rng(0).standard_normal((400, 500, 1))
    for t in range(1, 400):
        draws[t] = 0.8 * draws[t - 1] + 0.6 * draws[t]
    assert abs(sampling.effective(draws) / (200_000 / 9) - 1) < 0.05


def test_differences_in_standard_errors(sampling):
    rng = np.random.default_rng(0)
    draws, exact = rng.standard_normal((4, 2000, 1)), rng.standard_normal((200_000, 1))
    assert max(sampling.in_errors(draws, exact, 8000.0)) < 4
    assert min(sampling.in_errors(1.1 * draws + 0.1, exact, 8000.0)) > 4


def test_surfaces_and_tables(sampling, capsys):
    check_slopes(sampling.GaussianSurface(np.float64), np.ones((1, 3, sampling.OUTPUTS)))
    energy, q, truth = sampling.spread_gaussian(3)
    sampling.print_partition("name", energy, np.zeros((3, 1)), truth, "importance", n_outputs=q)
    assert "1.000      1.00" in capsys.readouterr().out
