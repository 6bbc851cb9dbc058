"""Names for parts: the only place where a string becomes an object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

Part = TypeVar("Part")


def unknown_name(kind: str, name: object, known: tuple[str, ...]) -> str:
    """Return one sentence: what is unknown, the closest known name, and all of them."""
    close = get_close_matches(str(name).lower(), known, n=1, cutoff=0.4)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"{kind}={name!r} is not known.{hint} Known names: {', '.join(known)}."


class Registry(Mapping[str, type[Part]], Generic[Part]):
    """A mapping from public names to part classes, with helpful refusals.

    Parameters
    ----------
    kind : str
        What the parts are called in messages and as a parameter, for example ``"loss"``.
    base : type
        The class that every part, registered or written by a user, inherits from.
    parts : dict of str to type
        One line for each part.

    Examples
    --------
    >>> Registry("step", object, {"short": int, "long": float})
    <names for step=: short, long>
    """

    def __init__(self, kind: str, base: type[Part], parts: dict[str, type[Part]]) -> None:
        self.kind = kind
        self.base = base
        self._parts = dict(parts)

    def __getitem__(self, name: str) -> type[Part]:
        return self._parts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __repr__(self) -> str:
        """Return what the names are for, and all of them."""
        return f"<names for {self.kind}=: {', '.join(self.names)}>"

    @property
    def names(self) -> tuple[str, ...]:
        """All known names, in the order of the registry."""
        return tuple(self._parts)

    def name_of(self, part: Part) -> str:
        """Return the registered name of a part, or the name of its class."""
        for name, cls in self._parts.items():
            if type(part) is cls:
                return name
        return type(part).__name__

    def resolve(self, choice: str | Part, **settings: Any) -> Part:
        """Turn a name into a new part with ``settings``; hand an object back as it is.

        Raises
        ------
        ValueError
            If the name is not known; the closest one and all known ones are listed.
        TypeError
            If `choice` is neither a name nor an object of the right kind.
        """
        if isinstance(choice, str):
            if choice not in self._parts:
                raise ValueError(unknown_name(self.kind, choice, self.names))
            return self._parts[choice](**settings)
        if isinstance(choice, type) and issubclass(choice, self.base):
            raise TypeError(
                f"{self.kind}={choice.__name__} is a class; pass an object of it: "
                f"{self.kind}={choice.__name__}()."
            )
        if not isinstance(choice, self.base):
            raise TypeError(
                f"{self.kind}={choice!r} is neither one of the names {', '.join(self.names)} "
                f"nor an object that inherits from {self.base.__name__}."
            )
        return choice

    def accepts(self, name: str, setting: str) -> bool:
        """Whether the part called `name` has a parameter called `setting`."""
        return name in self._parts and setting in self._parts[name]._get_param_names()  # type: ignore[attr-defined]
