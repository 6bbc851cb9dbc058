"""The contract of an energy learned by density stacking: a bank of densities and its prior."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from copy import copy
from typing import Any, ClassVar, Self

import numpy as np

from sklearn_ebm._utils.parameters import Array, Index, Params
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm.energies._bank.backgrounds import BroadComponents
from sklearn_ebm.energies._bank.folds import Folds, LocationPrediction
from sklearn_ebm.energies._bank.locations import Location
from sklearn_ebm.energies._bank.prior import HeldOutDensities
from sklearn_ebm.energies._gaussian.quadratics import Quadratics
from sklearn_ebm.energies.base import Traits
from sklearn_ebm.energies.conditional import ConditionalEnergy

# Rows whose elements are held at a time, before they are reduced.
ROWS_AT_A_TIME = 1_024

# What the last elements are called.
BACKGROUNDS = "backgrounds"


class BankEnergy(ConditionalEnergy):
    r"""G(x, y, (b, z)) = −log ρ_b − log p_b(y, z | x): a bank of normalised densities.

    .. code-block:: none

        F(x, y) = −log Σ_b ρ_b Σ_z p_b(y, z | x)

    Each element b of the bank is a mixture of Gaussians of its own, counted from the samples. What
    is learned by the likelihood is the prior ρ, from densities of samples that were left out. The
    last elements are backgrounds: Gaussians about the mean of all answers, whose prior never
    vanishes.

    Attributes
    ----------
    base : None, "auto", regressor, or list of them
        What says where the answers are expected. None is for an energy that needs no location.
        "auto" is a location with the regressors that suit the samples, the same for all members of
        a blend.
    location : Location or None
        As it was learned; members of a blend are handed what that of the blend says.
    backgrounds : BroadComponents or None
        As they were learned; members of a blend have none of their own.
    kept_components : ndarray of int or None
        Numbers of the elements that it still gives; None for all.
    held_out_densities : HeldOutDensities or None
        What samples that were not learned from said of its elements.
    floor : ndarray of shape (n_outputs,) or None
        The least scale of each answer, in units.
    selective : bool
        Whether `elements` leaves out by itself what it no longer `_keeps` for.
    feeds_location : bool
        Whether the location of a blend listens to its `predict_moments`, besides those of
        regressors.
    out_of_fold : tuple of ndarray or None
        Its predictions of the training samples, while a blend is fitted.
    """

    traits = Traits(normalized=True, stacked=True, takes_solver=False)
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({},)
    _selective: ClassVar[bool] = False
    _feeds_location: ClassVar[bool] = False
    _out_of_fold: tuple[Array, Array] | None = None
    base: Any = None
    _location: Location | None = None
    _backgrounds: BroadComponents | None = None
    _held_out_densities: HeldOutDensities | None = None
    _kept_components: Index | None = None
    _floor: Array | None = None

    @property
    def _smallest_scale(self) -> Array:
        """The least scale of each answer, in units, (q,)."""
        floor: Array = self._settled("_floor")
        return floor

    @property
    def least_log_density(self) -> float:
        """What log p(y | x) is at least, in nats, for answers that the backgrounds reach.

        Of transformed answers, where the regressor has a ``y_transform_``.
        """
        least = self._settled("_backgrounds").least_log_density - self._settled("_units").log_unit
        return float(least)

    def _validate(self) -> None:
        """Raise ValueError if a setting cannot be used; the message says what to do."""

    @abstractmethod
    def learned(
        self,
        rows: Rows,
        folds: Folds,
        location: LocationPrediction | None,
        floor: Array,
        rng: np.random.RandomState,
    ) -> tuple[Self, list[Quadratics]]:
        """Return a fitted copy, and out-of-fold elements of ``folds.validation``.

        Parameters
        ----------
        rows : Rows
        folds : Folds
        location : LocationPrediction or None
            Out of fold, of all samples.
        floor : ndarray of shape (n_outputs,)
            The least scale of each answer, in units.
        rng : RandomState

        Returns
        -------
        learned : BankEnergy
        elements : list of Quadratics
            One for each element of the bank, of ``len(folds.validation)`` samples.
        """

    @abstractmethod
    def elements(self, X: Array, location: LocationPrediction | None) -> list[Quadratics]:
        """Return the densities of the bank, each with ∫ Σ_z exp(−G) dy = 1, for samples in units.

        Where ``_selective``, only those that it `_keeps` for, by rising numbers.
        """

    def _spoken_elements(self, X: Array, location: LocationPrediction | None) -> list[Quadratics]:
        """`elements` that have a prior."""
        every = self.elements(X, location)
        if self._kept_components is None or self._selective:
            return every
        return [every[element] for element in self._kept_components]

    def _keeps(self, element: int) -> bool:
        """Whether it still gives an element."""
        return self._kept_components is None or element in self._kept_components

    def _needed(self, log_prior: Array) -> Index:
        """Places of the elements and backgrounds that have to stay: those with a prior."""
        return np.flatnonzero(np.isfinite(log_prior))

    def _restricted(self, places: Index) -> Self:
        """Return a copy that gives some of its elements only, by their places among them."""
        other = copy(self)
        other._kept_components = (
            places if self._kept_components is None else self._kept_components[places]
        )
        return other

    def predict_moments(self, X: Array) -> tuple[Array, Array]:
        """Mean and standard deviation in units, (n, q) each, for the location of a blend."""
        raise NotImplementedError

    def _fitted_with_own_location(
        self, rows: Rows, folds: Folds, floor: Array, rng: np.random.RandomState
    ) -> tuple[Self, list[Quadratics]]:
        """`learned`, with a location of its own where it needs one."""
        if self.base is None:
            return self.learned(rows, folds, None, floor, rng)
        location, located = Location(self.base).learned(rows, folds, rng)
        other, elements = self.learned(rows, folds, located, floor, rng)
        other._location = location
        return other, elements

    def _elements_alone(self, X: Array) -> list[Quadratics]:
        """`elements`, with what its own location says."""
        return self._spoken_elements(X, None if self._location is None else self._location(X))

    @property
    def labels_(self) -> list[tuple[str, int]]:
        """What each entry of the prior belongs to; the backgrounds come last."""
        kept_components, backgrounds = (
            self._settled("_kept_components"),
            self._settled("_backgrounds"),
        )
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()
        labels = [(name, int(element)) for element in kept_components]
        return labels + [(BACKGROUNDS, b) for b in range(len(backgrounds.widths))]

    def _latent_groups(
        self, params: Params, X: Any
    ) -> Iterator[tuple[tuple[str, int], Quadratics]]:
        """Each element of the bank with its prior, and the backgrounds."""
        assert self._backgrounds is not None
        rows = self._standardize_rows(X)
        elements = [*self._elements_alone(rows), *self._backgrounds.elements(len(rows))]
        for label, element, prior in zip(self.labels_, elements, params["log_prior"], strict=True):
            yield label, element._replace(levels=element.levels - prior)

    def _quadratics(self, params: Params, X: Any) -> Quadratics:
        """All elements, with the prior ``params["log_prior"]``, as one mixture of each sample.

        Mixtures of a scalar are reduced to a few hundred components; how little that changes is
        said in `sklearn_ebm.distributions.reduced`.
        """
        rows, log_prior = self._standardize_rows(X), params["log_prior"]
        starts = range(0, max(len(rows), 1), ROWS_AT_A_TIME)

        def block(start: int) -> Quadratics:
            return self._quadratics_of_block(log_prior, rows[start : start + ROWS_AT_A_TIME])

        with Workers() as workers:
            return Quadratics.stacked(list(workers.map(block, starts)))

    def _quadratics_of_block(self, log_prior: Array, rows: Array) -> Quadratics:
        assert self._backgrounds is not None
        elements = [*self._elements_alone(rows), *self._backgrounds.elements(len(rows))]
        return Quadratics.joined(elements, log_prior).reduced()
