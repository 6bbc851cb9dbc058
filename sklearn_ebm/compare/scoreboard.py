"""Scores of a comparison, and the score that determines the rank."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Score(NamedTuple):
    """Format of a score in the printed table: heading and number of decimals."""

    heading: str
    digits: int


@dataclass(frozen=True, repr=False)
class Scoreboard:
    """The columns of a table and its order.

    Attributes
    ----------
    scores : mapping of str to Score
        The scores in the order of the columns, by their names in the files.
    ranked_by : tuple of str
        The score that ranks the rows, lowest first, and the score for rows without it.
    spread : {"sd", "se"}
        Number after ± in the table: the sample standard deviation over folds, or the standard error
        of the mean.
    """

    scores: Mapping[str, Score]
    ranked_by: tuple[str, ...]
    spread: str = "sd"

    def __repr__(self) -> str:
        return f"<scoreboard of {', '.join(self.scores)}>"

    @property
    def title(self) -> str:
        """Description of the numbers in one line."""
        first, *others = (self.scores[name].heading for name in self.ranked_by)
        where_missing = "".join(f", where there is none by {other}" for other in others)
        return f"ranked by {first}{where_missing} (lower is better)"

    def rank_of(self, means: Mapping[str, float]) -> tuple[tuple[bool, float], ...]:
        """Return the sort key of a row with these means; rows without the first score come last.

        Examples
        --------
        >>> board = Scoreboard({"a": Score("A", 1), "b": Score("B", 1)}, ("a", "b"))
        >>> rows = [{"a": math.nan, "b": 1.0}, {"a": 5.0, "b": 3.0}, {"a": 4.0, "b": 7.0}]
        >>> [row["b"] for row in sorted(rows, key=board.rank_of)]
        [7.0, 3.0, 1.0]
        """
        keys = []
        for name in self.ranked_by:
            mean = means[name]
            missing = math.isnan(mean)
            keys.append((missing, 0.0 if missing else mean))
        return tuple(keys)
