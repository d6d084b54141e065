"""The `Speech` of every engine whose library runs in a worker."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from pathlib import Path

from adapters.speech.worker_library import Options
from adapters.speech.worker_process import WorkerProcess, command_of
from gateway.ports.speech import Pcm, SpeechError


class WorkerSpeech:
    """A voice for each of its languages; `written` is how the library wants the text."""

    def __init__(
        self,
        library: str,
        options: Options,
        identity: str,
        languages: Collection[str],
        *,
        written: Callable[[str], str] = str,
    ) -> None:
        self._worker = WorkerProcess(command_of(library), options)
        self._identity = identity
        self._languages = frozenset(languages)
        self._written = written

    @property
    def identity(self) -> str:
        """Engine, version, voice, rate."""
        return self._identity

    @property
    def pid(self) -> int | None:
        """Process id of the worker, None while there is none."""
        return self._worker.pid

    def speaks(self, language: str) -> bool:
        """Tell whether there is a voice for a language."""
        return language in self._languages

    async def synthesize(self, sentence: str, language: str) -> Pcm:
        """Speak one sentence; raise `SpeechError`."""
        if not self.speaks(language):
            raise SpeechError("no_voice")
        return await self._worker.speak(self._written(sentence), language)

    async def close(self) -> None:
        """End the worker."""
        await self._worker.close()


def stamp(*files: Path) -> str:
    """Return what changes when one of the files is replaced, for identities; raise `OSError`.

    Size and time, not content: models hold up to 100 MB and are looked at with every start.
    """
    digest = hashlib.sha256()
    for file in files:
        status = file.stat()
        digest.update(f"{file.name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:12]
