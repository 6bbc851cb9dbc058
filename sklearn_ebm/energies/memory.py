"""A memory of answers: the latent variable is a stored sample."""

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

#: Bandwidths (c, c0), in standard deviations: c in local ones of the values, c0 in that of all.
BANDWIDTHS = ((0.02, 0.001), (0.12, 0.002), (0.3, 0.02), (0.6, 0.01), (1.2, 0.01))

# What "auto" stands for, chosen by out-of-fold likelihoods: trees; least rows of a leaf, where
# there is time and space for several sizes and where not; and columns that a split is chosen from,
# without and with a location.
TREES, FEWEST_TREES, ROWS_IN_TREES = 100, 20, 8_000_000
MANY_ROWS = 20_000
SEVERAL_LEAF_SIZES, ONE_LEAF_SIZE = (1, 2, 5), (2,)
COLUMNS, COLUMNS_LOCATED = 1.0, 0.5

# Residuals beyond so many standard deviations are told apart no more by trees; sizes count for
# more.
CLIPPED, SIZE_COUNTS = 4.0, 1.5

# What is left of a weight, of the heaviest of its row, after a high power.
LEAST_SHARE = 1e-100

# The standard deviation of values that are all equal, in units.
LEAST_SPREAD = 1e-6


class Store(NamedTuple):
    """Stored samples of one forest.

    Attributes
    ----------
    leaves : ForestWeights
    values : ndarray of shape (n_samples, n_outputs)
        Answers, or what they are away from where they were expected; a single one is sorted.
    counts : ndarray of shape (n_samples,)
        Weights of the samples.
    spread : ndarray of shape (n_outputs,)
        Standard deviation of the values.
    """

    leaves: ForestWeights
    values: Array
    counts: Array
    spread: Array


class Forests(NamedTuple):
    """What all forests of one fit have in common, those of its folds included.

    Attributes
    ----------
    n_trees : int
    leaf_sizes : tuple of int
        Least samples of a leaf, of each forest.
    """

    n_trees: int
    leaf_sizes: tuple[int, ...]


