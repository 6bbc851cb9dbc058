"""The command without arguments: two short comparisons on embedded data, and their pictures."""

import sys
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.svm import LinearSVC

from sklearn_ebm.compare.adapters import MarginalDensity
from sklearn_ebm.compare.comparison import Comparison
from sklearn_ebm.compare.density_scores import predicted_distribution
from sklearn_ebm.compare.folds import FIT_SECONDS, Fold, fit_seconds
from sklearn_ebm.compare.help_texts import PROGRAM
from sklearn_ebm.compare.progress import terminal_width, watched
from sklearn_ebm.compare.scoreboard import Score, Scoreboard
from sklearn_ebm.compare.tables import Table, make_table
from sklearn_ebm.compare.tasks import Classification
from sklearn_ebm.datasets import make_inverse_sine
from sklearn_ebm.energies import Experts
from sklearn_ebm.estimators.classifier_cv import EBMClassifierCV
from sklearn_ebm.estimators.regressor import LatentEBMRegressor

OURS, OTHERS = "#0072B2", "#D55E00"
SHARE = 0.35
FIRST_TEXT = """\
1. Wrong labels: linear models, learned from labels of which 35 % are wrong (one draw), and scored
   on right ones. Each chooses its C by cross-validation on the wrong labels. The loss "mee" is
   1 − p(y).
"""
SECOND_TEXT = """\
2. One input, several answers: densities of a target that has up to three values for one x.
"""


class WrongLabels(Classification):
    """Comparison of the share of wrong answers, also of models without probabilities."""

    def scoreboard(self, table: Table) -> Scoreboard:
        """Return the error and the time."""
        error = Score("error", 3, "fraction of rows classified wrongly")
        return Scoreboard(
            {"error": error, "fit_seconds": Score("fit s", 2, FIT_SECONDS)}, ("error",)
        )

    @staticmethod
    def score(estimator: Any, fold: Fold) -> dict[str, float]:
        """Fit a classifier and return its error and its time."""
        seconds = fit_seconds(estimator, fold)
        error = np.mean(estimator.predict(fold.X_test) != fold.y_test)
        return {"error": float(error), "fit_seconds": seconds}


def wrong_labels(y: np.ndarray, n_classes: int, seed: int = 0) -> np.ndarray:
    """Return labels of which 35 % are replaced by other classes, each with the same probability.

    Examples
    --------
    >>> y = np.arange(100) % 4
    >>> int((wrong_labels(y, 4) != y).sum())
    35
    """
    rng = np.random.RandomState(seed)
    wrong, learned = rng.permutation(len(y))[: round(SHARE * len(y))], y.copy()
    learned[wrong] = (y[wrong] + rng.randint(1, n_classes, len(wrong))) % n_classes
    return learned


def comparison_of_losses() -> Comparison:
    """Return the comparison of losses on digits, with 35 % of wrong labels to learn from."""
    X, y = load_digits(return_X_y=True)
    table = make_table(X, y, task="classification", source="digits (from scikit-learn)")
    table = replace(table, learned=wrong_labels(table.labels, len(table.classes)))
    Cs = [1e-3, 1e-2, 1e-1, 1.0]
    models: dict[str, Any] = {
        loss: EBMClassifierCV(losses=[loss], betas=[1.0], Cs=Cs, scoring="accuracy", cv=3, tol=1e-2)
        for loss in ("nll", "hinge", "mee")
    }
    for rival in (LogisticRegression(max_iter=1000), LinearSVC(dual=False, max_iter=10_000)):
        models[type(rival).__name__] = GridSearchCV(rival, {"C": Cs}, cv=3)
    models["majority class"] = DummyClassifier()
    return Comparison(table, task=WrongLabels(), losses=[], baselines=models, n_jobs=-1)


def comparison_of_densities() -> Comparison:
    """Return the comparison of densities of a target with several answers."""
    X, y = make_inverse_sine(600, random_state=0)
    energy = Experts(hidden_layer_sizes=(64, 64), n_members=5)  # half of the default, for speed
    table = make_table(X, y, task="regression", source="inverse sine (generated)")
    models = {
        "LatentEBM experts": LatentEBMRegressor(energy, random_state=0),
        "Ridge (Gaussian)": Ridge(),
        "HistGradientBoosting (Gaussian)": HistGradientBoostingRegressor(random_state=0),
        "marginal density": MarginalDensity(),
    }
    return Comparison(table, losses=[], baselines=models, n_jobs=-1)


def demonstrate() -> int:
    """Run both comparisons, print their tables, and draw them if matplotlib is installed."""
    for text, comparison, draw, path in [
        (FIRST_TEXT, comparison_of_losses(), draw_errors, "wrong_labels.png"),
        (SECOND_TEXT, comparison_of_densities(), draw_density, "several_answers.png"),
    ]:
        print(text, flush=True)
        del comparison.table.about["columns"]  # the names x0, x1, ... say nothing
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


def draw_errors(comparison: Comparison) -> Any:
    """Return a figure of the errors of all models, with standard errors."""
    from matplotlib.figure import Figure

    rows = [row for row in comparison.table.ranked() if row.origin != "floor"][::-1]
    figure = Figure((6.5, 0.6 + 0.4 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for place, row in enumerate(rows):
        colour = OURS if row.origin == "package" else OTHERS
        mean, error = row.mean("error"), row.se("error")
        axes.errorbar(mean, place, xerr=error, fmt="o", color=colour, capsize=3)
    axes.set_yticks(range(len(rows)), [row.model for row in rows])
    axes.set(
        xlabel="share of wrong answers, mean ± standard error",
        title="Digits, learned from labels of which 35 % are wrong",
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
    highest = 1.5 * np.median(density.max(axis=1))  # a single answer has a far higher density
    image = axes.pcolormesh(x, answers, density.T, cmap="Blues", vmax=highest, rasterized=True)
    axes.scatter(X[:, 0], y, s=4, color=OTHERS, alpha=0.5, linewidths=0)
    axes.set(xlabel="x", ylabel="y", title=f"Density of y given x, {best}, and the samples")
    figure.colorbar(image, label="p(y | x)")
    return figure
