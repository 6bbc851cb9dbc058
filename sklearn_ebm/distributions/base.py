"""Base class of conditional distributions, one distribution for each sample."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from numbers import Real
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.tiles import row_blocks

Same = TypeVar("Same", bound="ConditionalDistribution")


class Modes(NamedTuple):
    """Modes of each distribution and their probabilities, by decreasing probability.

    Attributes
    ----------
    answers : ndarray of shape (n_samples, n_modes) or (n_samples, n_modes, n_outputs)
        Maxima of the density, in the unit of y, padded with NaN.
    probabilities : ndarray of shape (n_samples, n_modes)
        Probability of each mode, padded with 0.
    """

    answers: Array
    probabilities: Array


class ConditionalDistribution(ABC):
    """Conditional distributions p(y | x), one for each of n_samples samples.

    Every method returns one entry for each sample, and samples are independent:
    ``density[rows].mean()`` equals ``density.mean()[rows]``.
    """

    #: Names of the attributes that hold one entry for each row.
    _fields: ClassVar[tuple[str, ...]]

    @property
    def n_rows(self) -> int:
        """Number of distributions."""
        return len(getattr(self, self._fields[0]))

    def __len__(self) -> int:
        return self.n_rows

    def __getitem__(self: Same, rows: Any) -> Same:
        """Select the distributions of some samples.

        Parameters
        ----------
        rows : int, slice, or ndarray of indices or of bool
            The samples; a single index gives an object with one distribution.
        """
        if not isinstance(rows, slice):
            # Index an array of row numbers, so that an integer out of range raises an error.
            rows = np.atleast_1d(np.arange(self.n_rows)[rows])
        part = copy.copy(self)
        for name in self._fields:
            setattr(part, name, getattr(self, name)[rows])
        return part

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.n_rows} rows>"

    def _row_order(self) -> Index | None:
        """Order of the rows by the cost of computations; None if all rows cost the same."""
        return None

    def _parts(self: Same, numbers_per_row: int) -> tuple[list[Any], Index | None]:
        """Blocks of rows, and the order of the rows in them; None for the original order."""
        blocks: list[Any] = list(row_blocks(self.n_rows, numbers_per_row))
        order = self._row_order() if len(blocks) > 1 else None
        return blocks if order is None else [order[rows] for rows in blocks], order

    def _in_blocks(
        self: Same,
        method: Callable[..., Array],
        numbers_per_row: int,
        *arrays: Array,
    ) -> Array:
        """Apply ``method(part, *arrays of the part)`` to blocks of rows, and join the results."""
        blocks, order = self._parts(numbers_per_row)
        if len(blocks) <= 1:
            return method(self, *arrays)
        joined = join_rows(
            [method(self[rows], *(array[rows] for array in arrays)) for rows in blocks]
        )
        return joined if order is None else in_place(joined, order)

    @abstractmethod
    def log_prob(self, y: npt.ArrayLike) -> Array:
        """Compute the log-density log p(y | x) in nats.

        Parameters
        ----------
        y : array-like
            One answer for each sample, or m answers for each sample.

        Returns
        -------
        log_density : ndarray of shape (n_samples,) or (n_samples, m)
            Log-density of each answer.
        """

    def pdf(self, y: npt.ArrayLike) -> Array:
        """Compute the density p(y | x).

        Parameters
        ----------
        y : array-like
            One answer for each sample, or m answers for each sample.

        Returns
        -------
        density : ndarray of shape (n_samples,) or (n_samples, m)
            Density of each answer, in 1/(unit of y), or in 1/(unit of y)^q for q outputs.
        """
        return np.exp(self.log_prob(y))

    @abstractmethod
    def mean(self) -> Array:
        """Compute the mean E[y | x]."""

    @abstractmethod
    def var(self) -> Array:
        """Compute the variance of each output."""

    def std(self) -> Array:
        """Compute the standard deviation of each output."""
        return np.sqrt(self.var())

    @abstractmethod
    def mode(self) -> Array:
        """Compute the global mode argmax_y p(y | x)."""

    @abstractmethod
    def modes(self, min_probability: float = 0.05) -> Modes:
        """Compute all modes and their probabilities."""

    @abstractmethod
    def median(self) -> Array:
        """Compute the median of each output."""

    @abstractmethod
    def quantiles(self, probabilities: npt.ArrayLike) -> Array:
        """Compute quantiles of each output, with several probabilities along the last axis."""

    @abstractmethod
    def interval(self, level: float) -> Array:
        """Compute the central interval [Q((1 − level)/2), Q((1 + level)/2)] of each output.

        Parameters
        ----------
        level : float
            Probability of the interval, above 0 and at most 1.

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_outputs, 2)
            Lower and upper limits.
        """

    @abstractmethod
    def region(self, level: float) -> Any:
        """Compute the smallest set of probability `level`, {y: p(y | x) ≥ τ}."""

    @abstractmethod
    def density_rank(self, y: npt.ArrayLike) -> Array:
        """Compute P(p(Y | x) > p(y | x)), the probability of answers with a higher density."""

    @abstractmethod
    def sample(self, n_samples: int = 1, random_state: Any = None) -> Array:
        """Draw `n_samples` answers from each distribution."""

    @abstractmethod
    def crps(self, y: npt.ArrayLike) -> Array:
        """Compute the continuous ranked probability score of each output."""

    @abstractmethod
    def entropy(self) -> Array:
        """Compute the entropy −∫ p log p in nats."""


def in_place(array: Array, order: Index) -> Array:
    """Restore the original order of rows; ``array[i]`` belongs to the row ``order[i]``."""
    result = np.empty_like(array)
    result[order] = array
    return result


def join_rows(parts: list[Array]) -> Array:
    """Stack blocks of rows; those with fewer columns than the widest are padded with NaN."""
    if len({part.shape[1:] for part in parts}) == 1:
        return np.concatenate(parts)
    widest = max(part.shape[1] for part in parts)
    joined = np.full((sum(map(len, parts)), widest, *parts[0].shape[2:]), np.nan)
    start = 0
    for part in parts:
        joined[start : start + len(part), : part.shape[1]] = part
        start += len(part)
    return joined


def probability(name: str, value: Any) -> float:
    """Return a number strictly between 0 and 1, or raise ValueError."""
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 < float(value) < 1:
        raise ValueError(f"{name}={value!r} must be a number between 0 and 1, both excluded.")
    return float(value)


def coverage(name: str, value: Any) -> float:
    """Return a number above 0 and at most 1, or raise ValueError."""
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 < float(value) <= 1:
        raise ValueError(f"{name}={value!r} must be above 0 and at most 1.")
    return float(value)


def share(name: str, value: Any) -> float:
    """Return a number from 0 to 1, or raise ValueError."""
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 <= float(value) <= 1:
        raise ValueError(f"{name}={value!r} must be a number from 0 to 1.")
    return float(value)


def check_mixture_weights(weights: Any) -> npt.NDArray[np.float64]:
    """Return weights (n, K), rescaled to row sums of 1; raise ValueError if they are invalid."""
    array = np.array(weights, dtype=np.float64)
    matrix_shape("weights", array)
    if not (array >= 0).all():
        raise ValueError("weights has negative entries or NaN; they must be zero or positive.")
    total = array.sum(axis=1, keepdims=True)
    if not (np.abs(total - 1) <= 1e-6).all():
        raise ValueError("The weights of each row must sum to 1 within 1e-6.")
    array /= total
    return array


def finite_array(name: str, value: Any, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Return a finite float64 array of the given shape, or raise ValueError."""
    array = np.array(value, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{name}.shape == {array.shape}, expected {shape}.")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} contains NaN or infinity; it must be finite.")
    return array


def matrix_shape(name: str, value: npt.ArrayLike) -> tuple[int, int]:
    """Return the shape (n, K) of an array, or raise ValueError."""
    shape = np.shape(value)
    if len(shape) != 2 or shape[1] == 0:
        raise ValueError(f"{name}.shape == {shape}, expected (n, K): one for each component.")
    return shape[0], shape[1]


def require_positive_scales(scales: Any, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Return finite positive scales of the given shape, or raise ValueError."""
    array = finite_array("scales", scales, shape)
    if not (array > 0).all():
        raise ValueError("scales has entries that are not positive.")
    return array
