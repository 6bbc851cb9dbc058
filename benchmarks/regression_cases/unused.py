"""The case unused: sets that nobody looked at while the energies were built."""

import numpy as np

from .data import SCALARS, splits_of, wanted
from .energies import members_apart, title
from .fits import median_seconds, scored
from .one_to_many import exact_nll
from .rivals import NGBOOST, QUANTILES, rivals_on
from .unused_sets import UNUSED, unused_splits

CASE = "unused"
SURE = 2.0  # standard errors of the mean of paired differences


def unused(options, report):
    """Does the default win or tie on sets that it was not made for?"""
    print(
        f"Differences of the same test rows, ours less theirs; a tie is less than {SURE:g} standard"
        " errors, which take rows for independent."
    )
    for name in wanted(UNUSED, options):
        one_set(name, unused_splits(name, options), options, report)
    for name in wanted(SCALARS, options):
        one_set(name, splits_of(name, options), options, report)


def one_set(name, splits, options, report):
    """Everybody's figures, then ours beside each of the others."""
    n_test = sum(len(split.y_test) for split in splits)
    print(f"{name}: {len(splits[0].y)} training rows, {n_test} test rows, {len(splits)} splits")
    ours, *others = options.energies
    others += members_apart(options)
    fits = {title(energy): [scored(split, options, energy) for split in splits]
            for energy in (ours, *others)}  # fmt: skip
    fits |= rivals_on(splits, (NGBOOST, QUANTILES), options)
    for contender, found in fits.items():
        report.run(CASE, name, contender, median_seconds(found), **means(found))
    best = fits.pop(title(ours))
    if splits[0].truth is not None:
        exact = np.concatenate([exact_nll(split) for split in splits])
        gap(name, pooled(best, "nll") - exact, report)
    for contender, found in fits.items():
        for score in ("nll", "crps"):
            if found[0].nll is not None or score == "crps":
                apart = pooled(best, score) - pooled(found, score)
                beside(name, score.upper(), contender, apart, report)


def pooled(fits, score):
    return np.concatenate([getattr(fit, score) for fit in fits])


def means(fits):
    scores = ("nll", "crps") if fits[0].nll is not None else ("crps",)
    return {score: float(pooled(fits, score).mean()) for score in scores}


def gap(name, apart, report):
    """Nats above the density that the rows come from."""
    mean, error = paired(apart)
    report.figure(CASE, name, "NLL above the exact one by", mean, f"± {error:.2g}")


def beside(name, score, contender, apart, report):
    """A win, a tie or a loss."""
    mean, error = paired(apart)
    outcome = "tie" if abs(mean) <= SURE * error else "win" if mean < 0 else "loss"
    report.figure(CASE, name, f"{score} above that of {contender}", mean,
                  f"{outcome}; ± {error:.2g}")  # fmt: skip


def paired(apart):
    """Mean of differences and its standard error."""
    return float(apart.mean()), float(apart.std(ddof=1) / np.sqrt(len(apart)))
