"""Base class of methods that draw wrong classes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm._utils.parameters import Array, Index


class ClassNegatives(Documented, BaseEstimator, ABC):
    r"""Base class of methods that draw wrong classes for a mini-batch.

    All samples of a mini-batch share the drawn classes, so their energies are products of two dense
    matrices. The classes of the other samples of the batch are wrong answers too, because their
    energies are computed anyway. Class k is thus an answer of a sample of another class with the
    probability

    .. math:: π_k = 1 - (1 - π_k^{\text{drawn}}) (1 - π_k^{\text{batch}}),

    and a sum over all wrong classes is estimated, without bias, by the sum over those of the batch,
    each divided by its π_k (Horvitz and Thompson).

    Attributes
    ----------
    looks_at_energies : bool
        Whether `kept` chooses among the drawn classes by their energies.
    covers_all : bool
        Whether every class can be drawn, even if no sample at hand is of this class.
    examples : tuple of dict
        Parameter settings that the checks use; in at least one, no parameter has its default.

    References
    ----------
    Horvitz, Thompson, "A Generalization of Sampling Without Replacement From a Finite Universe",
    Journal of the American Statistical Association 47 (1952) 663-685. :doi:`10.2307/2280784`
    """

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({},)
    looks_at_energies: ClassVar[bool] = False
    covers_all: ClassVar[bool] = True

    @abstractmethod
    def inclusion(self, frequency: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Compute the probability with which each class is drawn.

        Parameters
        ----------
        frequency : ndarray of shape (n_classes,)
            Sum of the weights of the training samples of each class; 0 for a class without samples,
            which is never drawn.

        Returns
        -------
        ndarray of shape (n_classes,)
            π of the draw, without the classes of the batch.
        """

    def kept(self, energies: Array, rng: np.random.Generator) -> tuple[Index, Array]:
        """Choose among the drawn classes by their energies; by default all are kept.

        Parameters
        ----------
        energies : ndarray of shape (n_samples, m)
            Energies of the drawn classes that are not in the batch.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        index : ndarray of int of shape (n_kept,)
            The chosen columns.
        probability : ndarray of shape (n_kept,)
            Probability with which each of them was chosen, given the energies.
        """
        return np.arange(energies.shape[1]), np.ones(energies.shape[1])

    @abstractmethod
    def validate(self) -> None:
        """Raise ValueError if a parameter is invalid."""
