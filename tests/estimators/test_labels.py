"""Labels as users have them, and weights of classes by label."""

import datetime
import decimal

import numpy as np
import pandas
import pytest
from sklearn.linear_model import LogisticRegression

from sklearn_ebm import EBMClassifier, EBMClassifierCV
from sklearn_ebm.estimators._parts import class_weights

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 2))
HALF = X[:, 0] > 0
WORDS = np.where(HALF, "hi", "lo").astype(object)
DAY = np.timedelta64(1, "D")


def grid(**settings):
    return EBMClassifierCV(losses=["nll"], betas=[1.0], Cs=[1.0], cv=2, **settings)


def of_two(first, second, **dtype):
    return pandas.Series([first if each else second for each in HALF], **dtype)


def with_first(label, values, **dtype):
    return pandas.Series([label, *list(values)[1:]], **dtype)


LEARNT = {
    "durations": np.where(HALF, DAY, 2 * DAY),
    "durations of pandas": pandas.Series(np.where(HALF, DAY, 2 * DAY)),
    "categories of durations": pandas.Series(np.where(HALF, DAY, 2 * DAY)).astype("category"),
    "dates": np.where(HALF, np.datetime64("2024-01-01"), np.datetime64("2025-01-01")),
    "truths": HALF,
    "truths of pandas": of_two(True, False, dtype="boolean"),
    "numbers of pandas": of_two(1, 2, dtype="Int64"),
    "fractions of pandas": of_two(1.0, 2.0, dtype="Float64"),
    "text of pandas": of_two("a", "b", dtype="string"),
    "text of pyarrow": of_two("a", "b", dtype="string[pyarrow]"),
    "categories": of_two("a", "b", dtype="category"),
    "a list of numbers and text": [1 if each else "a" for each in HALF],
    "digits with and without zeros": of_two("01", "1"),
}
REFUSED = {
    "None among text": with_first(None, WORDS).to_numpy(),
    "NaN among text": with_first(np.nan, WORDS, dtype=object).to_numpy(),
    "NaN in a list of text": [np.nan, *WORDS[1:]],
    "None among numbers": np.array([None, *HALF[1:].astype(int)], dtype=object),
    "NA of pandas": with_first(pandas.NA, WORDS, dtype="string"),
    "NA of pyarrow": with_first(pandas.NA, WORDS, dtype="string[pyarrow]"),
    "NA among numbers": with_first(pandas.NA, HALF.astype(int), dtype="Int64"),
    "NA among truths": with_first(pandas.NA, HALF, dtype="boolean"),
    "a missing category": with_first(None, WORDS, dtype="category"),
    "NaT among dates": np.array(["NaT", *["2024-01-01", "2024-01-02"] * 11, "2024-01-01"], "M8[D]"),
    "NaT among durations": np.array([np.timedelta64("NaT"), *[DAY, 2 * DAY] * 11, DAY]),
    "NaN among numbers": np.where(np.arange(24) == 0, np.nan, HALF),
    "numbers and text": np.array([1 if each else "a" for each in HALF], dtype=object),
    "categories of numbers and text": of_two(1, "a", dtype="category"),
    "numbers as objects": np.array(HALF.astype(int), dtype=object),
    "truths as objects": np.array(HALF, dtype=object),
    "decimals": np.array([decimal.Decimal(int(each)) for each in HALF], dtype=object),
    "dates as objects": np.array([datetime.date(2024, 1, 1 + each) for each in HALF], dtype=object),
}


@pytest.mark.parametrize("make", [EBMClassifier, grid])
@pytest.mark.parametrize("what", LEARNT)
def test_labels_that_logistic_regression_learns_are_learnt(what, make):
    y = LEARNT[what]
    clf = make().fit(X, y)
    reference = LogisticRegression().fit(X, y)
    np.testing.assert_array_equal(clf.classes_, reference.classes_)
    assert (clf.predict(X) == reference.predict(X)).mean() > 0.9


@pytest.mark.parametrize("what", LEARNT)
def test_they_are_learnt_from_streams_and_held_out_as_well(what):
    y = LEARNT[what]
    classes = EBMClassifier().fit(X, y).classes_
    clf = EBMClassifier().partial_fit(X, y, classes=classes)
    np.testing.assert_array_equal(clf.classes_, classes)
    EBMClassifier(early_stopping=True).fit(X, y, X_val=X, y_val=y)


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("way", ["fit", "grid", "part", "classes", "held out"])
def test_labels_that_cannot_be_classes_are_refused_with_one_sentence(way, what):
    y = REFUSED[what]
    clf = EBMClassifierCV(losses=["nll"], Cs=[1.0], cv=2) if way == "grid" else EBMClassifier()
    name = {"classes": "classes", "held out": "y_val"}.get(way, "y")
    with pytest.raises(ValueError, match=rf"(Input|[Tt]he labels of) {name} ") as refusal:
        if way == "part":
            clf.partial_fit(X, y, classes=["hi", "lo"])
        elif way == "classes":
            clf.partial_fit(X, WORDS, classes=y)
        elif way == "held out":
            clf.fit(X, WORDS, X_val=X, y_val=y)
        else:
            clf.fit(X, y)
    message = str(refusal.value)
    assert any(word in message for word in ("missing label", "several types", "objects of type"))
    assert "\n" not in message and "which is not one of the classes" not in message
    assert "classes_" not in vars(clf)


