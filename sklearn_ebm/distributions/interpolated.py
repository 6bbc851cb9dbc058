"""Distributions of a one-dimensional target whose log-density is a piecewise cubic."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.tiles import row_blocks, tiles
from sklearn_ebm.distributions._numerics.adaptive_grid import ROWS_TOGETHER, GridBuilder
from sklearn_ebm.distributions._numerics.cubics import (
    Cubics,
    cubics_between,
    cubics_of,
    gaussian_tail,
    last_cell,
    with_turns,
)
from sklearn_ebm.distributions._numerics.quadrature import POINTS_PER_CELL, half_spread, unit_rule
from sklearn_ebm.distributions._numerics.quantiles import ppf_of_block
from sklearn_ebm.distributions._numerics.roots import find_roots_by_slopes
from sklearn_ebm.distributions.base import finite_array
from sklearn_ebm.distributions.scalar import ScalarDistribution
from sklearn_ebm.samplers.base import Surface
from sklearn_ebm.samplers.partition import LogPartition

#: Smallest curvature of a tail, relative to its squared slope.
LEAST_BEND = 1e-8

#: Largest error of log Z that is reliable, in nats.
LARGEST_ERROR = 0.01


class InterpolatedDensity(ScalarDistribution):
    r"""Gibbs distributions exp(−F(y))/Z of energies that are known on nodes, with their slopes.

    Between two nodes log p is the cubic with these values and slopes. Beyond the outermost nodes it
    is the parabola that continues value and slope there with a given curvature, so far answers
    have a finite log-density. Z and all integrals are sums over the cells between the nodes.

    Parameters
    ----------
    nodes : array-like of shape (n_samples, g)
        Answers in increasing order, in the unit of y; the last one of a row may be repeated as
        padding. At least 1 − 1e-12 of the probability lies between the first and the last.
    energies : array-like of shape (n_samples, g)
        Energies F at the nodes, in nats.
    slopes : array-like of shape (n_samples, g)
        Derivatives dF/dy at the nodes. They are negative at the first and positive at the last.
    bends : array-like of shape (n_samples, 2), default=None
        Second derivatives d²F/dy² before the first and after the last node; None means 0.
    errors : array-like of shape (n_samples, g), default=None
        Estimated errors of log p in the cell after each node, in nats; None means 0.

    Raises
    ------
    ValueError
        If the shapes differ, an entry is not finite, the nodes are not sorted, or an energy does
        not increase towards the outside at an outermost node.

    See Also
    --------
    interpolated : Choice of the nodes for the energies of a surface.

    Examples
    --------
    The cubics of F(y) = y²/2 are exact, so the density is that of a standard Gaussian, with log Z =
    ½ log 2π:

    >>> import numpy as np
    >>> from sklearn_ebm.distributions.interpolated import InterpolatedDensity
    >>> y = np.linspace(-8, 8, 17)[None]
    >>> density = InterpolatedDensity(y, y**2 / 2, y, [[1.0, 1.0]])
    >>> density.log_partition().value.round(6), (np.log([2 * np.pi]) / 2).round(6)
    (array([0.918939]), array([0.918939]))
    >>> (
    ...     density.interval(0.95).round(4),
    ...     density.var().round(6),
    ...     density.log_prob(20.0).round(4),
    ... )
    (array([[-1.96,  1.96]]), array([1.]), array([-200.9189]))
    """

    _fields: ClassVar[tuple[str, ...]] = (
        "nodes", "_heights", "_slopes", "_bends", "_cumulative", "_last", "_log_partition",
        "_error",
    )  # fmt: skip
    _depth = 2 * POINTS_PER_CELL

    def __init__(
        self,
        nodes: npt.ArrayLike,
        energies: npt.ArrayLike,
        slopes: npt.ArrayLike,
        bends: npt.ArrayLike | None = None,
        errors: npt.ArrayLike | None = None,
    ) -> None:
        shape = np.shape(nodes)
        if len(shape) != 2 or shape[1] < 2:
            raise ValueError(f"nodes.shape == {shape}, expected (n, g) with at least two nodes.")
        given: Array = finite_array("nodes", nodes, shape)
        heights, rises = (
            -finite_array(name, value, shape)
            for name, value in (("energies", energies), ("slopes", slopes))
        )
        no_bends = np.zeros((shape[0], 2))
        curved = finite_array("bends", no_bends if bends is None else bends, no_bends.shape)
        doubts: Array = finite_array("errors", np.zeros(shape) if errors is None else errors, shape)
        if (np.diff(given, axis=1) < 0).any() or (given[:, 0] == given[:, -1]).any():
            raise ValueError("nodes are not in increasing order; sort them with their energies.")
        if (rises[:, 0] <= 0).any() or (rises[:, -1] >= 0).any():
            raise ValueError(
                "The energy does not increase towards the outside at the first or last node; use "
                "nodes that reach further out."
            )
        self.nodes, self._heights, self._slopes, doubts = with_turns(given, heights, rises, doubts)
        #: Index of the last node, which is not repeated padding.
        self._last = (self.nodes < self.nodes[:, -1:]).sum(axis=1)
        least = LEAST_BEND * self._slopes[:, [0, -1]] ** 2
        self._bends: Array = np.maximum(curved, least)
        self._normalise(doubts)

    def _normalise(self, errors: Array) -> None:
        """Integrate the cells, and subtract log Z from the heights."""
        best = self._heights.max(axis=1, initial=-np.inf)
        self._heights -= best[:, None]
        self._log_partition, self._error = np.zeros((2, len(best)))
        self._cumulative = np.zeros(self.nodes.shape)
        for rows in row_blocks(len(best), self._width):
            part = self[rows]
            masses = np.einsum("ncj,j->nc", part._cell_masses(), np.ones(POINTS_PER_CELL))
            tails = part._tails()
            total = masses.sum(axis=1) + tails.sum(axis=1)
            steps = np.concatenate([tails[:, :1], masses], axis=1)
            self._cumulative[rows] = np.cumsum(steps, axis=1) / total[:, None]
            doubt = (masses * errors[rows, :-1]).sum(axis=1) + tails.sum(axis=1)
            self._error[rows] = doubt / total
            self._log_partition[rows] = np.log(total)
        self._heights -= self._log_partition[:, None]
        self._log_partition += best

    def log_partition(self) -> LogPartition:
        """Return log Z = log ∫ exp(−F(y)) dy, with an estimate of the error of the interpolation.

        Returns
        -------
        LogPartition
            Values of shape (n_samples,); the error is the mean of `errors` under the distribution.
        """
        none = np.full(self.n_rows, np.inf)
        reliable = self._error <= LARGEST_ERROR
        return LogPartition(self._log_partition.copy(), self._error.copy(), none, reliable)

    def log_prob_error(self) -> Array:
        """Estimate the error of log p, that of log Z, of shape (n_samples,), in nats."""
        return self._error.copy()

    def _tails(self) -> Array:
        """Probability before the first and after the last node, (n, 2)."""
        ends = [0, -1]
        return gaussian_tail(
            self._heights[:, ends], np.abs(self._slopes[:, ends]), self._bends, 0.0
        )

    @property
    def _width(self) -> int:
        return 2 * POINTS_PER_CELL * self.nodes.shape[1]

    def _row_order(self) -> Index | None:
        return np.argsort(self._last, kind="stable")

    def _knots(self) -> Array:
        return self.nodes

    # Values at any answers: `row` is the row of each answer.

    def _cell_of(self, y: Array, row: Index) -> Index:
        """Index of the cell of each answer; answers outside belong to the outermost cells."""
        return last_cell(self.nodes, y, row, np.zeros(1, dtype=np.intp), self._last[row])

    def _cubics_at(self, row: Index, cell: Index) -> tuple[Cubics, Array, Array]:
        """Cubics of some cells, and their lower ends and widths."""
        low, high = (
            (self._heights[row, node], self._slopes[row, node]) for node in (cell, cell + 1)
        )
        start = self.nodes[row, cell]
        width = self.nodes[row, cell + 1] - start
        return cubics_between(low, high, width), start, width

    def _beyond(self, y: Array, row: Index) -> tuple[Array, Array, Array, Array]:
        """Distances of answers from the outermost node on their side, 0 inside, and the tail there.

        The tail is given by its height, slope and curvature at the node.
        """
        side = np.where(y < self.nodes[row, 0], 0, 1)
        node = np.where(side == 0, 0, self._last[row])
        distance = np.where(side == 0, self.nodes[row, 0] - y, y - self.nodes[row, node])
        slope, bend = np.abs(self._slopes[row, node]), self._bends[row, side]
        return np.maximum(distance, 0.0), self._heights[row, node], slope, bend

    def _values_at(self, y: Array, row: Index) -> tuple[Array, Array]:
        """log p and d log p/dy."""
        cubics, start, width = self._cubics_at(row, self._cell_of(y, row))
        with np.errstate(invalid="ignore"):
            t = np.clip((y - start) / width, 0.0, 1.0)
        value, slope = cubics(t), cubics.slopes(t) / width
        out = np.nonzero((y < self.nodes[row, 0]) | (y > self.nodes[row, -1]))
        if len(out[0]):
            row = np.broadcast_to(row, y.shape)[out]
            distance, height, fall, bend = self._beyond(y[out], row)
            with np.errstate(over="ignore"):
                value[out] = height - distance * (fall + 0.5 * bend * distance)
                slope[out] = (fall + bend * distance) * np.sign(self.nodes[row, 0] - y[out])
        return value, slope

    def _below(self, y: Array, row: Index) -> Array:
        """P(Y ≤ y)."""
        cell = self._cell_of(y, row)
        result = self._below_in_cell(y, row, cell)[0]
        out = np.nonzero((y < self.nodes[row, 0]) | (y > self.nodes[row, -1]))
        if len(out[0]):
            row = np.broadcast_to(row, y.shape)[out]
            distance, height, fall, bend = self._beyond(y[out], row)
            with np.errstate(invalid="ignore"):
                tail = gaussian_tail(height, fall, bend, distance)
            tail[np.isinf(distance)] = 0.0
            result[out] = np.where(y[out] < self.nodes[row, 0], tail, 1.0 - tail)
        return result

    def _below_in_cell(self, y: Array, row: Index, cell: Index) -> tuple[Array, Array]:
        """P(Y ≤ y), and the density, for answers in given cells."""
        cubics, start, width = self._cubics_at(row, cell)
        with np.errstate(invalid="ignore"):
            t = np.clip((y - start) / width, 0.0, 1.0)
        inside = np.zeros(y.shape)
        for point, share in zip(*unit_rule(POINTS_PER_CELL), strict=True):
            inside += share * np.exp(cubics(t * point))
        return self._cumulative[row, cell] + t * width * inside, np.exp(cubics(t))

    def _of_pairs(self, method: str, y: Array, rows: Index) -> Array:
        """Apply a method to one answer of each of the rows, without a copy of their nodes."""
        if method == "_cdf":
            return self._below(y, rows)
        value, slope = self._values_at(y, rows)
        return value if method == "_log_prob" else np.stack([value, slope])

    def _in_tiles(self, method: str, y: Array) -> Array:
        """Apply a method of pairs to answers (n, m)."""
        pair = (2,) if method == "_log_prob_and_slope" else ()
        result = np.empty((*pair, *y.shape))
        for rows, columns in tiles(y.shape, self._depth):
            row = np.arange(rows.start, rows.stop)[:, None]
            result[..., rows, columns] = self._of_pairs(method, y[rows, columns], row)
        return result

    def _log_prob(self, y: Array) -> Array:
        return self._in_tiles("_log_prob", y)

    def _log_prob_and_slope(self, y: Array) -> tuple[Array, Array]:
        value, slope = self._in_tiles("_log_prob_and_slope", y)
        return value, slope

    def _cdf(self, y: Array) -> Array:
        return self._in_tiles("_cdf", y)

    def _ppf(self, q: Array) -> Array:
        result = np.empty(q.shape)
        for rows, columns in tiles(q.shape, self._depth):
            part, some = self[rows], q[rows, columns]
            last = np.minimum(part._cumulative[:, -1:], 1.0)
            inside = (some > part._cumulative[:, :1]) & (some < last)
            found = np.empty(some.shape)
            row, _ = np.nonzero(inside)
            found[inside] = part._inverse(some[inside], row)
            far = np.flatnonzero(~inside.all(axis=1))
            if len(far):
                every = ppf_of_block(part[far], some[far])
                found[far] = np.where(inside[far], found[far], every)
            result[rows, columns] = found
        return result

    def _inverse(self, q: Array, row: Index) -> Array:
        """F⁻¹ of probabilities between those of the outermost nodes."""
        first = np.zeros(1, dtype=np.intp)
        cell = last_cell(self._cumulative, q, row, first, self._last[row])
        low, high = self.nodes[row, cell], self.nodes[row, cell + 1]
        below = self._cumulative[row, cell]

        def excess(y: Array, index: Index) -> tuple[Array, Array]:
            mass, density = self._below_in_cell(y, row[index], cell[index])
            return mass - q[index], density

        with np.errstate(divide="ignore", invalid="ignore"):
            part = (q - below) / (self._cumulative[row, cell + 1] - below)
            start = low + part * (high - low)
        return find_roots_by_slopes(excess, low, high, np.ones(len(q), dtype=bool), start)

    # Integrals over all cells.

    def _cell_masses(self) -> Array:
        """Probabilities at the quadrature points of the cells, (n, c, 8)."""
        points, weights = unit_rule(POINTS_PER_CELL)
        cubics = cubics_of(self.nodes, self._heights, self._slopes)
        logs = np.stack([cubics(t) for t in points], axis=2)
        width: Array = np.diff(self.nodes, axis=1)[:, :, None]
        return np.exp(logs) * (width * weights)

    def _cell_points(self) -> Array:
        """Quadrature points of the cells, (n, c, 8)."""
        points, _ = unit_rule(POINTS_PER_CELL)
        return self.nodes[:, :-1, None] + np.diff(self.nodes, axis=1)[:, :, None] * points

    def mode(self) -> Array:
        """Compute the global mode argmax_y p(y | x), which is a node, of shape (n_samples,)."""
        return self.nodes[np.arange(self.n_rows), self._heights.argmax(axis=1)]

    def mean(self) -> Array:
        """Compute the mean E[y | x] = ∫ y p(y) dy, of shape (n_samples,)."""
        return self._in_blocks(lambda part: part._moments()[0], self._width)

    def var(self) -> Array:
        """Compute the variance ∫ (y − E y)² p(y) dy, of shape (n_samples,)."""
        return self._in_blocks(lambda part: part._moments()[1], self._width)

    def _moments(self) -> tuple[Array, Array]:
        masses, points = self._cell_masses(), self._cell_points()
        mode = self.mode()
        # Distances from the mode, so that nothing cancels far from the origin.
        points -= mode[:, None, None]
        away = np.einsum("ncj,ncj->n", masses, points)
        points -= away[:, None, None]
        return mode + away, np.einsum("ncj,ncj->n", masses, points**2)

    def entropy(self) -> Array:
        """Compute the entropy −∫ p log p dy in nats, of shape (n_samples,)."""
        return self._in_blocks(type(self)._entropy_of_block, self._width)

    def _entropy_of_block(self) -> Array:
        cubics = cubics_of(self.nodes, self._heights, self._slopes)
        masses = self._cell_masses()
        result = np.zeros(self.n_rows)
        for j, t in enumerate(unit_rule(POINTS_PER_CELL)[0]):
            result -= (masses[:, :, j] * cubics(t)).sum(axis=1)
        return result

    def crps(self, y: npt.ArrayLike) -> Array:
        """Compute the continuous ranked probability score E|Y − y| − ½ E|Y − Y'|.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, m), or float
            One answer for each sample, m answers for each sample, or one answer for all samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, m)
        """
        columns, shape = self._columns(y)
        width = self._width + columns.shape[1]
        return self._in_blocks(type(self)._crps_of_block, width, columns).reshape(shape)

    def _crps_of_block(self, y: Array) -> Array:
        masses, points = self._cell_masses(), self._cell_points()
        centre = self.mode()
        points -= centre[:, None, None]
        first = np.zeros(self.nodes.shape)  # ∫ (t − centre) p(t) dt up to each node
        np.cumsum((masses * points).sum(axis=2), axis=1, out=first[:, 1:])
        width = np.diff(self.nodes, axis=1)
        _, weights = unit_rule(POINTS_PER_CELL)
        with np.errstate(invalid="ignore"):
            density = np.nan_to_num(masses / (width[:, :, None] * weights))
        spread = half_spread(density, width)
        row = np.arange(self.n_rows)[:, None]
        below, moment = self._below(y, row), self._moment_below(y, row, first, centre)
        away = y - centre[:, None]
        # E|Y − y| = (y − c)(2F − 1) + E(Y − c) − 2 ∫ (t − c) p dt up to y.
        return away * (2 * below - 1) + first[:, -1:] - 2 * moment - spread[:, None]

    def _moment_below(self, y: Array, row: Index, first: Array, centre: Array) -> Array:
        """∫ (t − centre) p(t) dt up to y."""
        cell = self._cell_of(y, row)
        cubics, start, width = self._cubics_at(row, cell)
        with np.errstate(invalid="ignore"):
            t = np.clip((y - start) / width, 0.0, 1.0)
        inside = np.zeros(y.shape)
        from_centre = start - centre[row]
        for point, share in zip(*unit_rule(POINTS_PER_CELL), strict=True):
            part = t * point
            inside += share * (from_centre + part * width) * np.exp(cubics(part))
        return first[row, cell] + t * width * inside


def interpolated(surface: Surface, low: Array, high: Array) -> InterpolatedDensity:
    """Interpolate the Gibbs distributions exp(−F(x, y))/Z(x) of energies of one answer.

    The energies and their slopes are computed on 65 points from `low` to `high`. A cell is halved
    until the cubic through values and slopes differs from the energy at its middle by less than
    about 1e-3 nats, so that the error of its halves is a sixteenth of that. 4, 8 and 25 nats below
    the maximum, 3, 7 and 500 times as much is allowed. The grid is widened until less
    than 1e-12 of the probability lies outside. A minimum that is narrower than about half a
    hundredth of the interval may lie unseen between two points.

    Parameters
    ----------
    surface : Surface
        Energies of n samples, at β = 1, with one output.
    low, high : ndarray of shape (n_samples,)
        Limits between which answers are likely, in the unit of y.

    Returns
    -------
    InterpolatedDensity
        One distribution for each sample.

    Raises
    ------
    ValueError
        If the surface has several outputs; if limits are not finite or not in order; if energies
        are NaN, or +inf everywhere, or do not increase far from the answers.
    """
    n_rows = surface.n_rows
    if surface.n_outputs != 1:
        raise ValueError(
            f"The energy has {surface.n_outputs} outputs, and a grid only one; use SampledDensity."
        )
    low, high = (
        finite_array(name, value, (n_rows,)) for name, value in (("low", low), ("high", high))
    )
    if not (low < high).all():
        raise ValueError("low has entries that are not below those of high; exchange them.")
    parts = [
        _nodes_of_block(surface[rows], low[rows], high[rows])
        for rows in row_blocks(n_rows, 1, ROWS_TOGETHER)
    ]
    if not parts:
        ends = np.empty((0, 2))
        return InterpolatedDensity(ends, ends, ends)
    widest = max(part[0].shape[1] for part in parts)
    arrays = [
        np.concatenate(
            [np.pad(array, ((0, 0), (0, widest - array.shape[1])), "edge") for array in same]
        )
        for same in zip(*(part[:4] for part in parts), strict=True)
    ]
    bends = np.concatenate([part[4] for part in parts])
    nodes, energies, slopes, errors = arrays
    return InterpolatedDensity(nodes, energies, slopes, bends, errors)


def _nodes_of_block(
    surface: Surface, low: Array, high: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """Nodes, energies, slopes and errors (n, g), and curvatures of the tails (n, 2)."""
    builder = GridBuilder(surface, low, high)
    points, energies, slopes, errors = builder.build()
    ends = np.stack([points[:, 0], points[:, -1]], axis=1)
    length = (ends[:, 1] - ends[:, 0])[:, None]
    # Where answers are impossible, the energy may be constant or fall towards the outside.
    signs = np.array([-1.0, 1.0])
    outward = np.maximum(signs * slopes[:, [0, -1]], 1 / length)
    slopes[:, 0], last = -outward[:, 0], points >= points[:, -1:]
    slopes = np.where(last, outward[:, 1:], slopes)
    far, _ = builder.ask(ends + signs * length)
    bends = 2 * (far - energies[:, [0, -1]] - outward * length) / length**2
    # An error that is unknown counts as one nat: the probability of these cells is tiny.
    return points, energies, slopes, np.minimum(errors, 1.0), np.maximum(bends, 0.0)
