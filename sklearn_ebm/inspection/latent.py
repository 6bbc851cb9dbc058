"""Display of the responsibilities of latent values over x."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.energies import Blend, Decoder
from sklearn_ebm.energies.banks import BACKGROUNDS
from sklearn_ebm.energies.latent import LatentEnergy
from sklearn_ebm.energies.responsibilities import Responsibilities
from sklearn_ebm.inspection._axes import COLOURS, feature_names, take_axes
from sklearn_ebm.inspection._section import matrix_of, name_of_answer, place_of, section_of

KINDS = ("areas", "points")

# Rows are averaged in so many groups along the feature, each with as many rows.
N_GROUPS = 25

# More latent values than these have no colours that one can tell apart.
MOST_SPEAKERS = 7
OTHERS, GREY = "all others", "#B3B3B3"


class LatentDisplay:
    r"""Probabilities of the latent values, such as experts, energies or points of a curve.

    Without answers, areas show the prior probabilities π_z(x). With answers, areas show means of
    the responsibilities r_z(x, y) over samples with neighbouring x. The prior of a blend is
    the same for all x, so only its responsibilities vary with x.
    Points are samples in the colour of the latent value with the largest responsibility; the
    lower this responsibility, the fainter the point.

    The latent values depend on the energy. For a blend they are its energies; for a single energy
    learned by density stacking its components, such as bandwidths; for experts and decoders the
    latent values of one member, because latent values of different members do not correspond to
    each other. Only the most probable latent values are plotted separately; the others are summed.
    For a one-dimensional latent variable of a decoder, a colour map is used instead.

    Use `from_estimator` or `from_responsibilities`; all parameters are stored as attributes.

    Parameters
    ----------
    responsibilities : Responsibilities
        Probabilities for each sample.
    x : ndarray of shape (n_samples,)
        The feature; for points of pairs of answers, the first answer.
    y : ndarray of shape (n_samples,) or None
        Answers, for points.
    names : tuple of str or None
        Names of the latent values; None means their labels.
    ordered : str or None
        Name of the latent variable, if its values are positions along a curve or an interval.
    cyclic : bool
        Whether the curve is closed.
    x_label, y_label : str
        Axis labels.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure containing the display.
    ax_ : matplotlib Axes
        Axes of the plot.
    areas_ : list of PolyCollection
        Areas of the latent values, or of `names_`.
    points_ : PathCollection or None
        Points of the samples.
    names_ : list of str
        Latent values that are plotted separately, by decreasing probability.
    shares_ : ndarray of shape (n_samples, n_latents)
        Plotted probabilities.
    colorbar_ : Colorbar or None
        Colour bar, for a one-dimensional latent variable of a decoder.

    See Also
    --------
    ConditionalDensityDisplay : Predicted densities.
    sklearn_ebm.LatentEBMRegressor.latent_responsibilities : Plotted probabilities.

    References
    ----------
    Jacobs, Jordan, Nowlan, Hinton, "Adaptive mixtures of local experts", Neural Computation 3
    (1991) 79-87. :doi:`10.1162/neco.1991.3.1.79`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ebm.energies.responsibilities import Responsibilities
    >>> from sklearn_ebm.inspection import LatentDisplay
    >>> shares = np.array([[0.1, 0.9], [0.3, 0.7]])
    >>> responsibilities = Responsibilities((("a", 0), ("b", 0)), shares)
    >>> display = LatentDisplay.from_responsibilities(responsibilities, [0.0, 1.0])
    >>> display.names_, display.shares_.tolist()
    (['b', 'a'], [[0.9, 0.1], [0.7, 0.3]])
    """

    def __init__(
        self,
        responsibilities: Responsibilities,
        x: Array,
        y: Array | None = None,
        *,
        names: tuple[str, ...] | None = None,
        ordered: str | None = None,
        cyclic: bool = False,
        x_label: str = "x",
        y_label: str = "y",
    ) -> None:
        self.responsibilities = responsibilities
        self.x = x
        self.y = y
        self.names = names
        self.ordered = ordered
        self.cyclic = cyclic
        self.x_label = x_label
        self.y_label = y_label

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        kind: str = "areas",
        feature: int | str = 0,
        others: Any = "median",
        member: str | int | None = None,
        grid_resolution: int = 160,
        ax: Any = None,
        **kwargs: Any,
    ) -> LatentDisplay:
        """Plot the latent values of a fitted regressor.

        Parameters
        ----------
        estimator : LatentEBMRegressor
            Fitted regressor.
        X : array-like of shape (n_samples, n_features)
            The input samples.
        y : array-like of shape (n_samples,) or (n_samples, 2), default=None
            Target values of the samples; required for points.
        kind : {"areas", "points"}, default="areas"
            Whether to plot areas or points.
        feature : int or str, default=0
            Index or name of the feature on the horizontal axis. Points of pairs of answers are
            plotted over both answers instead.
        others : "median" or array-like of shape (n_features,), default="median"
            Fixed values of the other features, for areas without y.
        member : str, int or None, default=None
            Name of a member of a blend, whose components are plotted, or index of the member of an
            ensemble; None means the first member of an ensemble.
        grid_resolution : int, default=160
            Number of values of x, for areas without y.
        ax : matplotlib Axes, default=None
            Axes of the plot; None creates a figure.
        **kwargs : dict
            Keyword arguments of `plot`.

        Returns
        -------
        LatentDisplay
        """
        if kind not in KINDS:
            raise ValueError(unknown_name("kind", kind, KINDS))
        if getattr(estimator, "latent_responsibilities", None) is None:
            raise TypeError(
                f"{type(estimator).__name__} has no latent variable to draw; pass a fitted "
                "LatentEBMRegressor."
            )
        if y is None:
            if kind == "points":
                raise ValueError("kind='points' draws rows by their answers; pass y.")
            section = section_of(estimator, X, feature, others, grid_resolution)
            responsibilities = estimator.latent_responsibilities(section.rows)
            place: dict[str, Any] = {
                "x": section.at, "x_label": section.label, "y_label": "probability of the latent, π"
            }  # fmt: skip
        else:
            values = matrix_of(X)
            names = feature_names(estimator, X)
            column = place_of(feature, names)
            label = "x" if names == ["$x_{1}$"] else names[column]
            responsibilities = estimator.latent_responsibilities(X, y)
            place = {"x": values[:, column], "x_label": label}
            if kind == "points":
                place |= _over_answers(place, y)
            else:
                responsibilities, place["x"] = _averaged(responsibilities, values[:, column])
                place["y_label"] = "mean share in the answers, r"
        responsibilities, looks = _of_interest(estimator.energy_, responsibilities, member)
        return cls(responsibilities, **place, **looks).plot(kind=kind, ax=ax, **kwargs)

    @classmethod
    def from_responsibilities(
        cls,
        responsibilities: Responsibilities,
        x: Any,
        y: Any = None,
        *,
        kind: str = "areas",
        x_label: str = "x",
        y_label: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> LatentDisplay:
        """Plot given probabilities of latent values.

        Parameters
        ----------
        responsibilities : Responsibilities
            Probabilities for each sample.
        x : array-like of shape (n_samples,)
            Value on the horizontal axis for each sample, in any order.
        y : array-like of shape (n_samples,), default=None
            Answers, for points.
        kind : {"areas", "points"}, default="areas"
            Whether to plot areas or points.
        x_label : str, default="x"
            Label of the horizontal axis.
        y_label : str, default=None
            Label of the vertical axis.
        ax : matplotlib Axes, default=None
            Axes of the plot; None creates a figure.
        **kwargs : dict
            Keyword arguments of `plot`.

        Returns
        -------
        LatentDisplay
        """
        at = np.asarray(x, dtype=np.float64)
        n_rows = len(responsibilities.shares)
        if at.shape != (n_rows,):
            raise ValueError(f"x.shape == {at.shape}, expected ({n_rows},): one for each row.")
        order = np.argsort(at, kind="stable")
        answers = None if y is None else np.asarray(y, dtype=np.float64)[order]
        responsibilities = responsibilities._replace(shares=responsibilities.shares[order])
        label = y_label or ("y" if kind == "points" else "probability of the latent")
        display = cls(responsibilities, at[order], answers, x_label=x_label, y_label=label)
        return display.plot(kind=kind, ax=ax, **kwargs)

    def plot(
        self, *, kind: str = "areas", max_speakers: int = MOST_SPEAKERS, ax: Any = None
    ) -> LatentDisplay:
        """Draw the display.

        Parameters
        ----------
        kind : {"areas", "points"}, default="areas"
            Whether to plot areas or points.
        max_speakers : int, default=7
            Number of latent values that are plotted separately, at most 7.
        ax : matplotlib Axes, default=None
            Axes of the plot; None creates a figure.

        Returns
        -------
        LatentDisplay
            The display.
        """
        if kind not in KINDS:
            raise ValueError(unknown_name("kind", kind, KINDS))
        if kind == "points" and self.y is None:
            raise ValueError("kind='points' draws rows by their answers; pass y.")
        if positive_integer("max_speakers", max_speakers) > MOST_SPEAKERS:
            raise ValueError(f"max_speakers={max_speakers} must be at most {MOST_SPEAKERS}.")
        self.figure_, (self.ax_,) = take_axes(type(self).__name__, ax, 1, size=(6.4, 4.4))
        self.points_: Any = None
        self.colorbar_: Any = None
        self.areas_: list[Any] = []
        colours = self._colours(max_speakers)
        if kind == "areas":
            self._plot_areas(colours)
        else:
            self._plot_points(colours)
        self.ax_.set(xlabel=self.x_label, ylabel=self.y_label)
        if self.ordered is not None:
            self._plot_bar()
        elif kind == "areas":
            self.ax_.legend(loc="best", fontsize="small", framealpha=0.9)
        return self

    def _colours(self, most: int) -> list[Any]:
        """Colours of the columns of `shares_`, which are settled here."""
        shares = self.responsibilities.shares
        names = self.names or tuple(
            f"{name} {number}" if self._numbered(name) else name
            for name, number in self.responsibilities.labels
        )
        if self.ordered is not None:
            self.names_, self.shares_ = list(names), shares
            return list(self._map()(np.linspace(0, 1, len(names), endpoint=not self.cyclic)))
        order = _by_share(shares, names)
        kept, rest = order[:most], order[most:]
        self.names_ = [names[column] for column in kept]
        self.shares_ = shares[:, kept]
        palette = [colour for colour in COLOURS if colour != "#000000"]
        # Where there are enough colours, each has the same in all pictures of one estimator.
        places = range(len(kept)) if len(names) > len(palette) else kept
        colours = [
            GREY if name == BACKGROUNDS else palette[place]
            for name, place in zip(self.names_, places, strict=True)
        ]
        if len(rest):
            self.names_.append(OTHERS)
            self.shares_ = np.column_stack([self.shares_, shares[:, rest].sum(axis=1)])
            colours.append("#DDDDDD")
        return colours

    def _numbered(self, name: str) -> bool:
        return sum(other == name for other, _ in self.responsibilities.labels) > 1

    def _map(self) -> Any:
        from matplotlib import colormaps

        return colormaps["twilight" if self.cyclic else "viridis"]

    def _plot_areas(self, colours: list[Any]) -> None:
        edge = "none" if self.ordered is not None else "white"
        self.areas_ = self.ax_.stackplot(
            self.x, self.shares_.T, colors=colours, labels=self.names_, edgecolor=edge,
            linewidth=0.6,
        )  # fmt: skip
        self.ax_.set(xlim=(self.x[0], self.x[-1]), ylim=(0, 1))

    def _plot_points(self, colours: list[Any]) -> None:
        from matplotlib.colors import to_rgba_array

        best = self.shares_.argmax(axis=1)
        rgba = to_rgba_array(colours)[best]
        if self.ordered is None:
            rgba[:, 3] = np.clip(self.shares_.max(axis=1), 0.2, 1.0)
        # The light part of a cyclic map needs an edge to be seen on white.
        edge = {"edgecolors": "#555555", "linewidths": 0.3} if self.cyclic else {"linewidths": 0}
        self.points_ = self.ax_.scatter(self.x, self.y, s=14, c=rgba, **edge)
        if self.ordered is None:
            for number in np.unique(best):
                self.ax_.scatter([], [], s=24, color=colours[number], label=self.names_[number])
            self.ax_.legend(loc="best", fontsize="small", framealpha=0.9)

    def _plot_bar(self) -> None:
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        norm = Normalize(0, len(self.names_) - (not self.cyclic))
        self.colorbar_ = self.figure_.colorbar(ScalarMappable(norm, self._map()), ax=self.ax_)
        self.colorbar_.set_label(self.ordered)


def _by_share(shares: Array, names: tuple[str, ...]) -> Index:
    """Columns by falling mean share, backgrounds last, equal ones in their order."""
    last = np.array([name == BACKGROUNDS for name in names])
    return np.lexsort((-shares.mean(axis=0), last))


def _over_answers(place: dict[str, Any], y: Any) -> dict[str, Any]:
    answers = np.asarray(y, dtype=np.float64)
    if answers.ndim == 1 or answers.shape[1] == 1:
        return {"y": answers.ravel(), "y_label": name_of_answer(y)}
    if answers.shape[1] > 2:
        raise ValueError(
            f"y has {answers.shape[1]} answers for each row; kind='points' draws "
            "one or two of them."
        )
    names = getattr(y, "columns", ("$y_1$", "$y_2$"))
    return {
        "x": answers[:, 0], "y": answers[:, 1], "x_label": str(names[0]), "y_label": str(names[1])
    }  # fmt: skip


def _averaged(responsibilities: Responsibilities, x: Array) -> tuple[Responsibilities, Array]:
    """Means over groups of samples with neighbouring x; equal ones stay together."""
    ends = np.quantile(x, np.linspace(0, 1, N_GROUPS + 1)[1:-1])
    _, group = np.unique(np.searchsorted(ends, x), return_inverse=True)
    member = group == np.arange(group.max() + 1)[:, None]
    if len(member) < 2:
        raise ValueError("The feature is the same in all rows of X; choose one that varies.")
    mean = member / member.sum(axis=1, keepdims=True)
    return responsibilities._replace(shares=mean @ responsibilities.shares), mean @ x


def _of_interest(
    energy: Any, responsibilities: Responsibilities, member: str | int | None
) -> tuple[Responsibilities, dict[str, Any]]:
    """The latent values of an energy that have a meaning of their own, and how they look."""
    if isinstance(energy, LatentEnergy):
        responsibilities = responsibilities.of(
            f"member {member or 0}" if not isinstance(member, str) else member
        )
        line = isinstance(energy, Decoder) and energy.latent != "square" and energy.n_dimensions < 2
        if line:
            return responsibilities, {
                "ordered": "z, point of the grid",
                "cyclic": energy.latent == "circle",
            }
        return responsibilities, {
            "names": tuple(f"expert {number}" for _, number in responsibilities.labels)
        }
    if member is not None:
        responsibilities = responsibilities.of(str(member))
        return responsibilities, {
            "names": tuple(f"{name} {number}" for name, number in responsibilities.labels)
        }
    if isinstance(energy, Blend):
        return responsibilities.by_name(), {}
    return _backgrounds_as_one(responsibilities), {}


def _backgrounds_as_one(responsibilities: Responsibilities) -> Responsibilities:
    mine = np.array([name != BACKGROUNDS for name, _ in responsibilities.labels])
    labels = tuple(label for label in responsibilities.labels if label[0] != BACKGROUNDS)
    behind = responsibilities.shares[:, ~mine].sum(axis=1)
    shares = np.column_stack([responsibilities.shares[:, mine], behind])
    return Responsibilities((*labels, (BACKGROUNDS, 0)), shares)
