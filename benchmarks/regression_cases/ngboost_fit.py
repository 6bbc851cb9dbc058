"""NGBoost in a process of its own, as it may need an older scikit-learn: seconds and scores.

python ngboost_fit.py ROWS.npz ROUNDS
"""

import json
import sys
import time

import numpy as np
from ngboost import NGBRegressor


def main():
    """Fit the default model on X and y, and score it on X_test and y_test."""
    with np.load(sys.argv[1]) as rows:
        X, y, X_test, y_test = (rows[name] for name in ("X", "y", "X_test", "y_test"))
    model = NGBRegressor(n_estimators=int(sys.argv[2]), verbose=False, random_state=0)
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    law = model.pred_dist(X_test)
    rmse = np.sqrt(np.mean((law.mean() - y_test) ** 2))
    print(json.dumps({"seconds": seconds, "nll": -law.logpdf(y_test).mean(), "rmse": rmse}))


if __name__ == "__main__":
    main()
