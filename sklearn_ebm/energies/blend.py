"""Several energies as one: which of them applies is the latent variable."""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import copy
from itertools import pairwise
from typing import Any

import numpy as np

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies._bank.folds import Folds, LocationPrediction
from sklearn_ebm.energies._bank.locations import Location
from sklearn_ebm.energies._gaussian.quadratics import Quadratics
from sklearn_ebm.energies.banks import BACKGROUNDS, BankEnergy


class Blend(BankEnergy):
    r"""F(x, y) = −log Σ_b ρ_b p_b(y | x) over the elements b of the banks of several energies.

    Which energy applies is a latent variable, and its prior ρ is what is learned: by expectation
    maximisation, on samples that the energies had not seen. Samples with equal columns are left out
    together. All bandwidths and widths that the energies offer stay; none is selected.

    Parameters
    ----------
    members : "auto", or list of str, energy or (str, energy), default="auto"
        Energies by name or as objects, of any kind, if wanted with a name of their own. Those that
        are learned by gradients get two members for each fold of the samples, which leave it out.
        "auto" is all that suit the samples.
    base : "auto", regressor, or list of them, default="auto"
        What says where the answers are expected, for all members whose own ``base`` is "auto": a
        regressor, or a stack of them.

    Attributes
    ----------
    members_ : tuple of (str, BankEnergy)
        Name, and the energy as it was learned.
    sizes_ : tuple of int
        How many elements each of them has; none where only the location listens to it.
    seconds_ : dict of str to float
        What learning the location and each of the members took.
    labels_ : list of (str, int)
        Member and element, in the order of the prior; the backgrounds come last.
    inputs_ : tuple of str
        Members that the location listens to: those that were learned before it, and know more than
        their densities.

    References
    ----------
    Smyth, Wolpert, "Linearly combining density estimators via stacking", Machine Learning 36 (1999)
    59-83. :doi:`10.1023/A:1007511322260`

    Yao, Vehtari, Simpson, Gelman, "Using stacking to average Bayesian predictive distributions",
    Bayesian Analysis 13 (2018) 917-1007. :doi:`10.1214/17-BA1091`
    """

    traits = BankEnergy.traits._replace(takes_solver=True)
    members_: tuple[tuple[str, BankEnergy], ...] = ()
    sizes_: tuple[int, ...] = ()
    seconds_: dict[str, float] = {}  # noqa: RUF012 (never written to)
    inputs_: tuple[str, ...] = ()

    def __init__(self, members: Any = "auto", base: Any = "auto") -> None:
        self.members = members
        self.base = base

    def _of(self, members: Sequence[tuple[str, BankEnergy]]) -> Blend:
        """Return a copy with members that are ready to learn."""
        other = copy(self)
        other.members_ = tuple(members)
        return other

    @property
    def labels_(self) -> list[tuple[str, int]]:
        """Member and element of each entry of the prior."""
        backgrounds = self._settled("_backgrounds")
        labels = [
            (name, int(element))
            for (name, energy), size in zip(self.members_, self.sizes_, strict=True)
            for element in (
                range(size) if energy._kept_components is None else energy._kept_components[:size]
            )
        ]
        return labels + [(BACKGROUNDS, b) for b in range(len(backgrounds.widths))]

    def _places_of(self, member: str) -> Index:
        """Places of the elements of a member in the prior, and of the backgrounds."""
        names = np.array([name for name, _ in self.labels_])
        return np.flatnonzero((names == member) | (names == BACKGROUNDS))

    def _restricted(self, places: Index) -> Blend:
        """Return a copy that gives some elements only, by their places among all.

        A member of which no element is left goes, unless the location listens to it.
        """
        ends = np.cumsum([0, *self.sizes_])
        mine = [
            places[(places >= first) & (places < last)] - first for first, last in pairwise(ends)
        ]
        sized = list(zip(self.members_, mine, strict=True))
        located = any(_shares(energy) for (_, energy), some in sized if len(some))
        kept = [
            ((name, energy._restricted(some)), len(some))
            for (name, energy), some in sized
            if len(some) or (located and name in self.inputs_)
        ]
        other = copy(self)
        # None may be left: then only the backgrounds are left.
        other.members_ = tuple(member for member, _ in kept)
        other.sizes_ = tuple(size for _, size in kept)
        other._location = self._location if located else None
        return other

    def _fitted_with_own_location(
        self, rows: Rows, folds: Folds, floor: Array, rng: np.random.RandomState
    ) -> tuple[Blend, list[Quadratics]]:
        """`learned`: its location listens to members, and comes after them."""
        return self.learned(rows, folds, None, floor, rng)

    def learned(
        self,
        rows: Rows,
        folds: Folds,
        location: LocationPrediction | None,
        floor: Array,
        rng: np.random.RandomState,
    ) -> tuple[Blend, list[Quadratics]]:
        """Learn all members on the same folds; those that the location listens to come first.

        Where time is short another order may be chosen; where somebody asks to stop, what was
        learned so far is the blend.
        """
        other = copy(self)
        other._floor, other.seconds_, other.inputs_ = floor, {}, ()
        done: list[tuple[str, BankEnergy, list[Quadratics]]] = []
        # Each draws from a generator of its own: it does not depend on the energies beside it.
        seeds = rng.randint(np.iinfo(np.int32).max, size=len(self.members_) + 1)
        numbered = list(zip(self.members_, seeds[1:], strict=True))
        numbered.sort(key=lambda member: not member[0][1]._feeds_location)
        while numbered:
            place = folds.progress.next_of([name for (name, _), _ in numbered])
            (name, energy), seed = numbered.pop(place)
            if folds.progress.skips(name):
                continue
            if _shares(energy) and other._location is None:
                start = time.perf_counter()
                inputs = {name: one._out_of_fold for name, one, _ in done if one._out_of_fold}
                other.inputs_ = tuple(inputs)
                other._location, location = Location(self.base).learned(
                    rows, folds, np.random.RandomState(seeds[0]), list(inputs.values())
                )
                other.seconds_["location"] = time.perf_counter() - start
                folds.progress.ended("location")
            start = time.perf_counter()
            generator = np.random.RandomState(seed)
            if _shares(energy):
                learned, elements = energy.learned(rows, folds, location, floor, generator)
            else:
                learned, elements = energy._fitted_with_own_location(rows, folds, floor, generator)
            done.append((name, learned, elements))
            other.seconds_[name] = time.perf_counter() - start
            if folds.progress.ended(name):
                break
        for _, member, _ in done:
            member._out_of_fold = None
        other.members_ = tuple((name, learned) for name, learned, _ in done)
        other.sizes_ = tuple(len(elements) for *_, elements in done)
        return other, [element for *_, elements in done for element in elements]

    def _elements_alone(self, X: Array) -> list[Quadratics]:
        """Return the elements of all members."""
        return self.elements(X, None)

    def elements(self, X: Array, location: LocationPrediction | None) -> list[Quadratics]:
        """Return the elements of all members; the location is its own."""
        if self._location is not None:
            inputs = [
                energy.predict_moments(X) for name, energy in self.members_ if name in self.inputs_
            ]
            location = self._location(X, inputs)
        return [
            element
            for (_, energy), size in zip(self.members_, self.sizes_, strict=True)
            if size
            for element in (
                energy._spoken_elements(X, location)
                if _shares(energy)
                else energy._elements_alone(X)
            )
        ]

    def _width(self, n_answers: int) -> int:
        """Return how many numbers of each sample inference needs: of all members together."""
        return 1 + sum(energy._width(n_answers) for _, energy in self.members_)


def _shares(energy: BankEnergy) -> bool:
    """Whether it is handed the location of the blend."""
    return isinstance(energy.base, str) and energy.base == "auto" and not isinstance(energy, Blend)
