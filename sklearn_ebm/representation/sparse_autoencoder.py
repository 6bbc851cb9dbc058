"""Sparse auto-encoder: few active entries in a code that may be wider than the sample."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.special import expit

from sklearn_ebm._utils.array_ops import assign
from sklearn_ebm._utils.parameters import Array, Index, Params, Shapes
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.validation import positive_integer, positive_number, switch
from sklearn_ebm.energies._network.layers import Backward
from sklearn_ebm.energies.base import Traits
from sklearn_ebm.representation._dictionary import first_dictionary
from sklearn_ebm.representation._sample_energy import SampleEnergy, back_through, half_squares
from sklearn_ebm.representation._sparsity import SPARSITIES, SparseCode, Sparsity
from sklearn_ebm.representation.networks import NetworkRepresentation

# Units that no sample of this many passes has used are revived, with this weight of the energy that
# their codes would have for the residuals.
PASSES_IDLE, REVIVAL = 1, 1 / 32
FEWEST_IDLE = 1_000

# Samples from which the length of the first codes is computed.
STARTING = 2_000


class _SparseEnergy(SampleEnergy):
    """½‖x − Σ_j z_j D_j/‖D_j‖ − b‖² + λ · R(z), z = the sparse code of the encoder."""

    # Idle units are counted over the steps.
    traits = Traits(nonnegative=True, stochastic=True, threads=False, stateful=True)

    _n_rows = 0

    def __init__(
        self, n_components: int, sizes: tuple[int, ...], activation: str, sparsity: Sparsity,
        tied: bool,
    ) -> None:  # fmt: skip
        super().__init__(n_components, sizes, activation)
        self.sparsity = sparsity
        self.tied = tied
        self._idle = np.zeros(n_components, dtype=np.int64)

    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        encoder = dict(self.encoder.shapes(None, n_features, self.n_components))
        if self.tied:
            encoder = {"encoder_gain": (1,), "encoder_output_bias": (self.n_components,)}
        return {
            **encoder,
            "dictionary": (self.n_components, n_features),
            "decoder_bias": (n_features,),
            **self.sparsity.shapes(self.n_components),
        }

    def start(self, rows: Rows, n_answers: int, rng: np.random.RandomState) -> Params:
        """Atoms that are samples, and without hidden layers an encoder of their products."""
        n_features = rows.X.shape[1]
        shapes = self.shapes(n_features, n_answers)
        encoder = {name: shape for name, shape in shapes.items() if name.startswith("encoder_")}
        params = self.encoder.start(encoder, rng, output=1.0)
        if self.tied:
            params["encoder_gain"] = np.ones(1)
        params["encoder_output_bias"] += self.sparsity.first_output(self.n_components)
        atoms = first_dictionary("data", rows.X, rows.weight, self.n_components, rng)
        if not self.sizes and not self.tied:
            params["encoder_output_weight"] = atoms.T.copy()
        params |= {"dictionary": atoms, "decoder_bias": np.zeros(n_features)}
        self._n_rows = max(len(rows.X), FEWEST_IDLE)
        params |= self.sparsity.start(self.n_components)
        if not self.sizes:
            some = rows.X[:: max(len(rows.X) // STARTING, 1)]
            name = "encoder_gain" if self.tied else "encoder_output_weight"
            params[name] *= self._length(params, some)
        return params

    def _length(self, params: Params, rows: Array) -> float:
        """Factor of the first codes, at most 1, for which the reconstructions are nearest to rows.

        Atoms that overlap would otherwise add up to far too much.
        """
        found = self._sparse_code(params, rows, alone=False).values @ self.atoms(params)[0]
        square = float(np.vdot(found, found))
        return min(max(float(np.vdot(found, rows)) / square, 1e-3), 1.0) if square > 0 else 1.0

    def atoms(self, params: Params) -> tuple[Array, Array]:
        """Atoms of norm 1, and the norms (K, 1)."""
        dictionary = params["dictionary"]
        norm = np.linalg.norm(dictionary, axis=1, keepdims=True)
        norm = np.maximum(norm, np.finfo(dictionary.dtype).tiny)
        return dictionary / norm, norm

    def _linearized(self, params: Params, rows: Array) -> tuple[Array, Backward]:
        atoms, norm = self.atoms(params)
        outputs, into_outputs = self._outputs(params, rows, atoms)
        code = self.sparsity(params, outputs, alone=False)
        away = code.values @ atoms
        away += params["decoder_bias"]
        away -= rows
        idle = self._counted(code.values) if self._step else np.empty(0, dtype=np.intp)

        def back(slope: Array, out: Params) -> Array:
            pull = away * slope[:, None]
            assign(out, "decoder_bias", pull.sum(axis=0))
            of_atoms = code.values.T @ pull
            of_outputs = code.back(pull @ atoms.T, slope, out)
            if len(idle):
                self._revive(outputs, away, slope, atoms, idle, of_atoms, of_outputs)
            result = into_outputs(of_outputs, of_atoms, out)
            along = np.einsum("kd,kd->k", of_atoms, atoms)[:, None]
            assign(out, "dictionary", (of_atoms - along * atoms) / norm)
            return result

        return half_squares(away) + code.energies, back

    def _outputs(self, params: Params, rows: Array, atoms: Array) -> tuple[Array, Any]:
        """Outputs of the encoder, and their backward function, which may add to that of atoms."""
        trunk = self.encoder
        local = params
        if self.tied:
            local = params | {"encoder_output_weight": params["encoder_gain"] * atoms.T}
        outputs, steps = trunk.forward(local, rows)

        def back(slope: Array, of_atoms: Array, out: Params) -> Array:
            result = back_through(steps, slope, out)
            if self.tied:
                of_weight = out.pop("encoder_output_weight").T
                assign(out, "encoder_gain", np.atleast_1d(np.vdot(of_weight, atoms)))
                of_atoms += params["encoder_gain"] * of_weight
            return result

        return outputs, back

    def _counted(self, codes: Array) -> Index:
        """Count the samples since each unit was last used; return the idle units."""
        self._idle += len(codes)
        self._idle[codes.any(axis=0)] = 0
        return np.flatnonzero(self._idle > PASSES_IDLE * self._n_rows)

    def _revive(
        self, outputs: Array, away: Array, slope: Array, atoms: Array, idle: Index,
        of_atoms: Array, of_outputs: Array,
    ) -> None:  # fmt: skip
        """Add the gradient of ½‖residual − Σ softplus(a_j) D_j‖² over idle units, which pulls them.

        The softplus has a positive derivative where the code is zero.
        """
        chosen = outputs[:, idle]
        soft = np.logaddexp(chosen, 0)
        remaining = soft @ atoms[idle] + away  # minus the residual
        remaining *= (REVIVAL * slope)[:, None]
        of_atoms[idle] += soft.T @ remaining
        of_outputs[:, idle] += (remaining @ atoms[idle].T) * expit(chosen)

    def settle(self, params: Params, rows: Array, weight: Array, share: float) -> None:
        """Store what the codes of single samples need."""
        outputs = self._outputs(params, rows, self.atoms(params)[0])[0]
        self.sparsity.settle(outputs, weight, share)

    def _sparse_code(self, params: Params, rows: Array, *, alone: bool = True) -> SparseCode:
        outputs = self._outputs(params, rows, self.atoms(params)[0])[0]
        return self.sparsity(params, outputs, alone=alone)

    def energies(self, params: Params, rows: Array) -> Array:
        code = self._sparse_code(params, rows)
        return half_squares(rows - self.decoded(params, code.values)) + code.energies

    def with_code(self, params: Params, rows: Array, codes: Array) -> tuple[Array, Array]:
        """Compute E(x, z), and the gradient of the reconstruction energy."""
        atoms, _ = self.atoms(params)
        away = codes @ atoms + params["decoder_bias"] - rows
        return half_squares(away) + self.sparsity.energy(codes), away @ atoms.T

    def nearest_code(self, codes: Array, steps: Array, encoded: Array) -> Array:
        """Proximal operator of the energy of the code, or of its limit."""
        return self.sparsity.nearest(codes, steps, encoded)

    def codes(self, params: Params, rows: Array) -> Array:
        return self._sparse_code(params, rows).values

    def decoded(self, params: Params, codes: Array) -> Array:
        result: Array = np.asarray(codes @ self.atoms(params)[0]) + params["decoder_bias"]
        return result


class SparseAutoencoder(NetworkRepresentation):
    r"""Auto-encoder with a sparse code.

    .. code-block:: none

        F(x) = ½‖x − Σ_j z_j D_j − b‖² + s² λ · R(z),    z = Enc(x),  ‖D_j‖ = s

    The code may have more components than x has features, since only few of them are active. Each
    component j adds an atom D_j to the reconstruction, as in sparse coding, but the code is
    computed by an encoder instead of a search. s is the common standard deviation of the features,
    by which x is divided, so that λ does not depend on the unit of X.

    Parameters
    ----------
    n_components : int, default=100
        Number of components of the code.
    penalty : {"topk", "batch_topk", "l1", "kl", "jumprelu"}, default="topk"
        What makes the code z sparse, in terms of the outputs a of the encoder; R is zero unless it
        is mentioned:

        - ``"topk"``: z has the `n_active` largest positive outputs, and zeros.
        - ``"batch_topk"``: z has the outputs above a threshold. It is set so that `n_active`
          entries are active on average over the training samples.
        - ``"l1"``: z = max(a, 0), R = Σ_j z_j.
        - ``"kl"``: z = σ(a), R = Σ_j KL(ρ ‖ mean of z_j), the same for all samples, where
          ρ = ``n_active / n_components``.
        - ``"jumprelu"``: z has the outputs above a learned threshold of each component, and R is
          their number.
    strength : float, default=0.1
        Weight λ of the energy of the code; not used by ``"topk"`` and ``"batch_topk"``.
    n_active : int, default=8
        Number of active components; not used by ``"l1"`` and ``"jumprelu"``.
    hidden_layer_sizes : int or sequence of int, default=()
        Number of units of each hidden layer of the encoder; ``()`` is a linear encoder.
    activation : {"relu", "tanh", "silu", "gelu"}, default="relu"
        Activation function of the hidden layers.
    tied : bool, default=False
        Whether a linear encoder has the atoms, times one learned number, as weights.
    sparse_output : bool, default=False
        Whether `transform` returns the codes as a `scipy.sparse.csr_array`.
    solver : str or Solver, default="auto"
        ``"auto"`` is ``"adam"``.
    max_iter : int or None, default=None
        Maximum number of iterations; None is the default of the solver.
    early_stopping : bool, default=False
        Whether learning stops when the energy of held-out samples no longer decreases.
    validation_fraction : float, default=0.1
        Fraction of the samples that are held out for early stopping.
    n_iter_no_change : int, default=10
        Number of iterations without a lower held-out energy after which learning stops.
    random_state : int, RandomState instance or None, default=0
        Determines the initial parameters, the mini-batches and the held-out samples.
    verbose : int, default=0
        Whether to show the progress.

    Attributes
    ----------
    dictionary_ : ndarray of shape (n_components, n_features)
        The atoms D_j, in the unit of X.
    energy_curve_ : ndarray of shape (n_iterations + 1,)
        Mean energy of the samples in each iteration.
    validation_energy_curve_ : ndarray of shape (n_iterations,)
        Mean energy of the held-out samples after each iteration; only with ``early_stopping=True``.
    params_ : dict of str to ndarray
        Parameters, by name.
    mean_ : ndarray of shape (n_features,)
        Mean of each feature, which is subtracted before the encoder.
    scale_ : float
        Common standard deviation s of the features, by which they are divided.
    n_iter_ : int
        Number of iterations.
    n_features_in_ : int
        Number of features.

    Notes
    -----
    Atoms start as samples, and a linear encoder starts as the products with the atoms. Units that
    no sample of a pass uses are revived by an auxiliary energy of the residuals (Gao et al.).

    References
    ----------
    Ng, "Sparse autoencoder", CS294A lecture notes, Stanford (2011).

    Makhzani, Frey, "k-Sparse Autoencoders" (2013). :arxiv:`1312.5663`

    Gao et al., "Scaling and evaluating sparse autoencoders" (2024). :arxiv:`2406.04093`

    Bussmann, Leask, Nanda, "BatchTopK Sparse Autoencoders" (2024). :arxiv:`2412.06410`

    Rajamanoharan et al., "Jumping Ahead: Improving Reconstruction Fidelity with JumpReLU Sparse
    Autoencoders" (2024). :arxiv:`2407.14435`

    Examples
    --------
    Four directions of the plane, each explained by one atom:

    >>> import numpy as np
    >>> from sklearn_ebm.representation import SparseAutoencoder
    >>> X = np.repeat([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]], 10, axis=0)
    >>> coder = SparseAutoencoder(8, n_active=1).fit(X)
    >>> (
    ...     int((coder.transform(X) != 0).sum(axis=1).max()),
    ...     bool(coder.energies(X).max() < 0.01),
    ... )
    (1, True)
    """

    def __init__(
        self,
        n_components: int = 100,
        penalty: str = "topk",
        strength: float = 0.1,
        n_active: int = 8,
        hidden_layer_sizes: Any = (),
        activation: str = "relu",
        tied: bool = False,
        sparse_output: bool = False,
        solver: Any = "auto",
        max_iter: int | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        random_state: Any = 0,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.penalty = penalty
        self.strength = strength
        self.n_active = n_active
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.tied = tied
        self.sparse_output = sparse_output
        self.solver = solver
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def _sized(cls, X: Array, n_components: int, random_state: Any) -> Self:
        return cls(n_components, random_state=random_state)

    def _validate(self) -> None:
        positive_integer("n_components", self.n_components, of="SparseAutoencoder")
        positive_integer("n_active", self.n_active, of="SparseAutoencoder")
        switch("sparse_output", self.sparse_output, of="SparseAutoencoder")
        positive_number("strength", self.strength, of="SparseAutoencoder")
        if self.penalty not in SPARSITIES:
            raise ValueError(unknown_name("penalty", self.penalty, SPARSITIES.names))
        super()._validate()
        if switch("tied", self.tied, of="SparseAutoencoder") and self._sizes():
            raise ValueError(
                "tied=True of SparseAutoencoder is for hidden_layer_sizes=(): the encoder then has "
                "the atoms as weights."
            )

    _sparse_codes = True

    def _energy(self, seed: int) -> _SparseEnergy:
        sparsity = SPARSITIES[self.penalty](float(self.strength), int(self.n_active))
        return _SparseEnergy(
            int(self.n_components), self._sizes(), self.activation, sparsity, bool(self.tied)
        )

    @property
    def dictionary_(self) -> Array:
        """The atoms."""
        atoms: Array = self.energy_.atoms(self.params_)[0] * self.scale_
        return atoms
