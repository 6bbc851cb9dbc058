"""Auto-encoders and quantisers beside PCA, K-means and scikit-learn's networks.

    python benchmarks/autoencoders.py --data DIR      handwritten digits of DIR
    python benchmarks/autoencoders.py                 scikit-learn's digits

Narrow codes: energies of held-out samples for codes of equal size. Densities: log-likelihood of
held-out samples, in nats. Discrete codes: energies for equal bits and for equal numbers of vectors,
and the fraction of the codes that are used. Contenders take turns; times are medians, in CPU
seconds.
"""

import argparse
import warnings

import numpy as np
from classification_sets import problem
from representation import seconds
from scipy.linalg import subspace_angles
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA, FactorAnalysis
from sklearn.neural_network import MLPRegressor

from sklearn_ebm.representation import (
    Autoencoder,
    VariationalAutoencoder,
    VectorQuantizer,
    VQAutoencoder,
)


def half_squares(away):
    return float(np.mean(0.5 * (away**2).sum(axis=1)))


def table(title, heads, names, times, *columns):
    print(f"\n{title}")
    print(f"{'':36s} {'CPU s':>8s} {'ratio':>7s}" + "".join(f" {head:>20s}" for head in heads))
    for name, taken, *figures in zip(names, times, *columns, strict=True):
        line = "".join(f" {figure:>20s}" for figure in figures)
        print(f"{name:36s} {taken:8.2f} {taken / times[0]:7.2f}{line}")


def compare_narrow(train, test, n_components, rounds):
    """Print times and held-out energies of codes with few components."""
    sizes = (128,)

    def network(_):
        return MLPRegressor(
            hidden_layer_sizes=(*sizes, n_components, *sizes), max_iter=100, random_state=0
        ).fit(train, train)  # fmt: skip

    contenders = {
        "PCA": lambda _: PCA(n_components, random_state=0).fit(train),
        "Autoencoder, linear": lambda _: Autoencoder(n_components, ()).fit(train),
        "Autoencoder": lambda _: Autoencoder(n_components, sizes).fit(train),
        "Autoencoder, 10 passes": lambda _: Autoencoder(n_components, sizes, max_iter=10).fit(
            train
        ),
        "MLPRegressor(X, X), 100 passes": network,
    }
    times, models = seconds(lambda fit: fit(None), rounds, *contenders.values())
    energies, angles = [], []
    axes = models[0].components_.T
    for model in models:
        if isinstance(model, MLPRegressor):
            found = model.predict(test)
        else:
            found = model.inverse_transform(model.transform(test))
        energies.append(f"{half_squares(test - found):.4f}")
        linear = getattr(model, "hidden_layer_sizes", None) == ()
        weight = model.params_["decoder_output_weight"].T if linear else axes
        angles.append(f"{subspace_angles(weight, axes).max():.1e}" if linear else "")
    table(
        f"Codes of {n_components} components", ("held-out energy", "angle to PCA"), contenders,
        times, energies, angles,
    )  # fmt: skip


def exact_likelihood(model, X):
    """Log-density of a linear decoder: normal with the covariance W Wᵀ + σ² I."""
    weight = model.scale_ * model.params_["decoder_output_weight"]
    covariance = weight.T @ weight + model.noise_**2 * np.eye(X.shape[1])
    away = X - model.inverse_transform(np.zeros((1, len(weight))))
    squares = np.einsum("nd,nd->n", away, np.linalg.solve(covariance, away.T).T)
    return -0.5 * (squares + np.linalg.slogdet(2 * np.pi * covariance)[1])


