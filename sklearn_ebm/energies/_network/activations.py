"""Activation functions and their derivatives.

They may overwrite their input if the library supports it. If the derivative can be computed from
the output, the output is all that is kept for it.
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
    """An activation function."""

    gain: float

    def forward(self, z: Array) -> tuple[Array, tuple[Array, ...]]:
        """Value at z, which may be overwritten, and what `backward` needs."""

    def backward(self, slope: Array, kept: tuple[Array, ...]) -> Array:
        """Multiply slopes by the derivative, in place if possible."""


class ReLU:
    """max(z, 0), with derivative 0 at the kink."""

    gain = 2.0  # half of the units are 0, so the others need twice the variance

    def forward(self, z: Array) -> tuple[Array, tuple[Array, ...]]:
        """Value in place; the derivative is computed from it."""
        z = clip_below_zero(namespace_of(z), z)
        return z, (z,)

    def backward(self, slope: Array, kept: tuple[Array, ...]) -> Array:
        """Slopes times [z > 0]."""
        return times_mask(namespace_of(slope), slope, kept[0] > 0)


class Tanh:
    """tanh z, with derivative 1 − tanh² z."""

    gain = 1.0

    def forward(self, z: Array) -> tuple[Array, tuple[Array, ...]]:
        """Value in place; the derivative is computed from it."""
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
        sigmoid = in_place(namespace_of(z), "tanh", z * 0.5)
        sigmoid *= 0.5
        sigmoid += 0.5
        z *= sigmoid
        return z, (z, sigmoid)

    def backward(self, slope: Array, kept: tuple[Array, ...]) -> Array:
        """Slopes times σ + h (1 − σ)."""
        h, sigmoid = kept
        derivative = 1 - sigmoid
        derivative *= h
        derivative += sigmoid
        slope *= derivative
        return slope


class GELU:
    """z Φ(z) with the normal distribution function Φ, exactly; derivative Φ + z φ."""

    gain = 2.0

    def forward(self, z: Array) -> tuple[Array, tuple[Array, ...]]:
        """Value; z and Φ(z) are kept."""
        probability = normal_cdf(namespace_of(z), z)
        return z * probability, (z, probability)

    def backward(self, slope: Array, kept: tuple[Array, ...]) -> Array:
        """Slopes times Φ(z) + z φ(z)."""
        z, probability = kept
        xp = namespace_of(z)
        derivative = xp.square(z)
        derivative *= -0.5
        derivative = in_place(xp, "exp", derivative)
        derivative *= 1 / float(np.sqrt(2 * np.pi))
        derivative *= z
        derivative += probability
        slope *= derivative
        return slope


#: Every activation function by its name.
ACTIVATIONS: Registry[Activation] = Registry(
    "activation",
    Activation,  # type: ignore[type-abstract]
    {"relu": ReLU, "tanh": Tanh, "silu": SiLU, "gelu": GELU},
)
