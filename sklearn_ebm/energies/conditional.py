"""Base class of energies of continuous targets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from sklearn.base import BaseEstimator

from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm._utils.parameters import Array, Params, refuse_lone_traits
from sklearn_ebm.distributions.base import ConditionalDistribution
from sklearn_ebm.energies._gaussian.units import Units
from sklearn_ebm.energies.base import Traits


class ConditionalEnergy(Documented, BaseEstimator, ABC):
    """Base class of energies of a continuous target y, with or without a latent variable z.

    The class has the methods for inference. Energies G(x, y, z) that are quadratic in y for each z
    are of the class ``QuadraticEnergy``, and energies F(x, y) of any form are of the class
    ``FreeFormEnergy``.

    Attributes
    ----------
    traits : Traits
        Properties that learning and prediction use, such as whether the energy is normalised.
    """

    traits: Traits = Traits(threads=False)
    _units: Units | None = None

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Refuse a trait that stands alone in the class body, where it would have no effect."""
        super().__init_subclass__(**keywords)
        refuse_lone_traits(cls, Traits._fields)

    def __sklearn_clone__(self) -> ConditionalEnergy:
        """Return a clone that keeps fitted values other than the parameters, such as the units."""
        other: ConditionalEnergy = super().__sklearn_clone__()
        given = self.get_params(deep=False)
        other.__dict__.update(
            {name: part for name, part in vars(self).items() if name not in given}
        )
        return other

    def _settled(self, name: str) -> Any:
        """Return a fitted attribute; raise AttributeError, which `dir` requires, if it is None."""
        value = getattr(self, name)
        if value is None:
            raise AttributeError(
                f"{type(self).__name__} has no {name} before it is learned; look at the energy_ of "
                "a fitted regressor."
            )
        return value

    def _standardize_rows(self, X: Any) -> Array:
        """Return samples with standardised features; unchanged before `initialized`."""
        return X if self._units is None else self._units.rows(X)

    def _standardize_answers(self, y: Array) -> Array:
        """Return standardised answers, (..., n_outputs)."""
        return y if self._units is None else self._units.answers(y)

    @abstractmethod
    def _width(self, n_answers: int) -> int:
        """Return the number of values kept for each sample, which limits the size of blocks."""

    @abstractmethod
    def _latent_energies(self, params: Params, X: Any, answers: Array) -> Array:
        """Energies (n, m, z) of samples (n, d) and standardised answers (n, m, q)."""

    @abstractmethod
    def distribution(
        self, params: Params, X: Any, beta: float, *, minimum: bool = False
    ) -> ConditionalDistribution:
        """The Gibbs distribution of the target, exp(−βF(x, y))/Z(x), in the units of y.

        Parameters
        ----------
        params : dict of str to ndarray
            Parameters by name.
        X : ndarray of shape (n_samples, n_features)
            The input samples.
        beta : float
            Inverse temperature β > 0, in 1/(unit of the energies).
        minimum : bool, default=False
            Whether z is eliminated by its minimum instead of its free energy at β.

        Returns
        -------
        ConditionalDistribution
            One distribution for each sample.
        """
