"""Classifiers and regressors: what a user fits."""
