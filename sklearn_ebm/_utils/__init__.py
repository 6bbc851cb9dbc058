"""Arrays, parameters and other tools that know nothing of energies."""
