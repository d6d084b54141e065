"""What the robot says, in words that every speech engine reads alike (rule C-3).

Engines differ in how they read digits, abbreviations and signs, and most read them wrong in
Russian. So nothing of that kind reaches one: `speech` spells any text out, and dates and times are
put in the right case here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from gateway.core import spoken_en, spoken_ru
from gateway.core.clinic import Branch
from gateway.core.hours import local
from gateway.core.model import Appointment, Person
from gateway.core.spoken_en_text import english
from gateway.core.spoken_en_words import english_specialty
from gateway.core.spoken_people import first_and_middle, full_name, is_stand_in
from gateway.core.spoken_ru_text import russian
from gateway.core.spoken_signs import clean

NO_OVERRIDES: Final[Mapping[str, str]] = MappingProxyType({})

_PASSES_MAX: Final = 6
_PIECE_CHARS_MAX: Final = 500
"""Longer than any sentence that a patient could follow."""

_CACHED_MAX: Final = 4096
"""So many texts are remembered: the sentences of all scripts and the doctors of a few clinics."""


class _Language(NamedTuple):
    read: Callable[[str], str]
    weekday: tuple[str, ...]
    date: Callable[[int, int], str]
    time: Callable[[int, int], str]
    at: str


_LANGUAGES: Final = {
    "ru": _Language(
        russian, spoken_ru.ON_WEEKDAYS, spoken_ru.date_words, spoken_ru.clock_words, "в"
    ),
    "en": _Language(
        english,
        tuple(f"on {day}" for day in spoken_en.WEEKDAYS),
        spoken_en.date_words,
        spoken_en.clock_words,
        "at",
    ),
}
LANGUAGES: Final = tuple(_LANGUAGES)
"""Codes of the languages that are spoken."""


def speech(text: str, language: str, overrides: Mapping[str, str] = NO_OVERRIDES) -> str:
    """Return the text in the letters of the language, spaces, and , . ! ? - between and in words.

    English keeps apostrophes inside words. What cannot be said is left out; a text that is already
    spoken comes back as it is. `overrides` are the clinic's own readings, written form to spoken
    form: whole words, capitals and «ё» aside, the longest first, before everything else.
    Raise `ValueError` for a language that is not spoken.
    """
    return _speech(text, _known(language), tuple(sorted(overrides.items())))


@lru_cache(maxsize=_CACHED_MAX)
def _speech(text: str, language: str, overrides: tuple[tuple[str, str], ...]) -> str:
    read = _LANGUAGES[language].read
    text = clean(text)
    if overrides:
        text = _with_overrides(text, language, overrides)
    return " ".join([said for piece in _pieces(text) if (said := _settled(read, piece))])


def _settled(read: Callable[[str], str], text: str) -> str:
    """Read the text until nothing changes.

    What one pass leaves out may bring together what the next one reads; no pass undoes another.
    """
    for _ in range(_PASSES_MAX):
        before, text = text, read(clean(text))
        if text == before:
            break
    return text


def _pieces(text: str) -> Iterator[str]:
    """Cut a long text at its sentences, else at its words, so that the work grows evenly."""
    while len(text) > _PIECE_CHARS_MAX:
        head = text[:_PIECE_CHARS_MAX]
        cut = max(head.rfind(". "), head.rfind("! "), head.rfind("? ")) + 1
        cut = cut or head.rfind(" ") + 1 or _PIECE_CHARS_MAX
        yield text[:cut]
        text = text[cut:].lstrip()
    yield text


def _known(language: str) -> str:
    code = language[:2].lower()
    if code not in _LANGUAGES:
        raise ValueError(f"no speech in the language {language!r}: {', '.join(LANGUAGES)}")
    return code


# --- Overrides ------------------------------------------------------------------------------------


def _with_overrides(text: str, language: str, overrides: tuple[tuple[str, str], ...]) -> str:
    pattern, spoken = _reading(language, overrides)
    if pattern is None:
        return text
    return pattern.sub(lambda match: spoken.get(_folded(match[0]), match[0]), text)


@lru_cache(maxsize=256)
def _reading(
    language: str, overrides: tuple[tuple[str, str], ...]
) -> tuple[re.Pattern[str] | None, dict[str, str]]:
    """Return what finds the written forms, and their spoken forms.

    It finds spoken forms too, so that one in which a written form stands is not read twice.
    """
    spoken = {_folded(clean(written)): clean(said) for written, said in overrides}
    spoken.pop("", None)
    already_said = {_folded(_speech(said, language, ())) for said in spoken.values()} - {""}
    found = sorted(already_said | spoken.keys(), key=lambda written: (-len(written), written))
    if not spoken:
        return None, spoken
    return re.compile("|".join(map(_whole_word, found)), re.IGNORECASE), spoken


def _whole_word(written: str) -> str:
    start = r"(?<!\w)" if written[0].isalnum() else ""
    end = r"(?!\w)" if written[-1].isalnum() else ""
    return start + re.escape(written).replace("е", "[её]") + end


def _folded(written: str) -> str:
    return written.lower().replace("ё", "е")


# --- Dates and times ------------------------------------------------------------------------------


def spoken_time(moment: datetime, zone: str, language: str) -> str:
    """Return the time of day there, as it follows «в», "at": «четырнадцать часов тридцать минут».

    `zone` is an IANA name. Seconds are not said.
    """
    wall = local(moment, zone)
    return _LANGUAGES[_known(language)].time(wall.hour, wall.minute)


def spoken_date(moment: datetime, zone: str, language: str) -> str:
    """Return the day of the month there: «двадцать четвёртого ноября»."""
    wall = local(moment, zone)
    return _LANGUAGES[_known(language)].date(wall.day, wall.month)


def spoken_day(moment: datetime, zone: str, language: str) -> str:
    """Return weekday and date there: «во вторник, двадцать четвёртого ноября»."""
    weekday = _LANGUAGES[_known(language)].weekday[local(moment, zone).weekday()]
    return f"{weekday}, {spoken_date(moment, zone, language)}"


def spoken_when(moment: datetime, zone: str, language: str) -> str:
    """Return day and time there: «во вторник, двадцать четвёртого ноября, в десять часов»."""
    at = _LANGUAGES[_known(language)].at
    return f"{spoken_day(moment, zone, language)}, {at} {spoken_time(moment, zone, language)}"


# --- People and facts -----------------------------------------------------------------------------


def spoken_name(patient: Person, language: str, overrides: Mapping[str, str] = NO_OVERRIDES) -> str:
    """Return how the robot addresses the contact person: «Мария Ивановна», never a surname.

    Empty when the schedule does not say: no name, a stand-in like «Тест», an initial.
    """
    return speech(first_and_middle(patient), language, overrides)


def spoken_doctor(name: str, language: str, overrides: Mapping[str, str] = NO_OVERRIDES) -> str:
    """Return a doctor's full name as it is written; initials and notes in brackets are left out."""
    return speech(full_name(name), language, overrides)


