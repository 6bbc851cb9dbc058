"""Registries of parts by name, which convert names to objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

Part = TypeVar("Part")


def unknown_name(kind: str, name: object, known: tuple[str, ...]) -> str:
    """Return an error message with the unknown name, the closest known one, and all names."""
    close = get_close_matches(str(name).lower(), known, n=1, cutoff=0.4)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"{kind}={name!r} is not known.{hint} Known names: {', '.join(known)}."


class Registry(Mapping[str, type[Part]], Generic[Part]):
    """Mapping from public names to classes of parts.

    Parameters
    ----------
    kind : str
        Name of the parameter, which messages also use, for example ``"loss"``.
    base : type
        Base class of all parts, registered or defined by users.
    parts : dict of str to type
        Class of each registered part, by name.

    Attributes
    ----------
    elsewhere : dict of str to str
        Names of the same parameter of another estimator, and that estimator.

    Examples
    --------
    >>> Registry("step", object, {"short": int, "long": float})
    <names for step=: short, long>
    """

    def __init__(self, kind: str, base: type[Part], parts: dict[str, type[Part]]) -> None:
        self.kind = kind
        self.base = base
        self._parts = dict(parts)
        self.elsewhere: dict[str, str] = {}

    def __getitem__(self, name: str) -> type[Part]:
        return self._parts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __repr__(self) -> str:
        """Return the parameter and all names."""
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
        """Return a new part for a name, with ``settings``; return an object unchanged.

        Raises
        ------
        ValueError
            If the name is not known; the closest one and all known ones are listed. If it is for
            another estimator, that estimator is named instead.
        TypeError
            If `choice` is neither a name nor an object of the right kind.
        """
        if isinstance(choice, str):
            if choice not in self._parts:
                if choice in self.elsewhere:
                    raise ValueError(
                        f"{self.kind}={choice!r} is for {self.elsewhere[choice]}; use one of: "
                        f"{', '.join(self.names)}."
                    )
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
