"""Which wrong answers a loss sees where the answers cannot be listed."""

from sklearn_ebm._utils.registry import Registry
from sklearn_ebm.losses.negatives.base import Negatives
from sklearn_ebm.losses.negatives.pool import Pool

#: Every source of wrong answers by its name.
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
