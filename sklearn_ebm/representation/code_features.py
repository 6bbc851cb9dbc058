"""Representations in front of estimators: samples with their codes as features."""

from math import isqrt
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted

from sklearn_ebm._utils.html_repr import HoldsDocumented
from sklearn_ebm.representation import REPRESENTATIONS

# Largest size of a representation, as a whole and for each feature.
MOST_COMPONENTS, COMPONENTS_PER_FEATURE = 128, 8
# Largest number of samples from which a representation is learned. On the letter data, the second
# 5,000 lower the energy of held-out samples by 1 % or less.
MOST_SAMPLES = 10_000


def usual_size(n_samples: int, n_features: int) -> int:
    """Return the size of a representation: 2 √n_samples, at most 128 and 8 for each feature.

    Examples
    --------
    >>> usual_size(40_000, 100), usual_size(160, 100), usual_size(40_000, 2)
    (128, 24, 16)
    """
    return max(2, min(MOST_COMPONENTS, COMPONENTS_PER_FEATURE * n_features, 2 * isqrt(n_samples)))


class CodeFeatures(HoldsDocumented, TransformerMixin, BaseEstimator):
    """Samples and their codes, side by side, as features of a linear energy.

    Codes that are whole numbers are one-hot encoded, others are replaced by their inverse
    hyperbolic sine, which limits very large ones. All that depends on data, such as the size of
    the representation and the weight of its penalty, is determined in `fit`. The representation is
    learned from 10,000 of the samples if there are more.

    Parameters
    ----------
    representation : str or Representation
        Name of a representation, with settings that suit the samples, or a representation with
        settings of its own.
    n_components : int, default=None
        Size of a representation given by its name; None means `usual_size`.
    beside : bool, default=True
        Whether the samples themselves are features, too.
    random_state : int, RandomState instance or None, default=0
        Random numbers of a representation given by its name.

    Attributes
    ----------
    representation_ : Representation
        The fitted representation.
    encoder_ : transformer
        Converts codes to features.

    Examples
    --------
    Two codes, 1 and 9, are the means of two pairs of samples; 3 is nearest to the first:

    >>> from sklearn_ebm.representation import VectorQuantizer
    >>> features = CodeFeatures(VectorQuantizer(2)).fit([[0.0], [2.0], [8.0], [10.0]])
    >>> features.transform([[3.0]]).shape
    (1, 3)
    """

    def __init__(
        self,
        representation: Any,
        n_components: int | None = None,
        beside: bool = True,
        random_state: Any = 0,
    ) -> None:
        self.representation = representation
        self.n_components = n_components
        self.beside = beside
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> "CodeFeatures":
        """Fit the representation and the encoder of its codes to samples."""
        self.fit_transform(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit the representation and the encoder to samples, and return their features."""
        X = check_array(X, dtype=[np.float64, np.float32])
        rng = check_random_state(self.random_state)
        learned = X[rng.permutation(len(X))[:MOST_SAMPLES]] if len(X) > MOST_SAMPLES else X
        representation = self.representation
        if isinstance(representation, str):
            size = usual_size(*X.shape) if self.n_components is None else self.n_components
            representation = REPRESENTATIONS[representation]._sized(
                learned, size, self.random_state
            )
        self.representation_ = clone(representation).fit(learned)
        codes = self.representation_.transform(X)
        self.encoder_ = self.representation_._encoder().fit(codes)
        return self._features(X, codes)

    def transform(self, X: Any) -> Any:
        """Return the features of samples."""
        check_is_fitted(self)
        X = check_array(X, dtype=[np.float64, np.float32])
        return self._features(X, self.representation_.transform(X))

    def _features(self, X: Any, codes: Any) -> Any:
        features = self.encoder_.transform(codes)
        return np.hstack([X, features]) if self.beside else features
