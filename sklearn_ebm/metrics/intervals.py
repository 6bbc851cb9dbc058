"""Scores of quantiles and intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import mean_pinball_loss

from sklearn_ebm._utils.validation import row_weights
from sklearn_ebm.distributions.base import coverage
from sklearn_ebm.distributions.vector import VectorRegion
from sklearn_ebm.metrics._inputs import (
    Floats,
    answers,
    averaged,
    method_of,
    numbers,
    over_outputs,
    shaped,
)


def pinball_loss(
    y_true: Any,
    y_pred: Any,
    *,
    probabilities: Any,
    sample_weight: Any = None,
    multioutput: Any = "uniform_average",
) -> Any:
    """Mean pinball loss of quantiles, over samples and probabilities; low is good.

    .. code-block:: none

        α (y − q)          if y ≥ q, for the quantile q at probability α
        (1 − α) (q − y)    if y < q

    For one probability it is ``mean_pinball_loss`` of scikit-learn. Over many probabilities at
    equal steps it is half the CRPS. For the two ends of an interval of level 1 − α it is α/4 times
    the interval score, also called Winkler score.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
    y_pred : array-like or ConditionalDistribution of n_samples distributions
        Quantiles of shape (n_samples, n_probabilities), or (n_samples, n_outputs, n_probabilities)
        for several outputs, as ``predict_quantiles`` returns them; for a single probability also
        in the shape of y_true. A density gives its own quantiles.
    probabilities : float or array-like of shape (n_probabilities,)
        Between 0 and 1, in the order of the quantiles.
    sample_weight : array-like of shape (n_samples,), default=None
        A sample of weight 2 counts as that sample twice.
    multioutput : {"uniform_average", "raw_values"} or array-like of shape (n_outputs,), \
default="uniform_average"
        The mean of the outputs, each by itself, or weights of their mean.

    Returns
    -------
    float, or ndarray of shape (n_outputs,) for ``"raw_values"``

    Raises
    ------
    ValueError
        If the shapes do not suit each other, or a number is not finite.

    See Also
    --------
    pinball_scorer : The same of an estimator, with the opposite sign.

    Examples
    --------
    The answer 4 and the quantiles 2 and 9 at 0.1 and 0.9 cost 0.1 · 2 and 0.1 · 5.

    >>> round(pinball_loss([4.0], [[2.0, 9.0]], probabilities=[0.1, 0.9]), 12)
    0.35
    """
    y = answers(y_true, y_pred)
    levels = known_probabilities(probabilities)
    quantiles = method_of(y_pred, "quantiles")
    values = numbers("y_pred", y_pred if quantiles is None else quantiles(levels))
    if len(levels) == 1 and values.shape == y.shape:
        values = values[..., None]
    if y.ndim == 1 and values.ndim == 3 and values.shape[1] == 1:
        values = values[:, 0]
    shaped("y_pred", values, (*y.shape, len(levels)))
    weight = None if sample_weight is None else row_weights(sample_weight, len(y))
    losses = [
        mean_pinball_loss(
            y, values[..., j], alpha=level, multioutput="raw_values",
            sample_weight=None if weight is None else weight / weight.max(),
        )
        for j, level in enumerate(levels)
    ]  # fmt: skip
    return over_outputs(np.mean(losses, axis=0), multioutput)


def known_probabilities(probabilities: Any) -> list[float]:
    """Return one probability or more as a list, or raise ValueError."""
    array = np.atleast_1d(numbers("probabilities", probabilities))
    if array.ndim != 1 or len(array) == 0 or not ((array > 0) & (array < 1)).all():
        raise ValueError(
            f"probabilities={probabilities!r} must be a number between 0 and 1, or a list of such."
        )
    return array.tolist()


def interval_contains(
    y_true: Any, y_pred: Any, *, level: float | None = None
) -> npt.NDArray[np.bool_]:
    """Whether each true answer lies in its interval or region, ends included.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
    y_pred : array-like, VectorRegion, or ConditionalDistribution of n_samples distributions
        Intervals, regions, or a density, as `interval_coverage` takes them.
    level : float, default=None
        Needed for a density, and for nothing else.

    Returns
    -------
    ndarray of bool of shape (n_samples,) or (n_samples, n_outputs)

    Raises
    ------
    ValueError
        If the shapes do not suit each other, or ends are NaN or in the wrong order.

    Examples
    --------
    >>> interval_contains([1.0, 5.0], [[0.0, 2.0], [0.0, 4.0]])
    array([ True, False])

    The region of the one sample is [0, 1] and [3, 4].

    >>> interval_contains([2.0], [[[0.0, 1.0], [3.0, 4.0]]])
    array([False])
    """
    y = answers(y_true, y_pred)
    if isinstance(y_pred, VectorRegion):
        _refuse_level(level)
        if y.ndim == 1:
            y = y[:, None]
        return np.asarray(y_pred.contains(y), dtype=bool)
    ends = _ends(y_pred, level)
    if y.ndim == 1 and ends.ndim == 3:
        shaped("y_pred without its last two axes", ends[:, 0, 0], y.shape)
        _require_order(ends)
        return np.any((ends[..., 0] <= y[:, None]) & (y[:, None] <= ends[..., 1]), axis=1)
    shaped("y_pred", ends, (*y.shape, 2))
    if level is None:
        _require_numbers(ends, "answers are in no such interval")
    return (ends[..., 0] <= y) & (y <= ends[..., 1])


def interval_coverage(
    y_true: Any,
    y_pred: Any,
    *,
    level: float | None = None,
    sample_weight: Any = None,
    multioutput: Any = "uniform_average",
) -> Any:
    """Share of the true answers that lie in their interval or region.

    It should be the level that was asked for. A higher share is no better: the intervals are wider
    than they need be. So it is no score to choose a model by; `interval_width` says what it cost.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
    y_pred : array-like, VectorRegion, or ConditionalDistribution of n_samples distributions
        Intervals as ``predict_interval`` returns them: lower and upper ends, of shape
        (n_samples, 2), or (n_samples, n_outputs, 2) for several outputs. Or regions as
        ``predict_region`` returns them: for y_true of shape (n_samples,) several intervals for each
        sample, of shape (n_samples, n_intervals, 2), padded with NaN. A density gives its central
        intervals of probability `level`.
    level : float, default=None
        Needed for a density, and for nothing else.
    sample_weight : array-like of shape (n_samples,), default=None
        A sample of weight 2 counts as that sample twice.
    multioutput : {"uniform_average", "raw_values"} or array-like of shape (n_outputs,), \
