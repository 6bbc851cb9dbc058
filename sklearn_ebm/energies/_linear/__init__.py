"""Helpers of energies that are linear in templates."""
