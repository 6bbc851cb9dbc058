"""Protocol of a density for integrals and for searches of extrema, quantiles and level sets."""

from __future__ import annotations

from typing import Any, Protocol, Self

from sklearn_ebm._utils.parameters import Array, Index


class ResolvedDensity(Protocol):
    """Scalar densities, one for each row, with knots that resolve them.

    `ScalarDistribution` implements the protocol and documents the methods.
    """

    @property
    def n_rows(self) -> int: ...

    def __getitem__(self, rows: Any) -> Self: ...

    def _knots(self) -> Array: ...

    def _cell_ends(self, finest: float = 2.0) -> Array: ...

    def _support(self) -> tuple[Array, Array]: ...

    def _log_prob(self, y: Array) -> Array: ...

    def _log_prob_and_slope(self, y: Array) -> tuple[Array, Array]: ...

    def _cdf(self, y: Array) -> Array: ...

    def _of_pairs(self, method: str, y: Array, rows: Index) -> Array: ...
