"""What clinics really write, each with the words that are expected of the robot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.core.spoken import speech, spoken_specialty

CORPUS = yaml.safe_load((Path(__file__).parent / "spoken_corpus.yaml").read_text("utf-8"))
TEXTS = {language: CORPUS[language] for language in ("ru", "en")}

# The specialties for which the engines' table of stresses was made.
STRESSED_SPECIALTIES = """
    аллерголог анестезиолог гастроэнтеролог гематолог гинеколог дерматолог диетолог имплантолог
    инфекционист кардиолог косметолог лаборант логопед маммолог медсестра нарколог невролог нефролог
    онколог ортодонт ортопед остеопат отоларинголог офтальмолог пародонтолог педиатр проктолог
    психиатр психотерапевт пульмонолог реабилитолог ревматолог рентгенолог стоматолог терапевт
    травматолог уролог фельдшер физиотерапевт флеболог хирург эндокринолог
"""


def groups() -> list[Any]:
    return [
        pytest.param(language, rows, id=f"{language}: {kind}")
        for language, kinds in TEXTS.items()
        for kind, rows in kinds.items()
    ]


def test_the_corpus_is_broad() -> None:
    counts = {
        language: sum(len(rows) for rows in kinds.values()) for language, kinds in TEXTS.items()
    }
    assert counts["ru"] >= 500
    assert counts["en"] >= 100
    assert len(CORPUS["specialties"]["ru"]) >= 100


@pytest.mark.rule("C-3")
@pytest.mark.parametrize(("language", "rows"), groups())
def test_what_clinics_write_is_said_as_a_person_would(language: str, rows: dict[str, str]) -> None:
    misread = {
        written: got for written, said in rows.items() if (got := speech(written, language)) != said
    }
    assert misread == {}


@pytest.mark.parametrize(("language", "rows"), groups())
def test_what_is_said_is_said_again_alike(language: str, rows: dict[str, str]) -> None:
    changed = {said: got for said in rows.values() if (got := speech(said, language)) != said}
    assert changed == {}


def test_specialties_stand_inside_a_sentence() -> None:
    rows = CORPUS["specialties"]["ru"]
    misread = {
        written: got
        for written, said in rows.items()
        if (got := spoken_specialty(written, "ru")) != said
    }
    assert misread == {}


@pytest.mark.parametrize("specialty", STRESSED_SPECIALTIES.split())
def test_a_specialty_is_a_small_word_however_it_is_written(specialty: str) -> None:
    written = (specialty, specialty.capitalize(), specialty.upper(), f" {specialty}. ")
    assert {spoken_specialty(text, "ru") for text in written} == {specialty}
    assert spoken_specialty(f"Врач-{specialty}", "ru") == f"врач-{specialty}"
    assert spoken_specialty(f"{specialty} дет.", "ru") == f"{specialty} детский"
