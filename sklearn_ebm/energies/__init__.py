"""Energies, functions of x and y that are low if both fit, and the registries of their names."""

from sklearn_ebm._utils.registry import Registry
from sklearn_ebm.energies.banks import BankEnergy
from sklearn_ebm.energies.base import Energy, Linearization, Traits
from sklearn_ebm.energies.blend import Blend
from sklearn_ebm.energies.conditional import ConditionalEnergy
from sklearn_ebm.energies.decoder import Decoder
from sklearn_ebm.energies.experts import Experts
from sklearn_ebm.energies.featured import Featured
from sklearn_ebm.energies.free_form import FreeFormEnergy
from sklearn_ebm.energies.joint import Joint
from sklearn_ebm.energies.kernel import Kernel
from sklearn_ebm.energies.latent import LatentEnergy
from sklearn_ebm.energies.linear import Linear
from sklearn_ebm.energies.location_scale import LocationScale
from sklearn_ebm.energies.memory import Memory
from sklearn_ebm.energies.mlp import MLP
from sklearn_ebm.energies.prototypes import Prototypes
from sklearn_ebm.energies.rbm import RBM
from sklearn_ebm.energies.torch_module import TorchModule, TorchPairs

#: Every energy of classes by its name.
ENERGIES: Registry[Energy] = Registry(
    "energy",
    Energy,  # type: ignore[type-abstract]
    {
        "linear": Linear,
        "kernel": Kernel,
        "mlp": MLP,
        "prototypes": Prototypes,
        "rbm": RBM,
    },
)

#: Every energy of continuous targets that is learned by its gradient, by its name.
LATENT_ENERGIES: Registry[LatentEnergy] = Registry(
    "energy",
    LatentEnergy,  # type: ignore[type-abstract]
    {
        "experts": Experts,
        "decoder": Decoder,
    },
)

#: Every energy of any form, whose partition function is estimated, by its name.
FREE_FORM_ENERGIES: Registry[FreeFormEnergy] = Registry(
    "energy",
    FreeFormEnergy,  # type: ignore[type-abstract]
    {
        "joint": Joint,
    },
)

#: Every energy of continuous targets that is learned by density stacking, by its name.
BANK_ENERGIES: Registry[BankEnergy] = Registry(
    "energy",
    BankEnergy,  # type: ignore[type-abstract]
    {
        "memory": Memory,
        "location_scale": LocationScale,
        "blend": Blend,
    },
)

#: Every energy of continuous targets by its name.
CONDITIONAL_ENERGIES: Registry[ConditionalEnergy] = Registry(
    "energy",
    ConditionalEnergy,  # type: ignore[type-abstract]
    {**LATENT_ENERGIES, **FREE_FORM_ENERGIES, **BANK_ENERGIES},
)

ENERGIES.elsewhere |= dict.fromkeys(("auto", *CONDITIONAL_ENERGIES), "LatentEBMRegressor")
CONDITIONAL_ENERGIES.elsewhere |= dict.fromkeys(ENERGIES, "EBMClassifier")

__all__ = [
    "MLP",
    "RBM",
    "Blend",
    "Decoder",
    "Energy",
    "Experts",
    "Featured",
    "FreeFormEnergy",
    "Joint",
    "Kernel",
    "Linear",
    "Linearization",
    "LocationScale",
    "Memory",
    "Prototypes",
    "TorchModule",
    "TorchPairs",
    "Traits",
]
