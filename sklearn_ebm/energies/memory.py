"""The energy of stored samples, weighted by a forest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm._utils.validation import positive_integer, positive_number, share
from sklearn_ebm.energies._bank.cells import points_of
from sklearn_ebm.energies._bank.folds import Folds, LocationPrediction
from sklearn_ebm.energies._bank.leaves import ForestWeights, Moments, moments_of, rows_of
from sklearn_ebm.energies._gaussian.quadratics import Quadratics
from sklearn_ebm.energies.banks import BankEnergy

VALUES = ("auto", "answers", "residuals")

#: Bandwidths (c, c0): c in local standard deviations of the values, c0 in the one of all values.
BANDWIDTHS = ((0.02, 0.001), (0.12, 0.002), (0.3, 0.02), (0.6, 0.01), (1.2, 0.01))

# Values of "auto", chosen by out-of-fold likelihoods: number of trees; leaf sizes, for fewer rows
# than MANY_ROWS and otherwise; and the fraction of features for each split, without and with a
# location.
TREES, FEWEST_TREES, ROWS_IN_TREES = 100, 20, 8_000_000
MANY_ROWS = 20_000
SEVERAL_LEAF_SIZES, ONE_LEAF_SIZE = (1, 2, 5), (2,)
COLUMNS, COLUMNS_LOCATED = 1.0, 0.5

# Targets of trees for residuals: clip at this number of standard deviations, and weight of the
# size.
CLIPPED, SIZE_COUNTS = 4.0, 1.5

# Smallest weight after the power, relative to the largest one of its row.
LEAST_SHARE = 1e-100

# Standard deviation of values that are all equal, in standard deviations of the answers.
LEAST_SPREAD = 1e-6


class Store(NamedTuple):
    """Stored samples of one forest.

    Attributes
    ----------
    leaves : ForestWeights
        Leaves of the samples in each tree.
    values : ndarray of shape (n_samples, n_outputs)
        Answers or residuals; samples are sorted by the first output.
    counts : ndarray of shape (n_samples,)
        Sample weights.
    spread : ndarray of shape (n_outputs,)
        Standard deviation of the values.
    """

    leaves: ForestWeights
    values: Array
    counts: Array
    spread: Array


class Forests(NamedTuple):
    """Settings of the forests, the same for all folds of a fit.

    Attributes
    ----------
    n_trees : int
        Number of trees of each forest.
    leaf_sizes : tuple of int
        Smallest number of samples of a leaf, one for each forest.
    """

    n_trees: int
    leaf_sizes: tuple[int, ...]


class Memory(BankEnergy):
    r"""Kernel density of stored training samples that share leaves of a forest with x.

    .. code-block:: none

        G(x, y, (b, z)) = −log w_bz(x) + Σ_j [½ ((y_j − y_zj)/h_bj(x))² + log h_bj(x)]
                          + (q/2) log 2π − log ρ_b
        p(y | x) = Σ_b ρ_b Σ_z w_bz(x) N(y; y_z, diag h_b(x)²)
        h_b(x)²  = (c_b sd(x))² + (c0_b S)²

    The latent variable z is the index of a stored sample with the answer y_z; q is the number of
    outputs. The weight w_bz(x) of a sample is its weight in the prediction of a forest of extremely
    randomised trees, which depends on the number of leaves that it shares with x. The bandwidth h_b
    is computed from the standard deviation sd(x) of the answers under these weights, and from the
    standard deviation S of all answers. The bank has an element b for each combination of a leaf
    size, a power of the weights and a bandwidth. Their prior ρ is learned by density stacking.

    With a location m(x) (parameter ``base``) the stored values may be residuals r_z. The density
    then has its components at m(x) + r_z, and the trees have the predictions of the location as
    further features.

    Parameters
    ----------
    n_trees : int or "auto", default="auto"
        Number of trees of each forest. "auto" is 100, or fewer for more than 80,000 samples, so
        that samples times trees are 8 million, but at least 20. Time and memory are proportional to
        this product.
    min_leaf_size : int, sequence of int, or "auto", default="auto"
        Smallest number of samples of a leaf. For several sizes there are several forests, whose
        densities are different elements of the bank. "auto" is (1, 2, 5), or 2 for 20,000 or more
        samples and for several outputs.
    max_features : float, int, {"sqrt", "log2"} or "auto", default="auto"
        Number of features from which a split is chosen, as in
        `sklearn.ensemble.ExtraTreesRegressor`; "auto" is all features, or half of them with a
        location.
    powers : float or sequence of float, default=(1.0, 2.0)
        Powers of the weights w, which are then normalised to the sum 1; each power gives elements
        of the bank. Powers above 1 favour the stored samples that share many leaves with x.
    bandwidths : sequence of (float, float)
        Pairs (c, c0) of factors that are not negative and not both 0. The default has five pairs.
    base : None, "auto", regressor, or list of regressors, default=None
        The location m(x): a regressor, or a stack of several. "auto" selects regressors that suit
        the samples; None is no location.
    values : {"auto", "answers", "residuals"}, default="auto"
        The values that are stored. "auto" is residuals if there is a location.
    cell : float, default=1.0
        Size of cells in units of the bandwidth, for a single output. Values in one cell are merged
        into one component with their mean and variance, so mean and variance of each element do not
        change. The density changes by less than 0.041 cell³ in total variation, and by much less if
        many values are merged.
    dropped : float, default=0.01
        For several outputs, stored samples of the smallest weights are omitted up to this total
        weight. The density changes by at most this number in total variation.

    References
    ----------
    Geurts, Ernst, Wehenkel, "Extremely randomized trees", Machine Learning 63 (2006) 3-42.
    :doi:`10.1007/s10994-006-6226-1`

    Meinshausen, "Quantile regression forests", Journal of Machine Learning Research 7 (2006)
    983-999.

    Examples
    --------
    Two samples with the answers −1 and 1. Each is alone in its leaves, so sd(x) = 0 and
    h = c0 S = 0.5. The density at its own answer is N(0; 0, 0.5²) = 0.7979, and the density at the
    other answer is smaller by the factor e^(−2²/(2 · 0.5²)) = e^−8:

    >>> import numpy as np
    >>> from sklearn_ebm._utils.rows import Rows
    >>> from sklearn_ebm.energies import Memory
    >>> from sklearn_ebm.energies.banks import Folds
    >>> rows = Rows(np.array([[-1.0], [1.0]]), np.array([[-1.0], [1.0]]), np.ones(2))
    >>> energy = Memory(n_trees=3, min_leaf_size=1, powers=1, bandwidths=((1.0, 0.5),))
    >>> folds = Folds(np.array([0, 1]), np.array([0, 1]))
    >>> learned, _ = energy.learned(
    ...     rows, folds, None, np.zeros(1), np.random.RandomState(0)
    ... )
    >>> (element,) = learned.elements(rows.X, None)
    >>> np.exp(element.log_prob(rows.y)).round(4)
    array([0.7979, 0.7979])
    >>> element.log_prob(rows.y[::-1]) - element.log_prob(rows.y)
    array([-8., -8.])

    In a regressor:

    >>> from sklearn_ebm import LatentEBMRegressor
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> reg = LatentEBMRegressor(Memory(n_trees=10), random_state=0).fit(X, 2 * X[:, 0])
    >>> reg.predict([[0.5]]).round(1).tolist()
    [1.0]
    """

    examples = (
        {"n_trees": 5},
        {
            "n_trees": 5, "min_leaf_size": (2, 5), "max_features": 0.5, "powers": 1.5,
            "bandwidths": ((0.3, 0.02), (0.0, 0.1)), "base": "auto", "values": "residuals",
            "cell": 0.5, "dropped": 0.1,
        },
    )  # fmt: skip
    _selective = True
    _stores: tuple[Store, ...] = ()

    def __init__(
        self,
        n_trees: int | str = "auto",
        min_leaf_size: Any = "auto",
        max_features: Any = "auto",
        powers: Any = (1.0, 2.0),
        bandwidths: Any = BANDWIDTHS,
        base: Any = None,
        values: str = "auto",
        cell: float = 1.0,
        dropped: float = 0.01,
    ) -> None:
        self.n_trees = n_trees
        self.min_leaf_size = min_leaf_size
        self.max_features = max_features
        self.powers = powers
        self.bandwidths = bandwidths
        self.base = base
        self.values = values
        self.cell = cell
        self.dropped = dropped

    def _forests(self, n_rows: int, n_answers: int) -> Forests:
        """Return the settings of the forests, which are the same for all folds."""
        n_trees, leaf_sizes = self.n_trees, self.min_leaf_size
        if _is_auto(n_trees):
            n_trees = max(FEWEST_TREES, min(TREES, ROWS_IN_TREES // n_rows))
        if _is_auto(leaf_sizes):
            several = n_rows < MANY_ROWS and n_answers == 1
            leaf_sizes = SEVERAL_LEAF_SIZES if several else ONE_LEAF_SIZE
        return Forests(int(n_trees), tuple(int(size) for size in np.atleast_1d(leaf_sizes)))

    @property
    def _powers(self) -> tuple[float, ...]:
        return tuple(float(power) for power in np.atleast_1d(self.powers))

    @property
    def _max_features(self) -> Any:
        if _is_auto(self.max_features):
            return COLUMNS if self.base is None else COLUMNS_LOCATED
        return self.max_features

    @property
    def _residuals(self) -> bool:
        return self.base is not None if self.values == "auto" else self.values == "residuals"

    def _validate(self) -> None:
        """Raise ValueError if a parameter is invalid; the message explains what to change."""
        if not _is_auto(self.n_trees):
            positive_integer("n_trees", self.n_trees, of="Memory")
        if not _is_auto(self.min_leaf_size):
            for size in _several("min_leaf_size", self.min_leaf_size):
                positive_integer("min_leaf_size", size, of="Memory")
        for power in _several("powers", self.powers):
            positive_number("powers", power, of="Memory")
        if self.values not in VALUES:
            raise ValueError(unknown_name("values", self.values, VALUES))
        if self.values == "residuals" and self.base is None:
            raise ValueError(
                "values='residuals' of Memory needs a location: pass base='auto', or values='auto'."
            )
        positive_number("cell", self.cell, of="Memory")
        try:
            pairs = np.asarray(self.bandwidths, dtype=np.float64)
        except (TypeError, ValueError):
            pairs = np.empty(0)
        if pairs.ndim != 2 or pairs.shape[1] != 2 or not len(pairs):
            raise ValueError(
                f"bandwidths={self.bandwidths!r} of Memory must be pairs (c, c0), at least one."
            )
        if not np.isfinite(pairs).all() or (pairs < 0).any() or not pairs.any(axis=1).all():
            raise ValueError(
                f"bandwidths={self.bandwidths!r} of Memory must be finite and not negative, and "
                "c and c0 not both 0."
            )
        share("dropped", self.dropped, of="Memory", zero=True)

    def _width(self, n_answers: int) -> int:
        """Return the number of values kept for each sample, which limits the size of blocks."""
        n_leaf_sizes = max(len(self._stores), 1)
        n_elements = n_leaf_sizes * len(self._powers) * len(self.bandwidths)
        return n_elements * TREES * n_answers * (1 + n_answers)

    def learned(
        self,
        rows: Rows,
        folds: Folds,
        location: LocationPrediction | None,
        floor: Array,
        rng: np.random.RandomState,
    ) -> tuple[Self, list[Quadratics]]:
        """Store the samples, and compute out-of-fold densities; see ``BankEnergy``.

        Parameters
        ----------
        rows : Rows
            Samples: features ``X``, targets ``y`` and sample weights ``weight``.
        folds : Folds
            Folds of the samples, and indices of the validation samples.
        location : LocationPrediction or None
            Location of the samples.
        floor : ndarray of shape (n_outputs,)
            Smallest scale of each output, in standard deviations.
        rng : RandomState
            Source of random numbers.

        Returns
        -------
        learned : BankEnergy
            A copy, fitted to all samples.
        elements : list of Quadratics
            Out-of-fold densities of the samples ``folds.validation``, for each element of the bank.
        """
        seed = int(rng.randint(np.iinfo(np.int32).max))
        forests = self._forests(*rows.y.shape)
        blocks = []
        order = []
        for validation, places, training in folds.validation_splits():
            there = None if location is None else location.take(training)
            fold = self._stored(rows.take(training), there, floor, forests, seed)
            there = None if location is None else location.take(validation)
            blocks.append(fold.elements(rows.X[validation], there))
            order.append(places)
            folds.progress.ended("fold")
        back = np.argsort(np.concatenate(order))
        elements = [Quadratics.stacked(part).take(back) for part in zip(*blocks, strict=True)]
        return self._stored(rows, location, floor, forests, seed), elements

    def _stored(
        self,
        rows: Rows,
        location: LocationPrediction | None,
        floor: Array,
        forests: Forests,
        seed: int,
    ) -> Self:
        """Return a copy that stores the samples."""
        result = self.__sklearn_clone__()
        result._floor = floor
        columns = _columns(rows.X, location)
        values = rows.y
        if self._residuals:
            assert location is not None
            values = rows.y - location.mean
        spread = _spread(values, rows.weight)
        targets = _targets(values, spread) if self._residuals else values
        order = np.argsort(values[:, 0], kind="stable")
        columns, targets, weight = columns[order], targets[order], rows.weight[order]
        leaves = [
            self._leaves(columns, targets, weight, forests.n_trees, size, seed + k)
            for k, size in enumerate(forests.leaf_sizes)
        ]
        result._stores = tuple(Store(some, values[order], weight, spread) for some in leaves)
        return result

    def _leaves(
        self, columns: Array, targets: Array, weight: Array, n_trees: int, size: int, seed: int
    ) -> ForestWeights:
        # The limit is a weight, so that a row of weight 2 counts as two rows. It is just below the
        # size, because sums of weights are rounded.
        least = (size - 0.001) * _typical(weight) / float(weight.sum())
        with Workers() as workers:
            forest = ExtraTreesRegressor(
                n_trees,
                min_weight_fraction_leaf=min(0.5, least),
                max_features=self._max_features,
                random_state=seed % np.iinfo(np.int32).max,
                n_jobs=workers.n_threads,
            )
            even = (weight == weight[0]).all()
            one_output = targets.shape[1] == 1
            forest.fit(columns, targets[:, 0] if one_output else targets, None if even else weight)
            return ForestWeights.of(forest, columns, weight)

    def elements(self, X: Array, location: LocationPrediction | None) -> list[Quadratics]:
        """Return the densities of the bank; see ``BankEnergy``.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Samples with standardised features.
        location : LocationPrediction or None
            Location of the samples.

        Returns
        -------
        list of Quadratics
            Densities of the samples, for each element of the bank in use.
        """
        columns = _columns(X, location)
        mean = location.mean if self._residuals and location is not None else None
        result = []
        n_elements = len(self._powers) * len(self.bandwidths)
        for number, store in enumerate(self._stores):
            parts = []
            wanted = [b for b in range(n_elements) if self._keeps(number * n_elements + b)]
            if not wanted:
                continue
            for rows, weights in store.leaves.blocks(columns):
                block = self._bank(weights, store, wanted)
                parts.append(block if mean is None else _moved(block, mean[rows]))
            result += [Quadratics.stacked(part) for part in zip(*parts, strict=True)]
        return result

    def _bank(self, weights: Any, store: Store, wanted: list[int]) -> list[Quadratics]:
        """Return the elements in use of one forest, for samples with these weights."""
        result: list[Quadratics] = []
        for number, power in enumerate(self._powers):
            first = number * len(self.bandwidths)
            kept = [pair for b, pair in enumerate(self.bandwidths, first) if b in wanted]
            if not kept:
                continue
            some = raised_to_power(weights, power, store.counts)
            moments = moments_of(some, store.values)
            widths = self._widths(moments, store.spread, kept)
            if store.values.shape[1] == 1:
                result += self._scalar(some, store.values[:, 0], moments, widths)
            else:
                result += self._vector(some, store.values, widths)
        return result

    def _widths(self, moments: Moments, spread: Array, bandwidths: Any) -> list[Array]:
        """h_b(x) for each bandwidth, (m, q) each."""
        assert self._floor is not None
        return [
            np.maximum(np.hypot(c * moments.deviation, c0 * spread), self._floor)
            for c, c0 in bandwidths
        ]

    def _scalar(
        self, weights: Any, values: Array, moments: Moments, widths: list[Array]
    ) -> Iterator[Quadratics]:
        """Yield mixtures of merged values; wide kernels merge the cells of the narrowest one."""
        smallest_scale = np.min(widths, axis=0)[:, 0]
        origin = moments.mean[:, 0]
        fine = points_of(weights, values).merged(origin, self.cell * smallest_scale)
        for width in widths:
            times = np.floor(width[:, 0] / smallest_scale * (1 + 1e-9))
            weight, mean, variance = fine.merged(origin, self.cell * smallest_scale * times).dense()
            scale = np.sqrt(variance + width**2)
            yield Quadratics.of_mixture(weight, mean[..., None], scale[..., None])

    def _vector(self, weights: Any, values: Array, widths: list[Array]) -> Iterator[Quadratics]:
        """Yield mixtures of the heaviest stored samples."""
        weight, stored = heaviest(weights, self.dropped)
        means = values[stored]
        for width in widths:
            scales = np.broadcast_to(width[:, None], means.shape)
            yield Quadratics.of_mixture(weight, means, scales)


def raised_to_power(weights: Any, power: float, counts: Array) -> Any:
    """Return v (w/v)^power, normalised to the sum 1 in each row.

    A stored sample of weight 2 then has the effect of two samples, for any power.

    Parameters
    ----------
    weights : CSR of shape (m, n_samples)
        Weights w of stored samples for each of m samples.
    power : float
        The power.
    counts : ndarray of shape (n_samples,)
        Sample weights v of the stored samples.

    Examples
    --------
    >>> from scipy import sparse
    >>> raised_to_power(sparse.csr_matrix([[0.75, 0.0, 0.25]]), 2.0, np.ones(3)).toarray()
    array([[0.9, 0. , 0.1]])

    A first sample of weight 3 counts as three samples, each with the weight ¼ of the last one:

    >>> raised_to_power(
    ...     sparse.csr_matrix([[0.75, 0.0, 0.25]]), 2.0, np.array([3.0, 1.0, 1.0])
    ... ).toarray()
    array([[0.75, 0.  , 0.25]])
    """
    if power == 1:
        return weights
    count = counts[weights.indices]
    data = weights.data / count
    # Scaled to a largest weight of 1 and bounded below, so that powers do not underflow.
    data /= np.repeat(*_by_row(np.maximum, data, weights.indptr))
    data **= power
    np.maximum(data, LEAST_SHARE, out=data)
    data *= count
    data /= np.repeat(*_by_row(np.add, data, weights.indptr))
    return type(weights)((data, weights.indices, weights.indptr), shape=weights.shape)


def _by_row(reduction: np.ufunc, data: Array, indptr: Index) -> tuple[Array, Index]:
    """Reduce the entries of each row of CSR data; return the results and numbers of entries."""
    return reduction.reduceat(data, indptr[:-1]), np.diff(indptr)


def heaviest(weights: Any, dropped: float) -> tuple[Array, Index]:
    """Select the largest weights of each row, with a sum of at least 1 − dropped.

    Parameters
    ----------
    weights : CSR of shape (m, n_samples)
        Weights, with the sum 1 in each row.
    dropped : float
        Largest sum of the omitted weights of a row.

    Returns
    -------
    weight : ndarray of shape (m, most)
        Selected weights, normalised to the sum 1, and zeros if a row has fewer than `most`.
    stored : ndarray of int of shape (m, most)
        Columns of the selected weights.

    Examples
    --------
    >>> from scipy import sparse
    >>> heaviest(sparse.csr_matrix([[0.4, 0.2, 0.4], [0.0, 1.0, 0.0]]), 0.25)
    (array([[0.5, 0.5],
           [1. , 0. ]]), array([[0, 2],
           [1, 0]]))
    """
    row = rows_of(weights.indptr)
    order = np.lexsort((weights.indices, -weights.data, row))
    weight, stored = weights.data[order], weights.indices[order]
    before = np.cumsum(weight) - weight
    # An entry is kept if the sum of the larger weights of its row is below 1 − dropped.
    before -= before[weights.indptr[:-1]][row]
    kept = before < (1 - dropped) * (1 - 1e-12)
    row, weight, stored = row[kept], weight[kept], stored[kept]
    count = np.bincount(row, minlength=len(weights.indptr) - 1)
    place = np.arange(len(row)) - (np.cumsum(count) - count)[row]
    dense = np.zeros((len(count), count.max()))
    which = np.zeros(dense.shape, dtype=np.intp)
    dense[row, place] = weight
    which[row, place] = stored
    return dense / dense.sum(axis=1, keepdims=True), which


def _is_auto(value: Any) -> bool:
    return isinstance(value, str) and value == "auto"


def _several(name: str, value: Any) -> list[Any]:
    """Return a number or a sequence as a list."""
    values = np.atleast_1d(np.asarray(value, dtype=object)).tolist()
    if not values:
        raise ValueError(f"{name}={value!r} of Memory must have at least one entry.")
    return values


def _columns(X: Array, location: LocationPrediction | None) -> Array:
    return X if location is None else np.hstack([X, location.features])


def _typical(weight: Array) -> float:
    """Return the weight that counts as one sample, the weighted median of the weights.

    It is robust against a few large weights, and against many tiny ones.

    Examples
    --------
    >>> (
    ...     _typical(np.array([1.0, 1.0, 1.0, 2.0])),
    ...     _typical(np.array([0.001, 0.001, 0.001, 2.0])),
    ... )
    (1.0, 2.0)
    """
    ordered = np.sort(weight)
    total = np.cumsum(ordered)
    return float(ordered[np.searchsorted(total, 0.5 * total[-1])])


def _spread(values: Array, weight: Array) -> Array:
    """Standard deviation of each output, (q,)."""
    mean = np.average(values, axis=0, weights=weight)
    variance = np.average((values - mean) ** 2, axis=0, weights=weight)
    return np.maximum(np.sqrt(variance), LEAST_SPREAD)


def _targets(residuals: Array, spread: Array) -> Array:
    """Targets of trees for residuals: clipped residuals, and their absolute values."""
    unit = residuals / spread
    return np.hstack([np.clip(unit, -CLIPPED, CLIPPED), SIZE_COUNTS * np.abs(unit)])


def _moved(bank: list[Quadratics], mean: Array) -> list[Quadratics]:
    """Return the elements with their means shifted by mean (m, q)."""
    return [part._replace(means=part.means + mean[:, None]) for part in bank]
