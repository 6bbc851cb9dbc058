"""What does the default of LatentEBMRegressor learn, and what does each candidate cost?

Fits the training samples of the first split of a set and prints `auto_report_`, the negative
log-likelihood of the test samples, and the size of the pickled model.

    python benchmarks/auto_report.py --data ../shared/data
    python benchmarks/auto_report.py --data ../shared/data --set yacht
"""

import argparse
import pickle
from types import SimpleNamespace

from regression_cases.data import STAND_IN, splits_of
from threadpoolctl import threadpool_limits

from sklearn_ebm import LatentEBMRegressor


def main(arguments=None):
    """Fit one model and print its report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with regression/*.npz (default: diabetes)")
    parser.add_argument("--set", default="concrete", help="name of the set (default: concrete)")
    parser.add_argument("--cores", type=int, default=1, help="threads of BLAS (default: 1)")
    options = parser.parse_args(arguments)
    name = options.set if options.data else STAND_IN
    splits = splits_of(name, SimpleNamespace(data=options.data, splits=1, quick=False))
    if not splits:
        return
    with threadpool_limits(options.cores):
        model = LatentEBMRegressor(random_state=0).fit(splits[0].X, splits[0].y)
    test = -model.log_prob(splits[0].X_test, splits[0].y_test).mean()
    size = len(pickle.dumps(model)) / 1e6
    print(f"{name}: {len(splits[0].y)} training samples\n\n{model.auto_report_}\n")
    print(f"NLL of {len(splits[0].y_test)} test samples: {test:.2f}; pickled model: {size:.0f} MB")


if __name__ == "__main__":
    main()
