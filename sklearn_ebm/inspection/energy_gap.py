"""Display of the gaps between the energies of right and wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_ebm.inspection._axes import COLOURS, LINES, one_or_all, pyplot, take_axes
from sklearn_ebm.inspection._reading import (
    Floats,
    Index,
    as_numbers,
    energies_and_answers,
    read,
)
from sklearn_ebm.learning.collapse import collapsed

# Gaps beyond these shares of the rows are counted in the outermost bins.
TAILS = (0.002, 0.998)

# Fewest and most bins, where their number is not given.
BINS = (10, 40)

# Height of the picture in that of the highest bin: the legend stands above.
HEADROOM = 1.5


class EnergyGapDisplay:
    r"""Distribution of the energy gap between the right answer and the lowest wrong answer.

    For each sample the gap is

    .. math:: \Delta(x, y) = \min_{\bar y \neq y} F(x, \bar y) - F(x, y).

    A sample is classified correctly if its gap is positive, and a loss with a margin m aims at
    :math:`\Delta \geq m`. If the energies have collapsed, that is, all classes have the same
    energy, all gaps are 0.

    Create the display with `from_estimator` or `from_energies`.

    Parameters
    ----------
    gaps : dict of str to ndarray of shape (n_samples,)
        Gaps of each set of samples, such as ``"train"`` and ``"test"``.
    below_margin : dict of str to float
        Fraction of the samples of each set with a gap below the margin; empty without a margin.
    margin : float, default=None
        The margin m to mark, in units of the energy.
    has_collapsed : bool, default=False
        Whether right and wrong answers of the first set have the same mean energy, up to rounding.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure containing the display.
    ax_ : matplotlib Axes
        Axes of the plot.
    bins_ : ndarray of shape (n_bins + 1,)
        Edges of the bins, the same for all sets. One edge is at 0 or, if the energies have
        collapsed, one bin is centred at 0. The first and the last bin include all gaps beyond them.
    shares_ : dict of str to ndarray of shape (n_bins,)
        Fraction of the samples in each bin, summing to 1.
    histograms_ : dict of str to matplotlib StepPatch
        The histograms.
    zero_ : matplotlib Line2D
        The line at 0.
    margin_ : matplotlib Line2D or None
        The line at the margin.

    See Also
    --------
    EnergySurfaceDisplay : Energies over two features.
    sklearn_ebm.exceptions.CollapseWarning : Warning that the energies have collapsed.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007). :doi:`10.7551/mitpress/7443.003.0014`

    Examples
    --------
    Gaps min(3, 5) − 1 = 2, min(2, 4) − 2.5 = −0.5 and min(1, 2) − 0.25 = 0.75: one sample in three
    is answered wrongly, and two fall short of a margin of 1.

    >>> from sklearn_ebm.inspection import EnergyGapDisplay
    >>> energies = [[1.0, 3.0, 5.0], [2.0, 2.5, 4.0], [1.0, 2.0, 0.25]]
    >>> display = EnergyGapDisplay.from_energies(
    ...     energies, [0, 1, 2], margin=1.0, draw=False
    ... )
    >>> display.gaps["train"]
    array([ 2.  , -0.5 ,  0.75])
    >>> round(display.errors["train"], 3), round(display.below_margin["train"], 3)
    (0.333, 0.667)
    """

    def __init__(
        self,
        gaps: dict[str, Floats],
        *,
        below_margin: dict[str, float] | None = None,
        margin: float | None = None,
        has_collapsed: bool = False,
    ) -> None:
        self.gaps = gaps
        self.below_margin = below_margin or {}
        self.margin = margin
        self.has_collapsed = has_collapsed

    @property
    def errors(self) -> dict[str, float]:
        """Fraction of the samples of each set that are misclassified (gap below 0)."""
        return {name: float(np.mean(gap < 0)) for name, gap in self.gaps.items()}

    @property
    def ties(self) -> dict[str, float]:
        """Fraction of the samples of each set with a tie (gap of 0)."""
        return {name: float(np.mean(gap == 0)) for name, gap in self.gaps.items()}

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        X_test: Any = None,
        y_test: Any = None,
        *,
        ax: Any = None,
        **kwargs: Any,
    ) -> EnergyGapDisplay:
        """Plot the energy gaps of a fitted classifier, and the margin of its loss if it has one.

        Parameters
        ----------
        estimator : EBMClassifier or EBMClassifierCV
            Fitted classifier, or a fitted pipeline or search that ends with one.
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Training samples.
        y : array-like of shape (n_samples,)
            Labels of the training samples.
        X_test : array-like or sparse matrix of shape (n_test_samples, n_features), default=None
            Test samples.
        y_test : array-like of shape (n_test_samples,), default=None
            Labels of the test samples.
        ax : matplotlib Axes, default=None
            Axes of the plot; None creates a figure.
        **kwargs : dict
            Keyword arguments of `plot`.

        Returns
        -------
        EnergyGapDisplay

        Raises
        ------
        ValueError
            If the samples do not match the labels or the classifier.
        TypeError
            If the estimator contains no such classifier.
        ImportError
            If matplotlib is not installed.
        """
        pyplot(cls.__name__)
        found = read(cls.__name__, estimator)
        if (X_test is None) != (y_test is None):
            raise ValueError("X_test and y_test belong together; give both or neither.")
        margin = found.classifier.loss_.get_params(deep=False).get("margin")
        if np.ndim(margin) == 2:
            margin = np.asarray(margin)[found.learned][:, found.learned]
        test = (None, None) if X_test is None else found.of_learned_classes(X_test, y_test)
        return cls.from_energies(
            *found.of_learned_classes(X, y), *test, classes=found.classes[found.learned],
            margin=margin, ax=ax, **kwargs,
        )  # fmt: skip

    @classmethod
    def from_energies(
        cls,
        energies: Any,
        y: Any,
        energies_test: Any = None,
        y_test: Any = None,
        *,
        classes: Any = None,
        margin: Any = None,
        ax: Any = None,
        draw: bool = True,
        **kwargs: Any,
    ) -> EnergyGapDisplay:
        """Plot gaps computed from given energies.

        Parameters
        ----------
        energies : array-like of shape (n_samples, n_classes)
            Energy of each class.
        y : array-like of shape (n_samples,)
            True labels, contained in `classes`.
        energies_test : array-like of shape (n_test_samples, n_classes), default=None
            Energies of test samples, plotted as a second histogram.
        y_test : array-like of shape (n_test_samples,), default=None
            Labels of the test samples.
        classes : array-like of shape (n_classes,), default=None
            Labels of the columns; None means 0, 1, ..., n_classes − 1.
        margin : float or array-like of shape (n_classes, n_classes), default=None
            Margin m ≥ 0; an array holds one margin for each pair (right class, wrong class). In
            this case a sample counts as below the margin if any of its margins is not met, and no
            line is drawn.
        ax : matplotlib Axes, default=None
            Axes of the plot; None creates a figure.
        draw : bool, default=True
            Whether to plot immediately; matplotlib is not needed otherwise.
        **kwargs : dict
            Keyword arguments of `plot`.

        Returns
        -------
        EnergyGapDisplay

        Raises
        ------
        ValueError
            If the energies do not match the labels, or the margin is negative or has another shape.
        ImportError
            If matplotlib is not installed and `draw` is true.
        """
        if draw:
            pyplot(cls.__name__)
        if (energies_test is None) != (y_test is None):
            raise ValueError("energies_test and y_test belong together; give both or neither.")
        table, answer, labels = energies_and_answers(energies, y, classes)
        sets = {"train": (table, answer)}
        if energies_test is not None:
            sets["test"] = energies_and_answers(energies_test, y_test, labels, " of the test")[:2]
        margins = _margins(margin, len(labels))
        below = {}
        if margins is not None:
            for name, (rows, right) in sets.items():
                below[name] = float(np.mean(_gaps(rows, right, margins) < 0))
        one_margin = None if margins is None or np.ndim(margin) else float(margin)
        display = cls(
            {name: _gaps(*rows) for name, rows in sets.items()},
            below_margin=below,
            margin=one_margin,
            has_collapsed=collapsed(
                lambda some: table[some], answer, np.ones(len(answer)), len(labels)
            ),
        )
        return display.plot(ax, **kwargs) if draw else display

    def plot(self, ax: Any = None, *, bins: int | None = None, **kwargs: Any) -> EnergyGapDisplay:
        """Plot the histograms.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes of the plot; None creates a figure.
        bins : int, default=None
            Approximate number of bins. None means twice the square root of the number of samples of
            the smallest set, between 10 and 40.
        **kwargs : dict
            Keyword arguments of ``Axes.stairs`` for all histograms, such as ``alpha``.

        Returns
        -------
        EnergyGapDisplay
            The display.

        Raises
        ------
        ValueError
            If `ax` holds more than one axes, or `bins` is not an integer of at least 2.
        ImportError
            If matplotlib is not installed.
        """
        pyplot(type(self).__name__)
        from matplotlib.colors import to_rgba

        self.bins_ = self._edges(bins)
        self.figure_, axes = take_axes(type(self).__name__, ax, 1, size=(6.4, 4.2))
        self.ax_ = axis = one_or_all(axes)
        self.shares_, self.histograms_ = {}, {}
        for number, (name, gap) in enumerate(self.gaps.items()):
            inside = np.clip(gap, self.bins_[0], self.bins_[-1])
            self.shares_[name] = np.histogram(inside, self.bins_)[0] / len(gap)
            colour = COLOURS[number]
            face = to_rgba(colour, 0.3)
            style = {"fill": True, "facecolor": face, "edgecolor": colour, "linewidth": 2}
            self.histograms_[name] = axis.stairs(
                self.shares_[name], self.bins_, label=self._label(name), **(style | kwargs)
            )
        self.zero_ = axis.axvline(0, color="black", linewidth=1.5, label="0: wrong on the left")
        self.margin_ = None
        if self.margin:
            self.margin_ = axis.axvline(
                self.margin, color="black", linewidth=1.5, linestyle=LINES[1],
                label=f"margin {self.margin:g} of the loss",
            )  # fmt: skip
        axis.set_xlabel("energy gap, lowest wrong − right (units of the energy)")
        axis.set_ylabel("fraction of the samples")
        highest = max(share.max() for share in self.shares_.values())
        axis.set_ylim(0, HEADROOM * highest)
        if self.has_collapsed:
            axis.set_title("collapsed: right and wrong answers have the same energy")
        axis.legend(loc="upper right")
        return self

    def _label(self, name: str) -> str:
        parts = [f"{100 * self.errors[name]:.3g} % below 0"]
        if self.ties[name]:
            parts.append(f"{100 * self.ties[name]:.3g} % at 0")
        if name in self.below_margin:
            parts.append(f"{100 * self.below_margin[name]:.3g} % below margin")
        return f"{name}: {', '.join(parts)}"

    def _edges(self, bins: Any) -> Floats:
        """Edges of equal bins over most gaps, 0 and the margin."""
        if bins is None:
            fewest = min(len(gap) for gap in self.gaps.values())
            bins = int(np.clip(2 * np.sqrt(fewest), *BINS))
        if isinstance(bins, bool) or not isinstance(bins, int | np.integer) or bins < 2:
            raise ValueError(f"bins={bins!r} must be a whole number of at least 2.")
        gaps = np.concatenate(list(self.gaps.values()))
        # A collapsed surface has nothing but rounding: its own range would blow that up.
        marks = [0.0, self.margin or 0.0]
        ends = np.array(marks) if self.has_collapsed else np.quantile(gaps, TAILS)
        low, high = min(*marks, ends.min()), max(*marks, ends.max())
        if self.has_collapsed or low == high:
            reach = max(high, 1.0 if self.margin is None else self.margin, 1e-12)
            low, high = -reach, reach
        width = (high - low) / bins
        below, above = int(np.ceil(-low / width - 1e-9)), int(np.ceil(high / width + 1e-9))
        edges = np.arange(-max(below, 1), max(above, 1) + 1) * width
        return edges - width / 2 if self.has_collapsed else edges


def _margins(margin: Any, n_answers: int) -> Floats | None:
    """The margins as a (k, k) array, or None; ValueError if they cannot be."""
    if margin is None:
        return None
    table = as_numbers("margin", margin)
    if table.shape not in ((), (n_answers, n_answers)) or not (table >= 0).all():
        raise ValueError(
            f"margin={margin!r} must be a number that is not negative, or an array of shape "
            f"({n_answers}, {n_answers}) of such."
        )
    return np.broadcast_to(table, (n_answers, n_answers))


def _gaps(energies: Floats, answer: Index, margins: Floats | None = None) -> Floats:
    """min over wrong answers of F(ȳ) − m_yȳ, less F(y)."""
    rows = np.arange(len(answer))
    wrong = energies - (0.0 if margins is None else margins[answer])
    wrong[rows, answer] = np.inf
    gaps: Floats = wrong.min(axis=1) - energies[rows, answer]
    return gaps
