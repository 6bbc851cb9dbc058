"""What the searches for extrema, level sets and basins ask of a scalar density."""

from __future__ import annotations

from typing import Any, Protocol, Self

from sklearn_ebm._utils.parameters import Array, Index


class ResolvedDensity(Protocol):
    """Densities of a scalar, one for each row, with knots that resolve them.

    `ScalarDistribution` is one; its docstrings say what each method returns.
    """

    def __getitem__(self, rows: Any) -> Self: ...

    def _knots(self) -> Array: ...

    def _log_prob(self, y: Array) -> Array: ...

    def _log_prob_and_slope(self, y: Array) -> tuple[Array, Array]: ...

    def _cdf(self, y: Array) -> Array: ...

    def _of_pairs(self, method: str, y: Array, rows: Index) -> Array: ...