def compare_densities(train, test, n_components, rounds):
    """Print log-likelihoods of held-out samples; of networks, importance-sampled ones."""
    contenders = {
        "PCA": lambda _: PCA(n_components, random_state=0).fit(train),
        "FactorAnalysis": lambda _: FactorAnalysis(n_components, random_state=0).fit(train),
        "VariationalAutoencoder, linear": lambda _: VariationalAutoencoder(n_components, ()).fit(
            train
        ),
        "VariationalAutoencoder": lambda _: VariationalAutoencoder(n_components).fit(train),
    }
    times, models = seconds(lambda fit: fit(None), rounds, *contenders.values())
    scores, likelihoods = [], []
    for model in models:
        scores.append(f"{model.score(test):.3f}")
        if hasattr(model, "log_likelihood"):
            value, error = model.log_likelihood(test[:200])
            likelihoods.append(f"{value.mean():.3f} ± {error.mean():.3f}")
        else:
            likelihoods.append(f"{model.score(test[:200]):.3f}")
    table(
        f"Densities with {n_components} components",
        ("score or ELBO", "likelihood of 200"), contenders, times, scores, likelihoods,
    )  # fmt: skip
    linear = models[2]
    linear.params_["encoder_output_weight"] *= 0.97  # the encoder is no longer the posterior
    value, error = linear.log_likelihood(test[:200], 2_000)
    within = np.abs(value - exact_likelihood(linear, test[:200])) < 2 * error
    print(f"importance sampling within 2 standard errors of the exact: {within.mean():.2f}")


def compare_discrete(train, test, n_codes, rounds):
    """Print energies of discrete codes, bits, and the fraction of the codes that are used."""
    half = int(np.sqrt(n_codes))
    contenders = {
        f"KMeans({n_codes}, n_init=1)": lambda _: KMeans(n_codes, n_init=1, random_state=0).fit(
            train
        ),
        f"VectorQuantizer({n_codes})": lambda _: VectorQuantizer(n_codes).fit(train),
        f"2 groups of {half}": lambda _: VectorQuantizer(half, n_groups=2).fit(train),
        f"2 levels of {half}": lambda _: VectorQuantizer(half, n_levels=2).fit(train),
        f"4 groups of {n_codes // 4}": lambda _: VectorQuantizer(n_codes // 4, n_groups=4).fit(
            train
        ),
        f"4 levels of {n_codes // 4}": lambda _: VectorQuantizer(n_codes // 4, n_levels=4).fit(
            train
        ),
        f"VQAutoencoder({n_codes})": lambda _: VQAutoencoder(n_codes).fit(train),
        f"VQAutoencoder({n_codes // 4}, 4)": lambda _: VQAutoencoder(n_codes // 4, 4).fit(train),
    }
    times, models = seconds(lambda fit: fit(None), rounds, *contenders.values())
    inside, held_out, bits, used = [], [], [], []
    for model in models:
        if isinstance(model, KMeans):
            codes = model.predict(train)[:, None]
            found = [model.cluster_centers_[model.predict(X)] for X in (train, test)]
        else:
            codes = model.transform(train)
            found = [model.inverse_transform(model.transform(X)) for X in (train, test)]
        inside.append(f"{half_squares(train - found[0]):.4f}")
        held_out.append(f"{half_squares(test - found[1]):.4f}")
        size = getattr(model, "n_codes", n_codes)
        bits.append(f"{codes.shape[1] * np.log2(size):.0f}")
        used.append(f"{np.mean([len(np.unique(column)) / size for column in codes.T]):.2f}")
    table(
        "Discrete codes", ("energy", "held-out energy", "bits", "codes used"), contenders, times,
        inside, held_out, bits, used,
    )  # fmt: skip


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", help="folder with classification/mnist_t10k.npz")
    parser.add_argument("--rows", type=int, default=10_000, help="samples, a fifth held out")
    parser.add_argument("--components", type=int, default=16)
    parser.add_argument("--codes", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    X, _ = problem("mnist_t10k", options.data, options.rows)
    X = X / X.max()
    train, test = np.split(X, [4 * len(X) // 5])
    print(f"{len(train)} + {len(test)} samples, {X.shape[1]} features")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compare_narrow(train, test, options.components, options.rounds)
        compare_densities(train, test, options.components, options.rounds)
        compare_discrete(train, test, options.codes, options.rounds)


if __name__ == "__main__":
    main()
