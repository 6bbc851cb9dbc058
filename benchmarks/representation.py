"""Sparse coding beside scikit-learn's: codes beside Lasso, dictionaries beside its own learners.

    python benchmarks/representation.py --data DIR      handwritten digits of DIR, and parts of them
    python benchmarks/representation.py                 scikit-learn's digits, and textures

Codes: seconds to a relative objective, for the same dictionary, on samples that it was not learned
from. Dictionaries: seconds and the mean energy of held-out samples, whose codes are computed by
the same exact solver for all, after more and more passes; then the seconds at which ours has the
energy of each of theirs. Recovery: how near the learned atoms are to those that generated the
samples, and how well codes are found for combinations of atoms that were never seen together.
Encoders: energies of held-out samples above the minimum, for equal numbers of layers and
iterations.
Contenders take turns; figures are medians, in CPU seconds (threads: seconds of the clock).
"""

import argparse
import itertools
import time
import warnings

import numpy as np
from classification_sets import problem
from sklearn.decomposition import MiniBatchDictionaryLearning, sparse_encode
from sklearn.linear_model import Lasso
from threadpoolctl import threadpool_limits

from sklearn_ebm.inference import Descent
from sklearn_ebm.representation import LISTA, SparseAutoencoder, SparseCoding

# Penalty, as a share of the median over samples of the one that makes all codes zero.
PENALTY = 0.1
LASSO_TOLERANCES = (1e-2, 1e-3)
LAYERS = (2, 4, 8, 16)
#: Inference, dtype, and the largest duality gap relative to half the squared norm.
OURS = (
    ("admm", np.float64, 3e-3), ("admm", np.float64, 5e-4), ("admm", np.float32, 3e-3),
    ("admm", np.float32, 5e-4), ("cd", np.float64, 2e-3), ("fista", np.float32, 1e-3),
)  # fmt: skip
#: Numbers of passes after which dictionaries are compared.
OUR_PASSES, THEIR_PASSES = (1, 2, 4, 8, 16), (1, 2, 4)
#: Patches: samples held out, edge, atoms, penalty for samples of norm 1, parts of a stream.
HELD_OUT, EDGE, PATCH_ATOMS, PATCH_PENALTY, PARTS = 2_000, 8, 128, 0.1, 8
#: Known atoms: atoms, features, active atoms, penalty, standard deviation of the noise.
KNOWN_ATOMS, KNOWN_FEATURES, ACTIVE, KNOWN_PENALTY, NOISE = 64, 32, 5, 0.1, 0.02


def seconds(function, rounds, *contenders, clock=time.process_time):
    """Median CPU seconds of each contender, which take turns, and their last results."""
    times, results = [[] for _ in contenders], [None] * len(contenders)
    for _ in range(rounds):
        for number, contender in enumerate(contenders):
            start = clock()
            results[number] = function(contender)
            times[number].append(clock() - start)
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
    """Print seconds and relative objectives of codes for one dictionary, which is returned."""
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
    return dictionary


def compare_threads(test, dictionary, alpha, rounds):
    """Print seconds of the clock with one thread and with two."""

    def with_threads(n_threads):
        with threadpool_limits(n_threads):
            return our_codes("admm", np.float32, 5e-3)(test, dictionary, alpha)

    times, _ = seconds(with_threads, rounds, 1, 2, clock=time.perf_counter)
    print(f"\nThreads: 1 takes {times[0]:.3f} s, 2 take {times[1]:.3f} s of the clock")


def our_dictionary(n_atoms, alpha, n_passes):
    def learn(train):
        coding = SparseCoding(n_atoms, alpha=alpha, max_iter=n_passes, random_state=0)
        return coding.fit(train.astype(np.float32)).dictionary_.astype(np.float64)

    return learn


def our_stream(n_atoms, alpha, n_parts):
    """Learn from the first of eight parts of the samples, each seen once."""

    def learn(train):
        coding = SparseCoding(n_atoms, alpha=alpha, random_state=0)
        for part in np.array_split(train.astype(np.float32), PARTS)[:n_parts]:
            coding.partial_fit(part)
        return coding.dictionary_.astype(np.float64)

    return learn


def their_dictionary(n_atoms, alpha, n_passes, batch_size=256, **settings):
    def learn(train):
        return MiniBatchDictionaryLearning(
            n_atoms, alpha=alpha, batch_size=batch_size, max_iter=n_passes, fit_algorithm="cd",
            random_state=0, **settings,
        ).fit(train).components_  # fmt: skip

    return learn


