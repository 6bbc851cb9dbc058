"""The contract of an energy that is learnt by counting: a bank of densities, and a prior on it."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from copy import copy
from typing import Any, ClassVar, Self

import numpy as np

from sklearn_ebm._utils.parameters import Array, Index, Params
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm.energies._bank.backgrounds import Backgrounds
from sklearn_ebm.energies._bank.folds import Folds, Located, UnitRows
from sklearn_ebm.energies._bank.locations import Location
from sklearn_ebm.energies._bank.prior import Judgement
from sklearn_ebm.energies._gaussian.quadratics import Parabolas
from sklearn_ebm.energies.conditional import ConditionalEnergy

# Rows whose elements are held at a time, before they are reduced.
ROWS_AT_A_TIME = 1_024

# What the last elements are called.
BACKGROUNDS = "backgrounds"


class BankEnergy(ConditionalEnergy):
    r"""G(x, y, (b, z)) = −log ρ_b − log p_b(y, z | x): a bank of normalised densities.

    .. code-block:: none

        F(x, y) = −log Σ_b ρ_b Σ_z p_b(y, z | x)

    Each element b of the bank is a mixture of Gaussians of its own, counted from the rows. What is
    learnt by the likelihood is the prior ρ, from densities of rows that were left out. The last
    elements are backgrounds: Gaussians about the mean of all answers, whose prior never vanishes.

    Attributes
    ----------
    base : None, "auto", regressor, or list of them
        What says where the answers are expected. None is for an energy that needs no location.
        "auto" is a location with the regressors that suit the rows, the same for all members of a
        blend.
    location : Location or None
        As it was learnt; members of a blend are handed what that of the blend says.
    backgrounds : Backgrounds or None
        As they were learnt; members of a blend have none of their own.
    spoken : ndarray of int or None
        Numbers of the elements that it still gives; None for all.
    judgement : Judgement or None
        What rows that were not learnt from said of its elements.
    floor : ndarray of shape (q,) or None
        The least scale of each answer, in units.
    selective : bool
        Whether `elements` leaves out by itself what it no longer `speaks` for.
    companion : bool
        Whether the location of a blend listens to its `opinion`, besides those of regressors.
    out_of_fold : tuple of ndarray or None
        That opinion of the rows that are learnt from, while a blend is learnt.
    """

    normalized = True
    threads = True
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({},)
    settled: ClassVar[tuple[str, ...]] = (
        "units", "location", "backgrounds", "judgement", "spoken", "floor",
    )  # fmt: skip
    selective: ClassVar[bool] = False
    companion: ClassVar[bool] = False
    out_of_fold: tuple[Array, Array] | None = None
    base: Any = None
    location: Location | None = None
    backgrounds: Backgrounds | None = None
    judgement: Judgement | None = None
    spoken: Index | None = None
    floor: Array | None = None

    @property
    def narrowest(self) -> Array:
        """The least scale of each answer, in units, (q,)."""
        floor: Array = self._settled("floor")
        return floor

    @property
    def least_log_density(self) -> float:
        """What log p(y | x) is at least, in nats, for answers that the backgrounds reach.

        Of transformed answers, where the regressor has a ``y_transform_``.
        """
        least = self._settled("backgrounds").least_log_density - self._settled("units").log_unit
        return float(least)

    def validate(self) -> None:
        """Raise ValueError if a setting cannot be used; the message says what to do."""

    @abstractmethod
    def learnt(
        self,
        rows: UnitRows,
        folds: Folds,
        location: Located | None,
        floor: Array,
        rng: np.random.RandomState,
    ) -> tuple[Self, list[Parabolas]]:
        """Return a copy that knows the rows, and out-of-fold elements of ``folds.judged``.

        Parameters
        ----------
        rows : UnitRows
        folds : Folds
        location : Located or None
            Out of fold, of all rows.
        floor : ndarray of shape (q,)
            The least scale of each answer, in units.
        rng : RandomState

        Returns
        -------
        learnt : BankEnergy
        elements : list of Parabolas
            One for each element of the bank, of ``len(folds.judged)`` rows.
        """

    @abstractmethod
    def elements(self, X: Array, location: Located | None) -> list[Parabolas]:
        """Return the densities of the bank, each with ∫ Σ_z exp(−G) dy = 1, for rows in units.

        Where ``selective``, only those that it `speaks` for, by rising numbers.
        """

    def spoken_elements(self, X: Array, location: Located | None) -> list[Parabolas]:
        """`elements` that have a prior."""
        every = self.elements(X, location)
        if self.spoken is None or self.selective:
            return every
        return [every[element] for element in self.spoken]

    def speaks(self, element: int) -> bool:
        """Whether it still gives an element."""
        return self.spoken is None or element in self.spoken

    def needed(self, log_prior: Array) -> Index:
        """Places of the elements and backgrounds that have to stay: those with a prior."""
        return np.flatnonzero(np.isfinite(log_prior))

    def restricted(self, places: Index) -> Self:
        """Return a copy that gives some of its elements only, by their places among them."""
        other = copy(self)
        other.spoken = places if self.spoken is None else self.spoken[places]
        return other

    def opinion(self, X: Array) -> tuple[Array, Array]:
        """Mean and deviation of rows in units, (n, q) each, of a companion."""
        raise NotImplementedError

    def learnt_alone(
        self, rows: UnitRows, folds: Folds, floor: Array, rng: np.random.RandomState
    ) -> tuple[Self, list[Parabolas]]:
        """`learnt`, with a location of its own where it needs one."""
        if self.base is None:
            return self.learnt(rows, folds, None, floor, rng)
        location, located = Location(self.base).learnt(rows, folds, rng)
        other, elements = self.learnt(rows, folds, located, floor, rng)
        other.location = location
        return other, elements

    def elements_alone(self, X: Array) -> list[Parabolas]:
        """`elements`, with what its own location says."""
        return self.spoken_elements(X, None if self.location is None else self.location(X))

    @property
    def labels_(self) -> list[tuple[str, int]]:
        """What each entry of the prior belongs to; the backgrounds come last."""
        spoken, backgrounds = self._settled("spoken"), self._settled("backgrounds")
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()
        labels = [(name, int(element)) for element in spoken]
        return labels + [(BACKGROUNDS, b) for b in range(len(backgrounds.widths))]

    def speakers(self, params: Params, X: Any) -> Iterator[tuple[tuple[str, int], Parabolas]]:
        """Each element of the bank with its prior, and the backgrounds."""
        assert self.backgrounds is not None
        rows = self.represented(X)
        elements = [*self.elements_alone(rows), *self.backgrounds.elements(len(rows))]
        for label, element, prior in zip(self.labels_, elements, params["log_prior"], strict=True):
            yield label, element._replace(levels=element.levels - prior)

    def known(self, params: Params, X: Any) -> Parabolas:
        """All elements, with the prior ``params["log_prior"]``, as one mixture of each row.

        Mixtures of a scalar are reduced to a few hundred components; how little that changes is
        said in `sklearn_ebm.distributions.reduced`.
        """
        rows, log_prior = self.represented(X), params["log_prior"]
        starts = range(0, max(len(rows), 1), ROWS_AT_A_TIME)

        def block(start: int) -> Parabolas:
            return self._known_block(log_prior, rows[start : start + ROWS_AT_A_TIME])

        with Workers() as workers:
            return Parabolas.stacked(list(workers.map(block, starts)))

    def _known_block(self, log_prior: Array, rows: Array) -> Parabolas:
        assert self.backgrounds is not None
        elements = [*self.elements_alone(rows), *self.backgrounds.elements(len(rows))]
        return Parabolas.joined(elements, log_prior).reduced()
