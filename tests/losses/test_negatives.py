"""Wrong answers that are drawn: far enough away, after the right one, the same for a seed."""

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_ebm import checks
from sklearn_ebm.losses.negatives import NEGATIVES, Pool
from sklearn_ebm.losses.negatives.base import RandomNegatives

# Those that are drawn without the energy; `test_model_negatives` tests the others.
RANDOM = [name for name, part in NEGATIVES.items() if issubclass(part, RandomNegatives)]
EXAMPLES = [(name, example) for name in RANDOM for example in NEGATIVES[name].examples]


@pytest.fixture(params=EXAMPLES, ids=str)
def negatives(request):
    name, example = request.param
    return NEGATIVES[name](**example)


@pytest.mark.parametrize("check", checks.base.PART_CHECKS, ids=lambda check: check.__name__)
def test_promises_of_every_part(negatives, check):
    check(negatives)


@pytest.mark.parametrize("q", [1, 2, 3, 20])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_right_answers_first_and_wrong_ones_apart(negatives, q, dtype):
    right = np.random.default_rng(1).normal(size=(2, 50, 1, q)).astype(dtype)
    before = right.copy()
    answers = negatives.after(right, np.random.default_rng(0))
    assert answers.shape == (2, 50, negatives.n_candidates + 1, q) and answers.dtype == dtype
    np.testing.assert_array_equal(answers[:, :, :1], before)
    np.testing.assert_array_equal(right, before)
    apart = np.linalg.norm((answers[:, :, 1:] - right).astype(np.float64), axis=-1)
    assert apart.min() >= negatives.epsilon * (1 - 1e-5)
    far = np.abs(answers[:, :, 1:]).max()
    assert far <= max(negatives.reach, np.abs(right).max() + negatives.epsilon) * (1 + 1e-6)
    assert np.isfinite(answers).all()


def test_the_same_generator_draws_the_same(negatives):
    right = np.zeros((7, 1, 2))
    one, other = (negatives.after(right, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert (one != negatives.after(right, np.random.default_rng(4))).any()
    np.testing.assert_array_equal(clone(negatives).after(right, np.random.default_rng(3)), one)


def test_what_was_drawn_too_near_is_moved_in_the_direction_in_which_it_lies():
    near = Pool(n_candidates=2000, epsilon=1.0, reach=1.0)
    answers = near.after(np.zeros((1, 1)), np.random.default_rng(0))[1:, 0]
    np.testing.assert_allclose(np.abs(answers), 1)
    assert np.mean(answers > 0) == pytest.approx(0.5, abs=0.05)
    wide = Pool(n_candidates=20_000, epsilon=0.1).after(np.zeros((1, 1)), np.random.default_rng(0))
    counts, _ = np.histogram(wide[1:, 0], bins=6, range=(-3, 3))
    np.testing.assert_allclose(counts / 20_000, 1 / 6, atol=0.01)


class ZeroAlways:
    """A generator that draws the right answer itself."""

    def random(self, shape, dtype):
        return np.full(shape, 0.5, dtype=dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_right_answer_itself_is_never_a_wrong_one(dtype):
    answers = Pool(n_candidates=3).after(np.zeros((2, 1, 2), dtype=dtype), ZeroAlways())
    apart = np.linalg.norm(answers[:, 1:], axis=-1)
    np.testing.assert_allclose(apart, 0.3, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_candidates": 0}, "n_candidates=0 of Pool must be a whole number of at least 1"),
        ({"n_candidates": 2.5}, "n_candidates=2.5 of Pool must be"),
        ({"epsilon": 0}, "epsilon=0 of Pool must be a positive finite number"),
        ({"epsilon": np.nan}, "epsilon=nan of Pool must be"),
        ({"reach": -1}, "reach=-1 of Pool must be a positive finite number"),
        ({"reach": np.inf}, "reach=inf of Pool must be"),
    ],
)
def test_settings_that_cannot_be_used(settings, message):
    with pytest.raises(ValueError, match=message) as caught:
        Pool(**settings).validate()
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_a_missing_method_is_found_at_construction():
    class Half(RandomNegatives):
        def validate(self):
            pass

    with pytest.raises(TypeError, match="abstract"):
        Half()
