"""Distributions that are defined by quantiles."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from sklearn_ebm.compare.adapters import PROBABILITIES, gaussian
from sklearn_ebm.distributions.quantiles import NoDensityError, QuantileDistribution

LAW = QuantileDistribution([0.1, 0.5, 0.8], [[0.0, 1.0, 3.0], [2.0, 2.0, 5.0]])


def test_distribution_function_and_quantiles_of_quantiles_are_inverse():
    probabilities = np.array([0.1, 0.3, 0.5, 0.7, 0.8])
    np.testing.assert_allclose(LAW[0].ppf(probabilities), [[0, 0.5, 1, 7 / 3, 3]])
    np.testing.assert_allclose(LAW[0].cdf(LAW[0].ppf(probabilities))[0], [*probabilities[:4], 1])
    # Mass beyond the outermost quantiles sits at these, and coinciding quantiles are a jump.
    np.testing.assert_allclose(LAW.cdf([[-0.1, 0.0], [1.9, 2.0]]), [[0, 0.1], [0, 0.5]])
    np.testing.assert_allclose(LAW.quantiles([0.0, 1.0]), [[0, 3], [2, 5]])
    np.testing.assert_allclose(LAW.interval(0.4), [[0.5, 7 / 3], [2, 4]])
    np.testing.assert_allclose(LAW.median(), [1, 2])


def test_moments_of_quantiles_are_those_of_many_draws():
    draws = LAW.ppf(np.linspace(0, 1, 200_001))
    np.testing.assert_allclose(LAW.mean(), draws.mean(axis=1), rtol=1e-4)
    np.testing.assert_allclose(LAW.var(), draws.var(axis=1), rtol=1e-4)


@pytest.mark.parametrize("answer", [-1.0, 0.0, 0.7, 2.0, 2.5, 5.0, 9.0])
def test_crps_of_quantiles_is_the_integral(answer):
    for row in range(2):

        def off(t, distribution=LAW[row]):
            return (distribution.cdf(t)[0] - (t >= answer)) ** 2

        ends = sorted({-2.0, 10.0, answer, *LAW.values[row]})
        exact = sum(quad(off, a, b)[0] for a, b in pairwise(ends))
        assert LAW.crps(answer)[row] == pytest.approx(exact, abs=1e-7)
    assert LAW.crps(np.full((2, 3), answer)).shape == (2, 3)


def test_the_crps_of_one_quantile_is_the_absolute_error():
    point = QuantileDistribution([0.5, 0.6], [[2.0, 2.0]])
    assert point.crps(5.0)[0] == pytest.approx(3)
    assert point.mean()[0] == 2 and point.var()[0] == 0


def test_crps_of_many_quantiles_of_a_gaussian_is_nearly_that_of_the_gaussian():
    normal = gaussian(np.zeros(5), 1.0)
    distribution = QuantileDistribution(PROBABILITIES, normal.quantiles(PROBABILITIES))
    answers = np.linspace(-2, 2, 5)
    np.testing.assert_allclose(distribution.crps(answers), normal.crps(answers), atol=6e-3)


def test_quantiles_that_cross_are_sorted_and_give_no_density():
    distribution = QuantileDistribution([0.2, 0.8], [[3.0, 1.0]])
    np.testing.assert_array_equal(distribution.interval(0.6), [[1, 3]])
    for method in (distribution.log_prob, distribution.density_rank):
        with pytest.raises(NoDensityError, match="no density"):
            method(2.0)
    with pytest.raises(NoDensityError):
        distribution.mode()
