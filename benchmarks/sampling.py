"""Samplers: known distributions, effective draws a second, coverage of log Z, unbiased gradients.

    python benchmarks/sampling.py                       all tables
    python benchmarks/sampling.py --tables speed        one of them; needs no data

Distributions: moments and quantiles of draws beside exact ones, in standard errors. Speed: HMC with
the same step size, leapfrog steps and chains, beside torchebm (its Gaussian model, and a model with
an analytic gradient) and BlackJAX, as far as they are installed. Contenders take turns; figures are
medians, in CPU seconds. log Z: bias, root mean squared error and coverage of nominal 95 %
intervals. Gradients: the mean of ∂F/∂W over chains beside its exact value.
"""

import argparse
import importlib.util
import time
import warnings
from functools import partial

import numpy as np

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm.datasets import make_horn, make_two_branches
from sklearn_ebm.exceptions import SamplingWarning
from sklearn_ebm.inference import log_partition
from sklearn_ebm.samplers import (
    HMC,
    MALA,
    FunctionSurface,
    Gibbs,
    IndependenceMetropolis,
    ParallelTempering,
    ess_bulk,
    sample,
)
from sklearn_ebm.samplers.base import DiscreteSurface, Surface
from sklearn_ebm.samplers.student_mixture import StudentMixture

LEARNED = {"two branches": make_two_branches, "horn": partial(make_horn, noise=0.5)}
TABLES = ("distributions", "speed", "partition", "gradients")
#: Chains, outputs, correlation, step size, leapfrog steps, iterations.
CHAINS, OUTPUTS, RHO, STEP, LEAPFROG, ITERATIONS = 1000, 10, 0.9, 0.2, 10, 500
LEVELS = np.array([0.05, 0.25, 0.5, 0.75, 0.95])


def correlated(q, rho):
    covariance = rho ** np.abs(np.subtract.outer(np.arange(q), np.arange(q)))
    return covariance, np.linalg.inv(covariance)


def gaussian_energy(precision):
    def energy(X, y):
        slopes = y @ precision
        return y.dtype.type(0.5) * np.einsum("nq,nq->n", y, slopes), slopes

    return energy


# Distributions: energies, exact draws, and whether a proposal is needed to move between modes.


def double_well(X, y):
    return 3 * ((y**2 - 1) ** 2)[:, 0], 12 * y * (y**2 - 1)


def ring(X, y):
    radius = np.maximum(np.linalg.norm(y, axis=1), 1e-12)
    return (radius - 2) ** 2 / 0.18, ((radius - 2) / 0.09 / radius)[:, None] * y


def banana(X, y):
    away = (y[:, 1] - y[:, 0] ** 2 + 1) / 0.25
    slopes = np.stack([y[:, 0] - 2 * y[:, 0] * away, away], axis=1)
    return (y[:, 0] ** 2 + 0.25 * away**2) / 2, slopes


def from_grid(log_density, low, high, n, rng):
    """Draws of a density on a line, by the inverse of its distribution function."""
    grid = np.linspace(low, high, 200_001)
    total = np.cumsum(np.exp(log_density(grid)))
    return np.interp(rng.random(n), total / total[-1], grid)


def exact_draws(name, n, rng):
    if name == "10-D Gaussian":
        return rng.standard_normal((n, 10)) @ np.linalg.cholesky(correlated(10, RHO)[0]).T
    if name == "double well":
        return from_grid(lambda y: -3 * (y**2 - 1) ** 2, -3, 3, n, rng)[:, None]
    if name == "2-D ring":
        log_density = lambda r: np.log(r) - (r - 2) ** 2 / 0.18  # noqa: E731
        radius = from_grid(log_density, 1e-6, 5, n, rng)
        angle = rng.uniform(0, 2 * np.pi, n)
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    z = rng.standard_normal((n, 2))
    return np.stack([z[:, 0], z[:, 0] ** 2 - 1 + z[:, 1] / 2], axis=1)


