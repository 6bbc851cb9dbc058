"""Reading and writing the entries of the correct answers in arrays of energies.

NumPy arrays are indexed. The Array API standard has no indexing that can be written to, so arrays
of other libraries are selected by the mask; unlike a product, this is right for infinite energies.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.array_api import device_of, in_dtype, numpy_namespace, reduce_last_axis
from sklearn_ebm._utils.arrays import right_index
from sklearn_ebm._utils.parameters import Array

Mask: TypeAlias = npt.NDArray[np.bool_]


class RightAnswers:
    """The correct answer of each row, in arrays of NumPy or of another library.

    Parameters
    ----------
    xp : module
        The namespace of the energies and of the mask; see `namespace_of`.
    correct : array of bool of shape (n_samples, m)
        True at the one correct answer of each row.

    Examples
    --------
    >>> right = RightAnswers(numpy_namespace, np.array([[False, True, False]]))
    >>> energies = np.array([[3.0, 1.0, 2.0]])
    >>> right.take(energies)
    array([1.])
    >>> right.others(energies)
    array([[3., 2.]])
    >>> right.assign(energies, np.inf)
    array([[ 3., inf,  2.]])
    """

    __slots__ = ("correct", "index", "xp")

    def __init__(self, xp: Any, correct: Mask) -> None:
        self.xp = xp
        self.correct = correct
        self.index = right_index(correct) if xp is numpy_namespace else None

    def rows_of(self, table: Any) -> Any:
        """Return the row of a table for the correct answer of each sample, (n, ...)."""
        if self.index is not None:
            return table[self.index[1]]
        return self.xp.take(table, self._answers(), axis=0)

    def take(self, array: Array) -> Array:
        """Return the entries of the correct answers, (n,)."""
        if self.index is not None:
            return array[self.index]
        return reduce_last_axis(self.xp, "sum", self.xp.where(self.correct, array, 0))

    def assign(self, array: Array, value: Any) -> Array:
        """Return the array with new entries for the correct answers, in place if possible.

        Parameters
        ----------
        array : array of shape (n_samples, m)
            Overwritten if it is a NumPy array.
        value : float or array of shape (n_samples,)
            The new entries.
        """
        if self.index is not None:
            array[self.index] = value
            return array
        if not isinstance(value, float | int):
            value = in_dtype(self.xp, value, array.dtype)[:, None]
        return self.xp.where(self.correct, value, array)

    def add(self, array: Array, value: float) -> Array:
        """Return the array with a number added at the correct answers, in place if possible."""
        if self.index is not None:
            array[self.index] += value
            return array
        return self.xp.where(self.correct, array + value, array)

    def others(self, array: Array) -> Array:
        """Return the entries of the wrong answers in their order, (n, m − 1)."""
        if self.index is not None:
            return array[~self.correct].reshape(array.shape[0], array.shape[1] - 1)
        return self.xp.where(self._after()[:, 1:], array[:, 1:], array[:, :-1])

    def join(self, right: Array, others: Array) -> Array:
        """Combine the entries of the correct answers and those of all others.

        Parameters
        ----------
        right : array of shape (n_samples,)
            Entries of the correct answers.
        others : array of shape (n_samples, m − 1)
            Entries of the wrong answers, in their order.

        Returns
        -------
        array of shape (n_samples, m)
            All entries, in the dtype of `others`.
        """
        xp = self.xp
        if self.index is not None:
            result = np.empty(self.correct.shape, dtype=others.dtype, order="F")
            result[~self.correct] = others.ravel()
            result[self.correct] = right
            return result
        before = xp.concat([others, others[:, -1:]], axis=1)
        after = xp.concat([others[:, :1], others], axis=1)
        return self.assign(xp.where(self._after(), after, before), right)

    def _answers(self) -> Any:
        """Number of the correct answer of each row, (n,), for arrays that are not NumPy's."""
        return self.xp.argmax(self.xp.astype(self.correct, self.xp.int8), axis=1)

    def _after(self) -> Any:
        """True at the answers that come after the correct one, (n, m)."""
        answers, device = self._answers(), device_of(self.xp, self.correct)
        numbers = self.xp.arange(self.correct.shape[1], dtype=answers.dtype, device=device)
        return numbers[None, :] > answers[:, None]
