"""From a bank of densities and data to its prior: folds, component densities, validation rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies import CONDITIONAL_ENERGIES
from sklearn_ebm.energies._bank.backgrounds import BroadComponents
from sklearn_ebm.energies._bank.folds import FitProgress, folds_of
from sklearn_ebm.energies._bank.prior import HeldOutDensities, bank_of, most_likely_prior
from sklearn_ebm.energies._gaussian.quadratics import Quadratics
from sklearn_ebm.energies._gaussian.units import units_of
from sklearn_ebm.energies.banks import BankEnergy
from sklearn_ebm.energies.blend import Blend
from sklearn_ebm.energies.conditional import ConditionalEnergy
from sklearn_ebm.energies.experts import NARROWEST
from sklearn_ebm.energies.latent import LatentEnergy
from sklearn_ebm.learning.densities.ensemble_bank import GradientMember, LearnGradients
from sklearn_ebm.learning.densities.gradient_fit import LearnedDensity
from sklearn_ebm.learning.densities.rows import relative
from sklearn_ebm.learning.densities.widths import HeldOutMixture

# The share of the validation rows which a bank is less sure of than it is where it is sure.
SURE = 0.9

# Parts of rows that are not folds; each is evaluated with the prior of all others.
GROUPS = 5


class StackedDensities(NamedTuple):
    """A bank that knows its rows, before its prior is found.

    Attributes
    ----------
    energy : BankEnergy
    elements : list of Quadratics
        Of the validation rows.
    validation_rows : Rows
    groups : ndarray of int of shape (m,)
        Validation rows held out together: folds, or parts of equal size.
    held_out_densities : HeldOutDensities
    """

    energy: BankEnergy
    elements: list[Quadratics]
    validation_rows: Rows
    groups: Index
    held_out_densities: HeldOutDensities

    def concluded(self, places: Index | None = None) -> LearnedDensity:
        """Find the prior, of some elements or all, and leave out what has none.

        Parameters
        ----------
        places : ndarray of int, default=None
            Elements of which the others are left out.
        """
        energy, held_out_densities = self.energy, self.held_out_densities
        some = np.arange(len(self.elements)) if places is None else places
        log_prior = np.full(len(self.elements), -np.inf)
        log_prior[some], curve = held_out_densities.of(some).prior()
        stays = energy._needed(log_prior)
        log_prior = log_prior[stays]
        assert energy._backgrounds is not None
        n_elements = len(self.elements) - len(energy._backgrounds.widths)
        energy = energy._restricted(stays[stays < n_elements])
        energy._held_out_densities = held_out_densities.of(stays)
        elements, validation_rows, units = self.elements, self.validation_rows, energy._units
        assert units is not None

        def unseen() -> list[HeldOutMixture]:
            joined = Quadratics.joined([elements[place] for place in stays], log_prior)
            answers = validation_rows.y * units.answer_unit + units.answer_origin
            return [HeldOutMixture(joined, answers, validation_rows.weight)]

        return LearnedDensity(
            energy=energy,
            params={"log_prior": log_prior},
            n_iter=len(curve),
            curve=curve,
            unseen=unseen,
            held=None,
            held_out_curve=[],
            converged=True,
            message="",
        )


def stack_densities(
    energy: BankEnergy,
    rows: Rows,
    *,
    rng: np.random.RandomState,
    progress: FitProgress,
    gradients: LearnGradients | None,
    validation: Rows | None,
) -> StackedDensities:
    """Let an energy count what it needs of the rows, and evaluate it on held-out rows.

    Parameters
    ----------
    energy : BankEnergy
    rows : Rows
        Of positive weight.
    rng : RandomState
    progress : FitProgress
        Is told of each fold and member that is learned.
    gradients : callable or None
        How members of a blend are learned that need gradients.
    validation : Rows or None
        Validation rows besides those that are left out; each counts as much as one of these.

    Raises
    ------
    ValueError
        If a setting cannot be used, or there are fewer rows than two.
    """
    energy._validate()
    if len(rows.y) < 2:
        raise ValueError(
            f"energy {type(energy).__name__} leaves rows out to learn, but there is "
            f"n_samples={len(rows.y)} of positive weight; pass two rows or more."
        )
    rows = relative(rows)
    units = units_of(rows.X, rows.y, rows.weight)
    in_units = Rows(units.rows(rows.X), units.answers(rows.y), rows.weight)
    folds = folds_of(rows.X, rng, progress)
    validation_rows, groups = in_units.take(folds.validation), folds.of_row[folds.validation]
    if isinstance(energy, Blend):
        energy = energy._of(members_of(energy, gradients))
    floor = np.maximum(units.resolution, NARROWEST)
    learned, elements = energy._fitted_with_own_location(in_units, folds, floor, rng)
    if validation is not None:
        X, y, weight = relative(validation)
        given = Rows(units.rows(X), units.answers(y), weight)
        validation_rows = validation_rows.joined(given)
        of_given = learned._elements_alone(given.X)
        elements = [Quadratics.stacked(two) for two in zip(elements, of_given, strict=True)]
    if validation is not None or (groups == groups[0]).all():
        groups = rng.permutation(len(validation_rows.y)) % min(GROUPS, len(validation_rows.y))
    learned._units, learned._floor = units, floor
    behind = BroadComponents.around(in_units.y, -np.inf).elements(len(validation_rows.y))
    log_density = bank_of([*elements, *behind], validation_rows.y)
    learned._backgrounds = BroadComponents.around(
        in_units.y, _height(log_density, validation_rows.weight)
    )
    least = np.concatenate([np.zeros(len(elements)), learned._backgrounds.least_prior])
    held_out_densities = HeldOutDensities(log_density, validation_rows.weight, least)
    return StackedDensities(
        learned, [*elements, *behind], validation_rows, groups, held_out_densities
    )


def _height(log_density: Array, weight: npt.NDArray[np.float64]) -> float:
    """log p(y | x) that a bank reaches where it is sure, given that of its elements (m, B)."""
    log_prior, _ = most_likely_prior(log_density, weight, np.zeros(log_density.shape[1]))
    return float(np.quantile(logsumexp(log_density + log_prior, axis=1), SURE))


def members_of(blend: Blend, gradients: LearnGradients | None) -> list[tuple[str, BankEnergy]]:
    """Return the members of a blend by name, ready to learn.

    Raises
    ------
    ValueError
        If they are no list or there are none, a name is not known, or two have the same.
    """
    if not isinstance(blend.members, list | tuple):
        raise ValueError(
            f"members={blend.members!r} of the blend must be 'auto', or a list of energies, each "
            "by name, as an object, or as a pair of a name and one of these."
        )
    members: list[tuple[str, BankEnergy]] = []
    for entry in blend.members:
        named = isinstance(entry, tuple) and len(entry) == 2
        name, choice = entry if named else (None, entry)
        energy: ConditionalEnergy = CONDITIONAL_ENERGIES.resolve(choice)
        name = name or CONDITIONAL_ENERGIES.name_of(energy)
        taken = {other for other, _ in members}
        if named and name in taken:
            raise ValueError(f"Two members of the blend are called {name!r}; rename one of them.")
        number = 2
        base_name = name
        while name in taken:
            name, number = f"{base_name}_{number}", number + 1
        if isinstance(energy, LatentEnergy):
            energy = GradientMember(energy, gradients)
        elif isinstance(energy, Blend):
            energy = energy._of(members_of(energy, gradients))
        assert isinstance(energy, BankEnergy)
        energy._validate()
        members.append((name, energy))
    if not members:
        raise ValueError("members of the blend is empty; name one energy or more, or use 'auto'.")
    return members
