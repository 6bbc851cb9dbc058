"""Densities of continuous answers: how any energy learns one.

A fit begins in `learn`: `gradient_fit` is for energies with parameters, `stacking` for banks of
densities, and `auto` chooses an energy.
"""
