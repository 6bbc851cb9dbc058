"""Wrong classes that are drawn: exact probabilities, and estimates without bias."""

import pickle

import numpy as np
import pytest
from scipy.special import comb

from sklearn_ebm import checks, losses
from sklearn_ebm._utils.arrays import correct_mask
from sklearn_ebm.losses._drawn_classes import estimated, loss_among
from sklearn_ebm.losses.negatives import CLASS_NEGATIVES, HardestSampled, InBatch, Sampled
from sklearn_ebm.losses.negatives._inclusion import (
    SystematicDraws,
    inclusion_in_batch,
    inclusion_of,
)
from sklearn_ebm.solvers.sampled_objective import Draws

EXAMPLES = [(name, example) for name, part in CLASS_NEGATIVES.items() for example in part.examples]
COUNT = np.array([40, 1, 7, 3, 1, 0, 25, 12, 5, 30, 2, 9])
WAYS = [
    Sampled(3, power=0.0), Sampled(3), Sampled(4, power=1.0), HardestSampled(3, n_candidates=6),
    HardestSampled(1, n_candidates=5, power=0.0), InBatch(),
]  # fmt: skip


@pytest.fixture(params=EXAMPLES, ids=str)
def part(request):
    name, example = request.param
    return CLASS_NEGATIVES[name](**example)


@pytest.mark.parametrize("check", checks.base.PART_CHECKS, ids=lambda check: check.__name__)
def test_promises_of_every_part(part, check):
    check(part)


def test_every_part_validates_and_can_be_pickled(part):
    part.validate()
    frequency = np.arange(30.0)
    again = pickle.loads(pickle.dumps(part))
    np.testing.assert_array_equal(again.inclusion(frequency), part.inclusion(frequency))
    assert part.inclusion(frequency)[0] == 0  # a class without samples


def within(draws, expected, errors=3.0):
    """Whether the mean of draws (n, ...) is within some standard errors of what is expected."""
    standard_error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    return bool((np.abs(draws.mean(axis=0) - expected) <= errors * standard_error + 1e-12).all())


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("n_draws", [1, 3, 11, 50])
def test_classes_are_drawn_with_their_probabilities(power, n_draws):
    inclusion = Sampled(n_draws, power).inclusion(COUNT.astype(float))
    assert inclusion.sum() == pytest.approx(min(n_draws, 11)) and inclusion.max() <= 1
    rng = np.random.default_rng(0)
    draws = np.zeros((1000, len(COUNT)))
    for row in draws:
        found = SystematicDraws(inclusion, rng).draw(rng)
        assert len(np.unique(found)) == len(found) and abs(len(found) - inclusion.sum()) < 1
        row[found] = 1
    assert within(draws, inclusion, errors=3.5)  # the largest of twelve


def test_large_classes_are_certain_and_the_others_share_what_is_left():
    np.testing.assert_allclose(inclusion_of(np.array([100.0, 10, 1, 1]), 3), [1, 1, 0.5, 0.5])
    np.testing.assert_array_equal(inclusion_of(np.array([3.0, 0, 1]), 9), [1, 0, 1])
    np.testing.assert_array_equal(inclusion_of(np.zeros(2), 1), [0, 0])


@pytest.mark.parametrize("n_others", [0, 1, 5, 50, 134])
def test_probability_of_being_in_a_batch_is_hypergeometric(n_others):
    n_rows = int(COUNT.sum())
    missed = comb(n_rows - 1 - COUNT, n_others) / comb(n_rows - 1, n_others)
    expected = np.where(n_rows - 1 - COUNT < n_others, 1, 1 - missed)
    np.testing.assert_allclose(inclusion_in_batch(COUNT, n_rows, n_others), expected, atol=1e-12)


