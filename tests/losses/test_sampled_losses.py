"""Losses of sampled answers: derivatives, values by hand, and the densities that they learn."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp

from sklearn_ebm import checks
from sklearn_ebm.checks import sampled_losses
from sklearn_ebm.energies._free_form.proposal import MixtureProposal
from sklearn_ebm.losses.negatives import Importance, Quadrature
from sklearn_ebm.losses.negatives.base import Batch, Drawn
from sklearn_ebm.losses.sampled import NCE, SAMPLED_LOSSES, SNL, SampledNLL, ScoreMatching

EXAMPLES = [
    (name, number) for name, part in SAMPLED_LOSSES.items() for number in range(len(part.examples))
]


@pytest.fixture(params=EXAMPLES, ids=lambda param: f"{param[0]}{param[1]}")
def loss(request):
    name, number = request.param
    return SAMPLED_LOSSES[name](**SAMPLED_LOSSES[name].examples[number])


@pytest.mark.parametrize(
    "check", sampled_losses.SAMPLED_LOSS_CHECKS, ids=lambda check: check.__name__
)
def test_promises_of_a_sampled_loss(loss, check):
    for case in sampled_losses.sampled_loss_cases(loss):
        check(loss, *case)


def test_the_true_density_is_stationary(loss):
    sampled_losses.check_true_density(loss)


@pytest.mark.parametrize("negatives", [Importance(2), Quadrature(64, reach=2.0)], ids=repr)
def test_noise_contrast_is_stationary_at_the_truth_with_its_draws(negatives):
    """Two branches of weights 0.9 and 0.1. Stratified draws, or a grid, would shift the weights."""
    n, rng = 50_000, np.random.default_rng(0)
    sign = np.where(rng.random(n) < 0.9, -1, 1)
    right = (sign + 0.1 * rng.standard_normal(n))[:, None]
    proposal, true = (
        MixtureProposal(
            np.log(np.tile([share, 1 - share], (n, 1))),
            np.tile([[[-1.0], [1.0]]], (n, 1, 1)),
            np.full((2, 1, 1), 0.1),
        )
        for share in (0.5, 0.9)
    )
    independent = NCE.needs_independent_draws
    drawn = negatives.draw(Batch(None, right, proposal, None, np.arange(n), rng, independent))
    _, slope = NCE()(-true._log_prob(drawn.answers), drawn)
    of_branch = (slope * (drawn.answers[..., 0] < 0)).sum(axis=1)
    assert abs(of_branch.mean()) < 4 * of_branch.std() / np.sqrt(n)


@pytest.mark.parametrize("name", SAMPLED_LOSSES)
def test_the_public_check_is_silent(name):
    checks.check_part(SAMPLED_LOSSES[name]())


# By hand


def test_the_likelihood_is_right_with_many_draws():
    """F = y²/2 with draws from N(0, 2²): log Z = ½ log 2π."""
    rng = np.random.default_rng(0)
    y = np.concatenate([np.full((1, 1), 0.7), 2 * rng.normal(size=(1, 200_000))], axis=1)
    density = -0.5 * (y / 2) ** 2 - np.log(2) - 0.5 * np.log(2 * np.pi)
    drawn = Drawn(y[..., None], density)
    value, slope = SampledNLL()(0.5 * y**2, drawn)
    assert value[0] == pytest.approx(0.7**2 / 2 + 0.5 * np.log(2 * np.pi), abs=0.01)
    # The weights are the Gibbs distribution of the draws.
    assert -slope[0, 1:] @ y[0, 1:] ** 2 == pytest.approx(1, abs=0.02)
    assert SNL()(0.5 * y**2, drawn)[0][0] == pytest.approx(
        0.7**2 / 2 + np.sqrt(2 * np.pi) - 1, abs=0.02
    )


def test_the_self_normalised_loss_is_an_upper_bound():
    """ℓ ≥ NLL, with equality where the estimate of Z is 1."""
    rng = np.random.default_rng(0)
    energies, density = 2 * rng.normal(size=(50, 9)), rng.normal(size=(50, 9))
    drawn = Drawn(np.zeros((50, 9, 1)), density)
    likelihood, bound = SampledNLL()(energies, drawn)[0], SNL()(energies, drawn)[0]
    assert (bound > likelihood).all()
    log_z = logsumexp(-energies[:, 1:] - density[:, 1:], axis=1) - np.log(8)
    normalised = energies + log_z[:, None]
    np.testing.assert_allclose(SNL()(normalised, drawn)[0], SampledNLL()(normalised, drawn)[0])
    np.testing.assert_allclose(SampledNLL()(normalised, drawn)[0], likelihood)


def test_a_single_draw_cannot_end_learning():
    drawn = Drawn(np.zeros((1, 2, 1)), np.zeros((1, 2)))
    value, slope = SNL()(np.array([[0.0, -1e4]]), drawn)
    assert np.isfinite(value).all() and np.isfinite(slope).all()
    for loss in (NCE(), SampledNLL()):
        value, slope = loss(np.array([[1e30, -1e30]]), drawn)
        assert np.isfinite(value).all() and np.isfinite(slope).all()


def test_energies_of_chains_are_penalised():
    energies = np.array([[2.0, 1.0, 3.0]])
    drawn = Drawn(np.zeros((1, 3, 1)), None)
    value, slope = SampledNLL(energy_penalty=0.5)(energies, drawn)
    np.testing.assert_allclose(value, 2 - 2 + 0.5 * (4 + (1 + 9) / 2))
    np.testing.assert_allclose(slope, [[1 + 2, (1 - 1) / 2, (3 - 1) / 2]])
    value, slope = SampledNLL(energy_penalty=0.0)(energies, drawn)
    np.testing.assert_allclose(slope, [[1, -0.5, -0.5]])


# Answers with four values


@pytest.mark.parametrize("n_draws", [1, 3])
@pytest.mark.parametrize("loss", [NCE(), SNL()], ids=repr)
def test_the_minimum_is_the_true_density_for_any_number_of_draws(loss, n_draws):
    """A table of four energies, learned from answers and draws with four values."""
    true, proposal = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.1, 0.2, 0.3, 0.4])
    rng, n = np.random.default_rng(0), 80_000
    places = np.column_stack(
        [rng.choice(4, n, p=true), *(rng.choice(4, n, p=proposal) for _ in range(n_draws))]
    )
    drawn = Drawn(places[..., None].astype(float), np.log(proposal[places]))

    def objective(table):
        value, slope = loss(table[places], drawn)
        return value.mean(), np.bincount(places.ravel(), slope.ravel(), minlength=4) / n

    found = minimize(objective, np.zeros(4), jac=True, method="BFGS").x
    density = np.exp(-found)
    if loss.traits.fixes_level:
        assert density.sum() == pytest.approx(1, abs=0.05)
    np.testing.assert_allclose(density / density.sum(), true, atol=0.02)


# Noisy answers


@pytest.mark.parametrize("noise", [0.1, 0.5])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_noisy_answers_are_on_both_sides_of_a_draw(noise, n_outputs):
    right = np.random.default_rng(0).normal(size=(4_000, n_outputs))
    batch = Batch(None, right, None, None, np.arange(4_000), np.random.default_rng(1))
    drawn = ScoreMatching(noise=noise).own_negatives().draw(batch)
    assert drawn.answers.shape == (4_000, 1 + 2 * n_outputs, n_outputs)
    np.testing.assert_array_equal(drawn.answers[:, 0], right)
    above, below = drawn.answers[:, 1::2], drawn.answers[:, 2::2]
    np.testing.assert_allclose(above - below, np.broadcast_to(
        0.2 * noise * np.eye(n_outputs), above.shape
    ), atol=1e-12)  # fmt: skip
    middle = 0.5 * (above + below)[:, 0]
    assert (middle - right).std() == pytest.approx(noise, rel=0.05)


def test_the_slope_of_noisy_answers_is_the_mean_of_the_noise():
    """For normal answers with the noise σ the energy y²/(2(1 + σ²)) has the lowest loss."""
    loss, right = ScoreMatching(noise=0.5), np.random.default_rng(0).normal(size=(50_000, 1))
    batch = Batch(None, right, None, None, np.arange(50_000), np.random.default_rng(1))
    drawn = loss.own_negatives().draw(batch)
    squares = 0.5 * drawn.answers[..., 0] ** 2
    precisions = np.linspace(0.6, 1.0, 41)
    values = [loss(precision * squares, drawn)[0].mean() for precision in precisions]
    assert precisions[np.argmin(values)] == pytest.approx(1 / 1.25, abs=0.03)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (SampledNLL(energy_penalty=-1), "energy_penalty=-1 of SampledNLL must be"),
        (SampledNLL(energy_penalty=np.nan), "energy_penalty=nan of SampledNLL must be"),
        (ScoreMatching(noise=0), "noise=0 of ScoreMatching must be"),
        (ScoreMatching(noise="a"), "noise='a' of ScoreMatching must be"),
    ],
    ids=repr,
)
def test_invalid_parameters(loss, message):
    with pytest.raises(ValueError, match=message):
        loss.validate()


# The public check catches what is broken


class WrongSlope(NCE):
    def __call__(self, energies, drawn):
        value, slope = super().__call__(energies, drawn)
        return value, 1.001 * slope


class SamplesTogether(NCE):
    def __call__(self, energies, drawn):
        value, slope = super().__call__(energies, drawn)
        return value - value.mean(), slope


class WritesOnEnergies(NCE):
    def __call__(self, energies, drawn):
        energies -= 1
        return super().__call__(energies, drawn)


class WritesOnDensity(NCE):
    def __call__(self, energies, drawn):
        result = super().__call__(energies, drawn)
        drawn.log_density[...] -= 1
        return result


class WidensFloats(NCE):
    def __call__(self, energies, drawn):
        return super().__call__(energies.astype(np.float64), drawn)


class ForgetsTheProposal(NCE):
    def __call__(self, energies, drawn):
        return super().__call__(energies, Drawn(drawn.answers, np.zeros_like(energies)))


class CountsTheCorrectAnswer(SampledNLL):
    """Estimates Z from all answers, including the correct one."""

    needs_log_density = True

    def __call__(self, energies, drawn):
        logs = -energies - drawn.log_density
        slope = np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
        slope = -slope
        slope[:, 0] += 2
        return 2 * energies[:, 0] + logsumexp(logs, axis=1), slope


class SeesNoLevel(NCE):
    traits = NCE.traits._replace(fixes_level=True)


class SeesTheLevel(SNL):
    traits = NCE.traits


class WrongNoise(ScoreMatching):
    def own_negatives(self):
        return ScoreMatching(noise=2 * self.noise).own_negatives()


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (WrongSlope, "the slope must be the derivative of the value"),
        (SamplesTogether, "samples must be independent"),
        (WritesOnEnergies, "must leave its inputs as they are"),
        (WritesOnDensity, "must leave its inputs as they are"),
        (WidensFloats, "of float32 energies must be a float32 array"),
        (ForgetsTheProposal, "at the density of the data the mean slope"),
        (CountsTheCorrectAnswer, "a constant added to a sample|the mean slope"),
        (SeesNoLevel, "the level of the energies must matter"),
        (SeesTheLevel, "a constant added to a sample must change nothing"),
        (WrongNoise, "at the density of the data the mean slope"),
    ],
)
def test_the_check_catches(broken, message):
    with pytest.raises(AssertionError, match=message) as caught:
        checks.check_part(broken())
    assert str(caught.value).startswith(f"{broken.__name__}(")
