"""The energy of a restricted Boltzmann machine of x and its class."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from sklearn_ebm._utils.array_api import namespace_of
from sklearn_ebm._utils.array_ops import cast_like, floating, logistic, softplus_sums
from sklearn_ebm._utils.parameters import Array, Params, Shapes
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.energies.base import Energy, Linearization, Traits


class RBM(Energy):
    r"""Restricted Boltzmann machine, whose binary latent vector is eliminated in closed form.

    .. code-block:: none

        G(x, y, h) = −d_y − Σ_j h_j o_j(x, y),    o_j(x, y) = c_j + U_yj + Σ_i x_i W_ij
        F(x, y)    = −log Σ_h exp(−G(x, y, h)) = −d_y − Σ_j log(1 + exp(o_j(x, y)))

    The latent vector h has m binary components, so it takes 2^m values, too many to list. Given x
    and y its components are independent, so the sum over all values is a product of m factors. With
    the loss ``"nll"`` this is the discriminative restricted Boltzmann machine of Larochelle and
    Bengio: terms of the energy that depend on x alone do not change p(y | x), so there are none.
    `sklearn_ebm.representation.BoltzmannMachine` learns p(x).

    Parameters
    ----------
    n_components : int, default=100
        Number m of components of the latent vector.

    Notes
    -----
    The parameters are ``hidden_weight`` W of shape (n_features, m), ``class_weight`` U (n_classes,
    m), ``hidden_bias`` c (m,) and ``class_bias`` d (n_classes,). Only W and U are penalised. They
    start uniform in ±√(6/p), where p is the number of features, or of classes, plus m; c starts at
    0, and d at −m log 2, so that the first energies are near 0. Features may be any numbers; those
    of similar scales, up to about 1, are learned best.

    References
    ----------
    Larochelle, Bengio, "Classification using discriminative restricted Boltzmann machines", ICML
    (2008) 536-543. :doi:`10.1145/1390156.1390224`

    Larochelle, Mandel, Pascanu, Bengio, "Learning Algorithms for the Classification Restricted
    Boltzmann Machine", JMLR 13 (2012) 643-669.

    Examples
    --------
    For x = 2 the inputs of the only component are o = −1 + 1 + 0·2 = 0 for class 0, and
    o = −1 + 1 + log 3 for class 1, so F(x, 0) = −0.5 − log 2 and F(x, 1) = −log(1 + 3):

    >>> import numpy as np
    >>> from sklearn_ebm.energies import RBM
    >>> params = {
    ...     "hidden_weight": np.array([[0.5]]),
    ...     "class_weight": np.array([[0.0], [np.log(3)]]),
    ...     "hidden_bias": np.array([-1.0]),
    ...     "class_bias": np.array([0.5, 0.0]),
    ... }
    >>> RBM(1).linearize(params, np.array([[2.0]])).energies.round(6)
    array([[-1.193147, -1.386294]])

    In a classifier:

    >>> from sklearn_ebm import EBMClassifier
    >>> clf = EBMClassifier(energy="rbm", C=100.0, random_state=0)
    >>> clf.fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]).predict([[0.5], [2.5]]).tolist()
    [0, 1]
    """

    traits = Traits(stochastic=True)
    penalized = ("hidden_weight", "class_weight")
    examples = ({"n_components": 5}, {"n_components": 70})

    def __init__(self, n_components: int = 100) -> None:
        self.n_components = n_components

    def _width(self, n_answers: int) -> int:
        """Number of inputs of components, before and after the logistic function, and energies."""
        return 3 * self.n_components + n_answers

    def initialized(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> RBM:
        """Return the energy itself; raise ValueError if `n_components` is invalid.

        Parameters
        ----------
        rows : Rows
            Samples: features ``X``, targets ``y`` and sample weights ``weight``.
        n_answers : int
            Number of classes.
        rng : RandomState
            Source of random numbers.

        Returns
        -------
        Energy
            The initialised energy.
        """
        positive_integer("n_components", self.n_components, of="RBM")
        return self

    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        """Shapes of the parameters, by name.

        Parameters
        ----------
        n_features : int
            Number of features.
        n_answers : int
            Number of classes.

        Returns
        -------
        dict of str to tuple of int
            Shape of each parameter, by name.
        """
        return {
            "hidden_weight": (n_features, self.n_components),
            "class_weight": (n_answers, self.n_components),
            "hidden_bias": (self.n_components,),
            "class_bias": (n_answers,),
        }

    def start(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Params:
        """Random weights, and biases for energies near zero.

        Parameters
        ----------
        rows : Rows
            Samples: features ``X``, targets ``y`` and sample weights ``weight``.
        n_answers : int
            Number of classes.
        rng : RandomState
            Source of random numbers.

        Returns
        -------
        dict of str to ndarray
            Parameters by name.
        """
        params: Params = {}
        for name, shape in self.shapes(rows.X.shape[1], n_answers).items():
            bound = np.sqrt(6 / sum(shape)) if name in self.penalized else 0.0
            params[name] = rng.uniform(-bound, bound, size=shape)
        params["class_bias"] -= self.n_components * np.log(2)
        return params

    def linearize(self, params: Params, X: Any) -> Linearization:
        """Energies of all classes, and their derivatives in the parameters.

        The inputs of the components are kept without those of the class, as an array
        (n_samples, n_components); each class is processed on its own.

        Parameters
        ----------
        params : dict of str to array
            Parameters by name, see `shapes`.
        X : array or CSR of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        Linearization
            Energies of shape (n_samples, n_classes), in the dtype of X and in Fortran order, with
            pullback and pushforward.
        """
        xp = namespace_of(X)
        rows = floating(xp, X)
        local = {name: cast_like(xp, value, rows) for name, value in params.items()}
        common = rows @ local["hidden_weight"] + local["hidden_bias"]
        of_classes, bias = local["class_weight"], local["class_bias"]
        answers = range(of_classes.shape[0])
        energies = [
            -softplus_sums(xp, common + of_classes[answer, ...]) - bias[answer]
            for answer in answers
        ]

        def probabilities(answer: int) -> Array:
            """P(h_j = 1 | x, y) = −∂F/∂o_j, (n, m)."""
            return logistic(xp, common + of_classes[answer, ...])

        def pullback(slope: Array) -> Params:
            back, of_weights = xp.zeros_like(common), []
            for answer in answers:
                downward = probabilities(answer)
                downward *= -slope[:, answer, None]
                of_weights.append(xp.sum(downward, axis=0))
                back += downward
            return {
                "hidden_weight": _transposed_product(xp, rows, back),
                "class_weight": xp.stack(of_weights),
                "hidden_bias": xp.sum(back, axis=0),
                "class_bias": -xp.sum(slope, axis=0),
            }

        def pushforward(direction: Params) -> Array:
            moved = {name: cast_like(xp, value, rows) for name, value in direction.items()}
            change = rows @ moved["hidden_weight"] + moved["hidden_bias"]
            columns = []
            for answer in answers:
                inputs = change + moved["class_weight"][answer, ...]
                inputs *= probabilities(answer)
                columns.append(-xp.sum(inputs, axis=1) - moved["class_bias"][answer])
            return _side_by_side(xp, columns)

        return Linearization(_side_by_side(xp, energies), pullback, pushforward)


def _side_by_side(xp: Any, columns: list[Array]) -> Array:
    """Array (n, k) with these columns, each contiguous in memory."""
    result: Array = xp.stack(columns).T
    return result


def _transposed_product(xp: Any, rows: Any, back: Array) -> Array:
    """Product rowsᵀ back."""
    if sparse.issparse(rows):
        return np.asarray(rows.T @ back)
    result: Array = xp.matrix_transpose(rows) @ back
    return result
