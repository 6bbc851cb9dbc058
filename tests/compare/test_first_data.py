"""The data of the first command are those that its tables say they are."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from sklearn_ebm import EBMClassifier
from sklearn_ebm.compare.first_data import one_to_many, wrong_labels
from sklearn_ebm.datasets import make_inverse_sine


@pytest.mark.parametrize("seed", [0, 1])
def test_35_percent_of_the_labels_are_wrong_and_any_other_class_is_as_likely(seed):
    X, y, learned_y = wrong_labels(seed)
    digits = load_digits()
    np.testing.assert_array_equal(X, digits.data)
    np.testing.assert_array_equal(y, digits.target)
    wrong = learned_y != y
    assert wrong.sum() == 629
    assert set(learned_y) == set(range(10))
    # Nine shifts of 629/9 ≈ 70 labels each: five standard deviations of a binomial are 39.
    shifts = np.bincount((learned_y - y)[wrong] % 10, minlength=10)[1:]
    assert abs(shifts - 629 / 9).max() < 39
    # Of about 180 samples of each class, 63 ± 6.4: five standard deviations are 32.
    counts = np.bincount(y[wrong], minlength=10) - 0.35 * np.bincount(y)
    assert abs(counts).max() < 32


def test_a_seed_repeats_the_data_and_another_does_not():
    for draw in (wrong_labels, one_to_many):
        first, again, other = draw(3)[-1], draw(3)[-1], draw(4)[-1]
        np.testing.assert_array_equal(first, again)
        assert np.not_equal(first, other).any()


def test_the_loss_matters_with_wrong_labels():
    X, y, learned_y = wrong_labels(0)
    X, X_new, learned_y, _, _, y_new = train_test_split(X / 16, learned_y, y, random_state=0)
    # Each at the C of the best accuracy on right labels, among 0.01, 0.1, 1 and 10.
    logistic = LogisticRegression(C=1.0, max_iter=1000).fit(X, learned_y).score(X_new, y_new)
    mee = EBMClassifier(loss="mee", C=10.0).fit(X, learned_y).score(X_new, y_new)
    assert mee > logistic + 0.02


def test_one_x_has_several_answers():
    X, y = one_to_many(0)
    assert X.shape == (600, 1)
    assert y.shape == (600,)
    truth = make_inverse_sine(2, random_state=0, return_truth=True)[2]
    answers = np.isfinite(truth.modes(X)).sum(axis=1)
    assert (answers == 3).mean() > 0.3
    np.testing.assert_array_equal(y, make_inverse_sine(600, random_state=0)[1])
