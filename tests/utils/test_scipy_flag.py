"""The import that scikit-learn 1.6 refuses without an environment variable."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import os
from sklearn_ebm._utils.scipy_flag import import_test_helpers
import_test_helpers()
import sklearn.utils._testing
print(os.environ.get("SCIPY_ARRAY_API"))
"""


@pytest.mark.parametrize("value", [None, "0"])
def test_the_variable_is_as_before(value):
    environment = {name: text for name, text in os.environ.items() if name != "SCIPY_ARRAY_API"}
    if value is not None:
        environment["SCIPY_ARRAY_API"] = value
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(value)
