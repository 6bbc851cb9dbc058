"""Energies that are learned by density stacking keep their contract; the check finds those that do
not."""

from copy import copy

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from sklearn_ebm import LatentEBMRegressor, checks
from sklearn_ebm.checks import bank_energies
from sklearn_ebm.checks.base import check_examples
from sklearn_ebm.energies import BANK_ENERGIES, Blend, Experts, Linear, LocationScale, Memory
from sklearn_ebm.energies._gaussian.quadratics import Quadratics
from sklearn_ebm.energies.banks import BankEnergy

EXPERTS = Experts(n_latents=2, hidden_layer_sizes=(3,))

# Quick settings, on top of which the examples of each are checked.
QUICK = {
    "memory": [Memory(n_trees=5)],
    "location_scale": [LocationScale(n_estimators=4)],
    "blend": [
        Blend([Memory(n_trees=2, min_leaf_size=2)], base=None),
        Blend(
            [Memory(n_trees=2, min_leaf_size=2, base="auto"), EXPERTS, LocationScale("auto", 4)],
            base=Ridge(),
        ),
    ],
}  # fmt: skip


def test_there_are_quick_settings_for_every_energy():
    assert set(QUICK) == set(BANK_ENERGIES)


@pytest.mark.parametrize("energy", [one for some in QUICK.values() for one in some], ids=str)
def test_every_energy_keeps_its_promises(energy):
    checks.bank_energies.check_bank_energy(energy)


@pytest.mark.parametrize("name", ["memory", "location_scale"])
def test_examples_are_away_from_the_defaults(name):
    assert BANK_ENERGIES[name].examples != ({},)
    check_examples(BANK_ENERGIES[name]())


class Widths(BankEnergy):
    """Gaussians of several widths about the mean of the answers."""

    mean_ = None

    def __init__(self, widths=(0.5, 1.0)):
        self.widths = widths

    def _width(self, n_answers):
        return len(self.widths)

    def fitted(self, rows, floor):
        other = copy(self)
        other._floor, other.mean_ = floor, np.average(rows.y, axis=0, weights=rows.weight)
        return other

    def learned(self, rows, folds, location, floor, rng):
        elements, places = [], []
        for judges, place, others in folds.validation_splits():
            elements.append(self.fitted(rows.take(others), floor).elements(rows.X[judges], None))
            places.append(place)
        back = np.argsort(np.concatenate(places))
        whole = [Quadratics.stacked(part).take(back) for part in zip(*elements, strict=True)]
        return self.fitted(rows, floor), whole

    def scale(self, width):
        return np.maximum(width, self._floor)

    def elements(self, X, location):
        mean = np.broadcast_to(self.mean_, (len(X), 1, len(self.mean_)))
        one = np.ones((len(X), 1))
        return [
            Quadratics.of_mixture(one, mean, self.scale(width) * np.ones_like(mean))
            for width in self.widths
        ]


class NotNormalised(Widths):
    def elements(self, X, location):
        return [one._replace(levels=one.levels - 0.1) for one in super().elements(X, location)]


class TooNarrow(Widths):
    def scale(self, width):
        return 0.01


class Forgets(Widths):
    def __sklearn_clone__(self):
        other = super().__sklearn_clone__()
        other.mean_ = np.zeros(1)
        return other


class KeepsALock(Widths):
    def learned(self, rows, folds, location, floor, rng):
        other, elements = super().learned(rows, folds, location, floor, rng)
        other.kept = lambda: None
        return other, elements


class ChangesItself(Widths):
    def learned(self, rows, folds, location, floor, rng):
        self.seen = True
        return super().learned(rows, folds, location, floor, rng)


class IsNoCopy(Widths):
    def learned(self, rows, folds, location, floor, rng):
        other, elements = super().learned(rows, folds, location, floor, rng)
        self._floor, self.mean_ = other._floor, other.mean_
        return self, elements


class SortsAnswers(Widths):
    def learned(self, rows, folds, location, floor, rng):
        other, elements = super().learned(rows, folds, location, floor, rng)
        rows.y.sort(axis=0)
        return other, elements


class IsDrawnAnew(Widths):
    def learned(self, rows, folds, location, floor, rng):
        other, elements = super().learned(rows, folds, location, floor, rng)
        shift = np.random.default_rng().normal()
        return other, [one._replace(means=one.means + shift) for one in elements]


