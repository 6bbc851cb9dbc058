"""Energies of any form: derivatives, densities against integrals, proposals, and refusals."""

import pickle

import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.base import clone

from sklearn_ebm import LatentEBMRegressor, checks
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.checks import free_form_energies
from sklearn_ebm.energies import (
    CONDITIONAL_ENERGIES,
    FREE_FORM_ENERGIES,
    Blend,
    FreeFormEnergy,
    Joint,
    Linear,
    Linearization,
    Memory,
)
from sklearn_ebm.energies._free_form.proposal import LEAST_VARIANCE, WIDE, fitted_mixture
from sklearn_ebm.exceptions import SamplingWarning

EXAMPLES = [
    (name, number)
    for name, part in FREE_FORM_ENERGIES.items()
    for number in range(len(part.examples))
]
OUTPUTS = free_form_energies.OUTPUTS


def case_of(name, number, n_outputs):
    energy = FREE_FORM_ENERGIES[name](**FREE_FORM_ENERGIES[name].examples[number])
    return list(free_form_energies.free_form_cases(energy))[OUTPUTS.index(n_outputs)]


@pytest.mark.parametrize("n_outputs", OUTPUTS)
@pytest.mark.parametrize("part", EXAMPLES, ids=lambda part: f"{part[0]}{part[1]}")
@pytest.mark.parametrize(
    "check", free_form_energies.FREE_FORM_CHECKS, ids=lambda check: check.__name__
)
def test_promises_of_an_energy_of_any_form(part, check, n_outputs):
    check(*case_of(*part, n_outputs))


@pytest.mark.parametrize("name", FREE_FORM_ENERGIES)
def test_the_public_check_is_silent(name):
    part = FREE_FORM_ENERGIES[name]
    checks.check_part(part(**part.examples[0]))
    assert name in CONDITIONAL_ENERGIES


class Waves(FreeFormEnergy):
    """An energy with only what an author must write: E = −Σ_j y_j (x · w_j)."""

    base_scale = 0.7

    def shapes(self, n_features, n_answers):
        return {"weight": (n_features, n_answers)}

    def linearize_pairs(self, params, X, answers):
        means = X @ params["weight"]

        def pullback(slope):
            return {"weight": -X.T @ np.einsum("nm,nmq->nq", slope, answers)}

        return Linearization(
            -np.einsum("nmq,nq->nm", answers, means), pullback,
            answer_slopes=lambda: np.broadcast_to(-means[:, None], answers.shape).copy(),
        )  # fmt: skip


def test_an_energy_of_twenty_lines_passes_and_learns():
    checks.check_part(Waves())
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    y = X[:, 0] + rng.normal(size=300)
    reg = LatentEBMRegressor(Waves(), max_iter=60, random_state=0).fit(X, y)
    # exp(−E) times the base is normal with the mean s² w x.
    assert reg.score(X, y) > 0.4
    weight = reg.params_["weight"]
    expected = 0.49 * reg.energy_._units.rows(X) @ weight * y.std() + y.mean()
    np.testing.assert_allclose(reg.predict(X), expected[:, 0], atol=1e-3)


