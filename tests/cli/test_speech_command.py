"""`callahead speech setup`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from adapters.speech import engines
from gateway.errors import CallaheadError
from tests.cli.conftest import Command

Tell = Callable[[str], None]


def replaced(monkeypatch: pytest.MonkeyPatch, work: object) -> None:
    monkeypatch.setattr(engines, "SETUPS", {"rhvoice": work})


def test_the_settings_to_add_are_data_and_the_rest_is_words(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(folder: Path, tell: Tell) -> Mapping[str, object]:
        tell("fetching …")
        return {"library": str(folder / "lib"), "voice": "anna"}

    replaced(monkeypatch, work)
    done = command("speech", "setup", "rhvoice", "--data", tmp_path)
    assert done.code == 0
    [first, second] = yaml.safe_load(done.out)["speech"]["engines"]
    library = str(tmp_path / "speech" / "rhvoice" / "lib")
    assert first == {"engine": "rhvoice", "library": library, "voice": "anna"}
    assert second == {"engine": "espeak_ng"}
    assert "fetching …" in done.err


def test_what_is_not_possible_is_told(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(folder: Path, tell: Tell) -> Mapping[str, object]:
        raise CallaheadError("this machine has no apt-get")

    replaced(monkeypatch, work)
    done = command("speech", "setup", "rhvoice")
    assert (done.code, done.out) == (1, "")
    assert done.err == "callahead: this machine has no apt-get\n"


def test_speech_alone_says_what_it_can_do(command: Command) -> None:
    done = command("speech")
    assert done.code == 2
    assert "setup" in done.err
