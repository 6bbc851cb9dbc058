"""The case calibration: do as many answers lie inside as was promised?"""

import numpy as np

from .data import BRANCHED, PUBLISHED, SCALARS, VECTORS, real_names, splits_of, wanted
from .energies import energies_for
from .fits import KINDS, LEVELS, median_seconds, scored

BINS = 10


def calibration(options, report):
    """Do intervals and regions hold as many answers as they say, and is the PIT uniform?"""
    print(
        "Coverage over all splits. Standard errors take test rows for independent, although splits"
        "\nof a set share some of them; those of conformal levels add the chance of which rows"
        " calibrate."
    )
    real = real_names((*PUBLISHED, BRANCHED), options)
    for name in (*real, *wanted((*SCALARS, *VECTORS), options)):
        splits = splits_of(name, options)
        if not splits:
            continue
        print(f"{name}: {len(splits)} splits of {len(splits[0].y_test)} test rows")
        for energy in energies_for(name, options):
            for calibrated in (None, "conformal"):
                settings = {} if calibrated is None else {"calibration": calibrated}
                fits = [scored(split, options, energy, **settings) for split in splits]
                contender = energy if calibrated is None else f"{energy}, {calibrated}"
                coverage(name, contender, calibrated, splits, fits, report)


def coverage(name, contender, calibrated, splits, fits, report):
    """Shares of test answers inside, beside the levels; and P(Y ≤ y | x) in bins."""
    shares = {
        (kind, level): np.concatenate([fit.inside[kind, level].ravel() for fit in fits])
        for kind in KINDS
        for level in LEVELS
    }
    columns = {f"{kind} {level:.0%}": float(inside.mean()) for (kind, level), inside in
               shares.items()}  # fmt: skip
    off = {key: abs(inside.mean() - key[1]) for key, inside in shares.items()}
    worst = kind, level = max(off, key=off.get)
    variance = level * (1 - level) / shares[worst].size
    if calibrated is None:
        counts, deviation = uniformity(np.concatenate([fit.pit.ravel() for fit in fits]))
        columns["PIT off by"] = deviation
        print(f"  PIT, {BINS} bins over what is expected: {counts}")
    else:
        calibrating = sum(fit.n_calibrating for fit in fits)
        variance += level * (1 - level) / (calibrating + 2 * len(fits))
    report.run("calibration", name, contender, median_seconds(fits), **columns)
    report.figure("calibration", name, f"{contender}: coverage off by, at most", off[worst],
                  f"{kind} {level:.0%}; ± {np.sqrt(variance):.2g}")  # fmt: skip
    if calibrated is None:
        measure = f"{contender}: PIT: worst bin off by, in standard errors"
        n_answers = sum(fit.pit.size for fit in fits)
        report.figure("calibration", name, measure, deviation, f"{n_answers} answers")


def uniformity(values):
    """The histogram over what is expected, as text, and how far off its worst bin is."""
    counts, expected = np.histogram(values, BINS, (0, 1))[0], len(values) / BINS
    off = np.abs(counts - expected) / np.sqrt(expected * (1 - 1 / BINS))
    return " ".join(f"{count / expected:.2f}" for count in counts), float(off.max())
