"""Sparse coding: few atoms of a dictionary for each sample."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm._utils.validation import positive_integer, positive_number, row_weights, switch
from sklearn_ebm.estimators._callbacks import FRAMES, FitCallbacks
from sklearn_ebm.exceptions import CollapseWarning
from sklearn_ebm.inference.descent import Descended, Descent, LatentProblem
from sklearn_ebm.representation._dictionary import first_dictionary, improved_dictionary, unit_rows
from sklearn_ebm.representation.base import Representation

# Samples whose codes are computed together, by one thread.
ROWS_TOGETHER = 512

# Iterations on the codes of a mini-batch. The codes of the previous pass are the start, if all of
# them take no more than this many numbers.
STEPS, KEPT_CODES = 30, 2**27

# Learning ends when a pass lowers the mean energy by less than this fraction.
PROGRESS = 1e-3

# Mini-batches that a stream remembers, about.
MEMORY = 50

INFERENCES = ("cd", "fista", "ista")

# Coordinate descent is asked for no smaller duality gap than this, by the size of floats in bytes:
# rounding may keep it above. A descent continues from there.
SMALLEST_GAP = {4: 1e-6, 8: 1e-12}
SWEEPS = 10_000


class _Codes(LatentProblem):
    """E(x, z) = ½‖x − Dᵀz‖² + α‖z‖₁ for some samples, in terms of D Dᵀ and x Dᵀ."""

    def __init__(
        self, X: Array, dictionary: Array, gram: Array, lipschitz: float, alpha: float,
        positive: bool,
    ) -> None:  # fmt: skip
        self.gram, self.lipschitz = gram, lipschitz
        self.alpha, self.positive = alpha, positive
        self.correlation = X @ dictionary.T
        self.scale = 0.5 * np.einsum("nd,nd->n", X, X)

    def gradient(self, z: Array, rows: Index) -> Array:
        """Dᵀ-products of z minus those of x."""
        return z @ self.gram - self.correlation[rows]

    def proximal(self, z: Array, step: float) -> Array:
        """Soft threshold at α/L."""
        threshold = z.dtype.type(self.alpha * step)
        if self.positive:
            return np.maximum(z - threshold, 0)
        return z - np.clip(z, -threshold, threshold)

    def certificate(self, z: Array, gradient: Array, rows: Index) -> tuple[Array, Array]:
        """Energies, and their distance from the best dual point in the direction of the residual.

        With the residual r = x − Dᵀz, every s with s max_j |(D r)_j| ≤ α gives the lower bound
        ½‖x‖² − ½‖x − s r‖² of the minimum.
        """
        correlation = self.correlation[rows]
        explained = np.einsum("nk,nk->n", z, correlation)
        squares = np.maximum(
            2 * self.scale[rows] - explained + np.einsum("nk,nk->n", z, gradient), 0
        )
        energies = 0.5 * squares + self.alpha * np.abs(z).sum(axis=1)
        aligned = 2 * self.scale[rows] - explained  # ⟨x, r⟩
        largest = (-gradient if self.positive else np.abs(gradient)).max(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            best = np.where(squares > 0, aligned / squares, 0.0)
            limit = np.where(largest > 0, self.alpha / largest, np.inf)
        s = np.clip(best, 0.0, limit)
        dual = s * aligned - 0.5 * s**2 * squares
        return energies, np.maximum(energies - dual, 0)


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
    each at its optimum for all codes of the latest pass. Atoms that no sample uses are replaced by
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
    inference : {"cd", "fista", "ista"} or Descent, default="cd"
        Computes the codes: scikit-learn's coordinate descent, or proximal gradient descent with or
        without momentum. A `sklearn_ebm.inference.Descent` has its own `tol` and `max_iter`. With
        ``"cd"``, learning takes steps of ``"fista"``.
    dictionary : {"data", "svd"} or array-like of shape (n_components, n_features), default="data"
        Start of the dictionary: samples, singular vectors of X, or given atoms. They are scaled to
        norm 1.
    max_iter : int, default=20
        Maximum number of passes over the samples. 0 keeps the start of the dictionary. Learning
        ends earlier if a pass lowers the mean energy by less than 0.1 %.
    batch_size : int, default=1024
        Number of samples in a mini-batch.
    tol : float, default=1e-4
        Largest duality gap of codes, relative to ½‖x‖².
    random_state : int, RandomState instance or None, default=0
        Determines the start of the dictionary and the order of the samples.

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
    >>> coding = SparseCoding(1, alpha=1.0, dictionary=[[1.0, 0.0]], max_iter=0).fit([[3.0, 4.0]])
    >>> coding.transform([[3.0, 4.0]]), coding.energies([[3.0, 4.0]])
    (array([[2.]]), array([10.5]))
    """

    def __init__(
        self,
        n_components: int = 100,
        alpha: float = 1.0,
        positive_code: bool = False,
        positive_dictionary: bool = False,
        inference: Any = "cd",
        dictionary: Any = "data",
        max_iter: int = 20,
        batch_size: int = 1024,
        tol: float = 1e-4,
        random_state: Any = 0,
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
        self.random_state = random_state

    # Learning -------------------------------------------------------------------------------------

    def _learn(self, X: Array, weight: npt.NDArray[np.float64], task: FitCallbacks) -> None:
        rng = check_random_state(self.random_state)
        atoms = self._first(X, weight, rng)
        codes = None
        if len(X) * self.n_components <= KEPT_CODES:
            codes = np.zeros((len(X), self.n_components), dtype=X.dtype)
        curve: list[float] = []
        statistics: _Statistics | None = None
        for _ in range(self.max_iter):
            atoms, statistics, energy = self._pass(X, weight, atoms, codes, statistics, rng)
            curve.append(energy)
            if len(curve) > 1 and curve[-2] - curve[-1] <= PROGRESS * abs(curve[-2]):
                break
        self.dictionary_ = atoms.astype(X.dtype)
        self.energy_curve_, self.n_iter_ = np.array(curve), len(curve)
        self._statistics, self._weight_seen = statistics, float(weight.sum())
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
        self._validate()
        first = "dictionary_" not in vars(self)
        X = self._rows(X, reset=first)
        weight = row_weights(sample_weight, len(X))
        rng = check_random_state(self.random_state)
        if first:
            atoms, self._statistics, self._weight_seen = self._first(X, weight, rng), None, 0.0
            self.energy_curve_, self.n_iter_ = np.empty(0), 0
        else:
            atoms = self.dictionary_.astype(np.float64)
        total = self._weight_seen + float(weight.sum())
        energy = 0.0
        for rows in self._batches(np.flatnonzero(weight > 0)):
            share = max(float(weight[rows].sum()) / total, 1 / MEMORY)
            found = self._coded(X[rows], atoms, None)
            atoms, self._statistics = self._improved(
                X[rows], weight[rows], found.values, atoms, self._statistics, share
            )
            energy += float(weight[rows] @ found.energies.astype(np.float64))
        self.dictionary_, self._weight_seen = atoms.astype(X.dtype), total
        self.energy_curve_ = np.append(self.energy_curve_, energy / float(weight.sum()))
        self.n_iter_ += 1
        return self

    def _validate(self) -> None:
        positive_integer("n_components", self.n_components, of="SparseCoding")
        positive_number("alpha", self.alpha, of="SparseCoding")
        switch("positive_code", self.positive_code, of="SparseCoding")
        switch("positive_dictionary", self.positive_dictionary, of="SparseCoding")
        positive_integer("max_iter", self.max_iter, of="SparseCoding", least=0)
        positive_integer("batch_size", self.batch_size, of="SparseCoding")
        positive_number("tol", self.tol, of="SparseCoding")
        self._descent()._validate()

    def _descent(self) -> Descent:
        if not isinstance(self.inference, str):
            return self.inference
        if self.inference not in INFERENCES:
            raise ValueError(unknown_name("inference", self.inference, INFERENCES))
        momentum = self.inference != "ista"
        return Descent(1_000 if momentum else 10_000, self.tol, momentum)

    def _first(
        self, X: Array, weight: npt.NDArray[np.float64], rng: np.random.RandomState
    ) -> Array:
        atoms = first_dictionary(self.dictionary, X, weight, self.n_components, rng)
        return unit_rows(np.maximum(atoms, 0), rng) if self.positive_dictionary else atoms

    def _batches(self, order: Index) -> list[Index]:
        starts = range(0, len(order), self.batch_size)
        return [order[start : start + self.batch_size] for start in starts]

    def _pass(
        self,
        X: Array,
        weight: npt.NDArray[np.float64],
        atoms: Array,
        codes: Array | None,
        statistics: _Statistics | None,
        rng: np.random.RandomState,
    ) -> tuple[Array, _Statistics | None, float]:
        """One pass over the samples: atoms, statistics of the codes, and the mean energy."""
        total, energy = float(weight.sum()), 0.0
        used = np.zeros(self.n_components, dtype=bool)
        for rows in self._batches(rng.permutation(np.flatnonzero(weight > 0))):
            part = X[rows]
            found = self._coded(part, atoms, None if codes is None else codes[rows])
            if codes is not None:
                codes[rows] = found.values
            energy += float(weight[rows] @ found.energies.astype(np.float64))
            used |= found.values.any(axis=0)
            share = min(float(weight[rows].sum()) / total, 1.0)
            atoms, statistics = self._improved(
                part, weight[rows], found.values, atoms, statistics, share
            )
        # The atoms that no sample uses take over what the last samples leave unexplained.
        unused = np.flatnonzero(~used)[: len(part)]
        if len(unused) and statistics is not None:
            residual = part - found.values @ atoms.astype(part.dtype)
            worst = np.argsort(-np.einsum("nd,nd->n", residual, residual))[: len(unused)]
            atoms[unused] = unit_rows(residual[worst], rng)
            if self.positive_dictionary:
                atoms[unused] = unit_rows(np.maximum(atoms[unused], 0), rng)
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
        share: float,
    ) -> tuple[Array, _Statistics]:
        weighted = (codes * (weight / weight.sum())[:, None]).astype(np.float64)
        new = _Statistics(weighted.T @ codes, weighted.T @ X)
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

    def _coded(
        self, X: Array, atoms: Array, start: Array | None, descent: Descent | None = None
    ) -> Descended:
        """Codes of some samples; for learning, a fixed number of steps from the given start."""
        atoms = atoms.astype(X.dtype, copy=False)
        gram = atoms @ atoms.T
        lipschitz = float(np.linalg.eigvalsh(gram.astype(np.float64))[-1]) * (1 + 1e-6) or 1.0
        start = np.zeros((len(X), len(atoms)), dtype=X.dtype) if start is None else start
        by_coordinates = descent is not None and self.inference == "cd"
        descent = descent or Descent(STEPS, self.tol, momentum=self._descent().momentum)

        def coded(rows: slice) -> Descended:
            problem = _Codes(
                X[rows], atoms, gram, lipschitz, float(self.alpha), bool(self.positive_code)
            )
            first = start[rows]
            if by_coordinates:
                first = self._by_coordinates(X[rows], atoms, gram, problem.scale)
            return descent.minimize(problem, first)

        pieces = [slice(a, a + ROWS_TOGETHER) for a in range(0, max(len(X), 1), ROWS_TOGETHER)]
        with Workers() as workers:
            done = list(workers.map(coded, pieces))
        values, energies, gaps = (
            np.concatenate([getattr(part, name) for part in done])
            for name in ("values", "energies", "gaps")
        )
        return Descended(values, energies, gaps, max(part.n_iter for part in done))

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

    def _inferred(self, X: Any) -> Descended:
        check_is_fitted(self)
        return self._inferred_rows(self._rows(X, reset=False))

    def _inferred_rows(self, rows: Array) -> Descended:
        with warnings.catch_warnings():
            # A descent continues where coordinate descent ends, and the gaps say how far it came.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return self._coded(rows, self.dictionary_, None, self._descent())

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
        codes : ndarray of shape (n_samples, n_components)
            Mostly zeros.
        gap : ndarray of shape (n_samples,)
            Upper bound of the energy of the code minus the lowest energy, if ``return_gap=True``.
        """
        found = self._inferred(X)
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

    def _decoded(self, codes: Array) -> Array:
        result: Array = codes @ self.dictionary_
        return result

    @property
    def _n_features_out(self) -> int:
        return len(self.dictionary_)
