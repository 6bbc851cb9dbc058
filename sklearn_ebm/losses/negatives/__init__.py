"""Negatives: wrong answers that are drawn, for targets whose answers cannot be listed."""

from sklearn_ebm._utils.registry import Registry
from sklearn_ebm.losses.negatives.base import Negatives
from sklearn_ebm.losses.negatives.chains import MCMC, Persistent
from sklearn_ebm.losses.negatives.importance import Importance
from sklearn_ebm.losses.negatives.pool import Pool
from sklearn_ebm.losses.negatives.quadrature import Quadrature

#: Every method of drawing wrong answers by its name.
NEGATIVES: Registry[Negatives] = Registry(
    "negatives",
    Negatives,  # type: ignore[type-abstract]
    {
        "pool": Pool,
        "importance": Importance,
        "quadrature": Quadrature,
        "mcmc": MCMC,
        "persistent": Persistent,
    },
)

__all__ = [
    "MCMC",
    "Importance",
    "Persistent",
    "Pool",
    "Quadrature",
]
