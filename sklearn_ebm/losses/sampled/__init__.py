"""Losses of sampled answers, for energies whose partition function has no closed form."""

from sklearn_ebm._utils.registry import Registry
from sklearn_ebm.losses import LOSSES
from sklearn_ebm.losses.sampled.base import SampledLoss
from sklearn_ebm.losses.sampled.nce import NCE
from sklearn_ebm.losses.sampled.nll import SampledNLL
from sklearn_ebm.losses.sampled.score_matching import ScoreMatching
from sklearn_ebm.losses.sampled.snl import SNL

#: Every loss of sampled answers by its name.
SAMPLED_LOSSES: Registry[SampledLoss] = Registry(
    "loss",
    SampledLoss,  # type: ignore[type-abstract]
    {
        "nll": SampledNLL,
        "nce": NCE,
        "snl": SNL,
        "score_matching": ScoreMatching,
    },
)

LOSSES.elsewhere |= {
    name: "LatentEBMRegressor(energy='joint')" for name in SAMPLED_LOSSES if name not in LOSSES
}

__all__ = [
    "NCE",
    "SNL",
    "SampledNLL",
    "ScoreMatching",
]
