"""retro-ru-tts: Russian out of the box, MIT, 190 KB, a man's voice of the 1990s.

It is understood on the telephone when the stress is right, so `stress.py` marks it. Names are
often not understood: a clinic that goes live wants RHVoice or a cloud (docs/speech.md).
"""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Final

from pydantic import Field

from adapters.speech import stress
from adapters.speech.worker_speech import WorkerSpeech
from gateway.errors import InvalidInput, Problem
from gateway.ports.schema_problems import StrictModel

PACKAGE: Final = "retro-ru-tts"

_MARK: Final = re.compile(r"\+(\w)")


class Config(StrictModel):
    """Speed and pitch in per cent; these were understood best."""

    rate: Annotated[int, Field(ge=20, le=300)] = 70
    pitch: Annotated[int, Field(ge=50, le=300)] = 88


def build(config: Config) -> WorkerSpeech:
    """Return the engine; raise `InvalidInput` when the package is not installed."""
    try:
        package = version(PACKAGE)
    except PackageNotFoundError:
        raise InvalidInput(Problem("engine", f"the package {PACKAGE} is not installed")) from None
    return WorkerSpeech(
        "retro_ru",
        {"rate": config.rate, "pitch": config.pitch},
        f"retro_ru {package} rate {config.rate} pitch {config.pitch} stress {stress.version()}",
        ("ru",),
        written=written,
    )


def written(sentence: str) -> str:
    """Return a sentence as the engine wants it: `+` after each stressed vowel."""
    return _MARK.sub(r"\1+", stress.stressed(sentence))