default="uniform_average"
        The mean of the outputs, each by itself, or weights of their mean.

    Returns
    -------
    float, or ndarray of shape (n_outputs,) for ``"raw_values"``

    Raises
    ------
    ValueError
        If the shapes do not suit each other, or ends are NaN or in the wrong order.

    See Also
    --------
    coverage_scorer : The same of an estimator.

    Examples
    --------
    The first answer lies inside, the second one outside.

    >>> intervals = [[0.0, 2.0], [0.0, 4.0]]
    >>> interval_coverage([1.0, 5.0], intervals)
    0.5
    >>> interval_coverage([1.0, 5.0], intervals, sample_weight=[3.0, 1.0])
    0.75
    """
    return averaged(interval_contains(y_true, y_pred, level=level), sample_weight, multioutput)


def interval_width(
    y_pred: Any,
    *,
    level: float | None = None,
    sample_weight: Any = None,
    multioutput: Any = "uniform_average",
) -> Any:
    """Mean width of intervals, in the unit of y.

    Of intervals that cover as much as they promise, the narrower ones say more. No true answers are
    needed.

    Parameters
    ----------
    y_pred : array-like, or ConditionalDistribution of n_samples distributions
        Lower and upper ends, of shape (n_samples, 2), or (n_samples, n_outputs, 2) for several
        outputs, as ``predict_interval`` returns them. A density gives its central intervals of
        probability `level`. The intervals of a region would be taken for those of several outputs.
    level : float, default=None
        Needed for a density, and for nothing else.
    sample_weight : array-like of shape (n_samples,), default=None
        A sample of weight 2 counts as that sample twice.
    multioutput : {"uniform_average", "raw_values"} or array-like of shape (n_outputs,), \
default="uniform_average"
        The mean of the outputs, each by itself, or weights of their mean.

    Returns
    -------
    float, or ndarray of shape (n_outputs,) for ``"raw_values"``
        Infinite if one interval is.

    Raises
    ------
    ValueError
        If ends are NaN or in the wrong order, or the shape is another.

    Examples
    --------
    >>> interval_width([[0.0, 2.0], [0.0, 4.0]])
    3.0
    """
    ends = _ends(y_pred, level)
    if level is None:
        _require_numbers(ends, "sum the lengths of a region's intervals with np.nansum")
    return averaged(ends[..., 1] - ends[..., 0], sample_weight, multioutput)


def _ends(y_pred: Any, level: float | None) -> Floats:
    """Lower and upper ends along the last axis."""
    quantiles = method_of(y_pred, "quantiles")
    if quantiles is not None:
        if level is None:
            raise ValueError("y_pred is a conditional density; pass the level of its intervals.")
        outside = (1 - coverage("level", level)) / 2
        return numbers("y_pred", quantiles([outside, 1 - outside]))
    _refuse_level(level)
    ends = numbers("y_pred", y_pred)
    if ends.ndim not in (2, 3) or ends.shape[-1] != 2 or ends.size == 0:
        raise ValueError(
            f"y_pred.shape == {ends.shape}, expected (n_samples, 2), or (n_samples, n_outputs, 2): "
            "lower and upper ends."
        )
    return ends


def _refuse_level(level: float | None) -> None:
    if level is not None:
        raise ValueError(
            f"level={level!r} is for a conditional density, but y_pred holds intervals or regions "
            "already; leave it out."
        )


def _require_numbers(ends: Floats, instead: str) -> None:
    if np.isnan(ends).any():
        raise ValueError(f"y_pred has intervals with an end that is NaN; {instead}.")
    _require_order(ends)


def _require_order(ends: Floats) -> None:
    if (ends[..., 0] > ends[..., 1]).any():
        raise ValueError(
            "y_pred has intervals whose upper end lies below the lower one; sort the ends with "
            "np.sort(y_pred, axis=-1)."
        )
