"""The worker: a process that holds one native speech library, `python -m adapters.speech.worker`.

A crash or hang of a C library costs a sentence and never the gateway, the event loop never waits
for one, and libraries under the GPL stay in a program of their own. The protocol is in
`frames.py`; the other end is `worker_process.py`. Nothing of the gateway is imported, so that a
restart takes a moment only.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from typing import BinaryIO, Final

from adapters.speech import frames
from adapters.speech.worker_library import Library, LibraryError, Options

NICENESS: Final = 5
"""Speech that is made ahead must not disturb speech that is being played."""

_PR_SET_PDEATHSIG: Final = 1


def _retro_ru(options: Options) -> Library:
    from adapters.speech.retro_ru_library import RetroRuLibrary

    return RetroRuLibrary(options)


def _espeak_ng(options: Options) -> Library:
    from adapters.speech.espeak_ng_library import EspeakLibrary

    return EspeakLibrary(options)


def _rhvoice(options: Options) -> Library:
    from adapters.speech.rhvoice_library import RhvoiceLibrary

    return RhvoiceLibrary(options)


def _piper(options: Options) -> Library:
    from adapters.speech.piper_library import PiperLibrary

    return PiperLibrary(options)


LIBRARIES: Final[Mapping[str, Callable[[Options], Library]]] = {
    "espeak_ng": _espeak_ng,
    "piper": _piper,
    "retro_ru": _retro_ru,
    "rhvoice": _rhvoice,
}


def main(name: str) -> int:
    """Serve one library until the gateway closes the pipe; return the exit code."""
    requests, answers = _pipes()
    _settle_in()
    try:
        library = LIBRARIES[name](_options(requests))
    except LibraryError as error:
        answers.write(_error(0, error.code))
        return 1
    except (frames.BadFrame, KeyError, ValueError):
        answers.write(_error(0, "unavailable"))
        return 1
    answers.write(frames.frame(frames.READY))
    try:
        while (request := _read(requests)) is not None:
            answers.write(_answer(library, *request))
    except (frames.BadFrame, BrokenPipeError):
        return 1
    return 0


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep the protocol's pipe to ourselves: what a library prints must not get between."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return sys.stdin.buffer, answers


def _settle_in() -> None:
    """Give way to live calls, leave no core file with patients' names, end with the gateway."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the gateway; it closes the pipe
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _options(requests: BinaryIO) -> Options:
    first = _read(requests)
    if first is None or first[0] != frames.OPTIONS:
        raise frames.BadFrame
    options: Options = json.loads(first[1])
    return options


def _read(requests: BinaryIO) -> tuple[bytes, bytes] | None:
    """Return kind and body of the next frame, None at the end."""
    head = requests.read(frames.LENGTH.size)
    if len(head) < frames.LENGTH.size:
        return None
    body = requests.read(frames.size_of(head))
    return body[:1], body[1:]


def _answer(library: Library, kind: bytes, body: bytes) -> bytes:
    if kind != frames.SENTENCE:
        raise frames.BadFrame
    number, request = frames.numbered(body)
    text, language = json.loads(request)
    try:
        rate, samples = library.speak(text, language)
    except LibraryError as error:
        return _error(number, error.code)
    except Exception:  # noqa: BLE001  an optional library's own; its words may quote the sentence
        return _error(number, "sentence")
    return frames.frame(frames.AUDIO, frames.NUMBER_AND_RATE.pack(number, rate) + samples)


def _error(number: int, code: str) -> bytes:
    return frames.frame(frames.ERROR, frames.NUMBER.pack(number) + code.encode())


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
