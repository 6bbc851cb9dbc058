"""Conditional densities: what a regressor says about the answer of each row."""

from sklearn_ebm.distributions._numerics.signed_log import SignedLog
from sklearn_ebm.distributions.base import ConditionalDistribution, Modes
from sklearn_ebm.distributions.gaussian_envelope import GaussianEnvelope
from sklearn_ebm.distributions.gaussian_mixture import GaussianMixture
from sklearn_ebm.distributions.reduction import MergingBound, merging_bound, reduced
from sklearn_ebm.distributions.scalar import ScalarDistribution
from sklearn_ebm.distributions.transformed import TransformedDistribution
from sklearn_ebm.distributions.vector import Estimate, VectorDistribution, VectorRegion
from sklearn_ebm.distributions.vector_gaussian_envelope import VectorGaussianEnvelope
from sklearn_ebm.distributions.vector_gaussian_mixture import VectorGaussianMixture

__all__ = [
    "ConditionalDistribution",
    "Estimate",
    "GaussianEnvelope",
    "GaussianMixture",
    "MergingBound",
    "Modes",
    "ScalarDistribution",
    "SignedLog",
    "TransformedDistribution",
    "VectorDistribution",
    "VectorGaussianEnvelope",
    "VectorGaussianMixture",
    "VectorRegion",
    "merging_bound",
    "reduced",
]
