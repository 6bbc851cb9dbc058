"""Utilities for arrays, parameters and threads that are independent of energies."""
