"""Warnings of this package."""

__all__ = ["CalibrationWarning", "CollapseWarning", "FewAnswersWarning"]


class CalibrationWarning(UserWarning):
    """At this level the calibrated intervals are infinite.

    Most often too few samples calibrate. Of m exchangeable samples none says how far out a new
    answer may lie with a probability above m/(m + 1). More samples to calibrate with, or a lower
    level, make intervals finite.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from sklearn_ebm import LatentEBMRegressor
    >>> X = np.random.RandomState(0).normal(size=(40, 1))
    >>> reg = LatentEBMRegressor("experts", calibration="conformal", max_iter=1).fit(X, X[:, 0])
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     _ = reg.predict_interval(X, level=0.9)
    >>> caught[0].category.__name__
    'CalibrationWarning'
    """


class CollapseWarning(UserWarning):
    """The fitted energies of right and wrong answers cannot be told apart.

    A surface that is equally low everywhere explains every answer: nothing was learned. Typical
    causes are a ``C`` that is far too small for the scale of the features, a margin of zero, or a
    loss that only pulls right answers down.

    Examples
    --------
    >>> import warnings
    >>> from sklearn_ebm import EBMClassifier
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     _ = EBMClassifier(fit_intercept=False).fit([[0.0], [0.0]], ["a", "b"])
    >>> caught[0].category.__name__
    'CollapseWarning'
    """


class FewAnswersWarning(UserWarning):
    """Answers repeat, so that the likelihood of a regression has no upper bound.

    They take few values, or one value in a tenth of the samples or more, such as zero. A density
    may grow without limit at values that occur again and again. The scales of an energy
    are therefore held above the resolution of the answers, and the likelihood says little about
    the quality of the fit: compare by CRPS or squared error, or use a classifier.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from sklearn_ebm import LatentEBMRegressor
    >>> X, y = np.arange(40.0)[:, None], np.repeat([0.0, 1.0], 20)
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     _ = LatentEBMRegressor("experts", max_iter=1, random_state=0).fit(X, y)
    >>> caught[0].category.__name__
    'FewAnswersWarning'
    """
