"""Metrics: values by hand, weights as repetitions, identities between them, and bad input."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import brier_score_loss, mean_pinball_loss

from sklearn_ebm import metrics
from sklearn_ebm.distributions import GaussianMixture, VectorGaussianMixture
from sklearn_ebm.distributions._numerics.signed_log import SignedLog
from sklearn_ebm.distributions.transformed import TransformedDistribution

N = 6
RNG = np.random.RandomState(0)
PAIRS = RNG.normal(size=(N, 2))
QUANTILES = np.sort(RNG.normal(size=(N, 3)), axis=1)
DRAWS = RNG.normal(size=(N, 5))
PAIRS_DRAWN = RNG.normal(size=(N, 5, 2))
LEVELS = [0.2, 0.5, 0.9]
CLASSES = np.array([0, 1, 2, 1, 0, 2])
PROBABILITIES = RNG.dirichlet(np.ones(3), size=N)
GAUSSIANS = GaussianMixture(np.ones((N, 1)), RNG.normal(size=(N, 1)), RNG.uniform(1, 2, (N, 1)))
Y = GAUSSIANS.sample(1, random_state=0)[:, 0]


def of_two(n=N, seed=1):
    """Mixtures of two Gaussians of two outputs."""
    rng = np.random.RandomState(seed)
    scale = np.tile(np.eye(2), (n, 2, 1, 1)) * rng.uniform(0.5, 2, (n, 2, 1, 1))
    return VectorGaussianMixture(rng.dirichlet([1, 1], n), rng.normal(size=(n, 2, 2)), scale)


PAIR = of_two()

# Each metric, as a function of the rows that it is given and of their weights.
WEIGHTED = {
    "nll": lambda i, w: metrics.negative_log_likelihood(Y[i], GAUSSIANS[i], sample_weight=w),
    "nll, two": lambda i, w: metrics.negative_log_likelihood(PAIRS[i], PAIR[i], sample_weight=w),
    "crps": lambda i, w: metrics.crps(Y[i], GAUSSIANS[i], sample_weight=w),
    "crps, two": lambda i, w: metrics.crps(PAIRS[i], PAIR[i], sample_weight=w),
    "crps, draws": lambda i, w: metrics.crps(Y[i], DRAWS[i], sample_weight=w),
    "crps, draws of two": lambda i, w: metrics.crps(PAIRS[i], PAIRS_DRAWN[i], sample_weight=w),
    "pinball": lambda i, w: metrics.pinball_loss(
        Y[i], QUANTILES[i], probabilities=LEVELS, sample_weight=w
    ),
    "pinball, two": lambda i, w: metrics.pinball_loss(
        PAIRS[i], PAIR[i], probabilities=LEVELS, sample_weight=w
    ),
    "coverage": lambda i, w: metrics.interval_coverage(
        Y[i], QUANTILES[i][:, [0, 2]], sample_weight=w
    ),
    "coverage, two": lambda i, w: metrics.interval_coverage(
        PAIRS[i], PAIR[i], level=0.5, sample_weight=w
    ),
    "width": lambda i, w: metrics.interval_width(QUANTILES[i][:, [0, 2]], sample_weight=w),
    "width, two": lambda i, w: metrics.interval_width(PAIR[i], level=0.5, sample_weight=w),
    "brier": lambda i, w: metrics.brier_score(
        CLASSES[i], PROBABILITIES[i], sample_weight=w, labels=[0, 1, 2]
    ),
    "ece": lambda i, w: metrics.expected_calibration_error(
        CLASSES[i], PROBABILITIES[i], sample_weight=w, labels=[0, 1, 2], n_bins=3
    ),
}
OF_OUTPUTS = [name for name in WEIGHTED if "two" in name and "nll" not in name]


@pytest.mark.parametrize("name", WEIGHTED)
def test_weights_are_repetitions(name):
    metric, times = WEIGHTED[name], np.array([2, 0, 1, 3, 1, 0])
    repeated = metric(np.repeat(np.arange(N), times), None)
    assert metric(np.arange(N), times) == pytest.approx(repeated, rel=1e-12)
    assert metric(np.arange(N), 5e307 * times) == pytest.approx(repeated, rel=1e-12)
    assert metric(np.arange(N), None) == pytest.approx(metric(np.arange(N), np.full(N, 7.0)))
    assert metric(np.arange(N), None) != pytest.approx(repeated)
    assert type(metric(np.arange(N), None)) is type(metric(np.arange(N), times)) is float


@pytest.mark.parametrize("name", WEIGHTED)
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(N - 1), r"expected \(6,\): one weight for each row"),
        ([-1, 1, 1, 1, 1, 1], "sample_weight has negative entries"),
        (np.zeros(N), "Sample weights are all zero"),
        ([np.nan, 1, 1, 1, 1, 1], "sample_weight contains NaN"),
    ],
)
def test_bad_weights(name, weight, message):
    with pytest.raises(ValueError, match=message):
        WEIGHTED[name](np.arange(N), weight)


def test_a_row_without_weight_is_not_there_even_if_its_answer_is_impossible():
    # The density at a distance of 1e200 standard deviations is no float, its logarithm is −∞.
    y = np.where(np.arange(N) == 0, 1e200, Y)
    assert metrics.negative_log_likelihood(y, GAUSSIANS) == np.inf
    without = metrics.negative_log_likelihood(Y[1:], GAUSSIANS[1:])
    weight = (np.arange(N) > 0).astype(float)
    found = metrics.negative_log_likelihood(y, GAUSSIANS, sample_weight=weight)
    assert found == pytest.approx(without)


# -- densities ------------------------------------------------------------------------------------


def test_likelihood_of_gaussians_is_the_formula():
    mean, scale = GAUSSIANS.mean(), GAUSSIANS.std()
    by_hand = np.mean(np.log(scale * np.sqrt(2 * np.pi)) + ((Y - mean) / scale) ** 2 / 2)
    assert metrics.negative_log_likelihood(Y, GAUSSIANS) == pytest.approx(by_hand)
    # A frozen distribution of SciPy has the same method.
    frozen = stats.norm(mean, scale)
    assert metrics.negative_log_likelihood(Y, frozen) == pytest.approx(by_hand)
    assert metrics.negative_log_likelihood(Y[:, None], GAUSSIANS) == pytest.approx(by_hand)


def test_likelihood_in_another_unit_differs_by_the_logarithm_of_the_unit():
    weights, means, scales = GAUSSIANS.weights, GAUSSIANS.means, GAUSSIANS.scales
    other = GaussianMixture(weights, 10 * means, 10 * scales)
    apart = metrics.negative_log_likelihood(10 * Y, other)
    assert apart - metrics.negative_log_likelihood(Y, GAUSSIANS) == pytest.approx(np.log(10))
    assert metrics.crps(10 * Y, other) == pytest.approx(10 * metrics.crps(Y, GAUSSIANS))


def test_crps_of_a_gaussian_by_hand():
    # σ (z (2 Φ(z) − 1) + 2 φ(z) − 1/√π)
    z = (Y - GAUSSIANS.mean()) / GAUSSIANS.std()
    terms = z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - np.pi**-0.5
    by_hand = np.mean(GAUSSIANS.std() * terms)
    assert metrics.crps(Y, GAUSSIANS) == pytest.approx(by_hand)


def test_crps_of_one_draw_is_the_absolute_error():
    assert metrics.crps([3.0, 1.0], [[1.0], [2.0]]) == 1.5


@pytest.mark.parametrize("answer", [-2.0, 0.5, 1.0, 4.0])
def test_crps_of_draws_is_that_of_all_pairs(answer):
    draws = np.array([3.0, 1.0, 0.0, 1.0, -1.5])
    pairs = np.abs(draws[:, None] - draws).mean() / 2
    by_hand = np.abs(draws - answer).mean() - pairs
    assert metrics.crps([answer], draws[None]) == pytest.approx(by_hand)


def test_crps_of_many_draws_is_that_of_the_density_and_what_their_number_costs():
    draws = 400
    sample = GAUSSIANS.sample(draws, random_state=0)
    # E|Y − Y'| of a Gaussian is 2 σ/√π.
    more = np.mean(GAUSSIANS.std()) / np.sqrt(np.pi) / draws
    expected = metrics.crps(Y, GAUSSIANS) + more
    assert metrics.crps(Y, sample) == pytest.approx(expected, abs=0.03)


def test_draws_of_outputs_are_those_of_each():
    each = metrics.crps(PAIRS, PAIRS_DRAWN, multioutput="raw_values")
    alone = [metrics.crps(PAIRS[:, j], PAIRS_DRAWN[:, :, j]) for j in range(2)]
    np.testing.assert_allclose(each, alone)
    # One output as the estimator has it for y of shape (n, 1).
    one = metrics.crps(Y[:, None], DRAWS[:, :, None])
    assert one == pytest.approx(metrics.crps(Y, DRAWS))


def test_transform_is_uniform_for_answers_of_the_density_itself():
    rows = GAUSSIANS[np.zeros(2000, dtype=int)]
    u = metrics.probability_integral_transform(rows.sample(1, random_state=0)[:, 0], rows)
    assert stats.kstest(u, "uniform").pvalue > 0.1


def test_transform_of_each_output_is_that_of_its_marginal():
    u = metrics.probability_integral_transform(PAIRS, PAIR)
    assert u.shape == (N, 2)
    for j in range(2):
        np.testing.assert_allclose(u[:, j], PAIR.marginal(j).cdf(PAIRS[:, j]))


def test_transform_takes_frozen_distributions_and_transformed_densities():
    frozen = metrics.probability_integral_transform([0.0, 1.0], stats.norm(0.0, [1.0, 1.0]))
    np.testing.assert_allclose(frozen, stats.norm.cdf([0.0, 1.0]))
    density = TransformedDistribution(GAUSSIANS, SignedLog(0.0, 1.0, 0.0, -100.0, 100.0))
    np.testing.assert_allclose(metrics.probability_integral_transform(Y, density), density.cdf(Y))


# -- quantiles and intervals ----------------------------------------------------------------------


def test_pinball_loss_of_one_probability_is_that_of_scikit_learn():
    for column, level in enumerate(LEVELS):
        mine = metrics.pinball_loss(Y, QUANTILES[:, column], probabilities=level)
        assert mine == pytest.approx(mean_pinball_loss(Y, QUANTILES[:, column], alpha=level))
    both = metrics.pinball_loss(Y, QUANTILES, probabilities=LEVELS)
    each = [mean_pinball_loss(Y, QUANTILES[:, j], alpha=p) for j, p in enumerate(LEVELS)]
    assert both == pytest.approx(np.mean(each))


def test_pinball_loss_at_many_probabilities_is_half_the_crps():
    steps = (np.arange(2000) + 0.5) / 2000
    loss = metrics.pinball_loss(Y, GAUSSIANS, probabilities=steps)
    assert 2 * loss == pytest.approx(metrics.crps(Y, GAUSSIANS), rel=1e-3)


def test_pinball_loss_of_densities_is_that_of_their_quantiles():
    mine = metrics.pinball_loss(PAIRS, PAIR, probabilities=LEVELS)
    given = metrics.pinball_loss(PAIRS, PAIR.quantiles(LEVELS), probabilities=LEVELS)
    assert mine == given
    column = metrics.pinball_loss(Y[:, None], QUANTILES[:, None], probabilities=LEVELS)
    assert column == metrics.pinball_loss(Y, QUANTILES, probabilities=LEVELS)


def test_ends_of_intervals_belong_to_them():
    ends = [[0.0, 1.0]] * 4
    inside = metrics.interval_contains([0.0, 1.0, np.nextafter(1, 2), -0.1], ends)
    assert inside.tolist() == [True, True, False, False]


def test_regions_are_unions_of_their_intervals():
    region = np.array([[[0.0, 1.0], [3.0, 4.0]], [[0.0, 9.0], [np.nan, np.nan]]])
    assert metrics.interval_contains([3.5, 10.0], region).tolist() == [True, False]
    assert metrics.interval_coverage([2.0, 1.0], region) == 0.5
    for end in (0.0, 1.0, 3.0, 4.0):
        assert metrics.interval_contains([end, 9.0], region).tolist() == [True, True]
    one = GAUSSIANS.region(0.6)
    by_rank = GAUSSIANS.density_rank(Y) <= 0.6
    assert metrics.interval_contains(Y, one).tolist() == by_rank.tolist()
    assert 0 < by_rank.sum() < N


def test_regions_of_several_outputs_are_those_of_the_density():
    region = PAIR.region(0.5)
    inside = metrics.interval_contains(PAIRS, region)
    assert inside.tolist() == region.contains(PAIRS).tolist() and 0 < inside.sum() < N
    assert metrics.interval_coverage(PAIRS, region) == inside.mean()


def test_densities_give_their_central_intervals():
    for y, density in ((Y, GAUSSIANS), (PAIRS, PAIR)):
        ends = density.interval(0.5)
        inside = metrics.interval_contains(y, density, level=0.5)
        assert inside.tolist() == metrics.interval_contains(y, ends).tolist()
        assert 0 < inside.mean() < 1
        width = metrics.interval_width(density, level=0.5)
        assert width == pytest.approx(np.mean(ends[..., 1] - ends[..., 0]))
    # The middle half of a Gaussian is 2 · 0.6745 standard deviations wide.
    expected = 2 * 0.67449 * GAUSSIANS.std().mean()
    assert metrics.interval_width(GAUSSIANS, level=0.5) == pytest.approx(expected, rel=1e-5)


def test_all_answers_are_an_interval():
    assert metrics.interval_coverage(Y, GAUSSIANS, level=1) == 1
    assert metrics.interval_width(GAUSSIANS, level=1) == np.inf
    assert metrics.interval_width([[-np.inf, np.inf], [0.0, 1.0]]) == np.inf


# -- outputs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OF_OUTPUTS)
def test_outputs_are_averaged_as_in_scikit_learn(name):
    calls = {
        "crps, two": lambda **more: metrics.crps(PAIRS, PAIR, **more),
        "crps, draws of two": lambda **more: metrics.crps(PAIRS, PAIRS_DRAWN, **more),
        "pinball, two": lambda **more: metrics.pinball_loss(
            PAIRS, PAIR, probabilities=LEVELS, **more
        ),
        "coverage, two": lambda **more: metrics.interval_coverage(PAIRS, PAIR, level=0.5, **more),
        "width, two": lambda **more: metrics.interval_width(PAIR, level=0.5, **more),
    }
    assert calls.keys() == set(OF_OUTPUTS)
    metric = calls[name]
    each = metric(multioutput="raw_values")
    assert each.shape == (2,) and each[0] != each[1]
    assert metric() == pytest.approx(each.mean())
    assert metric(multioutput=[3, 1]) == pytest.approx((3 * each[0] + each[1]) / 4)
    with pytest.raises(ValueError, match="multioutput='mean' must be 'uniform_average'"):
        metric(multioutput="mean")
    with pytest.raises(ValueError, match=r"^multioutput has negative entries"):
        metric(multioutput=[-1, 2])
    with pytest.raises(ValueError, match=r"^multioutput\.shape == \(3,\), expected \(2,\)"):
        metric(multioutput=[1, 2, 3])
    assert metric(multioutput=[1e308, 1e308]) == pytest.approx(each.mean())


# -- probabilities --------------------------------------------------------------------------------


def test_brier_of_two_classes_is_twice_the_one_of_the_positive_class():
    positive, y = np.linspace(0, 1, 50), RNG.randint(0, 2, 50)
    two = metrics.brier_score(y, np.column_stack([1 - positive, positive]))
    assert two == pytest.approx(2 * brier_score_loss(y, positive))
    assert metrics.brier_score(y, positive) == pytest.approx(two)


def test_brier_of_three_classes_by_hand():
    # (0.5² + 0.3² + 0.2²) and (0.1² + 0.1² + 0.2²)
    p = [[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]
    found = metrics.brier_score(["a", "c"], p, labels=["a", "b", "c"])
    assert found == pytest.approx((0.38 + 0.06) / 2)


def test_columns_are_in_the_order_of_the_labels():
    order = [2, 0, 1]
    for metric in (metrics.brier_score, metrics.expected_calibration_error):
        straight = metric(CLASSES, PROBABILITIES)
        turned = metric(CLASSES, PROBABILITIES[:, order], labels=np.array([0, 1, 2])[order])
        assert turned == pytest.approx(straight)


def test_calibration_error_is_zero_for_true_probabilities_and_the_gap_for_others():
    y = np.array([0] * 8 + [1] * 2)
    for said, gap in ((0.8, 0), (1.0, 0.2), (0.1, 0.7)):
        found = metrics.expected_calibration_error(y, np.tile([said, 1 - said], (10, 1)))
        assert found == pytest.approx(gap)


def test_calibration_error_depends_on_the_bins():
    # Confidences 0.6 (right) and 0.9 (wrong): apart |1 − 0.6| and |0 − 0.9|, together |0.5 − 0.75|.
    p = [[0.6, 0.4], [0.9, 0.1]]
    assert metrics.expected_calibration_error([0, 1], p) == pytest.approx(0.65)
    assert metrics.expected_calibration_error([0, 1], p, n_bins=1) == pytest.approx(0.25)
    # Bins are open on the left: 0.5 is in the first of two, 0.6 in the second.
    p = [[0.5, 0.5], [0.6, 0.4]]
    found = metrics.expected_calibration_error([0, 1], p, n_bins=2)
    assert found == pytest.approx((0.5 + 0.6) / 2)


def test_a_probability_rounded_to_more_than_1_is_in_the_last_bin():
    # Confidences 1.0001 (wrong) and 0.6 (right): together |1 − 1.6001|, apart 1.0001 + 0.4.
    p = [[1.0001, 0.0], [0.4, 0.6]]
    found = metrics.expected_calibration_error([1, 1], p, n_bins=1, labels=[0, 1])
    assert found == pytest.approx(0.6001 / 2)


def test_probabilities_in_float32_are_probabilities():
    p = PROBABILITIES.astype(np.float32)
    expected = metrics.brier_score(CLASSES, PROBABILITIES)
    assert metrics.brier_score(CLASSES, p) == pytest.approx(expected, rel=1e-6)


# -- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.negative_log_likelihood(PAIRS, GAUSSIANS), "density of one number"),
        (lambda: metrics.negative_log_likelihood(Y[1:], GAUSSIANS), r"expected \(6,\)"),
        (lambda: metrics.negative_log_likelihood(Y, PAIR), r"expected \(6, 2\)"),
        (lambda: metrics.negative_log_likelihood([np.nan] * N, GAUSSIANS), "Input y_true contains"),
        (lambda: metrics.negative_log_likelihood(PAIRS, stats.norm()), "logpdf of y_pred has the"),
        (lambda: metrics.crps(Y, DRAWS[1:]), "^y_pred without its draws has"),
        (lambda: metrics.crps(Y, DRAWS[:-1]), r"shape \(5,\), but y_true asks for \(6,\)"),
        (lambda: metrics.crps(Y, DRAWS[:, :0]), r"expected \(6, m\): m ≥ 1 draws"),
        (lambda: metrics.crps(PAIRS, DRAWS), r"expected \(6, m, 2\)"),
        (lambda: metrics.crps(Y, np.full((N, 2), np.inf)), "draws must be finite"),
        (lambda: metrics.crps(Y, stats.norm()), "must be an array of numbers or a conditional"),
        (lambda: metrics.crps(Y, [["a"]] * N), "must be an array of numbers or a conditional"),
        (lambda: metrics.probability_integral_transform(Y[1:], GAUSSIANS), r"expected \(6,\)"),
        (lambda: metrics.pinball_loss(Y, QUANTILES, probabilities=[0.5]), r"asks for \(6, 1\)"),
        (lambda: metrics.pinball_loss(Y, QUANTILES, probabilities=[0, 0.5, 1]), "between 0 and 1"),
        (lambda: metrics.pinball_loss(Y, QUANTILES, probabilities=[]), "between 0 and 1"),
        (lambda: metrics.pinball_loss(Y, QUANTILES, probabilities="median"), "array of numbers"),
        (lambda: metrics.interval_coverage(Y, GAUSSIANS), "pass the level of its intervals"),
        (lambda: metrics.interval_coverage(Y, GAUSSIANS, level=0), "level=0 must be above 0"),
        (lambda: metrics.interval_coverage(Y, QUANTILES[:, :2], level=0.9), "level=0.9 is for a"),
        (lambda: metrics.interval_coverage(PAIRS, PAIR.region(0.5), level=0.9), "level=0.9 is for"),
        (lambda: metrics.interval_coverage(Y, QUANTILES), r"expected \(n_samples, 2\)"),
        (lambda: metrics.interval_coverage(Y, QUANTILES[1:, :2]), r"^y_pred has .* for \(6, 2\)"),
        (lambda: metrics.interval_coverage(Y, [["a", "b"]] * N), "^y_pred must be an array of"),
        (lambda: metrics.interval_coverage(Y, GAUSSIANS.region(0.5)[1:]), r"asks for \(6,\)"),
        (lambda: metrics.interval_coverage(Y, QUANTILES[:, [2, 0]]), "sort the ends"),
        (lambda: metrics.interval_coverage(Y, QUANTILES[:, None, [2, 0]]), "sort the ends"),
        (lambda: metrics.interval_coverage(Y, np.full((N, 2), np.nan)), "an end that is NaN"),
        (lambda: metrics.interval_width(np.full((N, 1, 2), np.nan)), "with np.nansum"),
        (lambda: metrics.interval_width(QUANTILES[:, [2, 0]]), "sort the ends"),
        (lambda: metrics.brier_score([0, 1], [[0.5, 0.5]]), "inconsistent numbers of samples"),
        (lambda: metrics.brier_score([0, 0], [[0.5, 0.5]] * 2), "pass labels=model.classes_"),
        (lambda: metrics.brier_score(CLASSES, PROBABILITIES, labels=[0, 1]), "but labels has 2"),
        (lambda: metrics.brier_score([0, 1, 2], [[0.5, 0.5]] * 3), "but y_true has 3 classes"),
        (lambda: metrics.brier_score([0, 3], [[0.5, 0.5]] * 2, labels=[0, 1]), "in labels: 3;"),
        (lambda: metrics.brier_score([0, 1], [[0.5, 0.5]] * 2, labels=[1, 1]), "a label twice"),
        (lambda: metrics.brier_score([0, 1], [[0.5, 0.6]] * 2), "sum to 1 in each row"),
        (lambda: metrics.brier_score([0, 1], [[1.5, -0.5]] * 2), "from 0 to 1"),
        (lambda: metrics.brier_score([0, 1], [[np.nan, 1.0]] * 2), "from 0 to 1"),
        (lambda: metrics.brier_score([0, 1], [[[1.0]]] * 2), r"expected \(n_samples, n_classes\)"),
        (
            lambda: metrics.expected_calibration_error(CLASSES, PROBABILITIES, n_bins=0),
            "n_bins=0 must be a whole number of at least 1",
        ),
    ],
)  # fmt: skip
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("metric", "method"),
    [
        (metrics.negative_log_likelihood, "logpdf"),
        (metrics.probability_integral_transform, "cdf"),
    ],
)
def test_what_has_no_density_is_refused(metric, method):
    with pytest.raises(TypeError, match=f"^y_pred must have a method {method}"):
        metric(Y, Y)


def test_what_is_no_number_is_named():
    class Wordy:
        def logpdf(self, y):
            return ["likely"] * len(y)

    with pytest.raises(ValueError, match=r"^y_pred must be an array of numbers"):
        metrics.negative_log_likelihood(Y, Wordy())
