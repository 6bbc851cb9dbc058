"""The case conformal: is the promise kept on average over fresh splits?"""

import numpy as np

from sklearn_ebm.datasets import ONE_TO_MANY

from .data import FRESH, Split, part, random_test, real_names, split_at, stored, wanted
from .fits import KINDS, fitted, inside_of, mean_and_error, n_calibrating

# A hundred fits, so that the energy is one that is learned in a moment.
ENERGY = "experts"
LEVEL, SPLITS, PASSES = 0.9, 100, 30
REAL, GENERATED, GENERATED_ROWS = "concrete", "two_branches", 1_000


def conformal(options, report):
    """Is coverage at 90 % what conformal calibration promises, on average over fresh splits?"""
    print(
        f"Energy {ENERGY}, max_iter={PASSES}. For exchangeable rows the expected coverage is "
        f"{LEVEL} at least, and {LEVEL} + 1/(m + 1) at most for m calibrating rows without ties; "
        "chance takes away some standard errors of the mean over splits."
    )
    for name in (*real_names([REAL], options), *wanted([GENERATED], options)):
        one_set(name, options, report)


def one_set(name, options, report):
    shares, sizes = {kind: [] for kind in KINDS}, []
    for split in reseeded(name, options):
        passes = {} if options.quick else {"max_iter": PASSES}
        model, _ = fitted(split, options, ENERGY, calibration="conformal",
                          random_state=split.number, **passes)  # fmt: skip
        inside = inside_of(model, split.X_test, split.y_test, (LEVEL,))
        for kind in KINDS:
            shares[kind].append(inside[kind, LEVEL].mean())
        sizes.append(n_calibrating(model, split))
    if not sizes:
        return
    expected = np.ceil((sizes[0] + 1) * LEVEL) / (sizes[0] + 1)
    print(f"{name}: {len(sizes)} splits, {sizes[0]} calibrating rows; expected without ties "
          f"{expected:.4f}")  # fmt: skip
    for kind in KINDS:
        mean, error = mean_and_error(shares[kind])
        report.figure("conformal", name, f"{kind} {LEVEL:.0%}: mean coverage", mean,
                      f"± {error:.2g}")  # fmt: skip


def reseeded(name, options):
    """Splits drawn anew: a tenth of a real set for the test, or fresh rows."""
    count = min(options.splits or SPLITS, SPLITS)
    found = None if name == GENERATED else stored(name, options.data)
    for seed in range(count):
        if name == GENERATED:
            X, y = ONE_TO_MANY[name](GENERATED_ROWS, random_state=seed)
            X_test, y_test = ONE_TO_MANY[name](GENERATED_ROWS, random_state=FRESH + seed)
            split = Split(name, seed, X, y, X_test, y_test)
        elif found is None:
            return
        else:
            X, y, _ = found
            split = split_at(name, seed, X, y, random_test(len(y), seed))
        yield part(split) if options.quick else split
