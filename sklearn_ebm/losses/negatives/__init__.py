"""Negatives: wrong answers that are drawn, for targets whose answers cannot be listed."""

from sklearn_ebm._utils.registry import Registry
from sklearn_ebm.losses.negatives.base import Negatives
from sklearn_ebm.losses.negatives.pool import Pool

#: Every method of drawing wrong answers by its name.
NEGATIVES: Registry[Negatives] = Registry(
    "negatives",
    Negatives,  # type: ignore[type-abstract]
    {
        "pool": Pool,
    },
)

__all__ = [
    "Pool",
]
