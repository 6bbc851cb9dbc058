"""Samplers: Markov chains that draw answers from the Gibbs distribution of an energy."""

from sklearn_ebm.samplers.diagnostics import ess_bulk, ess_tail, r_hat
from sklearn_ebm.samplers.gibbs import Gibbs
from sklearn_ebm.samplers.hmc import HMC
from sklearn_ebm.samplers.independence import IndependenceMetropolis
from sklearn_ebm.samplers.langevin import Langevin
from sklearn_ebm.samplers.mala import MALA
from sklearn_ebm.samplers.names import SAMPLERS as SAMPLERS
from sklearn_ebm.samplers.sampling import Diagnostics, Draws, sample
from sklearn_ebm.samplers.surfaces import FunctionSurface
from sklearn_ebm.samplers.tempering import ParallelTempering

__all__ = [
    "HMC",
    "MALA",
    "Diagnostics",
    "Draws",
    "FunctionSurface",
    "Gibbs",
    "IndependenceMetropolis",
    "Langevin",
    "ParallelTempering",
    "ess_bulk",
    "ess_tail",
    "r_hat",
    "sample",
]
