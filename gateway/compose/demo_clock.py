"""The demo's time: as fast as one likes, and never backwards, not even after a crash.

What is kept on disk is a moment that the clock has not reached yet, written again before it is
reached; a demo that was killed goes on from there.
"""

from __future__ import annotations

import asyncio
import json
import os
from datetime import datetime, timedelta
from pathlib import Path

from gateway.clock import ScaledClock

STANDING_STILL = 1e-6
"""The factor that is shown as 0: a clock that stands still for as long as anyone looks."""

KEEP_EVERY_S = 0.5
AHEAD_S = 1.5
"""The moment that is kept lies so far ahead, in seconds of the machine's clock."""


class DemoClock(ScaledClock):
    """A scaled clock with a file. Without one yet it begins at `begin`."""

    def __init__(self, file: Path, begin: datetime, factor: float | None = None) -> None:
        kept, kept_factor = _read(file)
        self._wanted = kept_factor if factor is None else factor
        self._most: float | None = None
        super().__init__(_real(self._wanted), max(kept or begin, begin))
        self._file = file
        self._keep()

    @property
    def shown_factor(self) -> float:
        """How fast the clock is when nothing holds it, 0 when it stands still."""
        return 0.0 if self._wanted <= STANDING_STILL else self._wanted

    def change(self, factor: float) -> None:
        """Go on `factor` times as fast; 0 stops the clock."""
        self._wanted = factor
        self._set()

    def hold(self, most: float | None) -> None:
        """Go on no faster than `most` for now; None: as fast as was wished."""
        if most != self._most:
            self._most = most
            self._set()

    def _set(self) -> None:
        most = self._wanted if self._most is None else self._most
        self.set_factor(_real(min(self._wanted, most)))
        self._keep()

    async def keep(self) -> None:
        """Keep the time until cancelled."""
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            self._keep()

    def _keep(self) -> None:
        ahead = self.now() + timedelta(seconds=AHEAD_S * self.factor)
        text = json.dumps({"until": ahead.isoformat(), "factor": self.shown_factor})
        written = self._file.with_suffix(".new")
        written.write_text(text, encoding="utf-8")
        os.replace(written, self._file)


def _real(factor: float) -> float:
    return max(factor, STANDING_STILL)


def _read(file: Path) -> tuple[datetime | None, float]:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return datetime.fromisoformat(kept["until"]), float(kept["factor"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, 1.0
