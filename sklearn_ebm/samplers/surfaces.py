"""Surfaces: energies of samples as functions of the answers, given by functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, Self, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.samplers.base import DiscreteSurface, Proposal, Surface

#: (X (n, d), y (n, q)) -> energies (n,) and slopes (n, q).
EnergyFunction: TypeAlias = Callable[[Array, Array], tuple[npt.ArrayLike, npt.ArrayLike]]


@runtime_checkable
class HasSurface(Protocol):
    """A fitted estimator with energies of any form, such as a `LatentEBMRegressor`."""

    def surface(self, X: Any) -> Surface:
        """Return the energies of samples (n, d) as functions of y."""


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
        result = self.energy(self._rows(m), y.reshape(n * m, q))
        if not isinstance(result, tuple) or len(result) != 2:
            raise ValueError("The energy function must return two arrays: energies and slopes.")
        energies, slopes = (np.asarray(part, dtype=y.dtype) for part in result)
        if energies.shape != (n * m,) or slopes.shape != (n * m, q):
            raise ValueError(
                f"The energy function returned the shapes {energies.shape} and {slopes.shape} for "
                f"{n * m} answers with {q} outputs; expected ({n * m},) and ({n * m}, {q})."
            )
        return energies.reshape(n, m), slopes.reshape(n, m, q)

    def _rows(self, m: int) -> Array:
        """Each row of X m times; the last result is kept."""
        repeated = self._repeated
        if len(repeated) != self.n_rows * m:
            repeated = np.repeat(self.X, m, axis=0)
            self._repeated = repeated
        return repeated

    def __getitem__(self, rows: Any) -> Self:
        """Select samples by a slice, or by an array of indices or of bool."""
        return type(self)(self.energy, self.X[rows], self.n_outputs)


def as_surface(
    energy: EnergyFunction | Surface | HasSurface,
    X: npt.ArrayLike | None,
    n_outputs: int | None,
    start: npt.ArrayLike | None,
    proposal: Proposal | None,
) -> tuple[Surface, Array]:
    """Return the surface of an energy, and answers (n_samples, m, n_outputs) to start from.

    The energy function is called once, at the start, and its derivatives are compared with finite
    differences.

    Raises
    ------
    TypeError
        If `energy` is none of a function, a surface and an estimator, or X is missing.
    ValueError
        If shapes do not match, the number of outputs is unknown, or the slopes are not the
        derivatives of the energies.
    """
    given = None if start is None else np.asarray(start)
    if isinstance(energy, Surface):
        surface: Surface = energy
    elif isinstance(energy, HasSurface):
        if X is None:
            raise TypeError("X is missing: an estimator needs the samples.")
        surface = energy.surface(X)
    elif not callable(energy):
        raise TypeError(
            "energy must be a function of X and y, a Surface, or a fitted LatentEBMRegressor with "
            f"an energy of any form, but is of type {type(energy).__name__}. Of a Pipeline, pass "
            "the last step, and X transformed by the other steps."
        )
    else:
        if X is None:
            raise TypeError("X is missing: an energy that is a function needs the samples.")
        if n_outputs is None:
            n_outputs = _number_of_outputs(given, proposal)
        surface = FunctionSurface(energy, X, n_outputs)
    if proposal is not None:
        check_proposal(proposal, surface)
    answers = _starts(given, surface)
    if isinstance(surface, FunctionSurface):
        if given is None:
            answers = answers.astype(surface.X.dtype)
        check_slopes(surface, answers)
    return surface, answers


def check_rows(proposal: Any, surface: Surface) -> Proposal:
    """Return a proposal; raise TypeError or ValueError unless it has the samples of a surface."""
    if not isinstance(proposal, Proposal):
        raise TypeError(
            f"proposal={proposal!r} is not a density of answers with outputs; use a "
            "VectorGaussianMixture, also for one output."
        )
    if proposal.n_rows != surface.n_rows:
        raise ValueError(
            f"The proposal has {proposal.n_rows} rows for {surface.n_rows} samples; it needs one "
            "for each, so select them: proposal[rows]."
        )
    return proposal


def check_proposal(proposal: Any, surface: Surface) -> None:
    """Raise an error unless a proposal has the samples and outputs of a surface."""
    proposal = check_rows(proposal, surface)
    shape = proposal._draw(1, np.random.RandomState(0), shared=True).shape
    if shape != (surface.n_rows, 1, surface.n_outputs):
        raise ValueError(
            f"The proposal gives draws of shape {shape}, expected ({surface.n_rows}, 1, "
            f"{surface.n_outputs})."
        )


def _number_of_outputs(start: Any, proposal: Proposal | None) -> int:
    if start is not None and start.ndim > 0:
        return int(start.shape[-1])
    if isinstance(proposal, Proposal):
        return int(proposal._draw(1, np.random.RandomState(0), shared=True).shape[-1])
    raise ValueError("The number of outputs is unknown; pass n_outputs, or start.")


def _starts(start: Any, surface: Surface) -> Array:
    """Answers (n_samples, m, n_outputs) from those of a user; zeros by default."""
    n, q = surface.n_rows, surface.n_outputs
    if start is None:
        return np.zeros((n, 1, q))
    dtype = np.float32 if start.dtype == np.float32 else np.float64
    start = start.astype(dtype)
    if start.shape == (q,):
        return np.broadcast_to(start, (n, 1, q)).copy()
    if start.ndim != 3 or len(start) != n or start.shape[2] != q or start.shape[1] == 0:
        raise ValueError(
            f"start.shape == {start.shape}, expected ({q},) for one answer of all samples, or "
            f"({n}, m, {q}) for m answers of each of {n} samples."
        )
    return start


#: Largest error of a slope, relative to the largest slopes; float32 energies have large errors.
WRONG_SLOPE = {np.dtype(np.float64): 1e-3, np.dtype(np.float32): 0.1}


def check_slopes(surface: Surface, answers: Array) -> None:
    """Raise ValueError unless slopes agree with central differences of the energies.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ebm.samplers import FunctionSurface
    >>> surface = FunctionSurface(lambda X, y: (y[:, 0] ** 2, y), [[0.0]], n_outputs=1)
    >>> check_slopes(surface, np.ones((1, 1, 1)))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: The slopes are not the derivatives of the energies: ...
    """
    # Away from the start, which may be a minimum: there, wrong slopes may be zero as well.
    dtype = answers.dtype
    y: Array = answers[:, :1] + dtype.type(0.1) * (1 + np.abs(answers[:, :1]))
    if not np.isfinite(surface.energies(y)).all():
        y = answers[:, :1]
    energies, slopes = surface.energies_and_slopes(y)
    scale = np.maximum(np.abs(y), 0.1)
    small = dtype.type(1e-5 if dtype == np.float64 else 1e-2)
    for output in range(surface.n_outputs):
        step = np.zeros_like(y)
        step[..., output] = small * scale[..., output]
        width = (y + step)[..., output] - (y - step)[..., output]
        with np.errstate(invalid="ignore"):  # of infinite energies
            difference = (surface.energies(y + step) - surface.energies(y - step)) / width
        slope = slopes[..., output]
        size = np.abs(slopes).max(axis=2) + np.abs(difference)
        rounding = 50 * np.finfo(dtype).eps * (1 + np.abs(energies)) / width
        wrong = np.abs(slope - difference) > WRONG_SLOPE[dtype] * size + rounding
        if wrong.any():
            first = np.unravel_index(wrong.argmax(), wrong.shape)
            raise ValueError(
                "The slopes are not the derivatives of the energies: at the start, the slope of "
                f"output {output} is {slope[first]:.6g}, and a finite difference of the energies "
                f"is {difference[first]:.6g}; the function must return dF/dy."
            )


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

    def slopes(self, y: Array) -> Array:
        return self.surface.slopes(y) * y.dtype.type(self.beta)

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
