"""Display of losses over the energies of a right and a wrong answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sklearn_ebm._utils.arrays import correct_mask
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.inspection._axes import (
    COLOUR_MAP,
    COLOURS,
    LINES,
    in_first_column,
    one_or_all,
    pyplot,
    style_of,
    take_axes,
)
from sklearn_ebm.inspection._reading import Floats, as_numbers
from sklearn_ebm.losses import LOSSES, Loss

KINDS = ("contour", "surface", "curves")
LEVELS = 16
ARROWS = 9


class LossShapeDisplay:
    r"""Value and slope of losses over the energies of a right and a wrong answer.

    Each loss is evaluated on samples with two answers, :math:`\ell(F(y), F(\bar y))`. Arrows show
    minus its slope, :math:`-(\partial \ell/\partial F(y), \partial \ell/\partial F(\bar y))`, the
    direction of gradient descent. Above the dashed line the right answer has the lower energy; on
    and above the solid line the gap reaches the margin, :math:`F(\bar y) \geq F(y) + m`.

    Create the display with `from_loss` or `from_losses`.

    Parameters
    ----------
    losses : dict of str to Loss
        Losses with the titles of their panels.
    right : ndarray of shape (n_right,)
        Values of F(y).
    wrong : ndarray of shape (n_wrong,)
        Values of F(ȳ).

    Attributes
    ----------
    values : dict of str to ndarray of shape (n_wrong, n_right)
        Value of each loss; NaN at negative energies if the loss needs energies that are never
        negative.
    slopes : dict of str to ndarray of shape (n_wrong, n_right, 2)
        Slopes in F(y) and in F(ȳ), with the same NaN.
    figure_ : matplotlib Figure
        Figure containing the display.
    ax_ : matplotlib Axes or ndarray of Axes
        One axes for each loss; for ``kind="curves"`` two axes, for values and slopes of all losses.
    surfaces_ : dict of str to matplotlib artist
        Filled contours, or surfaces in three dimensions, of the values.
    arrows_ : dict of str to matplotlib Quiver
        Arrows of minus the slope, for ``kind="contour"``.
    equal_ : dict of str to matplotlib Line2D
        The line F(y) = F(ȳ).
    margins_ : dict of str to matplotlib Line2D
        The line F(ȳ) = F(y) + m, of losses that have a margin m > 0.
    lines_ : dict of str to tuple of two matplotlib Line2D
        Value and slope, for ``kind="curves"``.
    colorbar_ : matplotlib Colorbar or None
        Colour bar of the values, the same for all losses.

    See Also
    --------
    EnergyGapDisplay : Energy gaps of a fitted classifier.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007). :doi:`10.7551/mitpress/7443.003.0014`

    Examples
    --------
    The hinge [1 + F(y) − F(ȳ)]⁺ at F(y) = 0 and F(ȳ) = 0, 1/2, 2 is 1, 1/2, 0. Its slope in F(y)
    is 1 until the margin is met:

    >>> from sklearn_ebm.inspection import LossShapeDisplay
    >>> display = LossShapeDisplay.from_loss(
    ...     "hinge", right=[0.0], wrong=[0.0, 0.5, 2.0], draw=False
    ... )
    >>> display.values["hinge"].ravel()
    array([1. , 0.5, 0. ])
    >>> display.slopes["hinge"][:, 0, 0]
    array([1., 1., 0.])
    """

    def __init__(self, losses: dict[str, Loss], right: Floats, wrong: Floats) -> None:
        self.losses = losses
        self.right = right
        self.wrong = wrong
        self.values: dict[str, Floats] = {}
        self.slopes: dict[str, Floats] = {}
        for name, loss in losses.items():
            self.values[name], self.slopes[name] = _evaluate(loss, *np.meshgrid(right, wrong))

    @classmethod
    def from_loss(cls, loss: str | Loss, **settings: Any) -> LossShapeDisplay:
        """Plot one loss.

        Parameters
        ----------
        loss : str or Loss
            A name, or an object of `sklearn_ebm.losses` or of your own class.
        **settings : dict
            Keyword arguments of `from_losses`.

        Returns
        -------
        LossShapeDisplay

        Raises
        ------
        ValueError, TypeError, ImportError
            As in `from_losses`.
        """
        return cls.from_losses([loss], **settings)

    @classmethod
    def from_losses(
        cls,
        losses: Any,
        *,
        right: Any = (-1.0, 3.0),
        wrong: Any = (-1.0, 3.0),
        grid_resolution: int = 121,
        ax: Any = None,
        draw: bool = True,
        **kwargs: Any,
    ) -> LossShapeDisplay:
        """Plot several losses side by side, with the same colour scale.

        Parameters
        ----------
        losses : sequence of str or Loss, or dict of str to them
            Names or objects. The keys of a dict are used as titles; otherwise a title consists of
            the name and the parameters that differ from their defaults.
        right : pair of float or array-like, default=(-1, 3)
            Range of F(y), or an array of values with more or fewer than two entries.
        wrong : pair of float or array-like, default=(-1, 3)
            Range or values of F(ȳ).
        grid_resolution : int, default=121
            Number of values in a range.
        ax : matplotlib Axes or array-like of them, default=None
            One axes for each loss, or two for ``kind="curves"``; None creates a figure.
        draw : bool, default=True
            Whether to plot immediately; matplotlib is not needed otherwise.
        **kwargs : dict
            Keyword arguments of `plot`.

        Returns
        -------
        LossShapeDisplay

        Raises
        ------
        ValueError
            If there is no loss, a name is not known, two losses have the same title, a setting of a
            loss is out of range, or the energies are not finite and increasing.
        TypeError
            If an entry is neither a name nor a loss.
        ImportError
            If matplotlib is not installed and `draw` is true.
        """
        if draw:
            pyplot(cls.__name__)
        positive_integer("grid_resolution", grid_resolution)
        display = cls(
            _by_title(losses),
            _side("right", right, grid_resolution),
            _side("wrong", wrong, grid_resolution),
        )
        return display.plot(ax, **kwargs) if draw else display

    def plot(
        self,
        ax: Any = None,
        *,
        kind: str = "contour",
        arrows: bool = True,
        held: float = 0.0,
        max_value: float | None = None,
        n_columns: int = 3,
        cmap: Any = COLOUR_MAP,
        **kwargs: Any,
    ) -> LossShapeDisplay:
        """Plot the losses.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of them, default=None
            One axes for each loss, or two for ``kind="curves"``; None creates a figure.
        kind : {"contour", "surface", "curves"}, default="contour"
            Filled contours with arrows, a surface in three dimensions, or value and slope against
            F(y), with all losses in the same two axes.
        arrows : bool, default=True
            Whether to show arrows of minus the slope on contours. Long arrows are shortened.
        held : float, default=0.0
            Fixed F(ȳ) for ``"curves"``. For a loss that depends on F(y) − F(ȳ) only, this value
            shifts the curves without changing their shape.
        max_value : float, default=None
            Upper end of the colour scale; None means the largest value or twice the 75 % quantile
            of all values, whichever is lower.
        n_columns : int, default=3
            Number of columns of panels in a new figure.
        cmap : str or matplotlib Colormap, default="cividis"
            Colour map of the values.
        **kwargs : dict
            Keyword arguments of ``contourf``, ``plot_surface`` or ``plot``, depending on `kind`.

        Returns
        -------
        LossShapeDisplay
            The display.

        Raises
        ------
        ValueError
            If `kind` is not known, a setting is not a number, a contour or surface has fewer than
            two values on a side, or `ax` holds the wrong number of axes.
        ImportError
            If matplotlib is not installed.
        """
        positive_integer("n_columns", n_columns)
        if kind not in KINDS:
            raise ValueError(f"kind={kind!r} is not known. Known kinds: {', '.join(KINDS)}.")
        held = _number("held", held)
        if max_value is not None:
            max_value = _number("max_value", max_value)
        self.surfaces_: dict[str, Any] = {}
        self.arrows_: dict[str, Any] = {}
        self.equal_: dict[str, Any] = {}
        self.margins_: dict[str, Any] = {}
        self.lines_: dict[str, tuple[Any, Any]] = {}
        self.colorbar_: Any = None
        if kind == "curves":
            return self._plot_curves(ax, held, kwargs)
        if min(len(self.right), len(self.wrong)) < 2:
            raise ValueError(f"kind={kind!r} needs two values or more of right and of wrong.")
        solid = kind == "surface"
        self.figure_, axes = take_axes(
            type(self).__name__, ax, len(self.losses), size=(4.2, 4.0) if solid else (3.7, 3.4),
            n_columns=n_columns,
            projection="3d" if solid else None,
        )  # fmt: skip
        self.ax_ = one_or_all(axes)
        levels = self._levels(max_value, solid)
        for axis, name in zip(axes, self.losses, strict=True):
            if solid:
                self._draw_surface(axis, name, levels, {"cmap": cmap} | kwargs)
            else:
                self._draw_contour(axis, name, levels, arrows, {"cmap": cmap} | kwargs)
            axis.set_title(name)
            axis.set_xlabel("F(y), right answer")
            if solid or ax is not None or in_first_column(axis):
                axis.set_ylabel("F(ȳ), wrong answer")
        self.colorbar_ = self.figure_.colorbar(
            self.surfaces_[name], ax=list(axes), shrink=0.8, label="value of the loss",
            **({"pad": 0.1} if solid else {}),
        )  # fmt: skip
        return self

    def _levels(self, max_value: float | None, solid: bool) -> Floats:
        """Levels of the values, the same for all losses."""
        from matplotlib.ticker import MaxNLocator

        values = np.concatenate([value.ravel() for value in self.values.values()])
        values = values[np.isfinite(values)]
        if not values.size:
            raise ValueError("The losses have no finite value at these energies; choose others.")
        low = float(min(values.min(), 0.0))
        top = float(values.max())
        if not solid:  # a few large values would leave one colour for all others
            top = min(top, 2 * float(np.quantile(values, 0.75)))
        high = top if max_value is None else max_value
        levels: Any = MaxNLocator(LEVELS).tick_values(low, high if high > low else low + 1.0)
        return np.asarray(levels, dtype=np.float64)

    def _draw_contour(
        self, axis: Any, name: str, levels: Floats, arrows: bool, style: dict[str, Any]
    ) -> None:
        value = np.ma.masked_invalid(self.values[name])
        style = {"extend": "max"} | style
        self.surfaces_[name] = axis.contourf(self.right, self.wrong, value, levels, **style)
        self._draw_lines(axis, name)
        if arrows:
            sides = [
                np.linspace(side[0], side[-1], 2 * ARROWS + 1)[1::2]
                for side in (self.right, self.wrong)
            ]
            right, wrong = np.meshgrid(*sides)
            push = -_evaluate(self.losses[name], right, wrong)[1]
            length = np.hypot(push[..., 0], push[..., 1])
            moves = length > 0
            push = push[moves] / np.maximum(length[moves], 1.0)[:, None]
            self.arrows_[name] = axis.quiver(
                right[moves], wrong[moves], *push.T, color="white", width=0.008, pivot="tail",
                angles="xy", scale_units="xy", scale=1.3 * ARROWS / np.ptp(self.right),
            )  # fmt: skip
        axis.set_xlim(self.right[0], self.right[-1])
        axis.set_ylim(self.wrong[0], self.wrong[-1])
        axis.set_aspect("equal")

    def _draw_lines(self, axis: Any, name: str, levels: Floats | None = None) -> None:
        (self.equal_[name],) = axis.plot(
            *self._line(name, 0.0, levels), color=COLOURS[1], linewidth=2, linestyle=LINES[1],
            label="F(y) = F(ȳ)", zorder=3,
        )  # fmt: skip
        margin = _margin_of(self.losses[name])
        if margin:
            (self.margins_[name],) = axis.plot(
                *self._line(name, margin, levels), color=COLOURS[4], linewidth=2,
                label=f"margin {margin:g}", zorder=3,
            )  # fmt: skip

    def _line(self, name: str, margin: float, levels: Floats | None) -> tuple[Floats, ...]:
        """The line F(ȳ) = F(y) + m within the picture, with the values on it in a solid one."""
        low = max(self.right[0], self.wrong[0] - margin)
        high = max(low, min(self.right[-1], self.wrong[-1] - margin))
        right = np.linspace(low, high, 101)
        if levels is None:
            return right, right + margin
        value = _evaluate(self.losses[name], right, right + margin)[0]
        return right, right + margin, np.clip(value, levels[0], levels[-1])

    def _draw_surface(self, axis: Any, name: str, levels: Floats, style: dict[str, Any]) -> None:
        right, wrong = np.meshgrid(self.right, self.wrong)
        value = np.clip(self.values[name], levels[0], levels[-1])
        style = {"rcount": 40, "ccount": 40, "linewidth": 0.2, "edgecolor": "0.3"} | style
        limits = {"vmin": levels[0], "vmax": levels[-1]}
        self.surfaces_[name] = axis.plot_surface(right, wrong, value, **limits, **style)
        axis.computed_zorder = False  # the lines lie on the surface, and are seen
        self._draw_lines(axis, name, levels)
        axis.set_zlim(levels[0], levels[-1])
        axis.set_box_aspect(None, zoom=0.85)  # so that its labels are inside
        axis.view_init(elev=30, azim=130)  # up the slope, from where the right answer is low

    def _plot_curves(self, ax: Any, held: float, style: dict[str, Any]) -> LossShapeDisplay:
        self.figure_, self.ax_ = take_axes(type(self).__name__, ax, 2, size=(6.4, 3.4), n_columns=1)
        for number, (name, loss) in enumerate(self.losses.items()):
            value, slope = _evaluate(loss, self.right, np.full_like(self.right, held))
            own = style_of(number) | {"linewidth": 2} | style
            self.lines_[name] = (
                self.ax_[0].plot(self.right, value, label=name, **own)[0],
                self.ax_[1].plot(self.right, slope[:, 0], label=name, **own)[0],
            )
        for axis, what in zip(self.ax_, ("value", "slope in F(y)"), strict=True):
            axis.axvline(held, color="0.6", linewidth=1, zorder=0)
            axis.set_ylabel(what)
            axis.grid(alpha=0.3)
        self.ax_[1].set_xlabel(f"F(y), right answer; wrong answer: F(ȳ) = {held:g}")
        self.ax_[0].legend()
        return self


def _evaluate(loss: Loss, right: Floats, wrong: Floats) -> tuple[Floats, Floats]:
    """Value and slopes at pairs of energies of any shape; NaN where they are not allowed."""
    energies = np.column_stack([right.ravel(), wrong.ravel()])
    allowed: Any = np.full(len(energies), True)
    if loss.traits.needs_nonnegative is not None:
        allowed = (energies >= 0).all(axis=1)
    value, slope = np.full(len(energies), np.nan), np.full(energies.shape, np.nan)
    correct = correct_mask(np.zeros(int(allowed.sum()), dtype=np.intp), 2)
    value[allowed], slope[allowed] = loss(energies[allowed], correct)
    return value.reshape(right.shape), slope.reshape(*right.shape, 2)


def _margin_of(loss: Loss) -> float:
    """The margin of a right answer 0 and a wrong answer 1; 0 where a loss has none."""
    margin = loss.get_params(deep=False).get("margin")
    if margin is None:
        return 0.0
    return float(np.asarray(margin, dtype=np.float64)[(0, 1) if np.ndim(margin) else ()])


def _by_title(losses: Any) -> dict[str, Loss]:
    """Losses by their titles, or ValueError or TypeError in one sentence."""
    if isinstance(losses, str | Loss):
        raise TypeError(f"losses={losses!r} is one loss; use from_loss, or put it in a list.")
    resolved = [
        LOSSES.resolve(loss)
        for loss in (losses.values() if isinstance(losses, Mapping) else losses)
    ]
    if not resolved:
        raise ValueError("There is no loss to draw; give one or more.")
    for loss in resolved:
        loss._validate(2)
    titles = (
        [str(title) for title in losses]
        if isinstance(losses, Mapping)
        else [_title(loss) for loss in resolved]
    )
    if len(set(titles)) < len(titles):
        raise ValueError(
            f"Two losses have the same title among {', '.join(titles)}; give a dict of title: loss."
        )
    return dict(zip(titles, resolved, strict=True))


def _title(loss: Loss) -> str:
    """Name of a loss and those of its settings that are not the default."""
    defaults = type(loss)().get_params(deep=False) if type(loss) in LOSSES.values() else {}
    settings = loss.get_params(deep=False)
    own = [
        f"{name}={value}" if np.ndim(value) == 0 else f"{name} by pairs"
        for name, value in settings.items()
        if np.ndim(value) > 0 or value != defaults.get(name)
    ]
    return ", ".join([LOSSES.name_of(loss), *own])


def _number(name: str, value: Any) -> float:
    """A finite number, or ValueError."""
    number = as_numbers(name, value)
    if number.ndim or not np.isfinite(number):
        raise ValueError(f"{name}={value!r} must be a finite number.")
    return float(number)


def _side(name: str, values: Any, count: int) -> Floats:
    """Values of an energy: those given, or so many over a range."""
    side = np.atleast_1d(as_numbers(name, values))
    good = side.ndim == 1 and side.size > 0 and np.isfinite(side).all()
    if not good or not (np.diff(side) > 0).all():
        raise ValueError(f"{name}={values!r} must be finite numbers that rise.")
    return np.linspace(side[0], side[1], count) if len(side) == 2 else side
