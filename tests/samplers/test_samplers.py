"""Samplers: the distribution that each leaves invariant, and what all of them promise."""

import pickle

import numpy as np
import pytest
from known import COVARIANCE, Potts, banana, gaussian, normal, surface, wall
from sklearn.base import clone

from sklearn_ebm.checks.base import PART_CHECKS
from sklearn_ebm.samplers import (
    HMC,
    MALA,
    SAMPLERS,
    FunctionSurface,
    Gibbs,
    IndependenceMetropolis,
    Langevin,
    ParallelTempering,
)
from sklearn_ebm.samplers.base import State

EXACT = {
    "mala": MALA(step_size=0.5),
    "hmc": HMC(step_size=0.3, n_leapfrog=5),
    "jumps": IndependenceMetropolis(normal(1, 0.0, 3.0)),
    "jumps and mala": IndependenceMetropolis(normal(1, 0.0, 3.0), MALA(0.5), jump_every=3),
    "langevin, short steps": Langevin(step_size=0.01),
}


def run(sampler, where, answers, n_steps, seed=0):
    rng = np.random.default_rng(seed)
    state = sampler.start(where, answers)
    for _ in range(n_steps):
        state = sampler.step(where, state, rng).state
    return state


def require_normal(z, of):
    """Means, variances, covariances and quantiles of columns within four standard errors."""
    m, q = z.shape
    assert np.abs(z.mean(axis=0)).max() < 4 / np.sqrt(m), of
    assert np.abs(z.T @ z / m - np.eye(q)).max() < 4 * np.sqrt(2 / m), of
    for level, quantile in ((0.05, -1.6449), (0.25, -0.6745), (0.95, 1.6449)):
        share = (z < quantile).mean(axis=0)
        assert np.abs(share - level).max() < 4 * np.sqrt(level * (1 - level) / m), (of, level)


def test_every_registered_sampler_is_tested():
    tested = {type(sampler) for sampler in EXACT.values()} | {Gibbs, ParallelTempering}
    assert tested == set(SAMPLERS.values())


@pytest.mark.parametrize("name", EXACT)
def test_a_banana_is_invariant(name):
    rng = np.random.default_rng(1)
    z = rng.standard_normal((1, 20_000, 2))
    start = np.stack([z[..., 0], z[..., 0] ** 2 - 1 + z[..., 1] / 2], axis=-1)
    end = run(EXACT[name], surface(banana), start, 10).answers[0]
    back = np.stack([end[:, 0], 2 * (end[:, 1] - end[:, 0] ** 2 + 1)], axis=1)
    require_normal(back, name)
    assert np.abs(end - start[0]).max() > 0.03


def test_a_gaussian_is_invariant_under_tempering():
    """Chains of all temperatures start in their own equilibrium."""
    sampler = ParallelTempering(HMC(step_size=0.5, n_leapfrog=3), betas=(1.0, 0.4, 0.1))
    rng, where = np.random.default_rng(0), surface(gaussian)
    factor = np.linalg.cholesky(COVARIANCE)
    z = rng.standard_normal((3, 10_000, 2)) / np.sqrt([1.0, 0.4, 0.1])[:, None, None]
    answers = (z @ factor.T).reshape(1, -1, 2)
    state = State(answers, *where.energies_and_slopes(answers))
    for _ in range(6):
        state = sampler.step(where, state, rng).state
    for beta, part in zip((1.0, 0.4, 0.1), np.split(state.answers[0], 3), strict=True):
        require_normal(np.sqrt(beta) * np.linalg.solve(factor, part.T).T, beta)
    energies, slopes = where.energies_and_slopes(state.answers)
    np.testing.assert_allclose(state.energies, energies, rtol=1e-12)
    np.testing.assert_allclose(state.slopes, slopes, atol=1e-12)
    np.testing.assert_array_equal(sampler.at_target(state.answers), state.answers[:, :10_000])


@pytest.mark.parametrize("blocked", [True, False])
@pytest.mark.parametrize("sampler", [Gibbs(), ParallelTempering(Gibbs(), betas=(1.0, 0.5))])
def test_gibbs_reaches_the_exact_probabilities(sampler, blocked):
    where = Potts([[0.3], [-1.0]], blocked)
    state = run(sampler, where, np.zeros((2, 5000, 4)), 25)
    answers = sampler.at_target(state.answers)
    numbers = np.ravel_multi_index(np.moveaxis(answers.astype(int), -1, 0), where.n_values)
    expected = where.probabilities()
    for row in range(2):
        shares = np.bincount(numbers[row], minlength=36) / 5000
        error = np.sqrt(expected[row] * (1 - expected[row]) / 5000)
        assert (np.abs(shares - expected[row]) < 4.5 * error + 1e-12).all()
    np.testing.assert_allclose(state.energies, where.energies(state.answers))


