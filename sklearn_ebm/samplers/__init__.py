"""Samplers: Markov chains that draw answers from the Gibbs distribution of an energy."""
