"""Displays: pictures of what was learnt, in the manner of scikit-learn's displays.

They draw with matplotlib, which ``pip install "sklearn_ebm[plot]"`` brings.
"""

from sklearn_ebm.inspection.conditional_density import ConditionalDensityDisplay
from sklearn_ebm.inspection.latent import LatentDisplay

__all__ = ["ConditionalDensityDisplay", "LatentDisplay"]
