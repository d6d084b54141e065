"""RHVoice: the engine for a clinic that goes live on its own machine.

`callahead speech setup rhvoice` brings it. As Debian builds it, it is under the GPL-3.0: it runs
in the worker, a program of its own, and is never a part of this product. Only voices whose
licences allow a clinic's use are offered (docs/speech.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field

from adapters.speech.rhvoice_library import LIBRARIES
from adapters.speech.worker_speech import WorkerSpeech, stamp
from gateway.errors import InvalidInput, Problem
from gateway.ports.schema_problems import StrictModel

Russian: TypeAlias = Literal["anna", "irina", "elena", "aleksandr"]
English: TypeAlias = Literal["slt", "bdl"]

LANGUAGES: Final[Mapping[str, str]] = {"ru": "Russian", "en": "English"}
"""Our languages, and the folders of their rules."""


class Config(StrictModel):
    """`library`: folder of libRHVoice.so.5; null: the system's own. `data`: folder with languages/
    and voices/. `english_voice` null: it speaks Russian only. `rate` is a factor."""

    library: str | None = None
    data: str = "/usr/share/RHVoice"
    voice: Russian = "anna"
    english_voice: English | None = None
    rate: Annotated[float, Field(ge=0.5, le=2.0)] = 1.0


def build(config: Config) -> WorkerSpeech:
    """Return the engine; raise `InvalidInput` when something of it is missing."""
    voices: dict[str, str] = {"ru": config.voice}
    if config.english_voice is not None:
        voices["en"] = config.english_voice
    options: dict[str, str | float | None] = {
        f"voice_{lang}": name for lang, name in voices.items()
    }
    options |= {"library": config.library, "data": config.data, "rate": config.rate}
    spoken = " ".join(voices.values())
    return WorkerSpeech(
        "rhvoice",
        options,
        f"rhvoice {_stamp(config, voices)} voice {spoken} rate {config.rate:g}",
        voices,
    )


def _stamp(config: Config, voices: Mapping[str, str]) -> str:
    """Look for everything that is needed, and return what changes when it is replaced."""
    data, files = Path(config.data), []
    if config.library is not None:
        files.append(_existing("library", Path(config.library) / LIBRARIES[-1]))
    for language, voice in voices.items():
        _existing("data", data / "languages" / LANGUAGES[language] / "language.info")
        field = "voice" if language == "ru" else "english_voice"
        files.append(_existing(field, data / "voices" / voice / "voice.info"))
        files += sorted((data / "voices" / voice).glob("*/voice.data"))
    return stamp(*files)


def _existing(field: str, file: Path) -> Path:
    if not file.is_file():
        hint = "`callahead speech setup rhvoice` brings it"
        raise InvalidInput(Problem(field, f"there is no {file} ({hint})"))
    return file
