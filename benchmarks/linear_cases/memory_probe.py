"""One fit, alone in its process: prints its peak memory as JSON.

    python benchmarks/linear_cases/memory_probe.py {memory,mapped,rival} ROWS CORES

`peak` is what NumPy allocated at most during the fit (tracemalloc; pages of a mapped file are not
in it), `resident` the growth of the largest resident size (they are).
"""

import json
import sys
import tempfile
import time
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from sklearn_ebm import EBMClassifier

COLUMNS, CLASSES, BLOCK = 50, 10, 10_000


def rows_and_labels(n, path):
    """X (in a mapped file where there is a path) and y, filled block by block."""
    shape = (n, COLUMNS)
    X = np.empty(shape) if path is None else np.memmap(path, np.float64, "w+", shape=shape)
    y = np.empty(n, dtype=np.intp)
    rng = np.random.default_rng(0)
    templates = 2 * rng.standard_normal((COLUMNS, CLASSES)) / np.sqrt(COLUMNS)
    for begin in range(0, n, BLOCK):
        block = slice(begin, min(begin + BLOCK, n))
        X[block] = rng.standard_normal((block.stop - begin, COLUMNS))
        scores = X[block] @ templates
        y[block] = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    if path is None:
        return X, y
    X.flush()
    return np.memmap(path, np.float64, "r", shape=shape), y


def largest_resident():
    """Bytes; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage counts what the process that started this one held before
        lines = status.read_text(encoding="utf-8").splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) * 1024
    try:
        import resource
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def probe(kind, n, path):
    X, y = rows_and_labels(n, path)
    model = EBMClassifier(random_state=0) if kind != "rival" else LogisticRegression(max_iter=1000)
    # Imports and pools come with a first fit, and are not counted.
    model.fit(X[:1000], y[:1000])
    resident = largest_resident()
    tracemalloc.start()
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    _, peak = tracemalloc.get_traced_memory()
    count = int(np.max(getattr(model, "n_evaluations_", model.n_iter_)))
    return {"X": X.nbytes, "peak": peak, "resident": largest_resident() - resident,
            "seconds": seconds, "evaluations": count}  # fmt: skip


def main():
    warnings.simplefilter("ignore")
    kind, n, cores = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(cores):
        path = Path(folder) / "X.dat" if kind == "mapped" else None
        print(json.dumps(probe(kind, n, path)))


if __name__ == "__main__":
    main()
