"""Energy-based models in LeCun's sense, with scikit-learn's interface."""

from sklearn_ebm.classifier import EBMClassifier
from sklearn_ebm.classifier_cv import EBMClassifierCV
from sklearn_ebm.regressor import LatentEBMRegressor

__version__ = "0.1.0"

__all__ = ["EBMClassifier", "EBMClassifierCV", "LatentEBMRegressor", "__version__"]
