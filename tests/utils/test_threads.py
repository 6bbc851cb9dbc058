"""Threads and blocks: the same answer whatever their number, and BLAS as it was found."""

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_backend
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import ThreadpoolController, threadpool_limits

from sklearn_ebm import EBMClassifier
from sklearn_ebm._utils import arrays as _arrays
from sklearn_ebm._utils import threads as _threads
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm.solvers.objective import Objective

BLAS = ThreadpoolController().select(user_api="blas")


def blas_threads():
    return [library.num_threads for library in BLAS.lib_controllers]


@pytest.fixture
def two_threads():
    """BLAS may use two threads, whatever the machine."""
    with threadpool_limits(2, user_api="blas"):
        if blas_threads() != [2] * len(blas_threads()) or not blas_threads():
            pytest.skip("this BLAS does not obey threadpoolctl")
        yield


def rows(n_rows=17_000, d=12, k=5, seed=0, as_sparse=False):
    rng = np.random.RandomState(seed)
    y = np.arange(n_rows) % k
    X = rng.normal(size=(n_rows, d)) + rng.normal(size=(k, d))[y]
    if as_sparse:
        X = sparse.csr_array(X * (rng.uniform(size=X.shape) < 0.3))
    return X, y


# Workers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("allowed", [1, 2])
def test_workers_use_as_many_threads_as_blas_may(allowed):
    names = set()

    def square(number):
        names.add(threading.current_thread().name.split("_")[0])
        assert blas_threads() == [1] * len(blas_threads())
        return number**2

    with threadpool_limits(allowed, user_api="blas"):
        if max(blas_threads(), default=1) != allowed:
            pytest.skip("this BLAS does not obey threadpoolctl")
        before = blas_threads()
        with Workers() as workers:
            assert workers.n_threads == allowed
            assert list(workers.map(square, range(10))) == [i**2 for i in range(10)]
        assert blas_threads() == before
    assert names == ({"MainThread"} if allowed == 1 else {"sklearn"})


def test_two_threads_are_really_there(two_threads):
    """Each of two items waits for the other: one thread alone would never end."""
    both = threading.Barrier(2, timeout=20)
    with Workers() as workers:
        assert sorted(workers.map(lambda _: both.wait(), range(2))) == [0, 1]


def test_there_are_no_threads_inside_of_threads(two_threads):
    def inner(_):
        return threading.get_ident()

    def outer(_):
        with Workers() as workers:
            return {threading.get_ident()} == set(workers.map(inner, range(20)))

    with Workers() as workers:
        assert all(workers.map(outer, range(4)))
        assert len(set(workers.map(lambda _: threading.get_ident(), range(4)))) <= 2


def test_results_come_in_the_order_of_the_items(two_threads):
    second_first = threading.Event()

    def wait(number):
        if number == 0:
            assert second_first.wait(20)
        else:
            second_first.set()
        return number

    with Workers() as workers:
        assert list(workers.map(wait, [0, 1])) == [0, 1]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_in_a_worker_is_raised_and_blas_restored(two_threads, error):
    def fail(number):
        if number == 3:
            raise error("of the third")
        return number

    with pytest.raises(error, match="of the third"):
        with Workers() as workers:
            list(workers.map(fail, range(8)))
    assert set(blas_threads()) == {2}
    with Workers() as workers:
        assert workers.n_threads == 2


def test_the_last_one_out_restores_the_limit(two_threads):
    first, second = Workers(), Workers()
    first.__enter__()
    second.__enter__()
    assert first.n_threads == second.n_threads == 2
    first.__exit__(None, None, None)
    assert set(blas_threads()) == {1}
    second.__exit__(None, None, None)
    assert set(blas_threads()) == {2}


# The same answer ---------------------------------------------------------------------------------


