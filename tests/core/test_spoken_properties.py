"""What holds for any text at all: nothing that an engine could misread is left."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core import spoken, spoken_en_words, spoken_ru_units, spoken_ru_words
from gateway.core.model import Person
from gateway.core.spoken import LANGUAGES, speech, spoken_doctor, spoken_name, spoken_specialty

SAYABLE = {
    "ru": re.compile(r"[а-яёА-ЯЁ ,.!?-]*").fullmatch,
    "en": re.compile(r"[a-zA-Z ,.!?'-]*").fullmatch,
}
ODD_PAUSES = re.compile(r"^[ ,.!?-]|  | [,.!?]|[,.!?][,.!?]|[ ,-]$|[^\w'] ?-|-[^\w]").search


def words_in(text: str) -> list[str]:
    return text.split()


WRITTEN_SHORT = sorted(
    {
        *spoken_ru_words.DECLINED, *spoken_ru_words.PHRASES, *spoken_ru_words.WITH_STOP,
        *spoken_ru_words.ADJECTIVES, *spoken_ru_words.WHOLE, *spoken_ru_words.WEEKDAYS,
        *spoken_ru_words.LEGAL_FORMS, *spoken_ru_words.OWNERS, *spoken_ru_words.SMALL_WORDS,
        *spoken_ru_words.AS_WORDS, *spoken_ru_words.BY_LETTERS, *spoken_ru_units.UNITS,
        *spoken_ru_units.ORDINAL_NOUNS, *spoken_ru_units.MENU_WORDS, *spoken_ru_units.CASE_AFTER,
        *spoken_en_words.WITH_STOP, *spoken_en_words.WITHOUT_STOP, *spoken_en_words.COUNTED,
    }
)  # fmt: skip
DRESSES = words_in(
    """
    И. С. Петров Smile 1 05 24/7 14:30 24.11.2026 № д. 5-й 2-х 3-5 12.05 1,5 8(343)300-00-00
    % + - – . , ! ? / ( ) ' я го й IV X Dr. info@a.ru В января ноя 2026 г. a.m. pm 2nd of May Sat
"""
)
PIECES = st.sampled_from(WRITTEN_SHORT + DRESSES).flatmap(
    lambda piece: st.sampled_from([piece, piece.upper(), piece.capitalize()])
)
SEPARATORS = st.sampled_from([" ", ". ", ", ", "-", "/", ".", "", "\n", "\n\n", " 2 "])
WRITTEN = st.one_of(
    st.text(),
    st.text(alphabet="абвгдклмнопрстуАБВИ.,-0129 :/№", max_size=40),
    st.text(alphabet="abcdnoprstADMP.,-0129 :/'", max_size=40),
    st.lists(st.tuples(PIECES, SEPARATORS), max_size=12).map(
        lambda pairs: "".join([piece + separator for piece, separator in pairs])
    ),
)
EVERY_LANGUAGE = pytest.mark.parametrize("language", LANGUAGES)


@pytest.mark.rule("C-3")
@EVERY_LANGUAGE
@settings(deadline=None)
@given(text=WRITTEN)
def test_only_letters_and_pauses_reach_an_engine(language: str, text: str) -> None:
    said = speech(text, language)
    assert SAYABLE[language](said), said
    assert not ODD_PAUSES(said), said


@EVERY_LANGUAGE
@settings(deadline=None)
@given(text=WRITTEN)
def test_what_is_said_is_never_changed_again(language: str, text: str) -> None:
    said = speech(text, language)
    assert speech(said, language) == said


@EVERY_LANGUAGE
@settings(deadline=None)
@given(text=WRITTEN, overrides=st.dictionaries(PIECES, st.text(max_size=12), max_size=3))
def test_readings_of_a_clinic_open_no_way_around(
    language: str, text: str, overrides: dict[str, str]
) -> None:
    said = speech(text, language, overrides)
    assert SAYABLE[language](said)
    assert speech(said, language) == said


@EVERY_LANGUAGE
@settings(deadline=None)
@given(number=st.integers(0, 10**15), before=PIECES, after=PIECES)
def test_no_number_is_lost(language: str, number: int, before: str, after: str) -> None:
    said = speech(f"Слово {number}", language)
    assert len(said.split()) > 1
    assert SAYABLE[language](speech(f"{before} {number} {after}", language))


@pytest.mark.rule("C-3")
@pytest.mark.parametrize(
    ("key", "name"),
    [("1", "один"), ("2", "два"), ("3", "три"), ("0", "ноль"), ("9", "девять")],
)
@settings(deadline=None, max_examples=50)
@given(before=PIECES, word=st.sampled_from(sorted(spoken_ru_units.MENU_WORDS)))
def test_a_key_of_the_menu_is_always_called_alike(
    key: str, name: str, before: str, word: str
) -> None:
    said = speech(f"{before}. {word} {key}. До приёма.", "ru")
    assert said.endswith(f"{word} {name}. До приёма.")


@settings(deadline=None)
@given(first=WRITTEN, middle=WRITTEN, last=st.text(max_size=10))
def test_names_of_people_are_letters_or_nothing(first: str, middle: str, last: str) -> None:
    person = Person("P-1", first, middle, last)
    for language in LANGUAGES:
        for said in (
            spoken_name(person, language),
            spoken_doctor(first, language),
            spoken_specialty(middle, language),
        ):
            assert SAYABLE[language](said)


@EVERY_LANGUAGE
@pytest.mark.parametrize("piece", ["а", "1", "И.", "ул. ", "1-", "12.05-", "A.a", "Я "])
def test_a_long_text_takes_no_longer_than_its_length_says(language: str, piece: str) -> None:
    """Sixteen times the text takes about sixteen times as long, not 256 times."""
    short = min(seconds_for(piece * 500, language) for _ in range(3))
    assert seconds_for(piece * 8_000, language) < 100 * short + 0.1


def seconds_for(text: str, language: str) -> float:
    start = time.perf_counter()
    spoken._speech.__wrapped__(text, language, ())
    return time.perf_counter() - start
