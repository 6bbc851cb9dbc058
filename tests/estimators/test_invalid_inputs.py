"""Bad input: one clear sentence that says what to do, and the estimator is as it was."""

import re

import numpy as np
import pandas
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sklearn_ebm import EBMClassifier, losses
from sklearn_ebm.losses import Hinge

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 3))
Y = np.repeat(["a", "b", "c"], 4)


def changed(array, value, position=(0, 0)):
    array = np.array(array, dtype=np.result_type(array, type(value)))
    array[position] = value
    return array


def weights(**at):
    weight = np.ones(12)
    for position, value in at.items():
        weight[int(position[1:])] = value
    return weight


class NotALoss:
    def __repr__(self):
        return "NotALoss()"


KNOWN = "nll, hinge, log, simple, square_square, square_exp, perceptron, mce, mee, lvq2, energy"

# what: (parameters, changes of the data, error, the whole message or a pattern of it)
BAD = {
    # X
    "NaN in X": ({}, {"X": changed(X, np.nan)}, ValueError, "Input X contains NaN"),
    "infinity in X": ({}, {"X": changed(X, np.inf)}, ValueError, "Input X contains infinity"),
    "NaN in sparse X": (
        {}, {"X": sparse.csr_matrix(changed(X, np.nan))}, ValueError, "Input X contains NaN",
    ),
    "1-D X": ({}, {"X": X[:, 0]}, ValueError, "Expected 2D array, got 1D array instead.*Reshape"),
    "3-D X": ({}, {"X": X[None]}, ValueError, "Found array with dim 3.*<= 2"),
    "empty X": (
        {}, {"X": X[:0], "y": Y[:0]}, ValueError, r"Found array with 0 sample\(s\).*required",
    ),
    "no columns": ({}, {"X": X[:, :0]}, ValueError, r"0 feature\(s\).*required"),
    "complex X": ({}, {"X": X + 1j}, ValueError, "Complex data not supported"),
    "text in X": (
        {}, {"X": np.full((12, 3), "red")}, ValueError,
        "could not convert string to float",
    ),
    "other number of rows": (
        {}, {"X": X[:-1]}, ValueError, "inconsistent numbers of samples: .11, 12.",
    ),
    # y
    "one class": (
        {}, {"y": np.full(12, "a")}, ValueError,
        r"y holds one class only.*'a'.*at least two classes\.$",
    ),
    "y is None": ({}, {"y": None}, ValueError, "requires y to be passed, but the target y is None"),
    "NaN in y": (
        {}, {"y": changed(np.arange(12) % 3, np.nan, 0)}, ValueError,
        "Input y contains NaN",
    ),
    "continuous y": (
        {}, {"y": X[:, 0]}, ValueError, "Unknown label type: continuous",
    ),
    "y of two columns": (
        {}, {"y": np.column_stack([Y, Y])}, ValueError, r"y should be a 1d array, got.*\(12, 2\)",
    ),
    "multilabel y": (
        {}, {"y": RNG.integers(0, 2, (12, 3))}, ValueError,
        r"y should be a 1d array, got.*\(12, 3\)",
    ),
    "y of mixed types": (
        {}, {"y": np.array(["a", 1] * 6, dtype=object)}, ValueError,
        "The labels of y are of several types, int and str, which have no order; make them text",
    ),
    # weights
    "all weights zero": (
        {}, {"sample_weight": np.zeros(12)}, ValueError,
        "Sample weights are all zero: at least one sample_weight must be a positive number.$",
    ),
    "negative weight": (
        {}, {"sample_weight": weights(_3=-1.0)}, ValueError,
        "sample_weight has negative entries; weights must be zero or positive.$",
    ),
    "NaN weight": (
        {}, {"sample_weight": weights(_3=np.nan)}, ValueError,
        "sample_weight contains NaN or infinity; weights must be finite.$",
    ),
    "infinite weight": (
        {}, {"sample_weight": weights(_3=np.inf)}, ValueError,
        "sample_weight contains NaN or infinity; weights must be finite.$",
    ),
    "weights of another length": (
        {}, {"sample_weight": np.ones(11)}, ValueError,
        r"sample_weight.shape == \(11,\), expected \(12,\): one weight for each row.$",
    ),
    "weights in a dict": (
        {}, {"sample_weight": {0: 1.0}}, ValueError, "sample_weight must be a number, or one for",
    ),
    "weights that vanish": (
        {}, {"sample_weight": np.full(12, 5e-324)}, ValueError,
        "sample_weight is at most 4.9e-324, below the range that can be computed with; multiply",
    ),
    "weights in two columns": (
        {}, {"sample_weight": np.ones((12, 2))}, ValueError, "Sample weights must be 1D",
    ),
    "weights as text": (
        {}, {"sample_weight": np.full(12, "heavy")}, ValueError, "could not convert string",
    ),
    "class_weight of a class that is not there": (
        {"class_weight": {"z": 2.0}}, {}, ValueError,
        "The classes, .'a', 'b', 'c'., are not in class_weight, which names 'z' instead",
    ),
    "class_weight misspelt": (
        {"class_weight": "balance"}, {}, ValueError, "class_weight.*balanced",
    ),
    "class_weight negative": (
        {"class_weight": {"a": -2.0}}, {}, ValueError, "class_weight.*(negative|positive)",
    ),
    "class_weight NaN": (
        {"class_weight": {"a": np.nan}}, {}, ValueError, "class_weight.*(NaN|finite)",
    ),
    "class_weight all zero": (
        {"class_weight": {"a": 0, "b": 0, "c": 0}}, {}, ValueError, "(all zero|one class)",
    ),
    # loss and margin
    "unknown loss": (
        {"loss": "hing"}, {}, ValueError,
        rf"loss='hing' is not known. Did you mean 'hinge'\? Known names: {KNOWN}.$",
    ),
    "loss in capitals": ({"loss": "NLL"}, {}, ValueError, "Did you mean 'nll'"),
    "class of a loss": (
        {"loss": Hinge}, {}, TypeError,
        r"loss=Hinge is a class; pass an object of it: loss=Hinge\(\).$",
    ),
    "not a loss": (
        {"loss": NotALoss()}, {}, TypeError,
        r"loss=NotALoss\(\) is neither one of the names nll.* nor an object that inherits from "
        r"Loss.$",
    ),
    "loss is None": ({"loss": None}, {}, TypeError, "loss=None is neither one of the names"),
    "negative margin": (
        {"loss": "hinge", "margin": -1}, {}, ValueError,
        r"margin=-1 of Hinge must be a finite number that is not negative, or a \(k, k\) array",
    ),
    "NaN margin": (
        {"loss": "hinge", "margin": np.nan}, {}, ValueError, "margin=nan of Hinge must be a finite",
    ),
    "infinite margin": (
        {"loss": "simple", "margin": np.inf}, {}, ValueError,
        "margin=inf of Simple must be a finite",
    ),
    "margin True": ({"loss": "hinge", "margin": True}, {}, ValueError, "margin=True of Hinge"),
    "margin as text": (
        {"loss": "hinge", "margin": "wide"}, {}, ValueError,
        "margin='wide' of Hinge",
    ),
    "negative margin of an object": (
        {"loss": Hinge(margin=-1)}, {}, ValueError, "margin=-1 of Hinge must be a finite number",
    ),
    "margins of too few pairs": (
        {"loss": "hinge", "margin": np.ones((2, 2))}, {}, ValueError,
        r"margin of Hinge has shape \(2, 2\), but 3 classes need one margin.*shape \(3, 3\)",
    ),
    "one margin for each class": (
        {"loss": "hinge", "margin": np.ones(3)}, {}, ValueError,
        r"margin of Hinge has shape \(3,\)",
    ),
    "ragged margins": (
        {"loss": "hinge", "margin": [[1, 2], [1]]}, {}, ValueError,
        r"margin=\[\[1, 2\], \[1\]\] of Hinge must be a finite number.*or a \(k, k\) array",
    ),
    "a negative margin of a pair": (
        {"loss": "hinge", "margin": -np.ones((3, 3))}, {}, ValueError,
        "margin of Hinge holds negative or non-finite class-pair margins; all must be finite",
    ),
    "margin of a loss without one": (
        {"loss": "nll", "margin": 1.0}, {}, ValueError,
        "loss 'nll' has no margin; leave margin=None or use one of: hinge, .*simple",
    ),
    "margin of an unknown loss": (
        {"loss": "hing", "margin": 1.0}, {}, ValueError, "Did you mean 'hinge'",
    ),
    "margin given twice": (
        {"loss": Hinge(), "margin": 1.0}, {}, ValueError,
        r"margin=1.0 and the object loss=Hinge\(\) both set the margin; "
        r"leave margin=None.*loss__margin",
    ),
    "unknown contrast": (
        {"loss": Hinge(contrast="al")}, {}, ValueError,
        r"contrast='al' is not known. Did you mean 'all'\? Known names: hardest, all.$",
    ),
    "gamma of zero": (
        {"loss": losses.SquareExp(gamma=0)}, {}, ValueError,
        "gamma=0 of SquareExp must be a positive finite number.$",
    ),
    "beta of a loss negative": (
        {"loss": losses.NLL(beta=-1.0)}, {}, ValueError,
        "beta=-1.0 of NLL must be a positive finite number.$",
    ),
    "energy loss": (
        {"loss": "energy"}, {}, ValueError,
        "loss 'energy' cannot be minimised with energy 'linear'.*energy='prototypes'.*nll, hinge",
    ),
    "lvq2 loss": (
        {"loss": "lvq2"}, {}, ValueError,
        "loss 'lvq2' cannot be minimised with energy 'linear'.*energy='prototypes'.*nll, hinge",
    ),
    "delta of zero": (
        {"loss": losses.LVQ2(delta=0)}, {}, ValueError, "(LVQ2|lvq2)",
    ),
    # beta, C, tol, max_iter
    **{
        f"beta={beta!r}": (
            {"beta": beta}, {}, ValueError,
            re.escape(f"beta={beta!r} must be a positive finite number.") + "$",
        )
        for beta in (-1.0, 0, np.nan, np.inf, True, None, [1.0])
    },
    "beta as text": (
        {"beta": "automatic"}, {}, ValueError,
        "beta='automatic' must be a positive number or 'auto'.$",
    ),
    **{
        f"C={C!r}": ({"C": C}, {}, ValueError, rf"C={C!r} must be a positive number or inf.$")
        for C in (-1.0, 0, np.nan, True, "1", None)
    },
    **{
        f"tol={tol!r}": ({"tol": tol}, {}, ValueError, rf"tol={tol!r} must be a positive finite")
        for tol in (-1.0, 0, np.nan, np.inf, "1")
    },
    **{
        f"max_iter={max_iter!r}": (
            {"max_iter": max_iter}, {}, ValueError,
            rf"max_iter={max_iter!r} must be a whole number of at least 0.$",
        )
        for max_iter in (-1, 1.5, True, "auto")
    },
    # energy and solver
    "unknown energy": (
        {"energy": "linaer"}, {}, ValueError, "energy='linaer' is not known. Did you mean 'linear'",
    ),
    "fit_intercept with an energy object": (
        {"energy": "object", "fit_intercept": False}, {}, ValueError,
        r"fit_intercept=False is for an energy given by name.*energy=Linear\(fit_intercept=False\)",
    ),
    "unknown solver": (
        {"solver": "lbgfs"}, {}, ValueError,
        r"solver='lbgfs' is not known. Did you mean 'lbfgs'\? Known names: auto, preconditioned",
    ),
    "perceptron with a batch solver": (
        {"loss": "perceptron", "solver": "lbfgs"}, {}, ValueError,
        "loss 'perceptron' cannot be trained by solver 'lbfgs'.*use solver='auto'.$",
    ),
    "hinge with the online solver": (
        {"loss": "hinge", "solver": "averaged"}, {}, ValueError,
        "loss 'hinge' cannot be trained by solver 'averaged'.*use solver='auto'.$",
    ),
    "random_state as text": (
        {"random_state": "seed"}, {}, ValueError, "random_state='seed' must be None",
    ),
}  # fmt: skip


