"""What the robot says in a call: the sentences of a script, in words, as audio.

All prompts of a call are made before its number is dialled, in one voice, so nobody ever waits
on the line for speech. In a rehearsal there is no audio and nobody listens.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gateway.core.clinic import Branch
from gateway.core.model import Appointment, Status
from gateway.core.pattern import Facts
from gateway.core.spoken import call_facts, speech
from gateway.core.wording import Texts
from gateway.ivr.script import Script, Scripts
from gateway.ports.speech import SpeechError

log = logging.getLogger("callahead.voice")


class Rendered(Protocol):
    """A prompt as audio: a WAV file, 8 kHz, mono, 16 bits."""

    @property
    def path(self) -> Path:
        """Where it lies."""
        ...

    @property
    def voice(self) -> str:
        """Who speaks."""
        ...


class Renderer(Protocol):
    """Makes audio of sentences, one file for each list of them, all in one voice."""

    async def prepare(
        self, turns: Sequence[Sequence[str]], language: str, *, voice: str = ""
    ) -> Sequence[Rendered]:
        """Return the files in order, spoken by `voice` if it still can; raise `SpeechError`."""
        ...


@dataclass(frozen=True, slots=True)
class Speaker:
    """One call's script and facts, and its prompts by state. `prompts` is empty in a rehearsal."""

    script: Script
    prompts: Mapping[str, Path] = field(default_factory=dict)
    voice: str = ""

    def prompt(self, state: str) -> Path | None:
        """Return the audio of a state; None in a rehearsal."""
        return self.prompts.get(state)


class Voice:
    """Chooses the script of a call and has it spoken."""

    def __init__(self, scripts: Scripts, texts: Texts, renderer: Renderer | None) -> None:
        self._scripts = scripts
        self._texts = texts
        self._renderer = renderer

    def script(self, language: str) -> Script:
        """Return the dialogue for a language."""
        return self._scripts.of(language)

    async def speaker(self, snapshot: Appointment, branch: Branch, language: str) -> Speaker:
        """Return everything that a call about a visit may say; raise `SpeechError`."""
        script = self._scripts.of(language)
        if self._renderer is None:
            return Speaker(script)
        states = list(script.states)
        turns = self._turns(script, states, snapshot, branch)
        made = await self._renderer.prepare(turns, script.language)
        paths = {state: prompt.path for state, prompt in zip(states, made, strict=True)}
        return Speaker(script, paths, made[0].voice)

    async def prompt(
        self,
        state: str,
        snapshot: Appointment,
        branch: Branch,
        language: str,
        *,
        voice: str = "",
    ) -> Path | None:
        """Return one prompt made of what is true now, None in a rehearsal."""
        if self._renderer is None:
            return None
        script = self._scripts.of(language)
        turns = self._turns(script, [state], snapshot, branch)
        made = await self._renderer.prepare(turns, script.language, voice=voice)
        return made[0].path

    def _turns(
        self, script: Script, states: list[str], snapshot: Appointment, branch: Branch
    ) -> list[tuple[str, ...]]:
        overrides = dict(branch.spoken)
        facts = self._facts(script.language, snapshot, branch)
        return [
            tuple(speech(text, script.language, overrides) for text in script.words(state, facts))
            for state in states
        ]

    def _facts(self, language: str, snapshot: Appointment, branch: Branch) -> Facts:
        words = self._texts.by_language.get(language)
        state = words.states[Status(snapshot.status)] if words is not None else ""
        return call_facts(snapshot, branch, language, dict(branch.spoken), state=state)


def cannot_speak(error: SpeechError) -> None:
    """Ask for an operator: no engine could say a sentence."""
    log.error("the robot cannot speak", extra={"code": error.code})
