"""Rendered speech on disk, by content. Blocking: called in threads.

    <cache>/fixed/<key>.wav      sentences and turns that hold no facts; kept
    <cache>/personal/<key>.wav   those that name people and visits; deleted after a while

Files appear whole or not at all, and are checked whenever they are read: a damaged one counts as
missing and is made anew. Nobody but the gateway's own user may read them.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from gateway.service import audio
from gateway.service.audio import BadAudio, Samples

NOTED_AFTER: Final = timedelta(days=1)
"""A use is noted at most so often."""

DRAFT_LIFE: Final = timedelta(hours=1)
"""A draft older than this belongs to a process that died while writing it."""

_DRAFT: Final = ".draft-"


@dataclass(frozen=True, slots=True)
class Place:
    """Which file; `personal` when it holds a name or a visit."""

    key: str
    personal: bool


class PromptCache:
    """A folder of WAV files, shared by every process on this machine that uses it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, place: Place) -> Path:
        """Return where a file lies, or would lie."""
        return self._folder / ("personal" if place.personal else "fixed") / f"{place.key}.wav"

    def read(self, place: Place, now: datetime) -> Samples | None:
        """Return the speech; None when it is not there or damaged."""
        path = self.path(place)
        try:
            with path.open("rb") as file:
                used = os.fstat(file.fileno()).st_mtime
                speech = audio.checked(file.read())
            if now.timestamp() - used > NOTED_AFTER.total_seconds():
                os.utime(path, (now.timestamp(), now.timestamp()))
        except (OSError, BadAudio):
            return None
        return speech

    def write(self, place: Place, speech: Samples, now: datetime) -> Path:
        """Store speech and return its path; raise `OSError`."""
        path = self.path(place)
        _private(self._folder)
        _private(path.parent)
        handle, draft = tempfile.mkstemp(prefix=_DRAFT, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(audio.wav(speech))
            os.utime(draft, (now.timestamp(), now.timestamp()))
            os.replace(draft, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(draft)
            raise
        return path

    def prune(self, now: datetime, keep: timedelta) -> int:
        """Delete personal files that were not used for `keep`; return how many."""
        deleted = 0
        for path, used in self._files():
            unused = now.timestamp() - used
            if path.name.startswith(_DRAFT):
                gone = unused > DRAFT_LIFE.total_seconds()
            else:
                gone = path.parent.name == "personal" and unused > keep.total_seconds()
            if gone:
                with contextlib.suppress(OSError):
                    path.unlink()
                    deleted += 1
        return deleted

    def _files(self) -> Iterator[tuple[Path, float]]:
        for name in ("personal", "fixed"):
            with contextlib.suppress(OSError):
                for entry in os.scandir(self._folder / name):
                    with contextlib.suppress(OSError):
                        yield Path(entry.path), entry.stat().st_mtime


def _private(folder: Path) -> None:
    """Make a folder that nobody else may look into."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
