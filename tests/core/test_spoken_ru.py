"""Russian grammar against num2words, which writes numbers by rules of its own."""

from __future__ import annotations

import random
import re
from calendar import monthrange
from typing import Any

import pytest
from num2words import num2words

from gateway.core.spoken_ru import (
    HOUR,
    MINUTE,
    MONTHS,
    NUMBER_MAX,
    Case,
    Gender,
    cardinal,
    clock_words,
    count_of,
    counted,
    date_words,
    ordinal,
    prefix,
)
from gateway.core.spoken_ru_units import UNITS

CASES = {Case.NOMINATIVE: "n", Case.GENITIVE: "g", Case.DATIVE: "d", Case.ACCUSATIVE: "a",
         Case.PREPOSITIONAL: "p"}  # fmt: skip
GENDERS = {Gender.MASCULINE: "m", Gender.FEMININE: "f", Gender.NEUTER: "n"}
ZERO = {"ноля": "нуля", "нолю": "нулю", "ноле": "нуле"}  # both are right
ONE_THOUSAND = re.compile(r"^(?:одна|одной|одну) (?=тысяч)")
NUMBERS = [*range(2200), *random.Random(7).sample(range(2200, 1_000_000), 300)]

# The nouns of a clock by the last digits of the number, written out for this test.
HOURS = {"one": "час", "few": "часа", "many": "часов"}
MINUTES = {"one": "минуту", "few": "минуты", "many": "минут"}


def oracle(number: int, case: Case, gender: Gender, **options: Any) -> str:
    words = num2words(
        number, lang="ru", case=CASES[case], gender=GENDERS[gender], animate=False, **options
    )
    return ONE_THOUSAND.sub("", ZERO.get(words, words))


def kind(number: int) -> str:
    if number % 100 in range(11, 15):
        return "many"
    return {1: "one", 2: "few", 3: "few", 4: "few"}.get(number % 10, "many")


@pytest.mark.parametrize("gender", Gender)
@pytest.mark.parametrize("case", Case)
def test_cardinals_are_declined(case: Case, gender: Gender) -> None:
    wrong = [
        (number, cardinal(number, case, gender))
        for number in NUMBERS
        if cardinal(number, case, gender) != oracle(number, case, gender)
    ]
    assert wrong == []


@pytest.mark.parametrize("gender", Gender)
@pytest.mark.parametrize("case", Case)
def test_ordinals_are_declined(case: Case, gender: Gender) -> None:
    wrong = [
        (number, ordinal(number, case, gender))
        for number in range(2200)
        if ordinal(number, case, gender) != oracle(number, case, gender, to="ordinal")
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (10_000_000, "десять миллионов"),
        (1_001_001, "один миллион одна тысяча один"),
        (2_000_000_002, "два миллиарда два"),
        (NUMBER_MAX, f"{cardinal(999)} миллиардов {cardinal(999)} миллионов {cardinal(999_999)}"),
    ],
)
def test_large_numbers_have_words(number: int, words: str) -> None:
    assert cardinal(number) == words


@pytest.mark.parametrize("number", [-1, NUMBER_MAX + 1])
def test_a_number_without_words_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="no words"):
        cardinal(number)


@pytest.mark.parametrize("number", [-1, 10**6])
def test_a_place_without_words_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="no ordinal"):
        ordinal(number)


@pytest.mark.rule("C-3")
def test_all_days_of_a_year_are_right_and_different() -> None:
    days = [
        (day, month) for month in range(1, 13) for day in range(1, monthrange(2028, month)[1] + 1)
    ]
    said = {}
    for day, month in days:
        place = oracle(day, Case.GENITIVE, Gender.NEUTER, to="ordinal")
        said[day, month] = date_words(day, month)
        assert said[day, month] == f"{place} {MONTHS[month - 1]}"
    assert len(set(said.values())) == len(days) == 366


@pytest.mark.rule("C-3")
def test_all_minutes_of_a_day_are_right_and_different() -> None:
    said = set()
    for hour in range(24):
        for minute in range(60):
            words = [oracle(hour, Case.ACCUSATIVE, Gender.MASCULINE), HOURS[kind(hour)]]
            if minute:
                words += [oracle(minute, Case.ACCUSATIVE, Gender.FEMININE), MINUTES[kind(minute)]]
            assert clock_words(hour, minute) == " ".join(words)
            said.add(" ".join(words))
    assert len(said) == 24 * 60


@pytest.mark.parametrize(
    ("hour", "minute", "words"),
    [
        (1, 1, "один час одну минуту"),
        (21, 21, "двадцать один час двадцать одну минуту"),
        (0, 0, "ноль часов"),
        (0, 5, "ноль часов пять минут"),
        (12, 0, "двенадцать часов"),
        (2, 2, "два часа две минуты"),
        (23, 59, "двадцать три часа пятьдесят девять минут"),
    ],
)
def test_a_time_stands_behind_the_preposition(hour: int, minute: int, words: str) -> None:
    assert clock_words(hour, minute) == words


def test_a_time_has_other_cases_too() -> None:
    assert clock_words(21, 1, Case.GENITIVE) == "двадцати одного часа одной минуты"
    assert clock_words(9, 30, Case.DATIVE) == "девяти часам тридцати минутам"
    assert clock_words(1, 1, Case.NOMINATIVE) == "один час одна минута"


def test_dates_have_no_letter_e_for_yo() -> None:
    assert date_words(4, 5) == "четвёртого мая"
    assert date_words(24, 11, Case.ACCUSATIVE) == "двадцать четвёртое ноября"


@pytest.mark.parametrize("number", [1, 2, 5, 11, 12, 21, 101, 111, 112, 121, 122])
def test_nouns_follow_their_number(number: int) -> None:
    assert counted(number, MINUTE, Case.ACCUSATIVE) == MINUTES[kind(number)]
    assert counted(number, HOUR) == HOURS[kind(number)]


def test_nouns_follow_their_number_in_other_cases() -> None:
    assert count_of(21, MINUTE, Case.GENITIVE) == "двадцати одной минуты"
    assert count_of(22, MINUTE, Case.GENITIVE) == "двадцати двух минут"
    assert count_of(3, HOUR, Case.DATIVE) == "трём часам"
    assert count_of(11, HOUR, Case.PREPOSITIONAL) == "одиннадцати часах"


def test_every_unit_has_all_its_forms() -> None:
    for unit in UNITS.values():
        assert len(unit.one) == len(Case)
        assert len(unit.many) == 3
        assert all(re.fullmatch(r"[а-яё]+", form) for form in unit.one + unit.many)


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (1, "одно"),
        (2, "двух"),
        (5, "пяти"),
        (24, "двадцатичетырёх"),
        (40, "сорока"),
        (90, "девяносто"),
        (100, "сто"),
        (150, "стопятидесяти"),
        (1000, "тысяче"),
    ],
)
def test_a_number_begins_a_word(number: int, word: str) -> None:
    assert prefix(number) == word
