"""The contract of inference: eliminating a variable from an energy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from sklearn.base import BaseEstimator

from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm._utils.parameters import Array


class Eliminated(NamedTuple):
    """What is left when a variable has been eliminated.

    Attributes
    ----------
    energies : array of shape (...)
        The energy without the variable, in the units of the energies.
    weights : array of shape (..., n_classes)
        dF/dE: how much each value of the variable counts. Non-negative, summing to 1.
    """

    energies: Array
    weights: Array


class Elimination(Documented, BaseEstimator, ABC):
    """Eliminates the last axis of an array of energies, be it answers or latent values.

    Attributes
    ----------
    takes_minimum : bool
        Whether one value remains, that of the lowest energy.
    """

    takes_minimum: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, energies: Array) -> Eliminated:
        """Eliminate the last axis.

        Parameters
        ----------
        energies : array of shape (..., n_classes)
            Energies; +inf marks a value that is not available. Of NumPy, or of another library
            that follows the Array API standard, and then so is what is returned.

        Returns
        -------
        Eliminated
            Energies of shape (...) and weights of shape (..., n_classes).
        """
