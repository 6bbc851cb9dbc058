"""Parameters by name, and the float64 vector that a solver optimises."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.floating]
Index: TypeAlias = npt.NDArray[np.intp]
Params: TypeAlias = dict[str, Array]
Shapes: TypeAlias = Mapping[str, tuple[int, ...]]


class ParameterLayout:
    """Positions of named parameters in a vector.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
        The shape of each parameter; their order is the order in the vector.

    Examples
    --------
    >>> layout = ParameterLayout({"coef": (2, 3), "intercept": (2,)})
    >>> layout.size
    8
    >>> layout.unpack(np.arange(8.0))["intercept"]
    array([6., 7.])
    """

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = dict(shapes)
        self.slices: dict[str, slice] = {}
        position = 0
        for name, shape in self.shapes.items():
            self.slices[name] = slice(position, position + math.prod(shape))
            position += math.prod(shape)
        self.size = position

    def unpack(self, vector: Array) -> Params:
        """Views into the vector, by name."""
        return {
            name: vector[self.slices[name]].reshape(shape) for name, shape in self.shapes.items()
        }

    def pack(self, params: Mapping[str, Array], out: Array | None = None) -> Array:
        """Write parameters to the vector `out`, or to a new one in float64, and return it."""
        vector = np.empty(self.size) if out is None else out
        for name, part in self.slices.items():
            vector[part] = np.ravel(params[name])
        return vector

    def mask(self, names: Collection[str]) -> npt.NDArray[np.bool_]:
        """Boolean mask of the entries of the named parameters."""
        chosen = np.zeros(self.size, dtype=bool)
        for name in names:
            chosen[self.slices[name]] = True
        return chosen


def refuse_lone_traits(cls: type, names: Iterable[str]) -> None:
    """Raise TypeError if a class sets a trait outside its `traits`, where it has no effect."""
    for name in names:
        if name in vars(cls):
            raise TypeError(
                f"{cls.__name__} sets {name} by itself; it belongs in its traits: "
                f"traits = Traits({name}=...)."
            )
