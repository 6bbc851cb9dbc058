"""Ways out of a comparison: a saved pipeline, and the lines of code that build it."""

import os
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from typing import Any

import joblib
from sklearn.pipeline import Pipeline


def save(pipeline: Pipeline, path: str) -> str:
    """Save a fitted pipeline, and return a line that tells how to load it.

    With the extension ``.skops`` the format is that of skops, if it is installed, which can be
    inspected before it is loaded; otherwise the pipeline is pickled by joblib.
    """
    stem, extension = os.path.splitext(path)
    if extension == ".skops" and find_spec("skops"):
        import_module("skops.io").dump(pipeline, path)
        unknown = f'skops.io.get_untrusted_types(file="{path}")'
        return f'saved {path}; load it with skops.io.load("{path}", trusted={unknown})'
    reason = ""
    if extension == ".skops":
        path, reason = f"{stem}.joblib", ", because skops is not installed"
    joblib.dump(pipeline, path)
    return f'saved {path} with joblib{reason}; load it with joblib.load("{path}")'


def code(pipeline: Pipeline, prepare: str, reading: str) -> str:
    """Return the lines of Python that build and fit a pipeline.

    Parameters
    ----------
    pipeline : Pipeline
        The unfitted pipeline: the preparation, and other steps.
    prepare : str
        Name of the function of `sklearn_ebm.compare.preparation`.
    reading : str
        The expression that gives the `Table`.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> text = code(make_pipeline(StandardScaler(), Ridge()), "linear", "make_table(X, y)")
    >>> print(text.splitlines()[-2])
    model = make_pipeline(preparation.linear(data.X), Ridge())
    """
    steps = [step for _, step in pipeline.steps[1:]]
    names = {"sklearn.pipeline": {"make_pipeline"}}
    names["sklearn_ebm.compare"] = {"make_table", "preparation"}
    if "read_frame" in reading:
        names["sklearn_ebm.compare"].add("read_frame")
    for kind in _kinds(steps):
        names.setdefault(_public_module(kind), set()).add(kind.__name__)
    imports = [f"from {each} import {', '.join(sorted(names[each]))}" for each in sorted(names)]
    texts = [_text(step) for step in steps]
    built = ", ".join([f"preparation.{prepare}(data.X)", *texts])
    lines = [*imports, "", f"data = {reading}", f"model = make_pipeline({built})"]
    return "\n".join([*lines, "model.fit(data.X, data.y)"])


def _kinds(steps: Sequence[Any]) -> list[type]:
    """Return the classes of estimators, and of the estimators that are their parameters."""
    values = [value for step in steps for value in step.get_params(deep=True).values()]
    found = [each for each in [*steps, *values] if callable(getattr(each, "get_params", None))]
    return [type(each) for each in found if not isinstance(each, type)]


def _text(value: Any) -> str:
    """Return the expression that makes a value, without parameters that have their defaults.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> _text(Ridge(alpha=2.0))
    'Ridge(alpha=2.0)'
    """
    if isinstance(value, type) or not callable(getattr(value, "get_params", None)):
        return repr(value)
    defaults = {name: each.default for name, each in signature(type(value)).parameters.items()}
    given = value.get_params(deep=False).items()
    texts = [f"{name}={_text(each)}" for name, each in given if repr(each) != repr(defaults[name])]
    return f"{type(value).__name__}({', '.join(texts)})"


def _public_module(kind: type) -> str:
    """Return the shortest name of a module from which a class can be imported.

    Examples
    --------
    >>> from sklearn.svm import LinearSVC
    >>> _public_module(LinearSVC)
    'sklearn.svm'
    """
    parts = kind.__module__.split(".")
    modules = (".".join(parts[:count]) for count in range(1, len(parts) + 1))
    return next(
        name for name in modules if getattr(import_module(name), kind.__name__, None) is kind
    )
