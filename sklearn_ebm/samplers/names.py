"""The registry of samplers."""

from __future__ import annotations

from sklearn_ebm._utils.registry import Registry
from sklearn_ebm.samplers.base import Sampler
from sklearn_ebm.samplers.gibbs import Gibbs
from sklearn_ebm.samplers.hmc import HMC
from sklearn_ebm.samplers.independence import IndependenceMetropolis
from sklearn_ebm.samplers.langevin import Langevin
from sklearn_ebm.samplers.mala import MALA
from sklearn_ebm.samplers.tempering import ParallelTempering

#: Every sampler by its name.
SAMPLERS: Registry[Sampler] = Registry(
    "sampler",
    Sampler,  # type: ignore[type-abstract]
    {
        "langevin": Langevin,
        "mala": MALA,
        "hmc": HMC,
        "gibbs": Gibbs,
        "independence": IndependenceMetropolis,
        "tempering": ParallelTempering,
    },
)
