"""Surfaces: energies of samples as functions of the answers, given by functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.samplers.base import DiscreteSurface, Surface

#: (X (n, d), y (n, q)) -> energies (n,) and slopes (n, q).
EnergyFunction: TypeAlias = Callable[[Array, Array], tuple[npt.ArrayLike, npt.ArrayLike]]


class FunctionSurface(Surface):
    """Energies that a function computes from samples and answers.

    Parameters
    ----------
    energy : callable
        Function from X (n, n_features) and y (n, n_outputs), with one answer in each row, to
        energies (n,) and their derivatives in y (n, n_outputs).
    X : array-like of shape (n_samples, n_features)
        The samples. float32 is kept; other dtypes become float64.
    n_outputs : int
        Number of outputs.

    Examples
    --------
    The energy (y − x)²/2 of y = 3 at x = 1:

    >>> import numpy as np
    >>> from sklearn_ebm.samplers import FunctionSurface
    >>> surface = FunctionSurface(
    ...     lambda X, y: ((y - X)[:, 0] ** 2 / 2, y - X), [[1.0]], n_outputs=1
    ... )
    >>> surface.energies_and_slopes(np.array([[[3.0]]]))
    (array([[2.]]), array([[[2.]]]))
    """

    def __init__(self, energy: EnergyFunction, X: npt.ArrayLike, n_outputs: int) -> None:
        if not callable(energy):
            raise TypeError(
                f"energy={energy!r} must be a function of X and y that returns energies and slopes."
            )
        self.energy = energy
        self.X = np.asarray(X)
        if self.X.dtype != np.float32:
            self.X = self.X.astype(np.float64, copy=False)
        if self.X.ndim != 2 or len(self.X) == 0:
            raise ValueError(f"X.shape == {self.X.shape}, expected (n_samples, n_features).")
        self.n_rows = len(self.X)
        self.n_outputs = positive_integer("n_outputs", n_outputs)
        self._repeated = self.X

    def energies(self, y: Array) -> Array:
        """Compute energies (n_samples, m)."""
        return self.energies_and_slopes(y)[0]

    def energies_and_slopes(self, y: Array) -> tuple[Array, Array]:
        """Compute energies (n_samples, m), and their derivatives in y (n_samples, m, n_outputs)."""
        n, m, q = y.shape
        energies, slopes = self.energy(self._rows(m), y.reshape(n * m, q))
        energies = np.asarray(energies, dtype=y.dtype)
        slopes = np.asarray(slopes, dtype=y.dtype)
        if energies.shape != (n * m,) or slopes.shape != (n * m, q):
            raise ValueError(
                f"The energy function returned the shapes {energies.shape} and {slopes.shape} for "
                f"{n * m} answers with {q} outputs; expected ({n * m},) and ({n * m}, {q})."
            )
        return energies.reshape(n, m), slopes.reshape(n, m, q)

    def _rows(self, m: int) -> Array:
        """Each row of X m times; the last result is kept."""
        if self.n_rows == 1:
            return np.broadcast_to(self.X, (m, self.X.shape[1]))
        repeated = self._repeated
        if len(repeated) != self.n_rows * m:
            repeated = self._repeated = np.repeat(self.X, m, axis=0)
        return repeated

    def __getitem__(self, rows: Any) -> Self:
        """Select samples by a slice, or by an array of indices or of bool."""
        return type(self)(self.energy, self.X[rows], self.n_outputs)


def tempered(surface: Surface, beta: float) -> Surface:
    """Return the surface of β F, which is discrete if that of F is.

    Examples
    --------
    Half of the energy (y − x)²/2 of y = 3 at x = 1:

    >>> import numpy as np
    >>> from sklearn_ebm.samplers import FunctionSurface
    >>> surface = FunctionSurface(
    ...     lambda X, y: ((y - X)[:, 0] ** 2 / 2, y - X), [[1.0]], n_outputs=1
    ... )
    >>> tempered(surface, 0.5).energies(np.array([[[3.0]]]))
    array([[1.]])
    """
    if isinstance(surface, DiscreteSurface):
        return _TemperedDiscrete(surface, beta)
    return _Tempered(surface, beta)


class _Tempered(Surface):
    """Energies β F of a surface."""

    def __init__(self, surface: Surface, beta: float) -> None:
        self.surface = surface
        self.beta = float(beta)
        self.n_rows, self.n_outputs = surface.n_rows, surface.n_outputs

    def energies(self, y: Array) -> Array:
        return self.surface.energies(y) * y.dtype.type(self.beta)

    def energies_and_slopes(self, y: Array) -> tuple[Array, Array]:
        energies, slopes = self.surface.energies_and_slopes(y)
        beta = y.dtype.type(self.beta)
        return energies * beta, slopes * beta

    def __getitem__(self, rows: Any) -> Self:
        return type(self)(self.surface[rows], self.beta)


class _TemperedDiscrete(DiscreteSurface):
    """Energies β F of a discrete surface."""

    def __init__(self, surface: DiscreteSurface, beta: float) -> None:
        self.surface = surface
        self.beta = float(beta)
        self.n_rows, self.n_outputs = surface.n_rows, surface.n_outputs
        self.n_values = surface.n_values

    @property
    def blocks(self) -> tuple[Index, ...]:
        return self.surface.blocks

    def energies(self, y: Array) -> Array:
        return self.surface.energies(y) * y.dtype.type(self.beta)

    def conditional_energies(self, y: Array, block: Index) -> Array:
        return self.surface.conditional_energies(y, block) * y.dtype.type(self.beta)

    def __getitem__(self, rows: Any) -> Self:
        return type(self)(self.surface[rows], self.beta)
