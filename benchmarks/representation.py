"""Sparse coding beside scikit-learn's: codes beside Lasso, dictionaries beside its own learners.

    python benchmarks/representation.py --data DIR      handwritten digits of DIR
    python benchmarks/representation.py                 scikit-learn's digits

Codes: seconds to a relative objective, for the same dictionary, on samples that it was not learned
from. Dictionaries: seconds, and the mean energy of held-out samples, whose codes are computed by
the same exact solver for both. Encoders: energies of held-out samples above the minimum, for equal
numbers of layers and iterations. Contenders take turns; figures are medians, in CPU seconds.
"""

import argparse
import time
import warnings

import numpy as np
from classification_sets import problem
from sklearn.decomposition import MiniBatchDictionaryLearning, sparse_encode
from sklearn.linear_model import Lasso

from sklearn_ebm.inference import Descent
from sklearn_ebm.representation import LISTA, SparseCoding

# Penalty, as a share of the median over samples of the one that makes all codes zero.
PENALTY = 0.1
LASSO_TOLERANCES = (1e-2, 1e-3)
LAYERS = (2, 4, 8, 16)
#: Inference, dtype, and the largest duality gap relative to half the squared norm.
OURS = (
    ("cd", np.float64, 2e-2), ("cd", np.float64, 2e-3), ("cd", np.float32, 2e-2),
    ("fista", np.float32, 1e-2), ("fista", np.float32, 1e-3),
)  # fmt: skip


def seconds(function, rounds, *contenders):
    """Median CPU seconds of each contender, which take turns, and their last results."""
    times, results = [[] for _ in contenders], [None] * len(contenders)
    for _ in range(rounds):
        for number, contender in enumerate(contenders):
            start = time.process_time()
            results[number] = function(contender)
            times[number].append(time.process_time() - start)
    return [float(np.median(each)) for each in times], results


def energy(X, codes, dictionary, alpha):
    away = X - codes @ dictionary
    return float(np.mean(0.5 * (away**2).sum(axis=1) + alpha * np.abs(codes).sum(axis=1)))


def best_codes(X, dictionary, alpha):
    return sparse_encode(X, dictionary, algorithm="lasso_cd", alpha=alpha, max_iter=10_000)


def lasso_codes(tol):
    """Codes by scikit-learn's coordinate descent with a precomputed Gram matrix."""

    def codes(X, dictionary, alpha):
        n_features = dictionary.shape[1]
        model = Lasso(
            alpha=alpha / n_features, fit_intercept=False, precompute=dictionary @ dictionary.T,
            tol=tol, max_iter=10_000,
        )  # fmt: skip
        return model.fit(dictionary.T, X.T).coef_

    return codes


def our_codes(inference, dtype, gap):
    def codes(X, dictionary, alpha):
        coding = SparseCoding(
            len(dictionary), alpha=alpha, dictionary=dictionary, max_iter=0, inference=inference,
            tol=gap,
        )  # fmt: skip
        return coding.fit(X[:1].astype(dtype)).transform(X.astype(dtype))

    return codes


def compare_codes(train, test, n_atoms, alpha, rounds):
    """Print seconds and relative objectives of codes for one dictionary."""
    dictionary = SparseCoding(n_atoms, alpha=alpha, random_state=0).fit(train).dictionary_
    least = energy(test, best_codes(test, dictionary, alpha), dictionary, alpha)
    names = [f"Lasso, tol {tol:g}" for tol in LASSO_TOLERANCES]
    contenders = [lasso_codes(tol) for tol in LASSO_TOLERANCES]
    for inference, dtype, gap in OURS:
        names.append(f"{inference}, {np.dtype(dtype).name}, gap {gap:g}")
        contenders.append(our_codes(inference, dtype, gap))
    times, found = seconds(lambda codes: codes(test, dictionary, alpha), rounds, *contenders)
    print(f"\nCodes of {len(test)} samples, {n_atoms} atoms")
    print(f"{'':36s} {'CPU s':>8s} {'ratio':>7s} {'relative objective':>20s}")
    for name, taken, codes in zip(names, times, found, strict=True):
        excess = energy(test, codes.astype(np.float64), dictionary, alpha) / least - 1
        print(f"{name:36s} {taken:8.3f} {taken / times[0]:7.2f} {excess:20.1e}")


