"""Base class of methods that draw negatives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm._utils.parameters import Array


class Negatives(Documented, BaseEstimator, ABC):
    """Base class of methods that draw negatives, wrong answers ȳ for each correct answer y.

    Attributes
    ----------
    examples : tuple of dict
        Parameter settings that the checks use; in at least one, no parameter has its default.
    """

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({},)

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

    @abstractmethod
    def validate(self) -> None:
        """Raise ValueError if a parameter is invalid."""
