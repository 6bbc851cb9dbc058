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
    for codes in (benchmark.lasso_codes(1e-8), benchmark.our_codes("admm", np.float64, 1e-8)):
        found = codes(X, dictionary, 0.3)
        assert benchmark.energy(X, found, dictionary, 0.3) == pytest.approx(
            benchmark.energy(X, best, dictionary, 0.3), rel=1e-6
        )


def test_the_first_time_at_an_energy(benchmark):
    trace = [(1.0, 5.0), (2.0, 4.0), (3.0, 4.5)]
    assert benchmark.first_at(trace, 4.5) == 2.0
    assert benchmark.first_at(trace, 5.0) == 1.0
    assert benchmark.first_at(trace, 3.0) == np.inf


def test_patches_have_no_mean_and_norm_one(benchmark):
    for images in (None, np.random.RandomState(0).rand(5, 20, 20)):
        rows = benchmark.patches(images, 50)
        assert rows.shape == (50, benchmark.EDGE**2)
        np.testing.assert_allclose(rows.mean(axis=1), 0, atol=1e-12)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1)


def test_shifted_samples_combine_atoms_never_seen_together(benchmark):
    rng = np.random.RandomState(0)
    half = benchmark.KNOWN_ATOMS // 2
    codes = benchmark.known_codes(rng, 100, (0, benchmark.ACTIVE)) != 0
    assert (codes.sum(axis=1) == benchmark.ACTIVE).all()
    assert not (codes[:, :half].any(axis=1) & codes[:, half:].any(axis=1)).any()
    shifted = benchmark.known_codes(rng, 100, (2, 3)) != 0
    assert (shifted[:, :half].any(axis=1) & shifted[:, half:].any(axis=1)).all()


def test_recovery_of_permuted_atoms_with_other_signs(benchmark):
    rng = np.random.RandomState(0)
    atoms = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    order, signs = rng.permutation(6), rng.choice([-1, 1], 6)
    learned, codes = atoms[order] * signs[:, None], rng.normal(size=(10, 6))
    assert benchmark.recovered(2 * learned, atoms) == pytest.approx(1)
    found = benchmark.matched(codes[:, order] * signs, learned, atoms)
    np.testing.assert_allclose(found, codes)
    assert benchmark.cosine_of_codes(found, codes) == pytest.approx(1)


def test_a_small_run_prints_every_contender(benchmark, capsys, monkeypatch):
    monkeypatch.setattr(benchmark, "LAYERS", (1, 2))
    benchmark.main(
        ["--rows", "150", "--atoms", "8", "--rounds", "1", "--patches", "300", "--known", "200"]
    )
    printed = capsys.readouterr().out
    assert printed.count("gap ") == len(benchmark.OURS)
    assert printed.count("MiniBatchDictionaryLearning") == 2 * len(benchmark.THEIR_PASSES) + 2
    assert printed.count("shifted") == 1 and "nan" not in printed
    assert printed.count("LISTA, untied") == 2
    assert printed.count("SparseAutoencoder") == len(benchmark.THEIR_PASSES)