def test_a_duration_is_not_the_number_that_it_is_stored_as():
    with pytest.raises(ValueError, match="y_val holds the label 2, which is not one of"):
        EBMClassifier().fit(X, LEARNT["durations"], X_val=X, y_val=1 + HALF.astype(int))


# Weights of classes.
NAMED = {
    "digits": (np.where(HALF, "1", "2"), {"1": 1.0, "2": 5.0}, "2"),
    "digits as objects": (np.where(HALF, "7", "8").astype(object), {"8": 5.0}, "8"),
    "digits, numbers as keys": (np.where(HALF, "1", "2"), {2: 5.0}, "2"),
    "a leading zero": (np.where(HALF, "01", "1"), {"1": 5.0}, "1"),
    "another leading zero": (np.where(HALF, "01", "1"), {"01": 5.0, "1": 1.0}, "01"),
    "numbers": (HALF.astype(int), {1: 5.0}, 1),
    "floats": (HALF.astype(float), {1: 5.0}, 1.0),
    "NumPy's numbers as keys": (HALF.astype(int), {np.int64(1): 5.0}, 1),
    "truths": (HALF, {True: 5.0}, True),
    "dates": (LEARNT["dates"], {datetime.date(2025, 1, 1): 5.0}, np.datetime64("2025-01-01")),
    "NumPy's dates as keys": (
        LEARNT["dates"], {np.datetime64("2025-01-01"): 5.0}, np.datetime64("2025-01-01"),
    ),
    "durations": (LEARNT["durations"], {DAY: 5.0}, DAY),
}  # fmt: skip


@pytest.mark.parametrize("what", NAMED)
def test_weights_of_classes_are_found_by_label(what):
    """As row weights would be, for fits, streams, rows held out and grids."""
    y, class_weight, heavy = NAMED[what]
    weight = np.where(np.asarray(y) == heavy, 5.0, 1.0)
    classes = np.unique(y)
    ways = [
        (lambda clf, **w: clf.fit(X, y, **w), EBMClassifier(random_state=0)),
        (
            lambda clf, **w: clf.partial_fit(X, y, classes=classes, **w),
            EBMClassifier(random_state=0),
        ),
        (lambda clf, **w: clf.fit(X, y, **w), grid(scoring="accuracy")),
    ]
    for learn, clf in ways:
        by_row = learn(clf, sample_weight=weight).coef_
        by_class = learn(type(clf)(**clf.get_params() | {"class_weight": class_weight})).coef_
        np.testing.assert_allclose(by_class, by_row, atol=1e-8)
    by_class, by_row = (
        EBMClassifier(early_stopping=True, **settings, random_state=0).fit(
            X, y, X_val=X, y_val=y, sample_weight=w, sample_weight_val=w
        )
        for settings, w in (({"class_weight": class_weight}, None), ({}, weight))
    )
    np.testing.assert_allclose(by_class.validation_loss_curve_, by_row.validation_loss_curve_)


def test_balanced_weights_keep_labels_apart_too():
    y = np.where(np.arange(24) < 6, "01", "1")
    found = class_weights("balanced", np.ones(24), y, *np.unique(y, return_inverse=True))
    np.testing.assert_allclose(found, [24 / (2 * 6), 24 / (2 * 18)])


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({"3": 2.0}, r"The classes, \['1', '2'\], are not in class_weight, which names '3' inst"),
        ({"1": 1.0, "02": 2.0}, "are not in class_weight, which names '02' instead"),
        ({"1": "heavy"}, r"class_weight\['1'\]='heavy' must be a finite number, zero or positive"),
        ({"1": None}, r"class_weight\['1'\]=None must be"),
        ({"1": True}, r"class_weight\['1'\]=True must be"),
        ({"1": -1.0}, r"class_weight\['1'\]=-1.0 must be"),
        ({"1": np.inf}, r"class_weight\['1'\]=inf must be"),
        ({"1": 2.0, 1: 5.0}, "class_weight names one class twice, as '1' and as 1; leave one out"),
        ([1, 2], r"class_weight=\[1, 2\] must be a dict, 'balanced' or None"),
        (2.0, "class_weight=2.0 must be a dict"),
        ("balance", "class_weight='balance' must be a dict, 'balanced'"),
    ],
)
@pytest.mark.parametrize("make", [EBMClassifier, grid])
def test_other_weights_of_classes_are_refused(make, class_weight, message):
    with pytest.raises(ValueError, match=message):
        make(class_weight=class_weight).fit(X, np.where(HALF, "1", "2"))


def test_a_dict_that_names_more_than_the_classes_is_taken():
    """As in scikit-learn, where every class is in it."""
    y = np.where(HALF, "1", "2")
    found = class_weights(
        {"1": 2.0, "2": 3.0, "3": 4.0}, np.ones(24), y, *np.unique(y, return_inverse=True)
    )
    assert found.tolist() == [2.0, 3.0]
