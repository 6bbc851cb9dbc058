"""Doctests of optional parts are collected where what they need is installed."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") else ["sklearn_ebm/energies/torch_module.py"]
