"""Helpers of latent energies that are quadratic in y."""
