"""What a native speech library looks like to the worker. No heavy import: the worker starts
in the time of a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias

Options: TypeAlias = Mapping[str, str | float | None]


class LibraryError(Exception):
    """A library cannot be loaded (`unavailable`) or makes nothing of a text (`sentence`)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Library(Protocol):
    """A loaded library with its voice."""

    def speak(self, text: str, language: str) -> tuple[int, bytes]:
        """Return rate and samples (mono s16 little endian); raise `LibraryError`."""
        ...
