"""Representations: energies of x with a latent code, as scikit-learn's transformers."""

from sklearn_ebm._utils.registry import Registry
from sklearn_ebm.representation.autoencoder import Autoencoder
from sklearn_ebm.representation.base import Representation
from sklearn_ebm.representation.lista import LISTA
from sklearn_ebm.representation.rbm import BoltzmannMachine
from sklearn_ebm.representation.sparse_autoencoder import SparseAutoencoder
from sklearn_ebm.representation.sparse_coding import SparseCoding
from sklearn_ebm.representation.variational_autoencoder import VariationalAutoencoder
from sklearn_ebm.representation.vector_quantizer import VectorQuantizer
from sklearn_ebm.representation.vq_autoencoder import VQAutoencoder

#: Every representation by its name.
REPRESENTATIONS: Registry[Representation] = Registry(
    "representation",
    Representation,  # type: ignore[type-abstract]
    {
        "sparse_coding": SparseCoding,
        "lista": LISTA,
        "sparse_autoencoder": SparseAutoencoder,
        "variational_autoencoder": VariationalAutoencoder,
        "autoencoder": Autoencoder,
        "vector_quantizer": VectorQuantizer,
        "vq_autoencoder": VQAutoencoder,
        "boltzmann_machine": BoltzmannMachine,
    },
)

__all__ = [
    "LISTA",
    "Autoencoder",
    "BoltzmannMachine",
    "SparseAutoencoder",
    "SparseCoding",
    "VQAutoencoder",
    "VariationalAutoencoder",
    "VectorQuantizer",
]
