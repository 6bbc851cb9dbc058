"""Checks of any kind of part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn_ebm.checks.bank_energies import check_bank_energy
from sklearn_ebm.checks.energies import check_energy
from sklearn_ebm.checks.free_form_energies import check_free_form_energy
from sklearn_ebm.checks.inference import check_elimination
from sklearn_ebm.checks.latent_energies import check_latent_energy
from sklearn_ebm.checks.losses import check_loss
from sklearn_ebm.checks.sampled_losses import check_sampled_loss
from sklearn_ebm.checks.solvers import check_solver
from sklearn_ebm.energies import Energy
from sklearn_ebm.energies.banks import BankEnergy
from sklearn_ebm.energies.free_form import FreeFormEnergy
from sklearn_ebm.energies.latent import LatentEnergy
from sklearn_ebm.inference.base import Elimination
from sklearn_ebm.losses import Loss
from sklearn_ebm.losses.sampled.base import SampledLoss
from sklearn_ebm.solvers.base import Solver

#: Base class of each kind of part, and its check.
KINDS: tuple[tuple[type, Callable[[Any], None]], ...] = (
    (Loss, check_loss),
    (SampledLoss, check_sampled_loss),
    (Energy, check_energy),
    (LatentEnergy, check_latent_energy),
    (FreeFormEnergy, check_free_form_energy),
    (BankEnergy, check_bank_energy),
    (Elimination, check_elimination),
    (Solver, check_solver),
)


def check_part(part: Any) -> None:
    """Check that a loss, an energy, an elimination or a solver meets its requirements.

    The base class of the part determines the requirements. The part is checked with its own
    settings and with each of its `examples`.

    Parameters
    ----------
    part : Loss, SampledLoss, Energy, ConditionalEnergy, Elimination or Solver
        An object of your class. A `ConditionalEnergy` is a `LatentEnergy`, a `FreeFormEnergy` or a
        `BankEnergy`.

    Raises
    ------
    AssertionError
        At the first requirement that is violated; the message states the part, the requirement and
        the observed values.
    TypeError
        If the part has none of these base classes.

    Examples
    --------
    >>> from sklearn_ebm.checks import check_part
    >>> from sklearn_ebm.energies import Linear
    >>> from sklearn_ebm.losses import Hinge
    >>> check_part(Hinge(margin=2.0))
    >>> check_part(Linear(fit_intercept=False))
    """
    for kind, check in KINDS:
        if isinstance(part, kind):
            check(part)
            return
    names = ", ".join(kind.__name__ for kind, _ in KINDS)
    raise TypeError(f"{part!r} is no part that can be checked: inherit from one of {names}.")
