"""`callahead say`."""

from __future__ import annotations

import io
import subprocess
import wave
from pathlib import Path

import pytest

from gateway.cli.say_command import chosen
from gateway.ports.schema_speech import SpeechSettings
from tests.cli import support
from tests.cli.conftest import Command


def test_a_text_becomes_a_file(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    done = command("say", "Приём во вторник. Ждём вас!", "-o", out)
    assert (done.code, done.out) == (0, "")
    assert "s of speech" in done.err
    with wave.open(str(out)) as file:
        assert file.getparams()[:3] == (1, 2, 8000)
        assert file.getnframes() > 8000


def test_english_is_spoken_by_an_engine_that_knows_it(command: Command, tmp_path: Path) -> None:
    assert command("say", "Good morning", "--lang", "en", "-o", tmp_path / "a.wav").code == 0


def test_the_words_can_be_looked_at(command: Command) -> None:
    done = command("say", "каб. 212", "--text-only")
    assert (done.code, done.out, done.err) == (0, "кабинет двести двенадцать\n", "")


def test_sound_on_standard_output_is_not_mixed_with_words() -> None:
    done = subprocess.run(
        support.command("say", "Да", "-o", "-"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=support.ROOT,
        env=support.environment(),
        timeout=30,
        check=True,
    )
    with wave.open(io.BytesIO(done.stdout)) as file:
        assert len(done.stdout) - 2 * file.getnframes() < 100
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("Да",), "-o: is needed"),
        (("...", "--text-only"), "TEXT: holds nothing that can be said"),
        (("а" * 20_001, "--text-only"), "TEXT: must have at most 20000 characters"),
        (("Да", "--engine", "piper", "-o", "x.wav"), "engines[0].model: required"),
    ],
)
def test_wrong_use_is_told_by_argument(
    command: Command, arguments: tuple[str, ...], told: str
) -> None:
    done = command("say", *arguments)
    assert (done.code, done.out) == (2, "")
    assert told in done.err


def test_an_engine_without_the_language_is_told_in_words(command: Command, tmp_path: Path) -> None:
    done = command("say", "Да", "--engine", "espeak_ng", "-o", tmp_path / "x.wav")
    assert done.code == 1
    assert done.err == "callahead: no engine has a voice for this language\n"
    assert not (tmp_path / "x.wav").exists()


def test_a_folder_that_is_not_there_is_told(command: Command, tmp_path: Path) -> None:
    done = command("say", "Да", "-o", tmp_path / "none" / "x.wav")
    assert done.code == 1
    assert "No such file or directory" in done.err


def test_one_engine_is_taken_as_it_is_configured() -> None:
    settings = SpeechSettings.model_validate(
        {"engines": [{"engine": "rhvoice", "voice": "irina"}, {"engine": "retro_ru", "rate": 80}]}
    )
    assert chosen(settings, None) is settings
    assert chosen(settings, "retro_ru").engines == [{"engine": "retro_ru", "rate": 80}]
    assert chosen(settings, "espeak_ng").engines == [{"engine": "espeak_ng"}]
