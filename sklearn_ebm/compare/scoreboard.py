"""Scores of a comparison, and the scores that can determine the rank."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Score(NamedTuple):
    """Format and meaning of a score: heading, number of decimals, and a description."""

    heading: str
    digits: int
    meaning: str


@dataclass(frozen=True, repr=False)
class Scoreboard:
    """The columns of a table and its order.

    Attributes
    ----------
    scores : mapping of str to Score
        The scores in the order of the columns, by their names in the files.
    ranked_by : tuple of str
        Scores that can rank the rows, lowest first. The first that all models have is used.
    """

    scores: Mapping[str, Score]
    ranked_by: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<scoreboard of {', '.join(self.scores)}>"

    def without(self, *names: str) -> "Scoreboard":
        """Return the scoreboard without some of its scores.

        Examples
        --------
        >>> board = Scoreboard({"a": Score("A", 1, ""), "b": Score("B", 1, "")}, ("a",))
        >>> board.without("b")
        <scoreboard of a>
        """
        kept = {name: score for name, score in self.scores.items() if name not in names}
        return Scoreboard(kept, self.ranked_by)
