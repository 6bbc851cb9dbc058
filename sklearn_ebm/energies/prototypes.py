"""The energy of distances to class prototypes."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import clone

from sklearn_ebm._utils.array_api import namespace_of
from sklearn_ebm._utils.array_ops import cast_like, clip_below_zero, floating
from sklearn_ebm._utils.arrays import blocks_of
from sklearn_ebm._utils.parameters import Array, Index, Params, Shapes
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.validation import positive_integer, positive_number, switch
from sklearn_ebm.energies._prototypes.distances import MetricRows, PrototypeDistances
from sklearn_ebm.energies._prototypes.metrics import METRICS, Metric
from sklearn_ebm.energies._prototypes.starts import anchors_of, scatter_within
from sklearn_ebm.energies.base import Energy, Linearization, Traits, as_written
from sklearn_ebm.inference import INFERENCES
from sklearn_ebm.inference.base import Eliminated, Elimination


class Prototypes(Energy):
    r"""Squared distance to the nearest prototypes of a class.

    .. code-block:: none

        G(x, y, z) = (x − c_yz)ᵀ A (x − c_yz),    A = ΩᵀΩ
        F(x, y)    = min_z G(x, y, z)                                inference="min"
        F(x, y)    = −(1/β) log (1/m) Σ_z exp(−β G(x, y, z))         inference="marginal"

    The latent variable z is the index of one of the m prototypes c_yz of class y. For
    ``"marginal"`` F is the free energy plus (log m)/β: the sum over z is replaced by the mean, so
    that F ≥ 0. It lies above the minimum by at most (log m)/β.

    The learned and penalised parameters are shifts from initial values. Prototypes start at the
    centres of K-means in each class. A learned Ω starts at the inverse root of the scatter within
    the K-means clusters, divided by √n_features, so that the energy of a correct class is about 1.
    For C → 0 the initial values remain. With the loss ``"energy"``, the Euclidean metric and
    ``inference="min"``, K-means is already the optimum.

    Parameters
    ----------
    n_prototypes : int, default=3
        Number m of prototypes of each class.
    metric : {"euclidean", "diagonal", "full"}, default="euclidean"
        The matrix A: the identity; a learned diagonal matrix; or ΩᵀΩ with a learned square matrix
        Ω. The loss ``"energy"`` can only decrease a learned A towards zero.
    inference : {"min", "marginal"}, default="marginal"
        How z is eliminated: by the minimum or the free energy.
    beta : float, default=1.0
        Inverse temperature β > 0 of the free energy over z, in 1/(unit of the energies). Not used
        by ``"min"``.
    shared : bool, default=False
        Whether all classes share the same m prototypes. All classes then have the same energy for
        any parameters, which demonstrates collapse.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007), section 1.3, for latent variables. :doi:`10.7551/mitpress/7443.003.0014`

    Kohonen, "The self-organizing map", Proceedings of the IEEE 78 (1990), for learning vector
    quantisation. :doi:`10.1109/5.58325`

    Schneider, Biehl, Hammer, "Adaptive Relevance Matrices in Learning Vector Quantization", Neural
    Computation 21 (2009) 3532-3561, for A = ΩᵀΩ. :doi:`10.1162/neco.2009.11-08-908`

    Examples
    --------
    An energy that is not initialised with samples has its initial prototypes at the origin, so the
    shifts are the prototypes. The squared distance of (1, 0) is 1² + 0² = 1 to (0, 0) and
    2² + 1² = 5 to (3, 1), the prototypes of the first class, and 0² + 2² = 4 to the nearer
    prototype of the second class:

    >>> import numpy as np
    >>> from sklearn_ebm.energies import Prototypes
    >>> shift = np.array([[[0.0, 0.0], [3.0, 1.0]], [[1.0, 2.0], [9.0, 9.0]]])
    >>> energy = Prototypes(n_prototypes=2, inference="min")
    >>> energy.linearize({"shift": shift}, np.array([[1.0, 0.0]])).energies
    array([[1., 4.]])

    In a classifier, with classes that no linear energy separates:

    >>> from sklearn_ebm import EBMClassifier
    >>> clf = EBMClassifier(energy="prototypes").fit(
    ...     [[0.0], [1.0], [2.0], [3.0]], [0, 1, 1, 0]
    ... )
    >>> clf.predict([[0.0], [1.5], [3.0]]).tolist()
    [0, 1, 0]
    """

    examples = (
        {},
        {
            "n_prototypes": 2, "metric": "full", "inference": "min", "beta": 0.5, "shared": True,
        },
        {"n_prototypes": 1, "metric": "diagonal", "inference": "min"},
        {"metric": "full"},
        {"inference": "min"},
        {"metric": "diagonal", "beta": 2.0},
    )  # fmt: skip

    # Set by `initialized`: initial prototypes (k, m, d), initial Ω, and the centre of the rows.
    _anchors: Array | None = None
    _start_root: Array | None = None
    _origin: Array | None = None
    _n_answers: int = 1

    def __init__(
        self,
        n_prototypes: int = 3,
        metric: str = "euclidean",
        inference: str = "marginal",
        beta: float = 1.0,
        shared: bool = False,
    ) -> None:
        self.n_prototypes = n_prototypes
        self.metric = metric
        self.inference = inference
        self.beta = beta
        self.shared = shared

    def __sklearn_clone__(self) -> Prototypes:
        """Return a clone that keeps the values computed by `initialized`."""
        other: Prototypes = super().__sklearn_clone__()
        other._anchors, other._start_root, other._origin = (
            self._anchors,
            self._start_root,
            self._origin,
        )
        other._n_answers = self._n_answers
        return other

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Properties that learning uses; each class has its own prototypes unless shared."""
        axes = None if self.shared else {"shift": 0}
        return Traits(nonnegative=True, needs_all_classes=True, class_axes=axes)

    def _of_classes(self, classes: Index) -> Prototypes:
        """Return the energy of some classes, with their initial prototypes."""
        other = copy(self)
        other._n_answers = len(classes)
        if self._anchors is not None:
            other._anchors = self._anchors[classes]
        return other

    def _width(self, n_answers: int) -> int:
        """Number of energies G of a sample."""
        return n_answers * self.n_prototypes

    @property
    def penalized(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of all parameters, which are shifts from initial values."""
        return tuple(self.shapes(1, 1))

    def initialized(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Prototypes:
        """Return a copy with initial prototypes from K-means in each class, and the initial metric.

        Parameters
        ----------
        rows : Rows
            Samples: features ``X``, class indices ``y`` and sample weights ``weight``.
        n_answers : int
            Number of classes.
        rng : RandomState
            Not used; the initial values are deterministic.

        Returns
        -------
        Prototypes
            The initialised energy.

        Raises
        ------
        ValueError
            If a parameter is invalid.
        """
        self._refuse_settings()
        pool, n_pools = (np.zeros_like(rows.y), 1) if self.shared else (rows.y, n_answers)
        found = anchors_of(rows.X, pool, rows.weight, n_pools, self.n_prototypes)
        result: Prototypes = clone(self)
        result._n_answers, result._start_root = n_answers, None
        result._anchors, result._origin = found.places, found.origin
        metric = self._metric()
        if metric.shapes(rows.X.shape[1]):
            within, total, unit = scatter_within(rows.X, pool, rows.weight, found, metric.outer)
            result._start_root = metric.root(within, total) / unit
        return result

    def _refuse_settings(self) -> None:
        positive_integer("n_prototypes", self.n_prototypes, of="Prototypes")
        positive_number("beta", self.beta, of="Prototypes")
        switch("shared", self.shared, of="Prototypes")
        for kind, name, known in (
            ("metric", self.metric, METRICS.names),
            ("inference", self.inference, INFERENCES.names),
        ):
            if not isinstance(name, str) or name not in known:
                raise ValueError(unknown_name(kind, name, known))

    def _metric(self) -> Metric:
        return METRICS[self.metric]()

    def _elimination(self) -> Elimination:
        takes = INFERENCES.accepts(self.inference, "beta")
        return INFERENCES.resolve(self.inference, **({"beta": self.beta} if takes else {}))

    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        """Shapes of ``shift``, (k, m, d) or if shared (1, m, d), and of ``metric_shift``.

        Parameters
        ----------
        n_features : int
            Number of features.
        n_answers : int
            Number of classes.

        Returns
        -------
        dict of str to tuple of int
            Shape of each parameter, by name.
        """
        pools = 1 if self.shared else n_answers
        shift = (pools, self.n_prototypes, n_features)
        return {"shift": shift, **self._metric().shapes(n_features)}

    def start(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Params:
        """Parameters from which learning starts: all shifts are zero.

        Parameters
        ----------
        rows : Rows
            Samples: features ``X``, targets ``y`` and sample weights ``weight``.
        n_answers : int
            Number of classes.
        rng : RandomState
            Source of random numbers.

        Returns
        -------
        dict of str to ndarray
            Parameters by name.
        """
        shapes = self.shapes(rows.X.shape[1], n_answers)
        return {name: np.zeros(shape) for name, shape in shapes.items()}

    def linearize(self, params: Params, X: Any) -> Linearization:
        """Energies of all classes, and their derivatives in the parameters.

        Parameters
        ----------
        params : dict of str to array
            ``shift`` of shape (n_classes, n_prototypes, n_features) and, for a learned metric,
            ``metric_shift`` of shape (n_features,) or (n_features, n_features).
        X : array or CSR of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        Linearization
            Energies of shape (n_samples, n_classes) in the dtype of X, with the pullback.
        """
        pull = self._pull(params, X)
        free, weights = self._eliminated(pull.energies)
        pools = free.shape[1]

        def pullback(slope: Array) -> Params:
            if self.shared:
                slope = pull.xp.sum(slope, axis=1, keepdims=True)
            return pull.back(slope[:, :, None] * weights)

        energies = pull.xp.concat([free] * self._n_answers, axis=1) if pools == 1 else free
        return Linearization(energies, pullback)

    def _latent_energies(self, params: Params, X: Any) -> Array:
        """Energies G(x, y, z), (n, k, m), or (n, 1, m) if classes share the prototypes."""
        return self._pull(params, X).energies

    def responsibilities(self, params: Params, X: Any) -> Array:
        """Responsibilities of the prototypes, p(z | x, y) = ∂F/∂G.

        Parameters
        ----------
        params : dict of str to array
            Parameters by name, see `shapes`.
        X : array or CSR of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        array of shape (n_samples, n_classes, n_prototypes)
            Responsibilities, with the sum 1 over the prototypes of a class; the second axis has
            length 1 if classes share the prototypes.
        """
        return self._eliminated(self._latent_energies(params, X)).weights

    def _eliminated(self, latent: Array) -> Eliminated:
        """F (n, k) and ∂F/∂G, with the mean over z instead of the sum."""
        elimination = self._elimination()
        free, weights = elimination(latent)
        of_zeros = elimination(np.zeros(latent.shape[-1])).energies
        return Eliminated(clip_below_zero(namespace_of(free), free - float(of_zeros)), weights)

    def _pull(self, params: Params, X: Any) -> PrototypeDistances:
        xp = namespace_of(X)
        rows = floating(xp, X)
        # Prototypes and Ω are in float64 until all sums are computed, for any dtype of the rows.
        params = {name: cast_like(xp, value, rows, xp.float64) for name, value in params.items()}
        root, places, metric = self._root(params), self._places(params), self._metric()
        if sparse.issparse(rows) and root.ndim == 2:
            rows = rows.toarray()  # Ωx is dense anyway
        if self._origin is not None and not sparse.issparse(rows):
            # Distances are computed as differences of squares, which centring keeps accurate.
            rows = rows - cast_like(xp, self._origin, rows)
            places = places - cast_like(xp, self._origin, places)
        return PrototypeDistances(
            metric, MetricRows(rows, metric.transform(rows, root)), places, root
        )

    def _places(self, params: Params) -> Array:
        xp, shift = namespace_of(params["shift"]), params["shift"]
        shift = cast_like(xp, shift, shift, xp.float64)
        return shift if self._anchors is None else cast_like(xp, self._anchors, shift) + shift

    def _root(self, params: Params) -> Array:
        identity = self._metric().identity(params["shift"].shape[-1])
        root = identity if self._start_root is None else self._start_root
        if "metric_shift" not in params:
            return root
        xp, shift = namespace_of(params["metric_shift"]), params["metric_shift"]
        return cast_like(xp, root, shift, xp.float64) + shift

    def _curvature_scale(
        self, X: Any, weight: npt.NDArray[np.float64], n_answers: int
    ) -> Params | None:
        """Return √Σᵢ wᵢ (∂Fᵢ/∂W)² at the start; for Ω, its two factors are taken as independent.

        For a component of a prototype c it is 2 √Σᵢ wᵢ r² [A(xᵢ − c)]², r being responsibilities.
        """
        shapes = self.shapes(X.shape[1], n_answers)
        params: Params = {name: np.zeros(shape) for name, shape in shapes.items()}
        totals = [np.zeros(params["shift"].shape), np.zeros(X.shape[1]), np.zeros(X.shape[1])]
        for part in blocks_of(X, n_answers * self.n_prototypes):
            pull = self._pull(params, X[part])
            responsibility = self._eliminated(pull.energies).weights
            squares = pull.squares(responsibility, weight[part])
            for total, more in zip(totals, squares, strict=True):
                total += more
        multiplicity = n_answers if self.shared else 1
        scale = {"shift": np.sqrt(multiplicity * totals[0])}
        if "metric_shift" in params:
            turned, plain = np.sqrt(multiplicity * totals[1]), np.sqrt(totals[2] / weight.sum())
            joint = np.outer(turned, plain) if params["metric_shift"].ndim == 2 else turned * plain
            scale["metric_shift"] = 2 * joint
        return scale

    def fitted_attributes(self, params: Params, n_answers: int) -> dict[str, Array]:
        """Return ``prototypes_`` (k, m, d) in units of X and, if learned, A as ``metric_``.

        Parameters
        ----------
        params : dict of str to array
            Parameters by name, see `shapes`.
        n_answers : int
            Number of classes.

        Returns
        -------
        dict of str to ndarray
            Attributes of the fitted estimator, by name.
        """
        dtype, places = params["shift"].dtype, self._places(params)
        shape = (n_answers, *places.shape[1:])
        fitted = {"prototypes_": np.broadcast_to(places, shape).astype(dtype)}
        if "metric_shift" in params:
            fitted["metric_"] = self._metric().matrix(self._root(params)).astype(dtype)
        return fitted

    def _written(self, params: Params, fitted: Mapping[str, Any], n_answers: int) -> Params:
        """Parameters with the prototypes and the metric that users have changed."""
        changed: Params = {}
        for name, old in self.fitted_attributes(params, n_answers).items():
            new = as_written(name, fitted, old)
            if np.array_equal(new, old):
                continue
            if name == "metric_":
                root = self._metric().root_of(new.astype(np.float64))
                changed["metric_shift"] = (root - self._root(params)) + params["metric_shift"]
                continue
            if self.shared and (new != new[:1]).any():
                raise ValueError(
                    "prototypes_ differ between classes now, but Prototypes(shared=True) has one "
                    "pool of them for all; write the same for every class."
                )
            changed["shift"] = params["shift"] + (new - old)[: len(params["shift"])]
        return params | changed if changed else params