def resolved(parameters):
    """Estimator of a row of the table; parts that must not be shared are made here."""
    from sklearn_ebm.energies import Linear

    parameters = dict(parameters)
    if parameters.get("energy") == "object":
        parameters["energy"] = Linear()
    return parameters


def state(clf):
    """Everything an estimator holds, by name, in a form that compares by identity."""
    return {name: id(value) for name, value in vars(clf).items()}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_has_one_clear_sentence_and_changes_nothing(what):
    parameters, changes, error, message = BAD[what]
    parameters = resolved(parameters)
    data = {"X": X, "y": Y} | changes

    new = EBMClassifier(**parameters)
    before = state(new)
    with pytest.raises(error, match=f"(?s){message}") as raised:
        new.fit(**data)
    assert state(new) == before
    assert not [name for name in vars(new) if name.endswith("_")]
    own = "sklearn_ebm" in str(raised.traceback[-1].path)
    assert not own or "\n" not in str(raised.value)
    assert not own or len(str(raised.value)) < 400

    fitted = EBMClassifier().fit(X, Y)
    expected = fitted.predict_proba(X)
    fitted.set_params(**{name: value for name, value in parameters.items()})
    before = state(fitted)
    with pytest.raises(error, match=f"(?s){message}"):
        fitted.fit(**data)
    assert state(fitted) == before
    np.testing.assert_array_equal(fitted.predict_proba(X), expected)


