"""Display of predicted densities over one feature, or over pairs of answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.distributions.base import probability
from sklearn_ebm.distributions.vector import VectorDistribution
from sklearn_ebm.inspection._axes import COLOURS, take_axes
from sklearn_ebm.inspection._pair_surface import plot_plane
from sklearn_ebm.inspection._ribbons import bands_of, cell_edges
from sklearn_ebm.inspection._section import as_given, matrix_of, name_of_answer, section_of

KINDS = ("heatmap", "ribbon")
SCALES = ("column", "density")

# Cells of a heat map along y; modes are drawn at so many x; the mass that the axis leaves out.
CELLS, MODES_AT, LEFT_OUT = 240, 24, 0.01

# Largest area of the marker of a mode, in points².
MODE_AREA = 60

# From the widest region to the narrowest.
RIBBON_COLOURS = ("#D6E6F4", "#ABCFE5", "#6BAED6", "#3787C0", "#105BA4")
OUTLINES = (COLOURS[0], COLOURS[5], COLOURS[2], COLOURS[4])


class ConditionalDensityDisplay:
    r"""Predicted density p(y | x) as a heat map, ribbons or a surface.

    The density of a one-dimensional target over one feature is plotted as a heat map or as ribbons.
    Ribbons are highest-density regions; a region has several bands if the density has several
    modes. The density of a pair of answers at one x is plotted as a surface of the density, or of
    the energies β(F(x, y) − min F) = log max p − log p(y | x), which do not depend on the partition
    function.

    Each cell of a heat map shows the probability of the cell divided by its height, so a density
    that is narrower than a cell remains visible. With ``scale="column"`` each column is divided by
    its largest cell. This shows the most likely answers at each x, even where the density is broad.
    With ``scale="density"`` the colours show densities in 1/(unit of y), on one scale for all x
    from 0 to the 99 % quantile of the cells.

    Use `from_estimator` or `from_distribution`; all parameters are stored as attributes.

    Parameters
    ----------
    distribution : ConditionalDistribution
        Distributions of a one-dimensional target for several x, or one distribution of a pair of
        answers.
    x : ndarray of shape (n_x,) or None
        Values of the feature, in increasing order; None for a pair of answers.
    regions : dict of float to ndarray of shape (n_x, n_intervals, 2), or to VectorRegion
        Highest-density region for each level: intervals for each x, or the region of a pair of
        answers.
    data : tuple of ndarray or None
        Feature and target of samples, each of shape (n_samples,); for pairs of answers the target
        of shape (n_samples, 2).
    x_label, y_label : str
        Axis labels; `y_label` is a pair of str for a pair of answers.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure containing the display.
    ax_ : matplotlib Axes
        Axes of the plot.
    density_ : QuadMesh, QuadContourSet or None
        The heat map or the surface.
    ribbons_ : dict of float to PolyCollection, LineCollection or QuadContourSet
        Region of each level: ribbons, edges of the bands on a heat map, or contours on a surface.
    modes_ : PathCollection or None
        Modes; the marker area is proportional to the probability of the mode.
    quantiles_ : list of Line2D
        Lines of the quantiles.
    points_ : PathCollection or None
        The samples.
    latent_, samples_ : PathCollection or None
        On a surface: the mean answer for each latent value, and random draws.
    colorbar_ : Colorbar or None
        Colour bar of the density.

    See Also
    --------
    LatentDisplay : Probabilities of latent values over x.
    sklearn_ebm.LatentEBMRegressor.predict_distribution : Predicted distributions.

    References
    ----------
    Hyndman, "Computing and graphing highest density regions", The American Statistician 50 (1996)
    120-126. :doi:`10.1080/00031305.1996.10474359`

    Examples
    --------
    Two modes at each x: the region of each level has two bands.

    >>> import numpy as np
    >>> from sklearn_ebm.distributions import GaussianMixture
    >>> from sklearn_ebm.inspection import ConditionalDensityDisplay
    >>> x = np.linspace(0, 1, 5)
    >>> p = GaussianMixture(
    ...     np.full((5, 2), 0.5), np.column_stack([x, x + 5]), np.ones((5, 2))
    ... )
    >>> display = ConditionalDensityDisplay.from_distribution(p, x, kind="ribbon")
    >>> {level: region.shape for level, region in display.regions.items()}
    {0.9: (5, 2, 2), 0.5: (5, 2, 2)}
    """

    def __init__(
        self,
        distribution: Any,
        x: Array | None = None,
        *,
        regions: Mapping[float, Any],
        data: tuple[Array, ...] | None = None,
        x_label: str = "x",
        y_label: Any = "y",
    ) -> None:
        self.distribution = distribution
        self.x = x
        self.regions = regions
        self.data = data
        self.x_label = x_label
        self.y_label = y_label

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        feature: int | str = 0,
        others: Any = "median",
        x: Any = None,
        levels: Sequence[float] = (0.5, 0.9),
        grid_resolution: int = 160,
        ax: Any = None,
        **kwargs: Any,
    ) -> ConditionalDensityDisplay:
        """Plot the predicted densities of a fitted regressor.

        Parameters
        ----------
        estimator : LatentEBMRegressor
            Fitted regressor, or another object with a method ``predict_distribution(X)`` that
            returns a ``ConditionalDistribution``. Regions are computed by its ``predict_region`` if
            there is one, including calibration.
        X : array-like of shape (n_samples, n_features)
            Samples that determine the range of the feature.
        y : array-like of shape (n_samples,) or (n_samples, 2), default=None
            Target values of the samples, plotted as points.
        feature : int or str, default=0
            Index or name of the feature on the horizontal axis; not used for pairs of answers.
        others : "median" or array-like of shape (n_features,), default="median"
            Fixed values of the other features.
        x : array-like of shape (n_features,), default=None
            For pairs of answers: the sample whose density is plotted. `y` then holds answers for
            this sample.
        levels : sequence of float, default=(0.5, 0.9)
            Levels of the regions.
        grid_resolution : int, default=160
            Number of values of x; for pairs of answers, number of points along each axis.
        ax : matplotlib Axes, default=None
            Axes of the plot; None creates a figure.
        **kwargs : dict
            Keyword arguments of `plot`.

        Returns
        -------
        ConditionalDensityDisplay
        """
        predict_region = getattr(estimator, "predict_region", None)
        if getattr(estimator, "n_outputs_", 1) > 1 or x is not None:
            row, data = _row(X, x), _pairs(y)
            distribution = estimator.predict_distribution(row)
            rows: Any = row
            place: dict[str, Any] = {"y_label": _names_of_pair(y), "data": data}
            kwargs["resolution"] = positive_integer("grid_resolution", grid_resolution)
        else:
            section = section_of(estimator, X, feature, others, grid_resolution)
            rows, distribution = section.rows, estimator.predict_distribution(section.rows)
            place = {
                "x": section.at, "x_label": section.label, "y_label": name_of_answer(y),
                "data": None if y is None else (section.values, _column(y, len(section.values))),
            }  # fmt: skip
        regions = {
            level: distribution.region(level)
            if predict_region is None
            else predict_region(rows, level)
            for level in _falling(levels)
        }
        return cls(distribution, regions=regions, **place).plot(ax=ax, **kwargs)

    @classmethod
    def from_distribution(
        cls,
        distribution: Any,
        x: Any = None,
        *,
        data: tuple[Any, ...] | None = None,
        levels: Sequence[float] = (0.5, 0.9),
        x_label: str = "x",
        y_label: Any = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> ConditionalDensityDisplay:
        """Plot given distributions.

        Parameters
        ----------
        distribution : ConditionalDistribution
            Distributions for several x, or one distribution of a pair of answers.
        x : array-like of shape (n_x,), default=None
            Value on the horizontal axis for each distribution, in any order; None for pairs of
            answers.
        data : tuple of array-like, default=None
            ``(x, y)`` of samples that are plotted as points; for pairs of answers ``(y,)``.
        levels : sequence of float, default=(0.5, 0.9)
            Levels of the regions.
        x_label : str, default="x"
            Label of the horizontal axis.
        y_label : str or pair of str, default=None
            Label of the target, or labels of both answers.
        ax : matplotlib Axes, default=None
            Axes of the plot; None creates a figure.
        **kwargs : dict
            Keyword arguments of `plot`.

        Returns
        -------
        ConditionalDensityDisplay
        """
        if isinstance(distribution, VectorDistribution):
            place: dict[str, Any] = {
                "y_label": y_label or ("$y_1$", "$y_2$"),
                "data": None if data is None else _pairs(data[0]),
            }
        else:
            at = np.asarray(np.arange(len(distribution)) if x is None else x, dtype=np.float64)
            if at.shape != (len(distribution),) or len(np.unique(at)) < max(len(at), 2):
                raise ValueError(
                    f"x.shape == {at.shape}, expected ({len(distribution)},): one value for each "
                    "row of the distribution, two or more, all different."
                )
            order = np.argsort(at)
            distribution = distribution[order]
            place = {"x": at[order], "x_label": x_label, "y_label": y_label or "y"}
            if data is not None:
                values = np.asarray(data[0], dtype=np.float64).ravel()
                place["data"] = (values, _column(data[1], len(values)))
        regions = {level: distribution.region(level) for level in _falling(levels)}
        return cls(distribution, regions=regions, **place).plot(ax=ax, **kwargs)

    def _forget_artists(self) -> None:
        """Nothing is drawn yet."""
        self.density_: Any = None
        self.modes_: Any = None
        self.points_: Any = None
        self.latent_: Any = None
        self.samples_: Any = None
        self.colorbar_: Any = None
        self.ribbons_: dict[float, Any] = {}
        self.quantiles_: list[Any] = []

    def plot(
        self,
        *,
        kind: str = "heatmap",
        scale: str = "column",
        modes: bool = True,
        min_probability: float = 0.05,
        quantiles: Sequence[float] | None = None,
        y_range: Any = None,
        quantity: str = "energy",
        latent: bool = False,
        samples: int = 0,
        resolution: int = 160,
        colorbar: bool = True,
        ax: Any = None,
    ) -> ConditionalDensityDisplay:
        """Draw the display.

        Parameters
        ----------
        kind : {"heatmap", "ribbon"}, default="heatmap"
            For a one-dimensional target: the density with outlines of the regions, or the regions
            only.
        scale : {"column", "density"}, default="column"
            Colours of a heat map: relative to the largest cell of each column, or densities.
        modes : bool, default=True
            Whether to mark modes; the area of a mark is proportional to the probability.
        min_probability : float, default=0.05
            Modes of lower probability are merged with a neighbouring mode.
        quantiles : sequence of float, default=None
            For a one-dimensional target: probabilities of quantiles that are plotted as lines.
        y_range : pair of float, default=None
            Limits of the axis of the target; for pairs of answers, of both axes, or a pair of
            limits. None includes all points and 99 % of the probability.
        quantity : {"energy", "density"}, default="energy"
            For pairs of answers: the quantity that the surface shows.
        latent : bool, default=False
            For pairs of answers: whether to mark the mean answer for each latent value, such as the
            curve of a decoder, if the distribution is a Gaussian mixture.
        samples : int, default=0
            For pairs of answers: number of draws that are plotted.
        resolution : int, default=160
            For pairs of answers: number of points along each axis.
        colorbar : bool, default=True
            Whether to show a colour bar.
        ax : matplotlib Axes, default=None
            Axes of the plot; None creates a figure.

        Returns
        -------
        ConditionalDensityDisplay
            The display.
        """
        if kind not in KINDS:
            raise ValueError(unknown_name("kind", kind, KINDS))
        if scale not in SCALES:
            raise ValueError(unknown_name("scale", scale, SCALES))
        self.figure_, (self.ax_,) = take_axes(type(self).__name__, ax, 1, size=(6.4, 4.6))
        self._forget_artists()
        if isinstance(self.distribution, VectorDistribution):
            drawn = plot_plane(
                self.ax_, self.distribution, regions=self.regions,
                points=None if self.data is None else self.data[0], labels=self.y_label,
                quantity=quantity, modes=modes, min_probability=min_probability, y_range=y_range,
                latent=latent, samples=samples, resolution=resolution, colorbar=colorbar,
            )  # fmt: skip
            self.density_, self.colorbar_, self.ribbons_ = drawn[:3]
            self.points_, self.samples_, self.latent_, self.modes_ = drawn[3:]
            return self
        assert self.x is not None
        limits = self._limits(y_range)
        if kind == "heatmap":
            self._plot_heat_map(limits, scale, colorbar)
        self._plot_regions(limits, filled=kind == "ribbon")
        self._plot_points()
        if quantiles is not None:
            self._plot_quantiles(quantiles)
        if modes:
            self._plot_modes(min_probability)
        self.ax_.set(xlim=(self.x[0], self.x[-1]), ylim=limits)
        self.ax_.set(xlabel=self.x_label, ylabel=self.y_label)
        if self.regions or self.quantiles_:
            self.ax_.legend(loc="best", fontsize="small", framealpha=0.9)
        return self

    def _limits(self, y_range: Any) -> tuple[float, float]:
        if y_range is not None:
            return float(y_range[0]), float(y_range[1])
        ends = self.distribution.quantiles([LEFT_OUT / 2, 1 - LEFT_OUT / 2])
        # One x with a density as broad as nothing known must not make all others a line.
        low, high = np.quantile(ends[:, 0], 0.02), np.quantile(ends[:, 1], 0.98)
        if self.data is not None:
            low, high = min(low, self.data[1].min()), max(high, self.data[1].max())
        pad = 0.04 * (high - low)
        return float(low - pad), float(high + pad)

    def _plot_heat_map(self, limits: tuple[float, float], scale: str, colorbar: bool) -> None:
        assert self.x is not None
        edges = np.linspace(*limits, CELLS + 1)
        below = self.distribution.cdf(np.tile(edges, (len(self.x), 1)))
        cells = np.diff(below, axis=1) / np.diff(edges)
        if scale == "column":
            # A density that lies beyond the axis leaves its column empty.
            largest = np.maximum(cells.max(axis=1, keepdims=True), np.finfo(float).tiny)
            cells, top, label = cells / largest, 1.0, "p(y | x), over the largest for this x"
        else:
            top, label = float(np.quantile(cells, 0.99)), "p(y | x), in 1/(unit of y)"
        self.density_ = self.ax_.pcolormesh(
            cell_edges(self.x), edges, cells.T, cmap="magma_r", vmin=0, vmax=top, rasterized=True
        )
        if colorbar:
            extend = "max" if scale == "density" else "neither"
            self.colorbar_ = self.figure_.colorbar(self.density_, ax=self.ax_, extend=extend)
            self.colorbar_.set_label(label)

    def _plot_regions(self, limits: tuple[float, float], *, filled: bool) -> None:
        assert self.x is not None
        from matplotlib.collections import LineCollection, PolyCollection

        # One region in the middle of the scale, two apart from each other, more of them in a row.
        first, step = {1: (2, 1), 2: (1, 2)}.get(len(self.regions), (0, 1))
        colours = RIBBON_COLOURS[first::step]
        for number, (level, region) in enumerate(self.regions.items()):
            bands = bands_of(self.x, region, limits)
            label = f"region of {100 * level:g} %"
            if filled:
                colour = colours[min(number, len(colours) - 1)]
                artist: Any = PolyCollection(
                    list(bands.polygons), facecolors=colour, edgecolors=colour, linewidths=0.8,
                    label=label, zorder=1 + 0.01 * number,
                )  # fmt: skip
            else:
                artist = LineCollection(
                    list(bands.edges), colors=OUTLINES[number % len(OUTLINES)], linewidths=1.4,
                    label=label,
                )  # fmt: skip
            self.ribbons_[level] = self.ax_.add_collection(artist)

    def _plot_points(self) -> None:
        if self.data is None:
            return
        self.points_ = self.ax_.scatter(
            *self.data, s=9, color="#333333", alpha=0.45, linewidths=0, zorder=2
        )

    def _plot_quantiles(self, quantiles: Sequence[float]) -> None:
        levels = [probability("quantiles", each) for each in quantiles]
        lines = self.distribution.quantiles(levels)
        for number, level in enumerate(levels):
            self.quantiles_ += self.ax_.plot(
                self.x, lines[:, number], color=COLOURS[2], linewidth=1.8, zorder=3,
                linestyle="-" if level == 0.5 else "--", label=f"quantile {level:g}",
            )  # fmt: skip

    def _plot_modes(self, min_probability: float) -> None:
        assert self.x is not None
        step = max(len(self.x) // MODES_AT, 1)
        some = np.arange(step // 2, len(self.x), step)
        modes = self.distribution[some].modes(min_probability)
        there = modes.probabilities > 0
        self.modes_ = self.ax_.scatter(
            np.broadcast_to(self.x[some, None], there.shape)[there], modes.answers[there],
            s=MODE_AREA * modes.probabilities[there], color="white", edgecolors="black",
            linewidths=1.0, zorder=4, label="modes, area: probability",
        )  # fmt: skip


def _falling(levels: Sequence[float]) -> list[float]:
    """Levels from the widest region to the narrowest; the later ones are drawn on top."""
    return sorted({probability("levels", level) for level in np.ravel(levels).tolist()})[::-1]


def _column(y: Any, n_rows: int) -> Array:
    answers = np.asarray(y, dtype=np.float64)
    if answers.size != n_rows:
        raise ValueError(
            f"y.shape == {answers.shape}, expected ({n_rows},): an answer for each row."
        )
    return answers.ravel()


def _row(X: Any, x: Any) -> Any:
    """The one sample of a surface over pairs of answers, of the kind of X."""
    if x is None:
        raise ValueError(
            "The answers are several numbers: pass x=, the row whose density is drawn."
        )
    n_features = matrix_of(X).shape[1]
    row = np.asarray(x, dtype=np.float64).reshape(1, -1)
    if row.shape[1] != n_features:
        raise ValueError(f"x.shape == {np.shape(x)}, expected one row of {n_features} features.")
    return as_given(row, X)


def _pairs(y: Any) -> tuple[Array] | None:
    return None if y is None else (np.asarray(y, dtype=np.float64).reshape(-1, 2),)


def _names_of_pair(y: Any) -> tuple[str, ...]:
    names = getattr(y, "columns", None)
    return ("$y_1$", "$y_2$") if names is None else tuple(map(str, names))
