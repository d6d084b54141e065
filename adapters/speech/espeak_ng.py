"""espeak-ng: English out of the box. GPL-3.0, so it runs in the worker, a program of its own.

It knows Russian too, but is not understood in it on the telephone: English is all it is asked.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Final, Literal

from pydantic import Field

from adapters.speech.worker_speech import WorkerSpeech
from gateway.errors import InvalidInput, Problem
from gateway.ports.schema_problems import StrictModel

PACKAGE: Final = "espeakng-loader"


class Config(StrictModel):
    """The English voice; `rate` is words a minute."""

    voice: Literal["en", "en-us", "en-gb-x-rp", "en-gb-scotland"] = "en"
    rate: Annotated[int, Field(ge=80, le=300)] = 150


def build(config: Config) -> WorkerSpeech:
    """Return the engine; raise `InvalidInput` when the package is not installed."""
    try:
        package = version(PACKAGE)
    except PackageNotFoundError:
        raise InvalidInput(Problem("engine", f"the package {PACKAGE} is not installed")) from None
    return WorkerSpeech(
        "espeak_ng",
        {"voice_en": config.voice, "rate": config.rate},
        f"espeak_ng {package} voice {config.voice} rate {config.rate}",
        ("en",),
    )
