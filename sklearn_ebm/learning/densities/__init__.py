"""Densities of continuous answers: how any energy learns one, and what is read from it.

`learning` is where a fit begins: `by_gradients` for energies with parameters, `by_counting` for
banks of densities, of which `auto` chooses one. `predictions` is what the estimator says later.
"""