@pytest.mark.parametrize("part", WAYS, ids=repr)
def test_the_sum_over_wrong_classes_is_estimated_without_bias(part):
    """Over draws of batches and classes, for samples of a frequent and of a rare class."""
    y = np.repeat(np.arange(len(COUNT)), COUNT)
    term = np.exp(np.random.default_rng(1).normal(size=len(COUNT)))
    draws, rng = Draws(part, y, COUNT.astype(float)), np.random.default_rng(0)
    sums = {0: [], 3: []}
    for _ in range(1000):
        draws.reorder(rng)
        for right, found in sums.items():
            row = rng.choice(np.flatnonzero(y == right))
            others = rng.choice(np.delete(np.arange(len(y)), row), 7, replace=False)
            answers, drawn = draws.answers(y[np.append(others, row)], rng)
            classes, inclusion = answers.classes, answers.inclusion
            if part.looks_at_energies and len(drawn):
                index, probability = part.kept(-np.log(term[None, drawn]), rng)
                given = np.ones(len(COUNT))
                given[drawn[index]] = probability
                classes = np.setdiff1d(classes, np.delete(drawn, index))
                inclusion = draws.inclusion(8)[classes] * given[classes]
            wrong = classes != right
            found.append((term[classes] / inclusion)[wrong].sum())
    for right, found in sums.items():
        expected = term[COUNT > 0].sum() - term[right]
        assert within(np.array(found), expected), (right, np.mean(found), expected)


def test_the_hardest_candidates_are_kept():
    energies = np.array([[9.0, 1.0, 8.0, 7.0, 2.0], [9.0, 8.0, 8.5, 0.0, 8.0]])
    index, probability = HardestSampled(4).kept(energies, np.random.default_rng(0))
    assert set(index[:2]) == {1, 3} and set(index[2:]) <= {0, 2, 4}
    np.testing.assert_allclose(probability, [1, 1, 2 / 3, 2 / 3])
    index, probability = HardestSampled(5).kept(energies, np.random.default_rng(0))
    assert len(index) == 5 and (probability == 1).all()


MASK = correct_mask(np.array([1, 0]), 3)


@pytest.mark.parametrize("loss", [losses.NLL(beta=2.0), losses.MEE(beta=0.5)], ids=repr)
def test_the_partition_function_counts_a_class_for_those_that_were_not_drawn(loss):
    """A class with the probability 1/3 counts as three classes of the same energy."""
    energies = np.random.default_rng(0).normal(size=(2, 3))
    value, slope = estimated(loss, energies.copy(), MASK, np.array([1.0, 1.0, 1 / 3]))
    copies = energies[:, [0, 1, 2, 2, 2]]
    expected, slopes = loss(copies, correct_mask(np.array([1, 0]), 5))
    np.testing.assert_allclose(value, expected)
    np.testing.assert_allclose(slope[:, 2], slopes[:, 2:].sum(axis=1))
    np.testing.assert_allclose(slope[:, :2], slopes[:, :2])


@pytest.mark.parametrize("name", ["Hinge", "Log", "Simple", "SquareSquare", "SquareExp", "MCE"])
def test_the_sum_over_all_wrong_classes_counts_them_too(name):
    loss = getattr(losses, name)(contrast="all")
    energies = np.random.default_rng(0).normal(size=(2, 3))
    value, slope = estimated(loss, energies.copy(), MASK, np.array([1.0, 1.0, 1 / 3]))
    expected, slopes = loss(energies[:, [0, 1, 2, 2, 2]], correct_mask(np.array([1, 0]), 5))
    np.testing.assert_allclose(value, expected)
    np.testing.assert_allclose(slope[:, 2], slopes[:, 2:].sum(axis=1))
    np.testing.assert_allclose(slope[:, :2], slopes[:, :2])


def test_the_hardest_wrong_class_is_not_corrected():
    loss, energies = losses.Hinge(), np.random.default_rng(0).normal(size=(2, 3))
    one = estimated(loss, energies.copy(), MASK, np.array([1.0, 0.5, 0.1]))
    for found, expected in zip(one, loss(energies, MASK), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_margins_of_pairs_are_those_of_the_classes_at_hand():
    margin = np.arange(16.0).reshape(4, 4)
    loss = losses.Hinge(margin=margin)
    np.testing.assert_array_equal(loss_among(loss, np.array([1, 3])).margin, [[5, 7], [13, 15]])
    assert loss.margin is margin and loss_among(losses.NLL(), np.array([0])).beta == 1


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (Sampled(0), "n_negatives=0 of Sampled must be a whole number of at least 1"),
        (Sampled(power=1.5), "power=1.5 of Sampled must be a number from 0 to 1"),
        (HardestSampled(n_candidates=2.5), "n_candidates=2.5 of HardestSampled must be a whole"),
        (HardestSampled(power="x"), "power='x' of HardestSampled must be a number from 0 to 1"),
    ],
)
def test_invalid_parameters(part, message):
    with pytest.raises(ValueError, match=message):
        part.validate()
