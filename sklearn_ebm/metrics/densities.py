"""Scores of densities: log-likelihood, CRPS, and where answers lie in their distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_ebm.distributions.base import ConditionalDistribution
from sklearn_ebm.distributions.vector import VectorDistribution
from sklearn_ebm.metrics._inputs import (
    Floats,
    answers,
    averaged,
    method_of,
    numbers,
    scores_of,
    shaped,
)


def negative_log_likelihood(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
    """Mean negative log-likelihood of the true answers, in nats; low is good.

    .. code-block:: none

        −Σ_i w_i log p_i(y_i) / Σ_i w_i

    A density that depends on the unit of y: for answers in units of c it is lower by log c. One
    answer where the density is zero makes it infinite. With several outputs the density is the
    joint one.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
    y_pred : ConditionalDistribution of n_samples distributions
        As ``predict_distribution`` returns it; or another object whose method ``logpdf`` takes
        y_true, such as a frozen distribution of ``scipy.stats``.
    sample_weight : array-like of shape (n_samples,), default=None
        A sample of weight 2 counts as that sample twice.

    Returns
    -------
    float

    Raises
    ------
    TypeError
        If `y_pred` has no density.
    ValueError
        If y_true and `y_pred` do not suit each other.

    See Also
    --------
    log_likelihood_scorer : The same of an estimator, with the opposite sign.

    Examples
    --------
    At their means, the densities of two Gaussians of standard deviations σ = 1 and 2 are 1/(σ
    √(2π)), so the mean is (log 1 + log 2)/2 + log(2π)/2 = 0.3466 + 0.9189.

    >>> from sklearn_ebm.distributions import GaussianMixture
    >>> density = GaussianMixture([[1.0], [1.0]], [[0.0], [5.0]], [[1.0], [2.0]])
    >>> round(negative_log_likelihood([0.0, 5.0], density), 4)
    1.2655
    """
    y = answers(y_true, y_pred)
    # SciPy has another name for it.
    name = "log_prob" if isinstance(y_pred, ConditionalDistribution) else "logpdf"
    return averaged(-scores_of(y_pred, name, y, (len(y),)), sample_weight)


def crps(
    y_true: Any, y_pred: Any, *, sample_weight: Any = None, multioutput: Any = "uniform_average"
) -> Any:
    """Mean continuous ranked probability score, in the unit of y; low is good.

    .. code-block:: none

        ∫ (F(t) − 1[y ≤ t])² dt = E|Y − y| − ½ E|Y − Y'|

    F is the distribution function that was predicted, Y and Y' are drawn from it. For a single
    number as prediction it is the absolute error.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
    y_pred : ConditionalDistribution of n_samples distributions, or array-like
        A density; or draws, of shape (n_samples, n_draws) or (n_samples, n_draws, n_outputs), as
        ``sample`` returns them. Draws are taken as the whole distribution, each as probable as the
        others. m of them score higher than the density that they come from, on average by
        ``E|Y − Y'|/(2 m)``.
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
        If y_true and `y_pred` do not suit each other.

    See Also
    --------
    crps_scorer : The same of an estimator, with the opposite sign.

    References
    ----------
    Gneiting, Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation", Journal of the
    American Statistical Association 102 (2007) 359-378. :doi:`10.1198/016214506000001437`

    Examples
    --------
    Draws 0 and 2 and the answer 3: ``E|Y − y|`` = (3 + 1)/2 and ``E|Y − Y'|`` = (0 + 2 + 2 + 0)/4,
    so the score is 2 − 1/2. Two draws 1 and the answer 1.5 score their distance, 0.5.

    >>> crps([3.0, 1.5], [[0.0, 2.0], [1.0, 1.0]])
    1.0
    """
    y = answers(y_true, y_pred)
    if method_of(y_pred, "crps") is not None:
        scores = scores_of(y_pred, "crps", y, y.shape)
    else:
        scores = _crps_of_draws(y, numbers("y_pred", y_pred))
    return averaged(scores, sample_weight, multioutput)


def _crps_of_draws(y: Floats, draws: Floats) -> Floats:
    """E|Y − y| − ½ E|Y − Y'| of draws (n, m) or (n, m, q)."""
    if y.ndim == 1 and draws.ndim == 3 and draws.shape[2] == 1:
        draws = draws[:, :, 0]
    if draws.ndim != y.ndim + 1 or draws.shape[1] == 0:
        several = f", m, {y.shape[1]}" if y.ndim == 2 else ", m"
        raise ValueError(
            f"y_pred.shape == {draws.shape}, expected ({len(y)}{several}): m ≥ 1 draws for each "
            "row, or a conditional density."
        )
    shaped("y_pred without its draws", draws[:, 0], y.shape)
    if not np.isfinite(draws).all():
        raise ValueError("y_pred contains NaN or infinity; draws must be finite.")
    n_draws = draws.shape[1]
    # Of the m² differences between sorted draws, the j-th is the larger one in 2 j − 1 cases.
    sign = 2 * np.arange(1, n_draws + 1) - n_draws - 1
    spread = np.tensordot(np.sort(draws, axis=1), sign, axes=(1, 0)) / n_draws**2
    return np.abs(draws - y[:, None]).mean(axis=1) - spread


def probability_integral_transform(y_true: Any, y_pred: Any) -> Floats:
    """Probability integral transform (PIT): predicted probability of answers up to the true one.

    .. code-block:: none

        u_i = F_i(y_i) = P(Y ≤ y_i | x_i)

    If the densities are right, the values are uniform between 0 and 1. Too many near both ends mean
    that they are too narrow, too many in the middle that they are too wide.

    There is a value for each answer, and no mean: pass weights of samples to the histogram.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
    y_pred : ConditionalDistribution of n_samples distributions
        As ``predict_distribution`` returns it; or another object with a method ``cdf``, such as a
        frozen distribution of ``scipy.stats``.

    Returns
    -------
    ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Of each output by itself if there are several.

    Raises
    ------
    TypeError
        If `y_pred` has no distribution function.
    ValueError
        If y_true and `y_pred` do not suit each other.

    References
    ----------
    Gneiting, Balabdaoui, Raftery, "Probabilistic forecasts, calibration and sharpness", Journal of
    the Royal Statistical Society B 69 (2007) 243-268. :doi:`10.1111/j.1467-9868.2007.00587.x`

    Examples
    --------
    An answer at the mean of a Gaussian, and one that lies a standard deviation above it.

    >>> import numpy as np
    >>> from sklearn_ebm.distributions import GaussianMixture
    >>> density = GaussianMixture([[1.0], [1.0]], [[0.0], [5.0]], [[1.0], [2.0]])
    >>> u = probability_integral_transform([0.0, 7.0], density)
    >>> u.round(4)
    array([0.5   , 0.8413])
    >>> np.histogram(u, bins=2, range=(0, 1), weights=[3.0, 1.0])[0]
    array([0., 4.])
    """
    y = answers(y_true, y_pred)
    name = "marginal_cdf" if isinstance(y_pred, VectorDistribution) else "cdf"
    return scores_of(y_pred, name, y, y.shape)
