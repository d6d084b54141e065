"""What speech engines there are: from a name in the settings to a builder, and to a setup."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar

from pydantic import BaseModel, TypeAdapter

from adapters.http import HttpClient
from adapters.speech import (
    espeak_ng,
    piper,
    retro_ru,
    rhvoice,
    rhvoice_setup,
    yandex_speechkit,
)
from gateway.errors import InvalidInput, Problem
from gateway.ports.schema_problems import FieldsError, show_path, validate
from gateway.ports.speech import Speech

Options: TypeAlias = Mapping[str, object]
_Config = TypeVar("_Config", bound=BaseModel)


class Tools(Protocol):
    """What engines share."""

    @property
    def http(self) -> HttpClient:
        """The client for providers."""
        ...


@dataclass(frozen=True, slots=True)
class OwnTools:
    """Tools for somebody who needs speech and no other adapter."""

    http: HttpClient = field(default_factory=HttpClient)

    async def close(self) -> None:
        """Close the connections."""
        await self.http.close()


def _retro_ru(options: Options, _: Tools) -> Speech:
    return retro_ru.build(_checked(retro_ru.Config, options))


def _espeak_ng(options: Options, _: Tools) -> Speech:
    return espeak_ng.build(_checked(espeak_ng.Config, options))


def _rhvoice(options: Options, _: Tools) -> Speech:
    return rhvoice.build(_checked(rhvoice.Config, options))


def _piper(options: Options, _: Tools) -> Speech:
    return piper.build(_checked(piper.Config, options))


def _yandex_speechkit(options: Options, tools: Tools) -> Speech:
    config = _checked(yandex_speechkit.Config, options)
    return yandex_speechkit.YandexSpeechKit(config, tools.http)


SPEECH: Mapping[str, Callable[[Options, Tools], Speech]] = {
    "espeak_ng": _espeak_ng,
    "piper": _piper,
    "retro_ru": _retro_ru,
    "rhvoice": _rhvoice,
    "yandex_speechkit": _yandex_speechkit,
}

PATHS: Mapping[str, tuple[str, ...]] = {
    "piper": ("model",),
    "rhvoice": ("library", "data"),
}
"""Settings that are paths, by engine; where they begin is the caller's to say."""

SETUPS: Mapping[str, Callable[[Path, Callable[[str], None]], Mapping[str, object]]] = {
    "rhvoice": rhvoice_setup.set_up,
}
"""Engines that can be brought to this machine: folder and what is told of the progress, to the
settings of the engine. Each raises `CallaheadError`."""


def build_speech(name: str, options: Options, tools: Tools) -> Speech:
    """Return the engine of that name; raise `InvalidInput` that names the field."""
    if name not in SPEECH:
        raise InvalidInput(Problem("engine", f"must be one of {', '.join(sorted(SPEECH))}"))
    return SPEECH[name](options, tools)


def _checked(schema: type[_Config], options: Options) -> _Config:
    """Read an engine's settings; what is wrong is told by field, never with its value."""
    try:
        return validate(TypeAdapter(schema), dict(options))
    except FieldsError as error:
        found = [Problem(show_path(finding.path), finding.message) for finding in error.findings]
    raise InvalidInput(*found)
