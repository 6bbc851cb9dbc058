"""Helpers of energies with a network."""
