"""Lines and planes in the feature space on which energies are evaluated."""

from __future__ import annotations

from difflib import get_close_matches
from numbers import Number
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.utils.sparsefuncs import csc_median_axis_0
from sklearn.utils.validation import check_array

from sklearn_ebm._utils.arrays import column_moments
from sklearn_ebm._utils.validation import canonical
from sklearn_ebm.inspection._reading import Floats, as_numbers

HOLDS = ("mean", "median")

BEYOND = 0.08  # margin on each side of a grid, relative to the range of the data

# Largest number of entries of a block of rows of a grid.
BLOCK_NUMBERS = 4_000_000


class Plane(NamedTuple):
    """Line or plane ``origin + coordinates @ directions``, with data and names of the axes."""

    origin: Floats  # (d,)
    directions: Floats  # (q, d), q = 1 or 2
    points: Floats  # (n, q)
    names: list[str]

    def rows(self, coordinates: Floats) -> Any:
        """Blocks of rows, (m, d) each, at coordinates (m, q)."""
        n_blocks = max(1, -(-len(coordinates) * len(self.origin) // BLOCK_NUMBERS))
        for block in np.array_split(coordinates, n_blocks):
            yield self.origin + block @ self.directions


def plane_of(X: Any, features: Any, hold: Any, names: list[str]) -> Plane:
    """Return the line or plane of one or two features, or of two principal components.

    Raises
    ------
    ValueError
        If `features` or `hold` is unknown.
    """
    if hold not in HOLDS:
        raise ValueError(f"hold={hold!r} is not known. Known: {', '.join(HOLDS)}.")
    table = check_array(canonical(X), accept_sparse="csr", dtype=np.float64)
    n_features = table.shape[1]
    if features is None:
        features = list(range(n_features)) if n_features <= 2 else "pca"
    if isinstance(features, str) and features == "pca" and "pca" not in names:
        return _principal_plane(table)
    chosen = _chosen(features, names, n_features)
    origin = _held(table, hold)
    origin[chosen] = 0.0
    points = table[:, chosen]
    points = points.toarray() if sparse.issparse(points) else points
    return Plane(origin, np.eye(n_features)[chosen], points, [names[j] for j in chosen])


def _chosen(features: Any, names: list[str], n_features: int) -> list[int]:
    """Indices of one or two features, given by index or name."""
    given = [features] if isinstance(features, str | int | np.integer) else list(features)
    if len(given) not in (1, 2) or len(set(given)) < len(given):
        raise ValueError(
            f"features={features!r} must be one feature, two different ones, or 'pca'."
        )
    chosen = []
    for feature in given:
        if isinstance(feature, str):
            if feature not in names:
                close = get_close_matches(feature, names, n=1, cutoff=0.4)
                hint = f" Did you mean {close[0]!r}?" if close else ""
                raise ValueError(
                    f"features={features!r}: there is no feature {feature!r}.{hint} "
                    f"Known names: {', '.join(names[:10])}."
                )
            chosen.append(names.index(feature))
        elif isinstance(feature, bool) or not isinstance(feature, int | np.integer):
            raise ValueError(f"features={features!r} must hold numbers or names of features.")
        elif not 0 <= feature < n_features:
            raise ValueError(
                f"features={features!r}: feature {feature} does not exist; X has {n_features}, "
                f"counted from 0 to {n_features - 1}."
            )
        else:
            chosen.append(int(feature))
    return chosen


def _held(table: Any, hold: str) -> Floats:
    """Mean or median of each column."""
    if hold == "mean":
        return np.array(table.mean(axis=0), dtype=np.float64).ravel()
    if sparse.issparse(table):
        return np.array(csc_median_axis_0(sparse.csc_matrix(table)))
    middle: Floats = np.median(table, axis=0)
    return middle


def _principal_plane(table: Any) -> Plane:
    """The plane of the first two principal components of the standardised features."""
    n_features = table.shape[1]
    if min(table.shape) < 2:
        raise ValueError("features='pca' needs two rows and two features or more in X.")
    mean, deviation = column_moments(
        table, np.ones(table.shape[0]), centred=not sparse.issparse(table)
    )
    if sparse.issparse(table):
        mean = np.array(table.mean(axis=0)).ravel()
        deviation = np.sqrt(np.maximum(deviation**2 - mean**2, 0.0))
    varies = np.isfinite(deviation) & (deviation > 0)
    inverse = np.divide(1.0, deviation, out=np.zeros(n_features), where=varies)
    units = table @ sparse.diags(inverse) if sparse.issparse(table) else (table - mean) * inverse
    if sparse.issparse(table) and min(table.shape) > 2:
        pca = PCA(2, svd_solver="arpack", random_state=0)
    else:
        units = units.toarray() if sparse.issparse(units) else units
        pca = PCA(2, svd_solver="full")
    points = pca.fit_transform(sparse.csr_matrix(units) if sparse.issparse(units) else units)
    # A component's sign is arbitrary: its largest entry is positive.
    largest = np.abs(pca.components_).argmax(axis=1)
    signs = np.sign(pca.components_[[0, 1], largest])
    signs[signs == 0] = 1.0
    shares = pca.explained_variance_ratio_
    names = [
        f"component {j + 1} ({100 * share:.0f} % of variance)" for j, share in enumerate(shares)
    ]
    scale = np.where(varies, deviation, 0.0)
    return Plane(mean, signs[:, None] * pca.components_ * scale, points * signs, names)


def sides_of(grid: Any) -> tuple[Floats, ...]:
    """Return one or two axes of a grid, or raise ValueError."""
    one = isinstance(grid, str | Number) or len(grid) != 2 or np.ndim(grid[0]) != 1
    sides = tuple(as_numbers("grid", side) for side in ([grid] if one else grid))
    for side in sides:
        if side.ndim != 1 or len(side) < 2 or not (np.diff(side) > 0).all():
            raise ValueError(
                "grid must hold two or more numbers that rise, or a pair of such, one for each "
                "axis."
            )
    return sides


def side_over(values: Floats, count: int) -> Floats:
    """Equally spaced points over the range of the data and a margin."""
    low, high = float(values.min()), float(values.max())
    beyond = BEYOND * (high - low) if high > low else 1.0
    return np.linspace(low - beyond, high + beyond, count)
