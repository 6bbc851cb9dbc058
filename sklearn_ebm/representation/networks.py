"""Base class of representations whose encoder and decoder are networks."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_ebm._utils.arrays import column_moments, row_slices
from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.energies._network.activations import ACTIVATIONS
from sklearn_ebm.energies._network.trunk import layer_sizes
from sklearn_ebm.estimators._callbacks import FRAMES, FitCallbacks
from sklearn_ebm.exceptions import CollapseWarning
from sklearn_ebm.learning.samples import Weights
from sklearn_ebm.metrics.collapse import unlike
from sklearn_ebm.representation._sample_energy import SampleEnergy
from sklearn_ebm.representation.gradients import GradientRepresentation

# Learning has collapsed if samples with permuted columns have errors below LOW times the variance,
# and energies at most COLLAPSED times those of the samples; energies below LOW² times those of the
# means count as zero. SAMPLE samples decide.
SAMPLE, COLLAPSED, LOW = 2_048, 1.1, 0.01

# Samples from which thresholds, means and codes are computed at the end of learning.
SETTLING = 10_000


class NetworkRepresentation(GradientRepresentation):
    """Base class of representations with an encoder and a decoder, learned by gradients.

    The samples are standardised for the networks: the mean of each feature is subtracted, and all
    features are divided by one number, their common standard deviation.
    """

    hidden_layer_sizes: Any
    activation: str

    @classmethod
    def _sized(cls, X: Array, n_components: int, random_state: Any) -> Self:
        narrow = max(min(n_components, X.shape[1] // 2), 1)  # wide codes would collapse
        return cls(n_components=narrow, random_state=random_state)

    @abstractmethod
    def _energy(self, seed: int) -> SampleEnergy:
        """Return the energy of standardised samples for the parameters of the estimator."""

    @property
    def _energy_unit(self) -> float:
        """Energy of X divided by that of the standardised samples."""
        return self.scale_**2

    def _validate(self) -> None:
        self._sizes()
        if self.activation not in ACTIVATIONS.names:
            raise ValueError(unknown_name("activation", self.activation, ACTIVATIONS.names))
        super()._validate()

    def _sizes(self) -> tuple[int, ...]:
        otherwise = "; () is without hidden layers"
        return layer_sizes(self.hidden_layer_sizes, otherwise, empty=True)

    # Learning -------------------------------------------------------------------------------------

    def _prepared(
        self, X: Array, weight: Weights, rng: np.random.RandomState
    ) -> tuple[SampleEnergy, Params, Array]:
        self._set_units(X, weight)
        energy = self._energy(rng.randint(np.iinfo(np.int32).max))
        rows = self._rows_of(X)
        some = Rows(rows, np.zeros(len(X), dtype=np.intp), weight)
        return energy, energy.start(some, 1, rng), rows

    def _learn(self, X: Array, weight: Weights, task: FitCallbacks) -> None:
        super()._learn(X, weight, task)
        self._warn_of_collapse(X)

    def _set_units(self, X: Array, weight: Weights) -> None:
        self.mean_, deviation = column_moments(X, weight, centred=True)
        deviation = deviation[np.isfinite(deviation)]
        largest = float(deviation.max(initial=0.0)) or 1.0
        squares = float(np.square(deviation / largest).sum())
        self.scale_ = largest * float(np.sqrt(squares / X.shape[1])) or 1.0
        limits = np.finfo(X.dtype)
        if not 1e4 * limits.tiny**0.5 < self.scale_ < 1e-4 * limits.max**0.5:
            raise ValueError(
                f"The standard deviation of X is about {self.scale_:.1e}, so that energies do not "
                f"fit into {X.dtype}; scale X (StandardScaler)."
            )

    def _rows_of(self, X: Array) -> Array:
        result = np.empty(X.shape, dtype=X.dtype)
        for rows in row_slices(len(X), X.shape[1]):
            result[rows] = (X[rows] - self.mean_) / self.scale_
        return result

    def _settle(self, rows: Array, weight: Weights, share: float) -> None:
        step = max(len(rows) // SETTLING, 1)
        self.energy_.settle(self.params_, rows[::step], weight[::step], share)

    def _warn_of_collapse(self, X: Array) -> None:
        some = X[:: max(len(X) // SAMPLE, 1)]
        varies = np.ptp(some, axis=0) > 0
        if self.max_iter == 0 or not varies.any():
            return
        other = unlike(some)
        mine, theirs = (float(self._energies(rows).mean()) for rows in (some, other))
        away = (other - self._decoded(self._codes(other)))[:, varies] / some.std(axis=0)[varies]
        reconstructed = float(np.square(away).mean()) < LOW
        if reconstructed and theirs < COLLAPSED * mine + LOW**2 * X.shape[1] * self._energy_unit:
            warnings.warn(
                "The energies have collapsed: they are low for any sample, so nothing was learned. "
                "Use a code with fewer components, or a penalty on it.",
                CollapseWarning,
                stacklevel=5 + FRAMES,
            )

    # Inference ------------------------------------------------------------------------------------

    def _by_blocks(self, function: Callable[[Array], Array], rows: Array, width: int = 0) -> Array:
        """Apply a function to rows of the energy, block by block; `width` is what it keeps."""
        check_is_fitted(self)
        width += self.energy_._width(1)

        def of_block(part: slice) -> Array:
            return function(self._rows_of(rows[part]))

        with Workers() as workers:
            parts = list(row_slices(max(len(rows), 1), width, rows.shape[1], rows.itemsize))
            return np.concatenate(list(workers.map(of_block, parts)))

    def _in_dtype(self, dtype: Any) -> Params:
        return {name: part.astype(dtype, copy=False) for name, part in self.params_.items()}

    def _codes(self, rows: Array) -> Array:
        params = self._in_dtype(rows.dtype)
        return self._by_blocks(lambda some: self.energy_.codes(params, some), rows)

    def energies(self, X: Any) -> Array:
        """Compute the energy F(x).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Low if the representation fits x.
        """
        check_is_fitted(self)
        return self._energies(self._rows(X, reset=False))

    def _energies(self, rows: Array) -> Array:
        params = self._in_dtype(rows.dtype)
        unit = rows.dtype.type(self._energy_unit)
        return unit * self._by_blocks(lambda some: self.energy_.energies(params, some), rows)

    def free_energy(self, X: Any) -> Array:
        """Compute the free energy, which is the energy: the code is a function of x.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self.energies(X)

    def amortization_gap(
        self, X: Any, return_bound: bool = False, max_iter: int = 200
    ) -> Array | tuple[Array, Array]:
        """Compute by how much the energy of the code of the encoder exceeds the lowest one found.

        E(x, Enc(x)) − min_z E(x, z), with the minimum found by descent from Enc(x). The true gap is
        at least as large, as there may be lower minima. Of a variational auto-encoder, Enc(x) is
        the mean of the code, and E(x, z) = −log p(x, z) without constants.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.
        return_bound : bool, default=False
            Whether to return an upper bound of the true gap as well.
        max_iter : int, default=200
            Number of steps of the descent.

        Returns
        -------
        gap : ndarray of shape (n_samples,)
            The gap, a lower bound of the true one.
        bound : ndarray of shape (n_samples,)
            An upper bound, if ``return_bound=True``: the energy E(x, Enc(x)) itself if nothing
            better than E ≥ 0 is known. E contains neither the commitment of `VQAutoencoder` nor
            the divergence of ``"kl"``.
        """
        check_is_fitted(self)
        limit = positive_integer("max_iter", max_iter)
        rows = self._rows(X, reset=False)
        params = self._in_dtype(rows.dtype)

        def gaps(some: Array) -> Array:
            encoded, found, least = self.energy_.best_energies(params, some, limit)
            known = np.isfinite(encoded)  # samples far away may have infinite energies
            gaps = [encoded - np.where(known, other, 0) for other in (found, least)]
            return np.column_stack(gaps)

        gap, bound = rows.dtype.type(self._energy_unit) * self._by_blocks(gaps, rows).T
        return (gap, bound) if return_bound else gap

    def _decoded(self, codes: Array) -> Array:
        return self._in_units(self.energy_.decoded(self._in_dtype(codes.dtype), codes))

    def _in_units(self, rows: Array) -> Array:
        """Samples in the unit of X, from standardised ones, which are overwritten."""
        rows *= rows.dtype.type(self.scale_)
        rows += self.mean_.astype(rows.dtype)
        return rows

    @property
    def _n_features_out(self) -> int:
        return int(self.energy_.n_components)
