"""Representations: energies of x with a latent code, as scikit-learn's transformers."""

from sklearn_ebm.representation.sparse_coding import SparseCoding

__all__ = ["SparseCoding"]