def fitted(X, y, n_threads, **settings):
    """A fit, and how many threads and groups of blocks it had."""
    seen = set()
    sum_over_rows = Objective.sum_over_rows

    def spied(self, of_block):
        seen.add((self.workers.__self__.n_threads, len(self._groups)))
        return sum_over_rows(self, of_block)

    with pytest.MonkeyPatch.context() as patched, threadpool_limits(n_threads, user_api="blas"):
        patched.setattr(Objective, "sum_over_rows", spied)
        return EBMClassifier(**settings, random_state=0).fit(X, y), seen


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize("loss", ["nll", "hinge"])
def test_the_number_of_threads_changes_no_bit(two_threads, loss, as_sparse):
    X, y = rows(as_sparse=as_sparse)
    (one, alone), (two, together) = (fitted(X, y, n, loss=loss, tol=1e-3) for n in (1, 2))
    assert {n_threads for n_threads, _ in alone} == {1}
    assert {n_threads for n_threads, _ in together} == {2}
    assert min(n_groups for _, n_groups in together) >= 2
    np.testing.assert_array_equal(one.coef_, two.coef_)
    np.testing.assert_array_equal(one.intercept_, two.intercept_)
    assert one.gap_ == two.gap_ and one.n_iter_ == two.n_iter_


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize("k", [2, 5])
def test_predictions_hardly_depend_on_threads(two_threads, k, as_sparse):
    X, y = rows(20_000, k=k, as_sparse=as_sparse)
    clf = EBMClassifier(tol=1e-2, random_state=0).fit(X, y)
    for predict in (clf.energies, clf.decision_function, clf.predict_proba, clf.predict):
        with threadpool_limits(1, user_api="blas"):
            alone = predict(X)
        np.testing.assert_allclose(predict(X), alone, rtol=1e-9, atol=1e-12)
        assert set(blas_threads()) == {2}


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize("loss", ["nll", "square_square", "hinge"])
def test_the_size_of_blocks_hardly_changes_the_energies(monkeypatch, loss, as_sparse):
    X, y = rows(350, 4, 3, as_sparse=as_sparse)
    settings = {"loss": loss, "tol": 1e-9 if loss == "hinge" else 1e-10, "C": 0.01}
    expected = EBMClassifier(**settings, random_state=0).fit(X, y).energies(X)
    with monkeypatch.context() as patched:
        patched.setattr(_arrays, "BLOCK_ENTRIES", 300)
        patched.setattr(_arrays, "FEWEST_ROWS", 1)
        assert len(list(_arrays.blocks_of(X, 3))) == 4
        found = EBMClassifier(**settings, random_state=0).fit(X, y).energies(X)
    # A gap of 1e-9 leaves a kinked loss more room than a smooth one, whose steps are quadratic.
    atol = (1e-7 if loss == "hinge" else 1e-8) * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, atol=atol)


# BLAS is left as it was --------------------------------------------------------------------------


def test_a_fit_restores_blas(two_threads):
    X, y = rows(300)
    EBMClassifier(random_state=0).fit(X, y)
    assert set(blas_threads()) == {2}


def test_a_fit_that_fails_restores_blas(two_threads, monkeypatch):
    X, y = rows(300)

    def fail(*arguments):
        raise ArithmeticError("in the middle")

    monkeypatch.setattr(Objective, "evaluate", fail)
    with pytest.raises(ArithmeticError, match="in the middle"):
        EBMClassifier(random_state=0).fit(X, y)
    assert set(blas_threads()) == {2}


def test_a_fit_that_is_interrupted_restores_blas(two_threads, monkeypatch):
    X, y = rows()
    block, calls = Objective.block, []

    def interrupted(self, number):
        calls.append(threading.current_thread())
        if len(calls) == 20:
            raise KeyboardInterrupt
        return block(self, number)

    monkeypatch.setattr(Objective, "block", interrupted)
    with pytest.warns(ConvergenceWarning, match="it was interrupted"):
        EBMClassifier(random_state=0).fit(X, y)
    assert threading.main_thread() not in calls[:20]
    assert set(blas_threads()) == {2}
    assert not [t for t in threading.enumerate() if t.name.startswith("sklearn_ebm")]


def test_fits_side_by_side_in_threads(two_threads):
    X, y = rows(3000)
    alone = EBMClassifier(random_state=0).fit(X, y).coef_
    many = Parallel(n_jobs=4, backend="threading")(
        delayed(lambda: EBMClassifier(random_state=0).fit(X, y).coef_)() for _ in range(8)
    )
    for coef in many:
        np.testing.assert_array_equal(coef, alone)
    assert set(blas_threads()) == {2}
    assert not _threads._limit.holders


# From any thread, and after forks -----------------------------------------------------------------


def in_a_thread(function, *arguments):
    """What a function returns in a thread of its own, beside this one."""
    with ThreadPoolExecutor(1) as alone:
        return alone.submit(function, *arguments).result(120)


def within_workers(_=None):
    """Threads of ours and those of BLAS inside, as a fit has them."""
    with Workers() as workers:
        inside = set(workers.map(lambda _: max(blas_threads()), range(4)))
        return workers.n_threads, inside


def test_the_limit_is_obeyed_in_any_thread(two_threads):
    """The first thread, which has set a limit before, is idle meanwhile."""
    assert within_workers() == (2, {1})
    assert in_a_thread(within_workers) == (2, {1})
    assert set(blas_threads()) == {2}
    assert within_workers() == (2, {1})


@pytest.mark.parametrize("first_out", [0, 1])
def test_fits_that_overlap_restore_blas_in_any_order(two_threads, first_out):
    both = [Workers(), Workers()]
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        threads = (one, other)
        for workers, thread in zip(both, threads, strict=True):
            thread.submit(workers.__enter__).result(30)
        assert [workers.n_threads for workers in both] == [2, 1]  # the second gets its share
        for number in (first_out, 1 - first_out):
            assert set(blas_threads()) == {1}
            threads[number].submit(both[number].__exit__, None, None, None).result(30)
        assert set(blas_threads()) == {2}
        assert other.submit(within_workers).result(30) == (2, {1})


