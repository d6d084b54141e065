from __future__ import annotations

import random
from calendar import monthrange

import pytest
from num2words import num2words

from gateway.core.spoken_en import (
    MONTHS,
    NUMBER_MAX,
    cardinal,
    clock_words,
    date_words,
    ordinal,
    year_words,
)
from gateway.core.spoken_en_text import english
from gateway.core.spoken_en_words import english_specialty

NUMBERS = [*range(3000), *random.Random(7).sample(range(3000, NUMBER_MAX), 500), NUMBER_MAX]


def oracle(number: int, to: str = "cardinal") -> str:
    return num2words(number, lang="en", to=to).replace(",", "")


def test_cardinals_are_those_of_another_writer() -> None:
    assert [number for number in NUMBERS if cardinal(number) != oracle(number)] == []


def test_ordinals_are_those_of_another_writer() -> None:
    assert [number for number in NUMBERS if ordinal(number) != oracle(number, "ordinal")] == []


@pytest.mark.parametrize("number", [-1, NUMBER_MAX + 1])
def test_a_number_without_words_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="no words"):
        cardinal(number)


@pytest.mark.parametrize(
    ("year", "words"),
    [
        (1900, "nineteen hundred"),
        (1905, "nineteen oh five"),
        (1987, "nineteen eighty-seven"),
        (2000, "two thousand"),
        (2005, "two thousand and five"),
        (2010, "twenty ten"),
        (2026, "twenty twenty-six"),
        (476, "four hundred and seventy-six"),
    ],
)
def test_years_are_said_in_two_halves(year: int, words: str) -> None:
    assert year_words(year) == words


@pytest.mark.rule("C-3")
def test_all_days_of_a_year_are_right_and_different() -> None:
    days = [
        (day, month) for month in range(1, 13) for day in range(1, monthrange(2028, month)[1] + 1)
    ]
    said = {date_words(day, month) for day, month in days}
    assert said == {f"the {oracle(day, 'ordinal')} of {MONTHS[month - 1]}" for day, month in days}
    assert len(said) == len(days) == 366


@pytest.mark.parametrize(
    ("hour", "minute", "words"),
    [
        (0, 0, "midnight"),
        (0, 1, "one minute past midnight"),
        (0, 5, "five minutes past midnight"),
        (0, 30, "thirty minutes past midnight"),
        (1, 0, "one o'clock in the morning"),
        (9, 5, "nine oh five in the morning"),
        (11, 59, "eleven fifty-nine in the morning"),
        (12, 0, "twelve noon"),
        (12, 5, "twelve oh five in the afternoon"),
        (13, 0, "one o'clock in the afternoon"),
        (14, 30, "two thirty in the afternoon"),
        (17, 59, "five fifty-nine in the afternoon"),
        (18, 0, "six o'clock in the evening"),
        (23, 45, "eleven forty-five in the evening"),
    ],
)
def test_a_time_stands_behind_at(hour: int, minute: int, words: str) -> None:
    assert clock_words(hour, minute) == words


@pytest.mark.rule("C-3")
def test_all_minutes_of_a_day_are_different() -> None:
    said = {clock_words(hour, minute) for hour in range(24) for minute in range(60)}
    assert len(said) == 24 * 60


@pytest.mark.rule("C-3")
def test_every_time_names_its_hour_minute_and_part_of_the_day() -> None:
    for hour in range(1, 24):
        part = "morning" if hour < 12 else "afternoon" if hour < 18 else "evening"
        for minute in range(1, 60):
            name = oracle((hour - 1) % 12 + 1)
            rest = f"oh {oracle(minute)}" if minute < 10 else oracle(minute)
            assert clock_words(hour, minute) == f"{name} {rest} in the {part}"


@pytest.mark.rule("C-3")
@pytest.mark.parametrize(
    ("specialty", "words"),
    [
        ("УЗИ", "ultrasound doctor"),
        ("врач УЗИ", "ultrasound doctor"),
        ("врач-терапевт", "general practitioner"),
        ("врач невролог", "neurologist"),
        ("врач общей практики", "general practitioner"),
        ("МРТ", "radiologist"),
        ("врач ЛФК", "exercise therapy doctor"),
        ("Флейтист", "Флейтист"),
        ("Врач 1-й категории", "doctor"),
        ("Врач-кардиолог высшей категории, к.м.н.", "cardiologist"),
        ("мед. сестра", "nurse"),
        ("акуш.-гинеколог", "obstetrician and gynaecologist"),
    ],
)
def test_a_russian_specialty_is_said_in_english(specialty: str, words: str) -> None:
    assert english_specialty(specialty) == words


@pytest.mark.rule("C-3")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Кабинет УЗИ", "Kabinet ultrasound"),
        ("«МРТ-Центр»", "M R I-Tsentr"),
        ("ООО «АВИЦЕННА»", "Avitsenna"),
        ("ЦЕНТР ЗДОРОВЬЯ НА ЛЕНИНА", "Tsentr Zdorovya na Lenina"),
        ("МЦ Добрый доктор", "medical centre Dobry doktor"),
        ("УЗТ", "U Z T"),
        ("ЛФТ", "L F T"),
    ],
)
def test_russian_capitals_are_said_by_their_meaning_or_letter_by_letter(
    text: str, words: str
) -> None:
    assert english(text) == words
