"""What tests of several energies share."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def total_variation_bound():
    """What merging points in cells of a bandwidths costs at most; derived in `_bank.cells`."""
    third_derivative = (2 + 8 * np.exp(-1.5)) / np.sqrt(2 * np.pi)
    factor = 0.5 / 6 * third_derivative * (1 / 8 + np.sqrt(2 / np.pi) / 4)
    return lambda cell: float(factor * cell**3)
