"""How long do conditional densities with many components take, and how exact are they?

It blends banks of kernels at stored answers with Gaussians around a location, as a blend of
energies does, and prints the seconds of the reduction and of every method of `GaussianMixture`,
with the error of those that have a reference.

    python benchmarks/distributions.py
    python benchmarks/distributions.py --rows 2000 --components 300
    python benchmarks/distributions.py --quick
"""

import argparse
import json
import time

import numpy as np
from threadpoolctl import threadpool_limits

from sklearn_ebm.distributions import GaussianMixture
from sklearn_ebm.distributions._numerics.gaussian_crps import half_spread_of_pairs
from sklearn_ebm.distributions._numerics.integrals import density_in_cells
from sklearn_ebm.distributions._numerics.quadrature import half_spread
from sklearn_ebm.distributions.gaussian_mixture import FINEST_CELL
from sklearn_ebm.distributions.reduction import reduced

#: Bandwidths of a memory, as parts of the local standard deviation, and widths around the location.
BANDWIDTHS = np.array([0.05, 0.12, 0.3, 0.6, 1.2])
WIDTHS = np.array([0.15, 0.3, 0.5, 0.8, 1.2, 2.0, 4.0])
BACKGROUNDS = np.array([2.0, 6.0])
MEMORIES = 3


