"""Where Russian words are stressed."""

from __future__ import annotations

import pytest

from adapters.speech import stress

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


def test_a_change_of_table_or_rules_changes_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = stress.version()
    monkeypatch.setattr(stress, "SUFFIXES", stress.SUFFIXES[:-1])
    stress.version.cache_clear()
    changed = stress.version()
    stress.version.cache_clear()
    assert changed != before
