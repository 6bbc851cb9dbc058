"""Base classes of methods that draw negatives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm.samplers.base import Proposal, Surface


class Negatives(Documented, BaseEstimator, ABC):
    """Base class of methods that draw negatives, wrong answers ȳ for each correct answer y.

    Attributes
    ----------
    examples : tuple of dict
        Parameter settings that the checks use; in at least one, no parameter has its default.
    """

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({},)

    @abstractmethod
    def validate(self) -> None:
        """Raise ValueError if a parameter is invalid."""


class RandomNegatives(Negatives):
    """Base class of methods that draw negatives without the energy."""

    @abstractmethod
    def after(self, right: Array, rng: np.random.Generator) -> Array:
        """Draw negatives for each correct answer.

        Parameters
        ----------
        right : array of shape (..., 1, n_outputs)
            Correct answers, standardised to mean 0 and standard deviation 1; an array of NumPy or
            of another library that follows the Array API standard.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        array of shape (..., m, n_outputs)
            The correct answer, followed by m − 1 wrong answers, in the library of `right`.
        """


class StratifiedProposal(Proposal, Protocol):
    """A proposal with draws whose components are stratified, or independent."""

    def draw(self, n_draws: int, rng: np.random.Generator, *, stratified: bool = True) -> Array:
        """Draws of shape (n_samples, n_draws, n_outputs)."""


class Batch(NamedTuple):
    """Samples for which negatives are drawn.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features)
        Standardised samples.
    right : ndarray of shape (n_samples, n_outputs)
        Correct answers, standardised.
    proposal : Proposal
        Normalised densities of standardised answers.
    surface : Surface
        Energies as functions of standardised answers, with the current parameters.
    rows : ndarray of int of shape (n_samples,)
        Indices of the samples among all training samples.
    rng : numpy.random.Generator
        Source of random numbers.
    independent : bool, default=False
        Whether the negatives of a sample must be independent of each other.
    """

    X: Array
    right: Array
    proposal: StratifiedProposal
    surface: Surface
    rows: Index
    rng: np.random.Generator
    independent: bool = False


class Drawn(NamedTuple):
    """The correct answer of each sample, followed by its negatives.

    Attributes
    ----------
    answers : ndarray of shape (n_samples, 1 + m, n_outputs)
        Standardised answers; the first is correct.
    log_density : ndarray of shape (n_samples, 1 + m), or None
        Logarithm of the density from which the negatives are drawn, at all answers; None if they
        are drawn from the energy itself.
    """

    answers: Array
    log_density: Array | None


class ModelNegatives(Negatives):
    """Base class of methods that draw negatives for estimates of the partition function.

    Attributes
    ----------
    crosses_branches : bool
        Whether draws move between branches of answers that are separated by a region without
        samples. If not, the weights of the branches are not learned.
    """

    crosses_branches: bool = True

    @abstractmethod
    def draw(self, batch: Batch) -> Drawn:
        """Draw negatives for each correct answer.

        Parameters
        ----------
        batch : Batch
            The samples.

        Returns
        -------
        Drawn
            The correct answers, followed by the negatives.
        """

    def begun(self, answers: Array, n_outputs: int) -> Self:
        """Return a copy with the chains of all samples, if there are any.

        Parameters
        ----------
        answers : ndarray of shape (n_samples, n_outputs)
            Standardised correct answers of all training samples.
        n_outputs : int
            Number of outputs.

        Returns
        -------
        ModelNegatives
            An object whose chains belong to one fit.
        """
        return self
