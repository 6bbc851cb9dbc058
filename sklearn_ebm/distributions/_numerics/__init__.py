"""Numerical methods for densities on a line."""
