"""Estimators of a comparison for a numeric target: energies, and other regressors."""

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
from sklearn_ebm.compare.contenders import Contender, Pair, RunContext, display_name, suitable_pairs
from sklearn_ebm.compare.folds import prepare_dense, prepare_for_trees
from sklearn_ebm.energies import Decoder, Experts
from sklearn_ebm.estimators._density_parts import resolve_density_parts
from sklearn_ebm.estimators.regressor import LatentEBMRegressor
from sklearn_ebm.losses import LOSSES

# What LatentEBMRegressor is given for the name of an energy.
ENERGIES: dict[str, dict[str, Any]] = {
    "experts": {"energy": "experts"},
    "experts_min": {"energy": "experts", "inference": "min"},
    "linear": {"energy": Experts(trunk="linear")},
    "decoder": {"energy": Decoder(latent="interval")},
    "memory": {"energy": "memory"},
    "location_scale": {"energy": "location_scale"},
    "auto": {"energy": "auto"},
}
# Those that take part where none are named; learning the others takes up to a minute for each fold
# of a thousand rows.
SUGGESTED = ("experts", "experts_min", "linear", "decoder")
# The likelihood for every energy; and the loss of wrong answers that makes sensible densities: on
# the concrete data those of "hinge" and "log" have a CRPS of 80 and more, that of "simple" is 3.
BEST_LOSS, BEST_CONTRAST = "nll", "simple"

QUANTILES_NOTE = f"{len(PROBABILITIES)} quantiles, which give no density and hence no NLL."


def _settings(energy: Any) -> dict[str, Any]:
    return ENERGIES[energy] if isinstance(energy, str) else {"energy": energy}


def suitable_losses(energy: Any) -> list[str]:
    """Return the names of the losses that an energy, by name or as an object, is learned with."""
    settings = {"inference": "marginal", **_settings(energy)}
    names = []
    for name in LOSSES.names:
        try:
            resolve_density_parts(
                loss=name, negatives="pool", solver="auto", n_latents=None, margin=None,
                beta="auto", **settings,
            )  # fmt: skip
        except ValueError:
            continue
        names.append(name)
    return names


def known_pairs(energies: Iterable[Any] | None, losses: Iterable[Any] | None) -> list[Pair]:
    """Return the energies and losses to compare on a quantity, their names checked.

    Parameters
    ----------
    energies : iterable of str or LatentEnergy, or None
        None means experts with all `losses`; and if these are not named either, those of
        `SUGGESTED` with the likelihood, and experts with the contrast that serves them best.
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
    # Its own alpha=1 leaves next to nothing of a standardised column.
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
# Rows above which a baseline takes part only by its name, as its time grows much faster than rows.
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
        What `known_pairs` returned.
    baselines : sequence of str, or mapping of name to estimator
        One's own is a `DistributionAdapter` or a `LatentEBMRegressor`; any other regressor becomes
        a Gaussian distribution with the standard deviation of its left-out residuals.
    setting : RunContext

    Returns
    -------
    contenders : list of Contender
    """
    entrants = []
    for energy, loss in pairs:
        estimator = LatentEBMRegressor(
            loss=loss,
            beta=1.0 if loss == "nll" else "auto",  # as the likelihood is learned at β = 1
            random_state=setting.seed,
            **_settings(energy),
        )
        model = f"EBM {display_name(energy)} {display_name(loss)}"
        entrants.append(Contender(model, estimator, prepare_dense))
    if not isinstance(baselines, Mapping):
        return entrants + [BASELINES[name](setting) for name in baselines]
    for name, own in baselines.items():
        says_laws = isinstance(own, (DistributionAdapter, LatentEBMRegressor))
        estimator = own if says_laws else GaussianResiduals(own)
        entrants.append(Contender(name, estimator, prepare_dense))
    return entrants
