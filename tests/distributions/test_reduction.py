"""Mixtures with fewer components: the bounds that are promised, and what stays as it was."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import eval_hermitenorm
from scipy.stats import norm

from sklearn_ebm.distributions import GaussianMixture
from sklearn_ebm.distributions.reduction import (
    HIGHEST,
    TOTAL,
    merged,
    merging_bound,
    reduced,
)


def random_parts(n=6, K=200, seed=0, sharpness=2.0, spread=3.0):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(K, 0.3), size=n)
    means = spread * rng.normal(size=(n, K))
    return weights, means, np.exp(sharpness * rng.normal(size=(n, K)) - 1)


def fine_grid(parts, n_points=40_001, reach=9.0):
    _, means, scales = parts
    first = (means - reach * scales).min(axis=1, keepdims=True)
    last = (means + reach * scales).max(axis=1, keepdims=True)
    return first + (last - first) * np.linspace(0, 1, n_points)


def resolving_grid(parts):
    """Points that resolve every component, the far tails, and nothing but a few thousand."""
    _, means, scales = parts
    z = np.concatenate([np.linspace(-6, 6, 49), [-40, -20, -10, 10, 20, 40]])
    return np.sort((means[:, :, None] + scales[:, :, None] * z).reshape(len(means), -1), axis=1)


def test_constants_are_those_of_hermite_functions():
    z = np.linspace(-12, 12, 1_200_001)
    for order, total, highest in zip((3, 4), TOTAL, HIGHEST, strict=True):
        values = np.abs(eval_hermitenorm(order, z) * norm.pdf(z))
        assert total == pytest.approx(values.sum() * (z[1] - z[0]), rel=1e-6)
        assert highest == pytest.approx(values.max(), rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    K=st.integers(2, 30),
    cell=st.floats(0.01, 1.0),
    scale_step=st.floats(0.0, 0.3),
)
def test_one_cell_keeps_its_bounds(seed, K, cell, scale_step):
    """All components of one cell, at its ends and anywhere, against the Gaussian in their place."""
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.full(K, 0.5))
    places = rng.choice([rng.uniform(0, 1, K), rng.integers(0, 2, K)])
    scales = 1 + scale_step * rng.choice([rng.uniform(0, 1, K), rng.integers(0, 2, K)])
    means = cell * places
    mean = share @ means
    scale = np.sqrt(share @ (scales**2 + (means - mean) ** 2))
    y = np.linspace(-9, 10, 8001)
    before = norm.pdf(y[:, None], means, scales) @ share
    off = np.abs(before - norm.pdf(y, mean, scale))
    bound = merging_bound(cell, scale_step)
    assert off.max() <= bound.density + 1e-12
    assert off.sum() * (y[1] - y[0]) / 2 <= bound.total_variation + 1e-9


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), cell=st.floats(0.05, 1.0), scale_step=st.floats(0.01, 0.3))
def test_merging_keeps_moments_and_its_bound(seed, cell, scale_step):
    parts = random_parts(n=2, K=80, seed=seed, sharpness=0.4, spread=1.0)
    fewer = merged(*parts, cell=cell, scale_step=scale_step)
    before, after = GaussianMixture(*parts), GaussianMixture(*fewer)
    np.testing.assert_allclose(after.mean(), before.mean(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(after.var(), before.var(), rtol=1e-9)
    y = fine_grid(parts, 10_001)
    off = np.abs(after.pdf(y) - before.pdf(y)).sum(axis=1) * (y[:, 1] - y[:, 0]) / 2
    assert (off <= merging_bound(cell, scale_step).total_variation + 1e-6).all()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    dropped=st.floats(1e-5, 0.3),
    factor=st.floats(1e-4, 0.5),
    sharpness=st.floats(0.0, 2.5),
)
def test_given_weights_change_no_density_by_more_than_a_factor(seed, dropped, factor, sharpness):
    """At every point, in the far tails too: cells so narrow that nothing is merged."""
    parts = random_parts(n=4, K=90, seed=seed, sharpness=sharpness)
    tiny = {"cell": 1e-9, "scale_step": 1e-12}
    fewer = reduced(*parts, dropped=dropped, factor=factor, **tiny)
    y = resolving_grid(parts)
    change = GaussianMixture(*fewer).log_prob(y) - GaussianMixture(*parts).log_prob(y)
    assert change.min() >= np.log1p(-factor) - 1e-9
    assert change.max() <= np.log1p(factor) + 1e-9
    # What is left of each component, found by its place, tells how much has moved.
    for row in range(4):
        left = {(m, s): w for w, m, s in zip(*(a[row] for a in fewer), strict=True) if w > 0}
        before = zip(*(a[row] for a in parts), strict=True)
        gone = [w - min(w, left.get((m, s), 0.0)) for w, m, s in before]
        assert sum(gone) <= dropped + 1e-9


def test_answers_drawn_hardly_notice():
    """Three memories with five bandwidths, as a blend has them."""
    rng = np.random.default_rng(0)
    n, stored = 200, 90
    answers = rng.standard_t(4, size=(n, stored))
    scales = np.repeat([0.05, 0.12, 0.3, 0.6, 1.2], stored)
    prior = rng.dirichlet(np.ones(5), size=n)
    shares = rng.dirichlet(np.full(stored, 0.5), size=n)
    weights = np.concatenate([0.999 * prior[:, [b]] * shares for b in range(5)], axis=1)
    weights = np.concatenate([weights, np.full((n, 1), 0.001)], axis=1)
    means = np.concatenate([np.tile(answers, 5), np.zeros((n, 1))], axis=1)
    widths = np.broadcast_to(np.append(scales, 6.0), means.shape)
    fewer = reduced(weights, means, widths)
    assert fewer[0].shape[1] < 250
    before, after = GaussianMixture(weights, means, widths), GaussianMixture(*fewer)
    y = before.sample(20, random_state=0)
    change = np.abs(after.log_prob(y) - before.log_prob(y))
    assert change.mean() < 1e-3
    assert change.max() < 0.05
    far = np.array([[-80.0, 80.0]]) * np.ones((n, 1))
    np.testing.assert_allclose(after.log_prob(far), before.log_prob(far), atol=np.log(1.05))


@pytest.mark.parametrize(
    ("weight", "scale", "goes"),
    [
        (1e-4, 0.5, True),
        (4.9e-4, 0.5, True),
        (5.1e-4, 0.5, False),  # more than may move
        (1e-4, 0.026, True),  # w c/W = 1e-4 (1/0.026) exp(1/8)/0.09 = 0.048
        (1e-4, 0.024, False),  # 0.052
        (1e-5, 1.05, True),  # wider than its neighbour: the background covers it
    ],
)
def test_a_light_component_is_given_to_one_that_covers_it(weight, scale, goes):
    """Of eight of scale 1, far from each other, and a background: it lies next to the third."""
    heavy, background = np.full(8, 0.09), 0.28 - weight
    weights = np.array([[*heavy, background, weight]])
    means = np.array([[*(100.0 * np.arange(8)), 350.0, 200.5]])
    scales = np.array([[*np.ones(8), 1000.0, scale]])
    tiny = {"cell": 1e-9, "scale_step": 1e-12, "n_backgrounds": 1, "enough": 0}
    found = reduced(weights, means, scales, dropped=5e-4, factor=0.05, **tiny)
    if not goes:
        assert found[0].shape == (1, 10)
        return
    expected = weights[:, :9].copy()
    expected[0, 8 if scale > 1 else 2] += weight
    order = np.argsort(found[1][0] + 1e-3 * found[2][0])
    mine = np.argsort(means[0, :9] + 1e-3 * scales[0, :9])
    for array, known in zip(found, (expected, means[:, :9], scales[:, :9]), strict=True):
        np.testing.assert_allclose(array[:, order], known[:, mine], rtol=1e-12)


def test_a_component_is_given_only_as_much_as_it_covers():
    """Three of w c/W = 0.02 each, with c = 2 exp(1/6), for a share of 0.05: the heaviest stays."""
    w = 0.02 * 0.09 / (2 * np.exp(1 / 6))
    light = w * np.array([1.0, 1.02, 1.01])
    weights = np.array([[*np.full(8, 0.09), 0.28 - light.sum(), *light]])
    means = np.array([[*(100.0 * np.arange(8)), 350.0, 199.5, 200.5, 199.5]])
    scales = np.array([[*np.ones(8), 1000.0, 0.5, 0.5, 0.5 * (1 + 1e-9)]])
    tiny = {"cell": 1e-12, "scale_step": 1e-12, "n_backgrounds": 1, "enough": 0}
    found = reduced(weights, means, scales, dropped=0.1, factor=0.05, **tiny)
    assert found[0].shape == (1, 10)
    np.testing.assert_allclose(found[0][found[1] == 200.5], light[1])
    np.testing.assert_allclose(found[0][found[1] == 200.0], 0.09 + light[0] + light[2])


def test_the_widest_components_stay_as_they_are():
    parts = random_parts(K=300, sharpness=0.5)
    fewer = reduced(*parts, cell=1.0, dropped=0.2, factor=0.5, n_backgrounds=3)
    for row in range(6):
        widest = np.argsort(-parts[2][row])[:3]
        for k in widest:
            same = (fewer[1][row] == parts[1][row, k]) & (fewer[2][row] == parts[2][row, k])
            assert same.sum() == 1
            assert fewer[0][row, same] >= parts[0][row, k]
    y = np.array([[-1e6, 1e6]]) * np.ones((6, 1))
    assert (GaussianMixture(*fewer).log_prob(y) >= GaussianMixture(*parts).log_prob(y) - 1e-9).all()


def test_rows_know_nothing_of_each_other_or_of_blocks(monkeypatch):
    parts = random_parts(n=12, K=150)
    whole = reduced(*parts)
    monkeypatch.setattr("sklearn_ebm.distributions.reduction.BLOCK_NUMBERS", 300)
    again = reduced(*parts)
    alone = reduced(*(array[[5]] for array in parts))
    y = GaussianMixture(*parts).sample(5, random_state=0)
    expected = GaussianMixture(*whole).log_prob(y)
    np.testing.assert_allclose(
        GaussianMixture(*again).log_prob(y), expected, rtol=1e-10, atol=1e-10
    )
    np.testing.assert_allclose(
        GaussianMixture(*alone).log_prob(y[[5]]), expected[[5]], rtol=1e-10, atol=1e-10
    )


def test_padding_has_no_weight_and_comes_last():
    weights, means, scales = random_parts(n=3, K=100)
    weights[0, 3:] = 0
    weights[1, ::2] = 0
    means[weights == 0] = 1e300
    scales[weights == 0] = 1e-300
    weights /= weights.sum(axis=1, keepdims=True)
    result = reduced(weights, means, scales)
    np.testing.assert_allclose(result[0].sum(axis=1), 1)
    assert (result[0][0] > 0).sum() == 3
    counts = (result[0] > 0).sum(axis=1)
    for row in range(3):
        assert (result[0][row, counts[row] :] == 0).all()
    assert np.abs(result[1]).max() < 1e3
    assert np.isfinite(GaussianMixture(*result).entropy()).all()


def test_few_components_are_returned_as_they_are():
    parts = random_parts(K=64)
    assert all(new is old for new, old in zip(reduced(*parts), parts, strict=True))
    none = tuple(array[:0] for array in random_parts(K=80))
    assert reduced(*none)[0].shape == (0, 80)


@pytest.mark.parametrize("n_live", [1, 5, 63, 64, 65, 100])
def test_a_row_is_reduced_by_its_own_components(n_live):
    """Not by the width of the arrays: components without weight are not there."""
    parts = random_parts(n=2, K=150)
    live = np.sort(np.random.RandomState(0).permutation(150)[:n_live])
    weights = np.zeros((2, 150))
    weights[1] = parts[0][1]
    weights[0, live] = parts[0][0, live] / parts[0][0, live].sum()
    among = reduced(weights, *parts[1:])
    alone = reduced(weights[:1, live], parts[1][:1, live], parts[2][:1, live])
    there = among[0][0] > 0
    for mine, own in zip(among, alone, strict=True):
        np.testing.assert_allclose(mine[0, there], own[0, alone[0][0] > 0], rtol=1e-12)
    assert (there.sum() == n_live) == (n_live <= 64)


@pytest.mark.parametrize("unit", [1e-120, 1e120])
def test_the_unit_of_y_does_not_matter(unit):
    weights, means, scales = random_parts(K=150)
    one = reduced(weights, means, scales)
    other = reduced(weights, unit * means, unit * scales)
    y = GaussianMixture(*one).sample(5, random_state=0)
    change = GaussianMixture(*other).log_prob(unit * y) + np.log(unit)
    np.testing.assert_allclose(change, GaussianMixture(*one).log_prob(y), atol=0.02)


def test_components_too_narrow_to_be_counted_stay_alone():
    means = np.concatenate([np.linspace(0, 1e9, 80), [3.0, 3.0 + 1e-13]])[None]
    scales = np.concatenate([np.full(80, 1e9), [1e-12, 1e-12]])[None]
    weights = np.full((1, 82), 1 / 82)
    result = reduced(weights, means, scales, dropped=1e-9)
    assert (np.abs(result[1] - 3.0) < 1e-6).sum() >= 1
    np.testing.assert_allclose(GaussianMixture(*result).mean(), (weights * means).sum(axis=1))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cell": 0.0}, "cell="),
        ({"scale_step": -0.1}, "scale_step="),
        ({"dropped": 1.0}, "dropped="),
        ({"factor": np.nan}, "factor="),
    ],
)
def test_wrong_tolerances_raise(settings, message):
    with pytest.raises(ValueError, match=message):
        reduced(*random_parts(K=80), **settings)
