"""Whose failure a refused call is: the trunk's, or that of the number that was called.

A trunk that answers an INVITE with "500" and no ringing may be broken, or may have no way to this
one number. The calls to other numbers tell: if they get through, the trunk works.
"""

from __future__ import annotations

from typing import Final

FORGET_S: Final = 3600.0
"""A number that was not refused for so long is known for nothing any more."""

KEPT_MAX: Final = 1000
"""How many refused numbers are remembered."""


class Refusals:
    """The numbers that a trunk has refused lately. Times are in seconds of any one clock."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}  # the one refused first stands first
        self._proved: set[str] = set()

    def got_through(self, number: str) -> None:
        """Somebody else's telephone rang: what was refused before was not the trunk's failure."""
        self._last.pop(number, None)
        self._proved = set(self._last)

    def refused(self, number: str, now: float) -> bool:
        """Note a refusal and tell whether the trunk seems to have failed: another number was
        refused as well and nobody has got through since.

        A number that is refused again proves nothing new, so it puts no trunk to rest twice.
        """
        self._forget(now)
        is_new = number not in self._last
        self._last[number] = now
        if len(self._last) > KEPT_MAX:
            self._drop(next(iter(self._last)))
        return is_new and len(self._last) - len(self._proved) > 1

    def is_of(self, number: str) -> bool:
        """Tell whether others got through after this number was refused: it is the number."""
        return number in self._proved

    def _forget(self, now: float) -> None:
        for number in [one for one, at in self._last.items() if now - at > FORGET_S]:
            self._drop(number)

    def _drop(self, number: str) -> None:
        del self._last[number]
        self._proved.discard(number)
