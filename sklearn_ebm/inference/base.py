"""Base class of methods that eliminate a variable from an energy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from sklearn.base import BaseEstimator

from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm._utils.parameters import Array


class Eliminated(NamedTuple):
    """Result of the elimination of a variable with n_values values.

    Attributes
    ----------
    energies : array of shape (...)
        The energy F without the variable, in units of the energy.
    weights : array of shape (..., n_values)
        Derivatives of F in the energies E of the values; not negative, with the sum 1.
    """

    energies: Array
    weights: Array


class Elimination(Documented, BaseEstimator, ABC):
    """Base class of methods that eliminate the target or a latent variable from an energy.

    The values of the variable are the last axis of an array of energies.

    Attributes
    ----------
    takes_minimum : bool
        Whether the result is the lowest energy instead of a free energy.
    """

    takes_minimum: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, energies: Array) -> Eliminated:
        """Eliminate the last axis.

        Parameters
        ----------
        energies : array of shape (..., n_values)
            Energies; +inf marks a value that is not available. An array of NumPy or of another
            library that follows the Array API standard.

        Returns
        -------
        Eliminated
            Energies of shape (...) and weights of shape (..., n_values), in the same library.
        """
