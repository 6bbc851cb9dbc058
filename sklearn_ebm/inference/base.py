"""Base class of inference: elimination of a variable from an energy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from sklearn.base import BaseEstimator

from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm._utils.parameters import Array


class Eliminated(NamedTuple):
    """Result of the elimination of a variable.

    Attributes
    ----------
    energies : array of shape (...)
        The energy F without the variable, in units of the energy.
    weights : array of shape (..., n_values)
        Derivatives dF/dE with respect to the energy of each value of the variable. They are
        nonnegative and sum to 1.
    """

    energies: Array
    weights: Array


class Elimination(Documented, BaseEstimator, ABC):
    """Base class for the elimination of a variable, the last axis of an array of energies.

    Attributes
    ----------
    takes_minimum : bool
        Whether the result is the energy of a single value, the lowest one.
    """

    takes_minimum: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, energies: Array) -> Eliminated:
        """Eliminate the last axis.

        Parameters
        ----------
        energies : array of shape (..., n_values)
            Energies of each value of the variable; +inf excludes a value. An array of NumPy, or of
            another library that follows the Array API standard; the result has the same type.

        Returns
        -------
        Eliminated
            Energies of shape (...) and weights of shape (..., n_values).
        """
