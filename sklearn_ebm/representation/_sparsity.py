"""Penalties and limits that keep the codes of an auto-encoder sparse.

Each turns the outputs a of the encoder into a code z ≥ 0 and an energy of the code.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, xlogy

from sklearn_ebm._utils.array_ops import assign
from sklearn_ebm._utils.parameters import Array, Params, Shapes
from sklearn_ebm._utils.registry import Registry

# Means of activations are clipped, so that the divergence remains finite.
LEAST_MEAN = 1e-6

# Thresholds of ``"jumprelu"`` at the start, and the width of the kernel by which their gradient is
# estimated.
FIRST_THRESHOLD, BANDWIDTH = 0.1, 0.1


class SparseCode(NamedTuple):
    """A code, its energy, and the derivatives.

    Attributes
    ----------
    values : ndarray of shape (n_samples, n_components)
        z ≥ 0.
    energies : ndarray of shape (n_samples,)
        Energy of the code.
    back : callable
        Function from slopes in the code (n_samples, n_components), slopes of the energies
        (n_samples,) and a dict for gradients to slopes in the outputs of the encoder.
    """

    values: Array
    energies: Array
    back: Callable[[Array, Array, Params], Array]


class Sparsity(ABC):
    """Base class: from outputs of the encoder to a code.

    Parameters
    ----------
    strength : float
        Weight λ of the energy of the code.
    n_active : int
        Number of entries of a code that may differ from zero, or that should on average.
    """

    def __init__(self, strength: float, n_active: int) -> None:
        self.strength = strength
        self.n_active = n_active

    def shapes(self, n_components: int) -> Shapes:
        """Shapes of its parameters."""
        return {}

    def start(self, n_components: int) -> Params:
        """Initial parameters."""
        return {}

    def first_output(self, n_components: int) -> float:
        """Initial bias of the outputs of the encoder."""
        return 0.0

    def settle(self, outputs: Array, weight: Array, share: float) -> None:
        """Store what the codes of single samples need, from outputs for training samples.

        They replace a `share` of what is known from earlier samples.
        """
        return None

    def energy(self, codes: Array) -> Array:
        """Energy of any codes, (n,)."""
        return np.zeros(len(codes), dtype=codes.dtype)

    def nearest(self, codes: Array, steps: Array, encoded: Array) -> Array:
        """Proximal operator of that energy; as many entries are active as in `encoded`, at most."""
        count = self._most_active(encoded)
        order = np.argsort(np.argsort(-codes, axis=1), axis=1)
        return np.where(order < count[:, None], np.maximum(codes, 0), 0)

    def _most_active(self, encoded: Array) -> npt.NDArray[np.intp]:
        """Number of entries of the code of each sample that may be active."""
        return np.count_nonzero(encoded, axis=1)

    @abstractmethod
    def __call__(self, params: Params, outputs: Array, *, alone: bool) -> SparseCode:
        """Compute codes; `alone` if the code of a sample must not depend on other samples."""


class L1(Sparsity):
    """Nonnegative codes with the energy λ Σ z."""

    def energy(self, codes: Array) -> Array:
        result: Array = codes.dtype.type(self.strength) * codes.sum(axis=1)
        return result

    def nearest(self, codes: Array, steps: Array, encoded: Array) -> Array:
        return np.maximum(codes - codes.dtype.type(self.strength) * steps, 0)

    def __call__(self, params: Params, outputs: Array, *, alone: bool) -> SparseCode:
        z = np.maximum(outputs, 0)

        def back(slope: Array, of_energy: Array, out: Params) -> Array:
            slope = slope + z.dtype.type(self.strength) * of_energy[:, None]
            slope *= z > 0
            return slope

        return SparseCode(z, z.dtype.type(self.strength) * z.sum(axis=1), back)


class KL(Sparsity):
    """Codes in (0, 1), with the energy λ Σ_j KL(ρ ‖ mean of z_j), the same for all samples."""

    mean: Array | None = None

    def nearest(self, codes: Array, steps: Array, encoded: Array) -> Array:
        return np.clip(codes, 0, 1)

    def _target(self, n_components: int) -> float:
        return min(self.n_active / n_components, 1 - LEAST_MEAN)

    def first_output(self, n_components: int) -> float:
        return float(logit(self._target(n_components)))

    def settle(self, outputs: Array, weight: Array, share: float) -> None:
        mean = (weight / weight.sum()) @ expit(outputs)
        self.mean = mean if self.mean is None else self.mean + share * (mean - self.mean)

    def __call__(self, params: Params, outputs: Array, *, alone: bool) -> SparseCode:
        z = expit(outputs)
        own = not alone or self.mean is None
        mean = z.mean(axis=0) if own else self.mean.astype(z.dtype)  # type: ignore[union-attr]
        mean = np.clip(mean, LEAST_MEAN, 1 - LEAST_MEAN)
        rho = self._target(z.shape[1])
        level = xlogy(rho, rho / mean) + xlogy(1 - rho, (1 - rho) / (1 - mean))
        energies = np.full(len(z), self.strength * level.sum(), dtype=z.dtype)

        def back(slope: Array, of_energy: Array, out: Params) -> Array:
            # Slopes are proportional to the weights of the samples.
            mean = np.clip(of_energy @ z / of_energy.sum(), LEAST_MEAN, 1 - LEAST_MEAN)
            tangent = z.dtype.type(self.strength) * ((1 - rho) / (1 - mean) - rho / mean)
            slope = slope + of_energy[:, None] * tangent
            slope *= z * (1 - z)
            return slope

        return SparseCode(z, energies, back)


class TopK(Sparsity):
    """The `n_active` largest outputs of each sample, if they are positive."""

    def _most_active(self, encoded: Array) -> npt.NDArray[np.intp]:
        return np.full(len(encoded), self.n_active)

    def __call__(self, params: Params, outputs: Array, *, alone: bool) -> SparseCode:
        return _masked(outputs, _largest(outputs, self.n_active))


class BatchTopK(Sparsity):
    """The largest outputs of a batch, `n_active` for each sample on average.

    The outputs of a single sample are compared with a threshold, the same for all.
    """

    threshold: float | None = None

    def settle(self, outputs: Array, weight: Array, share: float) -> None:
        order = np.argsort(-outputs, axis=None)
        total = np.cumsum(np.repeat(weight, outputs.shape[1])[order])
        place = np.searchsorted(total, self.n_active * weight.sum() * (1 - 1e-12))
        found = float(outputs.flat[order[min(place, outputs.size - 1)]])
        before = self.threshold
        self.threshold = found if before is None else before + share * (found - before)

    def _threshold(self, outputs: Array) -> float:
        """Threshold of a batch, with equal weights."""
        count = min(self.n_active * len(outputs), outputs.size)
        return float(np.partition(outputs, outputs.size - count, axis=None)[outputs.size - count])

    def __call__(self, params: Params, outputs: Array, *, alone: bool) -> SparseCode:
        known = self.threshold if alone else None
        threshold = self._threshold(outputs) if known is None else known
        return _masked(outputs, outputs >= outputs.dtype.type(threshold))


class JumpReLU(Sparsity):
    """Outputs above a learned threshold θ_j, with the energy λ · number of them.

    The derivatives in θ_j are those of the mean over outputs near it (straight-through estimate).
    """

    def shapes(self, n_components: int) -> Shapes:
        return {"log_threshold": (n_components,)}

    def energy(self, codes: Array) -> Array:
        active = np.count_nonzero(codes, axis=1)
        return (self.strength * active).astype(codes.dtype)

    def start(self, n_components: int) -> Params:
        return {"log_threshold": np.full(n_components, np.log(FIRST_THRESHOLD))}

    def __call__(self, params: Params, outputs: Array, *, alone: bool) -> SparseCode:
        threshold = np.exp(params["log_threshold"])
        mask = outputs > threshold
        energies = outputs.dtype.type(self.strength) * mask.sum(axis=1, dtype=outputs.dtype)
        near = np.abs(outputs - threshold) < 0.5 * BANDWIDTH

        def back(slope: Array, of_energy: Array, out: Params) -> Array:
            pull = slope * threshold + outputs.dtype.type(self.strength) * of_energy[:, None]
            pull *= near
            # dE/d log θ = θ dE/dθ, and the kernel has the height 1/BANDWIDTH.
            assign(out, "log_threshold", -pull.sum(axis=0) * (threshold / BANDWIDTH))
            return slope * mask

        return SparseCode(outputs * mask, energies, back)


#: Every kind of sparsity by its name.
SPARSITIES: Registry[Sparsity] = Registry(
    "penalty",
    Sparsity,  # type: ignore[type-abstract]
    {"l1": L1, "kl": KL, "topk": TopK, "batch_topk": BatchTopK, "jumprelu": JumpReLU},
)


def _largest(outputs: Array, count: int) -> npt.NDArray[np.bool_]:
    """Mask of the `count` largest entries of each row."""
    if count >= outputs.shape[1]:
        return np.ones(outputs.shape, dtype=bool)
    where = np.argpartition(outputs, -count, axis=1)[:, -count:]
    mask = np.zeros(outputs.shape, dtype=bool)
    np.put_along_axis(mask, where, True, axis=1)
    return mask


def _masked(outputs: Array, mask: npt.NDArray[np.bool_]) -> SparseCode:
    """Outputs that are positive and in a mask, without an energy."""
    mask = mask & (outputs > 0)

    def back(slope: Array, of_energy: Array, out: Params) -> Array:
        return slope * mask

    return SparseCode(outputs * mask, np.zeros(len(outputs), dtype=outputs.dtype), back)
