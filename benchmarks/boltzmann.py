"""Boltzmann machines beside scikit-learn's BernoulliRBM: log-likelihoods of held-out samples.

    python benchmarks/boltzmann.py --data DIR       handwritten digits of DIR, 28 by 28
    python benchmarks/boltzmann.py                  scikit-learn's digits, 8 by 8

Both learn the same energy with the same number of components from the same samples in the same CPU
seconds, which determine the number of passes. Learning rate and batch size of BernoulliRBM are the
best of a grid on validation samples, at these seconds; our settings are the defaults. log Z is
estimated by the same annealed importance sampling for both, from independent features with the
means of the training samples. Two standard errors are shown: that of log Z, and that of the mean
over the test samples; the difference of both machines has the errors of both values of log Z, and
that of the paired mean. If few particles are effective, log Z tends to be too low, and the nats too
high. So log Z is also estimated backwards, by particles that start near training samples and end at
independent features; it then tends to be too high, and the nats "backwards" too low.

Then the intervals of annealed importance sampling are counted that contain the exact log Z of a
machine with 20 components, learned from scikit-learn's digits.
"""

import argparse
import itertools
import time

import numpy as np
from classification_sets import problem
from scipy.special import logsumexp
from sklearn.datasets import load_digits
from sklearn.neural_network import BernoulliRBM
from threadpoolctl import threadpool_limits

from sklearn_ebm._utils.array_api import numpy_namespace
from sklearn_ebm._utils.array_ops import softplus_sums
from sklearn_ebm.representation import BoltzmannMachine
from sklearn_ebm.representation._boltzmann import Machine, drawn, gibbs_steps
from sklearn_ebm.representation._boltzmann_learning import log_odds
from sklearn_ebm.representation._boltzmann_partition import annealed_log_partition, ladder

LEARNING_RATES, BATCH_SIZES = (0.05, 0.1, 0.2), (50, 100, 200)
#: Particles and temperatures with which settings are compared.
QUICK = (200, 1000)
#: Gibbs steps from training samples before annealing backwards.
WARM_UP = 500
#: Components, particles and temperatures of the machine whose partition function is summed.
FEW, FEW_PARTICLES, FEW_TEMPERATURES = 20, 100, 300


def binary_digits(folder):
    """Samples as zeros and ones, in float32: for learning, validation and test."""
    if folder:
        X = problem("mnist_t10k", folder, None)[0]
        X = X / X.max() >= 0.5
    else:
        X = load_digits().data >= 8
    X = X[np.random.RandomState(0).permutation(len(X))].astype(np.float32)
    return np.split(X, [int(0.7 * len(X)), int(0.8 * len(X))])


def fitted_in(seconds, make, X):
    """Model with as many passes as fit into CPU seconds, its passes and its seconds."""
    start = time.process_time()
    make(2).fit(X)
    of_pass = (time.process_time() - start) / 2
    passes = max(int(seconds / of_pass), 1)
    start = time.process_time()
    model = make(passes).fit(X)
    return model, passes, time.process_time() - start


def machine_of(model):
    """Parameters of a model of either kind, whose attributes have the same names."""
    return Machine(model.components_, model.intercept_hidden_, model.intercept_visible_)


def log_likelihoods(machine, X, base, particles, temperatures, seed=0):
    """Log-likelihood of each sample, and the estimate of log Z."""
    rng = np.random.Generator(np.random.SFC64(seed))
    found = annealed_log_partition(machine, base, ladder(temperatures), particles, rng)
    wide = machine.astype(np.float64)
    free = wide.free_energies(X, wide.component_inputs(X.astype(np.float64)))
    return -free - found.value[0], found


def backwards(machine, X, base, particles, temperatures, seed=0):
    """log Z from particles that start near training samples and end at independent features."""
    rng = np.random.Generator(np.random.SFC64(seed))
    machine, base = machine.astype(np.float32), base.astype(np.float32)
    rows = X[rng.choice(len(X), particles)]
    rows = gibbs_steps(machine, drawn(machine.component_inputs(rows), rng), WARM_UP, rng)
    away, logs = machine.visible - base, np.zeros(particles)
    for beta, after in itertools.pairwise(np.linspace(1, 0, temperatures + 1)):
        inputs = machine.component_inputs(rows)
        wide = inputs.astype(np.float64)
        logs += softplus_sums(numpy_namespace, after * wide)
        logs -= softplus_sums(numpy_namespace, beta * wide) + (beta - after) * (rows @ away)
        codes = np.float32(after) * drawn(inputs * np.float32(after), rng)
        rows = drawn(codes @ machine.weight + (base + np.float32(after) * away), rng)
    at_zero = softplus_sums(numpy_namespace, base.astype(np.float64))
    at_zero += len(machine.hidden) * np.log(2)
    return at_zero - (logsumexp(logs) - np.log(particles))


