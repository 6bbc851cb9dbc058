"""The case one_to_many: several answers to one input."""

import numpy as np

from .data import BRANCHED, SCALARS, VECTORS, real_names, splits_of, wanted
from .energies import ENSEMBLE, energies_for, of_energy, title
from .fits import mean_and_error, median_seconds, scored
from .rivals import BOOSTING, PROCESS, rivals_on

MODE_ROWS = 1_000

# Answers this many noise widths apart are different ones, and a mode so near to one is that one.
APART, NEAR = 4.0, 1.5

# The exact density counts its maxima at so many answers, if they are above this share of its top.
ANSWERS, VISIBLE = 801, 1e-3


def one_to_many(options, report):
    """Do the densities come close to the exact ones, and are all answers found?"""
    print(
        f"Modes: rows whose answers are {APART:g} noise widths apart; a mode within {NEAR:g} noise"
        " widths of an answer counts as that answer."
    )
    for name in wanted((*SCALARS, *VECTORS), options):
        generated(name, options, report)
    if options.data is None or wanted([BRANCHED], options):
        beside_unimodal(real_names([BRANCHED], options)[0], options, report)


def generated(name, options, report):
    """The gap to the exact density, and the modes."""
    splits = splits_of(name, options)
    print(f"{name}: {len(splits[0].y)} training and {len(splits[0].y_test)} test rows")
    for energy in energies_for(name, options):
        beside_exact(name, energy, splits, options, report)


def beside_exact(name, energy, splits, options, report):
    """One energy beside the exact density."""
    gaps, found = [], []
    for split in splits:
        fit = scored(split, options, energy)
        exact = exact_nll(split).mean()
        gaps.append(fit.nll.mean() - exact)
        figures = {"nll": float(fit.nll.mean()), "exact": float(exact)}
        if name in SCALARS:
            found.append(precision_and_recall(fit.model, split))
            figures |= dict(zip(("precision", "recall", "rows"), found[-1], strict=True))
        contender = f"{energy}, split {split.number}"
        report.run("one_to_many", name, contender, fit.seconds, **figures)
    measure = of_energy(energy, "NLL above the exact one by")
    report.figure("one_to_many", name, measure, mean_and_error(gaps)[0])
    for place, measure in enumerate(("precision", "recall") if found else ()):
        value = float(np.mean([figures[place] for figures in found]))
        report.figure("one_to_many", name, of_energy(energy, f"modes: {measure}"), value,
                      f"{found[0][2]} rows")  # fmt: skip


def exact_nll(split):
    """−log p(y | x) of the test rows under the distribution that they were drawn from."""
    return -split.truth.log_prob(split.X_test, split.y_test)


def precision_and_recall(model, split):
    """Share of modes that are answers, share of answers that are modes, and the number of rows."""
    X, y = split.X_test[:MODE_ROWS], split.y_test[:MODE_ROWS]
    answers, widths, clear = distinct_answers(split.truth, X, y)
    X, answers, widths = X[clear], answers[clear], widths[clear]
    modes = model.predict_modes(X).answers
    with np.errstate(invalid="ignore"):
        near = np.abs(modes[:, :, None] - answers[:, None]) <= NEAR * widths[:, None]
    right, recovered = near.any(axis=2).sum(), near.any(axis=1).sum()
    return right / np.isfinite(modes).sum(), recovered / np.isfinite(answers).sum(), len(X)


def distinct_answers(truth, X, y):
    """Exact modes (n, b), their widths, and the rows where they are modes far from each other."""
    answers = truth.modes(X)
    widths = np.column_stack([width_at(truth, X, column) for column in answers.T])
    ordered = np.argsort(np.where(np.isnan(answers), np.inf, answers), axis=1)
    answers, widths = (np.take_along_axis(part, ordered, axis=1) for part in (answers, widths))
    gaps, wider = np.diff(answers, axis=1), np.maximum(widths[:, 1:], widths[:, :-1])
    apart = (np.isnan(gaps) | (gaps >= APART * wider)).all(axis=1)
    known = (np.isfinite(widths) | np.isnan(answers)).all(axis=1)
    count = np.isfinite(answers).sum(axis=1)
    return answers, widths, apart & known & (count_of_maxima(truth, X, y) == count)


def width_at(truth, X, answers):
    """Noise widths, from the curvature of the exact log-density at its modes; inf if it is none."""
    there, step = np.isfinite(answers), 0.05 * truth.noise
    widths = np.full(len(X), np.nan)
    rows, centre = X[there], answers[there]
    below, at, above = (truth.log_prob(rows, centre + k * step) for k in (-1, 0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        curvature = (2 * at - below - above) / step**2
        widths[there] = np.where(
            np.isfinite(curvature) & (curvature > 0), 1 / np.sqrt(curvature), np.inf
        )
    return widths


def count_of_maxima(truth, X, y):
    """How many maxima the exact density has, by a grid of answers."""
    grid = np.linspace(y.min() - truth.noise, y.max() + truth.noise, ANSWERS)
    repeated = np.repeat(X, ANSWERS, axis=0)
    log_density = truth.log_prob(repeated, np.tile(grid, len(X))).reshape(len(X), ANSWERS)
    inner = log_density[:, 1:-1]
    peak = (inner > log_density[:, :-2]) & (inner >= log_density[:, 2:])
    visible = inner > log_density.max(axis=1, keepdims=True) + np.log(VISIBLE)
    return (peak & visible).sum(axis=1)


def beside_unimodal(name, options, report):
    """Real answers in two branches: nobody with a single answer may be likelier."""
    splits = splits_of(name, options)
    if not splits:
        return
    print(f"{name}: {len(splits[0].y)} training rows, {len(splits)} random splits")
    unimodal = rivals_on(splits, (BOOSTING, PROCESS), options)
    unimodal[title(ENSEMBLE)] = [scored(split, options, ENSEMBLE) for split in splits]
    for contender, fits in unimodal.items():
        losses_on(name, contender, fits, report)
    best = min(unimodal, key=lambda rival: np.mean([fit.nll.mean() for fit in unimodal[rival]]))
    for energy in options.energies:
        fits = [scored(split, options, energy) for split in splits]
        losses_on(name, title(energy), fits, report)
        mean, error = mean_and_error(
            [fit.nll.mean() - rival.nll.mean() for fit, rival in zip(fits, unimodal[best],
                                                                     strict=True)]
        )  # fmt: skip
        measure = of_energy(energy, "NLL above the best unimodal one's by")
        report.figure("one_to_many", name, measure, mean, f"{best}; ± {error:.2g}")


def losses_on(name, contender, fits, report):
    """Seconds and NLL of one contender."""
    mean, error = mean_and_error([fit.nll.mean() for fit in fits])
    report.run("one_to_many", name, contender, median_seconds(fits), nll=mean, error=error)
