"""Helpers of energies that stack densities."""
