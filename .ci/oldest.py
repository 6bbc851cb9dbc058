"""Prints the oldest supported versions, read from pyproject.toml, as pip constraints.

The lower bound of every core dependency, and of the extras that users install, becomes `==`.
"""

import re
import sys
import tomllib
from pathlib import Path

EXTRAS = ("compare", "plot")


def main():
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    extras = project["optional-dependencies"]
    for requirement in project["dependencies"] + [r for extra in EXTRAS for r in extras[extra]]:
        match = re.fullmatch(r"([\w.-]+)>=([\w.]+)", requirement)
        if match is None:
            sys.exit(f"pyproject.toml: {requirement!r} is not of the form NAME>=VERSION")
        print("==".join(match.groups()))


if __name__ == "__main__":
    main()
