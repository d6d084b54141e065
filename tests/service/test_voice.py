"""What the robot says in a call, and when it cannot."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from gateway.core.clinic import Branch
from gateway.ports.speech import SpeechError
from gateway.scripts import load_scripts, load_texts
from gateway.service.voice import Voice, cannot_speak
from tests.service.support import SILENT, appointment

BRANCH = Branch(
    "zdorovie",
    "lenina",
    "Клиника",
    "Asia/Yekaterinburg",
    "Smile+",
    phone="+73433000000",
    spoken=(("Smile+", "Смайл плюс"),),
)


class Renderer:
    """Notes what it was asked to say."""

    def __init__(self, error: SpeechError | None = None) -> None:
        self.path = Path("prompt.wav")
        self.voice = "anna"
        self.said: list[list[str]] = []
        self.voices: list[str] = []
        self._error = error

    async def prepare(self, turns: object, language: str, *, voice: str = "") -> list[Renderer]:
        if self._error is not None:
            raise self._error
        self.said = [list(turn) for turn in turns]  # type: ignore[attr-defined]
        self.voices.append(voice)
        return [self for _ in self.said]


@pytest.mark.rule("C-3")
async def test_every_prompt_of_a_call_is_made_before_it_in_words_as_the_clinic_says_them() -> None:
    renderer = Renderer()
    voice = Voice(load_scripts(), load_texts(), renderer)
    speaker = await voice.speaker(appointment(), BRANCH, "ru")
    assert set(speaker.prompts) == set(load_scripts().of("ru").states)
    assert (speaker.prompt("visit"), speaker.voice) == (renderer.path, "anna")
    said = " ".join(renderer.said[0])
    assert "в клинике Смайл плюс" in said
    assert "нажмите один" in said
    assert not any(char.isdigit() for turn in renderer.said for text in turn for char in text)


@pytest.mark.rule("G-10")
async def test_a_call_is_spoken_in_the_persons_language() -> None:
    renderer = Renderer()
    voice = Voice(load_scripts(), load_texts(), renderer)
    await voice.speaker(appointment(), BRANCH, "en")
    assert "press one" in " ".join(renderer.said[0])
    assert voice.script("tt").language == "ru"


async def test_a_prompt_in_the_middle_of_a_call_keeps_its_voice() -> None:
    renderer = Renderer()
    voice = Voice(load_scripts(), load_texts(), renderer)
    path = await voice.prompt("changed", appointment(), BRANCH, "ru", voice="anna")
    assert (path, renderer.voices) == (renderer.path, ["anna"])


async def test_a_rehearsal_has_no_sound() -> None:
    speaker = await SILENT.speaker(appointment(), BRANCH, "ru")
    assert speaker.prompt("visit") is None
    assert await SILENT.prompt("visit", appointment(), BRANCH, "ru") is None


async def test_an_operator_is_asked_when_no_engine_can_speak(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cannot_speak(SpeechError("crashed"))
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
