"""Display of energies and free energy over one or two features."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_ebm._utils.validation import positive_integer, positive_number
from sklearn_ebm.inference import SoftMinimum
from sklearn_ebm.inspection._axes import (
    COLOUR_MAP,
    feature_names,
    in_first_column,
    one_or_all,
    pyplot,
    style_of,
    take_axes,
)
from sklearn_ebm.inspection._plane import plane_of, side_over, sides_of
from sklearn_ebm.inspection._reading import Floats, Index, answers_of, as_numbers, read

KINDS = ("contour", "surface")
RESPONSES = ("all", "free_energy", "gap")
LEVELS = 14
# What lies beyond these shares of a surface does not stretch the scale of colours.
TAILS = (0.01, 0.99)
SMALLEST_POINT, LARGEST_POINT = 12.0, 30.0  # square points


class EnergySurfaceDisplay:
    r"""Energies of the classes, free energy and energy gap over one or two features.

    An energy :math:`F(x, y)` is low if y fits x. `surface` returns, at every point of the grid,
    the energy of one class, the free energy

    .. math:: -\frac{1}{\beta} \log \sum_y e^{-\beta F(x, y)},

    which is low if at least one class fits, or the gap between the two lowest energies, which is 0
    on decision boundaries.

    Create the display with `from_estimator` or `from_energies`.

    Parameters
    ----------
    grid : tuple of one or two ndarrays
        Values along the first axis, of shape (n_0,), and the second axis, of shape (n_1,).
    energies : ndarray of shape (n_0, n_classes) or (n_1, n_0, n_classes)
        Energies of the classes on the grid.
    classes : ndarray of shape (n_classes,)
        Labels of the classes.
    beta : float, default=1.0
        Inverse temperature β of the free energy.
    points : ndarray of shape (n_samples, 1) or (n_samples, 2), default=None
        Data, in the coordinates of the grid.
    answer : ndarray of int of shape (n_samples,), default=None
        Class of each data point, as an index into `classes`.
    names : sequence of str, default=("$x_1$", "$x_2$")
        Names of the axes.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure containing the display.
    ax_ : matplotlib Axes or ndarray of Axes
        One axes for each response (a class, the free energy or the gap), in their order; a single
        axes for one feature.
    surfaces_ : dict of object to matplotlib artist
        Filled contours or surfaces in three dimensions for each response; lines for one feature.
    boundaries_ : dict of object to list of matplotlib ContourSet
        Decision boundaries for each response: those of the class, or, for the free energy and the
        gap, those of all classes.
    points_ : dict of object to dict of object to matplotlib artist
        Data points by response and label; with one feature the response is None.
    colorbars_ : list of matplotlib Colorbar
        One for energies and free energy, which have the same scale, and one for the gap.
    legend_ : matplotlib Legend or None
        Legend with the labels of the data.

    See Also
    --------
    sklearn.inspection.DecisionBoundaryDisplay : Decision boundaries of any classifier.
    EnergyGapDisplay : Distribution of the gap between right and wrong answers.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007). :doi:`10.7551/mitpress/7443.003.0014`

    Examples
    --------
    Two answers on a line, F(x, a) = x² and F(x, b) = (x − 2)². In the middle both are 1, so the gap
    is 0, and the free energy at β = 1 is 1 − log 2 = 0.307.

    >>> import numpy as np
    >>> from sklearn_ebm.inspection import EnergySurfaceDisplay
    >>> x = np.array([0.0, 1.0, 2.0])
    >>> energies = np.column_stack([x**2, (x - 2) ** 2])
    >>> display = EnergySurfaceDisplay.from_energies(
    ...     x, energies, classes=["a", "b"], draw=False
    ... )
    >>> display.surface("b"), display.surface("gap")
    (array([4., 1., 0.]), array([4., 0., 4.]))
    >>> display.surface("free_energy").round(3)
    array([-0.018,  0.307, -0.018])
    """

    def __init__(
        self,
        grid: tuple[Floats, ...],
        energies: Floats,
        classes: Any,
        *,
        beta: float = 1.0,
        points: Floats | None = None,
        answer: Index | None = None,
        names: Any = ("$x_1$", "$x_2$"),
    ) -> None:
        self.grid = grid
        self.energies = energies
        self.classes = classes
        self.beta = beta
        self.points = points
        self.answer = answer
        self.names = names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        features: Any = None,
        hold: str = "mean",
        grid_resolution: int = 100,
        ax: Any = None,
        **kwargs: Any,
    ) -> EnergySurfaceDisplay:
        """Plot the energies of a fitted classifier over features of X.

        Parameters
        ----------
        estimator : EBMClassifier or EBMClassifierCV
            Fitted classifier with any energy, or a fitted pipeline or search that ends with one.
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples that determine the range of the plot and the fixed values of the other features.
        y : array-like of shape (n_samples,), default=None
            Labels of the samples, which are plotted as points; None plots no points.
        features : int, str, pair of them or "pca", default=None
            Indices or names of one or two features, or ``"pca"`` for the plane of the first two
            principal components of the standardised features. None means the features of X if it
            has one or two, and ``"pca"`` otherwise. Samples are projected onto the plane.
        hold : {"mean", "median"}, default="mean"
            Fixed value of the other features.
        grid_resolution : int, default=100
            Number of points along each axis.
        ax : matplotlib Axes or array-like of them, default=None
            One axes for each response; None creates a figure.
        **kwargs : dict
            Keyword arguments of `plot`.

        Returns
        -------
        EnergySurfaceDisplay

        Raises
        ------
        ValueError
            If features or labels are unknown, or X does not match the classifier.
        TypeError
            If the estimator contains no such classifier.
        ImportError
            If matplotlib is not installed.
        """
        pyplot(cls.__name__)
        found = read(cls.__name__, estimator)
        positive_integer("grid_resolution", grid_resolution)
        plane = plane_of(X, features, hold, feature_names(estimator, X))
        answer = None if y is None else answers_of(y, found.classes)
        if answer is not None and len(answer) != len(plane.points):
            raise ValueError(f"X has {len(plane.points)} rows, but y has {len(answer)}.")
        grid = tuple(side_over(values, grid_resolution) for values in plane.points.T)
        coordinates = np.column_stack([side.ravel() for side in np.meshgrid(*grid)])
        like_X = _table_maker(estimator, X)
        blocks = [found.energies(like_X(rows)) for rows in plane.rows(coordinates)]
        energies = np.concatenate(blocks).astype(np.float64)
        shape = (*(len(side) for side in reversed(grid)), len(found.classes))
        display = cls(
            grid, energies.reshape(shape), found.classes,
            beta=found.classifier.beta_, points=plane.points, answer=answer, names=plane.names,
        )  # fmt: skip
        return display.plot(ax, **kwargs)

    @classmethod
    def from_energies(
        cls,
        grid: Any,
        energies: Any,
        *,
        classes: Any = None,
        beta: float = 1.0,
        points: Any = None,
        y: Any = None,
        names: Any = ("$x_1$", "$x_2$"),
        ax: Any = None,
        draw: bool = True,
        **kwargs: Any,
    ) -> EnergySurfaceDisplay:
        """Plot given energies on a grid.

        Parameters
        ----------
        grid : array-like of shape (n_0,), or pair of them (n_0,) and (n_1,)
            Values along one axis, or along each of two.
        energies : array-like of shape (n_0, n_classes) or (n_1, n_0, n_classes)
            Energies of the classes, in the order of ``np.meshgrid(*grid)``.
        classes : array-like of shape (n_classes,), default=None
            Labels; None means 0, 1, ..., n_classes − 1.
        beta : float, default=1.0
            Inverse temperature β of the free energy.
        points : array-like of shape (n_samples, 1) or (n_samples, 2), default=None
            Data, in the coordinates of the grid.
        y : array-like of shape (n_samples,), default=None
            Labels of the points.
        names : sequence of str, default=("$x_1$", "$x_2$")
            Names of the axes, with units.
        ax : matplotlib Axes or array-like of them, default=None
            One axes for each response; None creates a figure.
        draw : bool, default=True
            Whether to plot immediately; matplotlib is not needed otherwise.
        **kwargs : dict
            Keyword arguments of `plot`.

        Returns
        -------
        EnergySurfaceDisplay

        Raises
        ------
        ValueError
            If the shapes do not match, or β is not positive.
        ImportError
            If matplotlib is not installed and `draw` is true.
        """
        if draw:
            pyplot(cls.__name__)
        table = as_numbers("energies", energies)
        sides = sides_of(grid)
        shape = tuple(len(side) for side in reversed(sides))
        if table.ndim < 2 or table.shape[:-1] != shape or table.shape[-1] < 2:
            raise ValueError(
                f"energies must have shape ({', '.join(map(str, shape))}, k) on this grid, with "
                f"k ≥ 2, but their shape is {table.shape}."
            )
        labels: Any = np.arange(table.shape[-1]) if classes is None else np.asarray(classes)
        if labels.shape != table.shape[-1:]:
            raise ValueError(
                f"energies hold {table.shape[-1]} answers, but there are {labels.size} classes."
            )
        positive_number("beta", beta)
        points, answer = _labelled_points(points, y, labels, len(sides))
        display = cls(sides, table, labels, beta=beta, points=points, answer=answer, names=names)
        return display.plot(ax, **kwargs) if draw else display

    def surface(self, response: Any) -> Floats:
        """Compute the energy of a class, the free energy or the energy gap on the grid.

        Parameters
        ----------
        response : object
            A label of `classes`, ``"free_energy"``, or ``"gap"`` for the difference between the two
            lowest energies.

        Returns
        -------
        ndarray of shape (n_0,) or (n_1, n_0)
            Values at the n_0 points of the first axis, and the n_1 points of a second axis.

        Raises
        ------
        ValueError
            If the response is unknown.
        """
        labels = self.classes.tolist()
        if response in labels:
            chosen: Floats = self.energies[..., labels.index(response)]
            return chosen
        if response == "free_energy":
            rows = self.energies.reshape(-1, len(labels))
            free: Any = SoftMinimum(self.beta)(rows).energies
            return np.asarray(free.reshape(self.energies.shape[:-1]), dtype=np.float64)
        if response == "gap":
            lowest = np.partition(self.energies, 1, axis=-1)
            gap: Floats = lowest[..., 1] - lowest[..., 0]
            return gap
        raise ValueError(
            f"response={response!r} is not known. Known: {', '.join(RESPONSES)}, and the labels "
            f"{', '.join(map(repr, labels[:10]))}."
        )

    def plot(
        self,
        ax: Any = None,
        *,
        response: Any = "all",
        kind: str = "contour",
        n_columns: int = 4,
        cmap: Any = COLOUR_MAP,
        **kwargs: Any,
    ) -> EnergySurfaceDisplay:
        """Plot the surfaces.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of them, default=None
            One axes for each response; None creates a figure.
        response : object or list of them, default="all"
            A label of `classes`, ``"free_energy"``, ``"gap"``, or a list of them; ``"all"`` means
            the free energy and all labels that are not infinite on the whole grid. A name that is
            also a label stands for the label.
        kind : {"contour", "surface"}, default="contour"
            Filled contours, or surfaces in three dimensions, with boundaries and data at the
            bottom. For one feature, lines are plotted.
        n_columns : int, default=4
            Number of columns of panels in a new figure.
        cmap : str or matplotlib Colormap, default="cividis"
            Colour map of the energies.
        **kwargs : dict
            Keyword arguments of ``contourf``, ``plot_surface`` or, for one feature, ``plot``.

        Returns
        -------
        EnergySurfaceDisplay
            The display.

        Raises
        ------
        ValueError
            If `kind` or a response is not known, an energy is infinite on the whole grid, `kind` is
            ``"surface"`` for a single feature, or `ax` holds the wrong number of axes.
        ImportError
            If matplotlib is not installed.
        """
        positive_integer("n_columns", n_columns)
        if kind not in KINDS:
            raise ValueError(f"kind={kind!r} is not known. Known kinds: {', '.join(KINDS)}.")
        surfaces = self._finite_surfaces(response)
        self._forget_artists()
        if len(self.grid) == 1:
            if kind == "surface":
                raise ValueError("kind='surface' needs two features; over one there are lines.")
            return self._plot_lines(ax, surfaces, kwargs)
        solid = kind == "surface"
        self.figure_, axes = take_axes(
            type(self).__name__, ax, len(surfaces), size=(4.6, 3.8) if solid else (3.6, 3.4),
            n_columns=n_columns,
            projection="3d" if solid else None,
        )  # fmt: skip
        self.ax_ = one_or_all(axes)
        levels = _levels(surfaces, self._is_gap)
        draw = self._draw_solid if solid else self._draw_flat
        for axis, (one, surface) in zip(axes, surfaces.items(), strict=True):
            draw(axis, one, surface, levels[self._is_gap(one)], {"cmap": cmap} | kwargs)
            axis.set_title(self._title(one))
            axis.set_xlabel(self.names[0])
            if solid or ax is not None or in_first_column(axis):
                axis.set_ylabel(self.names[1])
        self._draw_colorbars(axes, list(surfaces), solid)
        self._draw_legend(axes, new=ax is None)
        return self

    def _finite_surfaces(self, response: Any) -> dict[Any, Floats]:
        """The surface of each response."""
        surfaces = {one: self.surface(one) for one in self._responses(response)}
        for one, surface in surfaces.items():
            if not np.isfinite(surface).any():
                raise ValueError(
                    f"The energy of {one!r} is infinite all over the grid, as that of a class that "
                    "was not learned is: leave it out of response."
                )
        return surfaces

    def _forget_artists(self) -> None:
        """Nothing is drawn yet."""
        self.surfaces_: dict[Any, Any] = {}
        self.boundaries_: dict[Any, list[Any]] = {}
        self.points_: dict[Any, dict[Any, Any]] = {}
        self.colorbars_: list[Any] = []
        self.legend_: Any = None

    def _responses(self, response: Any) -> list[Any]:
        labels = self.classes.tolist()
        if isinstance(response, np.generic):
            response = response.item()
        if isinstance(response, list | tuple | np.ndarray):
            given = [one.item() if isinstance(one, np.generic) else one for one in response]
            if not given or len(set(given)) < len(given):
                raise ValueError(f"response={response!r} must hold one or more, each once.")
            return given
        if response == "all" and "all" not in labels:
            drawn = [one for one in labels if np.isfinite(self.surface(one)).any()]
            return [*drawn, "free_energy"]
        return [response]

    def _is_gap(self, response: Any) -> bool:
        return bool(response == "gap") and response not in self.classes.tolist()

    def _title(self, response: Any) -> str:
        if response in self.classes.tolist():
            return f"energy F(x, {response})"
        if self._is_gap(response):
            return "gap, second − lowest"
        return f"free energy, β = {self.beta:.3g}"

    def _draw_flat(
        self, axis: Any, response: Any, surface: Floats, levels: Floats, style: dict[str, Any]
    ) -> None:
        masked = np.ma.masked_invalid(surface)
        style = {"extend": _extend(surface, levels)} | style
        self.surfaces_[response] = axis.contourf(*self.grid, masked, levels, **style)
        self._draw_boundaries(axis, response, {"colors": "white"})
        self._draw_points(axis, response, {"edgecolors": "white"})
        axis.set_xlim(self.grid[0][[0, -1]])
        axis.set_ylim(self.grid[1][[0, -1]])

    def _draw_solid(
        self, axis: Any, response: Any, surface: Floats, levels: Floats, style: dict[str, Any]
    ) -> None:
        low, high = levels[0], levels[-1]
        # The floor lies a third of the height below, so that borders and data on it are seen.
        floor = low - (high - low) / 3
        heights = np.clip(surface, low, high)
        style = {"rcount": 50, "ccount": 50, "linewidth": 0.1, "edgecolor": "0.3"} | style
        self.surfaces_[response] = axis.plot_surface(
            *np.meshgrid(*self.grid), heights, vmin=low, vmax=high, **style
        )
        self._draw_boundaries(axis, response, {"colors": "black", "offset": floor})
        below = {"edgecolors": "black", "zs": floor, "depthshade": False}
        self._draw_points(axis, response, below)
        axis.set_zlim(floor, high)
        axis.set_box_aspect(None, zoom=0.8)  # so that its labels are inside

    def _draw_boundaries(self, axis: Any, response: Any, place: dict[str, Any]) -> None:
        """Borders: of the panel's answer, or of all answers but the last, which has no others."""
        labels = self.classes.tolist()
        if response in labels:
            outlined = [labels.index(response)]
        else:
            outlined = list(range(len(labels) - 1))
        drawn = self.boundaries_[response] = []
        for number in outlined:
            others = np.delete(self.energies, number, axis=-1).min(axis=-1)
            with np.errstate(invalid="ignore"):
                apart = self.energies[..., number] - others
            if np.nanmin(apart) < 0 < np.nanmax(apart):  # it wins somewhere, and loses somewhere
                drawn.append(axis.contour(*self.grid, apart, [0.0], linewidths=2.0, **place))

    def _draw_points(self, axis: Any, response: Any, place: dict[str, Any]) -> None:
        """Data by class: in the panel of an answer, those of other classes are pale."""
        drawn = self.points_[response] = {}
        if self.answer is None or self.points is None:
            return
        labels = self.classes.tolist()
        size = self._point_size()
        for number, label in enumerate(labels):
            mine = self.points[self.answer == number]
            if not len(mine):
                continue
            pale = response in labels and response != label
            drawn[label] = axis.scatter(
                *mine.T, s=size, alpha=0.25 if pale else 0.95, linewidths=0.5,
                label=str(label), **style_of(number, marker=True), **place,
            )  # fmt: skip

    def _draw_colorbars(self, axes: Any, responses: list[Any], solid: bool) -> None:
        for of_gap, label in ((False, "energy, low is good"), (True, "gap of energies")):
            group = [number for number, one in enumerate(responses) if self._is_gap(one) is of_gap]
            if group:
                self.colorbars_.append(
                    self.figure_.colorbar(
                        self.surfaces_[responses[group[0]]], ax=[axes[number] for number in group],
                        label=label, shrink=0.8, **({"pad": 0.1} if solid else {}),
                    )
                )  # fmt: skip

    def _draw_legend(self, axes: Any, *, new: bool) -> None:
        if self.answer is None:
            return
        # The panel of one answer has the others pale: the legend shows each where it is not.
        labels = self.classes.tolist()
        handles: dict[Any, Any] = {}
        for response, drawn in self.points_.items():
            for label, artist in drawn.items():
                if label not in handles or response not in labels or response == label:
                    handles[label] = artist
        artists = [handles[label] for label in labels if label in handles]
        texts = [str(label) for label in labels if label in handles]
        style: dict[str, Any] = {"markerscale": float(np.sqrt(LARGEST_POINT / self._point_size()))}
        if new:
            style |= {"loc": "outside lower center", "ncols": min(len(texts), 4 * len(axes))}
            self.legend_ = self.figure_.legend(artists, texts, **style)
        else:
            self.legend_ = axes[-1].legend(artists, texts, **style)

    def _point_size(self) -> float:
        """Area of a data point: smaller where there are many."""
        count = 0 if self.answer is None else len(self.answer)
        return float(np.clip(8000 / max(count, 1), SMALLEST_POINT, LARGEST_POINT))

    def _plot_lines(
        self, ax: Any, surfaces: dict[Any, Floats], style: dict[str, Any]
    ) -> EnergySurfaceDisplay:
        """Energies over one feature, and the data as ticks below them."""
        self.figure_, axes = take_axes(type(self).__name__, ax, 1, size=(6.4, 4.2))
        self.ax_ = axis = one_or_all(axes)
        labels = self.classes.tolist()
        for one, surface in surfaces.items():
            own: dict[str, Any] = {"linewidth": 2}
            if one in labels:
                own |= style_of(labels.index(one))
            else:
                line = ":" if self._is_gap(one) else "-"
                own = {"linewidth": 4, "color": "0.6", "linestyle": line, "zorder": 1}
            (self.surfaces_[one],) = axis.plot(
                self.grid[0], surface, label=self._title(one), **(own | style)
            )
        if self.answer is not None and self.points is not None:
            drawn = self.points_[None] = {}
            for number, label in enumerate(labels):
                mine = self.points[self.answer == number, 0]
                height = np.full(len(mine), 0.02 + 0.025 * (number % 10))
                (drawn[label],) = axis.plot(
                    mine, height, linestyle="none", marker="|", markersize=8,
                    color=style_of(number)["color"], transform=axis.get_xaxis_transform(),
                )  # fmt: skip
            axis.margins(y=0.05 + 0.03 * min(len(labels), 10))
        axis.set_xlabel(self.names[0])
        axis.set_ylabel("energy, low is good")
        self.legend_ = axis.legend()
        return self