class KnowsTheFold(Widths):
    """Learns from all rows, those that judge as well."""

    def learned(self, rows, folds, location, floor, rng):
        other = self.fitted(rows, floor)
        return other, other.elements(rows.X[folds.validation], None)


class KnowsTheErrors(Widths):
    """As wide as each row is off."""

    base = "auto"

    def learned(self, rows, folds, location, floor, rng):
        other, elements = super().learned(rows, folds, location, floor, rng)
        mean = elements[0].means
        off = np.maximum(np.abs(rows.y[folds.validation, None] - mean), other._floor)
        one = np.ones(mean.shape[:2])
        return other, [Quadratics.of_mixture(one, mean, off) for _ in elements]


class OneTooMany(Widths):
    def elements(self, X, location):
        elements = super().elements(X, location)
        return elements if len(X) < bank_energies.ROWS else [*elements, elements[0]]


class SeesOtherRows(Widths):
    def elements(self, X, location):
        shift = X.mean()
        return [one._replace(means=one.means + shift) for one in super().elements(X, location)]


class SingleAnswer(Widths):
    def learned(self, rows, folds, location, floor, rng):
        if rows.y.shape[1] > 1:
            raise ValueError("one answer only")
        return super().learned(rows, folds, location, floor, rng)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (NotNormalised, "elements must be normalised"),
        (TooNarrow, r"no scale may be below the floor, 0\.05, but one is 0\.01"),
        (Forgets, "a clone of what was learned must give the same elements"),
        (KeepsALock, "must be possible to pickle|a pickle of what was learned"),
        (ChangesItself, "learned must leave the energy itself as it is"),
        (IsNoCopy, "learned must return a copy"),
        (SortsAnswers, "rows, folds and location must stay as they are"),
        (IsDrawnAnew, "the same rows and the same generator must give the same"),
        (KnowsTheFold, "must not depend on the answers of their fold"),
        (KnowsTheErrors, "rows must not know their own answers"),
        (OneTooMany, "the same number of elements, one or more, but there are 2 and 3"),
        (SeesOtherRows, "rows must be independent"),
    ],
)
def test_the_check_catches(broken, message):
    with pytest.raises(AssertionError, match=message) as caught:
        checks.bank_energies.check_bank_energy(broken())
    assert type(broken()).__name__ in str(caught.value)


def test_the_check_is_silent_where_nothing_is_wrong():
    checks.bank_energies.check_bank_energy(Widths())
    checks.bank_energies.check_bank_energy(SingleAnswer(), outputs=(1,))


def test_a_memory_that_stores_its_judges_is_caught(monkeypatch):
    """Trees that have seen the rows which judge: the leak that matters most."""

    class Leaks(Memory):
        base = None

        def learned(self, rows, folds, location, floor, rng):
            other = self._stored(rows, location, floor, self._forests(*rows.y.shape), 0)
            validation = folds.validation
            there = None if location is None else location.take(validation)
            return other, other.elements(rows.X[validation], there)

    monkeypatch.setattr(bank_energies, "BANK_ENERGY_CHECKS", bank_energies.BANK_ENERGY_CHECKS[-1:])
    with pytest.raises(AssertionError, match="rows must not know their own answers"):
        checks.bank_energies.check_bank_energy(Leaks(n_trees=5))


def test_the_check_refuses_other_energies():
    with pytest.raises(AssertionError, match="must inherit from BankEnergy"):
        checks.bank_energies.check_bank_energy(Linear())
    with pytest.raises(AssertionError, match="members of a blend that is checked must be named"):
        checks.bank_energies.check_bank_energy(Blend())


def test_an_energy_of_a_user_is_learnt_alone_and_in_a_blend():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(60, 1))
    y = 5 + 2 * rng.normal(size=60)
    alone = LatentEBMRegressor(Widths((0.3, 1.0, 3.0)), random_state=0).fit(X, y)
    assert alone.predict(X) == pytest.approx(y.mean())
    rho = np.exp(alone.params_["log_prior"])
    assert rho.argmax() in (1, 3)  # that of standard deviation 1, or the background of that width
    blend = LatentEBMRegressor(Blend([Widths(), Memory(n_trees=2)]), random_state=0).fit(X, y)
    assert {name for name, _ in blend.energy_.labels_} <= {"Widths", "memory", "backgrounds"}
    assert np.isfinite(blend.log_prob(X, y)).all()
