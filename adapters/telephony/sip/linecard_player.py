"""Playing files in a line card, and letting native objects go without a crash.

A player serves one playback. Neither a player nor a call is ever left to the garbage collector:
what is no longer needed goes to the `Graveyard`, and the main loop destroys it there, outside
callbacks and before the next call is made (the library gives its number to another call, and the
late end of the old object would hang that one up).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pjsua2 as pj

PLAYER_REST_S: Final = 1.0
"""A player destroyed right after its end crashes the library (pjproject 5045); 0.1 s was enough."""


class Player(pj.AudioMediaPlayer):  # type: ignore[misc]  # the library has no types
    """One playback of one file. `ended` is called in a thread of the library's, once."""

    def __init__(self, file: str, ended: Callable[[], None]) -> None:
        super().__init__()
        self._ended = ended
        self.createPlayer(file, pj.PJMEDIA_FILE_NO_LOOP)

    def onEof2(self) -> None:  # noqa: N802  the library's name
        """Report the end of the file."""
        self._ended()


class Graveyard:
    """Native objects that wait for their end."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, Any]] = []

    def add(self, native: Any, at: float) -> None:
        """Destroy `native` in the first `bury` at or after the moment `at`."""
        self._waiting.append((at, native))

    def bury(self, now: float) -> None:
        """Destroy what is due. Only the main loop calls this."""
        due = [native for at, native in self._waiting if at <= now]
        if due:
            self._waiting = [item for item in self._waiting if item[0] > now]
        for native in due:
            destroy(native)


def destroy(native: Any) -> None:
    """End a native object now; the Python object is an empty shell afterwards."""
    native.__class__.__swig_destroy__(native)
