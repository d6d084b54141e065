"""Puts speech together: the configured engines, and the prompts that they make."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from adapters.speech import engines
from gateway.clock import Clock
from gateway.errors import InvalidInput, Problem
from gateway.ports.schema_speech import SpeechSettings
from gateway.ports.speech import Speech
from gateway.service.prompts import Prompts

ENGINES = tuple(sorted(engines.SPEECH))
SETUPS = tuple(sorted(engines.SETUPS))


def build_engines(
    settings: SpeechSettings, tools: engines.Tools, folder: Path = Path()
) -> list[Speech]:
    """Return the engines in order of preference; raise `InvalidInput`: `engines[0].voice`.

    Paths in the settings begin in `folder`.
    """
    built: list[Speech] = []
    problems: list[Problem] = []
    for index, options in enumerate(settings.engines):
        try:
            own = _without_name(options, folder)
            built.append(engines.build_speech(options["engine"], own, tools))
        except InvalidInput as error:
            problems += [
                replace(problem, field=f"engines[{index}].{problem.field}")
                for problem in error.problems
            ]
    if problems:
        raise InvalidInput(*problems)
    return built


def _without_name(options: Mapping[str, object], folder: Path) -> dict[str, object]:
    """Return an engine's own settings, with paths that begin where we stand."""
    own = {key: value for key, value in options.items() if key != "engine"}
    for key in engines.PATHS.get(str(options["engine"]), ()):
        if isinstance(path := own.get(key), str):
            own[key] = str(folder / path)
    return own


@contextlib.asynccontextmanager
async def open_prompts(
    settings: SpeechSettings,
    cache: Path,
    clock: Clock,
    *,
    folder: Path = Path(),
) -> AsyncIterator[Prompts]:
    """Build engines and prompts for somebody who needs nothing else, and let go of them at the
    end; raise `InvalidInput`. Paths in the settings begin in `folder`."""
    tools = engines.OwnTools()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(tools.close)
        built = build_engines(settings, tools, folder)
        for engine in built:
            stack.push_async_callback(engine.close)
        recordings = folder / settings.recordings if settings.recordings is not None else None
        keep = timedelta(days=settings.keep_days)
        yield Prompts(built, cache, clock, recordings=recordings, keep=keep)


def set_up(name: str, folder: Path, tell: Callable[[str], None]) -> Mapping[str, object]:
    """Bring an engine to this machine and return its settings; raise `CallaheadError`."""
    return engines.SETUPS[name](folder, tell)
