"""NGBoost in a process of its own, as it may need an older scikit-learn: seconds and distributions.

python ngboost_fit.py ROWS.npz ROUNDS
"""

import json
import sys
import time

import numpy as np
from ngboost import NGBRegressor


def main():
    """Fit the default model on X and y, and print its mean and standard deviation for X_test."""
    with np.load(sys.argv[1]) as rows:
        X, y, X_test = (rows[name] for name in ("X", "y", "X_test"))
    model = NGBRegressor(n_estimators=int(sys.argv[2]), verbose=False, random_state=0)
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    distribution = {
        name: values.tolist() for name, values in model.pred_dist(X_test).params.items()
    }
    print(json.dumps({"seconds": seconds, **distribution}))


if __name__ == "__main__":
    main()
