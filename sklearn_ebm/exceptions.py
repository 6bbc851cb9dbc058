"""Warnings of this package."""

__all__ = ["CollapseWarning"]


class CollapseWarning(UserWarning):
    """The fitted energies of right and wrong answers cannot be told apart.

    A surface that is equally low everywhere explains every answer: nothing was learnt. Typical
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
