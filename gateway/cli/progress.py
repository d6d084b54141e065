"""A progress bar on standard error, for work that takes longer than a glance."""

from __future__ import annotations

import sys
import time
from typing import TextIO

WIDTH = 30
REDRAW_S = 0.1


class Progress:
    """Draws on a terminal; elsewhere it prints a line at the end only."""

    def __init__(self, what: str, total: int, out: TextIO | None = None) -> None:
        self._what = what
        self._total = max(total, 1)
        self._out = out or sys.stderr
        self._done = 0
        self._started = self._drawn = time.monotonic()
        self._live = self._out.isatty()

    def step(self, count: int = 1) -> None:
        """Count what is done."""
        self._done += count
        now = time.monotonic()
        if self._live and now - self._drawn >= REDRAW_S:
            self._drawn = now
            self._draw(now)

    def _draw(self, now: float) -> None:
        share = min(self._done / self._total, 1.0)
        filled = round(share * WIDTH)
        left = (now - self._started) * (1 - share) / share if share else 0.0
        bar = "█" * filled + "·" * (WIDTH - filled)
        self._out.write(f"\r{self._what} {bar} {self._done}/{self._total}, {left:.0f} s left ")
        self._out.flush()

    def finish(self) -> None:
        """Clear the bar and say how it went."""
        seconds = time.monotonic() - self._started
        if self._live:
            self._out.write("\r\x1b[K")
        self._out.write(f"{self._what}: {self._done} in {seconds:.1f} s\n")
        self._out.flush()
