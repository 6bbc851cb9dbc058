"""Losses: every promise at every example, numbers computed by hand, and energies of any size."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_ebm import checks
from sklearn_ebm.checks.base import random_energies
from sklearn_ebm.checks.losses import allowed, check_convex, loss_cases
from sklearn_ebm.losses import (
    LOSSES,
    LVQ2,
    MCE,
    MEE,
    NLL,
    EnergyLoss,
    Hinge,
    Log,
    Loss,
    Perceptron,
    Simple,
    SquareExp,
    SquareSquare,
)
from sklearn_ebm.losses._positive_part import positive_part, positive_part_curvature

PAIRS = [[0.0, 1.0, 3.0], [1.0, 0.0, 1.0], [2.0, 5.0, 0.0]]  # row: right answer, column: wrong
log = np.log

# Loss, energies, right answer, value, slope. At a kink the slope is that of the active side.
BY_HAND = {
    # [2 + F(y) − F(ȳ)]⁺: 2 + 1 − 2.5 = 0.5
    "hinge": (Hinge(margin=2.0), [1, 2.5, 4], 0, 0.5, [1, -1, 0]),
    "hinge, kink": (Hinge(margin=2.0), [1, 3, 4], 0, 0, [1, -1, 0]),
    "hinge, met": (Hinge(margin=2.0), [1, 3.5, 4], 0, 0, [0, 0, 0]),
    # two wrong answers alike: the first is blamed; 2 + 1 − 2
    "hinge, tie": (Hinge(margin=2.0), [1, 2, 2], 0, 1, [1, -1, 0]),
    # 2 + 1 − 0.5
    "hinge, last answer": (Hinge(margin=2.0), [3, 0.5, 1], 2, 2.5, [0, -1, 1]),
    # 0.5, and 2 + 1 − 3 = 0 at its kink
    "hinge, all": (Hinge(margin=2.0, contrast="all"), [1, 2.5, 3], 0, 0.5, [2, -1, -1]),
    # 1 + 0 − 0.5 = 0.5 and 3 + 0 − 2 = 1: the third offends more
    "hinge, pairs": (Hinge(margin=PAIRS), [0, 0.5, 2], 0, 1, [1, 0, -1]),
    "hinge, pairs, all": (Hinge(margin=PAIRS, contrast="all"), [0, 0.5, 2], 0, 1.5, [2, -1, -1]),
    # 2 + 0 − 1 = 1 and 5 + 0 − 3 = 2
    "hinge, pairs, last": (Hinge(margin=PAIRS), [1, 3, 0], 2, 2, [0, -1, 1]),
    # 1 + 0.5 − 1.5 = 0 at its kink, and 1 + 0.5 − 0.5 = 1
    "hinge, pairs, second, all": (
        Hinge(margin=PAIRS, contrast="all"), [1.5, 0.5, 0.5], 1, 1, [-1, 2, -1]
    ),
    # 0.5 + (2 − 1.25)
    "simple": (Simple(margin=2.0), [0.5, 1.25, 3], 0, 1.25, [1, -1, 0]),
    "simple, kinks": (Simple(margin=2.0), [0, 2, 3], 0, 0, [1, -1, 0]),
    "simple, met": (Simple(margin=2.0), [-1, 2.5, 3], 0, 0, [0, 0, 0]),
    # one kink at a time: F(y) = 0 with 2 − 1 = 1, and F(ȳ) = 2 with F(y) = 3
    "simple, right kink": (Simple(margin=2.0), [1, 0, 3], 1, 1, [-1, 1, 0]),
    "simple, wrong kink": (Simple(margin=2.0), [4, 2, 3], 2, 3, [0, -1, 1]),
    # 2·0.5 + 0.75 + 0, the last at its kink; the right answer counts once for each wrong one
    "simple, all": (Simple(margin=2.0, contrast="all"), [0.5, 1.25, 2], 0, 1.75, [2, -1, -1]),
    # 1 − 0.5 = 0.5 and 3 − 2 = 1, with F(y) = 0.5
    "simple, pairs": (Simple(margin=PAIRS), [0.5, 0.5, 2], 0, 1.5, [1, 0, -1]),
    "simple, pairs, all": (
        Simple(margin=PAIRS, contrast="all"), [0.5, 0.5, 2], 0, 2.5, [2, -1, -1]
    ),
    # 0.25 + 0.75²
    "square_square": (SquareSquare(margin=2.0), [0.5, 1.25, 3], 0, 0.8125, [1, -1.5, 0]),
    "square_square, edges": (SquareSquare(margin=2.0), [0, 2, 3], 0, 0, [0, 0, 0]),
    "square_square, one side": (SquareSquare(margin=2.0), [-1, 0, 5], 0, 4, [0, -4, 0]),
    # 2·0.25 + 0.5625 + 1
    "square_square, all": (
        SquareSquare(margin=2.0, contrast="all"), [0.5, 1.25, 1], 0, 2.0625, [2, -1.5, -2]
    ),
    # o = −0.5 and −1: 0.25 + 1, and 2·0.25 + 0.25 + 1
    "square_square, pairs": (SquareSquare(margin=PAIRS), [0.5, 0.5, 2], 0, 1.25, [1, 0, -2]),
    "square_square, pairs, all": (
        SquareSquare(margin=PAIRS, contrast="all"), [0.5, 0.5, 2], 0, 1.75, [2, -1, -2]
    ),
    # 0.25 + 2/4
    "square_exp": (SquareExp(gamma=2.0), [0.5, log(4), 3], 0, 0.75, [1, -0.5, 0]),
    # 2.25 + 2, pulled up from below 0
    "square_exp, below": (SquareExp(gamma=2.0), [-1.5, 0, 1], 0, 4.25, [-3, -2, 0]),
    # 2·0.25 + 2/4 + 2/2
    "square_exp, all": (
        SquareExp(gamma=2.0, contrast="all"), [0.5, log(4), log(2)], 0, 2, [2, -0.5, -1]
    ),
    # log(1 + 1/3), σ = 1/4
    "log": (Log(), [0, log(3), 5], 0, log(4 / 3), [0.25, -0.25, 0]),
    "log, level": (Log(), [2, 1, 1], 2, log(2), [0, -0.5, 0.5]),
    # log(4/3) + log 2, and 1/4 + 1/2
    "log, all": (Log(contrast="all"), [0, log(3), 0], 0, log(8 / 3), [0.75, -0.25, -0.5]),
    # σ = 1/4, σ(1 − σ) = 3/16
    "mce": (MCE(), [0, log(3), 5], 0, 0.25, [3 / 16, -3 / 16, 0]),
    "mce, level": (MCE(), [4, 1, 1], 1, 0.5, [0, 0.25, -0.25]),
    # 1/4 + 1/2, and 3/16 + 1/4
    "mce, all": (MCE(contrast="all"), [0, log(3), 0], 0, 0.75, [7 / 16, -3 / 16, -1 / 4]),
    # at β = 2 the probabilities are 4/7, 2/7 and 1/7; −(1/2) log(2/7)
    "nll": (
        NLL(beta=2.0), [0, log(2) / 2, log(4) / 2], 1, log(3.5) / 2, [-4 / 7, 5 / 7, -1 / 7]
    ),
    "nll, two": (NLL(beta=2.0), [0, log(3) / 2], 0, log(4 / 3) / 2, [0.25, -0.25]),
    # 1 − 2/7, and 2·(2/7)·(−4/7, 5/7, −1/7)
    "mee": (
        MEE(beta=2.0), [0, log(2) / 2, log(4) / 2], 1, 5 / 7, [-16 / 49, 20 / 49, -4 / 49]
    ),
    "perceptron": (Perceptron(), [2, 0.5, 1], 0, 1.5, [1, -1, 0]),
    "perceptron, right": (Perceptron(), [0, 0.5, 1], 0, 0, [0, 0, 0]),
    # ŷ is the first of two equals
    "perceptron, tie, first": (Perceptron(), [1, 1, 2], 0, 0, [0, 0, 0]),
    "perceptron, tie, second": (Perceptron(), [1, 1, 2], 1, 0, [-1, 1, 0]),
    # (3 − 2)/(0.5·2); 1/(0.5·2) and −3/(0.5·4)
    "lvq2": (LVQ2(delta=0.5, ceiling=4.0), [3, 2, 9], 0, 1, [1, -1.5, 0]),
    # F(y) = F(ȳ): 1/(0.5·2) and −2/(0.5·4)
    "lvq2, lower kink": (LVQ2(delta=0.5, ceiling=4.0), [2, 2, 9], 0, 0, [1, -1, 0]),
    # (6 − 2)/(0.5·2) = 4 = M: −6/(0.5·4)
    "lvq2, upper kink": (LVQ2(delta=0.5, ceiling=4.0), [6, 2, 9], 0, 4, [1, -3, 0]),
    "lvq2, above": (LVQ2(delta=0.5, ceiling=4.0), [7, 2, 9], 0, 4, [0, 0, 0]),
    "lvq2, below": (LVQ2(delta=0.5, ceiling=4.0), [1, 2, 9], 0, 0, [0, 0, 0]),
    # 1, and (3 − 1.5)/(0.5·1.5) = 2: 1 + 4/3; −3/(0.5·2.25)
    "lvq2, all": (
        LVQ2(delta=0.5, ceiling=4.0, contrast="all"), [3, 2, 1.5], 0, 3, [7 / 3, -1.5, -8 / 3]
    ),
    # a wrong answer that fits perfectly is as bad as can be
    "lvq2, wrong answer at 0": (LVQ2(delta=0.5, ceiling=4.0), [1, 0, 5], 0, 4, [0, 0, 0]),
    "lvq2, wrong answer near 0": (LVQ2(delta=0.5, ceiling=4.0), [1, 1e-20, 5], 0, 4, [0, 0, 0]),
    "energy": (EnergyLoss(), [2, 0.5, -1], 0, 2, [1, 0, 0]),
    "energy, second": (EnergyLoss(), [2, -0.5, -1], 1, -0.5, [0, 1, 0]),
}  # fmt: skip


def mask(answer, n_answers):
    return np.arange(n_answers)[None, :] == np.atleast_1d(answer)[:, None]


def settings_of(name):
    return [LOSSES[name](**example) for example in LOSSES[name].examples]


@pytest.mark.parametrize("check", checks.losses.LOSS_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", LOSSES)
def test_promises(name, check):
    for loss in settings_of(name):
        for energies, correct in loss_cases(loss):
            check(loss, energies, correct)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("check", checks.base.PART_CHECKS, ids=lambda check: check.__name__)
def test_promises_of_every_part(name, check):
    check(LOSSES[name]())


@pytest.mark.parametrize("contrast", ["hardest", "all"])
@pytest.mark.parametrize("name", [name for name in LOSSES if LOSSES.accepts(name, "margin")])
def test_promises_with_class_pair_margins(name, contrast):
    margin = np.random.RandomState(0).uniform(0, 3, size=(4, 4))
    checks.losses.check_loss(LOSSES[name](margin=margin, contrast=contrast))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", BY_HAND)
def test_numbers_computed_by_hand(case, dtype):
    loss, energies, answer, value, slope = BY_HAND[case]
    energies = np.array([energies], dtype=dtype)
    found, found_slope = loss(energies, mask(answer, energies.shape[1]))
    assert found.dtype == found_slope.dtype == dtype
    tolerance = 1e-14 if dtype == np.float64 else 1e-6
    np.testing.assert_allclose(found, [value], rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(found_slope, [slope], rtol=tolerance, atol=tolerance)


def sigma(u):
    return 1 / (1 + np.exp(-u))


@pytest.mark.parametrize(
    ("loss", "energies", "temperature", "value", "slope"),
    [
        # u = 2 + 1 − 2.5 = 0.5
        (Hinge(margin=2.0), [1, 2.5], 0.5, log(1 + np.e) / 2, [sigma(1), -sigma(1)]),
        # F(y) = 1, and 2 − 1.5 = 0.5
        (
            Simple(margin=2.0), [1, 1.5], 0.5,
            (log(1 + np.exp(2)) + log(1 + np.e)) / 2, [sigma(2), -sigma(1)],
        ),
        # (3 − 2)/(0.5·2) = 1, which is 3 below the ceiling; dr/dF(y) = 1 and dr/dF(ȳ) = −1.5
        (
            LVQ2(delta=0.5, ceiling=4.0), [3, 2], 1.0,
            log(1 + np.e) - log(1 + np.exp(-3)) + log(2),
            np.array([1, -1.5]) * (sigma(1) - sigma(-3)),
        ),
        (
            LVQ2(delta=0.5, ceiling=4.0), [3, 2], 0.5,
            (log(1 + np.exp(2)) - log(1 + np.exp(-6)) + log(2)) / 2,
            np.array([1, -1.5]) * (sigma(2) - sigma(-6)),
        ),
        # far above the ceiling: M + T log 2, and nothing pulls
        (LVQ2(delta=0.5, ceiling=4.0), [1e4, 1], 0.5, 4 + log(2) / 2, [0, 0]),
    ],
)  # fmt: skip
def test_numbers_computed_by_hand_at_a_temperature(loss, energies, temperature, value, slope):
    for contrast in ("hardest", "all"):  # of two answers there is one wrong one
        part = loss.set_params(contrast=contrast).smoothed(temperature)
        found, found_slope = part(np.array([energies], dtype=float), mask(0, 2))
        np.testing.assert_allclose(found, [value], rtol=1e-13)
        np.testing.assert_allclose(found_slope, [slope], rtol=1e-13, atol=1e-15)


# Of the energies 0.5, 0.7 and 2, each in its turn the right one; F(ȳ) is 0.7, 0.5 and 0.5.
F, OFFENDING = np.array([0.5, 0.7, 2.0]), np.array([0.7, 0.5, 0.5])
BY_DEFAULT = {
    "energy": F,
    "perceptron": [0, 0.2, 1.5],
    "hinge": 1 + F - OFFENDING,
    "simple": F + 1 - OFFENDING,
    "square_square": F**2 + (1 - OFFENDING) ** 2,
    "square_exp": F**2 + np.exp(-OFFENDING),
    "log": np.log1p(np.exp(F - OFFENDING)),
    "mce": 1 / (1 + np.exp(OFFENDING - F)),
    "lvq2": [0, 0.2 / 0.5, 1],  # (2 − 0.5)/0.5 is above the ceiling
    "nll": F + log(np.exp(-F).sum()),
    "mee": 1 - np.exp(-F) / np.exp(-F).sum(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_defaults_are_a_margin_a_slope_and_a_temperature_of_one(name):
    value, _ = LOSSES[name]()(np.tile(F, (3, 1)), np.eye(3, dtype=bool))
    np.testing.assert_allclose(value, BY_DEFAULT[name], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("m", [2, 3])
@pytest.mark.parametrize("name", LOSSES)
def test_second_derivatives_and_conjugates_are_like_the_energies(name, m, dtype):
    loss = LOSSES[name]()
    energies = allowed(loss, random_energies(m)).astype(dtype)
    correct = mask(np.arange(len(energies)) % m, m)
    slope = loss(energies, correct)[1]
    if loss.curvature is not None:
        bend = loss.curvature(energies, correct)
        for part in (bend.diagonal, *(vector for _, vector in bend.outer)):
            assert part.shape == energies.shape and part.dtype == dtype
    if loss.conjugate is not None:
        found = loss.conjugate(slope, correct)
        assert found.shape == (len(energies),) and found.dtype == dtype


def test_every_loss_has_numbers_away_from_its_defaults():
    for name, loss in LOSSES.items():
        mine = [case[0] for case in BY_HAND.values() if type(case[0]) is loss]
        for parameter, default in loss().get_params().items():
            assert any(repr(getattr(part, parameter)) != repr(default) for part in mine), (
                name, parameter
            )  # fmt: skip


@pytest.mark.parametrize("name", ["mce", "mee", "lvq2"])
def test_losses_that_are_not_convex_do_not_say_so(name):
    """And they are not: some chord lies below them."""
    loss = LOSSES[name]()
    assert not loss.traits.convex
    (energies, correct), *_ = loss_cases(loss)
    with pytest.raises(AssertionError, match=r"below its chords|above its tangents"):
        check_convex(Claims(loss), energies, correct)


def test_what_losses_say_of_themselves():
    def those(trait):
        return {name for name, loss in LOSSES.items() if getattr(loss().traits, trait)}

    assert those("convex") == set(LOSSES) - {"mce", "mee", "lvq2"}
    assert those("contrasts") == set(LOSSES) - {"energy"}
    assert those("needs_partition_function") == {"nll", "mee"}
    assert those("needs_nonnegative") == {"lvq2", "energy"}
    assert those("online") == {"perceptron"}


class Claims(Loss):
    """Another loss, said to be convex."""

    def __init__(self, loss):
        self.loss = loss

    @property
    def traits(self):
        return self.loss.traits._replace(convex=True)

    def __call__(self, energies, correct):
        return self.loss(energies, correct)


def test_a_loss_that_is_not_convex_has_a_convex_surrogate():
    for name in LOSSES:
        for loss in settings_of(name):
            surrogate = loss.surrogate()
            if surrogate is not None:
                assert (
                    not loss.traits.convex
                    and surrogate.traits.convex
                    and surrogate.conjugate is not None
                )
    assert isinstance(MCE(contrast="all").surrogate(), Log)
    assert MCE(contrast="all").surrogate().contrast == "all"
    assert MEE(beta=3.0).surrogate().beta == 3.0


def test_two_answers_make_the_contrasts_equal():
    (energies, correct), *_ = loss_cases(Hinge())
    for name in LOSSES:
        if not LOSSES.accepts(name, "contrast"):
            continue
        legal = allowed(LOSSES[name](), energies)
        for temperature in (0.0, 0.5):
            hardest = LOSSES[name](contrast="hardest")._at_temperature(legal, correct, temperature)
            every = LOSSES[name](contrast="all")._at_temperature(legal, correct, temperature)
            np.testing.assert_allclose(hardest[0], every[0], rtol=1e-13)
            np.testing.assert_allclose(hardest[1], every[1], rtol=1e-13, atol=1e-15)


def test_identities_between_losses():
    for m in (2, 3, 7):
        energies = random_energies(m)
        correct = mask(np.arange(len(energies)) % m, m)
        if m == 2:
            np.testing.assert_allclose(NLL()(energies, correct)[0], Log()(energies, correct)[0])
        # The perceptron is the hinge with margin 0 and the cold limit of the likelihood.
        perceptron, slope = Perceptron()(energies, correct)
        np.testing.assert_array_equal(perceptron, Hinge(margin=0.0)(energies, correct)[0])
        np.testing.assert_array_equal(slope, Hinge(margin=0.0)(energies, correct)[1])
        cold = NLL(beta=1e6)(energies, correct)[0]
        np.testing.assert_allclose(cold, perceptron, atol=1e-5)
        assert (cold >= perceptron - 1e-12).all()
        # mee = 1 − exp(−β nll)
        nll = NLL(beta=2.0)(energies, correct)[0]
        np.testing.assert_allclose(MEE(beta=2.0)(energies, correct)[0], 1 - np.exp(-2 * nll),
                                   rtol=1e-12, atol=1e-15)  # fmt: skip


def test_smoothed_hinge_is_the_likelihood_with_a_margin():
    """THEORY.md: T log(1 + Σ exp((m + F(y) − F(ȳ))/T)), at most T log k above the hinge."""
    m, temperature, margin = 5, 0.7, 2.0
    energies = random_energies(m)
    correct = mask(np.arange(len(energies)) % m, m)
    raised = np.where(correct, energies + margin, energies)  # NLL of m + F(y) next to F(ȳ)
    expected = NLL(beta=1 / temperature)(raised, correct)[0]
    found = Hinge(margin=margin).smoothed(temperature)(energies, correct)[0]
    hard = Hinge(margin=margin)(energies, correct)[0]
    # 1 stands for the right answer: the same sum, with its energy raised by m.
    right = energies[correct]
    brute = temperature * np.log1p(
        np.sum(np.where(correct, 0, np.exp((margin + right[:, None] - energies) / temperature)), 1)
    )
    np.testing.assert_allclose(found, brute, rtol=1e-10)
    np.testing.assert_allclose(expected, brute, rtol=1e-10)
    assert ((found >= hard) & (found <= hard + temperature * np.log(m) + 1e-12)).all()


def test_positive_part():
    u = np.array([-2.0, -0.0, 0.0, 3.0])
    value, slope = positive_part(u)
    np.testing.assert_array_equal(value, [0, 0, 0, 3])
    np.testing.assert_array_equal(slope, [0, 1, 1, 1])
    # 2 log(1 + e^{u/2}) at u = 2 log 3 is 2 log 4, with slope 3/4 and curvature 3/16 / 2
    u = np.array([2 * np.log(3)])
    np.testing.assert_allclose(positive_part(u, 2.0), [[2 * np.log(4)], [0.75]])
    np.testing.assert_allclose(positive_part_curvature(u, 2.0), [3 / 32])
    np.testing.assert_array_equal(positive_part_curvature(u, 0.0), [0])
    np.testing.assert_array_equal(positive_part_curvature(u), [0])
    for temperature in (0.0, 2.0):
        for part in positive_part(u.astype(np.float32), temperature):
            assert part.dtype == np.float32


# Energies of any size ----------------------------------------------------------------------------


def extremes(dtype, largest):
    """Rows with one very large or small energy, all large, all equal, all zero."""
    values = [0.0, 1.0, largest, -largest, largest**0.5, -(largest**0.5), 1 / largest]
    grid = np.array(np.meshgrid(values, values, values)).reshape(3, -1).T
    return grid.astype(dtype), mask(np.arange(len(grid)) % 3, 3)


# Squares and exponentials of these are beyond the range of floats: +inf is the right value there.
UNBOUNDED = ("square_square", "square_exp")


@pytest.mark.parametrize(
    ("dtype", "largest"), [(np.float64, 1e150), (np.float64, 1e300), (np.float32, 1e30)]
)
@pytest.mark.parametrize("name", LOSSES)
def test_extreme_energies_give_no_nan_and_no_warning(name, dtype, largest):
    energies, correct = extremes(dtype, largest)
    for loss in settings_of(name):
        if loss.traits.needs_nonnegative:
            energies = np.abs(energies)
        # Where the loss is beyond the range of floats, the solver sees +inf and steps back.
        unbounded = "ignore" if name in UNBOUNDED else "raise"
        for temperature in (0.0, 1.0, 1e-3):
            part = loss.smoothed(temperature) if temperature else loss
            with (
                np.errstate(over=unbounded, invalid=unbounded, divide="raise"),
                warnings.catch_warnings(),
            ):
                warnings.simplefilter("error")
                value, slope = part(energies, correct)
            finite = np.isfinite(value)
            assert not np.isnan(value).any() and np.isfinite(slope[finite]).all()
            assert finite.all() or name in UNBOUNDED


@pytest.mark.parametrize("name", LOSSES)
def test_equal_energies_blame_no_answer_for_its_place(name):
    """All energies equal: smooth losses share the slope out among the wrong answers."""
    loss = LOSSES[name]()
    energies = np.full((3, 3), 0.5)
    correct = np.eye(3, dtype=bool)
    smooth = loss if loss.is_smooth(3) else loss.smoothed(0.3)
    _, slope = smooth(energies, correct)
    wrong = slope[~correct].reshape(3, 2)
    np.testing.assert_allclose(wrong[:, 0], wrong[:, 1], rtol=1e-14)


@given(st.integers(1, 6), st.integers(2, 6), st.sampled_from(list(LOSSES)), st.booleans())
def test_shapes(n_rows, n_answers, name, fortran):
    for loss in settings_of(name):
        energies = np.ones((n_rows, n_answers), order="F" if fortran else "C")
        correct = mask(np.arange(n_rows) % n_answers, n_answers)
        value, slope = loss(energies, correct)
        assert value.shape == (n_rows,)
        assert slope.shape == (n_rows, n_answers)
        assert slope.flags.writeable  # the objective multiplies it by the weights in place


# Parameters out of range -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (Hinge(margin=-1.0), "margin=-1.0 of Hinge must be a finite number that is not negative"),
        (Simple(margin=np.inf), "margin=inf of Simple must be a finite number"),
        (SquareSquare(margin=True), "margin=True of SquareSquare must be a finite number"),
        (Hinge(margin="wide"), "margin='wide' of Hinge must be a finite number"),
        (Hinge(margin=np.ones((2, 3))), "has shape (2, 3), but 3 classes need one margin"),
        (Hinge(margin=np.ones(3)), "has shape (3,), but 3 classes need one margin"),
        (Hinge(margin=-np.ones((3, 3))), "holds negative or non-finite class-pair margins"),
        (Hinge(margin=np.full((3, 3), np.nan)), "holds negative or non-finite"),
        (Hinge(contrast="worst"), "contrast='worst' is not known"),
        (NLL(beta=0.0), "beta=0.0 of NLL must be a positive finite number"),
        (MEE(beta=np.nan), "beta=nan of MEE must be a positive finite number"),
        (SquareExp(gamma=-1), "gamma=-1 of SquareExp must be a positive finite number"),
        (LVQ2(delta=0), "delta=0 of LVQ2 must be a positive finite number"),
        (LVQ2(ceiling="high"), "ceiling='high' of LVQ2 must be a positive finite number"),
    ],
)
def test_parameters_out_of_range_are_refused_in_a_sentence(loss, message):
    with pytest.raises(ValueError) as caught:
        loss._validate(3)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "loss", [Hinge(margin=0), Hinge(margin=np.float32(2)), Simple(margin=PAIRS), NLL(beta=3)]
)
def test_parameters_in_range_are_accepted(loss):
    loss._validate(3)
