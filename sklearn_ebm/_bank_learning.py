"""From a bank of densities and data to its prior: folds, what each energy counts, and EM."""

from __future__ import annotations

from copy import copy
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sklearn_ebm._density_learning import LearnedDensity
from sklearn_ebm._gradient_member import GradientMember, LearnGradients
from sklearn_ebm._members import Answers
from sklearn_ebm._params import Array
from sklearn_ebm._widths import Unseen
from sklearn_ebm.energies import CONDITIONAL_ENERGIES
from sklearn_ebm.energies.backgrounds import Backgrounds
from sklearn_ebm.energies.banks import BankEnergy, bank_of, most_likely_prior
from sklearn_ebm.energies.blend import Blend
from sklearn_ebm.energies.conditional import ConditionalEnergy
from sklearn_ebm.energies.folds import Progress, UnitRows, folds_of
from sklearn_ebm.energies.latent import LatentEnergy
from sklearn_ebm.energies.laws import Parabolas
from sklearn_ebm.energies.units import units_of

# No density is narrower than this, in deviations of y.
NARROWEST = float(np.exp(-7))

# An element with a smaller prior is left out.
LEAST_PRIOR = 1e-5


class Judgement(NamedTuple):
    """What rows that were not learnt from say of a bank.

    Attributes
    ----------
    log_density : ndarray of shape (m, B)
        Of the answer of each row under each element, in units.
    weight : ndarray of shape (m,)
    least : ndarray of shape (B,)
        What the prior of each element is at least.
    """

    log_density: Array
    weight: npt.NDArray[np.float64]
    least: Array

    def prior(self) -> tuple[Array, Array]:
        """Return the most likely log prior, and the loss in each round."""
        log_prior, curve = most_likely_prior(self.log_density, self.weight, self.least)
        small = np.exp(log_prior) < np.maximum(LEAST_PRIOR, 0.5 * self.least)
        log_prior[small & (self.least == 0)] = -np.inf
        return log_prior - np.logaddexp.reduce(log_prior), curve


def learn_bank(
    energy: BankEnergy,
    rows: Answers,
    *,
    rng: np.random.RandomState,
    progress: Progress,
    gradients: LearnGradients,
    validation: Answers | None,
) -> tuple[LearnedDensity, Judgement]:
    """Let an energy count what it needs of the rows, and find the prior of its elements.

    Parameters
    ----------
    energy : BankEnergy
    rows : Answers
        Of positive weight.
    rng : RandomState
    progress : Progress
        Is told of each fold and member that is learnt.
    gradients : callable
        How members of a blend are learnt that need gradients.
    validation : Answers or None
        Rows that judge in place of rows that are left out.
    """
    energy.validate()
    units = units_of(rows.X, rows.y, rows.weight)
    in_units = UnitRows(units.rows(rows.X), units.answers(rows.y), rows.weight)
    floor = np.maximum(units.resolution, NARROWEST)
    folds = folds_of(in_units.X, rng, progress)
    judging = in_units.take(folds.judged)
    if validation is not None:
        judging = UnitRows(units.rows(validation.X), units.answers(validation.y), validation.weight)
        folds = folds._replace(judged=np.empty(0, dtype=np.intp))
    ready = copy(energy)
    if isinstance(ready, Blend):
        ready = ready.of(members_of(ready, gradients))
    learnt, elements = ready.learnt_alone(in_units, folds, floor, rng)
    if validation is not None:
        elements = learnt.elements_alone(judging.X)
    learnt.units, learnt.floor = units, floor
    learnt.backgrounds = Backgrounds.around(in_units.y, len(judging.y))
    elements = [*elements, *learnt.backgrounds.elements(len(judging.y))]
    judgement = Judgement(
        bank_of(elements, judging.y),
        judging.weight,
        np.repeat(
            [0.0, learnt.backgrounds.least_prior],
            [len(elements) - len(learnt.backgrounds.widths), len(learnt.backgrounds.widths)],
        ),
    )
    log_prior, curve = judgement.prior()
    spoken = np.flatnonzero(np.isfinite(log_prior))

    def unseen() -> list[Unseen]:
        joined = Parabolas.joined([elements[b] for b in spoken], log_prior[spoken])
        answers = judging.y * units.answer_unit + units.answer_origin
        return [Unseen(joined, answers, judging.weight)]

    learned = LearnedDensity(
        energy=learnt,
        params={"log_prior": log_prior},
        n_iter=len(curve),
        curve=curve,
        unseen=unseen,
        held=None,
        held_out_curve=[],
        converged=True,
        message="",
    )
    return learned, judgement


def members_of(blend: Blend, gradients: LearnGradients) -> list[tuple[str, BankEnergy]]:
    """Return the members of a blend by name, ready to learn.

    Raises
    ------
    ValueError
        If there are none, a name is not known, or two have the same.
    """
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
            energy = energy.of(members_of(energy, gradients))
        assert isinstance(energy, BankEnergy)
        energy.validate()
        members.append((name, energy))
    if not members:
        raise ValueError("members of the blend is empty; name one energy or more, or use 'auto'.")
    return members
