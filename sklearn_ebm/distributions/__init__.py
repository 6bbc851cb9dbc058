"""Conditional distributions that regressors predict, one for each sample."""

from sklearn_ebm.distributions.gaussian_mixture import GaussianMixture
from sklearn_ebm.distributions.vector_gaussian_mixture import VectorGaussianMixture

__all__ = [
    "GaussianMixture",
    "VectorGaussianMixture",
]
