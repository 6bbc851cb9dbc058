"""Checks of energies that are learned by density stacking."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from copy import copy
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone

from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.checks.base import PART_CHECKS, demand, demand_close, settings
from sklearn_ebm.energies import Blend
from sklearn_ebm.energies._bank.folds import Folds, LocationPrediction
from sklearn_ebm.energies._bank.prior import bank_of
from sklearn_ebm.energies._gaussian.quadratics import Quadratics
from sklearn_ebm.energies._gaussian.units import FAR
from sklearn_ebm.energies.banks import BankEnergy
from sklearn_ebm.energies.latent import LatentEnergy
from sklearn_ebm.inference import SoftMinimum
from sklearn_ebm.learning.densities.ensemble import Division
from sklearn_ebm.learning.densities.gradient_fit import LearnedDensity, Parts, learn_density
from sklearn_ebm.learning.densities.stacking import members_of
from sklearn_ebm.learning.monitor import TrainingMonitor
from sklearn_ebm.losses import NLL

# Numbers of target columns.
OUTPUTS = (1, 2)

# Numbers of rows, columns and folds, and the smallest scale of each output.
ROWS, COLUMNS, FOLDS, FLOOR = 48, 3, 4, 0.05

# Number of rows whose elements are integrated numerically, and number of steps for each standard
# deviation of a component.
INTEGRATED, STEPS, REACH = 2, 40, 9

# If answers are noise, the out-of-fold density of an answer is higher than under the distribution
# of another row in half of all pairs, up to 4 standard deviations of a mean of ROWS uniform
# numbers.
LIKED = 0.5 + 4 / np.sqrt(12 * ROWS)


class BankCase(NamedTuple):
    """An energy before and after learning, with its data.

    Attributes
    ----------
    energy : BankEnergy
        The energy before learning.
    rows : Rows
        Training samples.
    folds : Folds
        Folds of the samples.
    located : LocationPrediction or None
        Location, for energies that need one.
    learned : BankEnergy
        The energy after learning.
    out_of_fold : list of Quadratics
        Elements of the validation rows.
    changed : bool
        Whether learning changed the original energy.
    """

    energy: BankEnergy
    rows: Rows
    folds: Folds
    located: LocationPrediction | None
    learned: BankEnergy
    out_of_fold: list[Quadratics]
    changed: bool

    def elements(self, places: Any = slice(None), energy: BankEnergy | None = None) -> Any:
        """Return the elements of some rows, treated as new rows."""
        located = None if self.located is None else self.located.take(places)
        return (energy or self.learned).elements(self.rows.X[places], located)


def check_bank_energy(energy: BankEnergy, outputs: Sequence[int] = OUTPUTS) -> None:
    """Check that an energy meets the requirements of `sklearn_ebm.energies.banks.BankEnergy`.

    The energy is checked with its own settings and with each of its `examples`, with 48 rows;
    all rows, or the rows of one fold, are validation rows. If its base is not None, it receives a
    location. A blend needs explicit members, not "auto".

    Parameters
    ----------
    energy : BankEnergy
        The energy to check.
    outputs : sequence of int, default=(1, 2)
        Numbers of target columns. Use ``(1,)`` for an energy of a one-dimensional target.

    Raises
    ------
    AssertionError
        At the first violated requirement; the message states the energy, the
        requirement and the observed values.

    Examples
    --------
    >>> from sklearn_ebm.checks.bank_energies import check_bank_energy
    >>> from sklearn_ebm.energies import Memory
    >>> check_bank_energy(Memory(n_trees=2))
    """
    inherits = isinstance(energy, BankEnergy)
    demand(inherits, energy, "an energy must inherit from BankEnergy", "it does not")
    for check_part in PART_CHECKS:
        check_part(energy)
    seen = set()
    for setting in settings(energy):
        if repr(setting) in seen:
            continue
        seen.add(repr(setting))
        setting._validate()
        for case in bank_energy_cases(_ready(setting), outputs):
            for check in BANK_ENERGY_CHECKS:
                check(case)


def bank_energy_cases(energy: BankEnergy, outputs: Sequence[int] = OUTPUTS) -> Iterator[BankCase]:
    """Yield energies fitted to answers that depend on the columns."""
    for n_outputs in outputs:
        rng = np.random.RandomState(n_outputs)
        X = rng.normal(size=(ROWS, COLUMNS))
        y = np.sin(2 * X[:, :n_outputs]) + 0.3 * rng.normal(size=(ROWS, n_outputs))
        y = (y - y.mean(axis=0)) / y.std(axis=0)
        of_row = rng.permutation(ROWS) % FOLDS
        rows = Rows(X, y, np.ones(ROWS))
        for validation in (np.arange(ROWS), np.flatnonzero(of_row == 0)):
            yield _learned_case(energy, rows, Folds(of_row, validation))


def _ready(energy: BankEnergy) -> BankEnergy:
    """Return the energy; if it is a blend, with its members."""
    if not isinstance(energy, Blend):
        return energy
    named = energy.members != "auto"
    demand(named, energy, "the members of a blend that is checked must be named", "they are not")
    return energy._of(members_of(energy, _by_gradients))


def _by_gradients(
    energy: LatentEnergy, rows: Rows, divide: Division, rng: np.random.RandomState
) -> LearnedDensity:
    """Learn a member of a blend with a few passes."""
    parts = Parts(energy, NLL(), SoftMinimum(1.0), None, None)
    return learn_density(
        parts, rows, C=1.0, tol=1e-4, max_iter=3, start=None, rng=rng,
        watch=TrainingMonitor((), None), validation=None, divide=divide,
    )  # fmt: skip


def _learned_case(energy: BankEnergy, rows: Rows, folds: Folds, seed: int = 0) -> BankCase:
    """Learn the energy, with a given location if it needs one."""
    located = None
    if energy.base is not None and not isinstance(energy, Blend):
        predicted = 0.8 * np.sin(2 * rows.X[:, : rows.y.shape[1]])
        located = LocationPrediction(predicted, np.hstack([predicted, np.abs(predicted)]))
    floor, state = np.full(rows.y.shape[1], FLOOR), dict(vars(energy))
    learned, elements = energy.learned(rows, folds, located, floor, np.random.RandomState(seed))
    return BankCase(energy, rows, folds, located, learned, elements, state != dict(vars(energy)))


def check_elements(case: BankCase) -> None:
    """The number of elements is the same out of fold and for new rows; each has all rows."""
    energy, new = case.learned, case.elements()
    same = type(energy) is type(case.energy) and energy is not case.energy
    demand(same, case.energy, "learned must return a copy of the energy", f"it returns {energy!r}")
    promise = "learned and elements must return the same number of elements, one or more"
    found = f"there are {len(case.out_of_fold)} and {len(new)}"
    demand(len(case.out_of_fold) == len(new) > 0, energy, promise, found)
    q = case.rows.y.shape[1]
    for elements, n_rows in ((case.out_of_fold, len(case.folds.validation)), (new, ROWS)):
        for element in elements:
            z = element.levels.shape[-1]
            expected = ((n_rows, z), (n_rows, z, q), (n_rows, z, q, q))
            shapes = tuple(part.shape for part in element)
            demand(shapes == expected, energy, f"elements must have shapes {expected}", f"{shapes}")
            finite = np.isfinite(element.means).all() and np.isfinite(element.factors).all()
            demand(finite, energy, "means and factors must be finite", "they are not")
    width = energy._width(q)
    kept = isinstance(width, int) and width > 0
    demand(kept, energy, "width must be a positive whole number", f"it is {width!r}")


def check_normalised(case: BankCase) -> None:
    """∫ Σ_z exp(−G) dy = 1 for each element and row, in closed form and numerically."""
    q = case.rows.y.shape[1]
    for element in (*case.out_of_fold, *case.elements()):
        volume = np.diagonal(element.factors, axis1=-2, axis2=-1).prod(axis=-1)
        mass = (np.exp(-element.levels) * volume).sum(axis=1) * (2 * np.pi) ** (0.5 * q)
        promise = "elements must be normalised, ∫ Σ_z exp(−G) dy = 1"
        demand_close(mass, 1.0, 1.0, case.learned, promise, "of both numbers", 1e-7)
        for row in range(INTEGRATED if q == 1 else 0):
            total = _integral(element.take([row]))
            demand_close(total, 1.0, 1.0, case.learned, promise, "of both, numerically,", 1e-3)


def _integral(element: Quadratics) -> float:
    """∫ Σ_z exp(−G) dy of one row with one answer, with steps that resolve each component."""
    there = np.isfinite(element.levels[0])
    steps = np.linspace(-REACH, REACH, 2 * REACH * STEPS + 1)
    mean, scale = element.means[0, there, 0], element.factors[0, there, 0, 0]
    y = np.unique(mean[:, None] + scale[:, None] * steps)
    density = np.exp(-element.energies(y[None, :, None])[0]).sum(axis=1)
    return float(0.5 * (density[1:] + density[:-1]) @ np.diff(y))


def check_floor(case: BankCase) -> None:
    """No scale is below the floor."""
    for element in (*case.out_of_fold, *case.elements()):
        diagonal = np.diagonal(element.factors, axis1=-2, axis2=-1)
        least = diagonal[np.isfinite(element.levels)].min()
        promise = f"no scale may be below the floor, {FLOOR:g}"
        demand(least >= FLOOR * (1 - 1e-9), case.learned, promise, f"one is {least:.6g}")


def check_bank_rows(case: BankCase) -> None:
    """Rows are independent: blocks of rows in another order give the same log densities."""
    whole, y = bank_of(case.elements(), case.rows.y), case.rows.y
    order = np.random.RandomState(0).permutation(ROWS)
    parts = np.split(order, [1, ROWS // 3])
    mine = np.concatenate([bank_of(case.elements(part), y[part]) for part in parts])
    promise = "rows must be independent, so that blocks in another order give the same"
    size = 1.0 + np.abs(whole[order])
    demand_close(mine, whole[order], size, case.learned, promise, "of a log density", 1e-7)


def check_far_rows(case: BankCase) -> None:
    """Rows far from all training rows have densities."""
    far = np.full((2, COLUMNS), FAR) * [[1.0], [-1.0]]
    located = None if case.located is None else case.located.take([0, 1])
    for element in case.learned.elements(far, located):
        finite = np.isfinite(element.means).all() and np.isfinite(element.factors).all()
        present = np.isfinite(element.levels).any(axis=1).all()
        demand(finite and present, case.learned, "far rows must have elements", "one has none")


def check_bank_copies(case: BankCase) -> None:
    """Clones and pickled copies contain what was learned."""
    mine, energy = bank_of(case.elements(), case.rows.y), case.learned
    ways: dict[str, Any] = {"clone": clone, "pickle": _pickled}
    for how, copied in ways.items():
        promise = f"a {how} of what was learned must give the same elements"
        try:
            found = bank_of(case.elements(energy=copied(energy)), case.rows.y)
        except Exception as error:
            demand(False, energy, promise, f"that raises {type(error).__name__}: {error}")
        demand_close(found, mine, 1.0, energy, promise, "of a log density", 0.0)


def _pickled(energy: BankEnergy) -> BankEnergy:
    """Copy of the energy by pickling its state; classes of notebooks cannot be pickled by name."""
    other: Any = copy(energy)
    vars(other).clear()
    other.__setstate__(pickle.loads(pickle.dumps(energy.__getstate__())))
    return other


def check_bank_inputs(case: BankCase) -> None:
    """Inputs are not changed, and the same random numbers give the same result."""
    # Rows in another order and a new energy, because this one may have stored the rows.
    energy, rows = clone(case.energy), case.rows.take(np.arange(ROWS)[::-1])
    handed = [*rows, case.folds.of_row, case.folds.validation]
    before = [part.copy() for part in handed]
    first = _learned_case(energy, rows, case.folds)
    handed += [part for part in (first.located or ()) if part is not None]
    before += [part.copy() for part in handed[len(before) :]]
    one = bank_of(first.elements(), rows.y)
    kept = not (case.changed or first.changed)
    demand(kept, case.energy, "learned must leave the energy itself as it is", "it is changed")
    same = all(map(np.array_equal, before, handed))
    demand(same, case.energy, "rows, folds and location must stay as they are", "one is changed")
    again = _learned_case(energy, rows, case.folds)
    promise = "the same rows and the same generator must give the same"
    other = bank_of(again.elements(), rows.y)
    demand_close(one, other, 1.0, case.energy, promise, "of a log density", 1e-12)
    validation_splits = rows.y[case.folds.validation]
    one, other = (
        bank_of(first.out_of_fold, validation_splits),
        bank_of(again.out_of_fold, validation_splits),
    )
    demand_close(one, other, 1.0, case.energy, promise, "of a log density out of fold", 1e-12)


def check_fold_is_left_out(case: BankCase) -> None:
    """Out of fold, an energy without a location does not depend on the answers of the fold."""
    if case.energy.base is not None:
        return
    fold = case.folds.of_row[case.folds.validation[0]]
    own = case.folds.of_row == fold
    moved = np.where(own[:, None], case.rows.y[::-1] + 3.0, case.rows.y)
    after = _learned_case(case.energy, case.rows._replace(y=moved), case.folds).out_of_fold
    mine = own[case.folds.validation]
    validation_splits = case.rows.y[case.folds.validation]
    one, other = (
        bank_of(case.out_of_fold, validation_splits)[mine],
        bank_of(after, validation_splits)[mine],
    )
    promise = "out-of-fold elements must not depend on the answers of their fold"
    size = 1.0 + np.abs(one)
    demand_close(one, other, size, case.energy, promise, "of a log density", 1e-7)


def check_own_answers_are_unknown(case: BankCase) -> None:
    """Out of fold, answers are no likelier under the distribution of their row than of others.

    The answers are noise. The check also detects scales that depend on the residual of their row.
    It does not require strict independence of the answers of the fold: a combination of several
    predictions may contain answers on which other predictions were fitted.
    """
    if len(case.folds.validation) < ROWS:
        return
    noise = np.random.RandomState(5).standard_t(4, size=case.rows.y.shape)
    rows = case.rows._replace(y=noise / noise.std(axis=0))
    elements = _learned_case(case.energy, rows, case.folds).out_of_fold
    promise = "out of fold, rows must not know their own answers"
    for place, element in enumerate(elements):
        # Density of each answer under each distribution: distributions are repeated, answers tiled.
        distribution = element.take(np.repeat(np.arange(ROWS), ROWS))
        density = distribution.log_prob(np.tile(rows.y, (ROWS, 1))).reshape(ROWS, ROWS)
        own = np.diagonal(density)
        liked = (np.mean(density < own) + np.mean(density <= own)) / 2
        found = f"element {place} makes them likelier than others do in {liked:.0%} of all pairs"
        demand(liked < LIKED, case.energy, promise, found)


BANK_ENERGY_CHECKS = (
    check_elements,
    check_normalised,
    check_floor,
    check_bank_rows,
    check_far_rows,
    check_bank_copies,
    check_bank_inputs,
    check_fold_is_left_out,
    check_own_answers_are_unknown,
)
