"""What held-out samples said of energies that were learned side by side."""

from __future__ import annotations

from typing import NamedTuple

from sklearn_ebm._utils.parameters import Array


class AutoReport(NamedTuple):
    """What held-out samples said of each candidate.

    Attributes
    ----------
    candidates : tuple of str
        "blend", of the members that it is worse without, and each member by its name; all have
        the backgrounds beside them, and a prior of their own.
    held_out_nll : ndarray of shape (c,)
        Mean −log p(y | x) of samples that neither energies nor priors were learned from, in nats,
        in the units of y.
    standard_error : ndarray of shape (c,)
        Of the difference from the blend.
    share : ndarray of shape (c,)
        Prior of each in the blend.
    seconds : ndarray of shape (c,)
        That learning it took, the location apart.
    skipped : dict of str to str
        Members that were not learned, and why.
    chosen : str
        The candidate that is `energy_`.
    reason : str
        Why.

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
