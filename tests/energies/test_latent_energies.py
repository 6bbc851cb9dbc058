"""Energies with a latent variable: derivatives, Gibbs distributions against numeric integrals,
refusals."""

import pickle

import numpy as np
import pytest
from scipy import integrate
from sklearn.base import clone

from sklearn_ebm import checks
from sklearn_ebm._utils.array_api import numpy_namespace
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.checks import latent_energies
from sklearn_ebm.energies import LATENT_ENERGIES, Decoder, Experts, Linear
from sklearn_ebm.energies._gaussian.decoder_windows import Windows, _inverse
from sklearn_ebm.energies._gaussian.latent_spaces import LATENT_SPACES
from sklearn_ebm.energies._gaussian.units import FAR, units_of
from sklearn_ebm.energies._network.trunk import Noise
from sklearn_ebm.inference import Minimum, SoftMinimum

EXAMPLES = [
    (name, number) for name, part in LATENT_ENERGIES.items() for number in range(len(part.examples))
]
OUTPUTS = latent_energies.OUTPUTS


def case_of(name, number, n_outputs):
    energy = LATENT_ENERGIES[name](**LATENT_ENERGIES[name].examples[number])
    cases = list(latent_energies.latent_energy_cases(energy))
    return cases[OUTPUTS.index(n_outputs)]


@pytest.fixture(params=EXAMPLES, ids=lambda param: f"{param[0]}{param[1]}")
def part(request):
    return request.param


@pytest.mark.parametrize("n_outputs", OUTPUTS)
@pytest.mark.parametrize(
    "check", latent_energies.LATENT_ENERGY_CHECKS, ids=lambda check: check.__name__
)
def test_promises_of_a_latent_energy(part, check, n_outputs):
    check(*case_of(*part, n_outputs))


@pytest.mark.parametrize("name", LATENT_ENERGIES)
@pytest.mark.parametrize("check", checks.base.PART_CHECKS, ids=lambda check: check.__name__)
def test_promises_of_every_part(name, check):
    check(LATENT_ENERGIES[name]())


@pytest.mark.parametrize("n_outputs", OUTPUTS)
def test_pullback_of_every_parameter_against_central_differences(part, n_outputs):
    energy, X, candidates, params = case_of(*part, n_outputs)
    X, step = energy._standardize_rows(X[:3])[None], 1e-6
    candidates = energy._standardize_answers(candidates[:3])[None]
    joint = energy.linearize_members(params, X, candidates)
    slope = np.random.RandomState(0).normal(size=joint.energies.shape)
    gradient, size = joint.pullback(slope), 1 + np.abs(slope * joint.energies).sum()
    for name, value in params.items():
        difference = np.empty_like(value)
        for index in np.ndindex(value.shape):
            energies = []
            for sign in (step, -step):
                moved = {**params, name: value.copy()}
                moved[name][index] += sign
                energies.append(energy.linearize_members(moved, X, candidates).energies)
            difference[index] = np.vdot(slope, energies[0] - energies[1]) / (2 * step)
        np.testing.assert_allclose(gradient[name], difference, atol=1e-6 * size)


# Gibbs distributions


def latent_energies_of(energy, params, X, answers):
    """Energies (n, m, M·z): the member is one more latent variable, with the prior 1/M."""
    rows, answers = energy._standardize_rows(X)[None], energy._standardize_answers(answers)[None]
    found = energy.linearize_members(params, rows, answers).energies
    joint = found.transpose(1, 2, 0, 3).reshape(*answers.shape[1:3], -1)
    return joint + np.log(energy.n_members)


def free_energy(energy, params, X, answers, beta, minimum):
    latent = latent_energies_of(energy, params, X, answers)
    return (Minimum() if minimum else SoftMinimum(beta))(latent).energies


@pytest.mark.parametrize("minimum", [False, True])
@pytest.mark.parametrize("beta", [1.0, 2.0, 0.5])
def test_a_law_of_one_answer_is_the_normalised_gibbs_law(part, beta, minimum):
    energy, X, _, params = case_of(*part, 1)
    X = X[:4]
    law = energy.distribution(params, X, beta, minimum=minimum)
    ends = law.mean()[:, None] + law.std()[:, None] * [-40, 40]
    grid = np.linspace(*ends.T, 40_001, axis=1)
    free = free_energy(energy, params, X, grid[..., None], beta, minimum)
    lowest = free.min(axis=1, keepdims=True)
    mass = integrate.trapezoid
    log_z = np.log(mass(np.exp(-beta * (free - lowest)), grid, axis=1)) - beta * lowest[:, 0]
    expected = -beta * free[:, ::2000] - log_z[:, None]
    np.testing.assert_allclose(law.log_prob(grid[:, ::2000]), expected, atol=1e-4, rtol=1e-6)
    np.testing.assert_allclose(mass(law.pdf(grid), grid, axis=1), 1, atol=1e-4)


