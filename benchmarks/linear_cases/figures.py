"""Pictures: seconds against the true gap, and growth."""

from pathlib import Path

import numpy as np

# Okabe and Ito's palette, told apart by every kind of colour vision; ours is black and thick.
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#D55E00", "#0072B2", "#999999")
MARKERS = ("s", "^", "v", "D", "P", "X", "<")
OURS = {"color": "black", "linewidth": 3.0, "marker": "o", "markersize": 6, "zorder": 5}
ORDER = ("lbfgs", "newton-cg", "newton-cholesky", "sag", "saga", "scikit-learn-intelex",
         "lbfgs in float32")  # fmt: skip
LOWEST = 1e-9  # smaller gaps are drawn at the lower edge
NAMES = {"nll": "likelihood, standardised", "unscaled": "likelihood, columns as they come",
         "binary": "two classes", "sparse": "sparse counts", "hinge": "hinge"}  # fmt: skip


def draw(report, folder):
    """One file for each case with curves; returns their paths."""
    import matplotlib

    matplotlib.use("Agg")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    cases = list(dict.fromkeys(curve["case"] for curve in report.curves))
    return [path for case in cases for path in draw_case(report, case, folder)]


def draw_case(report, case, folder):
    import matplotlib.pyplot as plt

    curves = [curve for curve in report.curves if curve["case"] == case]
    subjects = list(dict.fromkeys(curve["subject"] for curve in curves))
    columns = len(subjects) if len(subjects) <= 3 else 2
    lines = -(-len(subjects) // columns)
    figure, axes = plt.subplots(
        lines,
        columns,
        figsize=(5.0 * columns, 3.4 * lines + 1.1),
        squeeze=False,
        layout="constrained",
    )
    styles = style_of([curve["contender"] for curve in curves])
    for axis, subject in zip(axes.flat, subjects, strict=False):
        panel(
            axis, case, subject, [curve for curve in curves if curve["subject"] == subject], styles
        )
    for axis in axes.flat[len(subjects) :]:
        axis.set_axis_off()
    legend(figure, 2 * columns)
    figure.suptitle(
        {"growth": "Seconds against size"}.get(case, f"Time to a gap: {NAMES.get(case)}")
    )
    paths = [folder / f"linear-{case}.{kind}" for kind in ("svg", "png")]
    for path in paths:
        figure.savefig(path, dpi=120, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)
    return paths


def legend(figure, columns):
    """One for all panels, each contender once."""
    handles = {}
    for axis in figure.axes:
        handles |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    place = {"loc": "outside lower center", "ncols": columns, "frameon": False}
    figure.legend(handles.values(), handles.keys(), **place)


def style_of(contenders):
    """Ours and the solvers alike everywhere; others in the order in which they come."""
    others = [name for name in dict.fromkeys(contenders) if name != "EBMClassifier"]
    styles = {"EBMClassifier": OURS}
    for name in others:
        position = (ORDER if name in ORDER else others).index(name)
        styles[name] = {"color": COLOURS[position % len(COLOURS)], "linewidth": 1.4,
                        "marker": MARKERS[position % len(MARKERS)], "markersize": 4}  # fmt: skip
    return styles


def panel(axis, case, subject, curves, styles):
    for curve in curves:
        x, y = np.array(curve["x"]), np.array(curve["y"])
        if case != "growth":
            x, y = frontier(x, np.maximum(y, 2 * LOWEST))
        axis.loglog(x, y, label=curve["contender"], **styles[curve["contender"]])
    axis.set_title(subject, fontsize=10)
    axis.grid(True, which="major", linewidth=0.5, alpha=0.5)
    if case == "growth":
        axis.set_xlabel(f"{subject.split()[-1]} (others fixed)")
        axis.set_ylabel("seconds")
        return
    axis.set_ylim(LOWEST, 2)
    axis.set_xlabel("seconds of fit")
    axis.set_ylabel("true relative gap (f − f*)/f*")
    axis.axhline(1e-4, color="grey", linewidth=0.8, linestyle=":")


def frontier(x, y):
    """The runs that no quicker run beats, from left to right."""
    order = np.argsort(x)
    x, y = x[order], y[order]
    best = np.minimum.accumulate(y)
    keep = np.r_[True, best[1:] < best[:-1]]
    return x[keep], y[keep]
