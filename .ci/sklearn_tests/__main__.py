"""Runs scikit-learn's own tests with our classifiers in the place of its linear ones and SVMs.

    python .ci/sklearn_tests               all of them, in some minutes on one core
    python .ci/sklearn_tests svm bagging   the test files whose path holds one of these words
    python .ci/sklearn_tests --slow        those too that take minutes

The tests are those that the installed scikit-learn ships. Every test that meets one of ours must
pass, but for those in `theirs.toml`: they ask for what is scikit-learn's own, and each is there for
one stated reason. The exit status is 1 if another test fails, or if one that is listed passes.
"""

import inspect
import os
import re
import signal
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")

# Threads are counted, and workers of joblib look for modules, when they start.
os.environ.update(dict.fromkeys(THREADS, "1") | {"MPLBACKEND": "Agg"})
paths = [str(ROOT), str(Path(__file__).parent)]
os.environ["PYTHONPATH"] = os.pathsep.join(paths)
# Options for the project's own tests are not for these.
os.environ.pop("PYTEST_ADDOPTS", None)
sys.path[:0] = paths

import pytest  # noqa: E402
import sklearn  # noqa: E402
import stand_ins  # noqa: E402
from theirs import Theirs  # noqa: E402

FILES = (
    "linear_model/tests/test_logistic.py",
    "linear_model/tests/test_perceptron.py",
    "svm/tests/test_svm.py",
    "tests/test_calibration.py",
    "tests/test_multiclass.py",
    "tests/test_multioutput.py",
    "ensemble/tests/test_bagging.py",
    "ensemble/tests/test_stacking.py",
    "ensemble/tests/test_voting.py",
    "model_selection/tests/test_classification_threshold.py",
)
# Hundreds of fits of a kernel, in minutes.
SLOW = ("test_oob_score_classification",)
# Seconds until a test counts as failed.
LIMIT = 600


class Recorder:
    """A plugin of pytest: which tests met one of ours, and how they ended."""

    def __init__(self, left_out):
        self.left_out = left_out
        self.passed, self.failed = set(), {}
        self.errors = []

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self):
        with stand_ins.where_defined():
            return (yield)

    def pytest_collection_modifyitems(self, config, items):
        # A test that names none of them cannot meet one; it would only take its time.
        names = re.compile("|".join(cls.__name__ for cls in stand_ins.CLASSES))
        others = [
            item
            for item in items
            if item.originalname in self.left_out
            or not names.search(inspect.getsource(item.function))
        ]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]

    def pytest_collectreport(self, report):
        if report.failed:
            self.errors.append(f"{report.nodeid}: {report.longrepr}")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        # What a test is called with may have been made when the file was read.
        callspec = getattr(item, "callspec", None)
        stand_ins.used = callspec is not None and any(
            map(stand_ins.is_ours, callspec.params.values())
        )
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        def late(*_):
            raise TimeoutError(f"no end after {LIMIT} s")

        before = signal.signal(signal.SIGALRM, late)
        signal.alarm(LIMIT)
        try:
            return (yield)
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)

    def pytest_runtest_logreport(self, report):
        path, _, test = report.nodeid.partition("::")
        name = f"{Path(path).stem}::{test}"
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            self.failed[name] = str(crash.message if crash else report.longrepr).splitlines()[0]
        elif report.when == "call" and report.passed and stand_ins.used:
            self.passed.add(name)


def main(words):
    """Run the tests and print the counts; whether all is as it should be."""
    left_out = () if "--slow" in words else SLOW
    words = [word for word in words if word != "--slow"]
    folder = Path(sklearn.__file__).parent
    files = [name for name in FILES if not words or any(word in name for word in words)]
    if not files:
        sys.exit(f"No test file has one of {words} in its path; there are {', '.join(FILES)}.")
    # What scikit-learn builds on inside stays its own: it is loaded before ours are put in.
    for package in ("calibration", "ensemble", "multiclass", "multioutput", "model_selection"):
        __import__(f"sklearn.{package}")
    stand_ins.put_in()
    recorder = Recorder(left_out)
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        status = pytest.main(
            ["-q", "-r", "N", "--no-header", "--tb=no", "--show-capture=no", "--disable-warnings",
             "-c", os.devnull, "-p", "no:cacheprovider", "--rootdir", str(folder.parent),
             *(str(folder / name) for name in files)],
            plugins=[recorder],
        )  # fmt: skip
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        recorder.errors.append(f"pytest ended with status {int(status)}")
    return Theirs.read(sklearn.__version__).judge(recorder.passed, recorder.failed, recorder.errors)


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1:]))
