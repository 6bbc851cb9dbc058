"""Base class of energies that are quadratic functions of y for each latent value."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm.distributions.base import ConditionalDistribution
from sklearn_ebm.energies._gaussian.quadratics import Quadratics, gibbs_law
from sklearn_ebm.energies.conditional import ConditionalEnergy


class QuadraticEnergy(ConditionalEnergy):
    """Base class of energies G(x, y, z) that are quadratic functions of y for each latent value z.

    The Gibbs distribution is then a mixture of Gaussians. Energies are learned by gradients
    (``LatentEnergy``) or by density stacking (``BankEnergy``).
    """

    @property
    @abstractmethod
    def _smallest_scale(self) -> Array:
        """The smallest scale of each output, in standard deviations, (q,)."""

    @abstractmethod
    def _quadratics(self, params: Params, X: Any) -> Quadratics:
        """Energies of samples (n, d) as quadratic functions of standardised y."""

    def _latent_groups(
        self, params: Params, X: Any
    ) -> Iterator[tuple[tuple[str, int], Quadratics]]:
        """Yield label and energies of each group of latent values with its own responsibility.

        The label is a name and a number; see `Responsibilities`. By default each group is a single
        latent value.
        """
        quadratics = self._quadratics(params, X)
        for z in range(quadratics.levels.shape[1]):
            yield ("z", z), Quadratics(*(part[:, [z]] for part in quadratics))

    def _latent_energies(self, params: Params, X: Any, answers: Array) -> Array:
        """Energies (n, m, z) of samples (n, d) and standardised answers (n, m, q)."""
        return self._quadratics(params, X).energies(answers)

    def distribution(
        self, params: Params, X: Any, beta: float, *, minimum: bool = False
    ) -> ConditionalDistribution:
        """The Gibbs distribution of the target, in the units of y; see ``ConditionalEnergy``.

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
        assert self._units is not None
        return gibbs_law(self._quadratics(params, X), beta, self._units, minimum=minimum)
