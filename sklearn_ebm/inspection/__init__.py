"""Displays of losses and fitted models, with the interface of scikit-learn's displays.

They need matplotlib: ``pip install "sklearn_ebm[plot]"``.
"""

from sklearn_ebm.inspection.beta import BetaDisplay
from sklearn_ebm.inspection.conditional_density import ConditionalDensityDisplay
from sklearn_ebm.inspection.energy_gap import EnergyGapDisplay
from sklearn_ebm.inspection.energy_surface import EnergySurfaceDisplay
from sklearn_ebm.inspection.latent import LatentDisplay
from sklearn_ebm.inspection.loss_shape import LossShapeDisplay

__all__ = [
    "BetaDisplay",
    "ConditionalDensityDisplay",
    "EnergyGapDisplay",
    "EnergySurfaceDisplay",
    "LatentDisplay",
    "LossShapeDisplay",
]