def first_at(trace, goal):
    """Seconds at which a trace of (seconds, energy) first has an energy of at most the goal."""
    return min((taken for taken, found in trace if found <= goal), default=np.inf)


def compare_dictionaries(train, test, alpha, ours, theirs, rounds):
    """Print seconds and held-out energies, and when ours has the energy of each of theirs.

    `ours` and `theirs` are functions of the samples that return a dictionary, by their names.
    """
    learners = {f"SparseCoding, {name}": learn for name, learn in ours.items()} | {
        f"MiniBatchDictionaryLearning, {name}": learn for name, learn in theirs.items()
    }
    times, found = seconds(lambda learn: learn(train), rounds, *learners.values())
    held_out = [energy(test, best_codes(test, each, alpha), each, alpha) for each in found]
    trace = list(zip(times, held_out, strict=True))
    print(f"\nDictionaries of {len(found[0])} atoms: {train.shape[0]} x {train.shape[1]}")
    print(f"{'':48s} {'CPU s':>8s} {'held-out energy':>16s} {'ours at it':>11s} {'ratio':>7s}")
    for number, (name, (taken, reached)) in enumerate(zip(learners, trace, strict=True)):
        row = f"{name:48s} {taken:8.2f} {reached:16.5f}"
        if number >= len(ours):
            needed = first_at(trace[: len(ours)], reached)
            row += f" {needed:11.2f} {taken / needed:7.1f}"
        print(row)


def passes(learner, n_atoms, alpha, numbers):
    return {f"{number} passes": learner(n_atoms, alpha, number) for number in numbers}


def patches(images, n_patches):
    """Random square parts of images, without their mean, scaled to norm 1; flat ones are left out.

    Without images, they are parts of textures: noise that is smooth along a random direction.
    """
    rng = np.random.RandomState(0)
    if images is None:
        images = []
        for _ in range(200):
            wave = np.fft.fft2(rng.normal(size=(32, 32)))
            down, right = np.meshgrid(np.fft.fftfreq(32), np.fft.fftfreq(32), indexing="ij")
            angle = rng.uniform(0, np.pi)
            along = down * np.cos(angle) + right * np.sin(angle)
            across = right * np.cos(angle) - down * np.sin(angle)
            images.append(np.fft.ifft2(wave / (0.003 + 4 * along**2 + 0.2 * across**2)).real)
        images = np.array(images)
        images /= images.std(axis=(1, 2), keepdims=True)
    drawn = 2 * n_patches
    number = rng.randint(0, len(images), drawn)
    down, right = rng.randint(0, images.shape[1] - EDGE + 1, (2, drawn))
    places = itertools.product(range(EDGE), range(EDGE))
    rows = np.stack([images[number, down + i, right + j] for i, j in places], axis=1)
    rows -= rows.mean(axis=1, keepdims=True)
    size = np.linalg.norm(rows, axis=1)
    rows = rows[size > 0.5] / size[size > 0.5, None]
    return rows[:n_patches]


