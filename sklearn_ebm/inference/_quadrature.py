"""log Z of one or two outputs by the trapezoidal rule on an adaptive grid."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.samplers._proposals import moments
from sklearn_ebm.samplers.base import Surface
from sklearn_ebm.samplers.student_mixture import StudentMixture

#: Energies this much above the lowest on the edge of the grid are left out.
LEFT_OUT = 40.0

#: Difference of log Z between two refinements at which they agree.
AGREEMENT = 1e-6

#: Most nodes of each output, for one and two outputs.
MOST_NODES = {1: 2**17, 2: 1025}

#: Most energies that are computed at once.
AT_ONCE = 2_000_000


class Integral(NamedTuple):
    """log Z (n_samples,), and the difference between the last two refinements."""

    value: Array
    error: Array


class _Grid(NamedTuple):
    """Nodes center + scale·sinh(u), u in [−reach, reach], for each sample and output."""

    center: Array
    scale: Array
    reach: Array


def integrate(surface: Surface, proposal: StudentMixture) -> Integral:
    r"""Integrate exp(−F) over one or two outputs, until two refinements agree.

    The rule is applied to y = c + s sinh(u), so that heavy tails need few nodes; c and s are the
    mean and standard deviation of a proposal. The first grid resolves its narrowest component.

    Parameters
    ----------
    surface : Surface
        Energies of answers with one or two outputs.
    proposal : StudentMixture
        Fitted proposal.

    References
    ----------
    Trefethen, Weideman, "The exponentially convergent trapezoidal rule", SIAM Review 56 (2014)
    385-458. :doi:`10.1137/130932132`
    """
    grid, n_nodes, open_ = _grid(surface, proposal)
    most = MOST_NODES[surface.n_outputs]
    value = _sums(surface, grid, n_nodes)
    error = np.full(surface.n_rows, np.inf)
    while n_nodes < most and (error > AGREEMENT).any():
        n_nodes = 2 * n_nodes - 1
        finer = _sums(surface, grid, n_nodes)
        error = np.abs(finer - value)
        value = finer
    return Integral(value, np.where(open_.any(axis=1), np.inf, error))


def _grid(surface: Surface, proposal: StudentMixture) -> tuple[_Grid, int, Array]:
    """Grid of each sample, the first number of nodes, and whether an output has no end."""
    center, covariance = moments(proposal)
    scale = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    grid = _Grid(center, scale, np.full(scale.shape, 3.0))
    at = np.where(np.isfinite(lowest := surface.energies(proposal.means).min(axis=1)), lowest, 0)
    for _ in range(40):
        open_ = _open(surface, grid, at)
        if not open_.any():
            break
        grid = grid._replace(reach=np.where(open_, np.minimum(1.3 * grid.reach, 60), grid.reach))
    used = proposal.weights[:, :-1] > 0  # without the wide part
    # Standard deviations of an output given the other one.
    narrow = 1 / np.linalg.norm(proposal.inverses[:, :-1], axis=2)
    place = np.abs((proposal.means[:, :-1] - center[:, None]) / scale[:, None])
    step = narrow / (scale[:, None] * np.sqrt(1 + place**2))
    step = np.where(used[..., None], step, np.inf).min(axis=1)
    needed = int((2 * grid.reach / np.minimum(step, 0.5)).max()) + 1
    most = MOST_NODES[surface.n_outputs]
    return grid, int(np.clip(needed, 33, most // 4)), open_


def _nodes(grid: _Grid, output: int, u: Array) -> tuple[Array, Array]:
    """Nodes of an output (n_samples, n_nodes), and the logarithms of dy/du."""
    u = u * grid.reach[:, output, None]
    scale = grid.scale[:, output, None]
    return grid.center[:, output, None] + scale * np.sinh(u), np.log(scale * np.cosh(u))


def _open(surface: Surface, grid: _Grid, lowest: Array) -> Array:
    """Whether exp(−F) dy/du is not negligible on an edge of an output, (n_samples, q)."""
    q, ends = surface.n_outputs, np.array([-1.0, 1.0])
    result = np.empty((surface.n_rows, q), dtype=bool)
    inner = np.linspace(-1, 1, 65) if q == 2 else np.zeros(1)
    for output in range(q):
        edge, slope = _nodes(grid, output, ends)
        other, _ = _nodes(grid, q - 1 - output, inner)
        y = np.empty((surface.n_rows, 2, len(inner), q))
        y[..., output] = edge[..., None]
        if q == 2:
            y[..., 1 - output] = other[:, None]
        with np.errstate(all="ignore"):
            logs = -surface.energies(y.reshape(surface.n_rows, -1, q)).reshape(y.shape[:3])
            logs += slope[..., None] - np.log(grid.scale[:, output, None, None])
            above = logs > -lowest[:, None, None] - LEFT_OUT
        result[:, output] = above.any(axis=(1, 2))
    return result


def _sums(surface: Surface, grid: _Grid, n_nodes: int) -> Array:
    """log of the trapezoidal sums, in blocks of samples and of nodes of the first output."""
    q, u = surface.n_outputs, np.linspace(-1, 1, n_nodes)
    result = np.empty(surface.n_rows)
    rows_at_once = max(AT_ONCE // n_nodes**q, 1)
    nodes_at_once = max(AT_ONCE // n_nodes ** (q - 1), 1)
    for start in range(0, surface.n_rows, rows_at_once):
        rows = slice(start, start + rows_at_once)
        part = _Grid(*(one[rows] for one in grid))
        some = surface[rows]
        sums = [
            _log_sum(some, part, u[first : first + nodes_at_once], u)
            for first in range(0, n_nodes, nodes_at_once)
        ]
        result[rows] = logsumexp(sums, axis=0)
    steps = 2 * grid.reach / (n_nodes - 1)
    return result + np.log(steps).sum(axis=1)


def _log_sum(surface: Surface, grid: _Grid, u: Array, v: Array) -> Array:
    """log Σ exp(−F) dy/du over the nodes u of the first and v of the second output."""
    n = surface.n_rows
    y, slope = _nodes(grid, 0, u)
    answers = y[..., None]
    if surface.n_outputs == 2:
        other, other_slope = _nodes(grid, 1, v)
        shape = (n, len(u), len(v))
        answers = np.stack(
            [np.broadcast_to(y[:, :, None], shape), np.broadcast_to(other[:, None], shape)], axis=-1
        ).reshape(n, -1, 2)
        slope = (slope[:, :, None] + other_slope[:, None]).reshape(n, -1)
    with np.errstate(all="ignore"):
        logs = slope - surface.energies(answers)
    logs = np.where(np.isfinite(logs), logs, -np.inf)
    return np.asarray(logsumexp(logs, axis=1))
