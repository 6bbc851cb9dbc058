"""LISTA: an unrolled encoder that learns to compute the codes of sparse coding."""

from __future__ import annotations

import math
import warnings
from typing import Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm._utils.tiles import row_blocks
from sklearn_ebm._utils.validation import positive_integer, positive_number, switch
from sklearn_ebm.energies import Energy
from sklearn_ebm.estimators._callbacks import FRAMES
from sklearn_ebm.exceptions import CollapseWarning
from sklearn_ebm.inference.descent import Descended, Descent
from sklearn_ebm.learning.samples import LearnedSamples, Weights
from sklearn_ebm.representation._encoder import EncoderEnergy
from sklearn_ebm.representation._sparse_codes import ROWS_TOGETHER, SparseCodes, joined
from sklearn_ebm.representation.gradients import RISE, GradientRepresentation
from sklearn_ebm.representation.sparse_coding import SparseCoding
from sklearn_ebm.solvers.adam import Adam
from sklearn_ebm.solvers.base import Solver

# Default of max_iter: this number of passes, or more if they make fewer steps than FEWEST_STEPS.
FEWEST_PASSES, FEWEST_STEPS = 30, 1_000

# Settings of the default solver.
LEARNING_RATE, BATCH = 0.005, 256


class LISTA(GradientRepresentation):
    r"""Encoder that computes codes of sparse coding with a few learned layers.

    .. code-block:: none

        E(x, z) = ½‖x − Σ_j z_j D_j‖² + α‖z‖₁,    ‖D_j‖ ≤ 1

        z ← shrink(S u + γ W D x, t),    u = z + β (z − z_before)

    `SparseCoding` solves an optimisation problem for every sample. Here a network of `n_layers`
    layers computes the code: shrink(v, t) moves every entry of v towards 0 by t. The matrices S and
    W, and the numbers β, γ, t of each layer are learned such that the energies E(x, Enc(x)) of the
    samples are low. No codes are needed for that.

    With S = I − D Dᵀ/L, W = I/L and t = α/L a layer is an iteration of FISTA. The encoder starts
    closer to the minimum: the largest eigenvalues of D Dᵀ, which make the steps of FISTA short, are
    divided out, W = Σ v vᵀ/max(λ, c) for eigenvalues λ with vectors v and S = I − D Dᵀ W. The
    cap c is the one with the lowest energies of the samples.

    The encoder keeps this start if learning does not lower the energies.

    Learning lowers the mean energy, so samples of high energy count most, and the encoder suits
    samples like those that it was learned from: also their size matters. Every code has a duality
    gap, an upper bound on its energy minus the lowest energy, which shows where the encoder fails;
    `amortization_gap` computes the difference itself.

    Parameters
    ----------
    n_components : int, default=100
        Number of atoms.
    alpha : float, default=1.0
        Weight α of the penalty, in units of X. Codes of x are zero if α ≥ max_j abs(⟨D_j, x⟩).
    n_layers : int, default=8
        Number of layers, at least 1.
    tied : bool, default=True
        Whether all layers have the same matrix S; otherwise each has one of its own. The matrix W
        is common to all layers in both cases.
    refine_steps : int, default=0
        Number of steps of `sklearn_ebm.inference.Descent` with momentum after the last layer.
    dictionary : array-like of shape (n_components, n_features) or None, default=None
        The atoms, for example ``dictionary_`` of a fitted `SparseCoding`; they are scaled to
        norm 1. None learns them with `SparseCoding` from the same samples.
    positive_code : bool, default=False
        Whether codes have no negative entries.
    sparse_output : bool, default=False
        Whether `transform` returns the codes as a `scipy.sparse.csr_array`.
    tol : float, default=1e-4
        Largest duality gap, relative to ½‖x‖², of the best codes: those with which `SparseCoding`
        learns the dictionary, and those of `amortization_gap`.
    solver : str or Solver, default="auto"
        ``"auto"`` is `sklearn_ebm.solvers.Adam` with a learning rate of 0.005, which is about the
        change of β, log γ and log t in one step. That of entries of S and W is 2.8/n_components of
        it.
    max_iter : int or None, default=None
        Maximum number of passes over the samples in which the layers are learned. 0 keeps their
        start. None means 30 passes, or as many as 1000 steps need if these are more.
    early_stopping : bool, default=False
        Whether learning stops when the energy of held-out samples no longer decreases. The result
        is the pass with the lowest held-out energy.
    validation_fraction : float, default=0.1
        Fraction of the samples that are held out for early stopping.
    n_iter_no_change : int, default=10
        Number of passes without a lower held-out energy after which learning stops.
    random_state : int, RandomState instance or None, default=0
        Determines the dictionary, the order of the samples and the held-out samples.
    verbose : int, default=0
        Whether to show the progress.

    Attributes
    ----------
    dictionary_ : ndarray of shape (n_components, n_features)
        The atoms.
    coding_ : SparseCoding
        Sparse coding with the same dictionary, which computes the best codes.
    energy_curve_ : ndarray of shape (n_passes + 1,)
        Mean energy E(x, Enc(x)) of the samples in each pass; the first entry is that of the first
        mini-batch at the start.
    validation_energy_curve_ : ndarray of shape (n_passes,)
        That of the held-out samples after each pass; only with ``early_stopping=True``.
    n_iter_ : int
        Number of passes over the samples.
    n_features_in_ : int
        Number of features.

    See Also
    --------
    SparseCoding : Codes with any accuracy, by iterations.

    Notes
    -----
    A sample costs n_layers products with a matrix of shape (n_components, n_components), and one
    with the dictionary. Samples and codes are divided by √(mean ‖x‖²) inside, so the result does
    not depend on the unit of X if `alpha` is in the same unit.

    References
    ----------
    Gregor, LeCun, "Learning fast approximations of sparse coding", ICML (2010) 399-406.

    Ablin, Moreau, Massias, Gramfort, "Learning step sizes for unfolded sparse coding", NeurIPS
    (2019). :arxiv:`1905.11071`

    Beck, Teboulle, "A fast iterative shrinkage-thresholding algorithm for linear inverse problems",
    SIAM Journal on Imaging Sciences 2 (2009) 183-202. :doi:`10.1137/080716542`

    Examples
    --------
    With one atom (1, 0) and α = 1 the first layer is exact: the code of x = (3, 4) is 3 − 1 = 2,
    with the energy ½ (1² + 4²) + 2 = 10.5:

    >>> from sklearn_ebm.representation import LISTA
    >>> encoder = LISTA(1, alpha=1.0, dictionary=[[1.0, 0.0]], max_iter=0).fit([[3.0, 4.0]])
    >>> encoder.transform([[3.0, 4.0]]).round(6), encoder.energies([[3.0, 4.0]]).round(6)
    (array([[2.]]), array([10.5]))
    """

    def __init__(
        self,
        n_components: int = 100,
        alpha: float = 1.0,
        n_layers: int = 8,
        tied: bool = True,
        refine_steps: int = 0,
        dictionary: Any = None,
        positive_code: bool = False,
        sparse_output: bool = False,
        tol: float = 1e-4,
        solver: Any = "auto",
        max_iter: int | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        random_state: Any = 0,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.alpha = alpha
        self.n_layers = n_layers
        self.tied = tied
        self.refine_steps = refine_steps
        self.dictionary = dictionary
        self.positive_code = positive_code
        self.sparse_output = sparse_output
        self.tol = tol
        self.solver = solver
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def _sized(cls, X: Array, n_components: int, random_state: Any) -> Self:
        coding = SparseCoding._sized(X, n_components, random_state)
        return cls(n_components, alpha=coding.alpha, random_state=random_state)

    # Learning -------------------------------------------------------------------------------------

    def _validate(self) -> None:
        positive_integer("n_components", self.n_components, of="LISTA")
        positive_number("alpha", self.alpha, of="LISTA")
        positive_integer("n_layers", self.n_layers, of="LISTA")
        switch("tied", self.tied, of="LISTA")
        positive_integer("refine_steps", self.refine_steps, of="LISTA", least=0)
        if isinstance(self.dictionary, str):
            raise ValueError(
                f"dictionary={self.dictionary!r} of LISTA must be None, which learns the atoms, or "
                "an array of atoms."
            )
        switch("positive_code", self.positive_code, of="LISTA")
        switch("sparse_output", self.sparse_output, of="LISTA")
        positive_number("tol", self.tol, of="LISTA")
        super()._validate()

    # From a start that is nearly exact, few steps may raise the energies.
    _keeps_start = True

    _sparse_codes = True

    @property
    def _energy_unit(self) -> float:
        return self._scale**2

    def _automatic_solver(self, energy: Energy) -> Solver:
        return Adam(learning_rate=LEARNING_RATE, batch_size=BATCH)

    def _default_iterations(self, n_samples: int, solver: Solver) -> int | None:
        if not isinstance(solver, Adam):
            return None
        solver._validate()
        return max(FEWEST_PASSES, -(-FEWEST_STEPS // -(-n_samples // solver.batch_size)))

    def _prepared(
        self, X: Array, weight: Weights, rng: np.random.RandomState
    ) -> tuple[EncoderEnergy, Params, Array]:
        self.coding_ = self._coding(X, weight)
        self.dictionary_ = self.coding_.dictionary_
        self._scale = _root_mean_norm(X, weight)
        rows = self._rows_of(X)
        self._warn_of_collapse(rows[:, :-1])
        gram = (self.dictionary_ @ self.dictionary_.T).astype(np.float64)
        self._lipschitz = float(np.linalg.eigvalsh(gram)[-1]) * (1 + 1e-6) or 1.0
        energy = EncoderEnergy(
            gram.astype(X.dtype), self.alpha / self._scale, int(self.n_layers), bool(self.tied),
            bool(self.positive_code),
        )  # fmt: skip
        some = Rows(rows, np.zeros(len(X), dtype=np.intp), weight / weight.max())
        return energy, energy.start(some, 1, rng), rows

    def _rows_of(self, X: Array) -> Array:
        """⟨D_j, x⟩ and ½‖x‖² of samples that are divided by the scale."""
        scaled = X / X.dtype.type(self._scale)
        half_squares = 0.5 * np.einsum("nd,nd->n", scaled, scaled)
        return np.c_[scaled @ self.dictionary_.T.astype(X.dtype, copy=False), half_squares]

    def _coding(self, X: Array, weight: Weights) -> SparseCoding:
        """Sparse coding whose dictionary is learned or given."""
        coding = SparseCoding(
            self.n_components, alpha=self.alpha, positive_code=self.positive_code, tol=self.tol,
            random_state=self.random_state,
        )  # fmt: skip
        if self.dictionary is not None:
            coding.set_params(dictionary=self.dictionary, max_iter=0)
        return coding.fit(X, sample_weight=weight)

    def _warn_of_collapse(self, correlation: Array) -> None:
        sizes = correlation if self.positive_code else np.abs(correlation)
        largest = float(sizes.max(initial=0.0)) * self._scale
        if self.dictionary is not None and largest <= self.alpha:
            warnings.warn(
                f"All codes are zero, so nothing is learned: alpha={self.alpha!r} is at least the "
                f"largest correlation of a sample with an atom, {largest:.3g}; lower alpha.",
                CollapseWarning,
                stacklevel=6 + FRAMES,
            )

    def _warn_of_stopping(self, learned: LearnedSamples) -> None:
        if learned.risen > RISE:
            warnings.warn(
                "Learning has raised the energies, so the encoder keeps its start; lower the "
                "learning_rate: solver=Adam(learning_rate=...).",
                ConvergenceWarning,
                stacklevel=5 + FRAMES,
            )
        else:
            super()._warn_of_stopping(learned)

    # Inference ------------------------------------------------------------------------------------

    def _inferred_rows(self, rows: Array, *, certified: bool) -> Descended:
        """Codes of samples, and their energies and gaps, if certified, in units of the scale²."""
        layers = self.energy_.layers(self.params_, rows.dtype)
        gram = self.energy_.gram.astype(rows.dtype, copy=False)
        atoms = self.dictionary_.astype(rows.dtype, copy=False)
        descent = Descent(self.refine_steps, tol=0.0)
        scale = rows.dtype.type(self._scale)

        def coded(piece: slice) -> Descended:
            problem = SparseCodes(
                rows[piece] / scale, atoms, gram, self.energy_.alpha, self.energy_.positive,
                self._lipschitz,
            )  # fmt: skip
            codes = self.energy_.encoded(layers, problem.linear @ layers.filters)
            if self.refine_steps:
                return descent.minimize(problem, codes)
            energies = gaps = problem.scale
            if certified:
                every = np.arange(len(codes))
                energies, gaps = problem.certificate(codes, problem.gradient(codes, every), every)
            return Descended(codes, energies, gaps, 0)

        with Workers() as workers:
            found = joined(list(workers.map(coded, row_blocks(len(rows), 1, ROWS_TOGETHER))))
        return found._replace(values=found.values * scale)

    def _inferred(self, X: Any) -> Descended:
        check_is_fitted(self)
        rows = self._rows(X, reset=False)
        found, unit = self._inferred_rows(rows, certified=True), rows.dtype.type(self._scale)
        return found._replace(energies=found.energies * unit * unit, gaps=found.gaps * unit * unit)

    def _codes(self, rows: Array) -> Array:
        return self._inferred_rows(rows, certified=False).values

    def transform(self, X: Any, return_gap: bool = False) -> Any:
        """Compute the code of the encoder, and its certificate on request.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.
        return_gap : bool, default=False
            Whether to return the duality gaps as well, which cost about one layer.

        Returns
        -------
        codes : ndarray or csr_array of shape (n_samples, n_components)
            Mostly zeros.
        gap : ndarray of shape (n_samples,)
            Upper bound of the energy of the code minus the lowest energy, if ``return_gap=True``.
        """
        if not return_gap:
            return super().transform(X)
        found = self._inferred(X)
        return self._output(found.values), found.gaps

    def energies(self, X: Any) -> Array:
        """Compute the energy E(x, Enc(x)) of the code of the encoder.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            At most the duality gap of the code above F(x) = min_z E(x, z).
        """
        return self._inferred(X).energies

    def amortization_gap(self, X: Any, return_bound: bool = False) -> Array | tuple[Array, Array]:
        """Compute what the encoder loses: E(x, Enc(x)) − min_z E(x, z).

        The minimum is computed by `coding_`, to a duality gap of at most `tol` times ½‖x‖². The
        result is therefore at most this much too small, and never too large, up to rounding.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.
        return_bound : bool, default=False
            Whether to return an upper bound of the true gap as well.

        Returns
        -------
        gap : ndarray of shape (n_samples,)
            Not negative; at most the duality gap of the code.
        bound : ndarray of shape (n_samples,)
            An upper bound of the true gap, if ``return_bound=True``.
        """
        best, found = self.coding_._inferred(X), self._inferred(X)
        above = found.energies - best.energies
        gap = np.clip(above, 0, found.gaps)
        return (gap, np.maximum(above + best.gaps, gap)) if return_bound else gap

    def _decoded(self, codes: Array) -> Array:
        result: Array = codes @ self.dictionary_
        return result

    @property
    def _n_features_out(self) -> int:
        return len(self.dictionary_)


def _root_mean_norm(X: Array, weight: Weights) -> float:
    """√ of the weighted mean of ‖x‖², without overflow; 1 if all samples are zero.

    Examples
    --------
    >>> _root_mean_norm(np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([1.0, 0.0]))
    5.0
    """
    largest = float(np.abs(X).max(initial=0.0))
    if not largest > 0:
        return 1.0
    unit = (X / largest).astype(np.float64)
    squares = np.einsum("nd,nd->n", unit, unit)
    return largest * math.sqrt(float(weight @ squares) / float(weight.sum()))
