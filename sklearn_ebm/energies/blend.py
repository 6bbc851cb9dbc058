"""Several energies as one: which of them speaks is the latent variable."""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import copy
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm.energies._bank.folds import Folds, Located, UnitRows
from sklearn_ebm.energies._bank.locations import Location
from sklearn_ebm.energies._gaussian.quadratics import Parabolas
from sklearn_ebm.energies.banks import BACKGROUNDS, BankEnergy


class Blend(BankEnergy):
    r"""F(x, y) = −log Σ_b ρ_b p_b(y | x) over the elements b of the banks of several energies.

    Which energy speaks is a latent variable, and its prior ρ is what is learnt: by expectation
    maximisation, on rows that the energies had not seen. Rows with equal columns are left out
    together. All bandwidths and widths that the energies offer stay; none is selected.

    Parameters
    ----------
    members : "auto", or list of str, energy or (str, energy), default="auto"
        Energies by name or as objects, of any kind, if wanted with a name of their own. Those that
        are learnt by gradients get two members for each fold of the rows, which leave it out.
        "auto" is all that suit the rows.
    base : "auto", regressor, or list of them, default="auto"
        What says where the answers are expected, for all members whose own ``base`` is "auto": a
        regressor, or a stack of them.

    Attributes
    ----------
    members_ : tuple of (str, BankEnergy)
        Name, and the energy as it was learnt.
    sizes_ : tuple of int
        How many elements each of them has; none where only the location listens to it.
    seconds_ : dict of str to float
        What learning the location and each of the members took.
    labels_ : list of (str, int)
        Member and element, in the order of the prior; the backgrounds come last.
    heard_ : tuple of str
        Members that the location listens to: those that were learnt before it, and know more than
        their densities.

    References
    ----------
    Smyth, Wolpert, "Linearly combining density estimators via stacking", Machine Learning 36 (1999)
    59-83. :doi:`10.1023/A:1007511322260`

    Yao, Vehtari, Simpson, Gelman, "Using stacking to average Bayesian predictive distributions",
    Bayesian Analysis 13 (2018) 917-1007. :doi:`10.1214/17-BA1091`
    """

    settled: ClassVar[tuple[str, ...]] = (
        *BankEnergy.settled, "members_", "sizes_", "seconds_", "heard_",
    )  # fmt: skip
    members_: tuple[tuple[str, BankEnergy], ...] = ()
    sizes_: tuple[int, ...] = ()
    seconds_: dict[str, float] = {}  # noqa: RUF012 (never written to)
    heard_: tuple[str, ...] = ()

    def __init__(self, members: Any = "auto", base: Any = "auto") -> None:
        self.members = members
        self.base = base

    def of(self, members: Sequence[tuple[str, BankEnergy]]) -> Blend:
        """Return a copy with members that are ready to learn."""
        other = copy(self)
        other.members_ = tuple(members)
        return other

    @property
    def labels_(self) -> list[tuple[str, int]]:
        """Member and element of each entry of the prior."""
        backgrounds = self._settled("backgrounds")
        labels = [
            (name, int(element))
            for (name, energy), size in zip(self.members_, self.sizes_, strict=True)
            for element in (range(size) if energy.spoken is None else energy.spoken[:size])
        ]
        return labels + [(BACKGROUNDS, b) for b in range(len(backgrounds.widths))]

    def places_of(self, member: str) -> Index:
        """Places of the elements of a member in the prior, and of the backgrounds."""
        names = np.array([name for name, _ in self.labels_])
        return np.flatnonzero((names == member) | (names == BACKGROUNDS))

    def restricted(self, places: Index) -> Blend:
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
            ((name, energy.restricted(some)), len(some))
            for (name, energy), some in sized
            if len(some) or (located and name in self.heard_)
        ]
        other = copy(self)
        # None may be left: then the backgrounds speak alone.
        other.members_ = tuple(member for member, _ in kept)
        other.sizes_ = tuple(size for _, size in kept)
        other.location = self.location if located else None
        return other

    def learnt_alone(
        self, rows: UnitRows, folds: Folds, floor: Array, rng: np.random.RandomState
    ) -> tuple[Blend, list[Parabolas]]:
        """`learnt`: its location listens to members, and comes after them."""
        return self.learnt(rows, folds, None, floor, rng)

    def learnt(
        self,
        rows: UnitRows,
        folds: Folds,
        location: Located | None,
        floor: Array,
        rng: np.random.RandomState,
    ) -> tuple[Blend, list[Parabolas]]:
        """Learn all members on the same folds; those that the location listens to come first.

        Where time is short another order may be chosen; where somebody asks to stop, what was
        learnt so far is the blend.
        """
        other = copy(self)
        other.floor, other.seconds_, other.heard_ = floor, {}, ()
        done: list[tuple[str, BankEnergy, list[Parabolas]]] = []
        # Each draws from a generator of its own: it is the same whoever learns beside it.
        seeds = rng.randint(np.iinfo(np.int32).max, size=len(self.members_) + 1)
        numbered = list(zip(self.members_, seeds[1:], strict=True))
        numbered.sort(key=lambda member: not member[0][1].companion)
        while numbered:
            place = folds.progress.next_of([name for (name, _), _ in numbered])
            (name, energy), seed = numbered.pop(place)
            if folds.progress.skips(name):
                continue
            if _shares(energy) and other.location is None:
                start = time.perf_counter()
                heard = {name: one.out_of_fold for name, one, _ in done if one.out_of_fold}
                other.heard_ = tuple(heard)
                other.location, location = Location(self.base).learnt(
                    rows, folds, np.random.RandomState(seeds[0]), list(heard.values())
                )
                other.seconds_["location"] = time.perf_counter() - start
                folds.progress.ended("location")
            start = time.perf_counter()
            generator = np.random.RandomState(seed)
            if _shares(energy):
                learnt, elements = energy.learnt(rows, folds, location, floor, generator)
            else:
                learnt, elements = energy.learnt_alone(rows, folds, floor, generator)
            done.append((name, learnt, elements))
            other.seconds_[name] = time.perf_counter() - start
            if folds.progress.ended(name):
                break
        for _, member, _ in done:
            member.out_of_fold = None
        other.members_ = tuple((name, learnt) for name, learnt, _ in done)
        other.sizes_ = tuple(len(elements) for *_, elements in done)
        return other, [element for *_, elements in done for element in elements]

    def elements_alone(self, X: Array) -> list[Parabolas]:
        """Return the elements of all members."""
        return self.elements(X, None)

    def elements(self, X: Array, location: Located | None) -> list[Parabolas]:
        """Return the elements of all members; the location is its own."""
        if self.location is not None:
            heard = [energy.opinion(X) for name, energy in self.members_ if name in self.heard_]
            location = self.location(X, heard)
        return [
            element
            for (_, energy), size in zip(self.members_, self.sizes_, strict=True)
            if size
            for element in (
                energy.spoken_elements(X, location) if _shares(energy) else energy.elements_alone(X)
            )
        ]

    def width(self, n_features: int, n_answers: int) -> int:
        """Return how many numbers of each row inference needs: of all members together."""
        return 1 + sum(energy.width(n_features, n_answers) for _, energy in self.members_)


def _shares(energy: BankEnergy) -> bool:
    """Whether it is handed the location of the blend."""
    return isinstance(energy.base, str) and energy.base == "auto" and not isinstance(energy, Blend)