class Memory(BankEnergy):
    r"""Stored answers, weighted by how often their samples share leaves of trees with x.

    −log w_bz(x) + Σ_j ½ ((y_j − y_zj)/h_bj(x))² + log h_bj(x) + (q/2) log 2π − log ρ_b.

    .. code-block:: none

        p(y | x) = Σ_b ρ_b Σ_z w_bz(x) N(y; y_z, diag h_b(x)²)
        h_b(x)²  = (c_b sd(x))² + (c0_b S)²

    The latent z is a stored training sample. Its weight is that with which a forest of extremely
    randomised trees would average its answer: samples that share leaves with x explain x. sd(x) is
    the standard deviation of the answers under these weights, S that of all of them. The elements b
    of the bank are all combinations of a leaf size, a power of the weights and a bandwidth; which
    of them are likely is the prior ρ.

    With a location (``base``) the stored samples may be residuals r_z: the kernel then sits at
    m(x) + r_z, where m(x) is the location, and the trees see what the location knows as further
    columns.

    Parameters
    ----------
    n_trees : int or "auto", default="auto"
        Trees of each forest. "auto" is 100, and beyond 80,000 samples fewer, so that samples times
        trees are 8 million; not fewer than 20. Time and space grow with that product.
    min_leaf_size : int, sequence of int, or "auto", default="auto"
        Least samples of a leaf. Several are elements of the bank, with a forest each. "auto" is
        (1, 2, 5); it is 2 for 20,000 samples or more, and for several answers.
    max_features : float, int, {"sqrt", "log2"} or "auto", default="auto"
        Columns that a split is chosen from, as in scikit-learn's forests; "auto" is all, and with a
        location half of them.
    powers : float or sequence of float, default=(1.0, 2.0)
        Powers that the weights w are raised to, before they are rescaled to sum to 1; each is an
        element of the bank. Those above 1 favour the few stored samples that share many leaves with
        x.
    bandwidths : sequence of (float, float)
        Pairs (c, c0), neither negative, and not both of them 0.
    base : None, "auto", regressor, or list of them, default=None
        The location; None has none.
    values : {"auto", "answers", "residuals"}, default="auto"
        What is stored. "auto" is residuals where there is a location.
    cell : float, default=1.0
        Values of one answer that lie in one cell, of this share of the bandwidth, are merged into
        one component with their mean and variance: mean and variance of each element are exact,
        and in total variation it changes by less than 0.041 cell³; by much less where many are
        merged. Everything else is exact for the merged values.
    dropped : float, default=0.01
        Of several answers, the lightest samples that have no more weight together are left out,
        which changes the total variation by no more than this.

    References
    ----------
    Geurts, Ernst, Wehenkel, "Extremely randomized trees", Machine Learning 63 (2006) 3-42.
    :doi:`10.1007/s10994-006-6226-1`

    Meinshausen, "Quantile regression forests", Journal of Machine Learning Research 7 (2006)
    983-999.

    Examples
    --------
    Two samples with the answers −1 and 1. Near each of them its own answer applies alone, so that
    the standard deviation is 0 and h = c0 S = 0.5; the density there is N(0; 0, 0.5²) = 0.7979, and
    that of the other answer e^(−2²/(2 · 0.5²)) = e^−8 of it:

    >>> import numpy as np
    >>> from sklearn_ebm.energies import Memory
    >>> from sklearn_ebm.energies.banks import Folds
    >>> rows = Rows(np.array([[-1.0], [1.0]]), np.array([[-1.0], [1.0]]), np.ones(2))
    >>> energy = Memory(n_trees=3, min_leaf_size=1, powers=1, bandwidths=((1.0, 0.5),))
    >>> folds = Folds(np.array([0, 1]), np.array([0, 1]))
    >>> learned, _ = energy.learned(rows, folds, None, np.zeros(1), np.random.RandomState(0))
    >>> (element,) = learned.elements(rows.X, None)
    >>> np.exp(element.log_prob(rows.y)).round(4)
    array([0.7979, 0.7979])
    >>> element.log_prob(rows.y[::-1]) - element.log_prob(rows.y)
    array([-8., -8.])
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
        """What "auto" stands for; a fold has fewer samples than `n_rows`, and the same forests."""
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
        """Raise ValueError if a setting cannot be used; the message says what to do."""
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
        """Return how many numbers of each sample inference needs; blocks keep them few."""
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
        """Return a copy that stores samples, and out-of-fold elements of ``folds.validation``."""
        seed = int(rng.randint(np.iinfo(np.int32).max))
        forests = self._forests(*rows.y.shape)
        blocks = []
        order = []
        for judges, places, others in folds.validation_splits():
            there = None if location is None else location.take(others)
            fold = self._stored(rows.take(others), there, floor, forests, seed)
            there = None if location is None else location.take(judges)
            blocks.append(fold.elements(rows.X[judges], there))
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
        # By weight, so that a row that counts twice is two rows; just below the size, as sums of
        # weights are rounded.
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
            single = targets.shape[1] == 1
            forest.fit(columns, targets[:, 0] if single else targets, None if even else weight)
            return ForestWeights.of(forest, columns, weight)

    def elements(self, X: Array, location: LocationPrediction | None) -> list[Quadratics]:
        """Return the densities of the bank for samples in units: leaf sizes, powers, bandwidths."""
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
        """Return wanted elements of one forest for samples with these weights."""
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
        """h_b(x) of each bandwidth, (m, q) each."""
        assert self._floor is not None
        return [
            np.maximum(np.hypot(c * moments.deviation, c0 * spread), self._floor)
            for c, c0 in bandwidths
        ]

    def _scalar(
        self, weights: Any, values: Array, moments: Moments, widths: list[Array]
    ) -> Iterator[Quadratics]:
        """Yield mixtures of cells: those of a wide kernel are made of those of the narrowest."""
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
    """Return v (w/v)^power, normalised to sum to 1, for CSR weights w and counts v of samples.

    A stored sample that counts twice is then as two samples, whatever the power.

    Parameters
    ----------
    weights : CSR of shape (m, n_samples)
    power : float
    counts : ndarray of shape (n_samples,)

    Examples
    --------
    >>> from scipy import sparse
    >>> raised_to_power(sparse.csr_matrix([[0.75, 0.0, 0.25]]), 2.0, np.ones(3)).toarray()
    array([[0.9, 0. , 0.1]])

    The first counts for three: each of them has ¼, as the last has.

    >>> raised_to_power(
    ...     sparse.csr_matrix([[0.75, 0.0, 0.25]]), 2.0, np.array([3.0, 1.0, 1.0])
    ... ).toarray()
    array([[0.75, 0.  , 0.25]])
    """
    if power == 1:
        return weights
    count = counts[weights.indices]
    data = weights.data / count
    # The heaviest of a row is 1 first, and none vanishes altogether.
    data /= np.repeat(*_by_row(np.maximum, data, weights.indptr))
    data **= power
    np.maximum(data, LEAST_SHARE, out=data)
    data *= count
    data /= np.repeat(*_by_row(np.add, data, weights.indptr))
    return type(weights)((data, weights.indices, weights.indptr), shape=weights.shape)


def _by_row(reduction: np.ufunc, data: Array, indptr: Index) -> tuple[Array, Index]:
    """What a reduction makes of each sample of CSR data, and how many entries that has."""
    return reduction.reduceat(data, indptr[:-1]), np.diff(indptr)


def heaviest(weights: Any, dropped: float) -> tuple[Array, Index]:
    """Return the heaviest entries of each sample, at least 1 − dropped of its weight, and which.

    Parameters
    ----------
    weights : CSR of shape (m, n_samples)
        Whose samples sum to 1.
    dropped : float

    Returns
    -------
    weight : ndarray of shape (m, most)
        Rescaled to sum to 1; 0 where a sample has fewer.
    stored : ndarray of int of shape (m, most)

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
    # What was added up before an entry, within its row: it stays if that is short of 1 − dropped.
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
    """Return a number as a list of one, or several as they are."""
    values = np.atleast_1d(np.asarray(value, dtype=object)).tolist()
    if not values:
        raise ValueError(f"{name}={value!r} of Memory must have at least one entry.")
    return values


