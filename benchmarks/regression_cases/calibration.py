"""The case calibration: do as many answers lie inside as was promised?"""

import numpy as np

from .data import BRANCHED, PUBLISHED, SCALARS, VECTORS, real_names, splits_of, wanted
from .fits import KINDS, LEVELS, scored

# Coverage may be off by this much.
POINTS = 0.03
BINS = 10


def calibration(options, report):
    """Do intervals and regions hold as many answers as they say, and is the PIT uniform?"""
    print("Standard errors take test rows for independent; the splits of a set share some of them.")
    real = real_names((*PUBLISHED, BRANCHED), options)
    for name in (*real, *wanted((*SCALARS, *VECTORS), options)):
        splits = splits_of(name, options)
        if not splits:
            continue
        print(f"{name}: {len(splits)} splits of {len(splits[0].y_test)} test rows")
        for settings in ({}, {"calibration": "conformal"}):
            fits = [scored(split, options, **settings) for split in splits]
            coverage(name, fits, settings, splits[0].official, report)
            if not settings:
                uniform(name, fits, report)


def coverage(name, fits, settings, official, report):
    """Share of test answers inside, beside the level, over all splits."""
    calibrated = "conformal " if settings else ""
    for kind in KINDS:
        for level in LEVELS:
            inside = np.concatenate([fit.inside[kind, level].ravel() for fit in fits])
            share, error = inside.mean(), np.sqrt(level * (1 - level) / len(inside))
            report.target(
                "calibration", name, f"{calibrated}{kind} {level:.0%}: {share:.1%}, off by",
                abs(share - level), POINTS, at_most=True, official=official,
                note=f"± {error:.1%}",
            )  # fmt: skip


def uniform(name, fits, report):
    """The histogram of P(Y ≤ y | x), and its worst bin."""
    values = np.concatenate([fit.pit.ravel() for fit in fits])
    counts = np.histogram(values, BINS, (0, 1))[0]
    expected = len(values) / BINS
    off = np.abs(counts - expected) / np.sqrt(expected * (1 - 1 / BINS))
    shares = " ".join(f"{count / expected:.2f}" for count in counts)
    print(f"  PIT, {BINS} bins over what is expected: {shares}")
    report.target(
        "calibration", name, "PIT: worst bin, off by standard errors", float(off.max()),
        at_most=True, note=f"{len(values)} answers",
    )  # fmt: skip