def compare_patches(images, n_patches, n_atoms, rounds):
    """Print seconds and held-out energies of dictionaries of many small samples."""
    rows = patches(images, n_patches)
    n_held_out = min(HELD_OUT, len(rows) // 5)
    test, train = rows[:n_held_out], rows[n_held_out:]
    ours = {
        f"stream of {n}/{PARTS}": our_stream(n_atoms, PATCH_PENALTY, n) for n in (1, 2, 4)
    } | passes(our_dictionary, n_atoms, PATCH_PENALTY, (1, 2))
    theirs = {
        f"batches of {size}": their_dictionary(n_atoms, PATCH_PENALTY, 1, size)
        for size in (256, 1024)
    }
    compare_dictionaries(train, test, PATCH_PENALTY, ours, theirs, rounds)


def known_codes(rng, n_samples, shares):
    """Codes with few active atoms; the atoms of each are those of one half, or of both.

    `shares` lists how many active atoms are of the first half.
    """
    half = KNOWN_ATOMS // 2
    codes = np.zeros((n_samples, KNOWN_ATOMS))
    for row in codes:
        n_first = rng.choice(shares)
        first = rng.choice(half, n_first, replace=False)
        second = half + rng.choice(half, ACTIVE - n_first, replace=False)
        active = np.concatenate([first, second])
        row[active] = rng.choice([-1, 1], ACTIVE) * rng.uniform(0.5, 1.5, ACTIVE)
    return codes


def sparse_autoencoder(n_passes):
    def learn(train):
        coder = SparseAutoencoder(KNOWN_ATOMS, n_active=ACTIVE, max_iter=n_passes)
        return coder.fit(train).dictionary_

    return learn


def recovered(learned, atoms):
    """Mean over the true atoms of the largest cosine with a learned atom."""
    learned = learned / np.maximum(np.linalg.norm(learned, axis=1, keepdims=True), 1e-12)
    return float(np.abs(atoms @ learned.T).max(axis=1).mean())


def matched(codes, learned, atoms):
    """Codes of learned atoms as codes of the true atoms that they are nearest to."""
    cosines = learned @ atoms.T
    nearest = np.abs(cosines).argmax(axis=1)
    signs = np.sign(cosines[np.arange(len(learned)), nearest])
    result = np.zeros((len(codes), len(atoms)))
    np.add.at(result.T, nearest, (codes * signs).T)
    return result


def cosine_of_codes(found, true):
    sizes = np.linalg.norm(found, axis=1) * np.linalg.norm(true, axis=1)
    return float(((found * true).sum(axis=1) / np.maximum(sizes, 1e-12)).mean())


def compare_recovery(n_samples, rounds):
    """Print how well atoms and codes are found if the atoms that generated the samples are known.

    Samples to learn from combine atoms of one half only; shifted samples combine both halves.
    """
    rng = np.random.RandomState(0)
    atoms = rng.normal(size=(KNOWN_ATOMS, KNOWN_FEATURES))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    codes = {
        "train": known_codes(rng, n_samples, (0, ACTIVE)),
        "same": known_codes(rng, 1_000, (0, ACTIVE)),
        "shifted": known_codes(rng, 1_000, (2, 3)),
    }
    X = {
        name: each @ atoms + NOISE * rng.normal(size=(len(each), KNOWN_FEATURES))
        for name, each in codes.items()
    }
    learners = {"SparseCoding": our_dictionary(KNOWN_ATOMS, KNOWN_PENALTY, 100)} | {
        f"MiniBatchDictionaryLearning, {n} passes": their_dictionary(
            KNOWN_ATOMS, KNOWN_PENALTY, n, tol=0.0, max_no_improvement=None
        )
        for n in THEIR_PASSES
    }
    learners |= {
        f"SparseAutoencoder, topk, {25 * n} passes": sparse_autoencoder(25 * n)
        for n in THEIR_PASSES
    }
    times, found = seconds(lambda learn: learn(X["train"]), rounds, *learners.values())
    print(f"\nRecovery of {KNOWN_ATOMS} atoms in {KNOWN_FEATURES} dimensions, {ACTIVE} active")
    print(f"{'':48s} {'CPU s':>8s} {'atoms':>7s} {'codes':>7s} {'shifted':>8s}")
    for name, taken, learned in zip(learners, times, found, strict=True):
        cosines = [
            cosine_of_codes(
                matched(best_codes(X[part], learned, KNOWN_PENALTY), learned, atoms), codes[part]
            )
            for part in ("same", "shifted")
        ]
        print(
            f"{name:48s} {taken:8.2f} {recovered(learned, atoms):7.4f} {cosines[0]:7.4f} "
            f"{cosines[1]:8.4f}"
        )


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
    parser.add_argument("--patches", type=int, default=202_000, help="patches, 2,000 held out")
    parser.add_argument("--known", type=int, default=20_000, help="samples of known atoms")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    X, _ = problem("mnist_t10k", options.data, options.rows)
    X = X / X.max()
    edge = int(np.sqrt(X.shape[1]))
    images = X.reshape(-1, edge, edge) if edge >= 2 * EDGE else None
    train, test = np.split(X, [4 * len(X) // 5])
    n_atoms = min(options.atoms, len(train))
    start = SparseCoding(n_atoms, dictionary="data", max_iter=0).fit(train).dictionary_
    alpha = PENALTY * float(np.median(np.abs(train @ start.T).max(axis=1)))
    print(f"{len(train)} + {len(test)} samples, {X.shape[1]} features, alpha {alpha:.3f}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        few = max(options.rounds // 3, 1)
        dictionary = compare_codes(train, test, n_atoms, alpha, options.rounds)
        compare_threads(test, dictionary, alpha, options.rounds)
        ours = passes(our_dictionary, n_atoms, alpha, OUR_PASSES)
        theirs = passes(their_dictionary, n_atoms, alpha, THEIR_PASSES)
        compare_dictionaries(train, test, alpha, ours, theirs, few)
        compare_patches(images, options.patches, min(PATCH_ATOMS, options.atoms), few)
        compare_recovery(options.known, few)
        compare_encoders(train, test, n_atoms, alpha, options.rounds)


if __name__ == "__main__":
    main()