class Ising(DiscreteSurface):
    """A chain of spins with a field, in two blocks: log Z by products of 2 × 2 matrices."""

    def __init__(self, q=10, coupling=0.5, field=0.2):
        self.n_rows, self.n_outputs, self.n_values = 1, q, (2,) * q
        self.coupling, self.field = coupling, field

    @property
    def blocks(self):
        return np.arange(0, self.n_outputs, 2), np.arange(1, self.n_outputs, 2)

    def statistics(self, y):
        spins = 2 * y - 1
        return np.stack([(spins[..., 1:] * spins[..., :-1]).sum(-1), spins.sum(-1)], axis=-1)

    def energies(self, y):
        return -self.statistics(y) @ np.array([self.coupling, self.field])

    def conditional_energies(self, y, block):
        spins = np.pad(2 * y - 1, ((0, 0), (0, 0), (1, 1)))
        force = self.coupling * (spins[..., block] + spins[..., block + 2]) + self.field
        return np.stack([force, -force], axis=-1)

    def __getitem__(self, rows):
        return self

    def listed(self):
        """All answers, and their probabilities."""
        numbers = np.arange(2**self.n_outputs)
        answers = np.stack(np.unravel_index(numbers, self.n_values), axis=-1).astype(float)
        weights = np.exp(-self.energies(answers[None])[0])
        return answers, weights / weights.sum()


def in_errors(draws, exact, ess):
    """Largest differences of means, variances and quantiles, in standard errors."""
    flat = draws.reshape(-1, draws.shape[-1])
    mean, variance = exact.mean(axis=0), exact.var(axis=0)
    kurtosis = np.square(np.square(exact - mean)).mean(axis=0) / variance**2 - 1
    quantiles = np.quantile(exact, LEVELS, axis=0)
    shares = np.stack([(flat <= quantile).mean(axis=0) for quantile in quantiles])
    binomial = np.sqrt((LEVELS * (1 - LEVELS))[:, None] / ess)
    return (
        (np.abs(flat.mean(axis=0) - mean) / np.sqrt(variance / ess)).max(),
        (np.abs(flat.var(axis=0) / variance - 1) / np.sqrt(kurtosis / ess)).max(),
        (np.abs(shares - LEVELS[:, None]) / binomial).max(),
    )


def compare_distributions(n_samples):
    print(f"\nDistributions: differences in standard errors; {n_samples} draws of 8 chains")
    print(f"{'':32s} {'ESS':>7s} {'R-hat':>7s} {'mean':>6s} {'var':>6s} {'quantiles':>10s}")
    settings = {"n_draws": n_samples, "n_warmup": 500, "n_chains": 8, "random_state": 0}
    energies = {
        "10-D Gaussian": (gaussian_energy(correlated(10, RHO)[1]), 10),
        "double well": (double_well, 1), "2-D ring": (ring, 2), "banana": (banana, 2),
    }  # fmt: skip
    for name, (energy, q) in energies.items():
        exact = exact_draws(name, 1_000_000, np.random.default_rng(1))
        for sampler in ("hmc", "mala", "independence", "tempering"):
            result = sample(energy, np.zeros((1, 1)), n_outputs=q, sampler=sampler, **settings)
            ess = np.minimum(result.diagnostics.ess_bulk, result.diagnostics.ess_tail).min()
            errors = in_errors(result.draws, exact, ess)
            print_errors(f"{name}, {sampler}", ess, result.diagnostics.r_hat.max(), errors)
    where = Ising()
    answers, probabilities = where.listed()
    result = sample(where, sampler="gibbs", **settings)
    numbers = where.statistics(result.draws[0])
    ess = ess_bulk(np.moveaxis(numbers, -1, 0))
    values = where.statistics(answers)
    mean = probabilities @ values
    variance = probabilities @ (values - mean) ** 2
    kurtosis = probabilities @ (values - mean) ** 4 / variance**2 - 1
    flat = numbers.reshape(-1, 2)
    one = (np.abs(flat.mean(axis=0) - mean) / np.sqrt(variance / ess)).max()
    two = (np.abs(flat.var(axis=0) / variance - 1) / np.sqrt(kurtosis / ess)).max()
    print_errors("Ising chain, gibbs", ess.min(), result.diagnostics.r_hat.max(), (one, two, 0.0))


def print_errors(name, ess, worst, errors):
    mean, variance, quantiles = errors
    print(f"{name:32s} {ess:7.0f} {worst:7.3f} {mean:6.1f} {variance:6.1f} {quantiles:10.1f}")


# Speed: each contender returns draws (iterations, chains, outputs).


