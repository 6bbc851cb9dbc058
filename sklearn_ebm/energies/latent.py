"""Base class of energies with a latent variable that are learned by gradients."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from copy import copy
from typing import Any

import numpy as np

from sklearn_ebm._utils.arrays import row_slices
from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm.energies._gaussian.quadratics import Quadratics, Widths
from sklearn_ebm.energies.base import Linearization
from sklearn_ebm.energies.learned import LearnedEnergy
from sklearn_ebm.energies.quadratic import QuadraticEnergy


class LatentEnergy(QuadraticEnergy, LearnedEnergy):
    """Base class of energies G_W(x, y, z) whose parameters W are learned by gradients.

    z is a latent variable, and inference treats the ensemble member as another one; see
    ``LearnedEnergy``.
    """

    _widths: Widths | None = None

    def _initial_state(self) -> dict[str, Any]:
        """Return all attributes but the widths, which are fitted last."""
        return {name: part for name, part in vars(self).items() if name != "_widths"}

    def _widened(self, widths: Widths | None) -> LatentEnergy:
        """Return a copy with a distribution of widths."""
        other = copy(self)
        other._widths = widths
        return other

    @abstractmethod
    def linearize_members(self, params: Params, X: Array, answers: Array) -> Linearization:
        """Energies of all members, and their derivatives in the parameters.

        Parameters
        ----------
        params : dict of str to array
            Parameters by name, see `shapes`; the first axis is the member.
        X : array of shape (n_members or 1, n_samples, n_features)
            Samples of each member, or of all members, with standardised features.
        answers : array of shape (n_members or 1, n_samples, m, n_outputs)
            The m standardised answers of each sample.

        Returns
        -------
        Linearization
            Energies of shape (n_members, n_samples, m, n_latents), with the pullback.
        """

    def _linearize(self, params: Params, X: Array, answers: Array) -> Linearization:
        """Energies (M, n, m, z); see `linearize_members`."""
        return self.linearize_members(params, X, answers)

    @abstractmethod
    def parabolas_of_members(self, params: Params, X: Array) -> tuple[Array, Array, Array]:
        """Energies of standardised samples as quadratic functions of y; see ``Quadratics``.

        Parameters
        ----------
        params : dict of str to ndarray
            Parameters by name, see `shapes`.
        X : ndarray of shape (1, n_samples, n_features)
            Samples with standardised features.

        Returns
        -------
        levels : ndarray of shape (n_samples, n_members, n_latents)
            Smallest energies.
        means : ndarray of shape (n_samples, n_members, n_latents, n_outputs)
            Answers with the smallest energies.
        factors : ndarray of shape (n_samples, n_members, n_latents, n_outputs, n_outputs)
            Lower triangular factors of the covariance matrices.
        """

    def _unwidened(self, params: Params, X: Any, members: Any = None) -> Quadratics:
        """Energies as quadratic functions of standardised y, without the distribution of widths.

        Parameters
        ----------
        params : dict of str to ndarray
            Parameters by name.
        X : ndarray of shape (n_samples, n_features)
            The input samples.
        members : sequence of int, default=None
            Indices of the members to use; None uses all.
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
        # (n, M, z, ...) -> (n, M·z, ...): the member is another latent variable.
        return Quadratics(*(part.reshape(len(X), -1, *part.shape[3:]) for part in joined))

    def _quadratics(self, params: Params, X: Any, members: Any = None) -> Quadratics:
        """Energies as quadratic functions of standardised y, with the distribution of widths."""
        quadratics = self._unwidened(params, X, members)
        return (
            quadratics
            if self._widths is None
            else quadratics.widened(self._widths, self._smallest_scale)
        )

    def _latent_groups(
        self, params: Params, X: Any
    ) -> Iterator[tuple[tuple[str, int], Quadratics]]:
        """Yield the label, such as ("member 0", z), and the energies of each latent value."""
        quadratics = self._unwidened(params, X)
        n_members = len(next(iter(params.values())))
        n_latents = quadratics.levels.shape[1] // n_members
        for place in range(n_members * n_latents):
            one = Quadratics(*(part[:, [place]] for part in quadratics))
            if self._widths is not None:
                one = one.widened(self._widths, self._smallest_scale)
            yield (f"member {place // n_latents}", place % n_latents), one
