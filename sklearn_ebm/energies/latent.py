"""The contract of an energy of continuous answers that is learned by its gradient."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from copy import copy
from typing import Any, NamedTuple

import numpy as np

from sklearn_ebm._utils.arrays import row_slices
from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm.energies._gaussian.quadratics import Quadratics, Widths
from sklearn_ebm.energies.base import GradientEnergy, Linearization, Traits
from sklearn_ebm.energies.conditional import ConditionalEnergy


class Schedule(NamedTuple):
    """How long, and in which steps, an energy is learned from so many samples.

    Attributes
    ----------
    learning_rate : float
    batch_size : int
    passes : int
        Over the samples.
    """

    learning_rate: float
    batch_size: int
    passes: int


class LatentEnergy(ConditionalEnergy, GradientEnergy):
    """G_W(x, y, z) of answers y in R^q with parameters W that are learned by gradients.

    Columns and answers are standardised: energies are those of answers with standard deviation 1.
    Several *members*, each with parameters and samples of its own, are learned side by side, so all
    arrays have one more axis in front. For inference the member is one more latent variable.

    Attributes
    ----------
    n_members : int
    """

    # The members are one batched product: parts of a batch only make it smaller.
    traits = Traits(stochastic=True, threads=False)
    n_members: Any
    _widths: Widths | None = None

    # Set in the copies that `_for_step` returns.
    _seed: int | None = None

    def _for_step(self, rng: np.random.RandomState) -> LatentEnergy:
        """Return a copy that adds noise, the same each time it sees so many samples."""
        other = copy(self)
        other._seed = int(rng.randint(np.iinfo(np.int32).max))
        return other

    def _initial_state(self) -> dict[str, Any]:
        """Return all but the widths, which come after all else is learned."""
        return {name: part for name, part in vars(self).items() if name != "_widths"}

    def _widened(self, widths: Widths | None) -> LatentEnergy:
        """Return a copy with a bank of widths."""
        other = copy(self)
        other._widths = widths
        return other

    def _chance(self) -> np.random.Generator:
        """Return the generator of what one training step draws; new and equal each time."""
        return np.random.Generator(np.random.SFC64(self._seed))

    @abstractmethod
    def linearize_members(self, params: Params, X: Array, answers: Array) -> Linearization:
        """Energies of samples of each member, in units.

        Parameters
        ----------
        params : dict
            Each with the members as first axis.
        X : array of shape (M or 1, n_samples, n_features)
            As `_standardize_rows` returns them.
        answers : array of shape (M or 1, n_samples, m, n_outputs)

        Returns
        -------
        Linearization
            Energies of shape (M, n_samples, m, z), and the way back.
        """

    @abstractmethod
    def parabolas_of_members(self, params: Params, X: Array) -> tuple[Array, Array, Array]:
        """Levels (n, M, z), means (n, M, z, q) and factors (n, M, z, q, q) of samples in units."""

    def _unwidened(self, params: Params, X: Any, members: Any = None) -> Quadratics:
        """The energies as parabolas in y, in units; one for each member and latent value.

        Parameters
        ----------
        params : dict
        X : ndarray of shape (n_samples, n_features)
        members : sequence of int, default=None
            Which members to use; all of them by default.
        """
        if members is not None:
            params = {name: value[members] for name, value in params.items()}
        assert self._units is not None

        def of_block(part: slice) -> tuple[Array, Array, Array]:
            return self.parabolas_of_members(params, self._standardize_rows(X[part])[None])

        width = self._width(len(self._units.answer_unit))
        with Workers() as workers:
            parts = list(workers.map(of_block, row_slices(len(X), width)))
        joined = (np.concatenate(part) for part in zip(*parts, strict=True))
        # (n, M, z, ...) -> (n, M·z, ...): the member is one more latent variable.
        return Quadratics(*(part.reshape(len(X), -1, *part.shape[3:]) for part in joined))

    def _quadratics(self, params: Params, X: Any, members: Any = None) -> Quadratics:
        """`_unwidened` of all latent variables, the width included."""
        quadratics = self._unwidened(params, X, members)
        return (
            quadratics
            if self._widths is None
            else quadratics.widened(self._widths, self._smallest_scale)
        )

    def _latent_groups(
        self, params: Params, X: Any
    ) -> Iterator[tuple[tuple[str, int], Quadratics]]:
        """Each latent value of each member, with all of its widths: ("member 0", z) and so on."""
        quadratics = self._unwidened(params, X)
        n_members = len(next(iter(params.values())))
        n_latents = quadratics.levels.shape[1] // n_members
        for place in range(n_members * n_latents):
            one = Quadratics(*(part[:, [place]] for part in quadratics))
            if self._widths is not None:
                one = one.widened(self._widths, self._smallest_scale)
            yield (f"member {place // n_latents}", place % n_latents), one

    @abstractmethod
    def schedule(self, n_rows: int) -> Schedule:
        """Return how it is learned from so many samples where the user says nothing."""