def test_impossible_values_are_never_drawn():
    where = Potts([[0.0]])
    energies = where.conditional_energies(np.zeros((1, 3, 4)), np.array([0, 1]))
    assert np.isinf(energies[..., 0, 2]).all() and np.isfinite(energies[..., 1, :]).all()
    answers = run(Gibbs(), where, np.zeros((1, 2000, 4)), 5).answers
    assert answers.max(axis=(0, 1)).tolist() == [1, 2, 1, 2]


@pytest.mark.parametrize("name", ["mala", "hmc", "jumps and mala"])
def test_a_wall_is_respected(name):
    """An infinite energy and slopes that are not numbers: rejected, without a warning."""
    rng = np.random.default_rng(3)
    where = surface(wall, q=1)
    sampler = EXACT[name]
    if name.startswith("jumps"):
        sampler = IndependenceMetropolis(normal(1, 1.0, 3.0, q=1), MALA(step_size=0.5))
    state, diverged = sampler.start(where, rng.exponential(size=(1, 20_000, 1))), 0
    for _ in range(10):
        state, acceptance, failed = sampler.step(where, state, rng)
        diverged += failed.sum()
    assert diverged > 0 and np.isfinite(acceptance).all()
    y = state.answers[0, :, 0]
    assert y.min() >= 0
    assert abs(y.mean() - 1) < 4 / np.sqrt(len(y))
    assert abs((y < np.log(2)).mean() - 0.5) < 2 / np.sqrt(len(y))


@pytest.mark.parametrize("name", EXACT)
def test_starts_without_a_finite_energy_do_no_harm(name):
    """Such chains stay or find finite energies; the function never sees NaN."""

    def strict(X, y):
        assert np.isfinite(y).all()
        return wall(X, y)

    sampler = clone(EXACT[name])
    if name.startswith("jumps"):
        sampler = sampler.set_params(proposal=normal(1, 1.0, 3.0, q=1))
    state = run(sampler, surface(strict, q=1), np.full((1, 50, 1), -1.0), 5)
    assert np.isfinite(state.answers).all()
    finite = np.isfinite(state.energies)
    assert (state.answers[..., 0][finite] >= 0).all()


def test_langevin_has_the_bias_that_its_docstring_states():
    """For a Gaussian with σ = 1 and h = 1 the variance is 1/(1 − 1/4)."""
    where = surface(lambda X, y: (y[:, 0] ** 2 / 2, y), q=1)
    biased = run(Langevin(step_size=1.0), where, np.zeros((1, 40_000, 1)), 30).answers
    assert abs(biased.var() - 4 / 3) < 4 * 4 / 3 * np.sqrt(2 / 40_000)
    exact = run(MALA(step_size=1.0), where, np.zeros((1, 40_000, 1)), 30).answers
    assert abs(exact.var() - 1) < 4 * np.sqrt(2 / 40_000)


@pytest.mark.parametrize("n_leapfrog", [1, 7])
def test_hmc_needs_one_gradient_for_each_leapfrog_step(n_leapfrog):
    calls = []

    def counted(X, y):
        calls.append(len(y))
        return gaussian(X, y)

    run(HMC(n_leapfrog=n_leapfrog), surface(counted), np.zeros((1, 3, 2)), 5)
    assert len(calls) == 1 + 5 * n_leapfrog


def test_leapfrog_is_reversible_and_keeps_the_energy():
    """Back with the opposite momentum; the error of the energy falls like h²."""
    from sklearn_ebm.samplers._moves import leapfrog

    rng, where = np.random.default_rng(0), surface(banana)
    answers, momentum = rng.standard_normal((1, 5, 2)), rng.standard_normal((1, 5, 2))
    state = HMC().start(where, answers)
    errors = []
    for h, n in ((0.02, 10), (0.01, 20)):
        steps = np.full((1, 1, 1), h)
        moving = momentum.copy()
        there, kinetic = leapfrog(where, state, moving, steps, n)
        errors.append(np.abs(there.energies + kinetic - state.energies).max())
        back, _ = leapfrog(where, there, -moving, steps, n)
        np.testing.assert_allclose(back.answers, answers, atol=1e-12)
    assert 3 < errors[0] / errors[1] < 5


