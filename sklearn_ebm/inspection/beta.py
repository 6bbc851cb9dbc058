"""Display of scores and reliability of probabilities against the inverse temperature."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.validation import positive_integer, positive_number
from sklearn_ebm.inference import SoftMinimum
from sklearn_ebm.inspection._axes import COLOURS, LINES, pyplot, style_of, take_axes
from sklearn_ebm.inspection._reading import (
    Floats,
    Index,
    as_numbers,
    energies_and_answers,
    read,
)
from sklearn_ebm.metrics import brier_score

# Areas of the points of reliability, in square points: of no rows, and of all rows on top of it.
SMALLEST, LARGEST = 12.0, 150.0

SCORES = {"log_loss": "log-loss (nats)", "brier": "Brier score", "calibration_error": "ECE"}


class BetaDisplay:
    r"""Scores of class probabilities against β, and reliability curves at several values of β.

    The inverse temperature β turns energies into probabilities,

    .. math:: p(y \mid x) = \frac{e^{-\beta F(x, y)}}{\sum_{y'} e^{-\beta F(x, y')}},

    and does not change the predicted class, argmin F. So accuracy cannot be used to choose β.
    Proper scores can: the log-loss :math:`-\log p(y \mid x)` and the Brier score
    :math:`\sum_{y'} (p(y' \mid x) - [y' = y])^2`, halved for two classes as in scikit-learn.
    The expected calibration error assigns the samples to bins by their confidence
    :math:`c = \max_y p(y \mid x)`. It is the mean over samples of the absolute difference between
    the accuracy and the mean confidence in their bin. It is not a proper score: an
    uninformative model can have no calibration error.

    Create the display with `from_estimator` or `from_energies`.

    Parameters
    ----------
    energies : ndarray of shape (n_samples, n_classes)
        Energy of each class.
    answer : ndarray of int of shape (n_samples,)
        Column of the right class of each sample.
    betas : ndarray of shape (n_betas,)
        Inverse temperatures, increasing.
    beta : float, default=None
        β of the estimator, marked in the plot.
    reliability_betas : sequence of float, default=None
        Values of β of the reliability panel. None means β/4, β and 4β for the β of the estimator,
        or for the β with the lowest log-loss.
    n_bins : int, default=10
        Number of bins of equal width for confidences between 1/n_classes and 1.

    Attributes
    ----------
    scores : dict of str to ndarray of shape (n_betas,)
        ``"log_loss"``, ``"brier"`` and ``"calibration_error"`` at each β.
    best_beta : float
        The value of `betas` with the lowest log-loss.
    figure_ : matplotlib Figure
        Figure containing the display.
    ax_ : ndarray of two matplotlib Axes
        Axes of the scores and of the reliability curves.
    lines_ : dict of str to matplotlib Line2D
        Curves of the scores.
    beta_line_ : matplotlib Line2D or None
        Line at the β of the estimator.
    best_ : matplotlib Line2D
        Point with the lowest log-loss.
    diagonal_ : matplotlib Line2D
        Line where confidence equals accuracy.
    reliability_lines_ : dict of float to matplotlib Line2D
        Accuracy against mean confidence of each nonempty bin.
    reliability_points_ : dict of float to matplotlib PathCollection
        The same values as points whose size reflects the number of samples.

    See Also
    --------
    sklearn.calibration.CalibrationDisplay : Reliability curve of a binary classifier.

    References
    ----------
    Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML (2017).
    :arxiv:`1706.04599`

    Naeini, Cooper, Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning",
    AAAI (2015). :doi:`10.1609/aaai.v29i1.9602`

    Examples
    --------
    Two samples with energies (0, log 3), right and wrong. At β = 1 their probabilities are (3/4,
    1/4): the log-loss is (log 4/3 + log 4)/2 = 0.837, the Brier score (1/16 + 9/16)/2 = 0.3125, and
    a confidence of 0.75 at an accuracy of 0.5 is off by 0.25. At β = 2 they are (9/10, 1/10).

    >>> import numpy as np
    >>> from sklearn_ebm.inspection import BetaDisplay
    >>> energies = [[0, np.log(3)], [0, np.log(3)]]
    >>> display = BetaDisplay.from_energies(energies, [0, 1], betas=[1, 2], draw=False)
    >>> {name: score.round(4).tolist() for name, score in display.scores.items()}
    {'log_loss': [0.837, 1.204], 'brier': [0.3125, 0.41], 'calibration_error': [0.25, 0.4]}
    """

    def __init__(
        self,
        energies: Floats,
        answer: Index,
        betas: Floats,
        *,
        beta: float | None = None,
        reliability_betas: Any = None,
        n_bins: int = 10,
    ) -> None:
        self.energies = energies
        self.answer = answer
        self.betas = betas
        self.beta = beta
        self.n_bins = n_bins
        each = [self._scores_at(b) for b in betas]
        self.scores = {name: np.array([one[name] for one in each]) for name in SCORES}
        self.best_beta = float(betas[self.scores["log_loss"].argmin()])
        centre = self.best_beta if beta is None else beta
        chosen = (
            (centre / 4, centre, 4 * centre) if reliability_betas is None else reliability_betas
        )
        self.reliability_betas = [float(b) for b in chosen]

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        betas: Any = None,
        reliability_betas: Any = None,
        n_bins: int = 10,
        ax: Any = None,
        **kwargs: Any,
    ) -> BetaDisplay:
        """Plot scores of a fitted classifier against β, and mark its own β.

        Parameters
        ----------
        estimator : EBMClassifier or EBMClassifierCV
            Fitted classifier, or a fitted pipeline or search that ends with one.
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The input samples, preferably not the training samples.
        y : array-like of shape (n_samples,)
            Labels of the samples.
        betas : array-like, default=None
            Inverse temperatures; None means 61 values from 0.01 to 100 times `beta_`.
        reliability_betas : sequence of float, default=None
            Values of β of the reliability panel; None means `beta_`/4, `beta_` and 4 `beta_`.
        n_bins : int, default=10
            Number of bins for confidences between 1/n_classes and 1.
        ax : array-like of two matplotlib Axes, default=None
            Axes of the scores and of the reliability curves; None creates a figure.
        **kwargs : dict
            Keyword arguments of `plot`.

        Returns
        -------
        BetaDisplay

        Raises
        ------
        ValueError
            If the samples do not match the labels or the classifier, or a β is not positive.
        TypeError
            If the estimator contains no such classifier.
        ImportError
            If matplotlib is not installed.
        """
        pyplot(cls.__name__)
        found = read(cls.__name__, estimator)
        return cls.from_energies(
            *found.of_learned_classes(X, y), classes=found.classes[found.learned], betas=betas,
            beta=found.classifier.beta_, reliability_betas=reliability_betas, n_bins=n_bins, ax=ax,
            **kwargs,
        )  # fmt: skip

    @classmethod
    def from_energies(
        cls,
        energies: Any,
        y: Any,
        *,
        classes: Any = None,
        betas: Any = None,
        beta: float | None = None,
        reliability_betas: Any = None,
        n_bins: int = 10,
        ax: Any = None,
        draw: bool = True,
        **kwargs: Any,
    ) -> BetaDisplay:
        """Plot scores computed from given energies.

        Parameters
        ----------
        energies : array-like of shape (n_samples, n_classes)
            Energy of each class. For models without energies, pass minus the logits.
        y : array-like of shape (n_samples,)
            True labels, contained in `classes`.
        classes : array-like of shape (n_classes,), default=None
            Labels of the columns; None means 0, 1, ..., n_classes − 1.
        betas : array-like, default=None
            Inverse temperatures; None means 61 values from 0.01 to 100 times ``beta``, or times
            the inverse spread of the energies of a sample.
        beta : float, default=None
            Value of β to mark.
        reliability_betas : sequence of float, default=None
            Values of β of the reliability panel.
        n_bins : int, default=10
            Number of bins for confidences between 1/n_classes and 1.
        ax : array-like of two matplotlib Axes, default=None
            Axes of the scores and of the reliability curves; None creates a figure.
        draw : bool, default=True
            Whether to plot immediately; matplotlib is not needed otherwise.
        **kwargs : dict
            Keyword arguments of `plot`.

        Returns
        -------
        BetaDisplay

        Raises
        ------
        ValueError
            If the energies do not match the labels, a β is not positive, or `n_bins` is not a
            integer of at least 1.
        ImportError
            If matplotlib is not installed and `draw` is true.
        """
        if draw:
            pyplot(cls.__name__)
        table, answer, _ = energies_and_answers(energies, y, classes)
        positive_integer("n_bins", n_bins)
        if beta is not None:
            positive_number("beta", beta)
        if betas is None:
            betas = _centre(beta, table) * np.geomspace(0.01, 100, 61)
        if reliability_betas is not None:
            reliability_betas = _positive("reliability_betas", reliability_betas)
        display = cls(
            table, answer, np.unique(_positive("betas", betas)), beta=beta,
            reliability_betas=reliability_betas, n_bins=n_bins,
        )  # fmt: skip
        return display.plot(ax, **kwargs) if draw else display

    def reliability(self, beta: float) -> tuple[Floats, Floats, Index]:
        """Compute mean confidence, accuracy and number of samples of each bin of the confidence.

        Parameters
        ----------
        beta : float
            Inverse temperature.

        Returns
        -------
        confidence, accuracy : ndarray of shape (n_nonempty_bins,)
            Mean confidence and accuracy of each bin that contains samples.
        count : ndarray of int of shape (n_nonempty_bins,)
            Number of samples in each bin.
        """
        return self._bins(SoftMinimum(beta).weights(self.energies))

    def plot(self, ax: Any = None, **kwargs: Any) -> BetaDisplay:
        """Plot the scores and the reliability curves.

        Parameters
        ----------
        ax : array-like of two matplotlib Axes, default=None
            Axes of the plot; None creates a figure.
        **kwargs : dict
            Keyword arguments of ``Axes.plot`` for all curves, such as ``linewidth``.

        Returns
        -------
        BetaDisplay
            The display.

        Raises
        ------
        ValueError
            If `ax` does not hold two axes of one figure.
        ImportError
            If matplotlib is not installed.
        """
        self.figure_, self.ax_ = take_axes(type(self).__name__, ax, 2, size=(4.8, 4.2))
        self._draw_scores(self.ax_[0], {"linewidth": 2} | kwargs)
        self._draw_reliability(self.ax_[1], {"linewidth": 2} | kwargs)
        return self

    def _draw_scores(self, axis: Any, style: dict[str, Any]) -> None:
        self.lines_ = {
            name: axis.plot(
                self.betas, self.scores[name], label=label, **(style_of(number) | style)
            )[0]
            for number, (name, label) in enumerate(SCORES.items())
        }
        (self.best_,) = axis.plot(
            [self.best_beta], [self.scores["log_loss"].min()], color=COLOURS[0], marker="o",
            linestyle="none", markersize=8, label=f"least log-loss, β = {self.best_beta:.3g}",
        )  # fmt: skip
        self.beta_line_ = None
        if self.beta is not None:
            self.beta_line_ = axis.axvline(
                self.beta, color="black", linewidth=1.5, linestyle=LINES[3],
                label=f"β = {self.beta:.3g} of the estimator",
            )  # fmt: skip
        # A log-loss far above that of equal probabilities would flatten all else.
        uniform = np.log(self.energies.shape[1])
        top = max(value.min() for value in self.scores.values())
        axis.set_ylim(0, max(1.9 * uniform, 1.3 * top))
        axis.set_xscale("log")
        axis.set_xlabel("inverse temperature β (1 / units of the energy)")
        axis.set_ylabel("score, low is good")
        axis.set_title("scores")
        axis.legend()

    def _draw_reliability(self, axis: Any, style: dict[str, Any]) -> None:
        low = 1 / self.energies.shape[1]
        (self.diagonal_,) = axis.plot(
            [low, 1], [low, 1], color="0.5", linewidth=1.5, label="calibrated"
        )
        self.reliability_lines_, self.reliability_points_ = {}, {}
        for number, beta in enumerate(self.reliability_betas):
            confidence, accuracy, count = self.reliability(beta)
            own = style_of(number) | style
            (self.reliability_lines_[beta],) = axis.plot(confidence, accuracy, **own)
            self.reliability_points_[beta] = axis.scatter(
                confidence, accuracy, s=SMALLEST + LARGEST * count / count.sum(),
                label=f"β = {beta:.3g}", linewidths=0, zorder=3, **style_of(number, marker=True),
            )  # fmt: skip
        axis.set_xlim(low - 0.02, 1.02)
        axis.set_ylim(-0.02, 1.02)
        axis.set_xlabel("mean confidence in the bin")
        axis.set_ylabel("accuracy in the bin")
        axis.set_title("reliability; area: number of samples")
        legend = axis.legend()
        for handle in legend.legend_handles[1:]:
            handle.set_sizes([60.0])

    def _scores_at(self, beta: float) -> dict[str, float]:
        rows, columns = np.arange(len(self.answer)), np.arange(self.energies.shape[1])
        free = SoftMinimum(beta)(self.energies)
        probability = free.weights
        log_loss = beta * (self.energies[rows, self.answer] - free.energies)
        half = 0.5 if len(columns) == 2 else 1.0
        confidence, accuracy, count = self._bins(probability)
        return {
            "log_loss": float(log_loss.mean()),
            "brier": half * brier_score(self.answer, probability, labels=columns),
            "calibration_error": float(count @ np.abs(confidence - accuracy) / count.sum()),
        }

    def _bins(self, probability: Array) -> tuple[Floats, Floats, Index]:
        """Mean confidence, accuracy and samples of each bin that has any."""
        confidence = probability.max(axis=1)
        right = self.energies.argmin(axis=1) == self.answer
        low = 1 / probability.shape[1]
        place = np.floor((confidence - low) / (1 - low) * self.n_bins)
        place = np.clip(place, 0, self.n_bins - 1).astype(np.intp)
        count = np.bincount(place, minlength=self.n_bins)
        filled = count > 0
        sums = (np.bincount(place, of, minlength=self.n_bins) for of in (confidence, right))
        mean_confidence, accuracy = (total[filled] / count[filled] for total in sums)
        return mean_confidence, accuracy, count[filled]


def _centre(beta: float | None, energies: Floats) -> float:
    """The β in the middle of the range: the given one, or one over the spread within samples."""
    if beta is not None:
        return float(beta)
    spread = float(np.sqrt(energies.var(axis=1).mean()))
    return 1 / spread if spread > 0 else 1.0


def _positive(name: str, betas: Any) -> Floats:
    values = np.atleast_1d(as_numbers(name, betas))
    if values.ndim != 1 or not values.size or not ((values > 0) & np.isfinite(values)).all():
        raise ValueError(f"{name} must be positive finite numbers, one or more.")
    return values
