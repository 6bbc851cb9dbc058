"""The contract of an energy of continuous answers with a latent variable."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from sklearn.base import BaseEstimator

from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm._utils.parameters import Array, Params, refuse_lone_traits
from sklearn_ebm.distributions.base import ConditionalDistribution
from sklearn_ebm.energies._gaussian.quadratics import Quadratics, gibbs_law
from sklearn_ebm.energies._gaussian.units import Units
from sklearn_ebm.energies.base import Traits


class ConditionalEnergy(Documented, BaseEstimator, ABC):
    """G(x, y, z) of answers y in R^q, low where x, y and some z fit together.

    What inference needs, however it was learned: by gradients (`LatentEnergy`) or by density
    stacking (`BankEnergy`). For each z the energy is a parabola in y.

    Attributes
    ----------
    traits : Traits
        Properties that learning and prediction need to know, such as whether it is normalised.
    """

    traits: Traits = Traits(threads=False)
    _units: Units | None = None

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Refuse a trait that stands alone in the class body, where it would have no effect."""
        super().__init_subclass__(**keywords)
        refuse_lone_traits(cls, Traits._fields)

    def __sklearn_clone__(self) -> ConditionalEnergy:
        """Return a clone that keeps what was learned besides the parameters: its units, say."""
        other: ConditionalEnergy = super().__sklearn_clone__()
        given = self.get_params(deep=False)
        other.__dict__.update(
            {name: part for name, part in vars(self).items() if name not in given}
        )
        return other

    def _settled(self, name: str) -> Any:
        """What learning settles. Properties need an AttributeError where it has not: `dir` asks."""
        value = getattr(self, name)
        if value is None:
            raise AttributeError(
                f"{type(self).__name__} has no {name} before it is learned; look at the energy_ of "
                "a fitted regressor."
            )
        return value

    @property
    @abstractmethod
    def _smallest_scale(self) -> Array:
        """The least scale of each answer, in units, (q,)."""

    def _standardize_rows(self, X: Any) -> Array:
        """Return samples in units, (n, d); as they are where nothing is prepared."""
        return X if self._units is None else self._units.rows(X)

    def _standardize_answers(self, y: Array) -> Array:
        """Return answers of shape (..., n_outputs) in units."""
        return y if self._units is None else self._units.answers(y)

    @abstractmethod
    def _width(self, n_answers: int) -> int:
        """Return how many numbers of each sample inference needs; blocks keep them few."""

    @abstractmethod
    def _quadratics(self, params: Params, X: Any) -> Quadratics:
        """Energies of samples (n, d) as parabolas in y, in units; one for each latent value."""

    def _latent_groups(
        self, params: Params, X: Any
    ) -> Iterator[tuple[tuple[str, int], Quadratics]]:
        """Each latent value, or group of them, that one may want to see apart, and its energies.

        The label is a name and a number; see `Responsibilities`. By default each latent value is a
        group of its own.
        """
        known = self._quadratics(params, X)
        for z in range(known.levels.shape[1]):
            yield ("z", z), Quadratics(*(part[:, [z]] for part in known))

    def distribution(
        self, params: Params, X: Any, beta: float, *, minimum: bool = False
    ) -> ConditionalDistribution:
        """The Gibbs distribution of the answers, exp(−βF(x, y))/Z(x), in the units of y itself.

        Parameters
        ----------
        params : dict
        X : ndarray of shape (n_samples, n_features)
        beta : float
        minimum : bool, default=False
            Whether z is eliminated by its minimum instead of its free energy at β.
        """
        assert self._units is not None
        return gibbs_law(self._quadratics(params, X), beta, self._units, minimum=minimum)