METHODS = [
    "predict", "predict_proba", "predict_log_proba", "decision_function", "energies",
    "free_energy", "score_samples",
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_not_fitted(method):
    with pytest.raises(NotFittedError, match="This EBMClassifier instance is not fitted yet"):
        getattr(EBMClassifier(), method)(X)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (X[:, :2], "X has 2 features, but EBMClassifier is expecting 3 features as input"),
        (np.hstack([X, X]), "X has 6 features, but EBMClassifier is expecting 3"),
        (X[0], "Expected 2D array, got 1D array instead"),
        (changed(X, np.nan), "Input X contains NaN"),
        (changed(X, -np.inf), "Input X contains infinity"),
        (sparse.csr_array(X[:, :2]), "X has 2 features, but EBMClassifier is expecting 3"),
        (X[:0], r"Found array with 0 sample\(s\)"),
    ],
)
def test_bad_rows_to_predict(method, bad, message):
    clf = EBMClassifier().fit(X, Y)
    before = state(clf)
    with pytest.raises(ValueError, match=message):
        getattr(clf, method)(bad)
    assert state(clf) == before


def test_columns_in_another_order():
    frame = pandas.DataFrame(X, columns=["p", "q", "r"])
    clf = EBMClassifier().fit(frame, Y)
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        clf.predict(frame[["q", "p", "r"]])
    with pytest.raises(ValueError, match="feature names should match"):
        clf.predict(frame.rename(columns={"p": "s"}))


