"""scikit-learn's HTML representation: links, tooltips, and attributes that are documented."""

import inspect
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, estimator_html_repr

import sklearn_ebm
from sklearn_ebm import EBMClassifier, EBMClassifierCV, LatentEBMRegressor
from sklearn_ebm._utils.html_repr import API, page_of
from sklearn_ebm.energies import (
    CONDITIONAL_ENERGIES,
    MLP,
    Blend,
    Energy,
    Experts,
    Linear,
    Memory,
    Prototypes,
)
from sklearn_ebm.losses import Hinge
from sklearn_ebm.solvers import LBFGS

NumpyDocString = pytest.importorskip("numpydoc.docscrape").NumpyDocString

INDEX = Path(__file__).parents[2] / "docs" / "api" / "index.md"
SMALL = Experts(n_members=1, hidden_layer_sizes=(4,))


def parts():
    """Every class with settings that the package defines and one can make."""
    found = {}
    for info in pkgutil.walk_packages(sklearn_ebm.__path__, "sklearn_ebm."):
        module = import_module(info.name)
        for cls in vars(module).values():
            if inspect.isclass(cls) and issubclass(cls, BaseEstimator):
                found[f"{cls.__module__}.{cls.__name__}"] = cls
    return [
        cls
        for name, cls in sorted(found.items())
        if name.startswith("sklearn_ebm.") and not inspect.isabstract(cls)
    ]


PARTS = parts()
PUBLIC = [cls for cls in PARTS if page_of(cls)]


def documented_pages():
    """Pages that the API reference builds: of classes that it lists, and all names of modules."""
    entries = re.findall(r"^   (sklearn_ebm[.\w]*)$", INDEX.read_text(encoding="utf-8"), re.M)
    classes = {entry for entry in entries if entry.rpartition(".")[2][0].isupper()}
    modules = set(entries) - classes
    names = {f"{module}.{name}" for module in modules for name in import_module(module).__all__}
    return names | classes


def section(cls, name):
    return {entry.name: entry for entry in NumpyDocString(inspect.getdoc(cls))[name]}


def test_estimators_and_their_parts_have_pages():
    names = {cls.__name__ for cls in PUBLIC}
    assert {
        "EBMClassifier", "EBMClassifierCV", "LatentEBMRegressor", "Linear", "MLP", "Experts",
        "Blend", "Memory", "Hinge", "NLL", "LBFGS", "Adam", "SoftMinimum", "Pool",
    } <= names  # fmt: skip


@pytest.mark.parametrize("cls", PUBLIC)
def test_links_lead_to_pages_that_are_built(cls):
    part = cls(lambda: None) if cls.__name__ == "TorchModule" else _made(cls)
    link = part._get_doc_link()
    assert link.startswith(API) and link.endswith(".html")
    assert link.removeprefix(API).removesuffix(".html") in documented_pages()


def _made(cls):
    """An object whose settings do not matter."""
    return cls.__new__(cls)


@pytest.mark.parametrize("cls", PUBLIC)
def test_every_parameter_has_a_tooltip(cls):
    documented = section(cls, "Parameters")
    for name in cls._get_param_names():
        assert name in documented, f"{cls.__name__}.{name}"
        assert (documented[name].type and documented[name].desc) or name in SELF_EVIDENT
        # What scikit-learn looks for to make a link to the very line.
        assert re.search(f"{name} : (.+)\\n", cls.__doc__)


# Their type says all.
SELF_EVIDENT = {"activation"}


def test_what_a_user_writes_has_no_page():
    class Mine(Linear):
        pass

    assert Mine()._get_doc_link() == ""


def test_the_representation_holds_links_of_nested_parts():
    clf = EBMClassifier(MLP(hidden_layer_sizes=(4,)), Hinge(margin=2.0), solver=LBFGS())
    html = estimator_html_repr(clf)
    pages = ("EBMClassifier", "energies.MLP", "losses.Hinge", "solvers.LBFGS")
    for page in pages:
        assert f"{API}sklearn_ebm.{page}.html" in html, page
    if "param-doc-link" in html:  # since scikit-learn 1.8
        assert "#:~:text=class_weight,-" in html


