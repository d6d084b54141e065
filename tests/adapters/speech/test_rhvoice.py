"""RHVoice: what is checked before it is started, and, where it is installed, how it speaks.

CALLAHEAD_RHVOICE names the folder that `callahead speech setup rhvoice` made; without it the
part that needs the library is skipped.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import get_args

import pytest

from adapters.speech import rhvoice
from adapters.speech.rhvoice import Config
from adapters.speech.rhvoice_library import LIBRARIES
from gateway.errors import InvalidInput
from gateway.ports.speech import Speech
from tests.contracts.speech_conformance import SpeechConformance

INSTALLED = os.environ.get("CALLAHEAD_RHVOICE", "data/speech/rhvoice")
needs_library = pytest.mark.skipif(
    not Path(INSTALLED, "lib", LIBRARIES[-1]).is_file(), reason="RHVoice is not installed"
)


def installed(**more: object) -> Config:
    folder = Path(INSTALLED).absolute()
    values = {"library": str(folder / "lib"), "data": str(folder / "data"), **more}
    return Config.model_validate(values)


@pytest.fixture
async def engine() -> AsyncIterator[Speech]:
    built = rhvoice.build(installed(english_voice="slt"))
    yield built
    await built.close()


@pytest.fixture
def sentence() -> tuple[str, str]:
    return "ru", "Вас примет терапевт Петров"


@needs_library
class TestConformance(SpeechConformance):
    """The contract of every engine."""


@needs_library
async def test_it_speaks_english_with_another_voice(engine: Speech) -> None:
    assert engine.speaks("en")
    assert (await engine.synthesize("Please press one.", "en")).samples


@needs_library
async def test_every_voice_that_is_offered_is_another_one() -> None:
    sounds = set()
    for voice in get_args(rhvoice.Russian):
        one = rhvoice.build(installed(voice=voice))
        sounds.add(await one.synthesize("Проверка связи", "ru"))
        await one.close()
    assert len(sounds) == 4


def folder_of(place: Path) -> Config:
    """Return the configuration of a folder with everything that is looked for."""
    for name in ("lib/libRHVoice.so.5", "data/languages/Russian/language.info"):
        file = place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    voice = place / "data" / "voices" / "anna"
    (voice / "24000").mkdir(parents=True)
    (voice / "voice.info").write_text("name=Anna")
    (voice / "24000" / "voice.data").write_bytes(b"x")
    return Config(library=str(place / "lib"), data=str(place / "data"))


def test_it_speaks_russian_only_unless_told_otherwise(tmp_path: Path) -> None:
    engine = rhvoice.build(folder_of(tmp_path))
    assert engine.speaks("ru")
    assert not engine.speaks("en")


def test_another_voice_file_is_another_identity(tmp_path: Path) -> None:
    config = folder_of(tmp_path)
    before = rhvoice.build(config).identity
    assert rhvoice.build(config).identity == before
    (tmp_path / "data/voices/anna/24000/voice.data").write_bytes(b"xyz")
    assert rhvoice.build(config).identity != before


@pytest.mark.parametrize(
    ("missing", "field"),
    [
        ("lib/libRHVoice.so.5", "library"),
        ("data/languages/Russian/language.info", "data"),
        ("data/voices/anna/voice.info", "voice"),
    ],
)
def test_what_is_missing_is_told_by_field(tmp_path: Path, missing: str, field: str) -> None:
    config = folder_of(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(InvalidInput) as refused:
        rhvoice.build(config)
    [problem] = refused.value.problems
    assert problem.field == field
    assert "callahead speech setup rhvoice" in problem.message


def test_a_missing_english_voice_is_told_by_field(tmp_path: Path) -> None:
    config = folder_of(tmp_path).model_copy(update={"english_voice": "slt"})
    (tmp_path / "data/languages/English").mkdir()
    (tmp_path / "data/languages/English/language.info").write_text("x")
    with pytest.raises(InvalidInput) as refused:
        rhvoice.build(config)
    assert refused.value.problems[0].field == "english_voice"


def test_voices_that_a_clinic_may_not_use_are_not_offered() -> None:
    """Voices of the RHVoice Lab site are for non-commercial use."""
    offered = {*get_args(rhvoice.Russian), *get_args(rhvoice.English)}
    assert not offered & {"mikhail", "artemiy", "tatiana", "victoria", "pavel", "arina"}
