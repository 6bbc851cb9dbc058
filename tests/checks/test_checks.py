"""The checks catch parts that break a promise, each with a sentence that says which."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from sklearn_ebm import checks
from sklearn_ebm.energies import Linear, Linearization
from sklearn_ebm.inference import Minimum, SoftMinimum
from sklearn_ebm.inference.base import Eliminated, Elimination
from sklearn_ebm.losses import MCE, NLL, EnergyLoss, Hinge, Loss, PairwiseLoss, SquareSquare, Traits
from sklearn_ebm.losses._positive_part import positive_part
from sklearn_ebm.solvers import LBFGS

# Losses ------------------------------------------------------------------------------------------


class WrongSlope(NLL):
    def __call__(self, energies, correct):
        value, slope = super().__call__(energies, correct)
        return value, 1.001 * slope


class SlopeOfAnotherAnswer(NLL):
    def __call__(self, energies, correct):
        value, slope = super().__call__(energies, correct)
        return value, slope[:, ::-1].copy()


class RowsTogether(NLL):
    def __call__(self, energies, correct):
        value, slope = super().__call__(energies, correct)
        return value - value.mean(), slope


class NotConvex(MCE):
    traits = Traits(convex=True)


class NotSmooth(Hinge):
    def is_smooth(self, n_answers):
        return True


class SmoothButSaysNot(NLL):
    def is_smooth(self, n_answers):
        return False


class SeesTheLevel(SquareSquare):
    traits = Traits(convex=True)


class SeesNoLevel(NLL):
    traits = NLL().traits._replace(fixes_level=True)


class FirstAnswerCounts(NLL):
    def __call__(self, energies, correct):
        value, slope = super().__call__(energies, correct)
        double = np.where(correct[:, 0], 2, 1).astype(energies.dtype)
        return double * value, double[:, None] * slope


class WritesOnEnergies(NLL):
    def __call__(self, energies, correct):
        energies -= energies.min(axis=1, keepdims=True)
        return super().__call__(energies, correct)


class WritesOnItself(NLL):
    def __call__(self, energies, correct):
        self.last_ = energies.shape
        return super().__call__(energies, correct)


class WidensFloats(NLL):
    def __call__(self, energies, correct):
        return super().__call__(energies.astype(np.float64), correct)


class TallValue(NLL):
    def __call__(self, energies, correct):
        value, slope = super().__call__(energies, correct)
        return value[:, None], slope


class Overflows(NLL):
    def __call__(self, energies, correct):
        value, slope = super().__call__(energies, correct)
        return np.where(value > 5, np.inf, value).astype(value.dtype), slope


class HighConjugate(NLL):
    def conjugate(self, slope, correct):
        return super().conjugate(slope, correct) + 1e-3


class LowConjugate(NLL):
    """Right at the slopes of the loss, too low at other slopes: a bound above the minimum."""

    def conjugate(self, slope, correct):
        full = super().conjugate(slope, correct)
        return np.where(np.abs(slope).sum(axis=1) == 0, full - 1, full)


class WrongCurvature(NLL):
    def curvature(self, energies, correct):
        bend = super().curvature(energies, correct)
        return bend._replace(diagonal=1.01 * bend.diagonal)


class SmoothedBelow(Hinge):
    def smoothed(self, temperature):
        return ShiftedDown(super().smoothed(temperature), temperature)


class ShiftedDown(Loss):
    def __init__(self, loss, by):
        self.loss = loss
        self.by = by

    def __call__(self, energies, correct):
        value, slope = self.loss(energies, correct)
        return value - self.by, slope


class SmoothedFar(Hinge):
    def smoothed(self, temperature):
        return super().smoothed(temperature + 1.0)


class KinkKept(Hinge):
    """Forgets to pass the temperature on."""

    curvature = conjugate = None

    def pair(self, right, offending, temperature):
        return super().pair(right, offending, 0.0)


class ChangesItsParameters(Hinge):
    def __init__(self, margin=1.0, contrast="hardest"):
        self.margin = float(margin)
        self.contrast = contrast


class CopiesItsParameters(Hinge):
    def __init__(self, margin=1.0, contrast="hardest"):
        self.margin = [margin]
        self.contrast = contrast


class SetsMore(Hinge):
    def __init__(self, margin=1.0, contrast="hardest"):
        super().__init__(margin, contrast)
        self.count = 0


class NeverAwayFromDefaults(Hinge):
    examples = ({}, {"margin": 2.0}, {"contrast": "all"})


class RefusesAll(NLL):
    def _validate(self, n_answers):
        raise ValueError("no")


WRONG_LOSSES = {
    WrongSlope: "the slope must be the derivative of the value",
    SlopeOfAnotherAnswer: "the slope must be the derivative of the value",
    RowsTogether: "rows must be independent",
    NotConvex: "it says convex = True, so it must lie",
    NotSmooth: "is_smooth says True, so the slope must not jump",
    SmoothButSaysNot: "is_smooth says False, so the slope must jump",
    SeesTheLevel: "a constant added to a row must change nothing",
    SeesNoLevel: "the level of the energies must matter",
    FirstAnswerCounts: "answers in another order must give the same value",
    WritesOnEnergies: "must leave its inputs as they are",
    WritesOnItself: "must leave the loss as it is",
    WidensFloats: "of float32 energies must be a float32 array",
    TallValue: "the value of float64 energies must be a float64 array of shape",
    Overflows: "must be finite for energies of ordinary size",
    HighConjugate: "must equal ⟨g, F⟩ at the slope",
    LowConjugate: "must not be below ⟨g, F⟩",
    WrongCurvature: "the curvature product must be the derivative of the slope",
    SmoothedBelow: "must lie above the loss",
    SmoothedFar: "must tend to the loss as T → 0",
    KinkKept: "must have a continuous slope",
    ChangesItsParameters: "__init__ must store its parameters as they are",
    CopiesItsParameters: "but margin is not stored",
    SetsMore: "it also sets count",
    NeverAwayFromDefaults: "one of `examples` must be away from every default",
    RefusesAll: "_validate must accept some number of answers",
}


@pytest.mark.parametrize("loss", WRONG_LOSSES, ids=lambda loss: loss.__name__)
def test_a_wrong_loss_is_caught(loss):
    with pytest.raises(AssertionError) as caught:
        checks.losses.check_loss(loss())
    message = str(caught.value)
    assert message.startswith(f"{loss.__name__}(")
    assert WRONG_LOSSES[loss] in message
    assert message.endswith(".") and "\n" not in message


class SquaredHinge(PairwiseLoss):
    traits = Traits(convex=True)
    examples = ({}, {"margin": 2.0})

    def __init__(self, margin=1.0):
        self.margin = margin

    def pair(self, right, offending, temperature):
        violation, _ = positive_part(right - offending)
        return violation**2, 2 * violation, -2 * violation


def test_a_loss_of_ten_lines_passes():
    checks.losses.check_loss(SquaredHinge())
    checks.losses.check_loss(SquaredHinge(margin=np.arange(9.0).reshape(3, 3)))


def test_a_loss_that_only_has_a_call_passes():
    class Right(Loss):
        traits = Traits(convex=True, fixes_level=True)

        def __call__(self, energies, correct):
            return energies[correct] ** 2, 2 * energies * correct

    checks.losses.check_loss(Right())


# Energies ----------------------------------------------------------------------------------------


class WrongPullback(Linear):
    def linearize(self, params, X):
        line = super().linearize(params, X)

        def pullback(slope):
            return {name: 1.001 * value for name, value in line.pullback(slope).items()}

        return line._replace(pullback=pullback, pushforward=None)


class WrongPushforward(Linear):
    def linearize(self, params, X):
        line = super().linearize(params, X)
        return line._replace(pushforward=lambda direction: -line.pushforward(direction))


class CentresTheRows(Linear):
    def linearize(self, params, X):
        return super().linearize(params, X - X.mean(axis=0))


class DenseOnly(Linear):
    def linearize(self, params, X):
        rows = X if isinstance(X, np.ndarray) else np.zeros(X.shape)
        return super().linearize(params, rows)


class NotNonnegative(Linear):
    traits = Linear.traits._replace(nonnegative=True)


class NotLinear(Linear):
    def linearize(self, params, X):
        line = super().linearize(params, X)
        steep = 2 * line.energies

        def push(direction):
            return steep * line.pushforward(direction)

        return Linearization(line.energies**2, lambda dE: line.pullback(steep * dE), push)


class WrongRuler(Linear):
    def _curvature_scale(self, X, weight, n_answers):
        scale = super()._curvature_scale(X, weight, n_answers)
        return {**scale, "coef": 2 * scale["coef"]}


class WrongStart(Linear):
    def start(self, rows, n_answers, rng):
        return {"coef": np.zeros((n_answers, rows.X.shape[1]))}


class PenalizesNothingKnown(Linear):
    penalized = ("weights",)


class WidensEnergies(Linear):
    def linearize(self, params, X):
        return super().linearize(params, X.astype(np.float64))


class BareAttribute(Linear):
    def fitted_attributes(self, params, n_answers):
        return {"coef": params["coef"]}


WRONG_ENERGIES = {
    WrongPullback: "the pullback must be the derivative of the energies",
    WrongPushforward: "pushforward and pullback must be adjoint",
    CentresTheRows: "rows must be independent",
    DenseOnly: "csr_matrix rows must give what dense rows give",
    NotNonnegative: "its traits have nonnegative = True",
    NotLinear: "its traits have linear = True",
    WrongRuler: "curvature_scale must be",
    WrongStart: "start must give parameters of shapes",
    PenalizesNothingKnown: "penalized must name parameters, but there is no weights",
    WidensEnergies: "must have shape (n, 2) or (n, 2, z) and dtype float32",
    BareAttribute: "the names of fitted attributes must end in one underscore",
}


@pytest.mark.parametrize("energy", WRONG_ENERGIES, ids=lambda energy: energy.__name__)
def test_a_wrong_energy_is_caught(energy):
    with pytest.raises(AssertionError) as caught:
        checks.energies.check_energy(energy())
    assert str(caught.value).startswith(f"{energy.__name__}(")
    assert WRONG_ENERGIES[energy] in str(caught.value)


# Eliminations ------------------------------------------------------------------------------------


class MeanEnergy(SoftMinimum):
    """−(1/β) log of the average: the weights are right, but a missing value changes it."""

    def __call__(self, energies):
        free, weights = super().__call__(energies)
        return Eliminated(free + np.log(energies.shape[-1]).astype(free.dtype), weights)


class Maximum(Elimination):
    def __call__(self, energies):
        free, weights = Minimum()(-energies)
        return Eliminated(-free, weights)


class SecondWeights(Minimum):
    def __call__(self, energies):
        free, weights = super().__call__(energies)
        return Eliminated(free, weights[..., ::-1])


class HalfWeights(Minimum):
    def __call__(self, energies):
        free, weights = super().__call__(energies)
        return Eliminated(free, weights / 2)


class FirstAxis(Minimum):
    def __call__(self, energies):
        free, weights = super().__call__(energies.reshape(-1, energies.shape[-1]))
        return Eliminated(free, weights)


WRONG_ELIMINATIONS = {
    MeanEnergy: "a value of energy +inf must count for nothing",
    Maximum: "a value of energy +inf must count for nothing",
    SecondWeights: "the weights must be the derivative of the result",
    HalfWeights: "the weights must sum to 1",
    FirstAxis: "must lose their last axis and nothing else",
}


@pytest.mark.parametrize("part", WRONG_ELIMINATIONS, ids=lambda part: part.__name__)
def test_a_wrong_elimination_is_caught(part):
    with pytest.raises(AssertionError) as caught:
        checks.inference.check_elimination(part())
    assert WRONG_ELIMINATIONS[part] in str(caught.value)


# Solvers -----------------------------------------------------------------------------------------


class Changed(LBFGS):
    """Returns the result of L-BFGS with something changed."""

    def change(self, result, start):
        raise NotImplementedError

    def minimize(self, problem):
        result = super().minimize(problem)
        self.change(result, problem.start)
        return result


class StopsEarly(LBFGS):
    def minimize(self, problem):
        return super().minimize(problem._replace(tol=1e-2))


class DeafToMonitors(LBFGS):
    def minimize(self, problem):
        return super().minimize(problem._replace(monitor=None, memory=None))


class NeverConverges(Changed):
    def change(self, result, start):
        result.converged = False


class WrongValue(Changed):
    def change(self, result, start):
        result.value *= 0.99


class ShortCurve(Changed):
    def change(self, result, start):
        result.curve = result.curve[1:]


class RisingCurve(Changed):
    def change(self, result, start):
        result.curve[2] = result.curve[0] + 1


class MovesTheStart(Changed):
    def change(self, result, start):
        start += 1


class IgnoresMaxIter(LBFGS):
    def minimize(self, problem):
        return super().minimize(problem._replace(max_iter=1000))


WRONG_SOLVERS = {
    StopsEarly: "the expected decrease must be below tol",
    DeafToMonitors: "a monitor that returns True must end the search",
    NeverConverges: "an easy problem must converge",
    WrongValue: "value must be the objective at w",
    ShortCurve: "curve must hold the objective at the start and after each iteration",
    RisingCurve: "the objective must not rise",
    MovesTheStart: "start must stay as it is",
    IgnoresMaxIter: "max_iter must bound the iterations",
}


@pytest.mark.parametrize("solver", WRONG_SOLVERS, ids=lambda solver: solver.__name__)
def test_a_wrong_solver_is_caught(solver):
    with pytest.raises(AssertionError) as caught:
        checks.solvers.check_solver(solver())
    assert WRONG_SOLVERS[solver] in str(caught.value)


# What is not a part ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "check",
    [
        checks.losses.check_loss,
        checks.energies.check_energy,
        checks.inference.check_elimination,
        checks.solvers.check_solver,
    ],
    ids=lambda check: check.__name__,
)
@pytest.mark.parametrize("thing", [BaseEstimator(), EnergyLoss, None])
def test_something_else_is_refused(check, thing):
    with pytest.raises(AssertionError, match="must inherit from"):
        check(thing)


def test_the_lists_are_complete():
    """Every check function of a module is in its list."""
    from sklearn_ebm.checks import base, energies, inference, losses, solvers

    for module, listed, entry in (
        (base, checks.base.PART_CHECKS, None),
        (losses, checks.losses.LOSS_CHECKS, "check_loss"),
        (energies, checks.energies.ENERGY_CHECKS, "check_energy"),
        (inference, checks.inference.ELIMINATION_CHECKS, "check_elimination"),
        (solvers, checks.solvers.SOLVER_CHECKS, "check_solver"),
    ):
        written = {name for name in vars(module) if name.startswith("check_")} - {entry}
        assert {check.__name__ for check in listed} == written
        assert len(listed) == len(written)
        assert all(check.__doc__ for check in listed)
