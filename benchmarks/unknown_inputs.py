"""Which score tells rows of classes that were never learned from new rows of known ones?

Classes are left out of learning, and come back among the test rows. Every contender learns the same
standardised rows with its default settings, β apart, which learning chooses on its own held-out
rows; nothing is chosen on test rows. Printed are means over all choices of left-out classes.

    python benchmarks/unknown_inputs.py --data ../shared/data --json rows.json --markdown table.md
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from classification_sets import path_of, problem
from scipy.special import logsumexp
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from sklearn_ebm import EBMClassifier

ENERGIES = ("linear", "kernel", "mlp", "prototypes")
LOSSES = ("nll", "square_square", "square_exp")
SETS = ("satimage", "letter")
SCORES = (
    "free energy",
    "free energy, β = 1",
    "lowest energy",
    "margin",
    "maximum probability",
    "own score",
)
# scikit-learn's own numbers of neighbours: of KNeighborsClassifier and LocalOutlierFactor.
NEAREST, NEIGHBOURHOOD = 5, 20
ALONE_UP_TO = 10  # classes; where there are more, groups of five are left out
GROUP = 5


def present(names, folder):
    """The sets that are there; scikit-learn's digits where no folder is given."""
    if folder is None:
        return ["digits"]
    paths = {name: path_of(name, folder) for name in names}
    for name in names:
        if not paths[name].exists():
            print(f"{paths[name]} is not there: {name} is left out")
    return [name for name in names if paths[name].exists()]


def left_out(classes, seed):
    """The choices of unknown classes: each alone, or of many classes five groups by the seed."""
    if len(classes) <= ALONE_UP_TO:
        return [classes[i : i + 1] for i in range(len(classes))]
    drawn = np.random.RandomState(seed).permutation(classes)[: GROUP * GROUP]
    return list(drawn.reshape(GROUP, GROUP))


def split(X, y, unknown, seed):
    """Learned rows and labels of known classes; test rows, their labels and which are unknown."""
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.3, random_state=seed, stratify=y
    )
    known = ~np.isin(y_train, unknown)
    scaler = StandardScaler().fit(X_train[known])
    return (
        scaler.transform(X_train[known]),
        y_train[known],
        scaler.transform(X_test),
        y_test,
        np.isin(y_test, unknown),
    )


# Each of these fits and returns the classes that it predicts for the test rows, its scores of them,
# high where a row looks unknown, and its β; None for what it does not have.
def energy_scores(make, X, y, X_test):
    model = make().fit(X, y)
    ordered = np.sort(model.energies(X_test), axis=1)
    scores = {
        "free energy": model.free_energy(X_test),
        "free energy, β = 1": -logsumexp(-ordered, axis=1),
        "lowest energy": ordered[:, 0],
        "margin": ordered[:, 0] - ordered[:, 1],
        "maximum probability": -model.predict_proba(X_test).max(axis=1),
    }
    return model.predict(X_test), scores, float(model.beta_)


def probability_score(make, X, y, X_test):
    model = make().fit(X, y)
    scores = {"maximum probability": -model.predict_proba(X_test).max(axis=1)}
    return model.predict(X_test), scores, None


def distance_score(make, X, y, X_test):
    model = make().fit(X, y)
    return model.predict(X_test), {"own score": model.kneighbors(X_test)[0][:, -1]}, None


def outlier_score(make, X, y, X_test):
    return None, {"own score": -make().fit(X).score_samples(X_test)}, None


def contenders(energies, losses, beta):
    """Name, the function that scores, and what makes the model."""
    for energy in energies:
        for loss in losses:
            yield (
                f"{energy}, {loss}",
                energy_scores,
                lambda e=energy, s=loss: EBMClassifier(e, s, beta=beta, random_state=0),
            )
    yield "LogisticRegression", probability_score, lambda: LogisticRegression(max_iter=1000)
    yield "MLPClassifier", probability_score, lambda: MLPClassifier(random_state=0)
    yield "distance to the 5th neighbour", distance_score, lambda: KNeighborsClassifier(NEAREST)
    yield (
        "LocalOutlierFactor",
        outlier_score,
        lambda: LocalOutlierFactor(NEIGHBOURHOOD, novelty=True),
    )
    yield "IsolationForest", outlier_score, lambda: IsolationForest(random_state=0)