def zero(energy, n_outputs):
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(30, 2)), 3 * rng.normal(size=(30, n_outputs)) + 5
    energy = energy.initialized(Rows(X, y, np.ones(30)), n_outputs, rng)
    shapes = energy.shapes(2, n_outputs)
    return energy, X, y, {name: np.zeros(shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_without_a_network_the_density_is_the_base(n_outputs):
    energy, X, y, params = zero(Joint(hidden_layer_sizes=3, base_scale=1.5), n_outputs)
    law = energy.distribution(params, X, 1.0)
    base = stats.norm(y.mean(axis=0), 1.5 * y.std(axis=0))
    expected = base.logpdf(y).sum(axis=1)
    found = law.log_prob(y[:, 0] if n_outputs == 1 else y)
    # Exact for one output; for several, log Z = 0 has the standard error of a thousand draws.
    tolerance = 1e-5 if n_outputs == 1 else 5 * law.log_partition().standard_error
    assert (np.abs(found - expected) <= tolerance).all()
    surface = energy._surface(params, X)
    standardized = energy._standardize_answers(y[:, None])
    base_energy = -stats.norm(0, 1.5).logpdf(standardized).sum(axis=2)
    np.testing.assert_allclose(surface.energies(y[:, None]), base_energy)


@pytest.mark.parametrize("beta", [0.5, 1.0, 3.0])
def test_one_output_against_an_integral(beta):
    energy, X, _, params = case_of("joint", 1, 1)
    law = energy.distribution(params, X, beta)
    unit, origin = energy._units.answer_unit[0], energy._units.answer_origin[0]
    grid = origin + unit * np.linspace(-40, 40, 20_001) + np.zeros((len(X), 1))
    energies = energy._surface(params, X, beta).energies(grid[..., None])
    lowest = energies.min(axis=1, keepdims=True)
    log_z = np.log(integrate.trapezoid(np.exp(lowest - energies), grid, axis=1)) - lowest[:, 0]
    near = energies < lowest + 20
    np.testing.assert_allclose(
        law.log_prob(grid)[near], (-energies - log_z[:, None])[near], atol=2e-3
    )


def test_two_outputs_against_an_integral():
    energy, X, _, params = case_of("joint", 2, 2)
    params = {name: 0.3 * value for name, value in params.items()}
    X = X[:2]
    law = energy.distribution(params, X, 1.0)
    units = energy._units
    side = np.linspace(-10, 10, 401)
    grid = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(1, -1, 2)
    energies = energy._latent_energies(params, X, np.repeat(grid, 2, axis=0))[..., 0]
    z = np.exp(-energies).sum(axis=1) * (side[1] - side[0]) ** 2 * units.answer_unit.prod()
    error = np.abs(law.log_partition().value - np.log(z))
    assert (error < 5 * law.log_partition().standard_error).all()


# Proposals


def joint_rows(n=400, d=2, q=2, seed=0):
    rng = np.random.RandomState(seed)
    X = rng.normal(size=(n, d))
    y = X[:, :1] + 0.3 * rng.normal(size=(n, q))
    return Rows(X, (y - y.mean(axis=0)) / y.std(axis=0), np.ones(n))


def test_one_component_is_a_linear_regression():
    rows = joint_rows()
    mixture = fitted_mixture(rows, 1, 2.0, np.random.RandomState(0))
    given = mixture.given(rows.X)
    design = np.column_stack([np.ones(400), rows.X])
    solution, residual, *_ = np.linalg.lstsq(design, rows.y, rcond=None)
    np.testing.assert_allclose(given.means[:, 0], design @ solution, atol=1e-3)
    np.testing.assert_allclose(np.exp(given.log_weights), [[1 - WIDE, WIDE]] * 400)
    covariance = given.factors[0] @ given.factors[0].T
    np.testing.assert_allclose(np.diag(covariance), residual / 400, atol=3 * LEAST_VARIANCE)
    np.testing.assert_array_equal(given.factors[1], 2 * np.eye(2))


def test_log_density_of_a_proposal_by_hand():
    given = fitted_mixture(joint_rows(), 3, 2.0, np.random.RandomState(0)).given(np.zeros((1, 2)))
    y = np.array([[[0.3, -0.2], [4.0, 1.0]]])
    total = sum(
        np.exp(log_weight) * stats.multivariate_normal(mean, factor @ factor.T).pdf(y[0])
        for log_weight, mean, factor in zip(
            given.log_weights[0], given.means[0], given.factors, strict=True
        )
    )
    np.testing.assert_allclose(given._log_prob(y)[0], np.log(total))
    moved = given.scaled(np.array([1.0, -2.0]), np.array([3.0, 0.5]))
    answers = np.array([1.0, -2.0]) + np.array([3.0, 0.5]) * y
    np.testing.assert_allclose(moved._log_prob(answers), given._log_prob(y) - np.log(1.5))


def test_draws_have_the_distribution_of_the_proposal():
    """Stratified draws, and independent draws, against the distribution function."""
    given = fitted_mixture(joint_rows(q=1), 3, 2.0, np.random.RandomState(0)).given(
        np.array([[-1.0, 0.0], [1.0, 0.5]])
    )

    def cdf(row):
        weights, means = np.exp(given.log_weights[row]), given.means[row, :, 0]
        scales = given.factors[:, 0, 0]
        return lambda y: (weights * stats.norm(means, scales).cdf(np.ravel(y)[:, None])).sum(axis=1)

    for drawn in (
        given.draw(3_000, np.random.default_rng(0)),
        given._draw(3_000, np.random.RandomState(0), shared=False),
        given._draw(3_000, np.random.RandomState(0), shared=True),
    ):
        for row in range(2):
            assert stats.kstest(drawn[row, :, 0], cdf(row)).pvalue > 1e-3
    shared = given._draw(500, np.random.RandomState(0), shared=True)
    single = given[1:]._draw(500, np.random.RandomState(0), shared=True)
    np.testing.assert_array_equal(shared[1:], single)


@pytest.mark.parametrize("n_rows", [1, 2, 5, 30])
@pytest.mark.parametrize("d", [1, 12, 40])
def test_proposals_of_few_samples_and_many_features(n_rows, d):
    rng = np.random.RandomState(0)
    rows = Rows(rng.normal(size=(n_rows, d)), rng.normal(size=(n_rows, 2)), np.ones(n_rows))
    given = fitted_mixture(rows, 16, 2.0, rng).given(rows.X)
    assert np.isfinite(given._log_prob(rows.y[:, None])).all()
    assert np.isfinite(given.draw(3, np.random.default_rng(0))).all()


def test_with_many_features_the_proposal_uses_directions_that_predict_y():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(500, 40))
    y = (X @ rng.normal(size=40))[:, None]
    y = y / y.std() + 0.1 * rng.normal(size=(500, 1))
    given = fitted_mixture(Rows(X, y, np.ones(500)), 1, 2.0, rng).given(X)
    assert np.corrcoef(given.means[:, 0, 0], y[:, 0])[0, 1] > 0.98


def test_weights_are_repetitions_for_the_proposal():
    rows = joint_rows(q=1)
    heavy = rows.y[:, 0] > 0
    weighted = Rows(rows.X, rows.y, np.where(heavy, 9.0, 1.0))
    mixture = fitted_mixture(weighted, 1, 2.0, np.random.RandomState(0))
    expected = np.average(rows.y[:, 0], weights=weighted.weight)
    assert mixture.y_means[0, 0] == pytest.approx(expected, abs=0.1)


# Refusals


REFUSED = [
    ({"hidden_layer_sizes": ()}, r"hidden_layer_sizes=\(\) must hold"),
    ({"hidden_layer_sizes": (4, 0)}, r"hidden_layer_sizes=\(4, 0\) must hold"),
    ({"activation": "silo"}, "activation='silo' is not known. Did you mean 'silu'"),
    ({"base_scale": 0}, "base_scale=0 of Joint must be"),
    ({"base_scale": np.nan}, "base_scale=nan of Joint must be"),
    ({"n_components": 0}, "n_components=0 of Joint must be"),
    ({"n_components": 1.5}, "n_components=1.5 of Joint must be"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED, ids=lambda value: str(value)[:30])
def test_settings_that_cannot_be_used_are_refused_in_one_sentence(settings, message):
    X = np.arange(8.0).reshape(4, 2)
    rows = Rows(X, X[:, :1], np.ones(4))
    with pytest.raises(ValueError, match=message) as caught:
        Joint(**settings).initialized(rows, 1, np.random.RandomState(0))
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


@pytest.mark.parametrize(
    "members", [["joint", "memory"], [Joint()], [("net", Joint())], [Blend([Memory(), "joint"])]]
)
def test_a_blend_has_no_estimated_members(members):
    with pytest.raises(ValueError, match=r"has a partition function that is estimated.*leave it"):
        LatentEBMRegressor(Blend(members)).fit(np.zeros((9, 1)), np.arange(9.0))


def test_not_before_it_is_learned():
    for method in ("_surface", "_proposal"):
        arguments = ({}, np.zeros((1, 1))) if method == "_surface" else (np.zeros((1, 1)),)
        with pytest.raises(AttributeError, match="before it is learned"):
            getattr(Joint(), method)(*arguments)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_densities_can_be_pickled(n_outputs):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 1)), rng.normal(size=(50, n_outputs))
    reg = LatentEBMRegressor("joint", max_iter=2, random_state=0).fit(X, np.squeeze(y))
    density = reg.predict_distribution(X[:2])
    again = pickle.loads(pickle.dumps(density))
    answers = np.squeeze(y[:2])
    np.testing.assert_array_equal(again.log_prob(answers), density.log_prob(answers))
    np.testing.assert_array_equal(again.mode(), density.mode())