def binary(as_frame=False, n_classes=2):
    rng = np.random.RandomState(0)
    y = np.arange(60) % n_classes
    X = rng.normal(size=(60, 3)) + y[:, None]
    return (pd.DataFrame(X, columns=list("abc")) if as_frame else X), y


def of_class(estimator, **settings):
    X, y = binary(**settings)
    return estimator.fit(X, y)


def of_number(estimator, as_frame=False):
    X, _ = binary(as_frame)
    y = np.random.RandomState(1).normal(size=60)
    return estimator.fit(X, y)


def streamed():
    X, y = binary()
    return EBMClassifier().partial_fit(X, y, classes=[0, 1])


FITS = {
    "classifier": [
        lambda: of_class(EBMClassifier(), as_frame=True),
        lambda: of_class(EBMClassifier(loss="hinge", beta="auto"), n_classes=3),
        lambda: of_class(EBMClassifier("kernel")),
        lambda: of_class(EBMClassifier(Prototypes(metric="full"))),
        lambda: of_class(EBMClassifier("mlp", early_stopping=True)),
        streamed,
    ],
    "classifier_cv": [
        lambda: of_class(EBMClassifierCV(Cs=2, cv=2), as_frame=True),
        lambda: of_class(EBMClassifierCV(losses=("nll", "hinge"), Cs=2, cv=2), n_classes=3),
    ],
    "regressor": [
        lambda: of_number(LatentEBMRegressor(SMALL, max_iter=3), as_frame=True),
        lambda: of_number(LatentEBMRegressor(Memory(n_trees=2))),
        lambda: of_number(LatentEBMRegressor(Blend([Memory(n_trees=2)]))),
        lambda: of_number(LatentEBMRegressor(SMALL, "hinge", beta="auto", max_iter=3)),
        lambda: of_number(LatentEBMRegressor(SMALL, max_iter=3, calibration="conformal")),
        lambda: of_number(LatentEBMRegressor("auto", time_budget=0.1)),
    ],
}


@pytest.mark.parametrize("kind", FITS)
@pytest.mark.filterwarnings("ignore::UserWarning")  # so short fits do not converge
def test_fitted_attributes_are_those_of_the_docstring(kind):
    fitted = [fit() for fit in FITS[kind]]
    documented = set(section(type(fitted[0]), "Attributes"))
    set_ = {
        name
        for estimator in fitted
        for name in vars(estimator)
        if name.endswith("_") and not name.startswith("_")
    }
    properties = {
        name for name in documented - set_ if any(_has(estimator, name) for estimator in fitted)
    }
    assert set_ - documented == set(), "not documented"
    assert documented - set_ - properties == set(), "documented, and never there"


def _has(estimator, name):
    return getattr(estimator, name, None) is not None


def test_energies_link_to_nothing_that_is_private():
    private = [cls for cls in PARTS if not page_of(cls) and not inspect.isabstract(cls)]
    assert any(issubclass(cls, Energy) for cls in private)
    assert all(_made(cls)._get_doc_link() == "" for cls in private)


@pytest.mark.parametrize("cls", PUBLIC, ids=lambda cls: cls.__name__)
def test_what_is_not_learnt_can_be_represented(cls):
    """scikit-learn asks for every attribute; those that raise AttributeError are absent."""
    parameters = inspect.signature(cls).parameters.values()
    needed = {p.name: LBFGS() for p in parameters if p.default is p.empty}
    assert cls.__name__ in estimator_html_repr(cls(**needed))


@pytest.mark.parametrize("name", list(CONDITIONAL_ENERGIES))
def test_a_regressor_with_an_energy_as_object_can_be_represented(name):
    energy = CONDITIONAL_ENERGIES.resolve(name)
    assert type(energy).__name__ in estimator_html_repr(LatentEBMRegressor(energy))
    with pytest.raises(AttributeError, match="before it is learned; look at the energy_ of a"):
        _ = energy._smallest_scale
