"""Regressors of a comparison: energies with losses, and other regressors."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import QuantileRegressor, Ridge

from sklearn_ebm.compare.adapters import (
    PROBABILITIES,
    Boosted,
    DistributionAdapter,
    GaussianProcess,
    GaussianResiduals,
    MarginalDensity,
    Quantiles,
)
from sklearn_ebm.compare.contenders import (
    BEST_LOSS,
    Contender,
    Pair,
    RunContext,
    display_name,
    installed,
    optional,
    own_contender,
    suitable_pairs,
    usable,
    with_representation,
)
from sklearn_ebm.compare.folds import final_step
from sklearn_ebm.compare.preparation import linear_dense, trees
from sklearn_ebm.energies import Decoder, Experts
from sklearn_ebm.estimators._density_parts import resolve_density_parts
from sklearn_ebm.estimators.regressor import LatentEBMRegressor
from sklearn_ebm.losses import LOSSES

# Time limit of a fit with the energy "auto": enough for all of its members on thousands of rows.
AUTO_SECONDS = 120.0
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
# Default energies: the default of LatentEBMRegressor, and single energies that are quick.
SUGGESTED = ("auto", "experts", "linear", "decoder")
# Rough time of a fit, in units of a linear classifier's.
COSTS = {"linear": 20.0, "location_scale": 30.0, "decoder": 60.0, "auto": 500.0}

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

    No energies mean experts with the losses or, if there are no losses either, the energies of
    `SUGGESTED` with the likelihood.

    Examples
    --------
    >>> [pair.loss for pair in known_pairs(["experts"], ["nll", "hinge"])]
    ['nll', 'hinge']
    """
    if energies is None and losses is None:
        return [Pair(name, BEST_LOSS) for name in SUGGESTED]
    energies = ["experts"] if energies is None else list(energies)
    losses = [BEST_LOSS] if losses is None else list(losses)
    return suitable_pairs(energies, losses, ENERGIES, suitable_losses)


BASELINES: dict[str, Callable[[RunContext], Contender]] = {
    "marginal": lambda context: Contender(
        "marginal density", MarginalDensity(), origin="floor", cost=0.1
    ),
    "Ridge": lambda context: Contender(
        "Ridge (Gaussian)", GaussianResiduals(Ridge()), linear_dense
    ),
    # The default alpha=1 suppresses standardised columns almost entirely.
    "QuantileRegressor": lambda context: Contender(
        "QuantileRegressor",
        Quantiles(QuantileRegressor(alpha=0.0, solver="highs")),
        linear_dense,
        QUANTILES_NOTE,
        cost=10,
    ),
    "GaussianProcessRegressor": lambda context: Contender(
        "GaussianProcessRegressor",
        GaussianProcess(random_state=context.seed),
        linear_dense,
        cost=25,
    ),
    "HistGradientBoostingRegressor": lambda context: Contender(
        "HistGradientBoostingRegressor",
        Quantiles(
            HistGradientBoostingRegressor(
                loss="quantile",
                quantile=0.5,
                categorical_features="from_dtype",
                random_state=context.seed,
            )
        ),
        trees,
        QUANTILES_NOTE,
        cost=30,
    ),
    "LightGBM": lambda context: Contender(
        "LightGBM",
        Quantiles(
            optional("lightgbm").LGBMRegressor(
                objective="quantile", random_state=context.seed, verbose=-1
            ),
            parameter="alpha",
        ),
        linear_dense,
        QUANTILES_NOTE,
        cost=30,
    ),
    "CatBoost": lambda context: Contender(
        "CatBoost (Gaussian)",
        Boosted(
            optional("catboost").CatBoostRegressor(
                loss_function="RMSEWithUncertainty",
                random_seed=context.seed,
                verbose=False,
                allow_writing_files=False,
            ),
            "catboost",
        ),
        linear_dense,
        cost=40,
    ),
    "QuantileForest": lambda context: Contender(
        "QuantileForest",
        Boosted(
            optional("quantile_forest").RandomForestQuantileRegressor(random_state=context.seed),
            "quantile_forest",
        ),
        linear_dense,
        QUANTILES_NOTE,
        cost=20,
    ),
    "NGBoost": lambda context: Contender(
        "NGBoost (Gaussian)",
        Boosted(
            optional("ngboost").NGBRegressor(verbose=False, random_state=context.seed), "ngboost"
        ),
        linear_dense,
        cost=30,
    ),
}
# Number of rows above which a slow baseline is not used by default.
MOST_ROWS = {"QuantileRegressor": 5_000, "GaussianProcessRegressor": 1_250}


def suggested_baselines(context: RunContext) -> tuple[list[str], list[str]]:
    """Return the default baselines, and notes on those that are skipped."""
    candidates, notes = usable(installed(BASELINES), BASELINES, context)
    names = []
    for name in candidates:
        if context.n_rows > MOST_ROWS.get(name, context.n_rows):
            notes.append(
                f"{name} was left out, which takes long on more than {MOST_ROWS[name]} rows; name "
                "it among the baselines to have it."
            )
        else:
            names.append(name)
    return names, notes


def contenders(pairs: Sequence[Pair], baselines: Any, context: RunContext) -> list[Contender]:
    """Return the contenders of pairs and baselines.

    A baseline of one's own is a `DistributionAdapter` or a `LatentEBMRegressor`, also as the last
    step of a pipeline, or a regressor, which gets a Gaussian with the standard deviation of its
    cross-validated residuals.
    """
    entrants = []
    for pair in pairs:
        energy, loss = pair.energy, pair.loss
        estimator = LatentEBMRegressor(
            loss=loss,
            beta=1.0 if loss == "nll" else "auto",  # because the likelihood is learned at β = 1
            time_budget=AUTO_SECONDS if energy == "auto" else None,
            random_state=context.seed,
            **_settings(energy),
        )
        model = f"LatentEBM {display_name(energy)}"
        model += "" if loss == BEST_LOSS else f" + {display_name(loss)}"
        note = f"at most {AUTO_SECONDS:g} s for each fold." if energy == "auto" else ""
        cost = COSTS.get(energy, 40.0) if isinstance(energy, str) else 40.0
        contender = Contender(model, estimator, linear_dense, note, "package", cost)
        if pair.representation is not None:
            contender = contender._replace(model=f"LatentEBM {pair.model}")
        entrants.append(with_representation(contender, pair, context.seed))
    if not isinstance(baselines, Mapping):
        return entrants + [BASELINES[name](context) for name in baselines]
    for name, own in baselines.items():
        says_laws = isinstance(final_step(own), (DistributionAdapter, LatentEBMRegressor))
        estimator = own if says_laws else GaussianResiduals(own)
        entrants.append(own_contender(name, estimator)._replace(prepare=linear_dense))
    return entrants
