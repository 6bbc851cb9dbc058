"""The cases of `benchmarks/regression.py`, and what they share.

================= ==================================================================
file              holds
================= ==================================================================
data.py           splits of the sets, real and generated
published.py      what papers report on the same splits, and what ours must reach
fits.py           one fit on one split, and the scores of its densities
likelihood.py     the case likelihood
one_to_many.py    the case one_to_many, with unimodal.py, the rivals with one answer
speed.py          the case speed, with torch_mixture.py, the network in PyTorch, and
                  ngboost_fit.py, which runs in a process of its own
calibration.py    the case calibration
conformal.py      the case conformal
================= ==================================================================
"""
