"""Errors that cross a border of the product.

    CallaheadError
    ├── InvalidInput        bad input; names the field, and the line where there is one
    ├── Unauthenticated     no valid proof of who is speaking (HTTP 401)
    ├── Forbidden           the proof is wrong (HTTP 403)
    ├── StoreError          the store cannot do what was asked
    │   ├── StoreUnavailable    it does not answer; the same request may be repeated
    │   └── StoreUnusable       it must not be used: locked, damaged, too old
    └── NotFound            no such clinic, branch or appointment

What a failed send means is `gateway.ports.messaging.SendError`.
"""

from __future__ import annotations

from dataclasses import dataclass


class CallaheadError(Exception):
    """Base of every error that is meant to be read by a person."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input: which field, what, and on which line."""

    field: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        """Name the line and the field before what is wrong."""
        place = f"line {self.line}: " if self.line is not None else ""
        return f"{place}{self.field}: {self.message}" if self.field else f"{place}{self.message}"


class InvalidInput(CallaheadError):
    """An input cannot be taken; `problems` says everything that is wrong with it."""

    def __init__(self, *problems: Problem, source: str = "") -> None:
        first = str(problems[0]) if problems else "invalid input"
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{source}: {first}{more}" if source else f"{first}{more}")
        self.problems = problems
        self.source = source


class Unauthenticated(CallaheadError):
    """The request carries no valid proof of who sent it."""


class Forbidden(CallaheadError):
    """The request's proof of who sent it is wrong, or it does not allow this."""


class NotFound(CallaheadError):
    """There is no such clinic, branch or appointment."""


class StoreError(CallaheadError):
    """The store cannot do what was asked of it."""


class StoreUnavailable(StoreError):
    """The store does not answer; whether the last request was carried out is unknown."""


class StoreUnusable(StoreError):
    """The store must not be used: locked by another process, damaged, or too old."""
