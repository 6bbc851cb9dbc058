"""Parameters as a vector in which the entries of each class are contiguous."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sklearn_ebm._utils.parameters import Array, Index, ParameterLayout, Params, Shapes


class ClassLayout(ParameterLayout):
    """Positions of parameters in a vector, where the axis of the classes comes first.

    The entries of a class are then one row of a table, which can be read and written quickly.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
        The shape of each parameter, as the energy states it.
    axes : mapping of str to int
        The axis of the classes in each parameter that has one; see `energies.base.Traits`.

    Attributes
    ----------
    axes : dict of str to int
        The axes of the parameters in `shapes`.
    width : int
        Number of entries of one class.

    Examples
    --------
    Two features and three classes:

    >>> layout = ClassLayout({"weight": (2, 3)}, {"weight": 1})
    >>> vector = layout.pack({"weight": np.array([[0, 1, 2], [3, 4, 5]])})
    >>> layout.tables(vector)["weight"]
    array([[0., 3.],
           [1., 4.],
           [2., 5.]])
    >>> layout.unpack(vector)["weight"]
    array([[0., 1., 2.],
           [3., 4., 5.]])
    """

    def __init__(self, shapes: Shapes, axes: Mapping[str, int]) -> None:
        super().__init__(shapes)
        self.axes = {name: axis for name, axis in axes.items() if name in self.shapes}
        n_classes = {self.shapes[name][axis] for name, axis in self.axes.items()}
        sizes = [self.slices[name].stop - self.slices[name].start for name in self.axes]
        self.width = sum(sizes) // max(*n_classes, 1)

    def tables(self, vector: Array) -> Params:
        """Views of the parameters with classes, (n_classes, ...) each, by name."""
        tables = {}
        for name, axis in self.axes.items():
            shape = self.shapes[name]
            first = (shape[axis], *shape[:axis], *shape[axis + 1 :])
            tables[name] = vector[self.slices[name]].reshape(first)
        return tables

    def unpack(self, vector: Array) -> Params:
        """Views into the vector, by name, in the shapes of the energy."""
        params = super().unpack(vector)
        for name, table in self.tables(vector).items():
            params[name] = np.moveaxis(table, 0, self.axes[name])
        return params

    def pack(self, params: Mapping[str, Array], out: Array | None = None) -> Array:
        """Write parameters to the vector `out`, or to a new one in float64, and return it."""
        first = {name: np.moveaxis(params[name], axis, 0) for name, axis in self.axes.items()}
        return super().pack({**params, **first}, out)

    def of_classes(self, params: Params, classes: Index) -> Params:
        """Copy the entries of some classes; parameters without classes are shared.

        Parameters
        ----------
        params : dict of str to ndarray
            Views into a vector, as `unpack` returns.
        classes : ndarray of int of shape (m,)
            The classes.

        Returns
        -------
        dict of str to ndarray
            Parameters of the energy of m classes.
        """
        some = dict(params)
        for name, axis in self.axes.items():
            table = np.moveaxis(params[name], axis, 0)
            some[name] = np.moveaxis(table[classes], 0, axis)
        return some
