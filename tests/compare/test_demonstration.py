"""The two comparisons of the command without arguments, and their pictures."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import Ridge

from sklearn_ebm.compare import Comparison
from sklearn_ebm.compare.adapters import MarginalDensity
from sklearn_ebm.compare.demonstration import (
    WrongLabels,
    comparison_of_losses,
    draw_density,
    draw_errors,
    wrong_labels,
)
from sklearn_ebm.compare.tables import make_table


def test_wrong_labels_are_another_class_with_equal_probability():
    y = np.arange(9000) % 3
    learned = wrong_labels(y, 3)
    wrong = learned != y
    assert wrong.mean() == pytest.approx(0.35, abs=1e-4)
    shift = (learned - y)[wrong] % 3
    assert set(shift) == {1, 2} and (shift == 1).mean() == pytest.approx(0.5, abs=0.03)


def test_models_learn_from_wrong_labels_and_are_scored_on_right_ones():
    comparison = comparison_of_losses()
    data = comparison.data
    assert (data.learned != data.labels).mean() == pytest.approx(0.35, abs=1e-3)
    assert {"mee", "hinge", "LinearSVC"} <= {each.model for each in comparison.contenders}


def test_the_picture_of_errors_leaves_out_the_floor():
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(0)
    table = make_table(rng.normal(size=(40, 2)), np.arange(40) % 2, task="classification")
    models = {"prior": DummyClassifier(), "ridge": DummyRidge()}
    comparison = Comparison(table, task=WrongLabels(), losses=[], baselines=models, cv=2)
    list(comparison.run())
    (axes,) = draw_errors(comparison).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["ridge"]


class DummyRidge(Ridge):
    """A classifier of two classes without probabilities."""

    def predict(self, X):
        return (super().predict(X) > 0.5).astype(int)


def test_the_picture_of_a_density_is_that_of_the_best_model_of_the_package():
    pytest.importorskip("matplotlib")
    x = np.linspace(0, 1, 40)
    table = make_table(x[:, None], x**2 + 0.1, task="regression")
    from sklearn_ebm import LatentEBMRegressor
    from sklearn_ebm.energies import Experts

    ours = LatentEBMRegressor(Experts(trunk="linear", n_members=1), max_iter=2)
    models = {"ours": ours, "marginal": MarginalDensity()}
    comparison = Comparison(table, losses=[], baselines=models, cv=2)
    list(comparison.run())
    axes = draw_density(comparison).axes[0]
    assert "ours" in axes.get_title() and axes.collections[0].get_array().min() >= 0
