"""The contract of negatives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm._utils.parameters import Array


class Negatives(Documented, BaseEstimator, ABC):
    """Draws wrong answers ȳ for right ones.

    Attributes
    ----------
    examples : tuple of dict
        Settings that the checks run at, one of them away from every default.
    """

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({},)

    @abstractmethod
    def after(self, right: Array, rng: np.random.Generator) -> Array:
        """Right answers, and wrong ones drawn for each of them.

        Parameters
        ----------
        right : array of shape (..., 1, n_outputs)
            In units of their standard deviation, around 0. Of NumPy, or of another library that
            follows the Array API standard, and then so is what is returned.
        rng : numpy.random.Generator

        Returns
        -------
        array of shape (..., m, n_outputs)
            The right answer first.
        """

    @abstractmethod
    def validate(self) -> None:
        """Raise ValueError, in one sentence, if a setting cannot be used."""