@pytest.mark.parametrize("n_outputs", OUTPUTS)
def test_at_beta_1_the_law_needs_no_partition_function(part, n_outputs):
    energy, X, candidates, params = case_of(*part, n_outputs)
    law = energy.distribution(params, X, 1.0)
    free = free_energy(energy, params, X, candidates, 1.0, False)
    found = law.log_prob(candidates[..., 0] if n_outputs == 1 else candidates)
    np.testing.assert_allclose(found, -free - energy._units.log_unit, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("minimum", [False, True])
@pytest.mark.parametrize("beta", [1.0, 2.0])
@pytest.mark.parametrize("name", LATENT_ENERGIES)
def test_a_law_of_two_answers_integrates_to_one(name, beta, minimum):
    energy, X, _, params = case_of(name, 0, 2)
    law = energy.distribution(params, X[:2], beta, minimum=minimum)
    samples = law.sample(400, random_state=0)
    low, high = samples.min(axis=1) - 5, samples.max(axis=1) + 5
    for row in range(2):
        sides = [np.linspace(low[row, j], high[row, j], 401) for j in range(2)]
        grid = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(1, -1, 2)
        cell = np.prod([side[1] - side[0] for side in sides])
        total = law[row].pdf(grid).sum() * cell
        # Z of a minimum is estimated from a thousand samples.
        assert total == pytest.approx(1, abs=0.06 if minimum else 5e-3)


def test_the_minimum_is_the_limit_of_the_free_energy(part):
    energy, X, candidates, params = case_of(*part, 2)
    lowest = free_energy(energy, params, X, candidates, 1.0, True)
    for beta in (1.0, 1e2, 1e4):
        free = free_energy(energy, params, X, candidates, beta, False)
        below = lowest - free
        n_values = latent_energies_of(energy, params, X, candidates).shape[-1]
        assert (below >= -1e-9).all() and (below <= np.log(n_values) / beta + 1e-9).all()


# Units, noise, spaces


def test_units_by_hand():
    X = np.array([[0.0, 7.0], [2.0, 7.0]])
    units = units_of(X, np.array([[10.0], [30.0]]), np.ones(2))
    np.testing.assert_allclose(units.rows(X), [[-1, 0], [1, 0]])
    np.testing.assert_allclose(units.answers(np.array([[30.0], [20.0]])), [[1], [0]])
    assert units.log_unit == pytest.approx(np.log(10))
    far = units.rows(np.array([[1e300, 0.0], [-np.finfo(float).max, 1e300]]))
    np.testing.assert_array_equal(far, [[FAR, 0], [-FAR, 0]])


def test_units_honour_weights_as_repetitions():
    rng = np.random.default_rng(0)
    X, y, times = rng.normal(size=(20, 3)), rng.normal(size=(20, 2)), rng.integers(1, 4, 20)
    weighted = units_of(X, y, times.astype(float))
    repeated = units_of(
        np.repeat(X, times, axis=0), np.repeat(y, times, axis=0), np.ones(sum(times))
    )
    for one, other in zip(weighted, repeated, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_what_is_rounded_is_not_known_more_precisely():
    rng = np.random.default_rng(0)
    y = np.round(rng.normal(size=(500, 1)), 1)
    initialized = Experts().initialized(Rows(rng.normal(size=(500, 1)), y, np.ones(500)), 1, None)
    np.testing.assert_allclose(initialized._floor, 0.1 / np.sqrt(12) / y.std(), rtol=0.1)
    assert Experts(min_scale=1e-4).initialized(Rows(y, y, np.ones(500)), 1, None)._floor == 1e-4


def test_noise_has_the_deviation_that_was_asked_for():
    rows, answers = Noise(0.5, 0.0).added(0, 3, np.ones((1, 4000, 2)), np.zeros((1, 4000, 1, 2)))
    assert rows.shape == (3, 4000, 2) and answers.shape == (1, 4000, 1, 2)
    assert rows.mean() == pytest.approx(1, abs=0.02) and rows.std() == pytest.approx(0.5, rel=0.02)
    assert not answers.any()


@pytest.mark.parametrize(("name", "number"), [("experts", 0), ("experts", 1), ("decoder", 1)])
def test_each_step_has_noise_of_its_own(name, number):
    energy, X, candidates, params = case_of(name, number, 2)
    rows = energy._standardize_rows(X)[None], energy._standardize_answers(candidates)[None]
    rng = np.random.RandomState(0)
    copies = [energy._for_step(rng) for _ in range(2)]
    one, other = (copy.linearize_members(params, *rows).energies for copy in copies)
    assert (one != other).all()
    assert copies[0]._chance().random() != copies[1]._chance().random()
    assert copies[0]._chance().random() == copies[0]._chance().random()


@pytest.mark.parametrize("name", LATENT_SPACES)
def test_tangents_and_their_pullback_are_adjoint(name):
    space = LATENT_SPACES[name][0](4)
    rng = np.random.default_rng(0)
    answers = rng.normal(size=(2, 3, len(space.features), 5))
    answers = np.moveaxis(answers, -1, 0)
    middles, tangents = space.windows(answers)
    slopes = [rng.normal(size=part.shape) for part in (middles, *tangents)]
    forth = sum(np.vdot(s, p) for s, p in zip(slopes, (middles, *tangents), strict=True))
    assert forth == pytest.approx(np.vdot(space.pullback(slopes[0], slopes[1:]), answers))
    assert np.exp(space.log_prior).sum() == pytest.approx(1)


def test_windows_of_a_straight_line_add_up_to_a_constant():
    """Along a straight decoder the density is flat within 2 %, away from the ends."""
    space = LATENT_SPACES["interval"][0](20)
    answers = np.linspace(0, 19, 20).reshape(1, 1, 20, 1)
    windows = Windows(space, answers, np.full((1, 1), 1e-3))
    y = np.linspace(5, 14, 100).reshape(1, 1, 100, 1)
    density = np.exp(-windows.energies(y)).sum(axis=-1).ravel()
    np.testing.assert_allclose(density, 1 / 20, rtol=0.02)


def test_determinants_of_parallel_tangents_in_float32():
    one = np.full((2, 1), 1e4, dtype=np.float32)
    other = one * np.array([[1 + 1e-7], [1]], dtype=np.float32)
    length = float((one**2).sum())
    matrix = {(0, 0): (one**2).sum(axis=0) + 1, (1, 0): (one * other).sum(axis=0)}
    matrix[1, 1] = (other**2).sum(axis=0) + 1
    inverse, log_determinant = _inverse(numpy_namespace, matrix, 2)
    # det(I + AᵀA) is 1 + ‖A‖² where the columns are parallel; rounding may only add to it.
    assert np.log(2 * length) - 1e-3 <= log_determinant[0] < np.log(2 * length) + 5
    assert all(np.isfinite(part).all() for part in inverse.values())


def test_energies_of_thin_windows_are_positive_above_their_level():
    """In float32 the distance across a window must survive the much longer one along it."""
    space = LATENT_SPACES["circle"][0](8)
    angle = 2 * np.pi * np.arange(8) / 8
    circle = np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32)
    windows = Windows(space, circle[None, None], np.full((1, 2), 1e-4, dtype=np.float32))
    far = np.array([[[[300.0, 400.0]]]], dtype=np.float32)
    assert (windows.energies(far) >= windows.levels()[:, :, None]).all()


# Copies and refusals


def test_clones_and_pickles_of_prepared_energies_keep_what_was_settled(part):
    energy, X, candidates, params = case_of(*part, 2)
    expected = energy.distribution(params, X, 1.0).log_prob(candidates)
    for other in (clone(energy), pickle.loads(pickle.dumps(energy))):
        np.testing.assert_array_equal(
            other.distribution(params, X, 1.0).log_prob(candidates), expected
        )
    plain = LATENT_ENERGIES[part[0]]()
    assert clone(plain)._units is None


REFUSED = [
    (Experts(n_latents=0), "n_latents=0 of Experts must be a whole number of at least 1"),
    (Experts(n_members=0), "n_members=0 of Experts must be a whole number"),
    (Experts(trunk="lin"), "trunk='lin' is not known. Did you mean 'linear'"),
    (
        Experts(hidden_layer_sizes=()),
        r"hidden_layer_sizes=\(\) must hold one positive whole number",
    ),
    (Experts(hidden_layer_sizes=(4, 0)), r"hidden_layer_sizes=\(4, 0\) must hold"),
    (Experts(hidden_layer_sizes=2.5), "hidden_layer_sizes=2.5 must hold"),
    (Experts(activation="silo"), "activation='silo' is not known. Did you mean 'silu'"),
    (Experts(covariance="ful"), "covariance='ful' is not known. Did you mean 'full'"),
    (Experts(input_noise=-1), "input_noise=-1 of Experts must be 'auto' or a finite number"),
    (Experts(answer_noise=np.nan), "answer_noise=nan of Experts must be"),
    (Experts(min_scale="none"), "min_scale='none' of Experts must be 'auto' or"),
    (Decoder(latent="circel"), "latent='circel' is not known. Did you mean 'circle'"),
    (Decoder(n_latents=2), "n_latents=2 of Decoder must be 3 or more"),
    (Decoder(n_latents=5.5), "n_latents=5.5 .*must be a whole number"),
    (Decoder(n_members=0), "n_members=0 of Decoder must be a whole number"),
    (Decoder(noise=0), "noise=0 of Decoder must be 'auto' or a number of at least 1e-09"),
    (Decoder(noise=-1), "noise=-1 of Decoder must be 'auto' or a finite number"),
    (Decoder(input_noise=np.inf), "input_noise=inf of Decoder must be"),
    (Decoder(activation="x"), "activation='x' is not known"),
    (Decoder(hidden_layer_sizes=None), "hidden_layer_sizes=None must hold"),
]


@pytest.mark.parametrize(("energy", "message"), REFUSED, ids=lambda value: str(value)[:40])
def test_settings_that_cannot_be_used_are_refused_in_one_sentence(energy, message):
    X = np.arange(8.0).reshape(4, 2)
    with pytest.raises(ValueError, match=message) as caught:
        energy.initialized(Rows(X, X[:, :1], np.ones(4)), 1, None)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


# The public check catches what is broken


class WrongPullback(Experts):
    def linearize_members(self, params, X, answers):
        line = super().linearize_members(params, X, answers)
        return line._replace(
            pullback=lambda slope: {k: 1.01 * v for k, v in line.pullback(slope).items()},
            pullback_into=None,
        )


class WrongLaw(Experts):
    def distribution(self, params, X, beta, *, minimum=False):
        return super().distribution(params, X, 1.1 * beta, minimum=minimum)


class NotNormalised(Experts):
    def _unwidened(self, params, X, members=None):
        found = super()._unwidened(params, X, members)
        return found._replace(levels=found.levels + 0.1)


class Forgets(Experts):
    def __sklearn_clone__(self):
        other = super().__sklearn_clone__()
        other._units = None
        return other


class Drifts(Experts):
    def _chance(self):
        return np.random.default_rng()

    def linearize_members(self, params, X, answers):
        if self._seed is not None:
            X = X + self._chance().normal(size=X.shape)
        return super().linearize_members(params, X, answers)


class WidensFloats(Experts):
    def linearize_members(self, params, X, answers):
        return super().linearize_members(params, X.astype(np.float64), answers)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (WrongPullback, "the pullback must be the derivative"),
        (WrongLaw, r"log p\(y\) − log p\(y'\) must be"),
        (NotNormalised, "energies must be the parabolas"),
        (Forgets, "a clone of the prepared energy must give the same energies"),
        (Drifts, "must draw the same noise each time"),
        (WidensFloats, "energies must be of shape"),
    ],
)
def test_the_check_catches(broken, message):
    energy = broken(n_latents=2, hidden_layer_sizes=(3,), n_members=2)
    with pytest.raises(AssertionError, match=message) as caught:
        checks.latent_energies.check_latent_energy(energy)
    assert type(energy).__name__ in str(caught.value)


def test_the_check_refuses_energies_of_classes():
    with pytest.raises(AssertionError, match="must inherit from LatentEnergy"):
        checks.latent_energies.check_latent_energy(Linear())


@pytest.mark.parametrize("name", LATENT_ENERGIES)
def test_the_public_check_is_silent(name):
    checks.latent_energies.check_latent_energy(
        LATENT_ENERGIES[name](n_latents=3, hidden_layer_sizes=(3,), n_members=1)
    )
