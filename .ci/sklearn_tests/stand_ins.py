"""Our classifiers under the names and with the parameters of scikit-learn's.

A stand-in is our estimator. It takes, keeps and shows the parameters of the class it stands for;
while it learns, it has ours instead, as its translation gives them. What has no counterpart is
refused, and what only says how a minimum is reached, such as `solver` or `dual`, is not used.
"""

import functools
import inspect
import sys
from contextlib import contextmanager
from numbers import Real

import numpy as np
from sklearn import linear_model, svm

from sklearn_ebm import EBMClassifier, EBMClassifierCV
from sklearn_ebm.energies import Kernel

# Relative gaps that float64 can still certify.
LEAST_GAP = 1e-9
# Whether one was used since somebody last looked.
used = False


class NoCounterpartError(NotImplementedError):
    """What is asked for does not exist here."""


def refuse(**settings):
    """Raise NoCounterpartError for settings that we have nothing for."""
    for name, value in settings.items():
        raise NoCounterpartError(f"{name}={value!r} has no counterpart")


def refuse_one_against_rest(given):
    """Raise NoCounterpartError for the `multi_class` of versions before 1.8."""
    if given.get("multi_class") == "ovr":
        refuse(multi_class="ovr")


def of_gradient(tol):
    """`tol` for a bound on the gradient as ours for a bound on the objective: its square."""
    valid = isinstance(tol, Real) and tol > 0
    return max(tol**2, LEAST_GAP) if valid else tol


def logistic(given, X):
    """Parameters of LogisticRegression as ours: the loss "nll"."""
    refuse_one_against_rest(given)
    if given["penalty"] == "l1":
        refuse(penalty="l1")
    if given["l1_ratio"]:
        refuse(l1_ratio=given["l1_ratio"])
    default = inspect.signature(linear_model.LogisticRegression).parameters["max_iter"].default
    return {
        "loss": "nll",
        "C": np.inf if given["penalty"] is None else given["C"],
        "max_iter": None if given["max_iter"] == default else given["max_iter"],
        "tol": of_gradient(given["tol"]),
        "solver": "auto",
        "verbose": int(given["verbose"]),
    }


def logistic_cv(given, X):
    """Parameters of LogisticRegressionCV as ours: the one loss "nll", at β = 1."""
    refuse_one_against_rest(given)
    ratios = given["l1_ratios"]
    if given["penalty"] == "l1":
        refuse(penalty="l1")
    if not isinstance(ratios, str) and ratios is not None and any(ratios):
        refuse(l1_ratios=ratios)
    scoring = given["scoring"]
    return {
        "losses": ["nll"],
        "betas": [1.0],
        "cv": 5 if given["cv"] is None else given["cv"],
        "scoring": None if isinstance(scoring, str) and scoring == "warn" else scoring,
        "max_iter": None if given["max_iter"] == 100 else given["max_iter"],
        "solver": "auto",
    }


def linear_svc(given, X):
    """Parameters of LinearSVC as ours: a hinge on all classes together."""
    if given["penalty"] == "l1":
        refuse(penalty="l1")
    return {
        "loss": "hinge",
        "max_iter": None if given["max_iter"] == 1000 else given["max_iter"],
    }


def svc(given, X):
    """Parameters of SVC as ours: a hinge on a linear energy or on a Gaussian kernel."""
    kernel, gamma = given["kernel"], given["gamma"]
    if kernel not in ("linear", "rbf"):
        refuse(kernel=kernel)
    if isinstance(gamma, str) and gamma == "auto":
        gamma = 1.0 / np.shape(X)[1]
    return {
        "energy": "linear" if kernel == "linear" else Kernel(gamma=gamma),
        "loss": "hinge",
        "max_iter": None if given["max_iter"] == -1 else given["max_iter"],
        "verbose": int(given["verbose"]),
    }


def perceptron(given, X):
    """Parameters of Perceptron as ours; it has no penalty."""
    if given["penalty"] is not None:
        refuse(penalty=given["penalty"])
    return {
        "loss": "perceptron",
        "tol": 1e-4 if given["tol"] is None else given["tol"],
        "max_iter": given["max_iter"],
    }


