"""Displays: pictures of what was learnt, in the manner of scikit-learn's displays.

They draw with matplotlib, which ``pip install "sklearn_ebm[plot]"`` brings.
"""

__all__: list[str] = []
