"""Conformal calibration: which score a level becomes, and what is said where none will do."""

import warnings

import numpy as np
import pytest

from sklearn_ebm.distributions import GaussianMixture, VectorGaussianMixture
from sklearn_ebm.estimators._conformal import CERTAIN, Conformal, conformal_of
from sklearn_ebm.exceptions import CalibrationWarning

NINE = np.linspace(0.1, 0.9, 9)


def conformal(scores):
    """The same scores for regions and for the intervals of one answer."""
    scores = np.array(scores, dtype=float)[:, None]
    return Conformal(scores, scores)


@pytest.mark.parametrize(
    ("level", "place"),
    # The place of the score counts from 0, its rank ⌈10 α⌉ from 1.
    [(0.001, 0), (0.1, 0), (0.11, 1), (0.3, 2), (0.5, 4), (0.51, 5), (0.7, 6), (0.85, 8), (0.9, 8)],
)
def test_a_level_becomes_the_score_of_its_rank(level, place):
    nine = conformal(NINE)
    assert nine.level_of_regions(level) == NINE[place]
    np.testing.assert_array_equal(nine.levels_of_intervals(level), [NINE[place]])


def test_a_rank_that_is_whole_but_for_rounding():
    """100 · 0.07 is 7.000000000000001 in float64, and 100 · 0.29 is 28.999999999999996."""
    scores = np.linspace(0.01, 0.99, 99)
    assert conformal(scores).level_of_regions(0.07) == scores[6]
    assert conformal(scores).level_of_regions(0.29) == scores[28]


@pytest.mark.parametrize("level", [0.901, 0.95, 1.0])
def test_levels_that_would_need_a_tenth_score_are_all_answers(level):
    assert conformal(NINE).level_of_regions(level) == 1.0
    np.testing.assert_array_equal(conformal(NINE).levels_of_intervals(level), [1.0])


@pytest.mark.parametrize("n_rows", [9, 19, 20, 99])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_as_many_new_rows_are_covered_as_was_promised(n_rows, level):
    """Uniform scores: score k of m covers k/(m + 1) of new rows on average, the promise or more."""
    scores = np.sort(np.random.default_rng(0).uniform(size=(20_000, n_rows)), axis=1)
    covered = np.mean([conformal(row).level_of_regions(level) for row in scores])
    assert level - 0.003 < covered < level + 1 / (n_rows + 1) + 0.003


def test_each_answer_has_scores_of_its_own():
    both = Conformal(np.column_stack([NINE, NINE / 2]), NINE[:, None] / 4)
    np.testing.assert_array_equal(both.levels_of_intervals(0.5), [NINE[4], NINE[4] / 2])
    assert both.level_of_regions(0.5) == NINE[4] / 4
    assert both.n_rows == 9


def test_a_score_that_is_one_but_for_rounding_is_all_answers():
    scores = conformal([0.5, CERTAIN, (1 + CERTAIN) / 2])
    assert scores.level_of_regions(0.5) == CERTAIN
    assert scores.level_of_regions(0.75) == 1.0


def test_scores_of_scalars():
    """N(0, 1) at its quantiles 0.5, 0.1 and 0.975: |2P − 1|, and regions are intervals too."""
    normal = GaussianMixture(np.ones((3, 1)), np.zeros((3, 1)), np.ones((3, 1)))
    found = conformal_of(normal, np.array([[0.0], [-1.2815515655], [1.9599639845]]))
    np.testing.assert_allclose(found.of_intervals, [[0], [0.8], [0.95]], atol=1e-9)
    np.testing.assert_allclose(found.of_regions, [[0], [0.8], [0.95]], atol=1e-4)


def test_scores_of_vectors():
    """Of N(0, I) in the plane the mass of higher density than at y is 1 − exp(−‖y‖²/2)."""
    one, zero = np.ones((3, 1)), np.zeros((3, 1, 2))
    normal = VectorGaussianMixture(one, zero, np.tile(np.eye(2), (3, 1, 1, 1)))
    y = np.array([[1.9599639845, 0.0], [0.0, -1.2815515655], [0.0, 0.0]])
    found = conformal_of(normal, y)
    np.testing.assert_allclose(
        found.of_intervals, [[0, 0], [0, 0], [0.95, 0.8]], atol=1e-9
    )  # sorted, for each answer
    expected = 1 - np.exp(-(np.array([0, 1.2815515655, 1.9599639845]) ** 2) / 2)
    np.testing.assert_allclose(found.of_regions[:, 0], expected, atol=0.06)


@pytest.mark.parametrize(
    ("scores", "level", "calibrated", "message"),
    [
        (
            NINE, 0.95, 1.0,
            "level=0.95 gives unbounded sets: 9 calibration rows allow levels up to 0.9, and "
            "this level needs 19; raise validation_fraction, fit on more rows, or lower the level.",
        ),
        (
            NINE, 0.9001, 1.0,
            "level=0.9001 gives unbounded sets: 9 calibration rows allow levels up to 0.9, and "
            "this level needs 10; raise validation_fraction, fit on more rows, or lower the level.",
        ),
        (
            np.ones(9), 0.9, 1.0,
            "level=0.9 gives unbounded sets: too many calibration rows have answers far outside of "
            "their distributions; raise validation_fraction, fit on more rows, or lower the level.",
        ),
    ],
)  # fmt: skip
def test_who_gets_all_answers_is_told_why(scores, level, calibrated, message):
    with pytest.warns(CalibrationWarning) as caught:
        conformal(scores).warn_if_infinite(level, calibrated)
    assert [str(warning.message) for warning in caught] == [message]


@pytest.mark.parametrize(("level", "calibrated"), [(0.9, 0.9), (0.9, CERTAIN), (1.0, 1.0)])
def test_nothing_is_said_of_finite_levels_and_of_all_answers(level, calibrated):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        conformal(NINE).warn_if_infinite(level, calibrated)
