"""Presses of keys, told from reports of the same press that come by another method.

Some gateways send one press as RFC 4733 events and by INFO, which comes when the key is let go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DOUBLED_S: Final = 0.5
"""How long after a press was last reported another method may still report it."""


@dataclass(slots=True)
class _Press:
    digit: str
    methods: set[str]
    at: float


class Presses:
    """The presses of the last moments, and by which methods each was reported. Times are in
    seconds of any one clock."""

    def __init__(self) -> None:
        self._recent: list[_Press] = []

    def reported(self, digit: str, method: str, now: float) -> bool:
        """Take a report; False: it is of a press that another method has reported."""
        self._recent = [press for press in self._recent if now - press.at < DOUBLED_S]
        for press in self._recent:  # the oldest first: reports of one method keep their order
            if press.digit == digit and method not in press.methods:
                press.methods.add(method)
                return False
        self._recent.append(_Press(digit, {method}, now))
        return True

    def held(self, digit: str, method: str, now: float) -> None:
        """Note that the key that was pressed last is still down."""
        if self._recent and self._recent[-1].digit == digit:
            press = self._recent[-1]
            press.at = now if method in press.methods else press.at