def test_a_density_far_from_its_proposal_is_warned_of():
    energy, X, _, params = case_of("joint", 0, 2)
    with pytest.warns(SamplingWarning, match="effective number of draws"):
        energy.distribution({name: 5 * value for name, value in params.items()}, X, 1.0)


# The public check catches what is broken


class WrongPullback(Joint):
    def linearize_pairs(self, params, X, answers):
        line = super().linearize_pairs(params, X, answers)
        return line._replace(
            pullback=lambda slope: {k: 1.01 * v for k, v in line.pullback(slope).items()},
            pullback_into=None,
        )


class WrongPullbackInto(Joint):
    def linearize_pairs(self, params, X, answers):
        line = super().linearize_pairs(params, X, answers)
        return line._replace(pullback_into=lambda slope, out: line.pullback_into(2 * slope, out))


class WrongAnswerSlopes(Joint):
    def linearize_pairs(self, params, X, answers):
        line = super().linearize_pairs(params, X, answers)
        return line._replace(answer_slopes=lambda: -line.answer_slopes())


class NoAnswerSlopes(Joint):
    def linearize_pairs(self, params, X, answers):
        return super().linearize_pairs(params, X, answers)._replace(answer_slopes=None)


class CentresAnswers(Joint):
    def linearize_pairs(self, params, X, answers):
        return super().linearize_pairs(params, X, answers - answers.mean(axis=1, keepdims=True))