def blend(n_rows, n_components, random_state=0):
    """Weights, means and scales (n, K) of three memories, a location and two backgrounds."""
    rng = np.random.default_rng(random_state)
    fixed = len(WIDTHS) + len(BACKGROUNDS)
    stored = max(1, (n_components - fixed) // (MEMORIES * len(BANDWIDTHS)))
    location = rng.normal(size=(n_rows, 1))
    deviation = np.exp(rng.normal(-2.0, 1.0, size=(n_rows, 1))).clip(0.02, 1.0)
    prior = rng.dirichlet(np.full(MEMORIES * len(BANDWIDTHS) + len(WIDTHS), 0.3), size=n_rows)
    prior = prior.clip(1e-6)
    prior *= 0.999 / prior.sum(axis=1, keepdims=True)
    weights, means, scales = [], [], []
    for memory in range(MEMORIES):
        share = rng.dirichlet(np.full(stored, 0.5), size=n_rows)
        answers = location + deviation * rng.standard_t(4, size=(n_rows, stored))
        for number, bandwidth in enumerate(BANDWIDTHS):
            element = memory * len(BANDWIDTHS) + number
            width = np.hypot(bandwidth * deviation, 0.002 * (1 + memory))
            weights.append(prior[:, [element]] * share)
            means.append(answers)
            scales.append(np.broadcast_to(width, answers.shape))
    around = np.concatenate([deviation * WIDTHS, np.tile(BACKGROUNDS, (n_rows, 1))], axis=1)
    weights += [prior[:, -len(WIDTHS) :], np.full((n_rows, len(BACKGROUNDS)), 5e-4)]
    means.append(np.broadcast_to(location, around.shape))
    scales.append(around)
    weights = np.concatenate(weights, axis=1)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights, np.concatenate(means, axis=1), np.concatenate(scales, axis=1)


def timed(function):
    begin = time.process_time()
    result = function()
    return time.process_time() - begin, result


def methods(density, y):
    """What is timed: names and calls."""
    return {
        "log_prob": lambda: density.log_prob(y),
        "cdf": lambda: density.cdf(y),
        "sample(100)": lambda: density.sample(100, random_state=0),
        "median": density.median,
        "quantiles (5)": lambda: density.quantiles([0.05, 0.25, 0.5, 0.75, 0.95]),
        "interval(0.9)": lambda: density.interval(0.9),
        "mode": density.mode,
        "modes": density.modes,
        "region(0.9)": lambda: density.region(0.9),
        "density_rank": lambda: density.density_rank(y),
        "crps": lambda: density.crps(y),
        "entropy": density.entropy,
    }


def region_error(density, region, level):
    """How far the probability of regions is from what it should be, at most."""
    known = np.isfinite(region[:, :, 0])
    ends = np.nan_to_num(region)
    mass = ((density.cdf(ends[:, :, 1]) - density.cdf(ends[:, :, 0])) * known).sum(axis=1)
    return float(np.abs(mass - level).max())


def errors(density, y, results):
    """The largest error of each method that has a reference, of the rows in `density`."""
    n_rows = len(density)
    wanted = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    found = {
        "quantiles (5)": np.abs(density.cdf(results["quantiles (5)"][:n_rows]) - wanted).max(),
        "region(0.9)": region_error(density, results["region(0.9)"][:n_rows], 0.9),
    }
    answers = np.nan_to_num(results["modes"].answers[:n_rows], nan=np.inf)
    highest = density.log_prob(answers).max(axis=1)
    found["mode"] = (highest - density.log_prob(results["mode"][:n_rows])).max().clip(0)
    distance = half_spread_of_pairs(density.weights, density.means, density.scales)
    off = distance - half_spread(*density_in_cells(density, FINEST_CELL))
    found["crps"] = np.abs(off / results["crps"][:n_rows]).max()
    return {name: float(value) for name, value in found.items()}


def reduction(parts):
    """Seconds of the reduction, components left, and the change of log p at answers drawn."""
    seconds, fewer = timed(lambda: reduced(*parts))
    whole = GaussianMixture(*parts)
    y = whole.sample(1, random_state=0)[:, 0]
    change = np.abs(GaussianMixture(*fewer).log_prob(y) - whole.log_prob(y))
    left = (fewer[0] > 0).sum(axis=1)
    print(
        f"reduced: {seconds:.2f} s, {parts[0].shape[1]} -> {fewer[0].shape[1]} components "
        f"(mean {left.mean():.0f}); |change of log p|: mean {change.mean():.1e}, "
        f"99 % {np.quantile(change, 0.99):.1e}, largest {change.max():.1e}"
    )
    row = {"method": "reduced", "seconds": seconds, "error": float(change.mean())}
    return fewer, row | {"components": int(fewer[0].shape[1])}


def table(parts, options):
    seconds, density = timed(lambda: GaussianMixture(*parts))
    rows = [{"method": "GaussianMixture", "seconds": seconds, "error": None}]
    y = density.sample(1, random_state=1)[:, 0]
    results = {}
    for name, call in methods(density, y).items():
        seconds, results[name] = timed(call)
        rows.append({"method": name, "seconds": seconds, "error": None})
    judged = errors(density[: options.judged], y, results)
    print(f"\n| method, {len(y)} rows | seconds | largest error |\n|---|---|---|")
    for row in rows:
        row["error"] = judged.get(row["method"])
        error = "" if row["error"] is None else f"{row['error']:.1e}"
        print(f"| {row['method']} | {row['seconds']:.2f} | {error} |")
    return rows


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--rows", type=int, default=10_000, help="densities (default: 10000)")
    add("--components", type=int, default=1500, help="of each before they are reduced (1500)")
    add("--judged", type=int, default=200, help="rows whose errors are worked out (default: 200)")
    add("--whole", action="store_true", help="time the densities without reducing them")
    add("--json", metavar="FILE", help="write all rows there")
    add("--quick", action="store_true", help="few rows and components, to see that it works")
    options = parser.parse_args()
    if options.quick:
        options.rows, options.components = 50, 200
        options.judged = min(options.judged, 20)
    return options


def main():
    options = parse()
    rows = []
    with threadpool_limits(1):
        parts = blend(options.rows, options.components)
        if not options.whole:
            parts, row = reduction(parts)
            rows.append(row)
        rows += table(parts, options)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"rows": options.rows, "methods": rows}, file, indent=1)


if __name__ == "__main__":
    main()
