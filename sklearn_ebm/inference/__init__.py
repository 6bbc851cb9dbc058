"""Inference: elimination of the target or of a latent variable from an energy."""

from sklearn_ebm._utils.registry import Registry
from sklearn_ebm.inference.base import Elimination
from sklearn_ebm.inference.descent import Descent
from sklearn_ebm.inference.log_partition import log_partition
from sklearn_ebm.inference.minimum import Minimum
from sklearn_ebm.inference.soft_minimum import SoftMinimum
from sklearn_ebm.samplers.partition import LogPartition

#: Every method of elimination by its name.
INFERENCES: Registry[Elimination] = Registry(
    "inference",
    Elimination,  # type: ignore[type-abstract]
    {
        "min": Minimum,
        "marginal": SoftMinimum,
    },
)

__all__ = [
    "Descent",
    "LogPartition",
    "Minimum",
    "SoftMinimum",
    "log_partition",
]
