"""An import that scikit-learn 1.6 refuses without an environment variable."""

import os
from contextlib import suppress
from importlib import import_module


def import_test_helpers() -> None:
    """Import scikit-learn's test helpers, which skrub and skops import.

    In scikit-learn 1.6, with array-api-compat and SciPy 1.14 or newer, their first import raises
    RuntimeError unless ``SCIPY_ARRAY_API=1`` is set. SciPy reads the variable only when it is
    imported itself, so that setting it for the time of this import changes nothing else.
    """
    before = os.environ.get("SCIPY_ARRAY_API")
    os.environ["SCIPY_ARRAY_API"] = "1"
    try:
        with suppress(ImportError):
            import_module("sklearn.utils._testing")
    finally:
        if before is None:
            del os.environ["SCIPY_ARRAY_API"]
        else:
            os.environ["SCIPY_ARRAY_API"] = before
