"""Speech in the configuration: which engines speak, in which order, and what is recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, field_validator

from gateway.ports.schema_problems import StrictModel, bad

ENGINES: Sequence[Mapping[str, Any]] = [{"engine": "retro_ru"}, {"engine": "espeak_ng"}]
"""What speaks out of the box: the first is understood in Russian, the second in English."""


class SpeechSettings(StrictModel):
    """`engines`: in order of preference, each `engine: NAME` with its own settings beside it.

    A call is spoken by the first one that knows its language; when that one fails, by the next.
    `recordings`: folder with index.yaml. `keep_days`: how long speech that names people is kept
    after its last use.
    """

    engines: Annotated[Sequence[Mapping[str, Any]], Field(min_length=1, max_length=8)] = ENGINES
    recordings: str | None = None
    keep_days: Annotated[int, Field(ge=1, le=365)] = 14

    @field_validator("engines")
    @classmethod
    def _named(cls, engines: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        if any(not isinstance(engine.get("engine"), str) for engine in engines):
            raise bad("every engine needs its name: engine: NAME")
        return engines
