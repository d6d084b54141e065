"""The gateway's end of a worker: starts it, asks it one sentence at a time, replaces it.

Whatever goes wrong between two frames, the process is killed and never asked again: an answer
that comes too late would be taken for the next patient's sentence. The next sentence starts a
new one, which takes about a tenth of a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from adapters.speech import frames
from adapters.speech.worker_library import Options
from gateway.ports.speech import SENTENCE_CHARS_MAX, Pcm, SpeechError

START_S: Final = 20.0
"""Loading a large model from a slow disk; a small library takes a tenth of a second."""

SENTENCE_S: Final = 5.0
CRASHES_MAX: Final = 2
"""A sentence is asked once more when the worker died of it, because a worker may die of
something else (out of memory, a stray signal)."""

PASSED_ON: Final = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "SYSTEMROOT")
"""What of our environment a worker sees; secrets may stand in the rest."""

_ROOT: Final = Path(__file__).resolve().parents[2]

_log = logging.getLogger("callahead.speech")


def command_of(library: str) -> list[str]:
    """Return the command that starts the worker of a library."""
    return [sys.executable, "-m", "adapters.speech.worker", library]


class WorkerProcess:
    """One worker, started with the first sentence. `sentence_s` is the limit for each."""

    def __init__(
        self,
        command: Sequence[str],
        options: Options,
        *,
        start_s: float = START_S,
        sentence_s: float = SENTENCE_S,
    ) -> None:
        self._command = command
        self._options = options
        self._start_s = start_s
        self._sentence_s = sentence_s
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._ended: list[Process] = []
        self._number = 0

    @property
    def pid(self) -> int | None:
        """Process id of the worker, None while there is none."""
        return self._process.pid if self._process is not None else None

    async def speak(self, text: str, language: str) -> Pcm:
        """Return the sound of one sentence; raise `SpeechError`."""
        if len(text) > SENTENCE_CHARS_MAX:
            raise SpeechError("too_long")
        async with self._turn:
            for _ in range(CRASHES_MAX):
                try:
                    return await self._spoken(text, language)
                except SpeechError as error:
                    if error.code != "crashed":
                        raise
            raise SpeechError("crashed")

    async def close(self) -> None:
        """End the worker and wait for its end."""
        async with self._turn:
            self._discard()
            await self._reap()

    async def _spoken(self, text: str, language: str) -> Pcm:
        process = await self._started()
        self._number = (self._number + 1) % (1 << 32)
        body = json.dumps([text, language]).encode()
        asked = frames.NUMBER.pack(self._number) + body
        kind, answer = await self._exchange(
            process, frames.frame(frames.SENTENCE, asked), self._sentence_s
        )
        try:
            if kind == frames.AUDIO:
                number, rate, samples = frames.audio(answer)
                self._must_be(number)
                return Pcm(rate, samples)
            number, code = frames.numbered(answer)
            self._must_be(number)
        except frames.BadFrame:
            self._discard()
            raise SpeechError("unreadable") from None
        raise SpeechError(code.decode("ascii", "replace"))

    def _must_be(self, number: int) -> None:
        if number != self._number:
            raise frames.BadFrame

    async def _started(self) -> Process:
        """Return the running worker, or a new one with its library loaded."""
        if self._process is not None and self._process.returncode is None:
            return self._process
        self._discard()
        await self._reap()
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=_environment()
            )
        except OSError:
            raise SpeechError("unavailable") from None
        options = json.dumps(self._options).encode()
        kind, _ = await self._exchange(
            process, frames.frame(frames.OPTIONS, options), self._start_s
        )
        if kind != frames.READY:
            self._discard()
            raise SpeechError("unavailable" if kind == frames.ERROR else "unreadable")
        _log.info("speech worker started", extra={"pid": process.pid})
        return process

    async def _exchange(
        self, process: Process, request: bytes, limit_s: float
    ) -> tuple[bytes, bytes]:
        """Send a frame and return the kind and body of the answer."""
        answered = False
        try:
            async with asyncio.timeout(limit_s):
                answer = await _asked(process, request)
            answered = True
        except TimeoutError:
            raise SpeechError("timeout") from None
        except frames.BadFrame:
            raise SpeechError("unreadable") from None
        except (EOFError, ConnectionError):
            raise SpeechError("crashed") from None
        finally:
            # Cancelled too: the answer that is under way belongs to nobody any more.
            if not answered:
                self._discard()
        return answer

    def _discard(self) -> None:
        """Kill the worker; it is waited for later."""
        process, self._process = self._process, None
        if process is None:
            return
        self._ended.append(process)
        with contextlib.suppress(ProcessLookupError):
            process.kill()

    async def _reap(self) -> None:
        """Wait for killed workers, and read what they left, so that their pipes are closed."""
        while self._ended:
            process = self._ended.pop()
            if process.stdin is not None:
                process.stdin.close()
            if process.stdout is not None:
                while await process.stdout.read(1 << 16):
                    pass
            await process.wait()


async def _asked(process: Process, request: bytes) -> tuple[bytes, bytes]:
    requests, answers = process.stdin, process.stdout
    if requests is None or answers is None:  # not with the pipes that we ask for
        raise frames.BadFrame
    requests.write(request)
    await requests.drain()
    size = frames.size_of(await answers.readexactly(frames.LENGTH.size))
    body = await answers.readexactly(size)
    return body[:1], body[1:]


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {**kept, "PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
