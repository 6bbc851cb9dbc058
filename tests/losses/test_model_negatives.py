"""Negatives for estimates of the partition function: grids, draws of a proposal, Markov chains."""

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_ebm.energies._free_form.proposal import MixtureProposal
from sklearn_ebm.losses.negatives import MCMC, NEGATIVES, Importance, Persistent, Quadrature
from sklearn_ebm.losses.negatives._chains import SMALLEST, Chains
from sklearn_ebm.losses.negatives.base import Batch, ModelNegatives
from sklearn_ebm.samplers import FunctionSurface

MODEL_NEGATIVES = {
    name: part for name, part in NEGATIVES.items() if issubclass(part, ModelNegatives)
}
EXAMPLES = [
    (name, number) for name, part in MODEL_NEGATIVES.items() for number in range(len(part.examples))
]
PRECISION = 4.0


def batch_of(right, seed=0, energy=None):
    """Samples whose energy is 2 y², and a proposal that is wider."""
    n, q = right.shape
    surface = FunctionSurface(
        energy or (lambda X, y: (0.5 * PRECISION * (y**2).sum(axis=1), PRECISION * y)),
        np.zeros((n, 1)), n_outputs=q,
    )  # fmt: skip
    proposal = MixtureProposal(np.zeros((n, 1)), np.zeros((n, 1, q)), np.eye(q)[None])
    rng = np.random.default_rng(seed)
    return Batch(np.zeros((n, 1)), right, proposal, surface, np.arange(n), rng)


@pytest.fixture(params=EXAMPLES, ids=lambda param: f"{param[0]}{param[1]}")
def negatives(request):
    name, number = request.param
    return MODEL_NEGATIVES[name](**MODEL_NEGATIVES[name].examples[number])


@pytest.mark.parametrize("q", [1, 2])
def test_the_correct_answer_is_first_and_the_same_seed_gives_the_same(negatives, q):
    right = np.random.default_rng(1).normal(size=(30, q))
    before = repr(vars(negatives))
    drawn = []
    for _ in range(2):
        batch = batch_of(right.copy())
        drawn.append(negatives.begun(right, q).draw(batch))
        np.testing.assert_array_equal(batch.right, right)
    answers, log_density = drawn[0]
    assert repr(vars(negatives)) == before and repr(clone(negatives)) == repr(negatives)
    np.testing.assert_array_equal(answers[:, 0], right)
    np.testing.assert_array_equal(answers, drawn[1].answers)
    assert answers.shape[0] == 30 and answers.shape[2] == q and answers.shape[1] > 1
    assert (log_density is None) == isinstance(negatives, Chains)
    if log_density is not None:
        assert log_density.shape == answers.shape[:2] and np.isfinite(log_density).all()


@pytest.mark.parametrize("q", [1, 2])
def test_float32_stays_float32(negatives, q):
    right = np.zeros((5, q), dtype=np.float32)
    batch = batch_of(right)
    batch = batch._replace(proposal=batch.proposal.astype(np.float32))
    answers, log_density = negatives.begun(right, q).draw(batch)
    assert answers.dtype == np.float32
    assert log_density is None or log_density.dtype == np.float32


@pytest.mark.parametrize("part", [Importance(400), Quadrature(400, reach=4.0)], ids=repr)
def test_weights_estimate_the_partition_function(part):
    """Z of exp(−2y²) is √(π/2)."""
    answers, log_density = part.draw(batch_of(np.zeros((200, 1))))
    weights = np.exp(-0.5 * PRECISION * answers[:, 1:, 0] ** 2 - log_density[:, 1:])
    assert weights.mean() == pytest.approx(np.sqrt(np.pi / 2), rel=0.01)


def test_a_grid_of_two_outputs_covers_the_box_evenly():
    drawn = Quadrature(n_points=4, reach=2.0).draw(batch_of(np.zeros((500, 2))))
    points = drawn.answers[:, 1:]
    assert points.shape == (500, 16, 2) and np.abs(points).max() <= 2
    counts, *_ = np.histogram2d(*points.reshape(-1, 2).T, bins=4, range=[[-2, 2]] * 2)
    np.testing.assert_array_equal(counts, 500)  # one point in each cell, whatever the shift
    np.testing.assert_allclose(drawn.log_density, -2 * np.log(4))
    uniform = np.mod(points, 1)
    assert abs(uniform.mean() - 0.5) < 0.02


def test_a_grid_of_three_outputs_is_refused():
    with pytest.raises(ValueError, match="for at most 2 outputs, and there are 3; use negatives="):
        Quadrature().draw(batch_of(np.zeros((5, 3))))


# Chains


