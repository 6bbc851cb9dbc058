"""The contract of a conditional density: one density for each row."""

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
    """The likely answers of each row, by falling probability.

    Attributes
    ----------
    answers : ndarray of shape (n_samples, r) or (n_samples, r, n_outputs)
        Where the density has its maxima, in the unit of y; NaN where a row has fewer than r.
    probabilities : ndarray of shape (n_samples, r)
        The probability that belongs to each; 0 where a row has fewer than r.
    """

    answers: Array
    probabilities: Array


class ConditionalDistribution(ABC):
    """p(y | x), a density over answers for each of n rows.

    Every method returns one entry for each row, in the order of the rows, and no row knows of
    another: ``density[rows].mean()`` is ``density.mean()[rows]``.
    """

    #: Names of the attributes that hold one entry for each row.
    _fields: ClassVar[tuple[str, ...]]

    @property
    def n_rows(self) -> int:
        """How many densities there are."""
        return len(getattr(self, self._fields[0]))

    def __len__(self) -> int:
        return self.n_rows

    def __getitem__(self: Same, rows: Any) -> Same:
        """The densities of some rows, of the same class.

        Parameters
        ----------
        rows : int, slice, or ndarray of indices or of bool
            Which; a single index gives a density with one row.
        """
        if not isinstance(rows, slice):
            # Not through `rows` itself: an index that is out of range must raise for an int too.
            rows = np.atleast_1d(np.arange(self.n_rows)[rows])
        part = copy.copy(self)
        for name in self._fields:
            setattr(part, name, getattr(self, name)[rows])
        return part

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.n_rows} rows>"

    def _row_order(self) -> Index | None:
        """An order of the rows in which neighbours cost as much; None if all of them do."""
        return None

    def _parts(self: Same, numbers_per_row: int) -> tuple[list[Any], Index | None]:
        """Blocks of rows, and the order in which they have the rows, None for their own one."""
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
        """log p(y | x), in nats.

        Parameters
        ----------
        y : array-like
            One answer for each row, or m candidates for each row.

        Returns
        -------
        ndarray of shape (n_samples,) or (n, m)
        """

    def pdf(self, y: npt.ArrayLike) -> Array:
        """Density p(y | x), in 1/(unit of y), or in 1/(unit of y)^q for q outputs.

        Parameters
        ----------
        y : array-like
            One answer for each row, or m candidates for each row.

        Returns
        -------
        ndarray of shape (n_samples,) or (n, m)
        """
        return np.exp(self.log_prob(y))

    @abstractmethod
    def mean(self) -> Array:
        """E[y | x]."""

    @abstractmethod
    def var(self) -> Array:
        """Variance of y given x, of each output."""

    def std(self) -> Array:
        """Standard deviation of y given x, of each output."""
        return np.sqrt(self.var())

    @abstractmethod
    def mode(self) -> Array:
        """argmax_y p(y | x)."""

    @abstractmethod
    def modes(self, min_probability: float = 0.05) -> Modes:
        """The likely answers and their probabilities."""

    @abstractmethod
    def median(self) -> Array:
        """Median of y given x, of each output."""

    @abstractmethod
    def quantiles(self, probabilities: npt.ArrayLike) -> Array:
        """Quantiles of y given x, of each output; of several probabilities, along the last axis."""

    @abstractmethod
    def interval(self, level: float) -> Array:
        """The central interval [Q((1 − level)/2), Q((1 + level)/2)] of each output."""

    @abstractmethod
    def region(self, level: float) -> Any:
        """The smallest set of answers that has probability `level`: {y: p(y | x) ≥ τ}."""

    @abstractmethod
    def density_rank(self, y: npt.ArrayLike) -> Array:
        """P(p(Y | x) > p(y | x)): probability of the answers that are likelier than y."""

    @abstractmethod
    def sample(self, n_samples: int = 1, random_state: Any = None) -> Array:
        """Draw `n_samples` answers for each row."""

    @abstractmethod
    def crps(self, y: npt.ArrayLike) -> Array:
        """∫ (F(t) − 1[y ≤ t])² dt, the continuous ranked probability score, of each output."""

    @abstractmethod
    def entropy(self) -> Array:
        """−∫ p log p, in nats."""


def in_place(array: Array, order: Index) -> Array:
    """Rows that came in some order, each where it belongs."""
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
    """Return a number above 0, 1 included: all answers have a probability of 1."""
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 < float(value) <= 1:
        raise ValueError(f"{name}={value!r} must be above 0 and at most 1.")
    return float(value)


def share(name: str, value: Any) -> float:
    """Return a number from 0 to 1, or raise ValueError."""
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 <= float(value) <= 1:
        raise ValueError(f"{name}={value!r} must be a number from 0 to 1.")
    return float(value)


def check_mixture_weights(weights: Any) -> npt.NDArray[np.float64]:
    """Return weights (n, K), rescaled to row sums of 1; each sum must be 1 within 1e-6."""
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
    """A finite float64 array of that shape, or ValueError."""
    array = np.array(value, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{name}.shape == {array.shape}, expected {shape}.")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} contains NaN or infinity; it must be finite.")
    return array


def matrix_shape(name: str, value: npt.ArrayLike) -> tuple[int, int]:
    """The shape (n, K) of an array, or ValueError."""
    shape = np.shape(value)
    if len(shape) != 2 or shape[1] == 0:
        raise ValueError(f"{name}.shape == {shape}, expected (n, K): one for each component.")
    return shape[0], shape[1]


def require_positive_scales(scales: Any, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Finite positive scales of that shape, or ValueError."""
    array = finite_array("scales", scales, shape)
    if not (array > 0).all():
        raise ValueError("scales has entries that are not positive.")
    return array
