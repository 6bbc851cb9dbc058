"""Distances to prototypes of the classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import clone

from sklearn_ebm._utils.array_api import namespace_of
from sklearn_ebm._utils.array_ops import cast_like, clip_below_zero, floating
from sklearn_ebm._utils.arrays import blocks_of
from sklearn_ebm._utils.parameters import Array, Params, Shapes
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
    r"""F(x, y) = ‖x − c_yz‖²_A without z: how far it is to the nearest prototypes of y.

    .. code-block:: none

        G(x, y, z) = (x − c_yz)ᵀ A (x − c_yz),    A = ΩᵀΩ
        F(x, y)    = min_z G(x, y, z)                                inference="min"
        F(x, y)    = −(1/β) log (1/m) Σ_z exp(−β G(x, y, z))         inference="marginal"

    The latent z says which of the m prototypes of class y is meant. The second F is the free energy
    plus (log m)/β, an average over z in the place of a sum, so that F ≥ 0 for both. It lies above
    the minimum, by at most (log m)/β.

    What is learned, and penalised, are shifts from a start that comes from the samples: the
    prototypes start at the centres of K-means within each class, a learned Ω starts at the inverse
    root of the scatter within all cells of K-means, pooled, divided by √d, so that the energy of a
    right answer is about 1. With C → 0 nothing moves; the larger C, the less do prototypes have to
    look like their class. With the loss ``"energy"``, the Euclidean metric and ``inference="min"``,
    K-means is the answer itself.

    Parameters
    ----------
    n_prototypes : int, default=3
        m, for each class.
    metric : {"euclidean", "diagonal", "full"}, default="euclidean"
        A = I; A = diag(a) learned; A = ΩᵀΩ learned, of d² parameters. The loss ``"energy"`` only
        ever shrinks a learned metric.
    inference : {"min", "marginal"}, default="marginal"
        How z is eliminated.
    beta : float, default=1.0
        β > 0 of the free energy over z, in 1/(unit of the energies). Not used by ``"min"``.
    shared : bool, default=False
        Whether all classes have the same m prototypes. All answers then have the same energy,
        whatever is learned: collapse, to be looked at.

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
    Not prepared for any samples, prototypes start at the origin: the shifts are the prototypes.
    From (1, 0) it is 1² + 0² = 1 to (0, 0) and 2² + 1² = 5 to (3, 1), the prototypes of the first
    class, and 0² + 2² = 4 to the nearer one of the second:

    >>> import numpy as np
    >>> from sklearn_ebm.energies import Prototypes
    >>> shift = np.array([[[0.0, 0.0], [3.0, 1.0]], [[1.0, 2.0], [9.0, 9.0]]])
    >>> energy = Prototypes(n_prototypes=2, inference="min")
    >>> energy.linearize({"shift": shift}, np.array([[1.0, 0.0]])).energies
    array([[1., 4.]])
    """

    traits = Traits(nonnegative=True, needs_all_classes=True)
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

    # What `initialized` settles: places (k, m, d), the root of the metric, and where rows are
    # centred.
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
        """Return a clone that keeps what `initialized` has settled, which is part of the energy."""
        other: Prototypes = super().__sklearn_clone__()
        other._anchors, other._start_root, other._origin = (
            self._anchors,
            self._start_root,
            self._origin,
        )
        other._n_answers = self._n_answers
        return other

    def _width(self, n_answers: int) -> int:
        """k·m: the latent energies."""
        return n_answers * self.n_prototypes

    @property
    def penalized(self) -> tuple[str, ...]:  # type: ignore[override]
        """All that is learned: shifts from the start."""
        return tuple(self.shapes(1, 1))

    def initialized(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Prototypes:
        """Return the energy with anchors from K-means in each class, and the start of its metric.

        Parameters
        ----------
        rows : Rows
            Features, numbers of the classes and weights.
        n_answers : int
        rng : RandomState
            Not used: the start is made without chance.

        Returns
        -------
        Prototypes

        Raises
        ------
        ValueError
            If a setting cannot be used.
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
        """Shapes: shift (k, m, d), or (1, m, d) of a shared pool, and that of the learned Ω."""
        pools = 1 if self.shared else n_answers
        shift = (pools, self.n_prototypes, n_features)
        return {"shift": shift, **self._metric().shapes(n_features)}

    def start(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Params:
        """All zero: the prototypes at their anchors."""
        shapes = self.shapes(rows.X.shape[1], n_answers)
        return {name: np.zeros(shape) for name, shape in shapes.items()}

    def linearize(self, params: Params, X: Any) -> Linearization:
        """Energies (n, k) of all classes in the dtype of X, and the pullback.

        Parameters
        ----------
        params : dict
            ``shift`` (k, m, d) and, of a learned metric, ``metric_shift`` (d,) or (d, d).
        X : array or CSR of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        Linearization
        """
        pull = self._pull(params, X)
        free, share = self._eliminated(pull.energies)
        pools = free.shape[1]

        def pullback(slope: Array) -> Params:
            if self.shared:
                slope = pull.xp.sum(slope, axis=1, keepdims=True)
            return pull.back(slope[:, :, None] * share)

        energies = pull.xp.concat([free] * self._n_answers, axis=1) if pools == 1 else free
        return Linearization(energies, pullback)

    def _latent_energies(self, params: Params, X: Any) -> Array:
        """G(x, y, z) of each prototype.

        Parameters
        ----------
        params : dict
        X : array or CSR of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_classes, m)
            Or (n, 1, m) of a shared pool.
        """
        return self._pull(params, X).energies

    def responsibilities(self, params: Params, X: Any) -> Array:
        """∂F/∂G: the responsibility of each prototype in its class; sums to 1 within a class.

        Parameters
        ----------
        params : dict
        X : array or CSR of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_classes, m)
            Or (n, 1, m) of a shared pool.
        """
        return self._eliminated(self._latent_energies(params, X)).weights

    def _eliminated(self, latent: Array) -> Eliminated:
        """F (n, k) and ∂F/∂G, with the average over z: many equal energies count as one."""
        elimination = self._elimination()
        free, share = elimination(latent)
        alone = elimination(np.zeros(latent.shape[-1])).energies
        return Eliminated(clip_below_zero(namespace_of(free), free - float(alone)), share)

    def _pull(self, params: Params, X: Any) -> PrototypeDistances:
        xp = namespace_of(X)
        rows = floating(xp, X)
        # Whatever the dtype of the rows, places and Ω are in float64 until all is added up.
        params = {name: cast_like(xp, value, rows, xp.float64) for name, value in params.items()}
        root, places, metric = self._root(params), self._places(params), self._metric()
        if sparse.issparse(rows) and root.ndim == 2:
            rows = rows.toarray()  # Ωx is dense anyway
        if self._origin is not None and not sparse.issparse(rows):
            # Squares of small differences are differences of squares: keep those small as well.
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
        """Return √Σᵢ wᵢ (∂Fᵢ/∂W)² at the start, for a learned Ω as if its factors were independent.

        Of one parameter of a prototype it is 2 √Σᵢ wᵢ r² [A(xᵢ − c)]², with the responsibilities r.
        """
        shapes = self.shapes(X.shape[1], n_answers)
        params: Params = {name: np.zeros(shape) for name, shape in shapes.items()}
        totals = [np.zeros(params["shift"].shape), np.zeros(X.shape[1]), np.zeros(X.shape[1])]
        for part in blocks_of(X, n_answers * self.n_prototypes):
            pull = self._pull(params, X[part])
            share = self._eliminated(pull.energies).weights
            for total, more in zip(totals, pull.squares(share, weight[part]), strict=True):
                total += more
        answered = n_answers if self.shared else 1
        scale = {"shift": np.sqrt(answered * totals[0])}
        if "metric_shift" in params:
            turned, plain = np.sqrt(answered * totals[1]), np.sqrt(totals[2] / weight.sum())
            joint = np.outer(turned, plain) if params["metric_shift"].ndim == 2 else turned * plain
            scale["metric_shift"] = 2 * joint
        return scale

    def fitted_attributes(self, params: Params, n_answers: int) -> dict[str, Array]:
        """``prototypes_`` (k, m, d) in the space of X, and A as ``metric_`` if it is learned."""
        dtype, places = params["shift"].dtype, self._places(params)
        shape = (n_answers, *places.shape[1:])
        fitted = {"prototypes_": np.broadcast_to(places, shape).astype(dtype)}
        if "metric_shift" in params:
            fitted["metric_"] = self._metric().matrix(self._root(params)).astype(dtype)
        return fitted

    def _written(self, params: Params, fitted: Mapping[str, Any], n_answers: int) -> Params:
        """Parameters with the prototypes, and the metric, that users wrote."""
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
