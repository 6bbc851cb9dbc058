"""The command without arguments: two short comparisons on embedded data, and their pictures."""

import sys
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegressionCV

from sklearn_ebm.compare.comparison import Comparison
from sklearn_ebm.compare.density_scores import predicted_distribution
from sklearn_ebm.compare.first_data import one_to_many, wrong_labels
from sklearn_ebm.compare.help_texts import PROGRAM
from sklearn_ebm.compare.progress import terminal_width, watched
from sklearn_ebm.compare.tables import make_table
from sklearn_ebm.estimators.classifier_cv import EBMClassifierCV

OURS, OTHERS = "#0072B2", "#D55E00"
FIRST_TEXT = """\
1. Wrong labels. 35 % of the labels of the training rows were replaced by other classes; the
   scores are of the right labels. Each model chooses its C by cross-validation on wrong labels.
"""
SECOND_TEXT = """\
2. One input, several answers. The target has two branches, and its mean lies between them.
"""


def comparison_of_losses() -> Comparison:
    """Return the comparison of losses on labels of which 35 % are wrong."""
    X, y, learned = wrong_labels(0)
    table = make_table(X, y, task="classification", source="digits (from scikit-learn)")
    table = replace(table, learned=np.searchsorted(np.unique(y), learned))
    Cs = [1e-4, 1e-3, 1e-2, 1e-1, 1.0]
    models: dict[str, Any] = {
        loss: EBMClassifierCV(losses=[loss], Cs=Cs, cv=3, random_state=0)
        for loss in ("nll", "hinge", "mee")
    }
    models["LogisticRegression"] = LogisticRegressionCV(Cs=Cs, cv=3)
    return Comparison(table, losses=[], baselines=models, cv=3, n_jobs=-1)


def comparison_of_densities() -> Comparison:
    """Return the comparison of densities of a target with several answers."""
    X, y = one_to_many(0)
    return Comparison(
        make_table(X, y, task="regression", source="two branches (generated)"),
        energies=["experts"], cv=3, n_jobs=-1,
        baselines=["marginal", "Ridge", "HistGradientBoostingRegressor"],
    )  # fmt: skip


def demonstrate() -> int:
    """Run both comparisons, print their tables, and draw them if matplotlib is installed."""
    for text, comparison, draw, path in [
        (FIRST_TEXT, comparison_of_losses(), draw_accuracies, "wrong_labels.png"),
        (SECOND_TEXT, comparison_of_densities(), draw_density, "several_answers.png"),
    ]:
        print(text, flush=True)
        for _ in watched(comparison):
            pass
        print(f"{comparison.table.text(terminal_width())}\n\n{comparison.table.headline()}\n")
        if find_spec("matplotlib"):
            _save(draw(comparison), path)
    print(f"Your own table: {PROGRAM} compare FILE --target COLUMN")
    return 0


def _save(figure: Any, path: str) -> None:
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        print(f"The picture cannot be saved as {path}: {error}.", file=sys.stderr)
    else:
        print(f"saved {path}\n", file=sys.stderr)


def draw_accuracies(comparison: Comparison) -> Any:
    """Return a figure of the accuracies of all models, with standard errors."""
    from matplotlib.figure import Figure

    rows = sorted(comparison.table.rows, key=lambda row: row.mean("accuracy"))
    rows = [row for row in rows if row.folds and row.origin != "floor"]
    figure = Figure((6.5, 0.6 + 0.4 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for place, row in enumerate(rows):
        colour = OURS if row.origin == "package" else OTHERS
        mean, error = row.mean("accuracy"), row.se("accuracy")
        axes.errorbar(mean, place, xerr=error, fmt="o", color=colour, capsize=3)
    axes.set_yticks(range(len(rows)), [row.model for row in rows])
    axes.set(
        xlabel="accuracy on right labels, mean ± standard error",
        title="Learned from labels of which 35 % are wrong",
    )
    axes.grid(axis="x", alpha=0.4)
    return figure


def draw_density(comparison: Comparison) -> Any:
    """Return a figure of the density that the best model of this package has learned."""
    from matplotlib.figure import Figure

    table, (X, y) = comparison.table, (comparison.data.X, comparison.data.labels)
    best = next(row.model for row in table.ranked() if row.origin == "package")
    x = np.linspace(X[:, 0].min(), X[:, 0].max(), 200)
    answers = np.linspace(y.min() - 0.1 * np.ptp(y), y.max() + 0.1 * np.ptp(y), 200)
    pipeline = table.pipeline(best)
    density = predicted_distribution(pipeline, x[:, None]).pdf(np.tile(answers, (len(x), 1)))
    figure = Figure((6.5, 3.8), layout="constrained")
    axes = figure.add_subplot()
    image = axes.pcolormesh(x, answers, density.T, cmap="Blues", rasterized=True)
    axes.scatter(X[:, 0], y, s=4, color=OTHERS, alpha=0.5, linewidths=0)
    axes.set(xlabel="x", ylabel="y", title=f"Density of y given x, {best}, and the samples")
    figure.colorbar(image, label="p(y | x)")
    return figure
