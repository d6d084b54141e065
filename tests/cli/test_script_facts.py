from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli.script_facts import script_and_facts
from gateway.errors import InvalidInput
from gateway.settings import Loaded, Settings

FACTS = "name: Мария\nclinic: Здоровье\nstart: 2026-11-24T14:30\n"
DEFAULTS = Loaded(Settings(), "defaults", None)


def facts_in(folder: Path, text: str = FACTS) -> Path:
    file = folder / "facts.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_dialogue_and_its_facts_are_read(tmp_path: Path) -> None:
    script, facts = script_and_facts(DEFAULTS, "confirm_visit.en", facts_in(tmp_path))
    assert (script.language, facts["clinic"]) == ("en", "Zdorovye")


def test_a_folder_of_own_scripts_is_read(tmp_path: Path) -> None:
    product = Path("ivr_scripts/confirm_visit.ru.yaml").read_text(encoding="utf-8")
    own = product.replace("Мы не получили ответа.", "Мы вас не услышали.")
    (tmp_path / "confirm_visit.ru.yaml").write_text(own, encoding="utf-8")
    loaded = Loaded(Settings(scripts="."), "gateway.yaml", None, tmp_path)
    script, facts = script_and_facts(loaded, "confirm_visit.ru", facts_in(tmp_path))
    assert script.words("goodbye", facts)[0] == "Мы вас не услышали."


@pytest.mark.parametrize("name", ["confirm_visit", "confirm_visit.de", "survey.ru", ""])
def test_a_dialogue_that_does_not_exist_is_told_with_those_that_do(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(InvalidInput, match=r"--script: must be one of confirm_visit\.ru"):
        script_and_facts(DEFAULTS, name, facts_in(tmp_path))


@pytest.mark.parametrize(
    ("text", "problem"),
    [("name: Мария\nclinic: Здоровье\n", "date: is missing"), ("start: x", "start: must be")],
)
def test_facts_that_are_missing_or_wrong_are_told(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        script_and_facts(DEFAULTS, "confirm_visit.ru", facts_in(tmp_path, text))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        script_and_facts(DEFAULTS, "confirm_visit.ru", tmp_path / "nowhere.yaml")
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="not UTF-8"):
        script_and_facts(DEFAULTS, "confirm_visit.ru", tmp_path / "bad.yaml")
