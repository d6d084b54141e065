"""The very audio that calls were told to play, so that a page can play it too."""

from __future__ import annotations

import hashlib
import io
import wave
from collections import OrderedDict

AUDIO_FILES_MAX = 200
"""So many files are kept for a page that may still play them."""


class AudioShelf:
    """The very bytes that calls were told to play, by a digest of them."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, bytes] = OrderedDict()

    def keep(self, body: bytes) -> tuple[str, float]:
        """Keep a WAV file; return its id and length in seconds. Raises ValueError."""
        try:
            with wave.open(io.BytesIO(body)) as file:
                seconds = file.getnframes() / file.getframerate()
        except (wave.Error, EOFError) as error:
            raise ValueError("not a WAV file") from error
        name = hashlib.sha256(body).hexdigest()[:24]
        self._files[name] = body
        self._files.move_to_end(name)
        while len(self._files) > AUDIO_FILES_MAX:
            self._files.popitem(last=False)
        return name, seconds

    def get(self, name: str) -> bytes | None:
        """Return a file that is still kept."""
        return self._files.get(name)
