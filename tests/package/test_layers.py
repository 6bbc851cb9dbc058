"""The shape of the package: layers, no cycles, short files, and things that are never written."""

import ast
from pathlib import Path

import pytest

import sklearn_ebm

PACKAGE = Path(sklearn_ebm.__file__).parent
MOST_LINES = 350
# What the command line says goes to the terminal.
PRINTS = {f"sklearn_ebm.compare.{name}" for name in ("command", "demonstration", "progress")}

# Of the body of a function: at most so many lines, and more than so many in few functions only.
LONGEST, LONG, MOST_LONG = 60, 30, 0.01

# Each layer imports from those above it in this list, and within itself without a cycle.
LAYERS = (
    ("_utils", "exceptions"),
    ("samplers",),
    ("datasets", "inference", "distributions"),
    ("losses", "metrics"),
    ("energies",),
    ("solvers",),
    ("learning",),
    ("checks", "estimators"),
    ("representation",),
    ("__init__",),
    ("inspection",),
    ("compare",),
    ("__main__",),
)

# The same inside of a folder that has an order of its own.
WITHIN = {
    "learning.densities": (
        ("widths", "objective", "rows"),
        ("ensemble", "free_form"),
        ("gradient_fit",),
        ("ensemble_bank",),
        ("stacking",),
        ("auto", "transforms"),
        ("learn",),
    )
}
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def layer_of(module):
    """The part of the package that a module is in: the folder, or the file."""
    return module.split(".")[1] if "." in module else "__init__"


def imports(module):
    """Modules of this package that a module imports, be it for types alone."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("sklearn_ebm"))
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} line {node.lineno}: imports are absolute"
            if (node.module or "").split(".")[0] == "sklearn_ebm":
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    yield inner if inner in FILES else node.module


def test_every_module_has_a_layer():
    assert {layer_of(module) for module in FILES} == set(LEVEL)


@pytest.mark.parametrize("module", FILES)
def test_a_module_imports_from_layers_below_it(module):
    mine = layer_of(module)
    for imported in imports(module):
        other = layer_of(imported)
        assert other == mine or LEVEL[other] < LEVEL[mine], (
            f"{module} imports {imported}, which does not lie below it"
        )


@pytest.mark.parametrize("folder", WITHIN)
def test_layers_within_a_folder(folder):
    prefix = f"sklearn_ebm.{folder}."
    level = {name: place for place, names in enumerate(WITHIN[folder]) for name in names}
    mine = {module.removeprefix(prefix): module for module in FILES if module.startswith(prefix)}
    assert mine.keys() == level.keys()
    for name, module in mine.items():
        for imported in imports(module):
            if imported.startswith(prefix):
                other = imported.removeprefix(prefix)
                assert level[other] < level[name], f"{module} imports {imported}, which is above it"


def test_no_import_cycles():
    graph = {module: sorted(set(imports(module)) & set(FILES)) for module in FILES}
    done, path = set(), []

    def visit(module):
        assert module not in path, " → ".join([*path[path.index(module) :], module])
        if module in done:
            return
        path.append(module)
        for imported in graph[module]:
            visit(imported)
        path.pop()
        done.add(module)

    for module in graph:
        visit(module)
    assert done == set(FILES)


def numbers_of_code(module):
    """Numbers of the lines that hold code: neither empty, nor a comment, nor in a docstring."""
    docstrings = set()
    for node in ast.walk(TREES[module]):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            text = body[0].value
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                docstrings |= set(range(text.lineno, text.end_lineno + 1))
    lines = FILES[module].read_text(encoding="utf-8").splitlines()
    return {
        number
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.strip().startswith("#") and number not in docstrings
    }


def lines_of_code(module):
    """How many lines hold code."""
    return len(numbers_of_code(module))


@pytest.mark.parametrize("module", FILES)
def test_files_are_short(module):
    assert lines_of_code(module) < MOST_LINES


def test_lines_of_code_counts_code():
    assert lines_of_code("sklearn_ebm.losses.energy") == 15


def lengths_of_functions(module):
    """Lines of code in the body of each function, by name and line."""
    code = numbers_of_code(module)
    return {
        f"{module}:{node.lineno} {node.name}": len(
            code.intersection(range(node.body[0].lineno, node.end_lineno + 1))
        )
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_functions_are_short():
    lengths = {name: n for module in FILES for name, n in lengths_of_functions(module).items()}
    long = {name: n for name, n in lengths.items() if n > LONG}
    assert max(lengths.values()) <= LONGEST, max(lengths, key=lengths.get)
    assert len(long) <= MOST_LONG * len(lengths), long


def test_lengths_of_functions_counts_code():
    (length,) = lengths_of_functions("sklearn_ebm.losses.energy").values()
    assert length == 2


def calls(module):
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id, node.lineno


@pytest.mark.parametrize("module", FILES)
def test_nothing_is_probed_or_printed_or_swallowed(module):
    banned = {"hasattr"} | (set() if module in PRINTS else {"print"})
    found = [(name, line) for name, line in calls(module) if name in banned]
    bare = [
        node.lineno
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert not found and not bare


@pytest.mark.parametrize(
    "folder", ["losses", "energies", "inference", "losses.negatives", "samplers", "solvers"]
)
def test_one_registered_part_in_each_file(folder):
    from sklearn_ebm.energies import ENERGIES, FREE_FORM_ENERGIES, LATENT_ENERGIES
    from sklearn_ebm.inference import INFERENCES
    from sklearn_ebm.losses import LOSSES
    from sklearn_ebm.losses.negatives import CLASS_NEGATIVES, NEGATIVES
    from sklearn_ebm.losses.sampled import SAMPLED_LOSSES
    from sklearn_ebm.samplers import SAMPLERS
    from sklearn_ebm.solvers import SOLVERS

    registries = {
        "losses": LOSSES, "inference": INFERENCES,
        "energies": {**ENERGIES, **LATENT_ENERGIES, **FREE_FORM_ENERGIES},
        "losses.negatives": {**NEGATIVES, **CLASS_NEGATIVES}, "losses.sampled": SAMPLED_LOSSES,
        "samplers": SAMPLERS, "solvers": SOLVERS,
    }  # fmt: skip
    modules = [part.__module__ for part in registries[folder].values()]
    assert len(set(modules)) == len(modules)
    assert all(module.startswith(f"sklearn_ebm.{folder}.") for module in modules)
