"""The benchmark of Boltzmann machines estimates log Z from both sides, and runs."""

import argparse
from pathlib import Path

import numpy as np
import pytest

from sklearn_ebm.representation._boltzmann import Machine
from sklearn_ebm.representation._boltzmann_partition import exact_log_partition

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.exists(), reason="benchmarks are not installed")


@pytest.fixture
def boltzmann(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import boltzmann

    return boltzmann


def test_both_directions_give_the_exact_value(boltzmann):
    rng = np.random.RandomState(0)
    machine = Machine(rng.normal(size=(6, 9)), rng.normal(size=6), rng.normal(size=9))
    exact, base = exact_log_partition(machine), np.zeros(9)
    X = (rng.uniform(size=(50, 9)) < 0.5).astype(np.float32)
    scores, found = boltzmann.log_likelihoods(machine, X, base, 500, 100)
    assert abs(found.value[0] - exact) < 4 * found.standard_error[0] < 0.2
    inputs = machine.component_inputs(X)
    expected = -machine.free_energies(X, inputs) - found.value[0]
    np.testing.assert_allclose(scores, expected, rtol=1e-5)
    assert boltzmann.backwards(machine, X, base, 500, 100) == pytest.approx(exact, abs=0.1)


def test_it_runs_on_a_small_set(boltzmann, monkeypatch, capsys):
    monkeypatch.setattr(boltzmann, "LEARNING_RATES", (0.1,))
    monkeypatch.setattr(boltzmann, "BATCH_SIZES", (100,))
    monkeypatch.setattr(boltzmann, "QUICK", (20, 20))
    options = argparse.Namespace(
        components=4, seconds=0.05, seeds=1, particles=20, temperatures=20, repetitions=2
    )
    boltzmann.compare(options, *boltzmann.binary_digits(None))
    shown = capsys.readouterr().out
    assert "BoltzmannMachine" in shown and "BernoulliRBM 0.1, 100" in shown
    assert "seed 0: difference" in shown