def measured(score, unknown):
    """AUROC, AUPR with unknown as positive, and FPR95 of a score that is high for unknown rows.

    FPR95 is the share of the unknown rows that are accepted where 95 % of the known ones are.
    """
    threshold = np.quantile(score[~unknown], 0.95, method="higher")
    return {
        "auroc": float(roc_auc_score(unknown, score)),
        "aupr": float(average_precision_score(unknown, score)),
        "fpr95": float(np.mean(score[unknown] <= threshold)),
    }


def race(name, options):
    """One row for each choice of unknown classes, contender and score."""
    X, y = problem(name, options.data, options.rows)
    rows = []
    for seed in range(options.seeds):
        for unknown in left_out(np.unique(y), seed)[: options.choices]:
            of_choice = {"set": name, "seed": seed, "unknown": unknown.tolist()}
            rows += [of_choice | row for row in tried(split(X, y, unknown, seed), options)]
    return rows


def tried(parts, options):
    """What every contender says of one choice of unknown classes."""
    X_train, y_train, X_test, y_test, unknown = parts
    for model, scored, make in contenders(options.energies, options.losses, options.beta):
        began = time.perf_counter()
        answers, scores, beta = scored(make, X_train, y_train, X_test)
        of_model = {
            "model": model, "beta": beta, "share": float(unknown.mean()),
            "seconds": time.perf_counter() - began,
            "accuracy": None if answers is None
            else float(accuracy_score(y_test[~unknown], answers[~unknown])),
        }  # fmt: skip
        for score, values in scores.items():
            yield of_model | {"score": score} | measured(values, unknown)


def mean(rows, key):
    """Mean of an entry over rows; None where it is missing."""
    values = [row[key] for row in rows if row[key] is not None]
    return float(np.mean(values)) if values else None


def table(rows, measures):
    """Means over the choices of unknown classes, median β: a model a line, a score a column."""
    lines = [
        "| model | β | accuracy | " + " | ".join(SCORES) + " |",
        "|---|" + "---:|" * (2 + len(SCORES)),
    ]
    for model in dict.fromkeys(row["model"] for row in rows):
        mine = [row for row in rows if row["model"] == model]
        betas = [row["beta"] for row in mine if row["beta"] is not None]
        cells = [f"{np.median(betas):.2g}" if betas else "", shown(mine, ("accuracy",))]
        cells += [shown([r for r in mine if r["score"] == score], measures) for score in SCORES]
        lines.append(f"| {model} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def shown(rows, keys):
    """Means with slashes between them; a blank where a model has no such figure."""
    means = [mean(rows, key) for key in keys]
    return "" if None in means else " / ".join(f"{value:.3f}" for value in means)


def section(rows):
    """Two tables of a set, and what they are means of."""
    choices = {(row["seed"], *row["unknown"]) for row in rows}
    head = (
        f"**{rows[0]['set']}**, {len(choices)} choices of unknown classes, "
        f"{100 * mean(rows, 'share'):.0f} % of the test rows unknown:"
    )
    auroc, others = table(rows, ("auroc",)), table(rows, ("aupr", "fpr95"))
    return f"{head} AUROC\n\n{auroc}\n{head} AUPR / FPR95\n\n{others}"


def names_of(text):
    return text.split(",")


def beta_of(text):
    return text if text == "auto" else float(text)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with classification/NAME.npz; default: digits")
    parser.add_argument("--sets", type=names_of, default=SETS)
    parser.add_argument("--energies", type=names_of, default=ENERGIES)
    parser.add_argument("--losses", type=names_of, default=LOSSES)
    parser.add_argument("--beta", type=beta_of, default="auto", help='"auto" (default) or a number')
    parser.add_argument("--rows", type=int, default=5000, help="so many of each set at most")
    parser.add_argument("--seeds", type=int, default=1, help="splits, and groups of letters")
    parser.add_argument("--choices", type=int, help="so many choices of each seed at most")
    parser.add_argument("--json", help="write every row there")
    parser.add_argument("--markdown", help="write the tables in Markdown there")
    return parser.parse_args()


def main():
    options = arguments()
    # All have their default numbers of iterations, and some rivals end before they converge.
    warnings.simplefilter("ignore", ConvergenceWarning)
    rows, pages = [], []
    for name in present(options.sets, options.data):
        found = race(name, options)
        pages.append(section(found))
        print(f"\n{pages[-1]}", flush=True)
        rows += found
    if options.json:
        text = json.dumps({"options": vars(options), "rows": rows}, indent=1)
        Path(options.json).write_text(text, encoding="utf-8")
    if options.markdown:
        Path(options.markdown).write_text("\n".join(pages), encoding="utf-8")


if __name__ == "__main__":
    main()