def test_a_trajectory_that_explodes_has_diverged():
    where = surface(lambda X, y: ((y**4).sum(axis=1), 4 * y**3))
    state = HMC().start(where, np.full((1, 10, 2), 3.0))
    result = HMC(step_size=1.0).step(where, state, np.random.default_rng(0))
    assert result.diverged.all() and (result.acceptance == 0).all()
    np.testing.assert_array_equal(result.state.answers, state.answers)
    assert not HMC(step_size=0.01).step(where, state, np.random.default_rng(0)).diverged.any()


def everything():
    for name, sampler in EXACT.items():
        yield name, sampler, surface(gaussian), np.full((1, 6, 2), 0.5)
    yield "tempering", ParallelTempering(HMC()), surface(gaussian), np.full((1, 6, 2), 0.5)
    yield "gibbs", Gibbs(), Potts([[0.3]]), np.ones((1, 6, 4))


@pytest.mark.parametrize(("name", "sampler", "where", "answers"), list(everything()))
def test_promises_of_all_samplers(name, sampler, where, answers):
    """Results are reproducible, states and samplers unchanged; copies and pickles do the same."""
    state = sampler.start(where, answers)
    before = [None if part is None else part.copy() for part in state]
    settings = repr(sampler)
    results = [
        one.step(where, state, np.random.default_rng(5))
        for one in (sampler, clone(sampler), pickle.loads(pickle.dumps(sampler)))
    ]
    for old, new in zip(before, state, strict=True):
        assert (old is None) == (new is None)
        if old is not None:
            np.testing.assert_array_equal(old, new)
    assert repr(sampler) == settings
    for other in results[1:]:
        np.testing.assert_array_equal(other.state.answers, results[0].state.answers)
    again = sampler.step(where, state, np.random.default_rng(6))
    assert not np.array_equal(again.state.answers, results[0].state.answers)
    assert results[0].state.answers.shape[0] == 1
    assert results[0].acceptance.shape == results[0].diverged.shape == state.energies.shape
    one = sampler.start(where, answers[:, :1])
    assert sampler.step(where, one, np.random.default_rng(0)).state.energies.shape[0] == 1


@pytest.mark.parametrize(("name", "sampler", "where", "answers"), list(everything()))
def test_float32_stays(name, sampler, where, answers):
    if name != "gibbs":
        where = surface(gaussian, dtype=np.float32)
    else:
        where.X = where.X.astype(np.float32)
    answers = answers.astype(np.float32)
    adapted, state = sampler.warmed_up(
        where, sampler.start(where, answers), 20, np.random.default_rng(0)
    )
    state, acceptance, _ = adapted.step(where, state, np.random.default_rng(0))
    dtypes = {part.dtype for part in (*state, acceptance) if part is not None}
    assert dtypes == {np.dtype(np.float32)}


@pytest.mark.parametrize("cls", list(SAMPLERS.values()))
def test_promises_of_parts(cls):
    for check in PART_CHECKS:
        check(cls())
    for setting in cls.examples:
        if cls is IndependenceMetropolis and not setting:
            continue
        sampler = cls(**setting)
        where, answers = (
            (Potts([[0.0]]), np.zeros((1, 2, 4)))
            if cls is Gibbs
            else (surface(gaussian), np.zeros((1, 2, 2)))
        )
        if np.ndim(setting.get("scales")) == 1 or "proposal" in setting:
            where, answers = surface(lambda X, y: (y[:, 0] ** 2, 2 * y), q=1), answers[..., :1]
        sampler.step(where, sampler.start(where, answers), np.random.default_rng(0))


def test_samples_do_not_influence_each_other():
    """Each row has its own energy, and the chains of a row have its distribution."""
    X = np.array([[0.0, 0.0], [10.0, -10.0], [3.0, 5.0]])
    where = FunctionSurface(gaussian, X, 2)
    end = run(HMC(step_size=0.5), where, np.repeat(X[:, None], 4000, axis=1), 10).answers
    np.testing.assert_allclose(end.mean(axis=1), X, atol=4 * 2 / np.sqrt(4000))
    part = where[1:]
    np.testing.assert_array_equal(part.energies(end[1:]), where.energies(end)[1:])


