"""Negatives: wrong answers that are drawn, if answers cannot be listed, or are very many."""

from sklearn_ebm._utils.registry import Registry
from sklearn_ebm.losses.negatives.base import Negatives
from sklearn_ebm.losses.negatives.class_base import ClassNegatives
from sklearn_ebm.losses.negatives.hardest import HardestSampled
from sklearn_ebm.losses.negatives.importance import Importance
from sklearn_ebm.losses.negatives.in_batch import InBatch
from sklearn_ebm.losses.negatives.mcmc import MCMC
from sklearn_ebm.losses.negatives.persistent import Persistent
from sklearn_ebm.losses.negatives.pool import Pool
from sklearn_ebm.losses.negatives.quadrature import Quadrature
from sklearn_ebm.losses.negatives.sampled import Sampled

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

#: Every method of drawing wrong classes by its name.
CLASS_NEGATIVES: Registry[ClassNegatives] = Registry(
    "negatives",
    ClassNegatives,  # type: ignore[type-abstract]
    {
        "sampled": Sampled,
        "hardest": HardestSampled,
        "in_batch": InBatch,
    },
)

NEGATIVES.elsewhere |= dict.fromkeys(CLASS_NEGATIVES, "EBMClassifier")
CLASS_NEGATIVES.elsewhere |= dict.fromkeys(("auto", *NEGATIVES), "LatentEBMRegressor")

__all__ = [
    "MCMC",
    "HardestSampled",
    "Importance",
    "InBatch",
    "Persistent",
    "Pool",
    "Quadrature",
    "Sampled",
]
