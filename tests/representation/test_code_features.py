"""Samples and their codes as features of a linear energy."""

import numpy as np
import pytest

from sklearn_ebm.representation import REPRESENTATIONS, SparseCoding, VectorQuantizer, code_features
from sklearn_ebm.representation.code_features import CodeFeatures, usual_size
from sklearn_ebm.solvers import adam

RNG = np.random.RandomState(0)
X = RNG.normal(size=(120, 4))


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Networks learn little here, in little time."""
    monkeypatch.setattr(adam, "FEWEST_STEPS", 100)
    monkeypatch.setattr(adam, "FEWEST_PASSES", 20)


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_features_are_the_samples_and_encoded_codes(name):
    features = CodeFeatures(name).fit(X)
    found = features.transform(X)
    codes = features.representation_.transform(X)
    assert type(features.representation_) is REPRESENTATIONS[name]
    np.testing.assert_array_equal(found[:, :4], X)
    np.testing.assert_array_equal(found[:, 4:], features.encoder_.transform(codes))
    assert found.shape[1] > 4 and np.isfinite(found).all() and found[:, 4:].std() > 0
    alone = CodeFeatures(name, beside=False).fit_transform(X)
    np.testing.assert_allclose(alone, found[:, 4:])


@pytest.mark.parametrize("name", sorted(set(REPRESENTATIONS) - {"boltzmann_machine"}))
@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_what_codes_stand_for_has_the_unit_of_the_samples(name, scale):
    plain = CodeFeatures(name).fit(X).representation_
    scaled = CodeFeatures(name).fit(scale * X).representation_
    expected = plain.inverse_transform(plain.transform(X))
    found = scaled.inverse_transform(scaled.transform(scale * X)) / scale
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-2)


@pytest.mark.filterwarnings("ignore::sklearn_ebm.exceptions.CollapseWarning")
@pytest.mark.parametrize("name", REPRESENTATIONS)
@pytest.mark.parametrize("rows", [np.zeros((6, 2)), np.eye(3), np.ones((5, 1)), X[:3]])
def test_degenerate_samples_have_features(name, rows):
    with np.errstate(all="raise"):
        found = CodeFeatures(name).fit_transform(rows)
    assert found.shape[0] == len(rows) and np.isfinite(found).all()


def test_outliers_do_not_dominate():
    features = CodeFeatures("sparse_coding", beside=False).fit(X)
    codes = features.representation_.transform(1e6 * X)
    found = features.transform(1e6 * X)
    np.testing.assert_allclose(np.sinh(found), codes, rtol=1e-6)
    assert np.abs(found).max() < 20 and np.abs(codes).max() > 1e5


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_a_size_and_a_seed_are_used(name):
    few = CodeFeatures(name, n_components=3, beside=False, random_state=1).fit(X)
    assert few.transform(X).shape[1] <= 3
    assert few.representation_.random_state == 1


def test_no_scale_means_no_penalty_of_zero():
    assert SparseCoding._sized(np.zeros((5, 2)), 2, 0).alpha > 0


def test_the_penalty_is_a_tenth_of_that_of_a_typical_sample():
    # Every atom is 1 or -1; samples that are zero do not count.
    rows = np.array([[3.0], [-3.0], [5.0], [0.0], [0.0], [0.0], [0.0]])
    assert SparseCoding._sized(rows, 2, 0).alpha == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("n_samples", "n_features", "expected"),
    [(200, 50, 28), (50_000, 50, 128), (50_000, 3, 24), (1, 1, 2)],
)
def test_sizes_by_hand(n_samples, n_features, expected):
    assert usual_size(n_samples, n_features) == expected


def test_of_many_samples_some_are_learned(monkeypatch):
    seen = []

    class Recorder(VectorQuantizer):
        def _learn(self, X, weight, task):
            seen.append(X)
            super()._learn(X, weight, task)

    monkeypatch.setattr(code_features, "MOST_SAMPLES", 50)
    features = CodeFeatures(Recorder(3)).fit(X)
    (learned,) = seen
    assert len(np.unique(learned, axis=0)) == 50
    assert {tuple(row) for row in learned} <= {tuple(row) for row in X}
    assert len(features.transform(X)) == len(X)


def test_an_object_keeps_its_settings_and_is_not_fitted():
    own = VectorQuantizer(5, random_state=7)
    features = CodeFeatures(own, n_components=9).fit(X)
    assert features.representation_.get_params() == own.get_params()
    assert features.representation_ is not own and not hasattr(own, "codebooks_")
