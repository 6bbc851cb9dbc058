"""One fit, alone in its process: prints the largest size that the process had, as JSON.

python -m regression_cases.memory_probe ROWS.npz ENERGY ROWS_OF_LOG_PROB
"""

import json
import sys
import warnings

import numpy as np
from linear_cases.memory_probe import largest_resident

from sklearn_ebm import LatentEBMRegressor

from .energies import settings_of


def main():
    """Fit with the default settings, take densities, and tell the peak in bytes."""
    warnings.simplefilter("ignore")  # few answers
    path, energy, n_rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with np.load(path) as rows:
        X, y = rows["X"], rows["y"]
    before = largest_resident()
    model = LatentEBMRegressor(**settings_of(energy), random_state=0).fit(X, y)
    fit = largest_resident()
    model.log_prob(np.resize(X, (n_rows, X.shape[1])), np.resize(y, n_rows))
    print(json.dumps({"before": before, "fit": fit, "log_prob": largest_resident()}))


if __name__ == "__main__":
    main()
