"""Energy-based models (LeCun et al., 2006) with scikit-learn's interface."""

from sklearn_ebm.estimators.classifier import EBMClassifier
from sklearn_ebm.estimators.classifier_cv import EBMClassifierCV
from sklearn_ebm.estimators.regressor import LatentEBMRegressor

__version__ = "0.1.0"

__all__ = ["EBMClassifier", "EBMClassifierCV", "LatentEBMRegressor"]
