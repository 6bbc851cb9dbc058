"""A mixture of energies of several kinds."""

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
    r"""Mixture of energies of several kinds.

    F(x, y) = −log Σ_b ρ_b p_b(y | x),

    where the sum is over the elements b of the banks of all energies, and p_b are their densities.
    The index b is a latent variable. Its prior ρ is learned by density stacking: expectation
    maximisation on samples that were held out when the energies were learned. Samples with equal
    features are held out together. The blend contains all bandwidths of its energies.

    Parameters
    ----------
    members : "auto", or list of str, energy or (str, energy), default="auto"
        The energies, by name, as objects, or as pairs of a name and an object. An energy that is
        learned by gradients is learned twice without each fold. "auto" is all energies that suit
        the samples.
    base : "auto", regressor, or list of regressors, default="auto"
        Location of all energies whose own ``base`` is "auto": a regressor, or a stack of several.
        "auto" selects regressors that suit the samples.

    Attributes
    ----------
    members_ : tuple of (str, BankEnergy)
        Names and fitted energies.
    sizes_ : tuple of int
        Number of elements of each energy; 0 if it is only an input of the location.
    seconds_ : dict of str to float
        Time for learning the location and each of the energies, in seconds.
    labels_ : list of (str, int)
        Name of the energy and index of the element for each entry of the prior; the backgrounds
        come last.
    inputs_ : tuple of str
        Names of the energies whose predictions are inputs of the location.

    References
    ----------
    Smyth, Wolpert, "Linearly combining density estimators via stacking", Machine Learning 36 (1999)
    59-83. :doi:`10.1023/A:1007511322260`

    Yao, Vehtari, Simpson, Gelman, "Using stacking to average Bayesian predictive distributions",
    Bayesian Analysis 13 (2018) 917-1007. :doi:`10.1214/17-BA1091`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn_ebm import LatentEBMRegressor
    >>> from sklearn_ebm.energies import Blend, LocationScale, Memory
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> members = [Memory(n_trees=5), LocationScale(n_estimators=5)]
    >>> energy = Blend(members, base=Ridge(alpha=0.01))
    >>> reg = LatentEBMRegressor(energy, random_state=0).fit(X, 2 * X[:, 0])
    >>> reg.predict([[0.5]]).round(1).tolist()
    [1.0]
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
        """Return a copy with these energies as members."""
        other = copy(self)
        other.members_ = tuple(members)
        return other

    @property
    def labels_(self) -> list[tuple[str, int]]:
        """Name of the energy and index of the element for each entry of the prior."""
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
        """Positions in the prior of the elements of a member, and of the backgrounds."""
        names = np.array([name for name, _ in self.labels_])
        return np.flatnonzero((names == member) | (names == BACKGROUNDS))

    def _restricted(self, places: Index) -> Blend:
        """Return a copy with only some of the elements in use, by their positions in the prior.

        A member without elements is removed, unless it is an input of the location.
        """
        ends = np.cumsum([0, *self.sizes_])
        mine = [
            places[(places >= first) & (places < last)] - first for first, last in pairwise(ends)
        ]
        sized = list(zip(self.members_, mine, strict=True))
        located = any(_uses_location(energy) for (_, energy), some in sized if len(some))
        kept = [
            ((name, energy._restricted(some)), len(some))
            for (name, energy), some in sized
            if len(some) or (located and name in self.inputs_)
        ]
        other = copy(self)
        # If no member is left, the blend has only the backgrounds.
        other.members_ = tuple(member for member, _ in kept)
        other.sizes_ = tuple(size for _, size in kept)
        other._location = self._location if located else None
        return other

    def _fitted_with_own_location(
        self, rows: Rows, folds: Folds, floor: Array, rng: np.random.RandomState
    ) -> tuple[Blend, list[Quadratics]]:
        """Fit the members and the location, which may depend on members; see `learned`."""
        return self.learned(rows, folds, None, floor, rng)

    def learned(
        self,
        rows: Rows,
        folds: Folds,
        location: LocationPrediction | None,
        floor: Array,
        rng: np.random.RandomState,
    ) -> tuple[Blend, list[Quadratics]]:
        """Fit all members on the same folds, inputs of the location first; see ``BankEnergy``.

        A callback may change the order if time is limited. If learning is stopped, the blend
        consists of the members that are fitted up to then.

        Parameters
        ----------
        rows : Rows
            Samples: features ``X``, targets ``y`` and sample weights ``weight``.
        folds : Folds
            Folds of the samples, and indices of the validation samples.
        location : LocationPrediction or None
            Location of the samples.
        floor : ndarray of shape (n_outputs,)
            Smallest scale of each output, in standard deviations.
        rng : RandomState
            Source of random numbers.

        Returns
        -------
        learned : BankEnergy
            A copy, fitted to all samples.
        elements : list of Quadratics
            Out-of-fold densities of the samples ``folds.validation``, for each element of the bank.
        """
        other = copy(self)
        other._floor, other.seconds_, other.inputs_ = floor, {}, ()
        done: list[tuple[str, BankEnergy, list[Quadratics]]] = []
        # Each has its own generator, so that it does not depend on the other energies.
        seeds = rng.randint(np.iinfo(np.int32).max, size=len(self.members_) + 1)
        numbered = list(zip(self.members_, seeds[1:], strict=True))
        numbered.sort(key=lambda member: not member[0][1]._feeds_location)
        while numbered:
            place = folds.progress.next_of([name for (name, _), _ in numbered])
            (name, energy), seed = numbered.pop(place)
            if folds.progress.skips(name):
                continue
            if _uses_location(energy) and other._location is None:
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
            if _uses_location(energy):
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
        """Return the elements in use of all members."""
        return self.elements(X, None)

    def elements(self, X: Array, location: LocationPrediction | None) -> list[Quadratics]:
        """Return the elements of all members, with the location of the blend.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Samples with standardised features.
        location : LocationPrediction or None
            Location of the samples.

        Returns
        -------
        list of Quadratics
            Densities of the samples, for each element of the bank in use.
        """
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
                energy._elements_in_use(X, location)
                if _uses_location(energy)
                else energy._elements_alone(X)
            )
        ]

    def _width(self, n_answers: int) -> int:
        """Return the number of values kept for each sample, for all members together."""
        return 1 + sum(energy._width(n_answers) for _, energy in self.members_)


def _uses_location(energy: BankEnergy) -> bool:
    """Whether an energy uses the location of the blend."""
    return isinstance(energy.base, str) and energy.base == "auto" and not isinstance(energy, Blend)
