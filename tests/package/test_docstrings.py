"""Docstrings of what users type: a first line in words, and every parameter described."""

import ast
import builtins
import doctest
import importlib
import inspect
import re

import pytest

MODULES = (
    "sklearn_ebm", "sklearn_ebm.checks", "sklearn_ebm.compare", "sklearn_ebm.datasets",
    "sklearn_ebm.distributions", "sklearn_ebm.energies", "sklearn_ebm.exceptions",
    "sklearn_ebm.inference", "sklearn_ebm.inspection", "sklearn_ebm.losses",
    "sklearn_ebm.losses.negatives", "sklearn_ebm.metrics", "sklearn_ebm.representation",
    "sklearn_ebm.samplers", "sklearn_ebm.solvers",
)  # fmt: skip
WORD = re.compile(r"[A-Z][A-Za-z'-]+[ ,.:]")


def as_attribute(base, name):
    """Whether the docstring of a contract describes a method as an attribute that is called."""
    return bool(re.search(rf"^ *{name} : callable", base.__doc__ or "", re.M))


def public():
    """Name, object and docstrings of public functions, classes and methods of this package.

    A method that overrides one of a contract need not repeat its description.
    """
    for name in MODULES:
        module = importlib.import_module(name)
        for entry in module.__all__:
            thing = getattr(module, entry)
            yield f"{name}.{entry}", (thing, [inspect.getdoc(thing)])
            if inspect.isclass(thing):
                for method, function in inspect.getmembers(thing, inspect.isfunction):
                    own = function.__module__.startswith("sklearn_ebm")
                    if own and not method.startswith("_"):
                        if any(as_attribute(base, method) for base in thing.__mro__):
                            continue
                        docs = [
                            inspect.cleandoc(vars(base)[method].__doc__)
                            for base in thing.__mro__
                            if method in vars(base) and vars(base)[method].__doc__
                        ]
                        yield f"{name}.{entry}.{method}", (function, docs)


PUBLIC = dict(public())
CALLABLES = [
    name
    for name, (thing, _) in PUBLIC.items()
    if inspect.isfunction(thing) or (inspect.isclass(thing) and not issubclass(thing, Warning))
]


def described(docstring):
    """Parameters of a numpydoc docstring that have a description."""
    match = re.search(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-+\n|\Z)", docstring, re.M | re.S)
    found, names = set(), []
    for line in (match.group(1) if match else "").splitlines():
        if line and not line.startswith(" "):
            names = [name.strip(" *") for name in line.split(" : ")[0].split(",")]
        elif line.strip():
            found |= set(names)
    return found


@pytest.mark.parametrize("name", PUBLIC)
def test_the_first_line_is_in_words(name):
    first = PUBLIC[name][1][0].splitlines()[0]
    assert first.endswith((".", ":")) and WORD.match(first), first


@pytest.mark.parametrize("name", CALLABLES)
def test_every_parameter_is_described(name):
    thing, docs = PUBLIC[name]
    thing = getattr(thing, "__wrapped__", thing)
    given = [
        parameter.name
        for parameter in inspect.signature(thing).parameters.values()
        if parameter.name != "self" and parameter.kind is not parameter.VAR_KEYWORD
    ]
    if inspect.isclass(thing) and thing.__init__ is object.__init__:
        given = []
    missing = set(given) - set().union(*map(described, docs))
    assert not missing, sorted(missing)


def undefined(docstring):
    """Names that the examples of a docstring use and neither import nor define."""
    source = "".join(example.source for example in doctest.DocTestParser().get_examples(docstring))
    used, known = set(), set(dir(builtins))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else known).add(node.id)
        elif isinstance(node, ast.alias):
            known.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.arg):
            known.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            known.add(node.name)
    return used - known


@pytest.mark.parametrize("name", PUBLIC)
def test_examples_can_be_copied(name):
    assert not undefined(PUBLIC[name][1][0])


def test_a_name_that_is_not_defined_is_found():
    assert undefined(">>> import numpy as np\n>>> np.sum([a for a in b])") == {"b"}