class GaussianSurface(Surface):
    """Energies and slopes as separate functions, as in the model with an analytic gradient."""

    n_rows, n_outputs = 1, OUTPUTS

    def __init__(self, dtype):
        self.precision = correlated(OUTPUTS, RHO)[1].astype(dtype)

    def energies(self, y):
        return self.energies_and_slopes(y)[0]

    def energies_and_slopes(self, y):
        slopes = y @ self.precision
        return np.einsum("nmq,nmq->nm", y, slopes) * y.dtype.type(0.5), slopes

    def slopes(self, y):
        return y @ self.precision

    def __getitem__(self, rows):
        return self


def ours(dtype, function=False):
    precision = correlated(OUTPUTS, RHO)[1].astype(dtype)

    def run(start, seed):
        where = GaussianSurface(dtype)
        if function:
            energy = gaussian_energy(precision)
            where = FunctionSurface(energy, np.zeros((1, 1), dtype), OUTPUTS)
        rng = np.random.Generator(np.random.SFC64(seed))
        sampler = HMC(STEP, LEAPFROG, scales=None, jitter=0.0)
        state = sampler.start(where, start[None].astype(dtype))
        draws = np.empty((ITERATIONS, CHAINS, OUTPUTS), dtype)
        for number in range(ITERATIONS):
            state = sampler.step(where, state, rng).state
            draws[number] = state.answers[0]
        return draws

    return run


def torchebm_contenders():
    import torch
    from torchebm.core import BaseModel, GaussianModel
    from torchebm.samplers import HamiltonianMonteCarlo

    covariance, precision = (torch.tensor(part).float() for part in correlated(OUTPUTS, RHO))

    class Analytic(BaseModel):
        def forward(self, x):
            return 0.5 * ((x @ precision) * x).sum(dim=-1)

        def gradient(self, x, model_kwargs=None):
            return x @ precision

    def contender(model):
        sampler = HamiltonianMonteCarlo(model, step_size=STEP, n_leapfrog_steps=LEAPFROG)

        def run(start, seed):
            torch.manual_seed(seed)
            x = torch.tensor(start).float()
            draws = sampler.sample(x=x, n_steps=ITERATIONS, return_trajectory=True)
            return draws.numpy().transpose(1, 0, 2)

        return run

    torch.set_num_threads(1)
    return {
        "torchebm, analytic gradient": contender(Analytic()),
        "torchebm, its Gaussian model": contender(GaussianModel(torch.zeros(OUTPUTS), covariance)),
    }


def blackjax_contenders():
    import blackjax
    import jax
    import jax.numpy as jnp

    precision = jnp.asarray(correlated(OUTPUTS, RHO)[1], dtype=jnp.float32)
    sampler = blackjax.hmc(
        lambda y: -0.5 * y @ precision @ y,
        step_size=STEP, inverse_mass_matrix=jnp.ones(OUTPUTS), num_integration_steps=LEAPFROG,
    )  # fmt: skip

    @jax.jit
    def chains(start, key):
        def one(states, key):
            keys = jax.random.split(key, CHAINS)
            states, _ = jax.vmap(sampler.step)(keys, states)
            return states, states.position

        states = jax.vmap(sampler.init)(start)
        return jax.lax.scan(one, states, jax.random.split(key, ITERATIONS))[1]

    def run(start, seed):
        return np.asarray(chains(jnp.asarray(start, dtype=jnp.float32), jax.random.PRNGKey(seed)))

    return {"BlackJAX, compiled": run}


