"""Phones, dates and times inside Russian texts, into words.

What no calendar, clock or telephone shows is left for `gateway.core.spoken_ru_numbers`.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.core.spoken_phones import PHONE, phone_groups
from gateway.core.spoken_ru import (
    NUMBER_MAX,
    Case,
    cardinal,
    clock_words,
    date_words,
    ordinal,
)
from gateway.core.spoken_ru_units import CASE_AFTER

_WORD_BEFORE: Final = re.compile(r"([а-яё]+) ?$", re.IGNORECASE)
_CONTEXT_CHARS_MAX: Final = 40  # no preposition or name is longer

_DAYS_IN_MONTH: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_HOURS_MAX, _MINUTES_MAX = 24, 59


def text_before(match: re.Match[str]) -> str:
    """Return the few words before the match."""
    start = match.start()
    return match.string[max(0, start - _CONTEXT_CHARS_MAX) : start]


def word_before(match: re.Match[str]) -> str:
    """Return the word right before the match, in small letters; empty if there is none."""
    found = _WORD_BEFORE.search(text_before(match))
    return found[1].lower() if found else ""


def case_before(match: re.Match[str]) -> Case:
    """Return the case that the preposition before a number asks for."""
    return CASE_AFTER.get(word_before(match), Case.NOMINATIVE)


def say_digits(digits: str) -> str:
    """Return a group of digits as people read one: its zeros, then the number."""
    number = digits.lstrip("0")
    words = ["ноль"] * (len(digits) - len(number))
    if number:
        words.append(cardinal(int(number)) if int(number) <= NUMBER_MAX else "")
    return " ".join(words)


# --- Phones ---------------------------------------------------------------------------------------


def say_phones(text: str) -> str:
    """Spell phones in groups, with a pause after each."""
    return PHONE.sub(_phone, text)


def _phone(match: re.Match[str]) -> str:
    groups = phone_groups(match[0])
    if groups is None:
        return match[0]
    plus = "плюс " if match[0].startswith("+") else ""
    return f" {plus}{', '.join(map(say_digits, groups))} "


# --- Dates ----------------------------------------------------------------------------------------

_MONTH: Final = (
    r"(?P<month>января|янв\.?|февраля|февр?\.?|марта|мар\.|апреля|апр\.?|мая|июня|июн\.|июля|июл\.|"
    r"августа|авг\.?|сентября|сент?\.?|октября|окт\.?|ноября|нояб?\.?|декабря|дек\.?)(?![а-яё])"
)
_MONTHS: Final = (
    "янв",
    "фев",
    "мар",
    "апр",
    "мая",
    "июн",
    "июл",
    "авг",
    "сен",
    "окт",
    "ноя",
    "дек",
)
_YEAR: Final = r"(?:,? ?(?P<year>(?:19|20)\d\d)(?!\d)(?: ?(?:года|г\.|г(?![а-яё.])))?)?"

_ISO: Final = re.compile(
    r"(?<![\d-])(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)(?:T(?=\d)|(?![\d-]))"
)
_NUMERIC: Final = re.compile(
    r"(?<![\d.,/-])(?P<day>\d\d?)(?P<sign>[./-])(?P<month>\d\d?)(?P=sign)"
    r"(?P<year>(?:19|20)\d\d|\d\d)(?![\d/-]|[.,]\d)(?: ?(?:года|г\.|г(?![а-яё.])))?"
)
_DAYS: Final = re.compile(
    r"(?<![\d.,:/-])(?P<first>\d\d)\.(?P<from>\d\d) ?(?:-|–|по) ?(?P<last>\d\d)\.(?P<to>\d\d)"
    r"(?![\d:]|[.,]\d)"
)
_DAY: Final = re.compile(
    r"(?<![\d.,:/-])(?P<day>\d\d)\.(?P<month>\d\d)"
    r"(?![\d:%₽]|[.,]\d| ?(?:р|тыс|млн|ч|час))"
)

_RANGE_IN_MONTH: Final = re.compile(
    r"(?:(?<![а-яё])[сС] )?(?<![\d.,:/-])(?P<first>\d\d?) ?(?:-|–|по) ?(?P<day>\d\d?) "
    rf"{_MONTH}{_YEAR}"
)
_IN_MONTH: Final = re.compile(
    rf"(?<![\d.,:/])(?P<day>\d\d?)(?:-?(?:го|ого|е|ое))? {_MONTH}{_YEAR}", re.IGNORECASE
)
_YEAR_OF_MONTH: Final = re.compile(
    r"(?P<month>январ|феврал|март|апрел|ма|июн|июл|август|сентябр|октябр|ноябр|декабр)"
    r"(?P<ending>[а-яё]{0,2}) (?P<year>(?:19|20)\d\d)(?!\d)(?: ?(?:года|г\.|г(?![а-яё.])))?"
)
_YEAR_ALONE: Final = re.compile(
    r"(?<![\d.,-])(?P<year>(?:19|20)\d\d)(?:-?(?:го|й|м))? ?"
    r"(?P<word>года|году|год|гг?\.|г(?![а-яё.]))(?![а-яё])"
)
_YEAR_CASES: Final = {
    "года": Case.GENITIVE,
    "году": Case.PREPOSITIONAL,
    "год": Case.NOMINATIVE,
}
_YEAR_WORDS: Final = ("год", "года", "году", "год", "году")


def say_dates(text: str) -> str:
    """Spell dates and years that the text writes in digits."""
    text = _ISO.sub(_date, text)
    text = _NUMERIC.sub(_date, text)
    text = _DAYS.sub(_days, text)
    text = _DAY.sub(_day, text)
    text = _RANGE_IN_MONTH.sub(_range_in_month, text)
    text = _IN_MONTH.sub(_in_month, text)
    text = _YEAR_OF_MONTH.sub(_year_of_month, text)
    return _YEAR_ALONE.sub(_year_alone, text)


def _is_day(day: int, month: int) -> bool:
    return 1 <= month <= len(_DAYS_IN_MONTH) and 1 <= day <= _DAYS_IN_MONTH[month - 1]


def _date_case(match: re.Match[str]) -> Case:
    """Return the case of a date: «двадцать четвёртого» unless a preposition wants another."""
    before = word_before(match)
    if before in ("на", "по", "за"):
        return Case.ACCUSATIVE
    return Case.DATIVE if before in ("к", "ко") else Case.GENITIVE


def _of_year(year: str | None) -> str:
    if not year:
        return ""
    number = int(year) if len(year) == len("2026") else 2000 + int(year)
    return f" {ordinal(number, Case.GENITIVE)} года"


def _date(match: re.Match[str]) -> str:
    day, month = int(match["day"]), int(match["month"])
    if not _is_day(day, month):
        return match[0]
    return f" {date_words(day, month, _date_case(match))}{_of_year(match['year'])} "


def _days(match: re.Match[str]) -> str:
    first, since, last, until = (int(match[name]) for name in ("first", "from", "last", "to"))
    if not (_is_day(first, since) and _is_day(last, until)):
        return match[0]
    start = "" if word_before(match) in ("с", "со") else "с "
    return f" {start}{date_words(first, since)} по {date_words(last, until, Case.ACCUSATIVE)} "


def _day(match: re.Match[str]) -> str:
    day, month = int(match["day"]), int(match["month"])
    if not _is_day(day, month) or word_before(match) == "в":
        return match[0]
    return f" {date_words(day, month, _date_case(match))} "


def _month_of(match: re.Match[str]) -> int:
    return _MONTHS.index(match["month"][:3].lower()) + 1


def _range_in_month(match: re.Match[str]) -> str:
    first, day, month = int(match["first"]), int(match["day"]), _month_of(match)
    if not (_is_day(first, month) and _is_day(day, month)):
        return match[0]
    last = date_words(day, month, Case.ACCUSATIVE)
    return f" с {ordinal(first, Case.GENITIVE)} по {last}{_of_year(match['year'])} "


def _in_month(match: re.Match[str]) -> str:
    day, month = int(match["day"]), _month_of(match)
    if not _is_day(day, month):
        return match[0]
    return f" {date_words(day, month, _date_case(match))}{_of_year(match['year'])} "


def _year_of_month(match: re.Match[str]) -> str:
    return f"{match['month']}{match['ending']}{_of_year(match['year'])} "


def _year_alone(match: re.Match[str]) -> str:
    before, written = word_before(match), match["word"]
    case = _YEAR_CASES.get(written)
    if case is None:
        case = {"в": Case.PREPOSITIONAL, "к": Case.DATIVE, "на": Case.ACCUSATIVE}.get(
            before, Case.GENITIVE
        )
    elif case is Case.PREPOSITIONAL and before in ("к", "по"):
        case = Case.DATIVE
    return f"{ordinal(int(match['year']), case)} {_YEAR_WORDS[case]} "


# --- Times ----------------------------------------------------------------------------------------

_O_CLOCK: Final = r"(?: ?(?:час(?:ов|а)?(?![а-яё])\.?|ч(?![а-яё])\.?))?"
_PERIOD: Final = re.compile(
    r"(?:(?<![а-яё])[сС] ?)?(?<![\d.,:])(?P<h1>\d\d?)(?P<dot>[:.])(?P<m1>\d\d)(?: ?(?:-|–) ?| до )"
    rf"(?P<h2>\d\d?)(?P=dot)(?P<m2>\d\d)(?!\d|[.,:]\d){_O_CLOCK}"
)
_TIME: Final = re.compile(
    rf"(?<![\d.,:])(?P<hour>\d\d?):(?P<minute>\d\d)(?::\d\d)?(?!\d|[.,:]\d){_O_CLOCK}"
)
_DOTTED_TIME: Final = re.compile(
    r"(?<![а-яё])(?P<before>в|с|до|к|на|от|после|около) ?(?P<hour>\d\d?)[.-](?P<minute>\d\d)"
    r"(?![\d%₽]|[.,:-]\d| ?(?:р|км|м|см|л|кг|мл|мг|г|тыс|млн)(?![а-яё])| ?руб| ?мину| ?дн)"
    rf"{_O_CLOCK}",
    re.IGNORECASE,
)
_HOURS_AND_MINUTES: Final = re.compile(
    r"(?<![\d.,:])(?P<hour>\d\d?) ?(?:ч\.?|час(?:ов|а|у)?\.?) ?"
    r"(?P<minute>\d\d?) ?мин(?:ут[ауы]?|\.)?(?![а-яё])"
)


def say_times(text: str) -> str:
    """Spell times of day and opening hours."""
    text = _HOURS_AND_MINUTES.sub(_time, text)
    text = _PERIOD.sub(_period, text)
    text = _TIME.sub(_time, text)
    return _DOTTED_TIME.sub(_dotted_time, text)


def _is_time(hour: int, minute: int) -> bool:
    return (hour < _HOURS_MAX and minute <= _MINUTES_MAX) or (hour, minute) == (_HOURS_MAX, 0)


def _time(match: re.Match[str]) -> str:
    hour, minute = int(match["hour"]), int(match["minute"])
    if not _is_time(hour, minute):
        return match[0]
    return f" {clock_words(hour, minute, case_before(match))} "


def _dotted_time(match: re.Match[str]) -> str:
    hour, minute = int(match["hour"]), int(match["minute"])
    if not _is_time(hour, minute):
        return match[0]
    case = CASE_AFTER.get(match["before"].lower(), Case.NOMINATIVE)
    return f"{match['before']} {clock_words(hour, minute, case)} "


def _period(match: re.Match[str]) -> str:
    """Return «с девяти до восемнадцати часов» for 9:00-18:00."""
    opening, closing = (int(match["h1"]), int(match["m1"])), (int(match["h2"]), int(match["m2"]))
    if not (_is_time(*opening) and _is_time(*closing)):
        return match[0]
    end = clock_words(*closing, Case.GENITIVE)
    if opening[1] or closing[1]:
        return f" с {clock_words(*opening, Case.GENITIVE)} до {end} "
    return f" с {cardinal(opening[0], Case.GENITIVE)} до {end} "
