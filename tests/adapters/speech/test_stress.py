"""Where Russian words are stressed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from num2words import num2words

from adapters.speech import stress

ROOT = Path(__file__).parents[3]
VOWELS = "аеёиоуыэюя"


def test_every_word_of_the_table_has_one_mark_before_a_vowel() -> None:
    for word, marked in stress.table().items():
        assert marked.replace("+", "") == word == word.lower()
        assert marked.count("+") == 1
        assert marked[marked.index("+") + 1] in VOWELS


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("Вас примет терапевт", "В+ас пр+имет терап+евт"),
        ("Кардиолог", "Карди+олог"),
        ("вертебрологу", "вертебр+ологу"),
        ("отделение вертебрологии", "отдел+ение вертеброл+огии"),
        ("колоноскопия", "колоноскоп+ия"),
        ("иглорефлексотерапия", "иглорефлексотерап+ия"),
        ("окулиста", "окул+иста"),
        ("консультацию", "консульт+ацию"),
        ("стоматологическая", "стоматолог+ическая"),
        ("Шевченко", "Шевч+енко"),
        ("Петросян", "Петрос+ян"),
        ("Ковальчук", "Ковальч+ук"),
        ("Лисицыной", "Лис+ицыной"),
        ("самолётик", "самол+ётик"),
    ],
)
def test_words_are_stressed_where_people_stress_them(text: str, marked: str) -> None:
    assert stress.stressed(text) == marked


@pytest.mark.parametrize("text", ["", "врач", "Ян", "лист", "Hello", "абвгд", "ЛОР, да."])
def test_what_needs_no_mark_or_has_no_rule_stays_as_it_is(text: str) -> None:
    assert stress.stressed(text) == text


def test_capitals_and_punctuation_stay() -> None:
    assert stress.stressed("Петров, ПРИМЕТ!") == "Петр+ов, ПР+ИМЕТ!"


def test_the_rules_agree_with_the_table() -> None:
    """The table was made by another means, so it is an oracle of the rules."""
    compared = 0
    for word, marked in stress.table().items():
        place = stress.place_by_rule(word)
        if place is not None and "ё" not in word:
            compared += 1
            assert f"{word[:place]}+{word[place:]}" == marked
    assert compared > 100


def test_every_word_of_the_russian_script_is_stressed() -> None:
    """Words of one syllable aside, and facts: those come from the clinic."""
    script = (ROOT / "ivr_scripts" / "confirm_visit.ru.yaml").read_text(encoding="utf-8")
    said = "\n".join(re.findall(r"^ {6}- (.*)$", script, re.MULTILINE))
    words = set(re.findall(r"[а-яё]+", re.sub(r"\{\w+\}", "", said).lower()))
    assert len(words) > 50
    long = {word for word in words if sum(letter in VOWELS for letter in word) > 1}
    assert not {word for word in long if "+" not in stress.stressed_word(word)}


@pytest.mark.parametrize("kind", ["cardinal", "ordinal"])
def test_every_number_is_stressed(kind: str) -> None:
    said = " ".join(num2words(number, lang="ru", to=kind) for number in range(1, 1000))
    words = set(re.findall(r"[а-яё]+", said))
    if kind == "ordinal":  # hundreds are rare: the twentieth floor, the thirty-first of December
        words = {word for word in words if "сот" not in word or len(word) < 6}
    long = {word for word in words if sum(letter in VOWELS for letter in word) > 1}
    assert not {word for word in long if "+" not in stress.stressed_word(word)}


def test_a_change_of_table_or_rules_changes_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = stress.version()
    monkeypatch.setattr(stress, "SUFFIXES", stress.SUFFIXES[:-1])
    stress.version.cache_clear()
    changed = stress.version()
    stress.version.cache_clear()
    assert changed != before