class CentresSamples(Joint):
    def linearize_pairs(self, params, X, answers):
        return super().linearize_pairs(params, X - X.mean(axis=0), answers)


class WritesOnAnswers(Joint):
    def linearize_pairs(self, params, X, answers):
        answers += 1
        return super().linearize_pairs(params, X, answers)


class WidensFloats(Joint):
    def linearize_pairs(self, params, X, answers):
        line = super().linearize_pairs(params, X, answers)
        return line._replace(energies=line.energies.astype(np.float64))


class AnotherBase(Joint):
    def _latent_energies(self, params, X, answers):
        return super()._latent_energies(params, X, answers) + 0.1 * answers[..., :1] ** 2


class AnotherBeta(Joint):
    def distribution(self, params, X, beta, *, minimum=False):
        return super().distribution(params, X, 1.1 * beta, minimum=minimum)


class SurfaceOfStandardizedAnswers(Joint):
    def _surface(self, params, X, beta=1.0):
        surface = super()._surface(params, X, beta)
        surface.unit = np.ones_like(surface.unit)
        return surface


class HeavyProposal(Joint):
    def _proposal(self, X):
        given = super()._proposal(X)
        return type(given)(given.log_weights + 0.1, given.means, given.factors)


class Drifts(Joint):
    def linearize_pairs(self, params, X, answers):
        if self._seed is not None:
            X = X + np.random.default_rng().normal(size=X.shape)
        return super().linearize_pairs(params, X, answers)


class Forgets(Joint):
    def __sklearn_clone__(self):
        other = super().__sklearn_clone__()
        other._units = None
        return other


class OtherShapes(Joint):
    def start(self, rows, n_answers, rng):
        return {name: part[None] for name, part in super().start(rows, n_answers, rng).items()}


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (WrongPullback, "the pullback must be the derivative"),
        (WrongPullbackInto, "pullback_into must write what pullback gives"),
        (WrongAnswerSlopes, "answer_slopes must be ∂E/∂y"),
        (NoAnswerSlopes, "linearize_pairs must give answer_slopes"),
        (CentresAnswers, "the answers of a sample must be independent"),
        (CentresSamples, "samples must be independent"),
        (WritesOnAnswers, "must leave its inputs as they are"),
        (WidensFloats, "energies must be of shape"),
        (AnotherBase, r"F must be E \+"),
        (AnotherBeta, r"log p\(y\) − log p\(y'\) must be"),
        (SurfaceOfStandardizedAnswers, "the surface must have the energies βF"),
        (HeavyProposal, "the proposal must integrate to 1|draws of the proposal"),
        (Drifts, "must draw the same noise each time"),
        (Forgets, "a clone of the initialised energy must give the same energies"),
        (OtherShapes, "start must give parameters of shapes"),
    ],
)
def test_the_check_catches(broken, message):
    energy = broken(hidden_layer_sizes=(3,), n_components=2)
    with pytest.raises(AssertionError, match=message) as caught:
        checks.check_part(energy)
    assert type(energy).__name__ in str(caught.value)


def test_the_check_refuses_energies_of_classes():
    with pytest.raises(AssertionError, match="must inherit from FreeFormEnergy"):
        free_form_energies.check_free_form_energy(Linear())
    with pytest.raises(TypeError, match="FreeFormEnergy"):
        checks.check_part(object())


def test_clones_are_alike():
    energy = Joint((3, 2), "tanh", 3.0, 4)
    assert repr(clone(energy)) == repr(energy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda line: line.energies, "must return a Linearization"),
        (lambda line: line._replace(energies=line.energies[..., None]), r"shape \(n_samples, m\)"),
        (lambda line: line._replace(answer_slopes=None), "answer_slopes"),
    ],
)
def test_what_linearize_pairs_forgets_is_named(change, message):
    class Forgetful(Joint):
        def linearize_pairs(self, params, X, answers):
            return change(super().linearize_pairs(params, X, answers))

    X = np.linspace(-1, 1, 40)[:, None]
    with pytest.raises(ValueError, match=message):
        LatentEBMRegressor(Forgetful(4), max_iter=2).fit(X, X[:, 0]).predict_modes(X)