def spoken_specialty(
    specialty: str, language: str, overrides: Mapping[str, str] = NO_OVERRIDES
) -> str:
    """Return a specialty as it stands inside a sentence: «врач-терапевт участковый».

    The common Russian ones have their English names in English, unless an override says otherwise.
    """
    if is_stand_in(specialty):
        return ""
    if _known(language) == "en" and specialty not in overrides:
        specialty = english_specialty(specialty)
    said = speech(specialty, language, overrides).rstrip(" .,!?")
    return _WORDS_WITH_CAPITALS.sub(lambda word: word[0].lower(), said)


def call_facts(
    snapshot: Appointment,
    branch: Branch,
    language: str,
    overrides: Mapping[str, str] = NO_OVERRIDES,
    *,
    state: str = "",
) -> dict[str, str]:
    """Return the facts that sentences of a call may name, in words (rules C-3, W-1).

    What is unknown is empty. `state` says how the visit stands now, in the words of the texts. A
    clinic's name loses a «клиника» in front: sentences say «в клинике {clinic}».
    """
    start, zone = snapshot.start, branch.timezone
    clinic = speech(branch.name_in_messages or branch.name, language, overrides)
    return {
        "name": spoken_name(snapshot.patient, language, overrides),
        "clinic": _CLINIC_BEFORE.sub("", clinic),
        "specialty": spoken_specialty(snapshot.doctor.specialty, language, overrides),
        "doctor": spoken_doctor(snapshot.doctor.name, language, overrides),
        "when": spoken_when(start, zone, language),
        "day": spoken_day(start, zone, language),
        "date": spoken_date(start, zone, language),
        "time": spoken_time(start, zone, language),
        "phone": speech(branch.phone, language, overrides),
        "state": speech(state, language, overrides),
    }


_CLINIC_BEFORE: Final = re.compile(r"^(?:клиника|clinic|klinika),? (?=\S)", re.IGNORECASE)
_WORDS_WITH_CAPITALS: Final = re.compile(r"[^\W\d_]{2,}")
