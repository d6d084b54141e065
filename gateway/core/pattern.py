"""Texts with facts in them: the small language of the message files.

{clinic}            the fact
[[, {doctor}]]      an optional piece: written only if every fact inside is known
[[{name}, we|We]]   choices: the first one for which every fact inside is known
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Facts: TypeAlias = Mapping[str, str]
"""What is known, by name; an unknown fact is empty or missing."""

_OPTIONAL = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)
_FACT = re.compile(r"\{([a-z_]+)\}")


class PatternError(ValueError):
    """A text cannot be read; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Fact:
    """The place of one fact."""

    name: str

    def fill(self, facts: Facts) -> str:
        """Return the fact, which must be there."""
        return facts[self.name]


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to write an optional piece; `needs` are the facts inside."""

    parts: tuple[str | Fact, ...]
    needs: tuple[str, ...]

    def fill(self, facts: Facts) -> str:
        """Return the choice with its facts."""
        return "".join([part if isinstance(part, str) else part.fill(facts) for part in self.parts])


@dataclass(frozen=True, slots=True)
class OneOf:
    """An optional piece: the first choice that has all its facts, nothing if none has."""

    choices: tuple[Choice, ...]

    def fill(self, facts: Facts) -> str:
        """Return the first choice whose facts are all known."""
        for choice in self.choices:
            if all([facts.get(name) for name in choice.needs]):
                return choice.fill(facts)
        return ""

    @property
    def is_never_empty(self) -> bool:
        """Tell whether something is always written."""
        return any(not choice.needs and choice.parts for choice in self.choices)


Piece: TypeAlias = str | Fact | OneOf


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text that was read: `pieces` in order; `facts` are the names of all facts in it."""

    pieces: tuple[Piece, ...]
    facts: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", frozenset(_names(self.pieces)))

    def fill(self, facts: Facts) -> tuple[str, tuple[str, ...]]:
        """Return the text, and what was written in place of each fact and optional piece."""
        parts: list[str] = []
        values: list[str] = []
        for piece in self.pieces:
            if isinstance(piece, str):
                parts.append(piece)
            else:
                value = piece.fill(facts)
                parts.append(value)
                values.append(value)
        return "".join(parts), tuple(values)

    def numbered(self) -> str:
        """Return the text with {{1}}, {{2}}, … in place of the facts and optional pieces."""
        parts: list[str] = []
        count = 0
        for piece in self.pieces:
            if not isinstance(piece, str):
                count += 1
            parts.append(piece if isinstance(piece, str) else f"{{{{{count}}}}}")
        return "".join(parts)

    def words(self) -> str:
        """Return everything that the text itself may say, with a space for each fact."""
        return "".join(_words(self.pieces))


def _words(pieces: Iterable[Piece]) -> Iterator[str]:
    for piece in pieces:
        if isinstance(piece, str):
            yield piece
        else:
            yield " "
            if isinstance(piece, OneOf):
                for choice in piece.choices:
                    yield from _words(choice.parts)
                    yield " "


def _names(pieces: Iterable[Piece]) -> Iterator[str]:
    for piece in pieces:
        if isinstance(piece, Fact):
            yield piece.name
        elif isinstance(piece, OneOf):
            for choice in piece.choices:
                yield from choice.needs


def read_pattern(text: str) -> Pattern:
    """Return the text as a pattern; raise `PatternError` if it cannot be read."""
    pieces: list[Piece] = []
    for index, part in enumerate(_OPTIONAL.split(text)):
        if "[[" in part or "]]" in part:
            raise PatternError("[[ and ]] stand in pairs, never one pair inside another")
        pieces += [_optional(part)] if index % 2 else _parts(part)
    return Pattern(tuple(pieces))


def _optional(text: str) -> OneOf:
    choices = []
    for option in text.split("|"):
        parts = tuple(_parts(option))
        choices.append(Choice(parts, tuple(part.name for part in parts if isinstance(part, Fact))))
    return OneOf(tuple(choices))


def _parts(text: str) -> Iterator[str | Fact]:
    for index, part in enumerate(_FACT.split(text)):
        if index % 2:
            yield Fact(part)
        elif "{" in part or "}" in part:
            raise PatternError("{ and } stand only around the name of a fact: {clinic}")
        elif part:
            yield part
