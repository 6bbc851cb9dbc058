"""Does beta="auto" do harm where few rows are held out?

Learns from 20 to 200 rows of sets of scikit-learn, with every loss, and prints for each loss the
log-loss of the other rows with ``beta="auto"`` over that at β = 1: the geometric mean over sets,
sizes and ways of holding rows out, and the worst, each of them the mean of several seeds.

    python benchmarks/temperature_small.py --energies linear,kernel --seeds 5
"""

import argparse
import warnings

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sklearn_ebm import EBMClassifier, EBMClassifierCV
from sklearn_ebm.losses import LOSSES

SETS = {
    "iris": load_iris, "wine": load_wine, "breast cancer": load_breast_cancer,
    "digits": load_digits,
}  # fmt: skip

# Those that need energies which are never negative are left out.
NAMES = [name for name in LOSSES.names if name not in ("energy", "lvq2")]


def contender(how, energy, loss, seed):
    """The model with beta="auto", by the rows that choose it."""
    if how == "search":
        return EBMClassifierCV(energy, [loss], betas=["auto"], Cs=[1.0], random_state=seed)
    early = how == "early stopping"
    return EBMClassifier(energy, loss, beta="auto", early_stopping=early, random_state=seed)


def losses_of(model, X, y):
    """Log-loss of rows at the β that was chosen, and at 1."""
    energies = model.energies(X)
    answer = np.searchsorted(model.classes_, y)
    for beta in (model.beta_, 1.0):
        logits = -beta * energies
        logits -= logits.max(axis=1, keepdims=True)
        right = logits[np.arange(len(y)), answer]
        yield float(np.mean(np.log(np.exp(logits).sum(axis=1)) - right))


def cell(how, energy, loss, load, n_rows, seeds):
    """Mean log-losses (auto, 1) over seeds; None where rows cannot be held out."""
    X, y = load(return_X_y=True)
    found = []
    for seed in range(seeds):
        A, T, a, t = train_test_split(X, y, train_size=n_rows, stratify=y, random_state=seed)
        scaler = StandardScaler().fit(A)
        model = contender(how, energy, loss, seed)
        try:
            model.fit(scaler.transform(A), a)
        except ValueError as refusal:
            if "cannot hold out" in str(refusal) or "has one row" in str(refusal):
                continue
            raise
        found.append(list(losses_of(model, scaler.transform(T), t)))
    return np.mean(found, axis=0) if found else None


def main():
    """Print a line for each energy and loss."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--energies", default="linear,kernel,prototypes,mlp")
    parser.add_argument("--losses", default=",".join(NAMES))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--sizes", default="20,60,120,200")
    parser.add_argument("--how", default="folds,early stopping,search")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"{'energy':12}{'loss':16}{'cells':>6}{'auto / 1':>10}{'worst':>8}  where")
    for energy in options.energies.split(","):
        for loss in options.losses.split(","):
            ratios = {}
            for name in options.sets.split(","):
                n_total = len(SETS[name](return_X_y=True)[1])
                for n_rows in map(int, options.sizes.split(",")):
                    for how in options.how.split(",") if n_rows <= 0.8 * n_total else ():
                        found = cell(how, energy, loss, SETS[name], n_rows, options.seeds)
                        if found is not None:
                            ratios[f"{name}, {n_rows} rows, {how}"] = found[0] / found[1]
            if not ratios:
                continue
            worst = max(ratios, key=ratios.get)
            mean = np.exp(np.mean(np.log(list(ratios.values()))))
            print(
                f"{energy:12}{loss:16}{len(ratios):6}{mean:10.3f}{ratios[worst]:8.3f}  {worst}",
                flush=True,
            )


if __name__ == "__main__":
    main()