def tuned_theirs(options, train, valid, base):
    """Learning rate and batch size of BernoulliRBM with the best validation samples."""
    best = (-np.inf,)
    print(f"BernoulliRBM, {options.seconds:g} s: nats of validation samples")
    for rate, size in itertools.product(LEARNING_RATES, BATCH_SIZES):
        model, passes, _ = fitted_in(options.seconds, theirs(options, rate, size, 0), train)
        value = log_likelihoods(machine_of(model), valid, base, *QUICK)[0].mean()
        print(f"  learning rate {rate:<5g} batch {size:<4d} passes {passes:<4d} {value:9.2f}")
        best = max(best, (value, rate, size))
    return best[1:]


def theirs(options, rate, size, seed):
    return lambda passes: BernoulliRBM(
        options.components, learning_rate=rate, batch_size=size, n_iter=passes, random_state=seed
    )


def ours(options, seed):
    return lambda passes: BoltzmannMachine(options.components, max_iter=passes, random_state=seed)


def compare(options, train, valid, test):
    base = log_odds(train.mean(axis=0), len(train))
    rate, size = tuned_theirs(options, train, valid, base)
    head = f"{'':22s}{'passes':>7s}{'CPU s':>7s}{'nats':>10s}{'of log Z':>10s}{'of mean':>9s}"
    head += f"{'backwards':>11s}"
    print(f"\nTest samples, {options.particles} particles, {options.temperatures} temperatures")
    print(f"{head}{'ESS':>7s}  reliable")
    for seed in range(options.seeds):
        rows = []
        for name, make in (
            ("BoltzmannMachine", ours(options, seed)),
            (f"BernoulliRBM {rate:g}, {size}", theirs(options, rate, size, seed)),
        ):
            model, passes, seconds = fitted_in(options.seconds, make, train)
            logs, z = log_likelihoods(
                machine_of(model), test, base, options.particles, options.temperatures, seed
            )
            error = logs.std() / np.sqrt(len(logs))
            upper = backwards(
                machine_of(model), train, base, options.particles, options.temperatures, seed
            )
            back = logs.mean() + z.value[0] - upper
            print(
                f"{name:22s}{passes:7d}{seconds:7.1f}{logs.mean():10.2f}"
                f"{z.standard_error[0]:10.3f}{error:9.2f}{back:11.2f}{z.ess[0]:7.0f}  "
                f"{bool(z.reliable[0])}",
                flush=True,
            )
            rows.append((logs, z.standard_error[0]))
        away = rows[0][0] - rows[1][0]
        error = np.sqrt(away.var() / len(away) + rows[0][1] ** 2 + rows[1][1] ** 2)
        print(f"  seed {seed}: difference {away.mean():.2f} with the standard error {error:.2f}")


def coverage(options):
    """Intervals of annealing that contain the exact log Z."""
    machine = BoltzmannMachine(FEW).fit(binary_digits(None)[0])
    exact = machine.log_partition("exact").value[0]
    found = [
        machine.log_partition("ais", FEW_PARTICLES, FEW_TEMPERATURES, seed)
        for seed in range(options.repetitions)
    ]
    reliable = [each for each in found if each.reliable[0]]
    limits = np.array([each.interval(0.95)[0] for each in reliable])
    inside = ((limits[:, 0] <= exact) & (exact <= limits[:, 1])).mean()
    errors = [each.value[0] - exact for each in reliable]
    print(
        f"\n{FEW} components, log Z = {exact:.3f} exactly; {len(found)} estimates with "
        f"{FEW_PARTICLES} particles and {FEW_TEMPERATURES} temperatures:\n"
        f"{len(reliable)} reliable, {inside:.3f} of their 95 % intervals contain log Z; mean error "
        f"{np.mean(errors):.4f}, root of the mean square {np.sqrt(np.mean(np.square(errors))):.4f}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", help="folder with classification/mnist_t10k.npz")
    parser.add_argument("--components", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=15.0, help="CPU seconds of a fit")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--particles", type=int, default=500)
    parser.add_argument("--temperatures", type=int, default=5000)
    parser.add_argument("--repetitions", type=int, default=200, help="estimates of one log Z")
    options = parser.parse_args()
    with threadpool_limits(1):
        train, valid, test = binary_digits(options.data)
        print(f"{len(train)} training samples, {len(valid)} validation, {len(test)} test")
        coverage(options)
        compare(options, train, valid, test)


if __name__ == "__main__":
    main()
