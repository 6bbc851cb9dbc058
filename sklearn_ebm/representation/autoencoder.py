"""Auto-encoder: a code with few components."""

from __future__ import annotations

from typing import Any

from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.energies._network.layers import Backward
from sklearn_ebm.energies.base import Traits
from sklearn_ebm.representation._sample_energy import SampleEnergy, back_through, half_squares
from sklearn_ebm.representation.networks import NetworkRepresentation


class _ReconstructionEnergy(SampleEnergy):
    """½‖x − Dec(Enc(x))‖²."""

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Without hidden layers there are few parameters and no bad minima."""
        return Traits(nonnegative=True, stochastic=bool(self.sizes))

    def _linearized(self, params: Params, rows: Array) -> tuple[Array, Backward]:
        code, into_code = self.encoder.forward(params, rows)
        away, into_sample = self.decoder.forward(params, code, first=False)
        away -= rows

        def back(slope: Array, out: Params) -> Array:
            further = back_through(into_sample, away * slope[:, None], out)
            return back_through(into_code, further, out)

        return half_squares(away), back


class Autoencoder(NetworkRepresentation):
    r"""Auto-encoder with a narrow code.

    .. code-block:: none

        F(x) = ½‖x − Dec(Enc(x))‖²

    The encoder Enc and the decoder Dec are networks, and z = Enc(x) is the code. The energy is low
    on the surface of all Dec(z). If z has fewer components than x has features, this surface is
    narrow, and the energy cannot collapse. Without hidden layers both networks are linear; the
    surface is then that of the principal components.

    Parameters
    ----------
    n_components : int, default=16
        Number of components of the code.
    hidden_layer_sizes : int or sequence of int, default=(128,)
        Number of units of each hidden layer of the encoder; those of the decoder are in reverse
        order. ``()`` is without hidden layers.
    activation : {"relu", "tanh", "silu", "gelu"}, default="relu"
        Activation function of the hidden layers; see `sklearn_ebm.energies.MLP`.
    solver : str or Solver, default="auto"
        ``"auto"`` is ``"adam"`` if there are hidden layers, and ``"lbfgs"`` otherwise.
    max_iter : int or None, default=None
        Maximum number of iterations; None is the default of the solver.
    early_stopping : bool, default=False
        Whether learning stops when the energy of held-out samples no longer decreases. The result
        is the iteration with the lowest held-out energy.
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
    energy_curve_ : ndarray of shape (n_iterations + 1,)
        Mean energy of the samples in each iteration.
    validation_energy_curve_ : ndarray of shape (n_iterations,)
        Mean energy of the held-out samples after each iteration; only with ``early_stopping=True``.
    params_ : dict of str to ndarray
        Parameters of the networks, by name.
    mean_ : ndarray of shape (n_features,)
        Mean of each feature, which is subtracted before the encoder.
    scale_ : float
        Common standard deviation of the features, by which they are divided.
    n_iter_ : int
        Number of iterations.
    n_features_in_ : int
        Number of features.

    See Also
    --------
    sklearn.decomposition.PCA : The surface of the linear auto-encoder, computed exactly.

    References
    ----------
    Bourlard, Kamp, "Auto-association by multilayer perceptrons and singular value decomposition",
    Biological Cybernetics 59 (1988) 291-294. :doi:`10.1007/BF00332918`

    Hinton, Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science 313
    (2006) 504-507. :doi:`10.1126/science.1127647`

    Examples
    --------
    Samples on the line x₂ = x₁, and a linear code with one component. The point (1, −1) is
    reconstructed as (0, 0), so its energy is ½ (1² + 1²) = 1:

    >>> from sklearn_ebm.representation import Autoencoder
    >>> X = [[-2.0, -2.0], [-1.0, -1.0], [1.0, 1.0], [2.0, 2.0]]
    >>> coder = Autoencoder(1, hidden_layer_sizes=()).fit(X)
    >>> coder.energies([[1.5, 1.5], [1.0, -1.0]]).round(4)
    array([0., 1.])
    """

    def __init__(
        self,
        n_components: int = 16,
        hidden_layer_sizes: Any = (128,),
        activation: str = "relu",
        solver: Any = "auto",
        max_iter: int | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        random_state: Any = 0,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.verbose = verbose

    def _validate(self) -> None:
        positive_integer("n_components", self.n_components, of="Autoencoder")
        super()._validate()

    def _energy(self, seed: int) -> SampleEnergy:
        return _ReconstructionEnergy(int(self.n_components), self._sizes(), self.activation)