def _columns(X: Array, location: LocationPrediction | None) -> Array:
    return X if location is None else np.hstack([X, location.features])


def _typical(weight: Array) -> float:
    """Weight that counts as one sample: half of all weight is in samples that are no heavier.

    So neither a few heavy samples change it, nor many that are next to nothing.

    Examples
    --------
    >>> _typical(np.array([1.0, 1.0, 1.0, 2.0])), _typical(np.array([0.001, 0.001, 0.001, 2.0]))
    (1.0, 2.0)
    """
    ordered = np.sort(weight)
    total = np.cumsum(ordered)
    return float(ordered[np.searchsorted(total, 0.5 * total[-1])])


def _spread(values: Array, weight: Array) -> Array:
    """The standard deviation of each value, (q,)."""
    mean = np.average(values, axis=0, weights=weight)
    variance = np.average((values - mean) ** 2, axis=0, weights=weight)
    return np.maximum(np.sqrt(variance), LEAST_SPREAD)


def _targets(residuals: Array, spread: Array) -> Array:
    """What trees for residuals are to tell apart: on which side, and how large."""
    unit = residuals / spread
    return np.hstack([np.clip(unit, -CLIPPED, CLIPPED), SIZE_COUNTS * np.abs(unit)])


def _moved(bank: list[Quadratics], mean: Array) -> list[Quadratics]:
    """Return the elements with their means moved by mean (m, q)."""
    return [part._replace(means=part.means + mean[:, None]) for part in bank]
