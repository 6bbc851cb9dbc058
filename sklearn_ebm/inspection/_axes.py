"""Common helpers of displays: import of matplotlib, axes, colours and names."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

# The palette of Okabe and Ito (2008), which suits all kinds of colour vision. The numbers of
# colours and markers are coprime, so that 56 classes have different pairs.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)), (0, (1, 1)))

# Perceptually uniform, for all kinds of colour vision.
COLOUR_MAP = "cividis"


def pyplot(caller: str) -> Any:
    """Return `matplotlib.pyplot`; raise ImportError with instructions if it is not installed."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{caller} draws with matplotlib, which is not installed; "
            "install it with `pip install 'sklearn_ebm[plot]'`."
        ) from error
    return plt


def take_axes(
    caller: str,
    ax: Any,
    n_panels: int,
    *,
    size: tuple[float, float],
    n_columns: int | None = None,
    projection: str | None = None,
) -> tuple[Any, npt.NDArray[Any]]:
    """Return the figure and `n_panels` axes: those of `ax`, or new ones of `size` inches each.

    Raises
    ------
    ValueError
        If `ax` contains a wrong number of axes, axes of several figures, or, with
        ``projection="3d"``, axes that are not three-dimensional.
    """
    plt = pyplot(caller)
    if ax is None:
        n_columns = min(n_columns or n_panels, n_panels)
        n_rows = -(-n_panels // n_columns)
        figure, axes = plt.subplots(
            n_rows, n_columns, figsize=(size[0] * n_columns, size[1] * n_rows), squeeze=False,
            layout="constrained", subplot_kw={"projection": projection},
        )  # fmt: skip
        for spare in axes.ravel()[n_panels:]:
            spare.remove()
        return figure, axes.ravel()[:n_panels]
    axes = np.ravel(np.array(ax, dtype=object))
    if len(axes) != n_panels:
        needed = "one axes" if n_panels == 1 else f"an array of {n_panels} axes, one for each panel"
        raise ValueError(f"{caller} needs {needed}, but ax holds {len(axes)}; or pass ax=None.")
    if any(axis.figure is not axes[0].figure for axis in axes):
        raise ValueError(f"{caller} draws on axes of one figure, but ax holds those of several.")
    if projection == "3d" and any(axis.name != "3d" for axis in axes):
        raise ValueError(
            f"{caller} draws a surface in three dimensions; make the axes with "
            "subplot_kw={'projection': '3d'}, or pass ax=None."
        )
    return axes[0].figure, axes


def in_first_column(axis: Any) -> bool:
    """Whether an axes is in the first column of its grid; True if it is not in a grid."""
    place = axis.get_subplotspec()
    return place is None or bool(place.is_first_col())


def one_or_all(axes: npt.NDArray[Any]) -> Any:
    """Return a single axes itself, as in displays of scikit-learn; else the array of axes."""
    return axes[0] if len(axes) == 1 else axes


def style_of(number: int, *, marker: bool = False) -> dict[str, Any]:
    """Return colour and line, or colour and marker, of a class or curve with this index."""
    style = {"color": COLOURS[number % len(COLOURS)]}
    if marker:
        return style | {"marker": MARKERS[number % len(MARKERS)]}
    return style | {"linestyle": LINES[number % len(LINES)]}


def feature_names(estimator: Any, X: Any = None) -> list[str]:
    """Names of the features, from the estimator or X; x1, x2, ... if there are none."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        names = getattr(X, "columns", None)
    if names is None:
        count = estimator.n_features_in_ if X is None else np.shape(X)[-1]
        names = [f"$x_{{{j + 1}}}$" for j in range(count)]
    return [str(name) for name in names]
