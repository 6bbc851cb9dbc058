"""Numerical methods for densities."""