def test_the_warm_up_finds_step_sizes_and_scales():
    """Rows whose scales differ by 1000, outputs whose scales differ by 30."""
    unit = np.array([[1.0], [1000.0]])

    def energy(X, y):
        z = y / X / [1.0, 30.0]
        return (z**2).sum(axis=1) / 2, z / X / [1.0, 30.0]

    where = FunctionSurface(energy, unit, 2)
    rng = np.random.default_rng(0)
    for sampler, target in ((HMC(n_leapfrog=4, jitter=0.1), 0.8), (MALA(), 0.57)):
        state = sampler.start(where, unit[:, None] * rng.standard_normal((2, 50, 2)))
        adapted, state = sampler.warmed_up(where, state, 300, rng)
        np.testing.assert_allclose(adapted.step_size[1] / adapted.step_size[0], 1, rtol=0.3)
        np.testing.assert_allclose(adapted.scales, unit * [1.0, 30.0], rtol=0.4)
        accepted = []
        for _ in range(50):
            state, acceptance, _ = adapted.step(where, state, rng)
            accepted.append(acceptance.mean(axis=1))
        np.testing.assert_allclose(np.mean(accepted, axis=0), target, atol=0.08)
        assert sampler.scales == "auto" and sampler.step_size == 0.1


def test_a_shared_step_size_suits_other_samples():
    where = surface(gaussian, n=5)
    sampler = HMC(shared=True)
    rng = np.random.default_rng(0)
    adapted, _ = sampler.warmed_up(where, sampler.start(where, np.zeros((5, 4, 2))), 100, rng)
    assert np.ndim(adapted.step_size) == 0 and np.shape(adapted.scales) == (2,)
    some = where[:2]
    adapted.step(some, adapted.start(some, np.zeros((2, 4, 2))), rng)


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        (HMC(step_size=-1), "step_size=-1 of HMC must be a positive finite number"),
        (HMC(step_size=[0.1, 0.1]), "one for each of the 1 samples"),
        (HMC(n_leapfrog=0), "n_leapfrog=0 of HMC"),
        (HMC(jitter=1.5), "jitter=1.5 of HMC"),
        (MALA(scales=[1.0, -1.0]), "scales of MALA must be 'auto', None, or positive"),
        (Langevin(scales=[1.0]), r"of shape \(2,\) or \(1, 2\)"),
        (IndependenceMetropolis(), "needs a proposal"),
        (IndependenceMetropolis(normal(3, 0.0, 1.0)), r"select them: proposal\[rows\]"),
        (IndependenceMetropolis(normal(1, 0.0, 1.0), jump_every=0), "jump_every=0"),
        (ParallelTempering(betas=(0.5, 1.0)), "begin with 1 and fall"),
        (ParallelTempering([HMC()], betas=(1.0, 0.5)), "a list of 2"),
    ],
)
def test_refusals(sampler, message):
    where = surface(gaussian)
    with pytest.raises(ValueError, match=message):
        sampler.step(where, sampler.start(where, np.zeros((1, 2, 2))), np.random.default_rng(0))


def test_refusals_of_surfaces():
    rng = np.random.default_rng(0)
    discrete = Potts([[0.0]])
    with pytest.raises(TypeError, match="Gibbs needs discrete answers"):
        Gibbs().step(surface(gaussian), State(np.zeros((1, 1, 2)), np.zeros((1, 1))), rng)
    with pytest.raises(TypeError, match="use the sampler 'gibbs'"):
        HMC().start(discrete, np.zeros((1, 1, 4)))
    jumps = IndependenceMetropolis(normal(1, 0.0, 1.0, q=3))
    with pytest.raises(ValueError, match=r"draws of shape \(1, 1, 3\)"):
        jumps.step(surface(gaussian), jumps.start(surface(gaussian), np.zeros((1, 1, 2))), rng)
    with pytest.raises(TypeError, match="also for one output"):
        jumps = IndependenceMetropolis(3)
        jumps.step(surface(gaussian), jumps.start(surface(gaussian), np.zeros((1, 1, 2))), rng)
    with pytest.raises(TypeError, match="must be a sampler"):
        IndependenceMetropolis(normal(1, 0.0, 1.0), local=3).step(
            surface(gaussian), State(np.zeros((1, 1, 2)), np.zeros((1, 1))), rng
        )
    for sampler in (HMC(), Langevin()):
        with pytest.raises(TypeError, match="no slopes"):
            sampler.step(surface(gaussian), State(np.zeros((1, 1, 2)), np.zeros((1, 1))), rng)
    with pytest.raises(ValueError, match="cannot share"):
        state = HMC().start(surface(gaussian), np.zeros((1, 3, 2)))
        ParallelTempering().step(surface(gaussian), state, rng)
    with pytest.raises(ValueError, match=r"expected \(2,\) and \(2, 2\)"):
        surface(lambda X, y: (y, y)).energies(np.zeros((1, 2, 2)))
    with pytest.raises(TypeError, match="must be a function"):
        FunctionSurface(3, [[0.0]], 1)
    with pytest.raises(ValueError, match="expected"):
        FunctionSurface(gaussian, [0.0], 1)
