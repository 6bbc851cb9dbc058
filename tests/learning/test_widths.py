"""How wide the average of members should be: the bank, its prior, and what averaging gains."""

import numpy as np
import pytest

from sklearn_ebm.energies._gaussian.quadratics import Quadratics, Widths, gibbs_law
from sklearn_ebm.energies._gaussian.units import Units
from sklearn_ebm.learning.densities.widths import (
    FACTORS,
    HeldOutMixture,
    fitted_widths,
    likeliest_beta,
    sharper_together,
)

PLAIN = Units(np.zeros(1), np.ones(1), np.zeros(1), np.ones(1), np.zeros(1))
FLOOR = np.full(1, 1e-3)


def pieces(y, scale=1.0, weight=None):
    """Rows of one bump each, at 0."""
    n = len(y)
    quadratics = Quadratics(
        np.full((n, 1), np.log(scale)), np.zeros((n, 1, 1)), np.full((n, 1, 1, 1), scale)
    )
    weight = np.ones(n) if weight is None else weight
    return [HeldOutMixture(quadratics, np.asarray(y, dtype=float)[:, None], weight)]


@pytest.mark.parametrize("n_rows", [3, 100])
@pytest.mark.parametrize("error", [0.3, 2.0])
def test_beta_is_that_of_the_errors_as_far_as_there_are_rows(n_rows, error):
    """With t = log β, Gaussians of standard deviation 1 and the prior balance at
    n/2 (1 − β error²) = 4 t/(3 + t²)."""
    errors = error * (-1.0) ** np.arange(n_rows)
    beta = likeliest_beta(pieces(errors), PLAIN)
    t = np.log(beta)
    assert n_rows / 2 * (1 - beta * error**2) == pytest.approx(
        4 * t / (3 + t**2), abs=0.01 * n_rows
    )
    assert abs(t) < abs(2 * np.log(error))  # between 1 and the likeliest
    heavy = likeliest_beta(pieces(errors, weight=np.full(n_rows, 1e3)), PLAIN)
    assert heavy == pytest.approx(beta, rel=1e-9)


def test_errors_with_long_tails_get_a_bank():
    rng = np.random.default_rng(0)
    y = rng.normal(size=4000) * rng.choice([0.25, 2.0], size=4000, p=[0.7, 0.3])
    widths = fitted_widths(pieces(y), PLAIN, FLOOR, 1.0)
    prior = dict(zip(widths.factors.tolist(), np.exp(widths.log_prior), strict=True))
    assert sum(prior.values()) == pytest.approx(1)
    assert sum(p for f, p in prior.items() if f <= 0.4) == pytest.approx(0.7, abs=0.06)
    assert sum(p for f, p in prior.items() if f >= 1.4) == pytest.approx(0.3, abs=0.06)
    wide = pieces(y)[0].quadratics.widened(widths, FLOOR)
    better = gibbs_law(wide, 1.0, PLAIN, minimum=False).log_prob(y).mean()
    assert better > pieces(y)[0].log_prob(PLAIN).mean() + 0.2


def test_few_rows_leave_the_width_as_it_is():
    widths = fitted_widths(pieces([0.1]), PLAIN, FLOOR, 1.0)
    assert widths.factors[np.argmax(widths.log_prior)] == 1


def test_few_rows_far_off_widen():
    """Four errors of three standard deviations are no chance."""
    widths = fitted_widths(pieces([3.0, -3.0, 2.9, -3.1]), PLAIN, FLOOR, 1.0)
    assert widths.factors[np.argmax(widths.log_prior)] == 3.5


def test_weights_are_repetitions():
    y, weight = np.array([0.1, 0.5, 3.0]), np.array([2.0, 1.0, 3.0])
    one = fitted_widths(pieces(y, weight=weight), PLAIN, FLOOR, 1.0)
    other = fitted_widths(pieces(np.repeat(y, weight.astype(int))), PLAIN, FLOOR, 1.0)
    np.testing.assert_allclose(one.log_prior, other.log_prior, atol=1e-12)


def test_rows_beyond_all_widths_speak_for_none():
    widths = fitted_widths(pieces([1e200, 0.3, -0.2]), PLAIN, FLOOR, 1.0)
    others = fitted_widths(pieces([0.3, -0.2]), PLAIN, FLOOR, 1.0)
    np.testing.assert_array_equal(widths.factors, others.factors)
    np.testing.assert_allclose(widths.log_prior, others.log_prior, atol=1e-12)


def test_no_width_goes_below_the_floor():
    y = np.full(200, 1e-9)
    widths = fitted_widths(pieces(y, scale=1e-3), PLAIN, FLOOR, 1.0)
    wide = pieces(y, scale=1e-3)[0].quadratics.widened(widths, FLOOR)
    assert wide.factors.min() == pytest.approx(1e-3)


def test_members_that_agree_are_not_sharpened():
    assert sharper_together(0.8, 0.8, 10) == 1
    assert sharper_together(0.8, 0.7, 10) == 1  # two are never sharper by chance
    assert sharper_together(1.0, 3.0, 10) == 4  # and there is an end to it


def test_sharpening_divides_all_widths():
    one = fitted_widths(pieces(np.linspace(-2, 2, 50)), PLAIN, FLOOR, 1.0)
    other = fitted_widths(pieces(np.linspace(-2, 2, 50)), PLAIN, FLOOR, 4.0)
    np.testing.assert_allclose(other.factors, one.factors / 2)
    assert set(one.factors) <= set(FACTORS)


def test_a_density_with_widths_is_normalised():
    widths = Widths(np.array([0.5, 1.0, 3.0]), np.log([0.2, 0.5, 0.3]))
    quadratics = pieces([0.0], scale=0.7)[0].quadratics.widened(widths, FLOOR)
    law = gibbs_law(quadratics, 1.0, PLAIN, minimum=False)
    y = np.linspace(-30, 30, 60_001)
    assert law.pdf(y[None])[0].sum() * 1e-3 == pytest.approx(1, abs=1e-9)
    free = -np.log(np.exp(-quadratics.energies(np.array([[[0.4]]]))).sum())
    assert law.log_prob([0.4])[0] == pytest.approx(-free - 0.5 * np.log(2 * np.pi))
