"""The case pareto: what likelihood costs in seconds."""

from .data import PUBLISHED, real_names, splits_of
from .energies import OBJECTS, members_apart, of_energy, title
from .fits import mean_and_error, median_seconds, scored
from .pareto_figure import dominating, draw
from .published import NLL, UNBOUNDED, published
from .rivals import BOOSTING, NGBOOST, PROCESS, rivals_on

CASE, SPLITS = "pareto", 3
REFERENCES = ("deep ensembles", "TabPFN v2")


def pareto(options, report):
    """Is anything both quicker and likelier than the default?"""
    for name in real_names(PUBLISHED, options):
        if name in UNBOUNDED:
            continue
        splits = splits_of(name, options)[: options.splits or SPLITS]
        if splits:
            print(f"{name}: {len(splits[0].y)} training rows, {len(splits)} splits")
            one_set(name, splits, options, report)


def one_set(name, splits, options, report):
    """Everybody's seconds and NLL, the front, and a picture of them."""
    energies = [*options.energies, *members_apart(options)]
    energies += [energy for energy in OBJECTS if energy not in energies]
    fits = {title(energy): [scored(split, options, energy) for split in splits]
            for energy in energies}  # fmt: skip
    fits |= rivals_on(splits, (NGBOOST, BOOSTING, PROCESS), options)
    points = {}
    for contender, found in fits.items():
        nll, error = mean_and_error([fit.nll.mean() for fit in found])
        points[contender] = median_seconds(found), nll, error
        report.run(CASE, name, contender, points[contender][0], nll=nll, error=error)
        report.curve(CASE, name, contender, [points[contender][0]], [nll])
    ours = title(energies[0])
    better = dominating(points, ours)
    report.figure(
        CASE, name, of_energy(energies[0], "contenders both quicker and likelier"), len(better),
        ", ".join(by_how_much(fits, ours, other) for other in better) or "on the front",
    )  # fmt: skip
    drawn(name, points, ours, options)


def by_how_much(fits, ours, other):
    """How much likelier another is than ours, with the standard error over splits."""
    gains = [mine.nll.mean() - theirs.nll.mean()
             for mine, theirs in zip(fits[ours], fits[other], strict=True)]  # fmt: skip
    gain, error = mean_and_error(gains)
    return f"{other} by {gain:.2g} ± {error:.2g}"


def drawn(name, points, ours, options):
    """The picture, where a folder for it is given."""
    if options.figures:
        references = {method: published(NLL, name, method) for method in REFERENCES if name in NLL}
        for path in draw(name, points, ours, references, options.figures):
            print(f"  {path}")
