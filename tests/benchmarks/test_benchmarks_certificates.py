"""The benchmark of certificates: gaps of random problems are close to the true ones."""

from pathlib import Path

import numpy as np
import pytest

from sklearn_ebm.losses import LOSSES

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.exists(), reason="benchmarks are not installed")


@pytest.fixture
def certificates(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import certificates

    return certificates


def test_gaps_are_close_to_the_true_ones(certificates):
    for seed in (0, 1, 5, 7, 9):
        case = certificates.problem(seed, most_rows=50)
        figures = certificates.measure(case._replace(X=case.X[:, :4]))
        assert not figures.bad and not figures.false and not figures.warned
        assert figures.worse <= certificates.TOL


def test_gaps_and_their_verdicts(certificates):
    good = certificates.Figures(1e-3, 1e-4, 0.0, False, False, 1.0)
    assert not good.bad
    assert good._replace(true=1e-5).bad and not good._replace(true=1e-5, gap=1e-4).bad


def test_losses_are_those_of_the_package(certificates):
    rng = np.random.RandomState(0)
    energies, y = rng.normal(size=(20, 4)), rng.randint(4, size=20)
    for name, contrast in certificates.KINDS:
        loss = LOSSES[name](**({} if contrast is None else {"contrast": contrast}))
        expected, _ = loss(energies, np.arange(4) == y[:, None])
        found = certificates.row_losses(name, contrast, energies, y)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
