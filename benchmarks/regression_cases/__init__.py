"""The cases of `benchmarks/regression.py`, and what they share.

================= ==================================================================
file              holds
================= ==================================================================
data.py           splits of the sets, real and generated
unused_sets.py    sets that nothing was chosen by
published.py      what papers report on the same splits
energies.py       who takes part, by the names of `--energies`
fits.py           one fit on one split, and the scores of its densities
rivals.py         the same of others, with ngboost_fit.py, which runs in a process of
                  its own
likelihood.py     the case likelihood, with readme.py, its tables for the README
ablation.py       the case ablation
pareto.py         the case pareto, with pareto_figure.py, its pictures
unused.py         the case unused
one_to_many.py    the case one_to_many
speed.py          the case speed, with torch_mixture.py, the network in PyTorch, and
                  memory_probe.py, a fit in a process of its own
calibration.py    the case calibration
conformal.py      the case conformal
================= ==================================================================
"""
