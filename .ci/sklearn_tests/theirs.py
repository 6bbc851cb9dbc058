"""Which of scikit-learn's tests ask for what is its own, as `theirs.toml` lists them."""

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

from packaging.specifiers import SpecifierSet

TABLE = Path(__file__).with_name("theirs.toml")


class Entry(NamedTuple):
    """A pattern of tests; `*` stands for anything. Without brackets, any parameters."""

    pattern: str
    reason: str

    def matches(self, test):
        """Whether a test is meant."""
        expression = re.escape(self.pattern).replace(r"\*", ".*")
        if "[" not in self.pattern:
            expression += r"(\[.*\])?"
        return re.fullmatch(expression, test) is not None


class Theirs:
    """The list for one version of scikit-learn."""

    def __init__(self, entries):
        self.entries = entries

    @classmethod
    def read(cls, version, path=TABLE):
        """Read the entries that hold for a version."""
        groups = tomllib.loads(path.read_text(encoding="utf-8"))["theirs"]
        return cls([
            Entry(test, group["reason"])
            for group in groups
            if SpecifierSet(group.get("sklearn", "")).contains(version, prereleases=True)
            for test in group["tests"]
        ])  # fmt: skip

    def reason(self, test):
        """Why a test is theirs; None if it is not."""
        return next((entry.reason for entry in self.entries if entry.matches(test)), None)

    def judge(self, passed, failed, errors):
        """Print the counts and what is wrong; whether nothing is."""
        ours = {test: why for test, why in failed.items() if self.reason(test) is None}
        stale = sorted(test for test in passed if self.reason(test) is not None)
        reasons = {}
        for test in failed.keys() - ours.keys():
            reasons[self.reason(test)] = reasons.get(self.reason(test), 0) + 1
        print(f"passed with ours: {len(passed)}")
        print(f"theirs: {len(failed) - len(ours)}")
        for reason, number in sorted(reasons.items(), key=lambda pair: -pair[1]):
            print(f"  {number:4d}  {reason}")
        print(f"failing and not listed: {len(ours)}")
        for test, why in sorted(ours.items()):
            print(f"  {test}\n      {why[:200]}")
        print(f"listed and passing: {len(stale)}")
        print("".join(f"  {test}\n" for test in stale), end="")
        print("".join(f"not read: {error}\n" for error in errors), end="")
        return bool(passed) and not ours and not stale and not errors