def sgd(given, X):
    """Parameters of SGDClassifier as ours: α n is 1/C."""
    losses = {"hinge": "hinge", "log_loss": "nll", "perceptron": "perceptron"}
    if given["loss"] not in losses:
        refuse(loss=given["loss"])
    if given["penalty"] not in ("l2", None):
        refuse(penalty=given["penalty"])
    alpha = given["alpha"] if given["penalty"] == "l2" else 0.0
    valid = isinstance(alpha, Real) and alpha > 0
    return {
        "loss": losses[given["loss"]],
        "C": 1.0 / (alpha * np.shape(X)[0]) if valid else np.inf,
        "tol": 1e-4 if given["tol"] is None else given["tol"],
        "max_iter": None,
    }


@contextmanager
def translated(estimator, X):
    """Let an estimator have our parameters for a while."""
    global used
    used = True
    given = estimator.get_params(deep=False)
    ours = estimator.translate(given, X)
    vars(estimator).update(ours, learning=True)
    try:
        yield
    finally:
        for name in (*ours, "learning"):
            vars(estimator).pop(name, None)
        vars(estimator).update(given)


def stand_in(original, translate, base=EBMClassifier, *, listed=False):
    """Return a class that looks like `original` and learns like `base`.

    With `listed`, `n_iter_` is an array of one number, as it is there.
    """
    signature = inspect.signature(original.__init__)

    @functools.wraps(original.__init__)
    def init(self, *args, **kwargs):
        global used
        used = True
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        vars(self).update(list(bound.arguments.items())[1:])

    def get_params(self, deep=True):
        if "learning" in vars(self):
            return {name: getattr(self, name) for name in defaults}
        return base.get_params(self, deep)

    def fit(self, X, y, sample_weight=None):
        with translated(self, X):
            base.fit(self, X, y, sample_weight)
        if listed:
            self.n_iter_ = np.array([self.n_iter_])
        return self

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        with translated(self, X):
            return base.partial_fit(self, X, y, classes, sample_weight)

    ours = inspect.signature(base).parameters
    defaults = {name: parameter.default for name, parameter in ours.items()}
    methods = {
        "__init__": init,
        "get_params": get_params,
        "fit": fit,
        "translate": staticmethod(translate),
    }
    if hasattr(base, "partial_fit"):
        methods["partial_fit"] = partial_fit
    methods["original"] = original
    named = {"__module__": __name__, "__qualname__": original.__name__, "__doc__": base.__doc__}
    return type(original.__name__, (base,), defaults | methods | named)


LogisticRegression = stand_in(linear_model.LogisticRegression, logistic, listed=True)
LogisticRegressionCV = stand_in(linear_model.LogisticRegressionCV, logistic_cv, EBMClassifierCV)
Perceptron = stand_in(linear_model.Perceptron, perceptron)
SGDClassifier = stand_in(linear_model.SGDClassifier, sgd)
LinearSVC = stand_in(svm.LinearSVC, linear_svc)
SVC = stand_in(svm.SVC, svc)

STAND_INS = {
    linear_model: (LogisticRegression, LogisticRegressionCV, Perceptron, SGDClassifier),
    svm: (LinearSVC, SVC),
}
CLASSES = sum(STAND_INS.values(), ())


def is_ours(value):
    """Whether a value is a stand-in, the class or an object of it."""
    return isinstance(value, CLASSES) or any(value is cls for cls in CLASSES)


def put_in():
    """Put the stand-ins where users import scikit-learn's classes from."""
    for module, classes in STAND_INS.items():
        for cls in classes:
            setattr(module, cls.__name__, cls)


@contextmanager
def where_defined():
    """Put them for a while into the modules too that define those classes: some tests go there."""
    for cls in CLASSES:
        setattr(sys.modules[cls.original.__module__], cls.__name__, cls)
    try:
        yield
    finally:
        for cls in CLASSES:
            setattr(sys.modules[cls.original.__module__], cls.__name__, cls.original)