def test_what_somebody_else_sets_meanwhile_stands(two_threads):
    """A limit that ends while a fit in another thread goes on."""
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(1) as other:
        workers = other.submit(Workers().__enter__).result(30)
        assert workers.n_threads == 1
        in_a_thread(lambda: [library.set_num_threads(2) for library in BLAS.lib_controllers])
        other.submit(workers.__exit__, None, None, None).result(30)
        assert set(blas_threads()) == {2}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_errors_in_some_threads_restore_blas_in_the_end(two_threads, error):
    def fail(number):
        with pytest.raises(error, match="of ours"), Workers():
            raise error("of ours")
        return within_workers()[1]

    with ThreadPoolExecutor(4) as many:
        assert list(many.map(fail, range(40))) == [{1}] * 40
    assert set(blas_threads()) == {2}
    assert not _threads._limit.holders


def test_predictions_from_many_threads(two_threads):
    X, y = rows(20_000, k=3)
    clf = EBMClassifier(tol=1e-2, random_state=0).fit(X, y)
    expected = clf.predict(X)
    with ThreadPoolExecutor(8) as many:
        for found in many.map(lambda _: clf.predict(X), range(16)):
            np.testing.assert_array_equal(found, expected)
    assert set(blas_threads()) == {2}


def test_folds_of_beta_in_threads(two_threads):
    """Fits in threads within a fit in a thread."""
    X, y = rows(300, k=3)

    def learned():
        with parallel_backend("threading"):
            return EBMClassifier(beta="auto", n_jobs=2, random_state=0).fit(X, y).beta_

    assert in_a_thread(learned) == EBMClassifier(beta="auto", random_state=0).fit(X, y).beta_
    assert set(blas_threads()) == {2}


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
# Later versions of Python warn of what these tests are about.
knowingly = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def forked(check):
    """Whether a check holds in a child; False also where the child hangs."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(30)
            code = 0 if check() else 2
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


@needs_fork
@knowingly
def test_forks_beside_fits_in_threads_never_hang(two_threads):
    stop = threading.Event()

    def go_on():
        while not stop.is_set():
            within_workers()

    with ThreadPoolExecutor(2) as busy:
        going = [busy.submit(go_on) for _ in range(2)]
        try:
            for _ in range(20):
                assert forked(lambda: blas_threads()[0] == 2 and within_workers() == (2, {1}))
        finally:
            stop.set()
        assert [one.result(30) for one in going] == [None, None]
    assert set(blas_threads()) == {2}


@needs_fork
@knowingly
@pytest.mark.parametrize("used", [False, True])
def test_a_child_leaves_what_its_parent_entered(two_threads, used):
    """A child of a fit keeps to its one thread, until it leaves the fit itself."""

    def leaves():
        inside = within_workers()
        workers.__exit__(None, None, None)
        return inside == (1, {1}) and set(blas_threads()) == {2}

    with Workers() as workers:
        if used:
            list(workers.map(abs, range(10)))
        assert forked(leaves)
        assert set(blas_threads()) == {1}
    assert set(blas_threads()) == {2}


def test_limits_of_single_threads_are_set_in_each(monkeypatch):
    """OpenBLAS on OpenMP, as threadpoolctl 3.8 takes it: the limit is one of the thread."""
    here = threading.local()

    class Library:
        threading_layer = "openmp"
        num_threads = property(lambda self: getattr(here, "number", 2))

        def set_num_threads(self, number):
            here.number = number

        def clear_controlling_thread(self, force):
            raise AssertionError("not a matter of the process")

    library = Library()
    monkeypatch.setattr(_threads, "_blas", lambda per_thread: [library] if per_thread else [])

    def fit(_):
        with Workers() as workers:
            found = set(workers.map(lambda _: library.num_threads, range(4)))
        return workers.n_threads, found, library.num_threads

    assert fit(None) == (2, {1}, 2)
    with ThreadPoolExecutor(2) as two:
        assert list(two.map(fit, range(4))) == [(2, {1}, 2)] * 4


def _fit_in_a_child(connection):
    held = len(_threads._limit.holders)
    X, y = rows(300)
    with threadpool_limits(2, user_api="blas"):
        EBMClassifier(random_state=0).fit(X, y)
        connection.send((held, len(_threads._limit.holders), blas_threads()))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_of_a_fit_has_a_limit_of_its_own(two_threads):
    """The parent holds the limit while it forks, as joblib's workers are forked within a fit."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    with Workers():
        child = context.Process(target=_fit_in_a_child, args=(theirs,))
        child.start()
        assert ours.poll(30), "the child hangs"
        assert ours.recv() == (0, 0, [2] * len(blas_threads()))
        child.join()
        assert set(blas_threads()) == {1}
    assert set(blas_threads()) == {2}
