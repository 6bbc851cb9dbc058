"""The case likelihood: densities on the sets that papers report."""

import numpy as np

from .data import PUBLISHED, real_names, splits_of
from .fits import mean_and_error, scored
from .published import METHODS, NLL, RMSE, UNBOUNDED, largest_nll, published


def likelihood(options, report):
    """Are the densities as good as those that papers report on the same splits?"""
    for name in real_names(PUBLISHED, options):
        splits = splits_of(name, options)
        if not splits:
            continue
        n_rows = f"{len(splits[0].y)} training and {len(splits[0].y_test)} test rows"
        print(f"{name}: {n_rows}, {len(splits)} splits; mean ± standard error over splits")
        one_set(name, splits, options, report)


def one_set(name, splits, options, report):
    fits = [scored(split, options) for split in splits]
    bounded, official = name not in UNBOUNDED, splits[0].official
    nll = mean_and_error([fit.nll.mean() for fit in fits])
    rmse = mean_and_error([fit.rmse for fit in fits])
    crps = mean_and_error([fit.crps.mean() for fit in fits])
    figures = {"nll": nll} if bounded else {}
    figures |= {"rmse": rmse, "crps": crps}
    seconds = float(np.median([fit.seconds for fit in fits]))
    report.run("likelihood", name, "LatentEBMRegressor", seconds, **with_errors(figures))
    if not bounded:
        print("  NLL left out: y takes few values, so that the likelihood is unbounded")
    if name.startswith("protein"):
        without_repeated(name, splits, fits, report)
    for method in METHODS:
        theirs = {"nll": published(NLL, name, method), "rmse": published(RMSE, name, method)}
        theirs = {key: value for key, value in theirs.items() if value is not None}
        if theirs:
            report.run("likelihood", name, f"published: {method}", None, **theirs)
    if bounded:
        report.target(
            "likelihood", name, "NLL", nll[0], largest_nll(name), at_most=True,
            official=official, note=f"± {nll[1]:.2g}, {len(splits)} splits",
        )  # fmt: skip
    report.target(
        "likelihood", name, "RMSE of the mean", rmse[0], published(RMSE, name), at_most=True,
        official=official, note=f"± {rmse[1]:.2g}, {len(splits)} splits",
    )  # fmt: skip
    report.target("likelihood", name, "CRPS", crps[0], at_most=True, note=f"± {crps[1]:.2g}")


def without_repeated(name, splits, fits, report):
    """The same densities on the test rows that do not occur in the training rows."""
    new = [~split.repeated() for split in splits]
    figures = {
        "nll": [fit.nll[rows].mean() for fit, rows in zip(fits, new, strict=True)],
        "rmse": [np.sqrt(fit.squared[rows].mean()) for fit, rows in zip(fits, new, strict=True)],
        "crps": [fit.crps[rows].mean() for fit, rows in zip(fits, new, strict=True)],
    }
    figures = {key: mean_and_error(values) for key, values in figures.items()}
    share = 1 - np.mean([rows.mean() for rows in new])
    contender = f"same, without {share:.1%} rows met in training"
    report.run("likelihood", name, contender, None, **with_errors(figures))
    report.target(
        "likelihood", name, "NLL of test rows not met in training", figures["nll"][0],
        at_most=True, note=f"± {figures['nll'][1]:.2g}",
    )  # fmt: skip


def with_errors(figures):
    """Columns of a line: each mean, and its standard error."""
    columns = {}
    for key, (mean, error) in figures.items():
        columns |= {key: mean, f"{key} ±": error}
    return columns