def test_parameter_of_a_name():
    """In a grid search this is the message that the user sees."""
    clf = EBMClassifier(loss="hinge")
    before = state(clf)
    message = (
        "loss__margin cannot be set while loss='hinge' is a name; set 'margin' of the estimator "
        "itself, or pass an object as loss= and tune it as loss__margin."
    )
    with pytest.raises(ValueError, match="^" + message.replace(".", r"\.") + "$"):
        clf.set_params(loss__margin=2.0)
    assert state(clf) == before


def test_parameter_of_a_name_set_beside_others_changes_none_of_them():
    clf = EBMClassifier(loss="hinge")
    with pytest.raises(ValueError, match="solver__memory cannot be set while solver='auto'"):
        clf.set_params(C=3.0, solver__memory=3)
    assert clf.C == 1.0


def test_unknown_parameters():
    with pytest.raises(ValueError, match="Invalid parameter 'depth' for estimator EBMClassifier"):
        EBMClassifier().set_params(depth=3)
    with pytest.raises(ValueError, match="Invalid parameter 'width' for estimator Hinge"):
        EBMClassifier(loss=Hinge()).set_params(loss__width=3)
    with pytest.raises(TypeError, match="depth"):
        EBMClassifier(depth=3)


@pytest.mark.parametrize(
    ("again", "message"),
    [
        ({"y": Y[::-1].copy()}, None),
        ({"y": np.where(Y == "a", "b", Y)}, "warm_start=True continues with the classes"),
        ({"X": X[:, :2]}, "warm_start=True continues with the parameters.*another shape"),
    ],
)
def test_a_warm_start_that_does_not_fit(again, message):
    clf = EBMClassifier(warm_start=True).fit(X, Y)
    if message is None:
        clf.fit(**({"X": X, "y": Y} | again))
        return
    before = state(clf)
    with pytest.raises(ValueError, match=f"{message}.*use warm_start=False for a new start.$"):
        clf.fit(**({"X": X, "y": Y} | again))
    assert state(clf) == before


def test_an_interrupted_fit_changes_nothing(monkeypatch):
    clf = EBMClassifier().fit(X, Y)
    before = state(clf)

    def interrupted(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("sklearn_ebm.estimators.classifier.learn", interrupted)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X[:, :2], Y)
    assert state(clf) == before


def test_a_fit_that_fails_while_beta_is_chosen_changes_nothing(monkeypatch):
    clf = EBMClassifier(beta="auto").fit(X, Y)
    before = state(clf)

    def fails(*arguments, **settings):
        raise MemoryError

    monkeypatch.setattr("sklearn_ebm.estimators.classifier.choose_beta", fails)
    with pytest.raises(MemoryError):
        clf.fit(X[:, :2], Y)
    assert state(clf) == before


def test_parameters_are_not_checked_before_fit():
    """scikit-learn's contract: __init__ and set_params only store."""
    for parameters, *_ in BAD.values():
        clf = EBMClassifier(**resolved(parameters))
        if not isinstance(clf.loss, type):
            clone(clf)


@pytest.mark.parametrize("form", ["coo", "dok", "lil", "bsr", "dia"])
@pytest.mark.parametrize("kind", ["matrix", "array"])
def test_other_sparse_formats_are_converted(form, kind):
    other = getattr(sparse, f"{form}_{kind}")(X)
    np.testing.assert_allclose(
        EBMClassifier().fit(other, Y).energies(other), EBMClassifier().fit(X, Y).energies(X)
    )
