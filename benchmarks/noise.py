"""How accurate is each loss where a share of the labels that it learns from is wrong?

Every loss of the linear energy beside LogisticRegression and LinearSVC. Learned are rows whose
labels are wrong in part, scored are other rows with right labels. C is chosen by the accuracy on
held-out folds of the learned rows, whose labels are wrong as well: nobody sees a right label that
was replaced. Grid and folds are the same for all.

    python benchmarks/noise.py --json noise.json --markdown noise.md --plot noise.png
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
from classification_sets import path_of, problem
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklearn_ebm import EBMClassifier, EBMClassifierCV
from sklearn_ebm.losses import LOSSES

SETS = {"breast cancer": load_breast_cancer, "digits": load_digits, "wine": load_wine}
STORED = ("satimage", "spambase")  # in the folder of `--data`
# Those that need energies which are never negative are left out.
NAMES = tuple(name for name in LOSSES.names if name not in ("energy", "lvq2"))
RIVALS = {
    "LogisticRegression": LogisticRegression(max_iter=10_000),
    "LinearSVC": LinearSVC(dual=False, max_iter=10_000),
}
REFERENCE = "LogisticRegression"
SHARES = (0.0, 0.1, 0.2, 0.3, 0.35, 0.4, 0.5)
KINDS = ("symmetric", "class-pair")
# A margin m at C is a margin of 1 at C/m (square_square: at C) for a linear energy: learned
# energies differ by the factor m, classes not at all. So the grid of C searches margins as well.
CS = tuple(10.0**power for power in range(-5, 2))
FOLDS = 3
HEAD = """Written by `python benchmarks/noise.py`. Accuracy on right labels, mean ± standard
error over seeds, where a share of the labels to learn from is wrong: any of the others
(symmetric), or the next class (class-pair). A seed is a split into halves,
standardised, with its own wrong labels. C is chosen among 1e-5, 1e-4, ..., 10 by the
accuracy on three folds of the wrong labels; grid and folds are the same for all. The
highest mean of a share is bold. Errors of differences are corrected for the overlap of
the halves (Nadeau and Bengio, 2003).

