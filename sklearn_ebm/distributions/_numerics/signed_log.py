"""Monotone transform of a target: linear in the middle, logarithmic outside."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sklearn_ebm._utils.parameters import Array


class SignedLog(NamedTuple):
    r"""t(y) = z for \|z\| ≤ a, sign(z) (a + log(1 + \|z\| − a)) beyond, with z = (y − c)/s.

    t is increasing, has a continuous derivative and an exact inverse. Below ``lowest`` and above
    ``highest`` it is linear, so that extrapolation is moderate.

    Attributes
    ----------
    centre, scale : float
        c and s > 0, in the unit of y.
    core : float
        a ≥ 0; if it is 0, the transform is logarithmic from c on.
    lowest, highest : float
        Limits of the logarithmic part, in the unit of y.

    Examples
    --------
    With a = 0 and s = 1, t(e − 1) = log(1 + e − 1) = 1, with the derivative 1/e:

    >>> transform = SignedLog(0.0, 1.0, 0.0, -100.0, 100.0)
    >>> y = np.array([np.e - 1])
    >>> transform(y).round(12), transform.log_slope(y).round(12)
    (array([1.]), array([-1.]))
    >>> transform.inverse(np.array([1.0])).round(4)
    array([1.7183])
    """

    centre: float
    scale: float
    core: float
    lowest: float
    highest: float

    def _standardised(self, y: Array) -> Array:
        z: Array = (y - self.centre) / self.scale
        return z

    @property
    def _ends(self) -> tuple[float, float]:
        """Values of z at `lowest` and `highest`."""
        return (self.lowest - self.centre) / self.scale, (self.highest - self.centre) / self.scale

    def _outside(self, z: Array) -> Array:
        """Distance of z, limited to the logarithmic part, from the core."""
        beyond: Array = np.maximum(np.abs(np.clip(z, *self._ends)) - self.core, 0.0)
        return beyond

    def __call__(self, y: Array) -> Array:
        """t(y)."""
        z = self._standardised(y)
        within = np.clip(z, *self._ends)
        beyond = self._outside(z)
        bent = within + np.sign(within) * (np.log1p(beyond) - beyond)
        with np.errstate(invalid="ignore"):
            straight = np.where(z == within, 0.0, z - within)
        result: Array = bent + straight / (1 + beyond)
        return result

    def inverse(self, t: Array) -> Array:
        """y with t(y) = t."""
        first, last = (float(self(np.array(end))) for end in (self.lowest, self.highest))
        within = np.clip(t, first, last)
        beyond = np.maximum(np.abs(within) - self.core, 0.0)
        z = within + np.sign(within) * (np.expm1(beyond) - beyond)
        straight = np.where(t == within, 0.0, t - within)
        result: Array = self.centre + self.scale * (z + straight * np.exp(beyond))
        return result

    def log_slope(self, y: Array) -> Array:
        """log t'(y)."""
        result: Array = -np.log1p(self._outside(self._standardised(y))) - np.log(self.scale)
        return result

    def grid(self) -> Array:
        """Sorted values of t, including all points at which the derivative of log t' jumps.

        Between two neighbours t' changes by a factor of at most e.
        """
        ends = np.array([self.lowest, self.highest])
        reach = self._outside(self._standardised(ends))
        sides = [
            sign * (self.core + np.linspace(0, steps, int(np.ceil(steps)) + 1))
            for sign, steps, end in zip((-1, 1), np.log1p(reach), self._ends, strict=True)
            if sign * end > self.core
        ]
        every = np.concatenate([self(ends), [-self.core, self.core], *sides])
        return np.unique(np.clip(every, *np.sort(self(ends))))
