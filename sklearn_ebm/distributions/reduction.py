"""Reduction of Gaussian mixtures to fewer components, with a bound on the error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.tiles import row_blocks
from sklearn_ebm.distributions._numerics.profile import pad_rows

#: Largest number of entries of an array of a block, 4 MiB; about a dozen arrays exist at once.
BLOCK_NUMBERS = 1 << 19
#: Number of components of a row that may receive the weight of others.
N_COVERS = 8
#: Number of bits of the index of a cell. It does not depend on the other rows, unless the numbers
#: of components and of classes of scales of a block take more than 22 bits.
PLACE_BITS = 40
#: ∫|He_n φ| for n = 3, 4: integrals of the absolute third and fourth derivatives of a Gaussian.
TOTAL = 1.5100130, 2.8006003
#: max |He_n φ| for n = 3, 4.
HIGHEST = 0.5505878, 1.1968268


class MergingBound(NamedTuple):
    """Bound on the error of merging the components of a cell into one Gaussian.

    Attributes
    ----------
    total_variation : float
        Total variation distance, relative to the weight of the cell.
    density : float
        Largest difference of the densities times the smallest scale of the cell, relative to the
        weight of the cell.
    """

    total_variation: float
    density: float


def merging_bound(cell: float, scale_step: float) -> MergingBound:
    r"""Bound the error of merging all components of a cell into one Gaussian.

    .. code-block:: none

        ½ (C₃ η³/48 + C₃ ω η/8 + C₄ ω²/32 + C₄ η⁴/128),   ω = (1 + δ)² − 1

    Let the components j of a cell have the shares a_j, means m + u_j and variances v + w_j, with
    Σ a u = Σ a w = 0, least scale t, means within η t, and scales within [t, (1 + δ) t). The
    derivative of a Gaussian by its variance is half of its second derivative ∂². By Taylor's
    formula in w_j, and in u_j for the term of first order, moving all variances to v costs
    ½ Σ a w u ∂³ and ⅛ Σ a w² ∂⁴. Now the means: two distributions with equal means and variances
    s², one on the points u_j and one Gaussian, are smoothed by the same Gaussian, and differ by ⅙ Σ
    a u³ ∂³ and ⅛ s⁴ ∂⁴. A derivative of order n is at most C_n t^−n, in the integral of its size
    (C₃ = 1.510, C₄ = 2.801), or C_n t^−(n+1) at its highest (0.551, 1.197). On an interval of
    length η t, Σ a ``|u|³`` ≤ (η t)³/8 and s ≤ η t/2; the standard deviation of w is at most ω
    t²/2.

    Parameters
    ----------
    cell : float
        Width η of a cell, in units of its smallest scale.
    scale_step : float
        Largest relative difference δ of the scales in a cell.

    Returns
    -------
    MergingBound
        The bounds.

    Examples
    --------
    Equal scales and cells of half a scale: (1.510/384 + 2.801/2048)/2.

    >>> merging_bound(0.5, 0.0).total_variation.__round__(5)
    0.00265
    """
    spread = scale_step * (2 + scale_step)
    third = cell**3 / 48 + spread * cell / 8
    fourth = spread**2 / 32 + cell**4 / 128
    total, highest = (c3 * third + c4 * fourth for c3, c4 in (TOTAL, HIGHEST))
    return MergingBound(total / 2, highest)


def reduced(
    weights: Array,
    means: Array,
    scales: Array,
    *,
    cell: float = 0.7,
    scale_step: float = 0.1,
    dropped: float = 5e-4,
    factor: float = 0.05,
    n_backgrounds: int = 2,
    enough: int = 64,
) -> tuple[Array, Array, Array]:
    r"""Reduce one-dimensional Gaussian mixtures to fewer components of nearly the same density.

    First, components whose scales lie within a factor 1 + `scale_step` and whose means lie in a
    cell of `cell` scales are merged into one Gaussian of the same weight, mean and variance. This
    preserves the mean and the variance of a mixture, and the error relative to the weight of each
    cell is at most ``merging_bound(cell, scale_step)``.

    Then the weights of the lightest components are given to wider components that cover them. For
    s < S,

    .. code-block:: none

        max_y N(y; μ, s²)/N(y; M, S²) = (S/s) exp(½ (μ − M)²/(S² − s²)) = c.

    Weight may be moved from a component of weight w to one of weight W as long as the sum of w c/W
    for this component is at most R = `factor`. Hence at every y, also in the tails, the density
    changes by a factor between 1 − R and 1 + R; the total variation is at most the
    weight that is moved, `dropped`.

    The widest components of a mixture are neither merged nor removed: they bound the density from
    below at every y.

    Parameters
    ----------
    weights, means, scales : ndarray of shape (n_samples, K)
        Weights that sum to 1 in each row, means and scales; components of weight 0 are ignored.
    cell : float, default=0.7
        Width of a cell, in units of the scale.
    scale_step : float, default=0.1
        Largest relative difference of the scales of merged components.
    dropped : float, default=5e-4
        Largest weight of a mixture that is moved to other components.
    factor : float, default=0.05
        Largest relative change R of the density by moved weight.
    n_backgrounds : int, default=2
        Number of widest components that are left unchanged.
    enough : int, default=64
        Mixtures with at most this many components of positive weight are left unchanged.

    Returns
    -------
    weights, means, scales : ndarray of shape (n_samples, K')
        Rows with fewer than K' components end with components of weight 0.

    Raises
    ------
    ValueError
        If `cell` or `scale_step` is not positive, or `dropped` or `factor` not between 0 and 1.

    References
    ----------
    Salmond, "Mixture reduction algorithms for target tracking in clutter", SPIE 1305 (1990)
    434-445. :doi:`10.1117/12.21610`

    Examples
    --------
    The components with means ±0.1 are merged; the variance of the result is 1 + 0.1²:

    >>> import numpy as np
    >>> w, m, s = reduced(
    ...     np.array([[0.4, 0.4, 0.2]]),
    ...     np.array([[-0.1, 0.1, 0.0]]),
    ...     np.array([[1.0, 1.0, 9.0]]),
    ...     n_backgrounds=1,
    ...     enough=0,
    ... )
    >>> w, m.round(12), (s**2).round(12)
    (array([[0.8, 0.2]]), array([[0., 0.]]), array([[ 1.01, 81.  ]]))
    """
    _check_tolerances(cell=cell, scale_step=scale_step, dropped=dropped, factor=factor)
    # Rows are independent: padding, which depends on other rows, must not change the result.
    many = np.flatnonzero((weights > 0).sum(axis=1) > enough)
    if not len(many):
        return weights, means, scales
    few = np.setdiff1d(np.arange(len(weights)), many, assume_unique=True)
    parts = [_without_padding(weights[few], means[few], scales[few])] if len(few) else []
    for some in row_blocks(len(many), weights.shape[1], BLOCK_NUMBERS):
        rows = many[some]
        part = weights[rows], means[rows], scales[rows]
        fewer = merged(*part, cell=cell, scale_step=scale_step, n_alone=n_backgrounds)
        parts.append(_removable_components(*fewer, dropped, factor, n_backgrounds))
    back = np.argsort(np.concatenate([few, many]))
    weights, means, scales = (array[back] for array in _joined(parts))
    return weights, means, scales


def _check_tolerances(**tolerances: float) -> None:
    for name, value in tolerances.items():
        most = np.inf if name in ("cell", "scale_step") else 1.0
        if not 0 < value < most:
            end = "positive and finite" if most > 1 else "between 0 and 1, both excluded"
            raise ValueError(f"{name}={value!r} must be a number {end}.")


def merged(
    weights: Array,
    means: Array,
    scales: Array,
    *,
    cell: float,
    scale_step: float,
    n_alone: int = 0,
) -> tuple[Array, Array, Array]:
    """Merge the components of each cell, except the `n_alone` widest; pad with weights of 0."""
    n_rows, n_components = weights.shape
    keys = _cells(weights, means, scales, cell, scale_step, n_alone)
    bits = n_components.bit_length()
    keys <<= bits
    keys |= np.arange(n_components)
    keys.sort(axis=1)
    order = keys & ((1 << bits) - 1)
    order += np.arange(0, keys.size, n_components)[:, None]
    keys >>= bits
    begins = np.ones(keys.shape, dtype=bool)
    np.not_equal(keys[:, 1:], keys[:, :-1], out=begins[:, 1:])
    del keys
    flat = order.ravel()
    starts = np.flatnonzero(begins)
    sizes = np.diff(starts, append=flat.size)
    weight = weights.reshape(-1)[flat]
    mean = means.reshape(-1)[flat]
    scale = scales.reshape(-1)[flat]
    # Relative to the first component of the cell, in its scale, to avoid cancellation and to keep
    # single components unchanged.
    first_mean, first_scale = mean[starts], scale[starts]
    unit = np.repeat(first_scale, sizes)
    mean -= np.repeat(first_mean, sizes)
    mean /= unit
    scale /= unit
    scale *= scale
    scale += mean * mean
    scale *= weight
    mean *= weight
    total = np.add.reduceat(weight, starts)
    real = total > 0
    total = total[real]
    shift, square = (np.add.reduceat(a, starts)[real] / total for a in (mean, scale))
    rows = starts[real] // n_components
    first_mean, first_scale = first_mean[real], first_scale[real]
    return _padded(
        rows,
        total,
        first_mean + first_scale * shift,
        first_scale * np.sqrt(square - shift**2),
        n_rows,
    )


def _cells(
    weights: Array, means: Array, scales: Array, cell: float, scale_step: float, n_alone: int
) -> Index:
    """Return an integer for each component, equal for components of a row in the same cell."""
    n_components = weights.shape[1]
    live = weights > 0
    step = np.log1p(scale_step)
    class_ = np.log(scales)
    class_ /= step
    np.floor(class_, out=class_)
    lowest = np.where(live, means, np.inf).min(axis=1, keepdims=True)
    place = means - lowest
    with np.errstate(over="ignore"):
        place /= cell * np.exp(class_ * step)
    class_ -= class_.min(initial=np.inf, where=live)
    class_[~live] = 0
    n_classes = int(class_.max()) + 1
    bits = 62 - n_components.bit_length() - n_classes.bit_length()
    n_places = 1 << int(np.clip(bits, 0, PLACE_BITS))
    # Components too narrow for an index of their cell, and the widest ones, have their own cell.
    alone = ~(place < n_places)
    alone |= _widest(weights, scales, n_alone)
    np.floor(place, out=place)
    with np.errstate(invalid="ignore"):
        keys = class_.astype(np.int64) * n_places + place.astype(np.int64)
    own = n_classes * n_places + np.arange(n_components)
    np.copyto(keys, own, where=alone)
    keys[~live] = n_classes * n_places + n_components
    return keys


def _widest(weights: Array, scales: Array, count: int) -> npt.NDArray[np.bool_]:
    """Mask of the `count` widest components of each row with positive weight."""
    left = np.where(weights > 0, scales, 0.0)
    found = np.zeros(left.shape, dtype=bool)
    rows = np.arange(len(left))
    for _ in range(min(count, left.shape[1])):
        widest = left.argmax(axis=1)
        found[rows, widest] = left[rows, widest] > 0
        left[rows, widest] = 0.0
    return found


def _removable_components(
    weights: Array, means: Array, scales: Array, dropped: float, factor: float, n_alone: int
) -> tuple[Array, Array, Array]:
    """Remove the lightest components; their weights are added to wider components."""
    n_rows = len(weights)
    row = np.arange(n_rows)[:, None]
    stays = _widest(weights, scales, n_alone)
    broad = np.where(stays, np.inf, weights * scales)
    n_covers = min(N_COVERS + n_alone, weights.shape[1])
    covers = np.argsort(-broad, axis=1, kind="stable")[:, :n_covers]
    stays[row, covers] = True
    stays |= weights == 0
    cost, cover = _cheapest_cover(weights, means, scales, covers)
    cost[stays] = np.inf
    candidates = cost <= factor
    order = np.argsort(np.where(candidates, weights, np.inf), axis=1, kind="stable")
    sorted_weight = np.where(candidates, weights, 0.0)[row, order]
    goes = candidates[row, order] & (np.cumsum(sorted_weight, axis=1) <= dropped)
    sorted_cost = np.where(goes, cost[row, order], 0.0)
    sorted_cover = cover[row, order]
    for k in range(n_covers):
        mine = sorted_cover == k
        goes &= ~mine | (np.cumsum(np.where(mine, sorted_cost, 0.0), axis=1) <= factor)
    gone = np.zeros(weights.shape, dtype=bool)
    gone[row, order] = goes
    rows, columns = np.nonzero(gone)
    gained = np.bincount(
        rows * n_covers + cover[rows, columns], weights[rows, columns], n_rows * n_covers
    )
    result = np.where(gone, 0.0, weights)
    result[row, covers] += gained.reshape(n_rows, n_covers)
    rows, columns = np.nonzero(result > 0)
    at = rows, columns
    return _padded(rows, result[at], means[at], scales[at], n_rows)


def _cheapest_cover(
    weights: Array, means: Array, scales: Array, covers: Index
) -> tuple[Array, Index]:
    """Smallest w c/W of each component, and the index of its cover in `covers` (n, C)."""
    best = np.full(weights.shape, np.inf)
    cover = np.zeros(weights.shape, dtype=np.intp)
    row = np.arange(len(weights))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        light = np.log(weights) - np.log(scales)
        for k in range(covers.shape[1]):
            heavy, mean, scale = (a[row, covers[:, k], None] for a in (weights, means, scales))
            away = (means - mean) / scale
            away *= away
            away /= 2 * (1 - scales / scale) * (1 + scales / scale)
            away += light
            away -= np.log(heavy) - np.log(scale)
            better = (scales < scale) & (away < best)
            np.copyto(best, away, where=better)
            cover[better] = k
        return np.exp(best), cover


def _padded(
    rows: Index, weights: Array, means: Array, scales: Array, n_rows: int
) -> tuple[Array, Array, Array]:
    """Arrange components of sorted rows as arrays (n, K'), padded with weights of 0."""
    result = [pad_rows(rows, values, n_rows) for values in (weights, means, scales)]
    pads = np.isnan(result[0])
    result[0][pads] = 0.0
    for array in result[1:]:
        np.copyto(array, array[:, :1], where=pads)
    return result[0], result[1], result[2]


def _without_padding(weights: Array, means: Array, scales: Array) -> tuple[Array, Array, Array]:
    """Components of positive weight, in their order, padded with weights of 0."""
    at = np.nonzero(weights > 0)
    return _padded(at[0], weights[at], means[at], scales[at], len(weights))


def _joined(parts: list[tuple[Array, Array, Array]]) -> tuple[Array, Array, Array]:
    """Concatenate blocks of rows, padded to the largest number of components."""
    widest = max(part[0].shape[1] for part in parts)
    joined = []
    for number in range(3):
        arrays = []
        for part in parts:
            array = part[number]
            missing = widest - array.shape[1]
            fill = array[:, :1] * (number > 0)
            arrays.append(np.concatenate([array, np.repeat(fill, missing, axis=1)], axis=1))
        joined.append(np.concatenate(arrays))
    return joined[0], joined[1], joined[2]
