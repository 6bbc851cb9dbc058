"""Classifiers and regressors."""
