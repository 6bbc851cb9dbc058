"""Energies that are learned by gradients, as members of a blend."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from sklearn.base import clone

from sklearn_ebm._utils.parameters import Array, Index, Params
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies._bank.folds import Folds, LocationPrediction
from sklearn_ebm.energies._gaussian.quadratics import Quadratics, Widths
from sklearn_ebm.energies.banks import BankEnergy
from sklearn_ebm.energies.latent import LatentEnergy
from sklearn_ebm.learning.densities.ensemble import GROUP, Division, fold_rows, sharper_than_groups
from sklearn_ebm.learning.densities.gradient_fit import LearnedDensity
from sklearn_ebm.learning.densities.widths import FACTORS

#: Function (energy, rows, division, generator) that learns an energy.
LearnGradients: TypeAlias = Callable[
    [LatentEnergy, Rows, Division, np.random.RandomState], LearnedDensity
]


class GradientMember(BankEnergy):
    """Energy that is learned by gradients, with two ensemble members for each fold.

    Both members leave out their fold and predict it. Each factor of the widths is an element of the
    bank.

    Parameters
    ----------
    energy : LatentEnergy
        The energy.
    learn : callable
        Function that learns it.

    Attributes
    ----------
    params_ : dict of str to ndarray
        Learned parameters.
    sharper_ : float
        Factor of β of all members, relative to two members.
    """

    _feeds_location = True
    _selective = True
    params_: Params
    sharper_: float

    def __init__(self, energy: LatentEnergy, learn: LearnGradients | None = None) -> None:
        self.energy = energy
        self.learn = learn

    def learned(
        self,
        rows: Rows,
        folds: Folds,
        location: LocationPrediction | None,
        floor: Array,
        rng: np.random.RandomState,
    ) -> tuple[GradientMember, list[Quadratics]]:
        """Learn the energy, and compute out-of-fold densities; see `BankEnergy`."""
        assert self.learn is not None
        energy = clone(self.energy)
        if "n_members" not in energy.get_params():
            raise ValueError(
                f"energy {type(energy).__name__} has no parameter n_members, but a blend needs two "
                "members for each fold of the rows; give it one, or use it alone."
            )
        energy.set_params(n_members=GROUP * folds.n_folds)

        def divide(n_rows: int, n_members: int, rng: np.random.RandomState) -> tuple[Index, Index]:
            return fold_rows(n_rows, n_members, rng, folds.of_row)

        learned = self.learn(energy, Rows(*rows), divide, rng)
        assert isinstance(learned.energy, LatentEnergy) and learned.held is not None
        other = GradientMember(learned.energy._widened(None))
        other.params_, other._floor = (
            learned.params,
            np.maximum(floor, other.energy._smallest_scale),
        )
        pieces = learned.unseen()
        other.sharper_ = sharper_than_groups(other.energy, other.params_, learned.held, pieces)
        return other, other._left_out(rows, folds)

    def _left_out(self, rows: Rows, folds: Folds) -> list[Quadratics]:
        """Out-of-fold elements of the validation rows; also stores moments of all rows."""
        mean, deviation = np.empty_like(rows.y), np.empty_like(rows.y)
        blocks, places = [], []
        for fold in range(folds.n_folds):
            left_out = np.flatnonzero(folds.of_row == fold)
            pair = [*range(GROUP * fold, GROUP * (fold + 1))]
            predicted = self._standardized_quadratics(rows.X[left_out], pair)
            mean[left_out], deviation[left_out] = predicted.moments()
            validation = np.flatnonzero(np.isin(left_out, folds.validation, assume_unique=True))
            blocks.append(predicted.take(validation))
            places.append(left_out[validation])
            folds.progress.ended("fold")
        self._out_of_fold = mean, deviation
        joined = Quadratics.stacked(blocks).take(np.argsort(np.concatenate(places)))
        return self._widened(joined, 1.0)

    def _standardized_quadratics(self, X: Array, members: list[int] | None = None) -> Quadratics:
        """Energies of standardised rows, with the prior 1/M of the M members."""
        units = self.energy._units
        assert units is not None
        predicted = self.energy._unwidened(self.params_, X, members).in_units(units)
        n_members = self.energy.n_members if members is None else len(members)
        return predicted._replace(levels=predicted.levels + np.log(n_members))

    def _widened(self, quadratics: Quadratics, sharper: float) -> list[Quadratics]:
        assert self._floor is not None
        return [
            quadratics.widened(Widths.single(factor / np.sqrt(sharper)), self._floor)
            for element, factor in enumerate(FACTORS)
            if self._keeps(element)
        ]

    def predict_moments(self, X: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of standardised answers, (n, q) each; see `BankEnergy`."""
        return self._standardized_quadratics(X).moments()

    def elements(self, X: Array, location: LocationPrediction | None) -> list[Quadratics]:
        """Return one element for each factor of the widths; see `BankEnergy`."""
        return self._widened(self._standardized_quadratics(X), self.sharper_)

    def _width(self, n_answers: int) -> int:
        """Return the number of values kept for each sample, which limits the size of blocks."""
        return len(FACTORS) * self.energy._width(n_answers)
