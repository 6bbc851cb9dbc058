"""Base class of representations that are learned by gradients."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_ebm._utils.arrays import same
from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm._utils.validation import (
    optional_whole_number,
    positive_integer,
    row_weights,
    share,
    switch,
)
from sklearn_ebm.energies import Energy
from sklearn_ebm.estimators._callbacks import FRAMES, FitCallbacks
from sklearn_ebm.estimators._parts import generator_and_seed, unchanged_if_it_fails
from sklearn_ebm.learning.learn import Start
from sklearn_ebm.learning.monitor import (
    INTERRUPTED,
    Iteration,
    IterationCallback,
    TrainingMonitor,
)
from sklearn_ebm.learning.parametrization import own_copy
from sklearn_ebm.learning.samples import LearnedSamples, Weights, learn_samples
from sklearn_ebm.representation.base import Representation
from sklearn_ebm.solvers import SOLVERS
from sklearn_ebm.solvers.base import Solver

# Parameters that determine how an energy is learned, but do not define it.
COURSE = {
    "solver", "max_iter", "early_stopping", "validation_fraction", "n_iter_no_change",
    "random_state", "verbose", "refine_steps", "tol", "sparse_output",
}  # fmt: skip

# Steps were too long if learning has raised the mean energy by more than this number; that of codes
# that are zero is about ½ or more.
RISE = 5e-3

# Parts of a stream that determine the state of an energy, about.
MEMORY = 50


class GradientRepresentation(Representation):
    """Base class of representations whose parameters a solver learns.

    The loss is ``"energy"``, which lowers the energies of the samples. Without early stopping all
    samples are used.
    """

    solver: Any
    max_iter: int | None
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    random_state: Any

    # Whether learning that does not lower the energies is undone.
    _keeps_start = False

    @property
    @abstractmethod
    def _energy_unit(self) -> float:
        """Energy of samples divided by that of the rows of the energy."""

    def _validate(self) -> None:
        name = type(self).__name__
        optional_whole_number("max_iter", self.max_iter)
        switch("early_stopping", self.early_stopping, of=name)
        share("validation_fraction", self.validation_fraction, of=name)
        positive_integer("n_iter_no_change", self.n_iter_no_change, of=name)
        super()._validate()
        if not (isinstance(self.solver, str) and self.solver == "auto"):
            SOLVERS.resolve(self.solver)

    def _automatic_solver(self, energy: Energy) -> Solver:
        """Return the solver for ``solver="auto"``."""
        return SOLVERS["adam" if energy.traits.stochastic else "lbfgs"]()

    def _solver(self, energy: Energy) -> Solver:
        if isinstance(self.solver, str) and self.solver == "auto":
            return self._automatic_solver(energy)
        solver = SOLVERS.resolve(self.solver)
        reason = energy.traits.batches_because
        if reason is not None and not solver.stochastic:
            raise ValueError(
                f"solver {SOLVERS.name_of(solver)!r} cannot be used by {type(self).__name__}, "
                f"because {reason}; use solver='adam'."
            )
        return solver

    def _default_iterations(self, n_samples: int, solver: Solver) -> int | None:
        """Return the default of ``max_iter``; None is that of the solver."""
        return None

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
    def _watch(self, task: FitCallbacks, best: _BestState | None) -> Iterator[TrainingMonitor]:
        patience = self.n_iter_no_change if self.early_stopping else None
        with self._progress_line() as line:
            callbacks: tuple[IterationCallback, ...] = task.callbacks
            callbacks += tuple(each for each in (line, best) if each is not None)
            watch = TrainingMonitor(callbacks, patience, outlives_interrupts=True)
            if best is not None:
                best.watch = watch
            yield watch

    @abstractmethod
    def _prepared(
        self, X: Array, weight: Weights, rng: np.random.RandomState
    ) -> tuple[Any, Params, Array]:
        """Store units, and return the energy, its first parameters, and its rows."""

    @abstractmethod
    def _rows_of(self, X: Array) -> Array:
        """Rows of the energy for samples, once the units are stored."""

    def _settle(self, rows: Array, weight: Weights, share: float) -> None:
        """Store what inference needs besides the parameters, from rows of training samples.

        In a stream, they replace a `share` of what is known; it is 1 at the end of a fit.
        """
        return None

    def _learn(self, X: Array, weight: Weights, task: FitCallbacks) -> None:
        X, weight = _of_positive_weight(X, weight)
        rng, seed = generator_and_seed(self.random_state)
        train, out = self._split(len(X), rng)
        energy, params, rows = self._prepared(X[train], weight[train], rng)
        solver, max_iter = self._solver(energy), self.max_iter
        if max_iter is None:
            max_iter = self._default_iterations(len(rows), solver)
        best = _BestState() if self.early_stopping and energy.traits.stateful else None
        with self._watch(task, best) as watch:
            learned = learn_samples(
                energy, rows, weight[train], solver, params=params, max_iter=max_iter,
                rng=np.random.RandomState(seed), watch=watch,
                held_out=None if out is None else (self._rows_of(X[out]), weight[out]),
                keeps_start=self._keeps_start,
            )  # fmt: skip
        share = 1.0
        if best is not None and best.energy is not None:
            energy, share = best.energy, 0.0  # its state belongs to the best parameters
        self._seed, self._parts_seen, self._weight_seen = seed, 0, float(weight.sum())
        self._asked = self._defining()
        self._store(energy, learned)
        self._settle(rows, weight[train], share)
        self._warn_of_stopping(learned)

    def _fitted_state(self, learned: Start) -> dict[str, Any]:
        known = self.get_params(deep=False)
        fitted = {name: value for name, value in vars(self).items() if name not in known}
        return {**fitted, "energy_": learned.energy, "params_": learned.params}

    def _store(self, energy: Any, learned: LearnedSamples) -> None:
        self.energy_, self.params_ = energy, learned.params
        self.energy_curve_ = learned.curve * self._energy_unit
        self.n_iter_ = max(learned.result.n_iter, int(self.max_iter != 0))
        self.__dict__.pop("validation_energy_curve_", None)
        if learned.held_out_curve:
            self.validation_energy_curve_ = np.array(learned.held_out_curve) * self._energy_unit
        self._memory = learned.result.memory

    def _warn_of_stopping(self, learned: LearnedSamples) -> None:
        result, way_out = learned.result, "Raise max_iter, or scale the features (StandardScaler)."
        interrupted = result.message.startswith(INTERRUPTED)
        if interrupted:
            way_out = "The estimator holds what was learned so far, and partial_fit goes on."
        elif self._solver(self.energy_).stochastic and learned.risen <= RISE:
            return  # its schedule has ended
        if interrupted or (not result.converged and self.max_iter != 0):
            warnings.warn(
                f"Learning stopped after {result.n_iter} iterations: {result.message}. {way_out}",
                ConvergenceWarning,
                stacklevel=5 + FRAMES,
            )

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Continue learning with one pass over some samples, which are then forgotten.

        What is computed before learning, such as the unit of the features, is that of the first
        part.

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
            X, weight = _of_positive_weight(X, row_weights(sample_weight, len(X)))
            if first:
                rng, self._seed = generator_and_seed(self.random_state)
                energy, params, rows = self._prepared(X, weight, rng)
                self._memory, self._parts_seen, self._weight_seen = None, 0, 0.0
                self._asked = self._defining()
            else:
                self._refuse_other_settings()
                energy, params = own_copy(self.energy_), self.params_
                kind = next(iter(params.values())).dtype
                rows = self._rows_of(X.astype(kind, copy=False))
            solver = self._solver(energy)
            solver = (solver if solver.stochastic else SOLVERS["adam"]()).for_partial_fit()
            self._parts_seen += 1
            learned = learn_samples(
                energy, rows, weight, solver, params=params, max_iter=1, memory=self._memory,
                rng=np.random.RandomState((self._seed + self._parts_seen) % 2**31),
                keeps_start=self._keeps_start, compares=self._keeps_start,
            )  # fmt: skip
            self._store(energy, learned)
            self._weight_seen += float(weight.sum())
            self._settle(rows, weight, self._share(weight))
            self.n_iter_ = self._parts_seen
        return self

    def _share(self, weight: Weights) -> float:
        """Share of a part of a stream in what is known: of all samples, or of the latest parts."""
        of_all = float(weight.sum()) / self._weight_seen
        return max(of_all, 1 / MEMORY) if self._parts_seen > 1 else min(of_all, 0.999)

    def _defining(self) -> dict[str, Any]:
        """Parameters that define the energy, and not how it is learned."""
        params = self.get_params(deep=False)
        return {name: value for name, value in params.items() if name not in COURSE}

    def _refuse_other_settings(self) -> None:
        if not same(self._asked, self._defining()):
            raise ValueError(
                f"partial_fit of {type(self).__name__} continues with the settings of the first "
                "part, but some that define the energy have changed; set them back, or start with "
                "a new estimator."
            )


class _BestState:
    """Callback that keeps a copy of the energy of the best iteration, if it has a state."""

    watch: TrainingMonitor

    def __init__(self) -> None:
        self.energy: Any = None
        self._seen: Any = None

    def __call__(self, iteration: Iteration) -> bool:
        """Copy the energy if the monitor has found better parameters."""
        if self.watch.best is not self._seen:
            self._seen, self.energy = self.watch.best, deepcopy(iteration.energy)
        return False


def _of_positive_weight(X: Array, weight: Weights) -> tuple[Array, Weights]:
    """Samples and weights without those of weight zero; copied only if there are any."""
    used = weight > 0
    weight = weight / weight.max()  # sums of large weights would overflow
    return (X, weight) if used.all() else (X[used], weight[used])
