"""Density stacking: out-of-fold densities of the elements of a bank, and their prior."""

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
from sklearn_ebm.energies.free_form import FreeFormEnergy
from sklearn_ebm.energies.latent import LatentEnergy
from sklearn_ebm.learning.densities.ensemble_bank import GradientMember, LearnGradients
from sklearn_ebm.learning.densities.gradient_fit import LearnedDensity
from sklearn_ebm.learning.densities.rows import relative
from sklearn_ebm.learning.densities.widths import HeldOutMixture

# Quantile of log p(y | x) of the validation rows that counts as the height of the densities.
SURE = 0.9

# Number of groups of validation rows that are not in folds, for the evaluation of priors.
GROUPS = 5


class StackedDensities(NamedTuple):
    """A fitted bank of densities, before the prior is learned.

    Attributes
    ----------
    energy : BankEnergy
        The fitted energy.
    elements : list of Quadratics
        Out-of-fold elements of the validation rows.
    validation_rows : Rows
        The validation rows.
    groups : ndarray of int of shape (m,)
        Groups of validation rows that are held out together: folds, or parts of equal size.
    held_out_densities : HeldOutDensities
        Densities of the elements at the validation rows.
    """

    energy: BankEnergy
    elements: list[Quadratics]
    validation_rows: Rows
    groups: Index
    held_out_densities: HeldOutDensities

    def concluded(self, places: Index | None = None) -> LearnedDensity:
        """Learn the prior of the elements, and remove elements with the prior 0.

        Parameters
        ----------
        places : ndarray of int, default=None
            Positions of the elements to be used; None uses all.

        Returns
        -------
        LearnedDensity
            Energy with its prior.
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
    """Fit the densities of a bank, and evaluate them on held-out rows.

    Parameters
    ----------
    energy : BankEnergy
        The energy.
    rows : Rows
        Rows of positive weight.
    rng : RandomState
        Source of random numbers.
    progress : FitProgress
        Callbacks after each fold and member.
    gradients : callable or None
        Function that learns members of a blend by gradients.
    validation : Rows or None
        Further validation rows, in addition to the out-of-fold rows and with the same weight.

    Returns
    -------
    StackedDensities
        The fitted energy, and the densities of its elements.

    Raises
    ------
    ValueError
        If a parameter is invalid, or if there are fewer than two rows.
    """
    energy._validate()
    if len(rows.y) < 2:
        raise ValueError(
            f"energy {type(energy).__name__} needs held-out rows, but there is "
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
    """Upper quantile of log p(y | x) of a bank, from the log-densities of its elements (m, B)."""
    log_prior, _ = most_likely_prior(log_density, weight, np.zeros(log_density.shape[1]))
    return float(np.quantile(logsumexp(log_density + log_prior, axis=1), SURE))


def members_of(blend: Blend, gradients: LearnGradients | None) -> list[tuple[str, BankEnergy]]:
    """Return the names and energies of the members of a blend.

    Raises
    ------
    ValueError
        If `members` is not a list or is empty, a name is not known or occurs twice, or the
        density of a member has no closed form.
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
        elif isinstance(energy, FreeFormEnergy):
            raise ValueError(
                f"Member {name!r} of the blend has a partition function that is estimated, and a "
                "blend needs densities in closed form; leave it out of members, and learn it "
                "alone, as energy of the regressor."
            )
        assert isinstance(energy, BankEnergy)
        energy._validate()
        members.append((name, energy))
    if not members:
        raise ValueError("members of the blend is empty; name one energy or more, or use 'auto'.")
    return members
