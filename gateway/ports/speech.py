"""What the product asks of a speech engine: one sentence, already in words, becomes sound.

`gateway.service.prompts` splits, caches, levels and joins; an engine only speaks. Text that
reaches an engine holds letters, spaces and `, . ! ? -` (`gateway.core.spoken`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

SENTENCE_CHARS_MAX = 1000
"""A longer text is no sentence; about 70 seconds of speech."""


@dataclass(frozen=True, slots=True)
class Pcm:
    """Sound: mono, signed 16-bit little endian. `rate` is samples a second."""

    rate: int
    samples: bytes


class SpeechError(Exception):
    """A sentence could not be spoken. `code` says why and never holds a word of it.

    `too_long` and `sentence` (the engine makes nothing of this text) are about the sentence;
    every other code is about the engine: `timeout`, `crashed`, `unavailable`, `credentials`,
    `limited`, `refused`, `unreadable`, `storage`, `no_voice`.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Speech(Protocol):
    """One voice of one engine; for several languages, one voice each."""

    @property
    def identity(self) -> str:
        """Engine, version, voice, rate: whatever changes the sound changes this too."""
        ...

    def speaks(self, language: str) -> bool:
        """Tell whether there is a voice for a language such as "ru"."""
        ...

    async def synthesize(self, sentence: str, language: str) -> Pcm:
        """Speak one sentence; raise `SpeechError`."""
        ...

    async def close(self) -> None:
        """End processes and let go of connections."""
        ...
