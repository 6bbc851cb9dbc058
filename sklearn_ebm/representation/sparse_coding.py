"""Sparse coding: few atoms of a dictionary for each sample."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm._utils.tiles import row_blocks
from sklearn_ebm._utils.validation import positive_integer, positive_number, row_weights, switch
from sklearn_ebm.estimators._callbacks import FRAMES, FitCallbacks
from sklearn_ebm.estimators._parts import unchanged_if_it_fails
from sklearn_ebm.exceptions import CollapseWarning
from sklearn_ebm.inference.descent import Descended, Descent
from sklearn_ebm.inference.splitting import Operator, is_wide, split
from sklearn_ebm.representation._dictionary import (
    first_dictionary,
    improved_dictionary,
    repeated,
    unexplained,
    unit_rows,
)
from sklearn_ebm.representation._mean_field import normal_entries, positive_entries
from sklearn_ebm.representation._sparse_codes import ROWS_TOGETHER, SparseCodes, joined
from sklearn_ebm.representation.base import Representation

# Iterations on the codes of a mini-batch: from zero, and from where the previous pass ended, which
# is kept if it takes no more than this many numbers for all samples.
STEPS, MORE_STEPS, KEPT_STATES = 15, 10, 2**27

# Learning ends when STALE passes in a row have not lowered the mean energy by the fraction
# PROGRESS.
PROGRESS, STALE = 1e-3, 2

# The statistics of codes remember about so many mini-batches, or so many samples for each atom if
# they are more. In the beginning, a batch with the share s of the samples so far has s ** 0.75.
MEMORY, MEMORY_OF_ATOM, FORGETTING = 20, 100, 0.75

INFERENCES = ("admm", "cd", "fista", "ista")

# Iterations of codes that do not reach their gap; `ista` makes ten times as many.
ITERATIONS = 1_000

# Coordinate descent is asked for no smaller duality gap than this, by the size of floats in bytes:
# rounding may keep it above. A descent continues from there.
SMALLEST_GAP = {4: 1e-6, 8: 1e-12}
SWEEPS = 10_000

# Penalty of `_sized`, relative to the one at which the code of a typical sample is zero.
SHARE = 0.1


class _Statistics(NamedTuple):
    """Weighted means of z zᵀ and z xᵀ, from which the dictionary is learned."""

    products: Array
    targets: Array

    def mixed(self, other: _Statistics, share: float) -> _Statistics:
        """Return (1 − share) of these and share of others."""
        return _Statistics(
            self.products + share * (other.products - self.products),
            self.targets + share * (other.targets - self.targets),
        )


class SparseCoding(Representation):
    r"""Sparse coding with a learned dictionary, and a certificate for every code.

    .. code-block:: none

        E(x, z) = ½‖x − Σ_j z_j D_j‖² + α‖z‖₁,    ‖D_j‖ ≤ 1

    Each sample x is explained by few atoms D_j of a dictionary, with the code z of lowest energy.
    The penalty α keeps the energy surface from collapsing: without it, a dictionary with as many
    atoms as features explains every x. Every code has a duality gap, an upper bound on its energy
    minus the lowest energy.

    The dictionary is learned from mini-batches: codes of the batch, then one sweep over the atoms,
    each at its optimum for the codes of recent batches. Atoms that no sample uses are replaced by
    the residuals of samples of high energy.

    Parameters
    ----------
    n_components : int, default=100
        Number of atoms.
    alpha : float, default=1.0
        Weight α of the penalty, in units of X. Codes of x are zero if α ≥ max_j abs(⟨D_j, x⟩).
    positive_code : bool, default=False
        Whether codes have no negative entries.
    positive_dictionary : bool, default=False
        Whether atoms have no negative entries.
    inference : {"admm", "cd", "fista", "ista"} or Descent, default="admm"
        Computes the codes: operator splitting, scikit-learn's coordinate descent, or proximal
        gradient descent with or without momentum. A `sklearn_ebm.inference.Descent` has its own
        `tol` and `max_iter`. With ``"cd"``, learning takes steps of ``"admm"``. Coordinate descent
        is faster for dictionaries of about a thousand atoms or more.
    dictionary : {"data", "svd"} or array-like of shape (n_components, n_features), default="data"
        Start of the dictionary: samples, singular vectors of X, or given atoms. They are scaled to
        norm 1.
    max_iter : int, default=100
        Maximum number of passes over the samples. 0 keeps the start of the dictionary. Learning
        ends earlier if two passes in a row do not lower the mean energy by 0.1 %.
    batch_size : int, default=512
        Number of samples in a mini-batch.
    tol : float, default=1e-4
        Largest duality gap of codes, relative to ½‖x‖².
    sparse_output : bool, default=False
        Whether `transform` returns the codes as a `scipy.sparse.csr_array`.
    beta : float, default=1.0
        Inverse temperature of `free_energy`, in units of 1/energy.
    random_state : int, RandomState instance or None, default=0
        Determines the start of the dictionary and the order of the samples.
    verbose : int, default=0
        Whether to show the progress.

    Attributes
    ----------
    dictionary_ : ndarray of shape (n_components, n_features)
        The atoms.
    energy_curve_ : ndarray of shape (n_passes,)
        Mean energy of the samples in each pass.
    n_iter_ : int
        Number of passes.
    n_features_in_ : int
        Number of features.

    See Also
    --------
    sklearn.decomposition.MiniBatchDictionaryLearning : The same objective, without certificates.

    References
    ----------
    Olshausen, Field, "Emergence of simple-cell receptive field properties by learning a sparse code
    for natural images", Nature 381 (1996) 607-609. :doi:`10.1038/381607a0`

    Mairal, Bach, Ponce, Sapiro, "Online learning for matrix factorization and sparse coding", JMLR
    11 (2010) 19-60.

    Examples
    --------
    One atom (1, 0) and α = 1: the code of x = (3, 4) is 3 − 1 = 2, with the energy
    ½ (1² + 4²) + 2 = 10.5:

    >>> from sklearn_ebm.representation import SparseCoding
    >>> coding = SparseCoding(1, alpha=1.0, dictionary=[[1.0, 0.0]], max_iter=0).fit(
    ...     [[3.0, 4.0]]
    ... )
    >>> coding.transform([[3.0, 4.0]]).round(3), coding.energies([[3.0, 4.0]])
    (array([[2.]]), array([10.5]))
    """

    def __init__(
        self,
        n_components: int = 100,
        alpha: float = 1.0,
        positive_code: bool = False,
        positive_dictionary: bool = False,
        inference: Any = "admm",
        dictionary: Any = "data",
        max_iter: int = 100,
        batch_size: int = 512,
        tol: float = 1e-4,
        sparse_output: bool = False,
        beta: float = 1.0,
        random_state: Any = 0,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.alpha = alpha
        self.positive_code = positive_code
        self.positive_dictionary = positive_dictionary
        self.inference = inference
        self.dictionary = dictionary
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.tol = tol
        self.sparse_output = sparse_output
        self.beta = beta
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def _sized(cls, X: Array, n_components: int, random_state: Any) -> Self:
        start = cls(n_components, max_iter=0, random_state=random_state).fit(X)
        largest = np.abs(X @ start.dictionary_.T).max(axis=1)
        typical = float(np.median(largest[largest > 0])) if largest.any() else 1.0
        return cls(n_components, alpha=SHARE * typical, random_state=random_state)

    _sparse_codes = True

    # Learning -------------------------------------------------------------------------------------

    def _learn(self, X: Array, weight: npt.NDArray[np.float64], task: FitCallbacks) -> None:
        rng = check_random_state(self.random_state)
        weight = weight / weight.max()  # sums of large weights would overflow
        atoms = self._first(X, weight, rng)
        states = None
        if len(X) * self.n_components <= KEPT_STATES:
            states = np.zeros((len(X), self.n_components), dtype=X.dtype)
        self._weight_seen = 0.0
        curve: list[float] = []
        statistics: _Statistics | None = None
        lowest, stale = np.inf, 0
        with self._progress_line() as line:
            for number in range(1, self.max_iter + 1):
                atoms, statistics, energy = self._pass(X, weight, atoms, states, statistics, rng)
                curve.append(energy)
                if line is not None:
                    line.note(f"pass {number}, mean energy {energy:.5g}")
                stale = 0 if energy < (1 - PROGRESS) * lowest else stale + 1
                lowest = min(lowest, energy)
                if task.step("pass") or stale >= STALE:
                    break
        self.dictionary_ = atoms.astype(X.dtype)
        self.energy_curve_, self.n_iter_ = np.array(curve), len(curve)
        self._statistics = statistics
        self._warn_of_collapse(X, statistics)

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Improve the dictionary with one pass over some samples, which are then forgotten.

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
            first = "dictionary_" not in vars(self)
            if not first and self.n_components != len(self.dictionary_):
                raise ValueError(
                    f"partial_fit continues with {len(self.dictionary_)} atoms, but n_components "
                    f"is {self.n_components} now; set it back, or start with a new estimator."
                )
            X = self._rows(X, reset=first)
            weight = row_weights(sample_weight, len(X))
            weight = weight / weight.max()
            rng = check_random_state(self.random_state)
            if first:
                atoms, self._statistics, self._weight_seen = self._first(X, weight, rng), None, 0.0
                self.energy_curve_, self.n_iter_ = np.empty(0), 0
            else:
                atoms = self.dictionary_.astype(np.float64)
            energy = 0.0
            for rows in self._batches(np.flatnonzero(weight > 0)):
                found, _ = self._steps(X[rows], atoms, None, STEPS)
                atoms, self._statistics = self._improved(
                    X[rows], weight[rows], found.values, atoms, self._statistics, np.inf
                )
                energy += float(weight[rows] @ found.energies.astype(np.float64))
            self.dictionary_ = atoms.astype(X.dtype)
            self.energy_curve_ = np.append(self.energy_curve_, energy / float(weight.sum()))
            self.n_iter_ += 1
        return self

    def _validate(self) -> None:
        super()._validate()
        positive_integer("n_components", self.n_components, of="SparseCoding")
        positive_number("alpha", self.alpha, of="SparseCoding")
        switch("positive_code", self.positive_code, of="SparseCoding")
        switch("positive_dictionary", self.positive_dictionary, of="SparseCoding")
        positive_integer("max_iter", self.max_iter, of="SparseCoding", least=0)
        positive_integer("batch_size", self.batch_size, of="SparseCoding")
        positive_number("tol", self.tol, of="SparseCoding")
        positive_number("beta", self.beta, of="SparseCoding")
        switch("sparse_output", self.sparse_output, of="SparseCoding")
        self._descent()._validate()

    def _descent(self) -> Descent:
        if isinstance(self.inference, Descent):
            return self.inference
        if not isinstance(self.inference, str):
            raise ValueError(
                f"inference={self.inference!r} of SparseCoding must be one of the names "
                f"{', '.join(INFERENCES)}, or a Descent object."
            )
        if self.inference not in INFERENCES:
            raise ValueError(unknown_name("inference", self.inference, INFERENCES))
        momentum = self.inference != "ista"
        return Descent(ITERATIONS if momentum else 10 * ITERATIONS, self.tol, momentum)

    def _first(
        self, X: Array, weight: npt.NDArray[np.float64], rng: np.random.RandomState
    ) -> Array:
        atoms = first_dictionary(self.dictionary, X, weight, self.n_components, rng)
        return unit_rows(np.maximum(atoms, 0), rng) if self.positive_dictionary else atoms

    def _batches(self, order: Index) -> list[Index]:
        """Parts of nearly equal size, as a small one would disturb the statistics."""
        return np.array_split(order, max(-(-len(order) // self.batch_size), 1))

    def _pass(
        self,
        X: Array,
        weight: npt.NDArray[np.float64],
        atoms: Array,
        states: Array | None,
        statistics: _Statistics | None,
        rng: np.random.RandomState,
    ) -> tuple[Array, _Statistics | None, float]:
        """One pass over the samples: atoms, statistics of the codes, and the mean energy."""
        total, energy, first = float(weight.sum()), 0.0, statistics is None
        used = np.zeros(self.n_components, dtype=bool)
        for rows in self._batches(rng.permutation(np.flatnonzero(weight > 0))):
            part = X[rows]
            steps = STEPS if first or states is None else MORE_STEPS
            found, state = self._steps(part, atoms, None if states is None else states[rows], steps)
            if states is not None:
                states[rows] = state
            energy += float(weight[rows] @ found.energies.astype(np.float64))
            used |= found.values.any(axis=0)
            atoms, statistics = self._improved(
                part, weight[rows], found.values, atoms, statistics, total
            )
        unused = np.flatnonzero(~used | repeated(atoms, positive=bool(self.positive_code)))
        if len(unused) and statistics is not None:
            residual = (part - found.values @ atoms.astype(part.dtype)).astype(np.float64)
            atoms[unused] = unexplained(
                residual, len(unused), rng, positive=bool(self.positive_dictionary)
            )
            statistics.products[unused], statistics.products[:, unused] = 0, 0
            statistics.targets[unused] = 0
        return atoms, statistics, energy / total

    def _improved(
        self,
        X: Array,
        weight: npt.NDArray[np.float64],
        codes: Array,
        atoms: Array,
        statistics: _Statistics | None,
        total: float,
    ) -> tuple[Array, _Statistics]:
        """Atoms and statistics after a batch, of samples with some total weight."""
        mass = float(weight.sum())
        weighted = codes * (weight / mass).astype(codes.dtype)[:, None]
        new = _Statistics(
            (weighted.T @ codes).astype(np.float64), (weighted.T @ X).astype(np.float64)
        )
        # Codes of the first batches are those of poor atoms: they are forgotten sooner than in a
        # mean, and later ones after a pass or a number of samples, whichever is shorter.
        memory = max(MEMORY * self.batch_size, MEMORY_OF_ATOM * self.n_components)
        share = max(
            (1 + self._weight_seen / mass) ** -FORGETTING, min(len(codes) / memory, 1.0),
            min(mass / total, 1.0),
        )  # fmt: skip
        self._weight_seen += mass
        statistics = new if statistics is None else statistics.mixed(new, share)
        atoms = improved_dictionary(atoms, *statistics, positive=bool(self.positive_dictionary))
        return atoms, statistics

    def _warn_of_collapse(self, X: Array, statistics: _Statistics | None) -> None:
        if statistics is not None and not statistics.products.any():
            largest = float(np.abs(X @ self.dictionary_.T).max(initial=0.0))
            warnings.warn(
                f"All codes are zero, so nothing was learned: alpha={self.alpha!r} is at least the "
                f"largest correlation of a sample with an atom, {largest:.3g}; lower alpha.",
                CollapseWarning,
                stacklevel=5 + FRAMES,
            )

    # Inference ------------------------------------------------------------------------------------

    def _steps(
        self, X: Array, atoms: Array, state: Array | None, steps: int
    ) -> tuple[Descended, Array]:
        """Codes after some steps from a state, by default that of zero, and the state then."""
        state = np.zeros((len(X), len(atoms)), dtype=X.dtype) if state is None else state
        with Workers() as workers:  # the small products and the inverse do not gain from threads
            infer = self._inference_of(atoms.astype(X.dtype, copy=False), steps)
            parts = list(
                workers.map(
                    lambda rows: infer(X[rows], state[rows]), row_blocks(len(X), 1, ROWS_TOGETHER)
                )
            )
        return joined([found for found, _ in parts]), np.concatenate([after for _, after in parts])

    def _inferred_rows(self, X: Array, *, sparse: bool = False) -> Descended:
        with Workers() as workers, warnings.catch_warnings():
            # A descent continues where coordinate descent ends, and the gaps say how far it came.
            warnings.simplefilter("ignore", ConvergenceWarning)
            infer = self._inference_of(self.dictionary_.astype(X.dtype, copy=False), None)

            def inferred(rows: slice) -> Descended:
                start = np.zeros((rows.stop - rows.start, len(self.dictionary_)), dtype=X.dtype)
                found, _ = infer(X[rows], start)
                return found._replace(values=csr_array(found.values)) if sparse else found

            return joined(list(workers.map(inferred, row_blocks(len(X), 1, ROWS_TOGETHER))))

    def _inference_of(
        self, atoms: Array, steps: int | None
    ) -> Callable[[Array, Array], tuple[Descended, Array]]:
        """Return the function of samples and states that computes their codes and states."""
        alpha, positive = float(self.alpha), bool(self.positive_code)
        if self.inference == "admm" or (self.inference == "cd" and steps is not None):
            operator, gram = Operator(atoms), None if is_wide(atoms) else atoms @ atoms.T
            max_iter, tol = (ITERATIONS, float(self.tol)) if steps is None else (steps, None)

            def splitting(X: Array, state: Array) -> tuple[Descended, Array]:
                problem = SparseCodes(X, atoms, gram, alpha, positive)
                return split(problem, operator, state, max_iter=max_iter, tol=tol)

            return splitting
        own = atoms.T if is_wide(atoms) else atoms
        lipschitz = float(np.linalg.eigvalsh((own @ own.T).astype(np.float64))[-1])
        lipschitz = lipschitz * (1 + 1e-6) or 1.0
        gram = None if is_wide(atoms) and self.inference != "cd" else atoms @ atoms.T
        descent = self._descent()
        if steps is not None:
            descent = Descent(steps, self.tol, descent.momentum)

        def descending(X: Array, start: Array) -> tuple[Descended, Array]:
            problem = SparseCodes(X, atoms, gram, alpha, positive, lipschitz)
            if gram is not None and self.inference == "cd":
                start = self._by_coordinates(X, atoms, gram, problem.scale)
            found = descent.minimize(problem, start)
            return found, found.values

        return descending

    def _by_coordinates(self, X: Array, atoms: Array, gram: Array, scale: Array) -> Array:
        """Codes by coordinate descent; zero for samples that are zero."""
        codes = np.zeros((len(X), len(atoms)), dtype=X.dtype)
        some = np.flatnonzero(scale > 0)
        if len(some):
            # The objective of Lasso is divided by the number of features, its gap by ‖x‖².
            lasso = Lasso(
                float(self.alpha) / X.shape[1], fit_intercept=False, precompute=gram,
                max_iter=SWEEPS, tol=max(0.4 * self.tol, SMALLEST_GAP[X.dtype.itemsize]),
                positive=bool(self.positive_code),
            )  # fmt: skip
            codes[some] = lasso.fit(np.asfortranarray(atoms.T), X[some].T).coef_
        return codes

    def _inferred(self, X: Any, *, sparse: bool = False) -> Descended:
        check_is_fitted(self)
        return self._inferred_rows(self._rows(X, reset=False), sparse=sparse)

    def _codes(self, rows: Array) -> Array:
        return self._inferred_rows(rows).values

    def transform(self, X: Any, return_gap: bool = False) -> Any:
        """Compute the code of lowest energy, and its certificate on request.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.
        return_gap : bool, default=False
            Whether to return the duality gaps as well.

        Returns
        -------
        codes : ndarray or csr_array of shape (n_samples, n_components)
            Mostly zeros; sparse if `sparse_output` is.
        gap : ndarray of shape (n_samples,)
            Upper bound of the energy of the code minus the lowest energy, if ``return_gap=True``.
        """
        found = self._inferred(X, sparse=bool(self.sparse_output))
        return (found.values, found.gaps) if return_gap else found.values

    def energies(self, X: Any) -> Array:
        """Compute the energy F(x) = min_z E(x, z).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Energies of the codes of `transform`, at most their duality gap above the minimum.
        """
        return self._inferred(X).energies

    def free_energy(self, X: Any) -> Array:
        """Compute an upper bound of −(1/β) log ∫ exp(−β E(x, z)) dz.

        The bound is E_q[E(x, z)] − H(q)/β with independent entries of z. They are normal around the
        code, with the standard deviations that minimise the bound; entries that must be positive
        have a truncated normal distribution, that given the other entries of the code. If the atoms
        are orthogonal, the latter is exact.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            For β → ∞ the energy.
        """
        check_is_fitted(self)
        rows = self._rows(X, reset=False)
        codes = self._inferred_rows(rows).values
        atoms = self.dictionary_.astype(np.float64)
        curvature = np.einsum("kd,kd->k", atoms, atoms)
        alpha, beta = float(self.alpha), float(self.beta)

        def of_block(part: slice) -> Array:
            some, z = rows[part].astype(np.float64), codes[part].astype(np.float64)
            if self.positive_code:
                gradient = (z @ atoms - some) @ atoms.T
                q = positive_entries(z, gradient, curvature, alpha, beta)
            else:
                q = normal_entries(z, curvature, alpha, beta)
            away = some - q.mean @ atoms
            misfit = 0.5 * np.einsum("nd,nd->n", away, away) + 0.5 * q.variance @ curvature
            return misfit + (alpha * q.size - q.entropy / beta).sum(axis=1)

        with Workers() as workers:
            found = np.concatenate(
                list(workers.map(of_block, row_blocks(len(rows), 1, ROWS_TOGETHER)))
            )
        return found.astype(rows.dtype, copy=False)

    def _decoded(self, codes: Array) -> Array:
        result: Array = codes @ self.dictionary_
        return result

    @property
    def _n_features_out(self) -> int:
        return len(self.dictionary_)
