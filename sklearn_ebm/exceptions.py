"""Warnings of this package."""

__all__ = ["CalibrationWarning", "CollapseWarning", "FewAnswersWarning", "SamplingWarning"]


class CalibrationWarning(UserWarning):
    """Warning that the calibrated intervals of a level are infinite.

    The usual reason is that there are too few calibration samples: with m exchangeable samples,
    intervals are finite for levels up to m/(m + 1). Use more calibration samples or a lower level.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from sklearn_ebm import LatentEBMRegressor
    >>> X = np.random.RandomState(0).normal(size=(40, 1))
    >>> reg = LatentEBMRegressor("experts", calibration="conformal", max_iter=1).fit(
    ...     X, X[:, 0]
    ... )
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     _ = reg.predict_interval(X, level=0.9)
    >>> caught[0].category.__name__
    'CalibrationWarning'
    """


class CollapseWarning(UserWarning):
    """Warning that the fitted energies of right and wrong answers are equal (collapse).

    The model then does not distinguish the answers: nothing was learned. Typical
    causes are a ``C`` that is far too small for the scale of the features, a margin of zero, or a
    loss that only lowers the energies of right answers.

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
    """Warning that a numeric target has repeated values, so that its likelihood is unbounded.

    The target has few distinct values, or one value, such as zero, in a tenth of the samples or
    more. The density at repeated values could increase without bound, so the scales of the energy
    are kept above the resolution of the target. The likelihood then hardly measures
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


class SamplingWarning(UserWarning):
    """Warning that draws may not represent the Gibbs distribution.

    The message states the reason: steps of Markov chains that diverged, chains that disagree, few
    effective draws, or a mode that was probably missed. In learning, the reason is that draws
    remain near the correct answers, so that the weights of separated branches are not learned.

    Examples
    --------
    Four draws of each chain are too few:

    >>> import warnings
    >>> from sklearn_ebm.samplers import sample
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     _ = sample(
    ...         lambda X, y: (y[:, 0] ** 2, 2 * y),
    ...         [[0.0]],
    ...         n_outputs=1,
    ...         n_draws=4,
    ...         random_state=0,
    ...     )
    >>> caught[0].category.__name__
    'SamplingWarning'
    """
