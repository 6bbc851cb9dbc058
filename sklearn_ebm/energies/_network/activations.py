"""What a unit of a network makes of its input, and the derivative of that.

Each activation works in place where that saves time and the library can: it may overwrite its
input, and what it keeps for the way back is its output where the derivative follows from that.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from sklearn_ebm._utils.array_api import in_place, namespace_of
from sklearn_ebm._utils.array_ops import (
    clip_below_zero,
    normal_cdf,
    one_minus,
    times_mask,
)
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.registry import Registry


class Activation(Protocol):
    """A function of one number, applied to arrays."""

    gain: float

    def forward(self, z: Array) -> tuple[Array, tuple[Array, ...]]:
        """Value at z, which may be overwritten, and what `backward` needs."""

    def backward(self, slope: Array, kept: tuple[Array, ...]) -> Array:
        """Slopes times the derivative, in place where the library can."""


class ReLU:
    """max(z, 0), with derivative 0 at the kink."""

    gain = 2.0  # half of the units are off, so the others carry twice the variance

    def forward(self, z: Array) -> tuple[Array, tuple[Array, ...]]:
        """Value in place; it also says which units are on."""
        z = clip_below_zero(namespace_of(z), z)
        return z, (z,)

    def backward(self, slope: Array, kept: tuple[Array, ...]) -> Array:
        """Slopes times [z > 0]."""
        return times_mask(namespace_of(slope), slope, kept[0] > 0)


class Tanh:
    """tanh z, with derivative 1 − tanh² z."""

    gain = 1.0

    def forward(self, z: Array) -> tuple[Array, tuple[Array, ...]]:
        """Value in place; the derivative follows from it."""
        z = in_place(namespace_of(z), "tanh", z)
        return z, (z,)

    def backward(self, slope: Array, kept: tuple[Array, ...]) -> Array:
        """Slopes times 1 − h²."""
        xp = namespace_of(slope)
        slope *= one_minus(xp, xp.square(kept[0]))
        return slope


class SiLU:
    """h = z σ(z), with derivative σ + h (1 − σ)."""

    gain = 2.0

    def forward(self, z: Array) -> tuple[Array, tuple[Array, ...]]:
        """Value in place; it and σ(z) are kept."""
        # σ(z) = (1 + tanh(z/2))/2 takes a fraction of the time of an exponential and a division.
        share = in_place(namespace_of(z), "tanh", z * 0.5)
        share *= 0.5
        share += 0.5
        z *= share
        return z, (z, share)

    def backward(self, slope: Array, kept: tuple[Array, ...]) -> Array:
        """Slopes times σ + h (1 − σ)."""
        h, share = kept
        derivative = 1 - share
        derivative *= h
        derivative += share
        slope *= derivative
        return slope


class GELU:
    """z Φ(z) with the normal distribution function Φ, exactly; derivative Φ + z φ."""

    gain = 2.0

    def forward(self, z: Array) -> tuple[Array, tuple[Array, ...]]:
        """Value; z and Φ(z) are kept."""
        share = normal_cdf(namespace_of(z), z)
        return z * share, (z, share)

    def backward(self, slope: Array, kept: tuple[Array, ...]) -> Array:
        """Slopes times Φ(z) + z φ(z)."""
        z, share = kept
        xp = namespace_of(z)
        derivative = xp.square(z)
        derivative *= -0.5
        derivative = in_place(xp, "exp", derivative)
        derivative *= 1 / float(np.sqrt(2 * np.pi))
        derivative *= z
        derivative += share
        slope *= derivative
        return slope


#: Every activation by its name.
ACTIVATIONS: Registry[Activation] = Registry(
    "activation",
    Activation,  # type: ignore[type-abstract]
    {"relu": ReLU, "tanh": Tanh, "silu": SiLU, "gelu": GELU},
)
