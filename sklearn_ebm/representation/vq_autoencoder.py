"""Auto-encoder with a discrete code."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.preprocessing import OneHotEncoder

from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.validation import level, positive_integer
from sklearn_ebm.energies._network.layers import Backward
from sklearn_ebm.energies.base import Traits
from sklearn_ebm.representation._codebooks import STARTING, Codebooks, whole_codes
from sklearn_ebm.representation._sample_energy import SampleEnergy, back_through, half_squares
from sklearn_ebm.representation.networks import NetworkRepresentation


class _CodedEnergy(SampleEnergy):
    """½‖x − Dec(c)‖² + (κ/2) ‖Enc(x) − c‖², with the nearest code c of Enc(x)."""

    traits = Traits(
        nonnegative=True, stochastic=True, threads=False, stateful=True,
        batches_because="its codes follow the encoder from step to step",
    )  # fmt: skip

    def __init__(
        self, n_components: int, sizes: tuple[int, ...], activation: str, commitment: float,
        codebooks: Codebooks,
    ) -> None:  # fmt: skip
        super().__init__(n_components, sizes, activation)
        self.commitment = commitment
        self.codebooks = codebooks

    def start(self, rows: Rows, n_answers: int, rng: np.random.RandomState) -> Params:
        """Random weights, and codes at outputs of the encoder."""
        params = super().start(rows, n_answers, rng)
        some = rng.permutation(len(rows.X))[:STARTING]
        self.codebooks.begin(self._encoded(params, rows.X[some]), rows.weight[some])
        return params

    def _width(self, n_answers: int) -> int:
        return super()._width(n_answers) + self.codebooks.n_codes

    def _encoded(self, params: Params, rows: Array) -> Array:
        result: Array = self.encoder.forward(params, rows)[0]
        return result

    def _linearized(self, params: Params, rows: Array) -> tuple[Array, Backward]:
        outputs, into_outputs = self.encoder.forward(params, rows)
        codes = self.codebooks.coded(outputs)
        vectors = self.codebooks.decoded(codes, rows.dtype)
        away, into_sample = self.decoder.forward(params, vectors, first=False)
        away -= rows
        distance = outputs - vectors
        strength = rows.dtype.type(self.commitment)

        def back(slope: Array, out: Params) -> Array:
            if self._step:
                self.codebooks.follow(outputs, codes, slope.astype(np.float64))
            # The derivative in the code is passed to the encoder (straight-through estimate).
            further = back_through(into_sample, away * slope[:, None], out)
            return back_through(into_outputs, further + strength * slope[:, None] * distance, out)

        return half_squares(away) + strength * half_squares(distance), back

    def settle(self, params: Params, rows: Array, weight: Array, share: float) -> None:
        """Move the codes to the means of the outputs that they stand for, except in a stream."""
        if share == 1:
            self.codebooks.settle(self._encoded(params, rows), weight)

    def best_energies(
        self, params: Params, rows: Array, max_iter: int
    ) -> tuple[Array, Array, Array]:
        """Energies of all codes of one group; of several groups, of one after the other."""
        codes = self.codes(params, rows)
        encoded = self._of_codes(params, rows, codes)
        found, n_groups = encoded.copy(), codes.shape[1]
        for column in list(range(n_groups)) * (1 if n_groups == 1 else max_iter):
            before = found.copy()
            for number in range(self.codebooks.n_codes):
                other = codes.copy()
                other[:, column] = number
                energies = self._of_codes(params, rows, other)
                lower = energies < found
                codes[lower], found[lower] = other[lower], energies[lower]
            if column == n_groups - 1 and not (found < before).any():
                break
        return encoded, found, found if n_groups == 1 else np.zeros_like(found)

    def _of_codes(self, params: Params, rows: Array, codes: Any) -> Array:
        """E(x, c) = ½‖x − Dec(c)‖² of given codes, (n,)."""
        return half_squares(self.decoded(params, codes) - rows)

    def codes(self, params: Params, rows: Array) -> Any:
        return self.codebooks.coded(self._encoded(params, rows))

    def decoded(self, params: Params, codes: Any) -> Array:
        vectors = self.codebooks.decoded(codes, params["decoder_output_weight"].dtype)
        return super().decoded(params, vectors)


class VQAutoencoder(NetworkRepresentation):
    r"""Auto-encoder with a discrete code (VQ-VAE).

    .. code-block:: none

        F(x) = ½‖x − Dec(c)‖² + s² (κ/2) ‖Enc(x) − c‖²,    c = the code nearest to Enc(x)

    Only the reconstructions of ``n_codes ** n_groups`` codes can have a low energy. The derivative
    in c is passed on to the encoder, the commitment κ keeps the encoder near the codes, and the
    codes follow the encoder as running means of the outputs that they stand for. Codes that hardly
    any sample uses are moved to samples.

    Parameters
    ----------
    n_codes : int, default=64
        Number of codes of each group.
    n_groups : int, default=1
        Number of groups of components of the code, each with its own codes.
    n_components : int, default=16
        Number of outputs of the encoder.
    hidden_layer_sizes : int or sequence of int, default=(128,)
        Number of units of each hidden layer of the encoder; those of the decoder are in reverse
        order.
    activation : {"relu", "tanh", "silu", "gelu"}, default="relu"
        Activation function of the hidden layers.
    commitment : float, default=0.25
        Weight κ.
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
        Determines the initial parameters and codes, the mini-batches and the held-out samples.
    verbose : int, default=0
        Whether to show the progress.

    Attributes
    ----------
    codebooks_ : list of ndarray of shape (n_codes, n_components of the group)
        The codes c of each group.
    energy_curve_ : ndarray of shape (n_iterations + 1,)
        Mean energy of the samples in each iteration.
    validation_energy_curve_ : ndarray of shape (n_iterations,)
        Mean energy of the held-out samples after each iteration; only with ``early_stopping=True``.
    params_ : dict of str to ndarray
        Parameters of the networks, by name.
    mean_ : ndarray of shape (n_features,)
        Mean of each feature, which is subtracted before the encoder.
    scale_ : float
        Common standard deviation s of the features, by which they are divided.
    n_iter_ : int
        Number of iterations.
    n_features_in_ : int
        Number of features.

    See Also
    --------
    VectorQuantizer : Codes of the samples themselves, without networks.

    References
    ----------
    van den Oord, Vinyals, Kavukcuoglu, "Neural Discrete Representation Learning" (2017).
    :arxiv:`1711.00937`

    Examples
    --------
    Two clusters, and one code for each:

    >>> import numpy as np
    >>> from sklearn_ebm.representation import VQAutoencoder
    >>> X = np.repeat([[0.0, 0.0], [4.0, 2.0]], 20, axis=0)
    >>> coder = VQAutoencoder(2, n_components=1, hidden_layer_sizes=(8,)).fit(X)
    >>> len(set(coder.transform(X)[:, 0])), bool(coder.energies(X).max() < 0.01)
    (2, True)
    """

    def __init__(
        self,
        n_codes: int = 64,
        n_groups: int = 1,
        n_components: int = 16,
        hidden_layer_sizes: Any = (128,),
        activation: str = "relu",
        commitment: float = 0.25,
        solver: Any = "auto",
        max_iter: int | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        random_state: Any = 0,
        verbose: int = 0,
    ) -> None:
        self.n_codes = n_codes
        self.n_groups = n_groups
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.commitment = commitment
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

    @staticmethod
    def _encoder() -> Any:
        return OneHotEncoder(handle_unknown="ignore", sparse_output=False)

    def _validate(self) -> None:
        for name in ("n_codes", "n_groups", "n_components"):
            positive_integer(name, getattr(self, name), of="VQAutoencoder")
        if self.n_groups > self.n_components:
            raise ValueError(
                f"n_groups={self.n_groups} of VQAutoencoder must be at most "
                f"n_components={self.n_components}."
            )
        level("commitment", self.commitment, 0.25, of="VQAutoencoder")
        super()._validate()

    def _energy(self, seed: int) -> _CodedEnergy:
        groups = np.array_split(np.arange(self.n_components), self.n_groups)
        return _CodedEnergy(
            int(self.n_components), self._sizes(), self.activation, float(self.commitment),
            Codebooks(int(self.n_codes), list(groups), np.random.RandomState(seed)),
        )  # fmt: skip

    @property
    def codebooks_(self) -> list[Array]:
        """The codes of each group."""
        return self.energy_.codebooks.vectors

    def transform(self, X: Any) -> Any:
        """Compute the numbers of the codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of int of shape (n_samples, n_groups)
            Numbers from 0 to n_codes − 1. A linear model needs them one-hot encoded
            (`sklearn.preprocessing.OneHotEncoder`).
        """
        return super().transform(X)

    def _decoded(self, codes: Array) -> Array:
        whole = whole_codes(codes, self.energy_.codebooks.n_codes)
        return self._in_units(self.energy_.decoded(self.params_, whole))

    @property
    def _n_features_out(self) -> int:
        return len(self.energy_.codebooks.groups)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # codes are whole numbers
        return tags