def effective(draws):
    """Effective draws of all chains for the worst output, whose mean is known to be 0."""
    n = len(draws)
    length = 2 ** int(np.ceil(np.log2(2 * n)))
    power = np.abs(np.fft.rfft(draws.astype(np.float64), length, axis=0)) ** 2
    covariances = np.fft.irfft(power.mean(axis=1), length, axis=0)[:n]
    correlations = covariances / covariances[0] * (n / (n - np.arange(n)))[:, None]
    pairs = correlations[: n // 2 * 2].reshape(-1, 2, draws.shape[2]).sum(axis=1)
    kept = np.logical_and.accumulate(pairs > 0, axis=0)
    tau = -1 + 2 * np.where(kept, np.minimum.accumulate(pairs, axis=0), 0).sum(axis=0)
    return n * draws.shape[1] / tau.max()


def compare_speed(rounds):
    contenders = {
        "HMC, float64": ours(np.float64), "HMC, float32": ours(np.float32),
        "HMC, float32, a function": ours(np.float32, function=True),
    }  # fmt: skip
    rivals = {"torchebm": torchebm_contenders, "blackjax": blackjax_contenders}
    print(f"\nHMC: {CHAINS} chains, {OUTPUTS}-D AR(1) {RHO}, h = {STEP}, L = {LEAPFROG}, "
          f"{ITERATIONS} iterations, median of {rounds} turns")  # fmt: skip
    for name, build in rivals.items():
        if importlib.util.find_spec(name) is None:
            print(f"{name} is not installed and is left out.")
        else:
            contenders |= build()
    factor = np.linalg.cholesky(correlated(OUTPUTS, RHO)[0])
    start = np.random.default_rng(0).standard_normal((CHAINS, OUTPUTS)) @ factor.T
    seconds, found = {name: [] for name in contenders}, {}
    for seed in range(-1, rounds):  # the first turn compiles and warms caches
        for name, run in contenders.items():
            before = time.process_time()
            draws = run(start, seed + 1)
            if seed >= 0:
                seconds[name].append(time.process_time() - before)
                found.setdefault(name, []).append((effective(draws), draws.var(axis=(0, 1)).mean()))
    rate = {}
    print(f"{'':32s} {'s':>7s} {'ESS':>8s} {'ESS/s':>9s} {'variance':>9s}")
    for name, taken in seconds.items():
        ess, variance = np.median(found[name], axis=0)
        rate[name] = ess / np.median(taken)
        print(f"{name:32s} {np.median(taken):7.3f} {ess:8.0f} {rate[name]:9.0f} {variance:9.3f}")
    ours_of = ("HMC, float64", "HMC, float32", "HMC, float32, a function")
    for name in (rival for rival in rate if rival not in ours_of):
        for mine in ours_of:
            print(f"{mine:25s} over {name:30s} {rate[mine] / rate[name]:6.1f}")


# log Z.


def spread_gaussian(q):
    scales = np.exp(np.linspace(-0.5, 0.5, q))
    covariance = correlated(q, 0.5)[0] * np.outer(scales, scales)
    precision, mean = np.linalg.inv(covariance), np.ones(q) / np.sqrt(q)

    def energy(X, y):
        slopes = (y - mean) @ precision
        return 0.5 * np.einsum("nq,nq->n", y - mean, slopes), slopes

    return energy, q, q / 2 * np.log(2 * np.pi) + np.linalg.slogdet(covariance)[1] / 2


def two_modes(separation, scale):
    means = np.array([[separation, 0.0], [-separation, 0.0]])

    def energy(X, y):
        away = y[:, None] - means
        logs = -(away**2).sum(axis=2) / (2 * scale**2)
        highest = logs.max(axis=1)
        shares = np.exp(logs - highest[:, None])
        total = shares.sum(axis=1)
        slopes = ((shares / total[:, None])[..., None] * away).sum(axis=1) / scale**2
        return -np.log(total / 2) - highest, slopes

    return energy, 2, np.log(2 * np.pi * scale**2)


def isotropic(n, mean, scale, q):
    factor = np.tile(scale * np.eye(q), (n, 1, 1, 1))
    return StudentMixture(np.ones((n, 1)), np.broadcast_to(mean, (n, 1, q)), factor)


def compare_partition(replicates):
    print(f"\nlog Z: {replicates} replicates; coverage of nominal 95 % intervals where reliable")
    heads = {"bias": 8, "rmse": 7, "cover": 6, "reliable": 9, "ESS": 6, "s each": 7}
    print(f"{'':40s} " + " ".join(f"{head:>{width}s}" for head, width in heads.items()))
    cases = {f"Gaussian {q}-D": spread_gaussian(q) for q in (2, 5, 10, 20)}
    cases |= {f"modes ±{a:g}, sd {s:g}": two_modes(a, s) for a, s in ((2, 0.4), (4, 0.4), (6, 0.2))}
    X = np.zeros((replicates, 1))
    for name, (energy, q, truth) in cases.items():
        for method in ("auto", "importance", "ais"):
            if method == "auto" and q > 2:
                continue  # the same as "importance"
            rows = X[:1] if method == "auto" else X
            print_partition(f"{name}, {method}", energy, rows, truth, method=method, n_outputs=q)
    energy, q, truth = spread_gaussian(20)
    wide = isotropic(replicates, 0.0, 2.0, 20)
    print_partition("Gaussian 20-D, from t(0, 4 I)", energy, X, truth, "importance", proposal=wide)
    energy, q, truth = two_modes(4, 0.4)
    one = isotropic(replicates, [4.0, 0.0], 0.45, 2)
    print_partition("modes ±4, from one of them", energy, X, truth, "importance", proposal=one)
    for name, make in LEARNED.items():
        print_learned(name, make, replicates)


def print_learned(name, make, replicates, **settings):
    """Learned networks of x and y at new x, beside quadrature."""
    reg = LatentEBMRegressor("joint", random_state=0, **settings).fit(*make(2000, random_state=0))
    X, _ = make(replicates, random_state=1)
    truth = log_partition(reg, X, "quadrature").value
    for method in ("importance", "ais"):
        print_partition(f"learned, {name}, {method}", reg, X, truth, method)


def print_partition(name, energy, X, truth, method, **settings):
    start = time.perf_counter()
    result = log_partition(energy, X, method, **settings)
    seconds = (time.perf_counter() - start) / len(X)
    lower, upper = result.interval().T
    inside = ((lower <= truth) & (truth <= upper))[result.reliable]
    cover = f"{inside.mean():6.3f}" if len(inside) else "     -"
    error = result.value - truth
    print(f"{name:40s} {error.mean():8.4f} {np.sqrt((error**2).mean()):7.4f} {cover} "
          f"{result.reliable.mean():9.2f} {np.median(result.ess):6.0f} {seconds:7.4f}")  # fmt: skip


# Gradients of the likelihood.

WEIGHTS = np.array([0.6, 1.5])


def features(y):
    return np.stack([y[..., 0] ** 2, np.cos(3 * y[..., 0])], axis=-1)


def wavy(X, y):
    slopes = y**3 + 2 * WEIGHTS[0] * y - 3 * WEIGHTS[1] * np.sin(3 * y)
    return y[:, 0] ** 4 / 4 + features(y) @ WEIGHTS, slopes


def compare_gradients(n_chains):
    print(f"\nE ∂F/∂W over {n_chains} chains: difference from the exact value, in standard errors")
    grid = np.linspace(-5, 5, 20_001)[:, None]
    weights = np.exp(-wavy(None, grid)[0])
    exact = weights @ features(grid) / weights.sum()
    rng = np.random.default_rng(0)
    where, start = FunctionSurface(wavy, np.zeros((1, 1)), 1), rng.standard_normal((1, n_chains, 1))
    samplers = (
        MALA(step_size=0.4), HMC(step_size=0.2, n_leapfrog=5),
        IndependenceMetropolis(isotropic(1, 0.0, 1.0, 1), MALA(step_size=0.4)),
        ParallelTempering(HMC(step_size=0.3, n_leapfrog=3), betas=(1.0, 0.5, 0.2)),
    )  # fmt: skip
    for sampler in samplers:
        print_gradient(sampler, where, start, features, exact, rng)
    ising = Ising()
    answers, probabilities = ising.listed()
    start = np.zeros((1, n_chains, ising.n_outputs))
    exact = probabilities @ ising.statistics(answers)
    print_gradient(Gibbs(), ising, start, ising.statistics, exact, rng)


def print_gradient(sampler, where, start, statistics, exact, rng):
    state, averages = sampler.start(where, start), 0.0
    for number in range(150):
        state = sampler.step(where, state, rng).state
        if number >= 50:
            averages = averages + statistics(sampler.at_target(state.answers)[0]) / 100
    error = averages.std(axis=0) / np.sqrt(len(averages))
    away = (np.abs(averages.mean(axis=0) - exact) / error).max()
    name = type(sampler).__name__
    print(f"{name:32s} {away:6.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES)
    parser.add_argument("--rounds", type=int, default=5, help="turns of the contenders")
    parser.add_argument("--replicates", type=int, default=200, help="estimates of each log Z")
    parser.add_argument("--draws", type=int, default=2000, help="draws of each chain")
    options = parser.parse_args()
    warnings.simplefilter("ignore", SamplingWarning)
    if "distributions" in options.tables:
        compare_distributions(options.draws)
    if "speed" in options.tables:
        compare_speed(options.rounds)
    if "partition" in options.tables:
        compare_partition(options.replicates)
    if "gradients" in options.tables:
        compare_gradients(4000)


if __name__ == "__main__":
    main()
