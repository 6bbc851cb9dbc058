"""Vector quantisation: K-means, groups of features, levels of residuals."""

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.cluster import KMeans

from sklearn_ebm.representation import VectorQuantizer

RNG = np.random.RandomState(0)
X = RNG.normal(size=(200, 6)) + 3 * RNG.randint(0, 4, size=(200, 1))


def test_one_group_is_kmeans():
    quantizer = VectorQuantizer(8, random_state=0).fit(X)
    inertia = KMeans(8, n_init=1, random_state=0).fit(X).inertia_
    assert 2 * quantizer.energies(X).sum() < 1.05 * inertia
    distances = ((X[:, None] - quantizer.codebooks_[0][0]) ** 2).sum(axis=2)
    np.testing.assert_array_equal(quantizer.transform(X)[:, 0], distances.argmin(axis=1))
    np.testing.assert_allclose(quantizer.energies(X), 0.5 * distances.min(axis=1))
    expected = -logsumexp(-2.0 * 0.5 * distances, axis=1) / 2.0
    np.testing.assert_allclose(quantizer.set_params(beta=2.0).free_energy(X), expected)


@pytest.mark.parametrize("settings", [{"n_groups": 3}, {"n_levels": 3}])
def test_groups_and_levels_lower_the_energy(settings):
    """Three codes of 2 bits each, against one of 2 bits."""
    rows = RNG.uniform(size=(200, 6))
    whole = VectorQuantizer(4).fit(rows).energies(rows).mean()
    several = VectorQuantizer(4, **settings).fit(rows)
    assert several.energies(rows).mean() < 0.75 * whole
    codes = several.transform(rows)
    assert codes.shape == (200, 3) and codes.max() == 3
    away = rows - several.inverse_transform(codes)
    np.testing.assert_allclose(several.energies(rows), 0.5 * (away**2).sum(axis=1))
    np.testing.assert_allclose(several.reconstruction_error(rows), several.energies(rows))
    assert (several.free_energy(rows) <= several.energies(rows) + 1e-12).all()


def test_energies_of_groups_add_up():
    quantizer = VectorQuantizer(4, n_groups=2).fit(X)
    halves = [VectorQuantizer(4).fit(X[:, part]) for part in quantizer.groups_]
    for half, books in zip(halves, quantizer.codebooks_, strict=True):
        half.codebooks_ = [books]
    expected = sum(
        half.free_energy(X[:, part]) for half, part in zip(halves, quantizer.groups_, strict=True)
    )
    np.testing.assert_allclose(quantizer.free_energy(X), expected)


def test_few_distinct_samples_are_codes_themselves():
    rows = np.repeat([[0.0, 1.0], [5.0, 5.0]], 3, axis=0)
    quantizer = VectorQuantizer(4).fit(rows)
    np.testing.assert_array_equal(quantizer.energies(rows), 0)
    np.testing.assert_array_equal(quantizer.inverse_transform(quantizer.transform(rows)), rows)


def test_weights_are_repetitions_and_zero_is_absence():
    weight = np.r_[np.ones(100), np.zeros(100)]
    one = VectorQuantizer(4).fit(X, sample_weight=weight)
    other = VectorQuantizer(4).fit(X[:100])
    np.testing.assert_allclose(one.codebooks_[0][0], other.codebooks_[0][0])


@pytest.mark.parametrize("shift", [0.0, 1e8])
@pytest.mark.parametrize("size", [1e-100, 1.0, 1e100])
def test_scales_and_offsets(size, shift):
    plain = VectorQuantizer(4).fit(X)
    rows = (X + shift) * size
    moved = VectorQuantizer(4).fit(rows)
    found = moved.energies(rows).mean() / size**2
    assert found == pytest.approx(plain.energies(X).mean(), rel=1e-6)


def test_float32_stays_in_the_vectors():
    quantizer = VectorQuantizer(4).fit(X.astype(np.float32))
    assert quantizer.codebooks_[0][0].dtype == np.float32
    assert quantizer.energies(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_codes": 0}, "n_codes=0 of VectorQuantizer"),
        ({"n_groups": 7}, "n_groups=7 of VectorQuantizer must be at most n_features=6"),
        ({"n_levels": 0}, "n_levels=0"),
        ({"start": "kmeans++"}, r"Did you mean 'k-means\+\+'"),
        ({"beta": 0.0}, "beta=0.0"),
    ],
)
def test_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        VectorQuantizer(**({"n_codes": 4} | settings)).fit(X)


@pytest.mark.parametrize("codes", [[[0.5]], [[4]], [[-1]], [[0, 1]]])
def test_codes_that_are_none_are_refused(codes):
    quantizer = VectorQuantizer(4).fit(X)
    with pytest.raises(ValueError, match=r"codes (must be whole numbers|have shape)"):
        quantizer.inverse_transform(codes)


# Streams


def test_a_stream_has_the_means_of_all_samples():
    """With the vectors far apart, every sample keeps its vector, whose mean is then that of all."""
    rng = np.random.RandomState(0)
    rows = 100 * rng.randint(0, 4, size=(400, 1)) + rng.normal(size=(400, 1))
    weight = rng.randint(0, 3, size=400)
    stream = VectorQuantizer(4)
    for part in np.split(np.arange(400), 4):
        stream.partial_fit(rows[part], sample_weight=weight[part])
    whole = VectorQuantizer(4).fit(rows, sample_weight=weight)
    found, expected = (np.sort(one.codebooks_[0][0], axis=0) for one in (stream, whole))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("settings", [{"n_groups": 2}, {"n_levels": 2}])
def test_parts_of_a_stream_lower_the_energy(settings):
    rows = np.random.RandomState(0).normal(size=(2_000, 6))
    stream = VectorQuantizer(16, **settings)
    energies = []
    for part in np.split(rows[:1_800], 18):
        energies.append(stream.partial_fit(part).energies(rows[1_800:]).mean())
    assert energies[-1] < 0.95 * energies[0]
    whole = VectorQuantizer(16, **settings).fit(rows[:1_800]).energies(rows[1_800:]).mean()
    assert energies[-1] < 1.1 * whole


def test_a_stream_finds_the_vectors_that_a_small_first_part_lacks():
    stream = VectorQuantizer(3).partial_fit([[0.0], [0.0]])
    assert stream.codebooks_[0][0].shape == (1, 1)
    stream.partial_fit([[5.0], [9.0], [5.0]])
    np.testing.assert_array_equal(stream.energies([[0.0], [5.0], [9.0]]), 0)
    expected = -np.log(1 + np.exp(-12.5) + np.exp(-40.5))
    np.testing.assert_allclose(stream.free_energy([[0.0]]), [expected], rtol=1e-6)


def test_a_stream_with_other_groups_is_refused():
    quantizer = VectorQuantizer(4).fit(X)
    with pytest.raises(ValueError, match="partial_fit continues with 1 groups and 1 levels"):
        quantizer.set_params(n_groups=2).partial_fit(X)
