"""Is the network trained faster than in scikit-learn and PyTorch, and is it as good?

An epoch of Adam at batch 200 with 100 hidden units, relu, in float32 and float64, and accuracy and
log-loss on held-out rows after as many epochs.

    python benchmarks/mlp.py --data ../shared/data
    python benchmarks/mlp.py --data ../shared/data --cases quality --sets letter,satimage
    python benchmarks/mlp.py --quick
"""

import argparse
import time
import warnings

import numpy as np
from linear_cases.clock import PAUSE
from linear_cases.data import QUICK_ROWS, load
from linear_cases.report import Report
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from sklearn_ebm import EBMClassifier
from sklearn_ebm.energies import MLP
from sklearn_ebm.solvers import Adam

BATCH, HIDDEN = 200, 100


def ours(X, y, epochs, seed=0):
    model = EBMClassifier(
        energy=MLP((HIDDEN,)), solver=Adam(batch_size=BATCH), max_iter=epochs, random_state=seed
    )
    return model.fit(X, y)


def theirs(X, y, epochs, seed=0):
    """`MLPClassifier` that is kept from ending early."""
    model = MLPClassifier(
        (HIDDEN,), batch_size=BATCH, max_iter=epochs, n_iter_no_change=epochs + 1, random_state=seed
    )
    return model.fit(X, y)


def torch_loop(X, y, epochs):
    """The training loop of a tutorial; the rows are shuffled by index."""
    import torch

    rows, answers = torch.as_tensor(X), torch.as_tensor(y)
    model = torch.nn.Sequential(
        torch.nn.Linear(X.shape[1], HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, y.max() + 1)
    ).to(rows.dtype)
    adam, loss = torch.optim.Adam(model.parameters(), lr=1e-3), torch.nn.CrossEntropyLoss()
    for _ in range(epochs):
        order = torch.randperm(len(rows))
        for first in range(0, len(rows), BATCH):
            batch = order[first : first + BATCH]
            adam.zero_grad()
            loss(model(rows[batch]), answers[batch]).backward()
            adam.step()


def torch_is_there(cores):
    try:
        import torch
    except ImportError:
        print("PyTorch is not installed: left out")
        return False
    torch.set_num_threads(cores)
    return True


def sets(options, names):
    """Name, rows and numbers of classes of the sets that are there."""
    if options.data is None:
        print(f"No --data: {', '.join(names)} left out; stand-in: digits")
        names = ["digits"]
    elif options.sets:
        names = [name for name in names if name in options.sets.split(",")]
    for name in names:
        loaded = load(name, options.data)
        if loaded is None:
            print(f"{name} is not in the folder of --data: left out")
            continue
        X, y = np.asarray(loaded[0], dtype=np.float64), np.unique(loaded[1], return_inverse=True)[1]
        rows = np.random.RandomState(0).permutation(len(y))[: QUICK_ROWS if options.quick else None]
        yield name, X[rows], y[rows]


def speed(options, report):
    """How much faster is an epoch than in scikit-learn and PyTorch?"""
    contenders = {"EBMClassifier": ours, "MLPClassifier": theirs}
    if torch_is_there(options.cores):
        contenders["PyTorch"] = torch_loop
    for name, X, y in sets(options, ["mnist_t10k"]):
        X = StandardScaler().fit_transform(X)
        for dtype in (np.float32, np.float64):
            rows, kind = X.astype(dtype), np.dtype(dtype).name
            seconds = {contender: [] for contender in contenders}
            for _ in range(options.repeats):
                for contender, fit in contenders.items():
                    time.sleep(PAUSE)
                    start = time.perf_counter()
                    fit(rows, y, options.speed_epochs)
                    elapsed = time.perf_counter() - start
                    seconds[contender].append(elapsed / options.speed_epochs)
            medians = {contender: float(np.median(times)) for contender, times in seconds.items()}
            for contender, median in medians.items():
                report.run("speed", f"{name} {kind}", contender, median)
            mine = medians.pop("EBMClassifier")
            for rival, median in medians.items():
                report.figure("speed", name, f"{kind}: an epoch, times faster than {rival}",
                              median / mine)  # fmt: skip


def quality(options, report):
    """Is it as good as MLPClassifier on held-out rows, by the same architecture and epochs?"""
    for name, X, y in sets(options, ["letter", "satimage", "mnist_t10k", "adult"]):
        scores = {"EBMClassifier": [], "MLPClassifier": []}
        for seed in range(options.splits):
            parts = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
            scaler = StandardScaler().fit(parts[0])
            kept, held_out = (scaler.transform(part) for part in parts[:2])
            for contender, fit in (("EBMClassifier", ours), ("MLPClassifier", theirs)):
                start = time.perf_counter()
                model = fit(kept, parts[2], options.epochs, seed)
                elapsed = time.perf_counter() - start
                loss = log_loss(parts[3], model.predict_proba(held_out))
                accuracy = accuracy_score(parts[3], model.predict(held_out))
                scores[contender].append((accuracy, loss))
                report.run(
                    "quality", name, contender, elapsed, accuracy=float(accuracy), log_loss=loss
                )
        mine, rival = (np.mean(scores[contender], axis=0) for contender in scores)
        report.figure("quality", name, f"accuracy {mine[0]:.4f}, more than MLPClassifier by",
                      mine[0] - rival[0])  # fmt: skip
        report.figure("quality", name, f"log-loss {mine[1]:.4f}, above MLPClassifier's by",
                      mine[1] - rival[1])  # fmt: skip


CASES = {"speed": speed, "quality": quality}


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", help="folder with classification/*.npz (default: digits of scikit-learn)")
    add("--cases", default=",".join(CASES), help=f"with commas, of: {', '.join(CASES)}")
    add("--sets", help="names, with commas: these only (default: all)")
    add("--repeats", type=int, default=5, help="timed fits of each contender (default: 5)")
    add("--speed-epochs", type=int, default=10, help="of a timed fit (default: 10)")
    add("--epochs", type=int, default=50, help="of a fit of quality (default: 50)")
    add("--splits", type=int, default=3, help="splits of quality, 70/30 (default: 3)")
    add("--cores", type=int, default=2, help="for every contender (default: 2)")
    add("--json", metavar="FILE", help="write all rows there, after each case")
    add("--quick", action="store_true", help="small subsamples, few epochs")
    options = parser.parse_args()
    if options.quick:
        options.repeats, options.splits = min(options.repeats, 2), 1
        options.epochs, options.speed_epochs = min(options.epochs, 10), 2
    unknown = set(options.cases.split(",")) - set(CASES)
    if unknown:
        parser.error(f"unknown cases: {', '.join(sorted(unknown))}; known: {', '.join(CASES)}")
    return options


def main():
    """Run the cases, then print all figures in one table."""
    options = parse()
    warnings.simplefilter("ignore")  # convergence of fits that are cut short on purpose
    report = Report()
    settings = {
        name: value for name, value in vars(options).items() if name not in ("data", "json")
    }
    with threadpool_limits(options.cores):
        for name in options.cases.split(","):
            print(f"\n=== {name}: {CASES[name].__doc__.splitlines()[0]}", flush=True)
            CASES[name](options, report)
            if options.json:
                report.write(options.json, settings)
    report.summary()


if __name__ == "__main__":
    main()