"""
TOL = 1e-2  # of our fits in the search for C; the fit at the chosen C has the default
# Of the picture: colour, marker and line.
LINES = {
    "mee": ("#0072B2", "o-"), "LinearSVC": ("#009E73", "^--"),
    "LogisticRegression": ("#D55E00", "s-."), "hinge": ("#000000", "D:"),
}  # fmt: skip


def present(folder, n_rows):
    """Rows and labels 0, ..., k − 1 of each set that is there, by its name."""
    found = {name: load(return_X_y=True) for name, load in SETS.items()}
    for name in STORED if folder is not None else ():
        if path_of(name, folder).exists():
            found[name] = problem(name, folder, n_rows)
        else:
            print(f"{path_of(name, folder)} is not there: {name} is left out")
    return found


def kinds_of(y):
    """The kinds of noise that differ: with two classes there is one wrong label."""
    return KINDS[:1] if len(np.unique(y)) == 2 else KINDS


def noisy(y, share, kind, seed):
    """Labels of which a share is wrong: one of the other classes, or the next one.

    The rows are drawn from all, whatever their class. A larger share contains the wrong labels of
    a smaller one.
    """
    rng = np.random.RandomState(seed)
    n_classes = y.max() + 1
    wrong = rng.permutation(len(y))[: round(share * len(y))]
    steps = rng.randint(1, n_classes, len(y)) if kind == "symmetric" else np.ones(len(y), int)
    labels = y.copy()
    labels[wrong] = (y[wrong] + steps[: len(wrong)]) % n_classes
    return labels


def learned(model, X, labels, folds):
    """The fitted classifier of a contender at the C of the best accuracy on held-out labels."""
    if model in RIVALS:
        grid = GridSearchCV(RIVALS[model], {"C": CS}, scoring="accuracy", cv=folds)
        return grid.fit(X, labels).best_estimator_
    grid = EBMClassifierCV(
        losses=[model], betas=[1.0], Cs=CS, scoring="accuracy", cv=folds, tol=TOL, refit=False
    )
    return EBMClassifier(loss=model, C=grid.fit(X, labels).best_params_["C"]).fit(X, labels)


def measured(X, y, share, kind, seed, models):
    """Accuracy on right labels, and the chosen C, of each model in one half of the rows."""
    X, X_new, y, y_new = train_test_split(X, y, test_size=0.5, stratify=y, random_state=seed)
    scaler = StandardScaler().fit(X)
    X, X_new = scaler.transform(X), scaler.transform(X_new)
    labels = noisy(y, share, kind, seed)
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(X, labels))
    for model in models:
        found = learned(model, X, labels, folds)
        yield model, float(found.score(X_new, y_new)), float(found.C)


def race(name, X, y, options):
    """One row for each kind of noise, share and model: its accuracies, one for each seed."""
    rows = {}
    seeds = options.seeds if len(y) < 1000 else (options.seeds + 1) // 2
    for kind in kinds_of(y):
        for share in options.shares:
            if share == 0 and kind != KINDS[0]:
                continue
            for seed in range(seeds):
                for model, score, C in measured(X, y, share, kind, seed, options.models):
                    row = {"set": name, "noise": kind, "share": share, "model": model}
                    row = rows.setdefault((kind, share, model), row | {"accuracy": [], "C": []})
                    row["accuracy"].append(round(score, 5))
                    row["C"].append(C)
    return [row | summary(row["accuracy"]) for row in rows.values()]


def summary(values):
    """Mean and its standard error, to four digits."""
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    return {"mean": round(float(np.mean(values)), 4), "error": round(float(error), 4)}


def of_kind(rows, name, kind):
    """Rows of a set and a kind of noise by share and model; without noise the kinds are one."""
    return {
        (row["share"], row["model"]): row
        for row in rows
        if row["set"] == name and (row["noise"] == kind or row["share"] == 0)
    }


def table(rows, cell):
    """A line for each model and a column for each share of wrong labels."""
    shares = sorted({share for share, _ in rows})
    lines = [
        "| model | " + " | ".join(f"{100 * share:.0f} %" for share in shares) + " |",
        "|---|" + "---:|" * len(shares),
    ]
    for model in dict.fromkeys(model for _, model in rows):
        cells = " | ".join(cell(rows, share, model) for share in shares)
        lines.append(f"| {model} | {cells} |")
    return "\n".join(lines) + "\n"


def accuracy(rows, share, model):
    """Mean ± standard error; the highest mean of a share in bold."""
    best = max(row["mean"] for (other, _), row in rows.items() if other == share)
    row = rows[share, model]
    text = f"{row['mean']:.3f} ± {row['error']:.3f}"
    return f"**{text}**" if row["mean"] == best else text


def difference(rows, share, model):
    """Mean ± standard error of the difference from LogisticRegression on the same rows.

    The halves of different seeds overlap, so the variance of the mean of k differences is taken as
    (1/k + 1) times their variance (Nadeau and Bengio, 2003): tested are as many rows as learned.
    """
    if model == REFERENCE:
        return "0"
    pairs = np.subtract(rows[share, model]["accuracy"], rows[share, REFERENCE]["accuracy"])
    error = np.std(pairs, ddof=1) * np.sqrt(1 / len(pairs) + 1)
    return f"{np.mean(pairs):+.3f} ± {error:.3f}".replace("-", "−")


def section(rows, name):
    """Two tables for each kind of noise of a set."""
    parts = []
    for kind in dict.fromkeys(row["noise"] for row in rows if row["set"] == name):
        found = of_kind(rows, name, kind)
        seeds = len(next(iter(found.values()))["accuracy"])
        parts.append(f"## {name}, {kind} noise\n\nAccuracy, {seeds} seeds:\n")
        parts.append(table(found, accuracy))
        if any(model == REFERENCE for _, model in found):
            parts.append(f"Difference from {REFERENCE} with the same seed:\n")
            parts.append(table(found, difference))
    return "\n".join(parts)


def curve(rows, model):
    """Means over the sets for symmetric noise, and their standard errors, by share.

    Shares from 50 % on are left out: of two classes, nobody can know then which label is right.
    """
    by_share = {}
    for row in rows:
        if row["model"] == model and row["noise"] == KINDS[0] and row["share"] < 0.5:
            by_share.setdefault(row["share"], []).append((row["mean"], row["error"]))
    means = {share: np.mean([mean for mean, _ in found]) for share, found in by_share.items()}
    errors = {
        share: np.linalg.norm([error for _, error in found]) / len(found)
        for share, found in by_share.items()
    }
    return means, errors


def draw(rows, path):
    """Accuracy over the share of wrong labels, 720 pixels wide."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7.2, 3.6), dpi=100, layout="constrained")
    there = {row["model"] for row in rows}
    for model, (colour, style) in LINES.items():
        if model in there:
            means, errors = curve(rows, model)
            shares = sorted(means)
            axis.errorbar(
                [100 * share for share in shares], [means[share] for share in shares],
                [errors[share] for share in shares], fmt=style, color=colour, capsize=3,
                linewidth=2, markersize=6, label=model,
            )  # fmt: skip
    sets = list(dict.fromkeys(row["set"] for row in rows))
    axis.set(
        xlabel="wrong labels among those learned from (%)",
        ylabel="accuracy",
        title=f"Accuracy on right labels, mean of {', '.join(sets)}",
    )
    axis.grid(alpha=0.3)
    axis.legend(loc="lower left")
    figure.savefig(path)
    plt.close(figure)


