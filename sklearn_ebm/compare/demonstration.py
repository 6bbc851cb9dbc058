"""The command without arguments: two short comparisons on embedded data, and their pictures."""

import sys
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import GridSearchCV
from sklearn.svm import LinearSVC

from sklearn_ebm.compare.comparison import Comparison
from sklearn_ebm.compare.first_data import one_to_many, wrong_labels
from sklearn_ebm.compare.progress import terminal_width, watched
from sklearn_ebm.compare.tables import make_table
from sklearn_ebm.estimators.classifier_cv import EBMClassifierCV

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
    for text, comparison, draw in [
        (FIRST_TEXT, comparison_of_losses(), draw_accuracies),
        (SECOND_TEXT, comparison_of_densities(), draw_density),
    ]:
        print(text, flush=True)
        for _ in watched(comparison):
            pass
        print(f"{comparison.table.text(terminal_width())}\n\n{comparison.table.headline()}\n")
        if find_spec("matplotlib"):
            draw(comparison)
    return 0
