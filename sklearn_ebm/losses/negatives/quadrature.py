"""Negatives on a grid, for estimates of the partition function."""

from __future__ import annotations

import numpy as np

from sklearn_ebm._utils.validation import positive_integer, positive_number
from sklearn_ebm.losses.negatives.base import Batch, Drawn, ModelNegatives

# Largest number of outputs of a grid.
MOST_OUTPUTS = 2


class Quadrature(ModelNegatives):
    """Draw negatives on a grid that is shifted at random in each step, for one or two outputs.

    .. code-block:: none

        Z(x) ≈ h^q Σ_k exp(−F(x, g_k + u)),   u uniform in [0, h)^q

    The grid covers a box around the mean of the answers. Because of the random shift u, the
    estimate of Z is unbiased for the integral over the box, and the energy cannot be low between
    the points of the grid only. For losses that need independent draws, such as
    `sklearn_ebm.losses.sampled.NCE`, as many points are uniform in the box instead.

    Parameters
    ----------
    n_points : int, default=64
        Number of points of the grid along each output.
    reach : float, default=5.0
        Half the side length of the box, in standard deviations of the answers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ebm.losses.negatives import Quadrature
    >>> from sklearn_ebm.losses.negatives.base import Batch
    >>> rng = np.random.default_rng(0)
    >>> batch = Batch(None, np.zeros((1, 1)), None, None, np.arange(1), rng)
    >>> drawn = Quadrature(n_points=4, reach=2.0).draw(
    ...     batch
    ... )  # steps of length 1 in [−2, 2)
    >>> (
    ...     drawn.answers.shape,
    ...     np.diff(drawn.answers[0, 1:, 0]),
    ...     drawn.log_density[0, :1].round(4),
    ... )
    ((1, 5, 1), array([1., 1., 1.]), array([-1.3863]))
    """

    examples = ({}, {"n_points": 40, "reach": 4.0})

    def __init__(self, n_points: int = 64, reach: float = 5.0) -> None:
        self.n_points = n_points
        self.reach = reach

    def draw(self, batch: Batch) -> Drawn:
        """Return the points of a grid with a random shift for each sample.

        Parameters
        ----------
        batch : Batch
            The samples.

        Returns
        -------
        Drawn
            The correct answers and the points, with the log-density of the uniform distribution.
        """
        right = batch.right
        n, q = right.shape
        if q > MOST_OUTPUTS:
            raise ValueError(
                f"negatives='quadrature' is for at most {MOST_OUTPUTS} outputs, and there are {q}; "
                "use negatives='importance'."
            )
        step = 2 * self.reach / self.n_points
        axis = np.arange(self.n_points, dtype=right.dtype) * step - self.reach
        grid = np.stack(np.meshgrid(*[axis] * q, indexing="ij"), axis=-1).reshape(1, -1, q)
        if batch.independent:
            shift = 2 * self.reach * batch.rng.random((n, *grid.shape[1:]), dtype=right.dtype.type)
            wrong = shift - self.reach
        else:
            wrong = grid + step * batch.rng.random((n, 1, q), dtype=right.dtype.type)
        answers = np.concatenate([right[:, None], wrong.astype(right.dtype)], axis=1)
        level = -q * np.log(2 * self.reach)
        return Drawn(answers, np.full(answers.shape[:2], level, dtype=right.dtype))

    def validate(self) -> None:
        """Raise ValueError unless all parameters are positive."""
        positive_integer("n_points", self.n_points, of="Quadrature")
        positive_number("reach", self.reach, of="Quadrature")
