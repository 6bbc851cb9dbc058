"""Conditional densities: what a regressor says about the answer of each row."""

from sklearn_ebm.distributions.base import ConditionalDistribution, Modes
from sklearn_ebm.distributions.gaussian_envelope import GaussianEnvelope
from sklearn_ebm.distributions.gaussian_mixture import GaussianMixture
from sklearn_ebm.distributions.scalar import ScalarDistribution

__all__ = [
    "ConditionalDistribution",
    "GaussianEnvelope",
    "GaussianMixture",
    "Modes",
    "ScalarDistribution",
]
