"""Presses of keys, told from reports of the same press that come by another method.

Some gateways send one press as RFC 4733 events and by INFO, which comes when the key is let go.
"""

from __future__ import annotations

from typing import Final

DOUBLED_S: Final = 0.5
"""How long after a press was last reported another method may still report it."""


class Presses:
    """The last press of a call, and by which methods it was reported. Times are in seconds."""

    def __init__(self) -> None:
        self._digit = ""
        self._methods: set[str] = set()
        self._at = 0.0

    def reported(self, digit: str, method: str, now: float) -> bool:
        """Take a report; False: it is of a press that another method has reported."""
        if digit == self._digit and method not in self._methods and now - self._at < DOUBLED_S:
            self._methods.add(method)
            return False
        self._digit, self._methods, self._at = digit, {method}, now
        return True

    def held(self, digit: str, method: str, now: float) -> None:
        """Note that the key is still down."""
        if digit == self._digit and method in self._methods:
            self._at = now
