"""Generated regression problems with several answers for one input, and exact distributions."""

from typing import Any, Protocol

from sklearn_ebm.datasets.inverse_sine import make_inverse_sine
from sklearn_ebm.datasets.scalar import (
    make_fork,
    make_ring,
    make_steps,
    make_two_branches,
)
from sklearn_ebm.datasets.unimodal import make_heteroscedastic, make_skewed
from sklearn_ebm.datasets.vector import make_ellipse, make_horn


class Maker(Protocol):
    """Signature of the functions that generate data sets."""

    def __call__(
        self,
        n_samples: int = ...,
        *,
        noise: float = ...,
        random_state: Any = ...,
        return_truth: bool = ...,
    ) -> tuple[Any, ...]: ...


#: The function for each problem by its name; "heteroscedastic" and "skewed" are unimodal controls.
ONE_TO_MANY: dict[str, Maker] = {
    "two_branches": make_two_branches,
    "fork": make_fork,
    "inverse_sine": make_inverse_sine,
    "ring": make_ring,
    "steps": make_steps,
    "heteroscedastic": make_heteroscedastic,
    "skewed": make_skewed,
    "horn": make_horn,
    "ellipse": make_ellipse,
}

__all__ = [
    "make_ellipse",
    "make_fork",
    "make_heteroscedastic",
    "make_horn",
    "make_inverse_sine",
    "make_ring",
    "make_skewed",
    "make_steps",
    "make_two_branches",
]
