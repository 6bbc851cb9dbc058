"""The contract of an energy of continuous answers with a latent variable."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from sklearn_ebm._params import Array, Params
from sklearn_ebm.distributions import ConditionalDistribution
from sklearn_ebm.energies.base import Energy, Linearization


class Schedule(NamedTuple):
    """How long, and in which steps, an energy is learnt from so many rows.

    Attributes
    ----------
    learning_rate : float
    batch_size : int
    passes : int
        Over the rows.
    """

    learning_rate: float
    batch_size: int
    passes: int


class LatentEnergy(Energy):
    """G_W(x, y, z) of answers y in R^q, low where x, y and some z fit together.

    Learning works in units in which columns and answers have deviation 1: `represented` and
    `represented_answers` go there, and energies are those of the answers in such units. Several
    *members*, each with parameters and rows of its own, are learnt side by side: all arrays have
    one more axis in front. For inference the member is one more latent variable.

    Attributes
    ----------
    normalized : bool
        Whether ∫ Σ_z exp(−G(x, y, z)) dy = 1 whatever the parameters, for answers in units. Only
        then may the partition function be left out at β = 1.
    n_members : int
    """

    normalized: ClassVar[bool] = False
    stochastic = True
    n_members: int

    @abstractmethod
    def represented(self, X: Any) -> Array:
        """Return rows as the network sees them, (n, d)."""

    @abstractmethod
    def represented_answers(self, y: Array) -> Array:
        """Return answers of shape (..., q) in units."""

    @property
    @abstractmethod
    def log_unit(self) -> float:
        """Σ log of the unit of each answer: log p(y) is less than log p of y in units by it."""

    @abstractmethod
    def linearize_members(self, params: Params, X: Array, answers: Array) -> Linearization:
        """Energies of rows of each member, in units.

        Parameters
        ----------
        params : dict
            Each with the members as first axis.
        X : ndarray of shape (M or 1, n, d)
            As `represented` returns them.
        answers : ndarray of shape (M or 1, n, m, q)

        Returns
        -------
        Linearization
            Energies of shape (M, n, m, z), and the way back.
        """

    def linearize(self, params: Params, X: Any, answers: Any = None) -> Linearization:
        """Energies (n, m, M·z) of answers (n, m, q), with the members among the latent values.

        Each member has the prior 1/M, so that log M is added to the energies.
        """
        rows, candidates = self.represented(X), self.represented_answers(np.asarray(answers))
        line = self.linearize_members(params, rows[None], candidates[None])
        n_members, n, m, z = line.energies.shape

        def pullback(slope: Array) -> Params:
            apart = slope.reshape(n, m, n_members, z)
            return line.pullback(np.ascontiguousarray(apart.transpose(2, 0, 1, 3)))

        joint = line.energies.transpose(1, 2, 0, 3).reshape(n, m, n_members * z)
        return Linearization(joint + joint.dtype.type(np.log(n_members)), pullback)

    @abstractmethod
    def distribution(
        self, params: Params, X: Any, beta: float, *, minimum: bool = False, members: Any = None
    ) -> ConditionalDistribution:
        """The Gibbs law of the answers, exp(−βF(x, y))/Z(x), in the units of y itself.

        Parameters
        ----------
        params : dict
        X : ndarray of shape (n, d)
        beta : float
        minimum : bool, default=False
            Whether z is eliminated by its minimum instead of its free energy at β.
        members : sequence of int, default=None
            Which members speak; all of them by default.
        """

    @abstractmethod
    def schedule(self, n_rows: int) -> Schedule:
        """Return how it is learnt from so many rows where the user says nothing."""

    def start(
        self,
        X: Any,
        y: npt.NDArray[Any],
        weight: npt.NDArray[np.float64],
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Params:
        raise NotImplementedError
