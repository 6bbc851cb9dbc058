"""Base classes of samplers, and of the energy surfaces that they sample from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm._utils.parameters import Array, Index


class Surface(ABC):
    """Energies F(x, y) of n samples as functions of y alone, at β = 1.

    Answers have the shape (n_samples, m, n_outputs): m answers, or m chains, for each sample.

    Attributes
    ----------
    n_rows : int
        Number n of samples.
    n_outputs : int
        Number of outputs.
    """

    n_rows: int
    n_outputs: int

    @abstractmethod
    def energies(self, y: Array) -> Array:
        """Compute energies.

        Parameters
        ----------
        y : ndarray of shape (n_samples, m, n_outputs)
            Answers. They are not changed.

        Returns
        -------
        ndarray of shape (n_samples, m)
            Energies F(x, y); +inf where an answer is impossible.
        """

    @abstractmethod
    def energies_and_slopes(self, y: Array) -> tuple[Array, Array]:
        """Compute energies, and their derivatives in y.

        Parameters
        ----------
        y : ndarray of shape (n_samples, m, n_outputs)
            Answers. They are not changed.

        Returns
        -------
        energies : ndarray of shape (n_samples, m)
            Energies F(x, y); +inf where an answer is impossible.
        slopes : ndarray of shape (n_samples, m, n_outputs)
            Derivatives ∂F/∂y, in units of the energy over units of y.
        """

    @abstractmethod
    def __getitem__(self, rows: Any) -> Self:
        """Select samples by a slice, or by an array of indices or of bool."""

    def slopes(self, y: Array) -> Array:
        """Compute only the derivatives in y, for surfaces where this is faster.

        Parameters
        ----------
        y : ndarray of shape (n_samples, m, n_outputs)
            Answers. They are not changed.

        Returns
        -------
        ndarray of shape (n_samples, m, n_outputs)
        """
        return self.energies_and_slopes(y)[1]

    def log_partition(self) -> Array | None:
        """Compute log Z(x) (n_samples,) if there is a closed form; None if there is none."""
        return None


class DiscreteSurface(Surface):
    """Energies of answers that consist of q sites with finitely many values each.

    An answer holds the index 0, …, n_values[j] − 1 of the value of each site j, in a floating
    dtype.

    Attributes
    ----------
    n_values : tuple of int of length n_outputs
        Number of values of each site.
    """

    n_values: tuple[int, ...]

    @property
    def blocks(self) -> tuple[Index, ...]:
        """Sites that are resampled together: independent given all the others.

        By default, each site is a block of its own.
        """
        return tuple(np.array([site]) for site in range(self.n_outputs))

    def conditional_energies(self, y: Array, block: Index) -> Array:
        """Compute the energies of answers in which one site of a block takes each of its values.

        The other sites have their values in y. A constant may be added to the energies of each
        site. By default, the energy of each answer is computed.

        Parameters
        ----------
        y : ndarray of shape (n_samples, m, n_outputs)
            Answers. They are not changed.
        block : ndarray of int of shape (n_sites,)
            Sites.

        Returns
        -------
        ndarray of shape (n_samples, m, n_sites, most)
            Energies of each value, where most is the largest number of values of these sites;
            +inf for values that a site does not have.
        """
        most = max(self.n_values[site] for site in block)
        result = np.full((*y.shape[:2], len(block), most), np.inf, dtype=y.dtype)
        tried = y.copy()
        for place, site in enumerate(block):
            for value in range(self.n_values[site]):
                tried[..., site] = value
                result[..., place, value] = self.energies(tried)
            tried[..., site] = y[..., site]
        return result

    def energies_and_slopes(self, y: Array) -> tuple[Array, Array]:
        """Raise TypeError: the energies of discrete answers have no derivatives."""
        raise TypeError("Discrete answers have no slopes; use the sampler 'gibbs'.")


@runtime_checkable
class Proposal(Protocol):
    """A normalised density over the answers of each sample; see `ConditionalDistribution`."""

    @property
    def n_rows(self) -> int:
        """Number of samples."""

    def __getitem__(self, rows: Any) -> Self: ...

    def _draw(self, n_samples: int, rng: np.random.RandomState, *, shared: bool) -> Array:
        """Draws (n, n_samples, q), with the same random numbers in every row if `shared`."""

    def _log_prob(self, y: Array) -> Array:
        """Log-density (n, m) of answers (n, m, q)."""


class State(NamedTuple):
    """Answers of all chains, with what a sampler knows about them.

    Attributes
    ----------
    answers : ndarray of shape (n_samples, n_chains, n_outputs)
        The current answers.
    energies : ndarray of shape (n_samples, n_chains)
        Their energies.
    slopes : ndarray of shape (n_samples, n_chains, n_outputs), or None
        Derivatives of the energies in the answers; None if the sampler needs none.
    """

    answers: Array
    energies: Array
    slopes: Array | None = None


class Step(NamedTuple):
    """Result of a step of all chains.

    Attributes
    ----------
    state : State
        The state after the step.
    acceptance : ndarray of shape (n_samples, n_chains)
        Probability with which the proposed answers were accepted.
    diverged : ndarray of bool of shape (n_samples, n_chains)
        Whether the energy error of a trajectory was so large that its discretisation has failed.
    """

    state: State
    acceptance: Array
    diverged: npt.NDArray[np.bool_]


class Sampler(Documented, BaseEstimator, ABC):
    """Base class of Markov chains that leave the Gibbs distribution exp(−F(x, y))/Z(x) invariant.

    A sampler holds settings only. The state of the chains is an argument and a result, so one
    sampler may serve many surfaces and threads.

    Attributes
    ----------
    needs_slopes : bool
        Whether the sampler uses derivatives in y.
    examples : tuple of dict
        Parameter settings that the checks use; in at least one, no parameter has its default.
    """

    needs_slopes: bool = True
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({},)

    @property
    def n_replicas(self) -> int:
        """Number of chains that are simulated for each chain of the Gibbs distribution.

        The first ``m // n_replicas`` chains of a state with m chains have the Gibbs distribution
        at β = 1.
        """
        return 1

    def at_target(self, values: Any) -> Any:
        """Select the chains of the Gibbs distribution at β = 1.

        Parameters
        ----------
        values : ndarray of shape (n_samples, m, ...)
            Values of all chains of a state.

        Returns
        -------
        ndarray of shape (n_samples, m // n_replicas, ...)
        """
        return values[:, : values.shape[1] // self.n_replicas]

    def start(self, surface: Surface, answers: Array) -> State:
        """Return the state of chains at given answers.

        Parameters
        ----------
        surface : Surface
            Energies as functions of y.
        answers : ndarray of shape (n_samples, n_chains, n_outputs)
            Answers. They are not changed.

        Returns
        -------
        State
            Answers with their energies, and slopes if the sampler needs them.
        """
        if self.needs_slopes:
            return State(answers, *surface.energies_and_slopes(answers))
        return State(answers, surface.energies(answers))

    @abstractmethod
    def step(self, surface: Surface, state: State, rng: np.random.Generator) -> Step:
        """Make one step of all chains.

        Parameters
        ----------
        surface : Surface
            Energies as functions of y.
        state : State
            The current state. It is not changed.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        Step
            The next state, acceptance probabilities and divergences.
        """

    def warmed_up(
        self, surface: Surface, state: State, n_steps: int, rng: np.random.Generator
    ) -> tuple[Sampler, State]:
        """Make steps that also adapt the sampler; by default there is nothing to adapt.

        Parameters
        ----------
        surface : Surface
            Energies as functions of y.
        state : State
            The current state. It is not changed.
        n_steps : int
            Number of steps.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        sampler : Sampler
            The adapted sampler.
        state : State
            The state after the steps.
        """
        for _ in range(n_steps):
            state = self.step(surface, state, rng).state
        return self, state
