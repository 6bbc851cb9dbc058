"""Gibbs sampler of discrete answers."""

from __future__ import annotations

import numpy as np

from sklearn_ebm.samplers.base import DiscreteSurface, Sampler, State, Step, Surface


class Gibbs(Sampler):
    r"""Gibbs sampler: each site of a discrete answer is drawn from its conditional distribution.

    .. code-block:: none

        p(y_j = v | other sites) ∝ exp(−F(x, y with y_j = v))

    One step visits all blocks of a `DiscreteSurface`; the sites of a block are drawn together.
    Nothing is rejected, so the acceptance probability is 1.

    See Also
    --------
    HMC : For continuous answers.

    References
    ----------
    Geman, Geman, "Stochastic relaxation, Gibbs distributions, and the Bayesian restoration of
    images", IEEE Transactions on Pattern Analysis and Machine Intelligence 6 (1984) 721-741.
    :doi:`10.1109/TPAMI.1984.4767596`

    Examples
    --------
    One site with two values of energies 0 and log 3 has the probabilities 3/4 and 1/4:

    >>> import numpy as np
    >>> from sklearn_ebm.samplers import Gibbs
    >>> from sklearn_ebm.samplers.base import DiscreteSurface
    >>> class Coin(DiscreteSurface):
    ...     n_rows, n_outputs, n_values = 1, 1, (2,)
    ...
    ...     def energies(self, y):
    ...         return np.log(3) * y[..., 0]
    ...
    ...     def __getitem__(self, rows):
    ...         return self
    >>> sampler = Gibbs()
    >>> state = sampler.start(Coin(), np.zeros((1, 10_000, 1)))
    >>> answers = sampler.step(Coin(), state, np.random.default_rng(0)).state.answers
    >>> bool(abs(answers.mean() - 0.25) < 0.02)
    True
    """

    needs_slopes = False

    def step(self, surface: Surface, state: State, rng: np.random.Generator) -> Step:
        """Draw every site once; see `Sampler.step`.

        Raises
        ------
        TypeError
            If the surface is not a `DiscreteSurface`.
        """
        if not isinstance(surface, DiscreteSurface):
            raise TypeError(
                f"Gibbs needs discrete answers, a DiscreteSurface; for the continuous answers of "
                f"{type(surface).__name__}, use 'hmc' or 'mala'."
            )
        answers = state.answers.copy()
        for block in surface.blocks:
            energies = surface.conditional_energies(answers, block)
            # Exponential numbers with rates exp(−F): the first to arrive has the probability ∝ it.
            with np.errstate(all="ignore"):
                clocks = rng.standard_exponential(energies.shape, dtype=energies.dtype)
                arrivals = np.log(clocks) + energies
            np.copyto(arrivals, np.inf, where=np.isnan(arrivals))
            possible = np.isfinite(energies).any(axis=-1)
            drawn = arrivals.argmin(axis=-1).astype(answers.dtype)
            answers[..., block] = np.where(possible, drawn, answers[..., block])
        shape = answers.shape[:2]
        after = State(answers, surface.energies(answers))
        return Step(after, np.ones(shape, answers.dtype), np.zeros(shape, dtype=bool))
