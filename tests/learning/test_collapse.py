"""Surfaces that have collapsed are told, whatever the number of rows, and no others are."""

import numpy as np
import pytest

from sklearn_ebm.learning.collapse import COLLAPSED, SAMPLE, collapsed

#: In full; on both sides of the least number of rows of which a first look takes every second.
N_ROWS = [2, 100, 2 * SAMPLE - 1, 2 * SAMPLE, 5_000, 3 * SAMPLE]


def verdict(energies, answer, weight=None):
    weight = np.ones(len(answer)) if weight is None else weight
    return collapsed(lambda rows: energies[rows], answer, weight, energies.shape[1])


def surface(n_rows, apart, n_answers=3, seed=0):
    """Wrong answers lie higher than right ones by `apart`, and rows differ by what they like."""
    answer = np.arange(n_rows) % n_answers
    energies = np.full((n_rows, n_answers), float(apart))
    energies[np.arange(n_rows), answer] = 0
    return energies + np.random.RandomState(seed).normal(size=(n_rows, 1)), answer


@pytest.mark.parametrize("n_rows", N_ROWS)
@pytest.mark.parametrize("level", [0.0, 1.0, -1e200])
def test_equal_energies_have_collapsed(n_rows, level):
    assert verdict(np.full((n_rows, 3), level), np.arange(n_rows) % 3)


@pytest.mark.parametrize("n_rows", N_ROWS)
@pytest.mark.parametrize("apart", [1e-3, 1.0, 1e5])
def test_right_answers_that_lie_lower_have_not(n_rows, apart):
    assert not verdict(*surface(n_rows, apart))


@pytest.mark.parametrize("n_rows", N_ROWS)
def test_right_answers_that_lie_higher_have(n_rows):
    assert verdict(*surface(n_rows, -1.0))


@pytest.mark.parametrize("n_answers", [2, 3, 4, 6])
@pytest.mark.parametrize("n_rows", [12, 4_104, 8_208, 12_288])
def test_a_surface_that_knows_nothing_of_the_rows_has(n_rows, n_answers):
    """Each answer has the same energy in all rows, and is right as often as the others, in turn."""
    answer = np.arange(n_rows) % n_answers
    assert verdict(np.tile(np.arange(float(n_answers)), (n_rows, 1)), answer)


@pytest.mark.parametrize("n_rows", [100, 4_096])
def test_how_near_is_the_same(n_rows):
    """Wrong less right energies of two answers, a and a + 2d, are d apart of a spread that is a."""
    answer = np.arange(n_rows) % 2
    sign = 2.0 * answer - 1
    for factor in (0.5, 2.0):
        energies = (
            np.column_stack([sign, -sign]) * np.where(np.arange(n_rows) % 4 < 2, 1, -1)[:, None]
        )
        energies[np.arange(n_rows), answer] -= factor * COLLAPSED
        assert verdict(energies, answer) == (factor < 1)


@pytest.mark.parametrize("n_rows", [100, 5_000])
def test_rows_without_weight_do_not_count(n_rows):
    good, answer = surface(n_rows, 1.0)
    bad = surface(n_rows, -100.0)[0]
    some = np.arange(n_rows) % 10 < 3
    mixed = np.where(some[:, None], bad, good)
    assert verdict(mixed, answer)
    assert not verdict(mixed, answer, np.where(some, 0.0, 1.0))


def test_a_sample_that_is_clear_settles_it():
    """Every second of 4,096 rows is looked at; those between them are not asked for."""
    energies, answer = surface(2 * SAMPLE, 1.0)
    asked = []

    def energies_of(rows):
        asked.append(rows)
        return energies[rows]

    assert not collapsed(energies_of, answer, np.ones(len(answer)), 3)
    assert asked == [slice(None, None, 2)]


def test_a_sample_that_says_collapsed_is_not_believed():
    """The rows between those of the sample know better."""
    energies, answer = surface(2 * SAMPLE, 1.0)
    energies[::2] = 0
    assert not verdict(energies, answer)


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e300])
@pytest.mark.parametrize("n_rows", [100, 5_000])
def test_the_unit_of_energy_does_not_matter(scale, n_rows):
    energies, answer = surface(n_rows, 1.0)
    assert not verdict(scale * energies, answer)
    assert verdict(-scale * energies, answer)
