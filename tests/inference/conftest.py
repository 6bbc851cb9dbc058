"""Makes the energies of `tests/samplers/known.py` importable."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "samplers"))
