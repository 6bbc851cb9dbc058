"""Report on the energies that ``energy="auto"`` compares."""

from __future__ import annotations

from typing import NamedTuple

from sklearn_ebm._utils.parameters import Array


class AutoReport(NamedTuple):
    """Held-out scores of the candidates of ``energy="auto"``, and the choice.

    Attributes
    ----------
    candidates : tuple of str
        "blend", the blend of the energies that improve it, and the name of each energy. Each
        candidate has the backgrounds and its own prior.
    held_out_nll : ndarray of shape (n_candidates,)
        Mean −log p(y | x) of samples that were held out from energies and priors, in nats, for y in
        its own units.
    standard_error : ndarray of shape (n_candidates,)
        Standard error of the difference from the blend, in nats.
    share : ndarray of shape (n_candidates,)
        Prior of the candidate in the blend.
    seconds : ndarray of shape (n_candidates,)
        Time for learning the candidate without the location, in seconds.
    skipped : dict of str to str
        Energies that were not learned, with the reason.
    chosen : str
        The candidate that became `energy_`.
    reason : str
        Reason of the choice.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ebm.energies.auto_report import AutoReport
    >>> print(
    ...     AutoReport(
    ...         ("blend", "memory"), np.array([0.5, 0.75]), np.array([0.0, 0.02]),
    ...         np.array([1.0, 0.25]), np.array([3.0, 1.0]), {}, "blend", "better",
    ...     )
    ... )  # fmt: skip
    candidate            held-out NLL ± (to blend)  share       s
    blend                      0.5000       0.0000   1.00     3.0
    memory                     0.7500       0.0200   0.25     1.0
    blend: better
    """

    candidates: tuple[str, ...]
    held_out_nll: Array
    standard_error: Array
    share: Array
    seconds: Array
    skipped: dict[str, str]
    chosen: str
    reason: str

    def __str__(self) -> str:
        header = (
            f"{'candidate':<20} {'held-out NLL':>12} {'± (to blend)':>12} {'share':>6} {'s':>7}"
        )
        rows = [
            f"{name:<20} {nll:>12.4f} {error:>12.4f} {share:>6.2f} {seconds:>7.1f}"
            for name, nll, error, share, seconds in zip(*self[:5], strict=True)
        ]
        skipped = [f"{member}: not learned, {why}" for member, why in self.skipped.items()]
        return "\n".join([header, *rows, *skipped, f"{self.chosen}: {self.reason}"])
