"""The cases of `benchmarks/linear.py`, and what they share.

============== =====================================================================
file           holds
============== =====================================================================
data.py        the sets of rows, real and synthetic
objectives.py  the objective, written a second time, in plain NumPy
contenders.py  who takes part, and the ladder of settings each climbs
clock.py       seconds of a fit, with a limit to them
sweep.py       the sweep of settings, and the least objective
race.py        the interleaved timing of the best setting of each
fits.py        the cases that race fits: nll, unscaled, binary, sparse, hinge
counts.py      the cases that count evaluations: losses, certificate
speed.py       the cases that time one call: evaluation, predict
tuning.py      the case cv
growth.py      the case growth
memory.py      the case memory, with memory_probe.py in a process of its own
report.py      tables, JSON
table.py       the figures in Markdown
figures.py     pictures
============== =====================================================================
"""
