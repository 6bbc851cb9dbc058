"""Base class of representations whose encoder and decoder are networks."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_ebm._utils.arrays import column_moments, row_slices
from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm._utils.validation import (
    optional_whole_number,
    positive_integer,
    row_weights,
    share,
    switch,
    verbosity,
)
from sklearn_ebm.energies._network.activations import ACTIVATIONS
from sklearn_ebm.energies._network.trunk import layer_sizes
from sklearn_ebm.estimators._callbacks import FRAMES, FitCallbacks
from sklearn_ebm.estimators._parts import generator_and_seed, unchanged_if_it_fails
from sklearn_ebm.estimators._progress import ProgressLine
from sklearn_ebm.exceptions import CollapseWarning
from sklearn_ebm.learning.monitor import TrainingMonitor
from sklearn_ebm.learning.parametrization import own_copy
from sklearn_ebm.learning.samples import LearnedSamples, Weights, learn_samples
from sklearn_ebm.metrics.collapse import unlike
from sklearn_ebm.representation._sample_energy import SampleEnergy
from sklearn_ebm.representation.base import Representation
from sklearn_ebm.solvers import SOLVERS
from sklearn_ebm.solvers.base import Solver

# Learning has collapsed if the energies of samples with permuted columns are at most COLLAPSED
# times those of the samples, and below LOW times those of the means; energies below SAME times this
# number count as zero. SAMPLE samples decide.
SAMPLE, COLLAPSED, LOW, SAME = 2_048, 1.1, 0.01, 0.1

# Samples from which thresholds, means and codes are computed at the end of learning.
SETTLING = 10_000


class NetworkRepresentation(Representation):
    """Base class of representations with an encoder and a decoder, learned by gradients.

    The samples are standardised for the networks: the mean of each feature is subtracted, and all
    features are divided by one number, their common standard deviation. The energy is learned with
    the loss ``"energy"``, which lowers the energies of the samples.
    """

    hidden_layer_sizes: Any
    activation: str
    solver: Any
    max_iter: int | None
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    random_state: Any
    verbose: int

    @abstractmethod
    def _energy(self) -> SampleEnergy:
        """Return the energy of standardised samples for the parameters of the estimator."""

    @property
    def _energy_unit(self) -> float:
        """Energy of X divided by that of the standardised samples."""
        return self.scale_**2

    def _validate(self) -> None:
        name = type(self).__name__
        self._sizes()
        if self.activation not in ACTIVATIONS.names:
            raise ValueError(unknown_name("activation", self.activation, ACTIVATIONS.names))
        optional_whole_number("max_iter", self.max_iter)
        switch("early_stopping", self.early_stopping, of=name)
        share("validation_fraction", self.validation_fraction, of=name)
        positive_integer("n_iter_no_change", self.n_iter_no_change, of=name)
        verbosity("verbose", self.verbose)
        if not isinstance(self.solver, str) or self.solver not in ("auto", *SOLVERS.names):
            SOLVERS.resolve(self.solver)

    def _sizes(self) -> tuple[int, ...]:
        return layer_sizes(self.hidden_layer_sizes, empty=True)

    def _solver(self, energy: SampleEnergy) -> Solver:
        if self.solver == "auto":
            return SOLVERS["adam" if energy.traits.stochastic else "lbfgs"]()
        return SOLVERS.resolve(self.solver)

    # Learning -------------------------------------------------------------------------------------

    def _learn(self, X: Array, weight: Weights, task: FitCallbacks) -> None:
        used = np.flatnonzero(weight > 0)
        if len(used) < len(X):
            X, weight = X[used], weight[used]
        rng, seed = generator_and_seed(self.random_state)
        self._set_units(X, weight)
        rows = self._standardized(X)
        train, held_out = self._split(len(rows), rng)
        energy = self._energy()
        solver = self._solver(energy)
        params = self._first_params(energy, rows[train], weight[train], rng)
        with self._watch(task) as watch:
            learned = learn_samples(
                energy, rows[train], weight[train], solver, params=params,
                max_iter=self.max_iter, rng=np.random.RandomState(seed), watch=watch,
                held_out=None if held_out is None else (rows[held_out], weight[held_out]),
            )  # fmt: skip
        self._store(energy, learned, rows[train])
        self._parts_seen = 0
        self._warn_of_collapse(X)

    def _first_params(
        self, energy: SampleEnergy, rows: Array, weight: Weights, rng: np.random.RandomState
    ) -> Params:
        some = Rows(rows, np.zeros(len(rows), dtype=np.intp), weight)
        return energy.start(some, 1, rng)

    def _set_units(self, X: Array, weight: Weights) -> None:
        self.mean_, deviation = column_moments(X, weight, centred=True)
        deviation = deviation[np.isfinite(deviation)]
        largest = float(deviation.max(initial=0.0)) or 1.0
        squares = float(np.square(deviation / largest).sum())
        self.scale_ = largest * float(np.sqrt(squares / X.shape[1])) or 1.0

    def _standardized(self, X: Array) -> Array:
        result = np.empty(X.shape, dtype=X.dtype)
        for rows in row_slices(len(X), X.shape[1]):
            result[rows] = (X[rows] - self.mean_) / self.scale_
        return result

    def _split(self, n: int, rng: np.random.RandomState) -> tuple[Any, Any]:
        """Rows for learning, and held-out rows for early stopping."""
        if not self.early_stopping:
            return slice(None), None
        n_out = int(np.ceil(self.validation_fraction * n))
        if n_out >= n:
            raise ValueError(
                f"early_stopping=True needs 2 samples or more, but there is n_samples={n}."
            )
        order = rng.permutation(n)
        return np.sort(order[n_out:]), np.sort(order[:n_out])

    @contextmanager
    def _watch(self, task: FitCallbacks) -> Iterator[TrainingMonitor]:
        patience = self.n_iter_no_change if self.early_stopping else None
        with ExitStack() as stack:
            callbacks: tuple[Any, ...] = task.callbacks
            if self.verbose:
                callbacks += (stack.enter_context(ProgressLine(type(self).__name__)),)
            yield TrainingMonitor(callbacks, patience, outlives_interrupts=True)

    def _store(self, energy: SampleEnergy, learned: LearnedSamples, rows: Array) -> None:
        self.energy_, self.params_ = energy, learned.params
        energy.settle(learned.params, rows[:: max(len(rows) // SETTLING, 1)])
        self.energy_curve_ = learned.curve * self._energy_unit
        self.n_iter_ = max(learned.result.n_iter, int(self.max_iter != 0))
        self.__dict__.pop("validation_energy_curve_", None)
        if learned.held_out_curve:
            self.validation_energy_curve_ = np.array(learned.held_out_curve) * self._energy_unit
        self._memory = learned.result.memory

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Continue learning with one pass over some samples, which are then forgotten.

        Mean and scale of the features are those of the first part.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.
        y : None
            Not used.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        self
            The fitted estimator.
        """
        with unchanged_if_it_fails(self):
            self._validate()
            first = "params_" not in vars(self)
            X = self._rows(X, reset=first)
            weight = row_weights(sample_weight, len(X))
            used = np.flatnonzero(weight > 0)
            X, weight = X[used], weight[used]
            rng, seed = generator_and_seed(self.random_state)
            if first:
                self._set_units(X, weight)
                energy = self._energy()
                self.params_ = self._first_params(energy, self._standardized(X), weight, rng)
                self._memory, self._parts_seen = None, 0
            else:
                energy = own_copy(self.energy_)
            rows = self._standardized(X)
            self._parts_seen += 1
            solver = self._solver(energy)
            solver = (solver if solver.stochastic else SOLVERS["adam"]()).for_partial_fit()
            learned = learn_samples(
                energy, rows, weight, solver, params=self.params_,
                max_iter=1, rng=np.random.RandomState((seed + self._parts_seen) % 2**31),
                memory=self._memory,
            )  # fmt: skip
            self._store(energy, learned, rows)
            self.n_iter_ = self._parts_seen
        return self

    def _warn_of_collapse(self, X: Array) -> None:
        some = X[:: max(len(X) // SAMPLE, 1)]
        if self.max_iter == 0 or not np.ptp(some, axis=0).any():
            return
        mine, theirs = (float(self.energies(rows).mean()) for rows in (some, unlike(some)))
        # On average, standardised features have the variance 1.
        low = LOW * 0.5 * X.shape[1] * self._energy_unit
        if theirs < min(COLLAPSED * mine + SAME * low, low):
            warnings.warn(
                "The energies have collapsed: they are low for any sample, so nothing was learned. "
                "Use a code with fewer components, or a penalty on it.",
                CollapseWarning,
                stacklevel=5 + FRAMES,
            )

    # Inference ------------------------------------------------------------------------------------

    def _by_blocks(self, function: Callable[[Array], Array], rows: Array) -> Array:
        """Apply a function to standardised samples, block by block."""
        check_is_fitted(self)
        width = self.energy_._width(1)

        def of_block(part: slice) -> Array:
            return function(self._standardized(rows[part]))

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
        rows = self._rows(X, reset=False)
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
        at least as large, as there may be lower minima.

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
            better than E ≥ 0 is known.
        """
        check_is_fitted(self)
        limit = positive_integer("max_iter", max_iter)
        rows = self._rows(X, reset=False)
        params = self._in_dtype(rows.dtype)

        def gaps(some: Array) -> Array:
            encoded, found, least = self.energy_.best_energies(params, some, limit)
            return np.column_stack([encoded - found, encoded - least])

        gap, bound = rows.dtype.type(self._energy_unit) * self._by_blocks(gaps, rows).T
        return (gap, bound) if return_bound else gap

    def _decoded(self, codes: Array) -> Array:
        if codes.dtype not in (np.float32, np.float64):
            codes = codes.astype(np.float64)
        found = self.energy_.decoded(self._in_dtype(codes.dtype), codes)
        found *= codes.dtype.type(self.scale_)
        found += self.mean_.astype(codes.dtype)
        return found

    @property
    def _n_features_out(self) -> int:
        return int(self.energy_.n_components)
