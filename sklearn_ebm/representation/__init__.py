"""Representations: energies of x with a latent code, as scikit-learn's transformers."""

from sklearn_ebm._utils.registry import Registry
from sklearn_ebm.representation.base import Representation
from sklearn_ebm.representation.sparse_coding import SparseCoding
from sklearn_ebm.representation.vector_quantizer import VectorQuantizer

#: Every representation by its name.
REPRESENTATIONS: Registry[Representation] = Registry(
    "representation",
    Representation,  # type: ignore[type-abstract]
    {
        "sparse_coding": SparseCoding,
        "vector_quantizer": VectorQuantizer,
    },
)

__all__ = ["SparseCoding", "VectorQuantizer"]
