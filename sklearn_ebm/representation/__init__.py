"""Representations: energies of x with a latent code, as scikit-learn's transformers."""

from sklearn_ebm.representation.lista import LISTA
from sklearn_ebm.representation.sparse_coding import SparseCoding
from sklearn_ebm.representation.vector_quantizer import VectorQuantizer

__all__ = ["LISTA", "SparseCoding", "VectorQuantizer"]