def names_of(text):
    return text.split(",")


def sets_of(text):
    unknown = [name for name in names_of(text) if name not in (*SETS, *STORED)]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"{unknown[0]!r} is none of the sets: {', '.join((*SETS, *STORED))}"
        )
    return names_of(text)


def numbers_of(text):
    return [float(number) for number in text.split(",")]


def seeds_of(text):
    if int(text) < 3:
        raise argparse.ArgumentTypeError("a standard error needs 3 seeds or more, 2 of large sets")
    return int(text)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help=f"folder with classification/NAME.npz: {', '.join(STORED)}")
    parser.add_argument("--sets", type=sets_of, help="names of some of the sets; default: all")
    parser.add_argument("--models", type=names_of, default=[*NAMES, *RIVALS])
    parser.add_argument("--shares", type=numbers_of, default=SHARES)
    parser.add_argument(
        "--seeds", type=seeds_of, default=10, help="3 or more; half as many from 1,000 rows on"
    )
    parser.add_argument("--rows", type=int, default=2000, help="of each set of `--data` at most")
    parser.add_argument("--read", help="take the accuracies from a file of `--json`")
    parser.add_argument("--json", help="write every accuracy there")
    parser.add_argument("--markdown", help="write the tables there")
    parser.add_argument("--plot", help="draw accuracy over the share of wrong labels there")
    return parser.parse_args()


def main():
    options = arguments()
    warnings.simplefilter("ignore", ConvergenceWarning)  # weak penalties, that are rarely chosen
    rows = []
    if options.read:
        rows = json.loads(Path(options.read).read_text(encoding="utf-8"))
    else:
        for name, (X, y) in present(options.data, options.rows).items():
            if options.sets is None or name in options.sets:
                rows += race(name, X, y, options)
    page = HEAD + "\n".join(section(rows, name) for name in dict.fromkeys(r["set"] for r in rows))
    print(page)
    if options.json:
        text = ",\n".join(json.dumps(row, allow_nan=False) for row in rows)
        Path(options.json).write_text(f"[\n{text}\n]\n", encoding="utf-8")
    if options.markdown:
        Path(options.markdown).write_text(page, encoding="utf-8")
    if options.plot:
        draw(rows, options.plot)


if __name__ == "__main__":
    main()
