"""Energies: what is learnt. Low where x and y fit."""

from sklearn_ebm._registry import Registry
from sklearn_ebm.energies.base import Energy, Linearization
from sklearn_ebm.energies.linear import Linear
from sklearn_ebm.energies.prototypes import Prototypes

#: Every energy by its name.
ENERGIES: Registry[Energy] = Registry(
    "energy",
    Energy,  # type: ignore[type-abstract]
    {
        "linear": Linear,
        "prototypes": Prototypes,
    },
)

__all__ = ["ENERGIES", "Energy", "Linear", "Linearization", "Prototypes"]