def compare_dictionaries(train, test, n_atoms, alpha, rounds):
    """Print seconds and held-out energies of learned dictionaries."""

    def ours(_):
        coding = SparseCoding(n_atoms, alpha=alpha, random_state=0).fit(train.astype(np.float32))
        return coding.dictionary_.astype(np.float64)

    def theirs(n_passes):
        def learn(_):
            return MiniBatchDictionaryLearning(
                n_atoms, alpha=alpha, batch_size=256, max_iter=n_passes, fit_algorithm="cd",
                random_state=0,
            ).fit(train).components_  # fmt: skip

        return learn

    names = ["SparseCoding, float32"]
    contenders = [ours]
    for n_passes in (1, 4):
        names.append(f"MiniBatchDictionaryLearning, {n_passes}")
        contenders.append(theirs(n_passes))
    times, found = seconds(lambda learn: learn(None), rounds, *contenders)
    print(f"\nDictionaries of {n_atoms} atoms from {len(train)} samples")
    print(f"{'':36s} {'CPU s':>8s} {'ratio':>7s} {'held-out energy':>20s}")
    for name, taken, dictionary in zip(names, times, found, strict=True):
        held_out = energy(test, best_codes(test, dictionary, alpha), dictionary, alpha)
        print(f"{name:36s} {taken:8.2f} {taken / times[0]:7.2f} {held_out:20.4f}")


def compare_encoders(train, test, n_atoms, alpha, rounds):
    """Print energies of codes with few layers or iterations, above the minimum, and seconds."""
    coding = SparseCoding(n_atoms, alpha=alpha, random_state=0).fit(train)
    dictionary = coding.dictionary_
    least = energy(test, best_codes(test, dictionary, alpha), dictionary, alpha)
    fixed = {"alpha": alpha, "dictionary": dictionary}
    print(f"\nEncoders for {n_atoms} atoms, learned from {len(train)} samples")
    print(f"{'':36s} {'fit, s':>8s} {'codes, s':>9s} {'above the minimum':>20s}")
    for n_layers in LAYERS:
        contenders, learning = {}, {}
        for name, momentum in (("ISTA", False), ("FISTA", True)):
            descent = Descent(n_layers, tol=0.0, momentum=momentum)
            contenders[name] = SparseCoding(n_atoms, max_iter=0, inference=descent, **fixed)
        contenders["LISTA, start"] = LISTA(n_atoms, n_layers=n_layers, max_iter=0, **fixed)
        contenders["LISTA"] = LISTA(n_atoms, n_layers=n_layers, **fixed)
        contenders["LISTA, untied"] = LISTA(n_atoms, n_layers=n_layers, tied=False, **fixed)
        for name, contender in contenders.items():
            (learning[name],), _ = seconds(lambda model: model.fit(train), 1, contender)
        times, found = seconds(lambda model: model.transform(test), rounds, *contenders.values())
        for name, taken, codes in zip(contenders, times, found, strict=True):
            above = 100 * (energy(test, codes, dictionary, alpha) / least - 1)
            print(f"{f'{name}, {n_layers}':36s} {learning[name]:8.1f} {taken:9.3f} {above:18.2f} %")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", help="folder with classification/mnist_t10k.npz")
    parser.add_argument("--rows", type=int, default=10_000, help="samples, a fifth held out")
    parser.add_argument("--atoms", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    X, _ = problem("mnist_t10k", options.data, options.rows)
    X = X / X.max()
    train, test = np.split(X, [4 * len(X) // 5])
    n_atoms = min(options.atoms, len(train))
    start = SparseCoding(n_atoms, dictionary="data", max_iter=0).fit(train).dictionary_
    alpha = PENALTY * float(np.median(np.abs(train @ start.T).max(axis=1)))
    print(f"{len(train)} + {len(test)} samples, {X.shape[1]} features, alpha {alpha:.3f}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compare_codes(train, test, n_atoms, alpha, options.rounds)
        compare_dictionaries(train, test, n_atoms, alpha, max(options.rounds // 3, 1))
        compare_encoders(train, test, n_atoms, alpha, options.rounds)


if __name__ == "__main__":
    main()
