"""Base class of energies that are learned by density stacking."""

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
from sklearn_ebm.energies.quadratic import QuadraticEnergy

# Number of rows whose elements are in memory at the same time, before they are reduced.
ROWS_AT_A_TIME = 1_024

# Label of the last elements.
BACKGROUNDS = "backgrounds"


class BankEnergy(QuadraticEnergy):
    r"""Base class of energies that are mixtures of a bank of normalised densities.

    .. code-block:: none

        G(x, y, (b, z)) = −log ρ_b − log p_b(y, z | x)
        F(x, y)         = −log Σ_b ρ_b Σ_z p_b(y, z | x)

    The elements b of the bank are densities p_b, each a mixture of Gaussians z that is estimated
    from the samples. Their prior ρ, the mixing weights, maximises the likelihood of held-out
    samples (density stacking). The last elements are backgrounds: wide Gaussians around the mean of
    all answers, whose prior is never zero.

    Attributes
    ----------
    base : None, "auto", regressor, or list of regressors
        Location of the answers, a prediction of y: a regressor, or a stack of several. "auto"
        selects regressors that suit the samples; all energies of a blend share this location. None
        is for an energy without a location.
    """

    # Private attributes, which learning sets:
    # _location: fitted location; energies of a blend receive the predictions of its location.
    # _backgrounds: fitted backgrounds; energies of a blend have none.
    # _kept_components: indices of the elements in use; None for all.
    # _held_out_densities: densities of the elements at held-out samples.
    # _floor: smallest scale of each output, in standard deviations, (n_outputs,).
    # _selective: whether `elements` itself omits elements that are not in use.
    # _feeds_location: whether the location of a blend uses `predict_moments` as an input.
    # _out_of_fold: out-of-fold predictions of the samples, while a blend is fitted.

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
        """The smallest scale of each output, in standard deviations, (q,)."""
        floor: Array = self._settled("_floor")
        return floor

    @property
    def least_log_density(self) -> float:
        """Lower bound of log p(y | x), in nats, for y in the range of the backgrounds.

        If the regressor has a ``y_transform_``, it is for the transformed y.
        """
        least = self._settled("_backgrounds").least_log_density - self._settled("_units").log_unit
        return float(least)

    def _validate(self) -> None:
        """Raise ValueError if a parameter is invalid; the message explains what to change."""

    @abstractmethod
    def learned(
        self,
        rows: Rows,
        folds: Folds,
        location: LocationPrediction | None,
        floor: Array,
        rng: np.random.RandomState,
    ) -> tuple[Self, list[Quadratics]]:
        """Fit the densities to all samples, and out of fold.

        Parameters
        ----------
        rows : Rows
            Standardised samples: features ``X``, targets ``y`` and sample weights ``weight``.
        folds : Folds
            Folds of the samples, and indices of the validation samples.
        location : LocationPrediction or None
            Out-of-fold location of all samples.
        floor : ndarray of shape (n_outputs,)
            Smallest scale of each output, in standard deviations.
        rng : RandomState
            Source of random numbers.

        Returns
        -------
        learned : BankEnergy
            A copy, fitted to all samples.
        elements : list of Quadratics
            Out-of-fold densities of the samples ``folds.validation``, one entry for each element of
            the bank.
        """

    @abstractmethod
    def elements(self, X: Array, location: LocationPrediction | None) -> list[Quadratics]:
        """Return the densities of the bank, each with ∫ Σ_z exp(−G) dy = 1.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Samples with standardised features.
        location : LocationPrediction or None
            Location of the samples.

        Returns
        -------
        list of Quadratics
            One entry for each element of the bank, or for each element in use.
        """

    def _elements_in_use(self, X: Array, location: LocationPrediction | None) -> list[Quadratics]:
        """Return the elements with a prior above zero."""
        elements = self.elements(X, location)
        if self._kept_components is None or self._selective:
            return elements
        return [elements[element] for element in self._kept_components]

    def _keeps(self, element: int) -> bool:
        """Whether an element is in use."""
        return self._kept_components is None or element in self._kept_components

    def _needed(self, log_prior: Array) -> Index:
        """Positions of the elements and backgrounds with a prior above zero."""
        return np.flatnonzero(np.isfinite(log_prior))

    def _restricted(self, places: Index) -> Self:
        """Return a copy with only some of the elements in use, by their positions among them."""
        other = copy(self)
        other._kept_components = (
            places if self._kept_components is None else self._kept_components[places]
        )
        return other

    def predict_moments(self, X: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of the answers, as inputs of the location of a blend.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Samples with standardised features.

        Returns
        -------
        mean, deviation : ndarray of shape (n_samples, n_outputs)
            In units of the standard deviation of each output.
        """
        raise NotImplementedError

    def _fitted_with_own_location(
        self, rows: Rows, folds: Folds, floor: Array, rng: np.random.RandomState
    ) -> tuple[Self, list[Quadratics]]:
        """Fit a location if the energy has one, and the densities; see `learned`."""
        if self.base is None:
            return self.learned(rows, folds, None, floor, rng)
        location, located = Location(self.base).learned(rows, folds, rng)
        other, elements = self.learned(rows, folds, located, floor, rng)
        other._location = location
        return other, elements

    def _elements_alone(self, X: Array) -> list[Quadratics]:
        """Return the elements in use, with the location of this energy."""
        return self._elements_in_use(X, None if self._location is None else self._location(X))

    @property
    def labels_(self) -> list[tuple[str, int]]:
        """Label of each entry of the prior, a name and a number; the backgrounds come last."""
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
        """Yield the label and the energies of each element and background."""
        assert self._backgrounds is not None
        rows = self._standardize_rows(X)
        elements = [*self._elements_alone(rows), *self._backgrounds.elements(len(rows))]
        for label, element, prior in zip(self.labels_, elements, params["log_prior"], strict=True):
            yield label, element._replace(levels=element.levels - prior)

    def _quadratics(self, params: Params, X: Any) -> Quadratics:
        """All elements, with the prior ``params["log_prior"]``, as one mixture for each sample.

        Mixtures for a single output are reduced to a few hundred components; for the error see
        `sklearn_ebm.distributions.reduced`.
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
