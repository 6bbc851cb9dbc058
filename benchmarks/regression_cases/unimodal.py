"""Rivals that give one answer with Gaussian noise around it."""

import numpy as np
from scipy.stats import norm
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm.energies import Experts

FOLDS, ROUNDS = 5, 100


def boosted_mean(split, max_iter):
    """NLL of gradient boosting with the deviation of its errors under cross-validation."""
    model = HistGradientBoostingRegressor(max_iter=max_iter or ROUNDS, random_state=0)
    errors = split.y - cross_val_predict(model, split.X, split.y, cv=FOLDS)
    model.fit(split.X, split.y)
    return -norm.logpdf(split.y_test, model.predict(split.X_test), errors.std())


def gaussian_process(split, max_iter):
    """NLL of a Gaussian process whose noise and length scale are learnt."""
    kernel = ConstantKernel() * RBF(0.5) + WhiteKernel()
    process = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
    model = make_pipeline(StandardScaler(), process).fit(split.X, split.y)
    mean, deviation = model.predict(split.X_test, return_std=True)
    return -norm.logpdf(split.y_test, mean, np.maximum(deviation, 1e-9))


def gaussian_networks(split, max_iter):
    """NLL of the same networks with one expert each."""
    model = LatentEBMRegressor(Experts(n_latents=1), max_iter=max_iter).fit(split.X, split.y)
    return -model.log_prob(split.X_test, split.y_test)


RIVALS = {
    "HistGradientBoosting + Gaussian errors": boosted_mean,
    "GaussianProcessRegressor": gaussian_process,
    "Experts(n_latents=1)": gaussian_networks,
}