@pytest.mark.parametrize("jump_every", [None, 2])
@pytest.mark.parametrize("part", [MCMC, Persistent], ids=lambda part: part.__name__)
def test_long_chains_have_the_gibbs_distribution(part, jump_every):
    chains = part(n_steps=20, n_chains=4, step_size=0.3, jump_every=jump_every)
    chains = chains.begun(np.full((250, 1), 2.0), 1)
    for seed in range(5):
        drawn = chains.draw(batch_of(np.full((250, 1), 2.0), seed)).answers[:, 1:, 0]
    if part is MCMC and jump_every is None:  # 20 small steps from 2, each time anew
        assert drawn.mean() > 0.01
        return
    mean, square = drawn.mean(axis=1), np.square(drawn).mean(axis=1) * PRECISION
    for values, expected in ((mean, 0.0), (square, 1.0)):
        assert abs(values.mean() - expected) < 4 * values.std() / np.sqrt(250)


def test_persistent_chains_go_on_and_short_ones_begin_anew():
    right = np.full((100, 1), 5.0)
    far = lambda X, y: (0.0 * y[:, 0], 0.0 * y)  # noqa: E731, a flat energy
    persistent = Persistent(n_steps=4, jump_every=None).begun(right, 1)
    short = MCMC(n_steps=4).begun(right, 1)
    spread = {persistent: [], short: []}
    for seed in range(30):
        for chains, found in spread.items():
            found.append(chains.draw(batch_of(right, seed, far)).answers[:, 1:].std())
    assert spread[persistent][-1] > 2 * spread[persistent][0]
    # The step size grows where all steps are accepted, but each chain has four steps.
    assert spread[short][0] < spread[persistent][-1]
    assert not np.array_equal(short._answers[:, 0], right)


def test_chains_of_a_fit_belong_to_it_alone():
    part, right = Persistent(), np.zeros((20, 2))
    one, other = part.begun(right, 2), part.begun(right, 2)
    one.draw(batch_of(right))
    np.testing.assert_array_equal(other._answers, 0)
    assert "_answers" not in vars(part) and one._answers.any()
    np.testing.assert_array_equal(right, 0)


def test_only_the_chains_of_a_batch_move():
    right = np.zeros((20, 1))
    chains = Persistent().begun(right, 1)
    batch = batch_of(right[:5])._replace(rows=np.array([3, 1, 4, 15, 9]))
    answers = chains.draw(batch).answers
    moved = np.flatnonzero(chains._answers.any(axis=(1, 2)))
    np.testing.assert_array_equal(moved, [1, 3, 4, 9, 15])
    np.testing.assert_array_equal(chains._answers[batch.rows], answers[:, 1:])


def test_step_sizes_adapt_to_each_sample():
    """One sample has a hundred times the standard deviation of the other."""

    def energy(X, y):
        precision = np.where(X[:, 0] > 0, 1e4, 1.0)
        return 0.5 * precision * y[:, 0] ** 2, precision[:, None] * y

    right = np.zeros((2, 1))
    batch = batch_of(right)
    surface = FunctionSurface(energy, np.array([[0.0], [1.0]]), n_outputs=1)
    chains = Persistent(n_steps=10, jump_every=None).begun(right, 1)
    for seed in range(60):
        chains.draw(batch._replace(surface=surface, rng=np.random.default_rng(seed)))
    wide, narrow = chains._step_sizes
    assert SMALLEST < narrow < 0.05 < 0.5 < wide


def test_after_a_divergence_all_chains_begin_at_the_correct_answers():
    right = np.random.default_rng(0).normal(size=(20, 1))
    chains = Persistent().begun(right, 1)
    for seed in range(3):
        chains.draw(batch_of(right, seed))
    chains.restart()
    np.testing.assert_array_equal(chains._answers, np.repeat(right[:, None], 4, axis=1))
    np.testing.assert_array_equal(chains._step_sizes, 0.1)


def test_impossible_answers_are_replaced_by_the_correct_ones():
    right = np.ones((10, 1))
    nowhere = lambda X, y: (np.full(len(y), np.nan), np.zeros_like(y))  # noqa: E731
    answers = Persistent().begun(right, 1).draw(batch_of(right, 0, nowhere)).answers
    np.testing.assert_array_equal(answers, 1)


def test_which_draws_move_between_branches():
    crossing = {name: part().crosses_branches for name, part in MODEL_NEGATIVES.items()}
    assert crossing == {"importance": True, "quadrature": True, "mcmc": False, "persistent": True}
    assert MCMC(jump_every=3).crosses_branches
    assert not Persistent(jump_every=None).crosses_branches


REFUSED = [
    (Importance(0), "n_draws=0 of Importance must be"),
    (Quadrature(n_points=0), "n_points=0 of Quadrature must be"),
    (Quadrature(reach=-1), "reach=-1 of Quadrature must be"),
    (MCMC(n_steps=0), "n_steps=0 of MCMC must be"),
    (MCMC(n_chains=1.5), "n_chains=1.5 of MCMC must be"),
    (Persistent(step_size=0), "step_size=0 of Persistent must be"),
    (Persistent(jump_every=0), "jump_every=0 of Persistent must be"),
]


@pytest.mark.parametrize(("part", "message"), REFUSED, ids=lambda value: str(value)[:30])
def test_invalid_parameters(part, message):
    with pytest.raises(ValueError, match=message):
        part.validate()


def test_valid_parameters(negatives):
    negatives.validate()
