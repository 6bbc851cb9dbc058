"""Energy-based models in LeCun's sense, with scikit-learn's interface."""

__version__ = "0.1.0"
