"""Regressors of a comparison: energies with losses, and other regressors."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import QuantileRegressor, Ridge

from sklearn_ebm.compare.adapters import (
    PROBABILITIES,
    DistributionAdapter,
    GaussianProcess,
    GaussianResiduals,
    NaturalGradientBoosting,
    Quantiles,
)
from sklearn_ebm.compare.contenders import (
    Contender,
    Pair,
    RunContext,
    display_name,
    suitable_pairs,
    with_representation,
)
from sklearn_ebm.compare.folds import final_step, prepare_dense, prepare_for_trees
from sklearn_ebm.energies import Decoder, Experts
from sklearn_ebm.estimators._density_parts import resolve_density_parts
from sklearn_ebm.estimators.regressor import LatentEBMRegressor
from sklearn_ebm.losses import LOSSES

# Parameters of LatentEBMRegressor for each name of an energy.
ENERGIES: dict[str, dict[str, Any]] = {
    "experts": {"energy": "experts"},
    "experts_min": {"energy": "experts", "inference": "min"},
    "linear": {"energy": Experts(trunk="linear")},
    "decoder": {"energy": Decoder(latent="interval")},
    "memory": {"energy": "memory"},
    "location_scale": {"energy": "location_scale"},
    "joint": {"energy": "joint"},
    "auto": {"energy": "auto"},
}
# Default energies. Learning the others takes up to a minute for each fold of a thousand rows.
SUGGESTED = ("experts", "experts_min", "linear", "decoder")
# The default loss, and the contrastive loss with useful densities: on the concrete data, "hinge"
# and "log" have a CRPS of 80 and more, and "simple" has 3.
BEST_LOSS, BEST_CONTRAST = "nll", "simple"

QUANTILES_NOTE = f"{len(PROBABILITIES)} quantiles, which give no density and hence no NLL."


def _settings(energy: Any) -> dict[str, Any]:
    return ENERGIES[energy] if isinstance(energy, str) else {"energy": energy}


def suitable_losses(energy: Any) -> list[str]:
    """Return the names of the losses that suit an energy, given by name or as an object."""
    settings = {"inference": "marginal", **_settings(energy)}
    names = []
    for name in LOSSES.names:
        try:
            resolve_density_parts(
                loss=name, negatives="auto", solver="auto", n_latents=None, margin=None,
                beta="auto", **settings,
            )  # fmt: skip
        except ValueError:
            continue
        names.append(name)
    return names


def known_pairs(energies: Iterable[Any] | None, losses: Iterable[Any] | None) -> list[Pair]:
    """Return the energies and losses to compare; raise DataError for invalid names.

    Parameters
    ----------
    energies : iterable of str or LatentEnergy, or None
        None means experts with all `losses`; if these are None as well, the energies of `SUGGESTED`
        with the likelihood, and experts with the best contrastive loss.
    losses : iterable of str or Loss, or None
        None means the likelihood.

    Raises
    ------
    DataError
        If a name is unknown, or a loss suits none of the energies.

    Examples
    --------
    >>> [pair.loss for pair in known_pairs(["experts"], ["nll", "hinge"])]
    ['nll', 'hinge']
    """
    if energies is None and losses is None:
        pairs = [Pair(name, BEST_LOSS) for name in SUGGESTED]
        return [*pairs, Pair("experts", BEST_CONTRAST)]
    energies = ["experts"] if energies is None else list(energies)
    losses = [BEST_LOSS] if losses is None else list(losses)
    return suitable_pairs(energies, losses, ENERGIES, suitable_losses)


def _hist_gradient_boosting(setting: RunContext) -> Contender:
    regressor = HistGradientBoostingRegressor(
        loss="quantile",
        quantile=0.5,
        categorical_features=setting.categorical or None,
        random_state=setting.seed,
    )
    name = "HistGradientBoostingRegressor"
    return Contender(name, Quantiles(regressor), prepare_for_trees, QUANTILES_NOTE)


def _quantile_regressor(setting: RunContext) -> Contender:
    # The default alpha=1 suppresses standardised columns almost entirely.
    regressor = QuantileRegressor(alpha=0.0, solver="highs")
    return Contender("QuantileRegressor", Quantiles(regressor), prepare_dense, QUANTILES_NOTE)


def _gaussian_process(setting: RunContext) -> Contender:
    return Contender(
        "GaussianProcessRegressor", GaussianProcess(random_state=setting.seed), prepare_dense
    )


def _ridge(setting: RunContext) -> Contender:
    return Contender("Ridge (Gaussian)", GaussianResiduals(Ridge()), prepare_dense)


def _ngboost(setting: RunContext) -> Contender:
    return Contender("NGBoost", NaturalGradientBoosting(setting.seed), prepare_dense)


BASELINES: dict[str, Callable[[RunContext], Contender]] = {
    "Ridge": _ridge,
    "QuantileRegressor": _quantile_regressor,
    "GaussianProcessRegressor": _gaussian_process,
    "HistGradientBoostingRegressor": _hist_gradient_boosting,
    "NGBoost": _ngboost,
}
# Number of rows above which a slow baseline is not used by default.
MOST_ROWS = {"QuantileRegressor": 5_000, "GaussianProcessRegressor": 1_250}


def suggested_baselines(setting: RunContext) -> tuple[list[str], list[str]]:
    """Return the default baselines, and notes on those that are skipped."""
    names, notes = [], []
    for name in BASELINES:
        if setting.n_rows > MOST_ROWS.get(name, setting.n_rows):
            notes.append(
                f"{name} was left out, which takes long on more than {MOST_ROWS[name]} rows; name "
                "it among the baselines to have it."
            )
        elif name != "NGBoost" or find_spec("ngboost"):
            names.append(name)
    return names, notes


def contenders(pairs: Sequence[Pair], baselines: Any, setting: RunContext) -> list[Contender]:
    """Return the contenders in the order in which they run.

    Parameters
    ----------
    pairs : sequence of Pair
        Results of `known_pairs` and `representation_pairs`.
    baselines : sequence of str, or mapping of name to estimator
        Names, or estimators: a `DistributionAdapter` or a `LatentEBMRegressor`, also as the last
        step of a pipeline. Other regressors predict a Gaussian with the standard deviation of their
        cross-validated residuals.
    setting : RunContext

    Returns
    -------
    contenders : list of Contender
    """
    entrants = []
    for pair in pairs:
        energy, loss = pair.energy, pair.loss
        estimator = LatentEBMRegressor(
            loss=loss,
            beta=1.0 if loss == "nll" else "auto",  # because the likelihood is learned at β = 1
            random_state=setting.seed,
            **_settings(energy),
        )
        model = f"EBM {display_name(energy)} {display_name(loss)}"
        contender = Contender(model, estimator, prepare_dense)
        entrants.append(with_representation(contender, pair, setting.seed))
    if not isinstance(baselines, Mapping):
        return entrants + [BASELINES[name](setting) for name in baselines]
    for name, own in baselines.items():
        says_laws = isinstance(final_step(own), (DistributionAdapter, LatentEBMRegressor))
        estimator = own if says_laws else GaussianResiduals(own)
        entrants.append(Contender(name, estimator, prepare_dense))
    return entrants
