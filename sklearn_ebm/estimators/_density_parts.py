"""Parts of a regressor as objects, and errors for parts that cannot be combined."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm.energies import (
    BANK_ENERGIES,
    CONDITIONAL_ENERGIES,
    FREE_FORM_ENERGIES,
    FreeFormEnergy,
    TorchModule,
    TorchPairs,
)
from sklearn_ebm.energies.conditional import ConditionalEnergy
from sklearn_ebm.estimators._parts import margin_of_loss, refuse_beta
from sklearn_ebm.inference import INFERENCES
from sklearn_ebm.learning.densities.gradient_fit import Parts
from sklearn_ebm.losses import LOSSES, NLL, Loss
from sklearn_ebm.losses.negatives import MCMC, NEGATIVES, Persistent
from sklearn_ebm.losses.negatives.base import ModelNegatives, Negatives, RandomNegatives
from sklearn_ebm.losses.sampled import SAMPLED_LOSSES
from sklearn_ebm.losses.sampled.base import SampledLoss
from sklearn_ebm.solvers import SOLVERS
from sklearn_ebm.solvers.base import Solver


def resolve_density_parts(
    energy: Any, loss: Any, inference: Any, negatives: Any, solver: Any,
    *, n_latents: Any, margin: Any, beta: Any,
) -> Parts:  # fmt: skip
    """Return the parts as objects; raise ValueError if they cannot be combined."""
    refuse_beta(beta)
    if isinstance(energy, TorchModule):
        energy = TorchPairs(energy.module)
    chosen_loss = _loss(loss, margin, energy)
    if not isinstance(inference, str) or inference not in INFERENCES:
        raise ValueError(unknown_name("inference", inference, INFERENCES.names))
    blended = None
    if isinstance(energy, str) and energy == "auto" and isinstance(chosen_loss, Loss):
        # A blend is learned by maximum likelihood; other losses are learned by gradients.
        blends = chosen_loss.traits.needs_partition_function and INFERENCES.accepts(
            inference, "beta"
        )
        energy, blended = ("blend", n_latents) if blends else ("experts", None)
        n_latents = None if blends else n_latents
    chosen_energy = _energy(energy, n_latents)
    # A contrastive loss depends on the free energy at the β of predictions; the likelihood is
    # learned at β = 1, at which energies are normalised.
    samples = chosen_loss.traits.contrasts and not chosen_loss.traits.needs_partition_function
    learns_at = float(beta) if samples and not isinstance(beta, str) else 1.0
    takes = INFERENCES.accepts(inference, "beta")
    latent = INFERENCES.resolve(inference, **({"beta": learns_at} if takes else {}))
    its_own = _solver(solver, chosen_energy)
    if isinstance(chosen_loss, SampledLoss):
        chosen_loss.validate()
        wrong_answers: Negatives | None = _model_negatives(chosen_energy, chosen_loss, negatives)
    else:
        pool = _random_negatives(negatives)
        _refuse(chosen_energy, chosen_loss)
        wrong_answers = pool if samples else None
    return Parts(chosen_energy, chosen_loss, latent, wrong_answers, its_own, blended)


def _energy(energy: Any, n_latents: Any) -> ConditionalEnergy:
    """Return the energy, with `n_latents` latent values unless that is None."""
    if n_latents is None:
        return CONDITIONAL_ENERGIES.resolve(energy)
    if not isinstance(energy, str):
        raise ValueError(
            f"n_latents={n_latents!r} and the object energy={energy!r} both set the latent "
            "values; leave n_latents=None and set it in the object (energy__n_latents)."
        )
    if energy in BANK_ENERGIES or energy in FREE_FORM_ENERGIES:
        raise ValueError(
            f"energy {energy!r} has no n_latents; leave n_latents=None, or use 'experts' or "
            "'decoder'."
        )
    return CONDITIONAL_ENERGIES.resolve(energy, n_latents=n_latents)


def _solver(solver: Any, energy: ConditionalEnergy) -> Solver | None:
    """Return the solver; None for a name, for which the energy sets the learning rate."""
    named = isinstance(solver, str)
    if named and solver not in ("auto", *SOLVERS):
        raise ValueError(unknown_name("solver", solver, ("auto", *SOLVERS.names)))
    chosen = SOLVERS.resolve("adam" if named and solver == "auto" else solver)
    if not chosen.stochastic:
        raise ValueError(
            f"solver {SOLVERS.name_of(chosen)!r} cannot learn a density: noise and wrong answers "
            "are drawn anew in each step; use solver='adam' or 'auto'."
        )
    if not energy.traits.takes_solver and not named:
        raise ValueError(
            f"solver={solver!r} cannot be used with energy {type(energy).__name__}, "
            "which is learned by density stacking; leave solver='auto'."
        )
    return None if named else chosen


def _loss(loss: Any, margin: Any, energy: Any) -> Loss | SampledLoss:
    """Return the loss; for an energy of any form, the likelihood is estimated from draws."""
    free_form = isinstance(energy, FreeFormEnergy) or (
        isinstance(energy, str) and energy in FREE_FORM_ENERGIES
    )
    named = isinstance(loss, str)
    sampled = isinstance(loss, SampledLoss) or (named and loss in SAMPLED_LOSSES)
    if free_form and isinstance(loss, NLL):
        raise ValueError(
            f"loss={loss!r} needs a partition function in closed form, and that of an energy of "
            "any form is estimated from draws; use loss='nll', or SampledNLL()."
        )
    if sampled and (free_form or loss != "nll"):
        if not free_form:
            raise ValueError(
                f"loss={loss!r} is for energies of any form, such as 'joint', and "
                f"energy={energy!r} is normalised; use loss='nll'."
            )
        if margin is not None:
            raise ValueError(f"loss {loss!r} has no margin, so margin={margin!r} must be None.")
        return SAMPLED_LOSSES.resolve(loss)
    chosen = LOSSES.resolve(loss, **margin_of_loss(loss, margin))
    if np.ndim(getattr(chosen, "margin", 0.0)) > 0:
        raise ValueError(
            f"margin of {LOSSES.name_of(chosen)!r} is an array of pairs of classes, but answers "
            "are numbers here; pass one number."
        )
    chosen._validate(2)
    return chosen


def _random_negatives(negatives: Any) -> RandomNegatives:
    """Return negatives that are drawn without the energy, as contrastive losses need them."""
    automatic = isinstance(negatives, str) and negatives == "auto"
    chosen = NEGATIVES.resolve("pool" if automatic else negatives)
    if not isinstance(chosen, RandomNegatives):
        raise ValueError(
            f"negatives={negatives!r} estimate a partition function; for this loss and energy use "
            "'pool' or 'auto'."
        )
    chosen.validate()
    return chosen


def _model_negatives(energy: Any, loss: SampledLoss, negatives: Any) -> ModelNegatives:
    """Return negatives for estimates of the partition function."""
    automatic = isinstance(negatives, str) and negatives == "auto"
    own = loss.own_negatives()
    if own is not None:
        if not automatic:
            raise ValueError(
                f"loss {SAMPLED_LOSSES.name_of(loss)!r} draws its own answers; leave "
                "negatives='auto'."
            )
        return own
    chosen = NEGATIVES.resolve("importance" if automatic else negatives)
    name = SAMPLED_LOSSES.name_of(loss)
    if not isinstance(chosen, ModelNegatives):
        raise ValueError(
            f"negatives={negatives!r} cannot estimate the partition function that loss {name!r} "
            "needs; use 'importance', 'quadrature', 'mcmc' or 'persistent'."
        )
    if loss.needs_log_density and isinstance(chosen, MCMC | Persistent):
        raise ValueError(
            f"loss {name!r} needs the density of its draws, which a Markov chain does not have; "
            "use negatives='importance'."
        )
    chosen.validate()
    return chosen


def _refuse(energy: Any, loss: Loss) -> None:
    """Raise ValueError if a loss cannot be minimised with this energy of continuous answers."""
    name, energy_name, traits = LOSSES.name_of(loss), type(energy).__name__, loss.traits
    if energy.traits.stacked and not traits.needs_partition_function:
        raise ValueError(
            f"loss {name!r} cannot be minimised with energy {energy_name}, which is learned by "
            "density stacking: use 'nll', or an energy that is learned by gradients, such as "
            "'experts'."
        )
    if traits.online or (traits.needs_nonnegative and traits.contrasts):
        reason = traits.needs_nonnegative or "its penalised minimum is a flat surface"
        raise ValueError(
            f"loss {name!r} cannot be minimised with energy {energy_name}: {reason}; use 'nll', "
            "'hinge', 'log', 'simple' or 'square_square'."
        )
    if traits.needs_partition_function and getattr(loss, "beta", 1.0) != 1.0:
        raise ValueError(
            f"loss {name!r} has beta={loss.beta!r}, but energies of answers are normalised at "
            "β = 1; use the name, and set beta= of the regressor for the densities."
        )
    if traits.needs_classes:
        raise ValueError(f"loss {name!r} {traits.needs_classes}; use 'nll'.")
    if not energy.traits.normalized and (traits.needs_partition_function or not traits.contrasts):
        suggested = "'nll', " if isinstance(energy, FreeFormEnergy) else ""
        raise ValueError(
            f"loss {name!r} cannot be minimised with energy {energy_name}, which is not normalised "
            f"by construction: energies would fall without end; use {suggested}'hinge', 'log', "
            "'simple' or 'square_square'."
        )