def _table_maker(estimator: Any, X: Any) -> Any:
    """Return a function from arrays to what the estimator was fitted on: a table, or an array."""
    columns = getattr(X, "columns", None)
    if columns is None or getattr(estimator, "feature_names_in_", None) is None:
        return lambda rows: rows
    keyword = "columns" if getattr(X, "iloc", None) is not None else "schema"  # pandas, or polars
    return lambda rows: type(X)(rows, **{keyword: list(columns)})


def _levels(surfaces: dict[Any, Floats], is_gap: Any) -> dict[bool, Floats]:
    """Levels of all energies together, and of the gap."""
    from matplotlib.ticker import MaxNLocator

    levels: dict[bool, Any] = {}
    for of_gap in (False, True):
        values = [
            surface[np.isfinite(surface)]
            for one, surface in surfaces.items()
            if is_gap(one) is of_gap
        ]
        if values:
            low, high = np.quantile(np.concatenate(values), TAILS)
            if high <= low:
                low, high = low - 0.5, high + 0.5
            levels[of_gap] = MaxNLocator(LEVELS).tick_values(0.0 if of_gap else low, high)
    return levels


def _extend(surface: Floats, levels: Floats) -> str:
    """Whether a surface has values beyond the levels, as `contourf` calls it."""
    below, above = np.nanmin(surface) < levels[0], np.nanmax(surface) > levels[-1]
    return {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[int(below), int(above)]


def _labelled_points(points: Any, y: Any, labels: Any, n_axes: int) -> tuple[Any, Any]:
    """Points (n, n_axes) and the numbers of their answers (n,), or None and None."""
    if (points is None) != (y is None):
        raise ValueError("points and y belong together; give both or neither.")
    if points is None:
        return None, None
    answer = answers_of(y, labels)
    points = as_numbers("points", points)
    if len(points) != len(answer):
        raise ValueError(f"points are {len(points)}, but y has {len(answer)} labels.")
    points = points.reshape(len(answer), -1)
    if points.shape[1] != n_axes:
        raise ValueError(f"points have {points.shape[1]} coordinates, but the grid has {n_axes}.")
    return points, answer
