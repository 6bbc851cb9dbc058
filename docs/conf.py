"""Sphinx's configuration: `pip install ".[docs]" && sphinx-build -W docs docs/_build`."""

import importlib
import inspect
import pkgutil
import re

from sphinx.util import logging

import sklearn_ebm

project = "sklearn_ebm"
author = "The sklearn_ebm developers"
project_copyright = "2026, The sklearn_ebm developers"
version = release = sklearn_ebm.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx.ext.mathjax",
    "matplotlib.sphinxext.plot_directive",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    # Brings the files of MathJax, so that formulas are readable without network. It stays MathJax:
    # converters to MathML do not know all commands of our formulas.
    "sphinx-mathjax-offline",
]
exclude_patterns = ["_build", "_templates", "examples"]
templates_path = ["_templates"]
default_role = "autolink"  # `Hinge` is a link where there is such a thing
extlinks = {
    "arxiv": ("https://arxiv.org/abs/%s", "arXiv:%s"),
    "doi": ("https://doi.org/%s", "doi:%s"),
}

# Every reference must lead somewhere. Names of other libraries lead nowhere here, because reading
# their inventories needs the network.
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r"(sklearn|numpy|np|scipy|joblib|pandas|polars|matplotlib)\..*"),
    (r"py:obj", r"_\w+"),  # private methods that a subclass writes have no page
]

# -- Markdown -------------------------------------------------------------------------------------
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath", "tasklist"]
myst_heading_anchors = 3

# -- API reference --------------------------------------------------------------------------------
# A module's page lists what its `__all__` names, so a new part appears without a line written here.
autosummary_generate = True
autosummary_ignore_module_all = False
autosummary_imported_members = True
autodoc_typehints = "none"  # numpydoc's sections say the types
numpydoc_show_class_members = False  # the class template lists them
numpydoc_class_members_toctree = False

# -- Gallery --------------------------------------------------------------------------------------
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"plot_",
    "doc_module": ("sklearn_ebm",),
    "backreferences_dir": "api/generated/backreferences",
    "abort_on_example_error": False,  # a broken example is a warning, and -W makes it an error
    "min_reported_time": 10,
    "remove_config_comments": True,
    "show_memory": False,
    "write_computation_times": False,  # a page that nothing links to
    "subsection_order": [  # that of the guide
        f"examples/{chapter}"
        for chapter in ("classes", "numbers", "representations", "own", "energies")
    ],
    "within_subsection_order": "ExampleTitleSortKey",
    "download_all_examples": False,
}

# -- Figures that a page of the guide computes ----------------------------------------------------
# matplotlib's `plot` directive. In Markdown it stands in a block ```{eval-rst}. An exception in it
# is a warning, and -W makes it an error.
plot_include_source = True
plot_html_show_formats = False
plot_html_show_source_link = False
plot_formats = [("png", 110)]
plot_rcparams = {
    "axes.titlesize": "medium",
    "figure.constrained_layout.use": True,
    "figure.figsize": (7.0, 3.2),
}
plot_apply_rcparams = True

# -- HTML -----------------------------------------------------------------------------------------
html_theme = "pydata_sphinx_theme"
html_title = "sklearn_ebm"
html_static_path = ["_static"]
html_css_files = ["sklearn_ebm.css"]
toc_object_entries_show_parents = "hide"
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {page: [] for page in ("index", "changelog")}
html_theme_options = {
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "show_toc_level": 2,
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
}


def plain_foreign_references(app, what, name, obj, options, lines):
    """Turn references in docstrings inherited from scikit-learn into plain text.

    They name labels and terms of scikit-learn's own documentation.
    """
    function = getattr(obj, "fget", obj)
    inherited = (getattr(function, "__module__", None) or "").startswith("sklearn.")
    if not inherited and not re.fullmatch(r"set_\w+_request", name.rpartition(".")[2]):
        return
    for i, line in enumerate(lines):
        line = re.sub(r":(?:ref|term):`([^`<]+?)\s*<[^`>]+>`", r"\1", line)
        lines[i] = re.sub(r":(?:ref|term):`([^`]+)`", r"\1", line)


def public_properties():
    """Return the public properties of each class of ours, which its page documents one by one."""
    modules = [
        importlib.import_module(f"sklearn_ebm.{info.name}")
        for info in pkgutil.iter_modules(sklearn_ebm.__path__)
        if not info.name.startswith("_")
    ]
    return {
        f"{module.__name__}.{name}": [
            key
            for key, value in inspect.getmembers(part)
            if isinstance(value, property)
            and not key.startswith("_")
            and value.fget.__module__.startswith("sklearn_ebm")
        ]
        for module in [sklearn_ebm, *modules]
        for name, part in inspect.getmembers(module, inspect.isclass)
    }


def written_in(module):
    """Return the public classes and functions that a module itself defines."""
    return [
        name
        for name, value in inspect.getmembers(module)
        if (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]


def warn_of_undocumented(app, env):
    """Warn of every public name that has no entry in the API reference.

    Public is what the `__all__` of a module directly below the package names or, without one, the
    classes and functions written there. What the package itself exports is documented there.
    """
    documented = env.domains["py"].objects
    at_top = {id(getattr(sklearn_ebm, name)) for name in sklearn_ebm.__all__}
    names = [f"sklearn_ebm.{name}" for name in sklearn_ebm.__all__ if not name.startswith("__")]
    for info in pkgutil.iter_modules(sklearn_ebm.__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"sklearn_ebm.{info.name}")
        names += [
            f"{module.__name__}.{name}"
            for name in getattr(module, "__all__", written_in(module))
            if id(getattr(module, name)) not in at_top
        ]
    for name in names:
        if name not in documented:
            logging.getLogger(__name__).warning("%s is public and not documented", name)


def setup(app):
    """Connect the functions above."""
    app.config.autosummary_context = {"public_properties": public_properties()}
    app.connect("autodoc-process-docstring", plain_foreign_references, priority=400)
    app.connect("env-check-consistency", warn_of_undocumented)
