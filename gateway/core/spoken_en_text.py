"""Any English text as words (rule C-3): abbreviations, initials, capitals, numbers.

The text comes from `gateway.core.spoken_signs.clean`; only words and punctuation are left of it.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.core.spoken_en import (
    MONTHS,
    WEEKDAYS,
    cardinal,
    clock_words,
    date_words,
    ordinal,
    year_words,
)
from gateway.core.spoken_en_words import (
    BY_LETTERS,
    COUNTED,
    COUNTRIES,
    ENDS_SENTENCES,
    LEGAL_FORMS,
    NO_STREETS,
    RUSSIAN_CAPITALS,
    SMALL_WORDS,
    WITH_STOP,
    WITHOUT_STOP,
)
from gateway.core.spoken_phones import PHONE, phone_groups
from gateway.core.spoken_ru_words import with_yo
from gateway.core.spoken_scripts import in_latin
from gateway.core.spoken_signs import CYRILLIC, LATIN, WEB_ADDRESS, tidy

_DIGITS_OF_NUMBER_MAX: Final = 9
"""Longer digits are a code, read digit by digit."""


def english(text: str) -> str:
    """Return the text in Latin letters, spaces, apostrophes inside words and , . ! ? - alone."""
    for step in _STEPS:
        text = step(text)
    return tidy(text, LATIN, apostrophes=True)


def say_digits(digits: str) -> str:
    """Return digits one by one: "three four three"."""
    return " ".join([cardinal(int(digit)) for digit in digits])


# --- Other letters, addresses, phones -------------------------------------------------------------

_CYRILLIC_WORD: Final = re.compile(rf"[{CYRILLIC}]+")


def _letters(text: str) -> str:
    return _CYRILLIC_WORD.sub(lambda match: _latin(match[0]), text)


def _latin(word: str) -> str:
    """Return a Russian word in Latin letters: what capitals mean, or the capitals themselves."""
    if len(word) > 1 and word.isupper():
        meant = RUSSIAN_CAPITALS.get(word)
        return in_latin(word).upper() if meant is None else meant
    return in_latin(with_yo(word))


def _addresses(text: str) -> str:
    return WEB_ADDRESS.sub(_address, text)


def _address(match: re.Match[str]) -> str:
    if "@" not in match[0] and match[0].count(".") == 1 and len(match[0]) <= len("e.g"):
        return match[0]
    address = match["place"]
    return f" {address.replace('.', ' dot ').replace('@', ' at ').replace('/', ' slash ')} "


def _phones(text: str) -> str:
    return PHONE.sub(_phone, text)


def _phone(match: re.Match[str]) -> str:
    groups = phone_groups(match[0])
    if groups is None:
        return match[0]
    plus = "plus " if match[0].startswith("+") else ""
    return f" {plus}{', '.join(map(say_digits, groups))} "


# --- Abbreviations --------------------------------------------------------------------------------


def _keys(words: dict[str, str]) -> str:
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


_INITIAL: Final = re.compile(
    r"(?<![\w.&])[A-Z]\. ?(?=(?:[A-Z]\. ?)*[A-Z][a-z])|(?<=[a-z]) (?:[A-Z]\. ?){1,3}(?=$|[,;)])"
)
_DOTTED: Final = re.compile(r"(?<![\w.])(?:[A-Z]\.){2,}")
_SAINT: Final = re.compile(r"(?:\b(?P<before>[A-Z][a-z]+) )?\b[Ss]t\.? (?=[A-Z][a-z]+)")
_STREET: Final = re.compile(r"\b[Ss]t\.(?!\w)")
_NUMBER_SIGN: Final = re.compile(r"(?<!\w)(?:[Nn]o\.? ?|Nos\. ?|№+ ?|# ?)(?=\d)")
_STOPPED: Final = re.compile(rf"(?<![\w.-])(?P<word>{_keys(WITH_STOP)})\.(?!\w)", re.IGNORECASE)
_UNSTOPPED: Final = re.compile(rf"(?<![\w.'-])(?:{_keys(WITHOUT_STOP)})(?![\w'])")


def _abbreviations(text: str) -> str:
    text = _NUMBER_SIGN.sub(" number ", text)
    text = _STREET.sub(_street, _SAINT.sub(_saint, text))
    text = _STOPPED.sub(_stopped, text)
    text = _UNSTOPPED.sub(lambda match: WITHOUT_STOP[match[0]], text)
    text = _DOTTED.sub(_dotted, text)
    return _INITIAL.sub("", text)


def _is_last(match: re.Match[str]) -> bool:
    return bool(re.match(r" [A-Z]", match.string[match.end() :]))


def _saint(match: re.Match[str]) -> str:
    """Tell a street from a saint by what is before: «Baker St. Clinic», «at St. Mary's»."""
    before = match["before"]
    if not before:
        return "Saint "
    return f"{before} {'Saint' if before in NO_STREETS else 'Street'} "


def _street(match: re.Match[str]) -> str:
    return "Street. " if _is_last(match) else "Street "


def _stopped(match: re.Match[str]) -> str:
    key = match["word"].lower()
    stop = "." if key in ENDS_SENTENCES and _is_last(match) else ""
    return WITH_STOP[key] + stop


def _dotted(match: re.Match[str]) -> str:
    """Join "U.K.", leave the initials of "J.R. Smith" to be dropped."""
    if match[0] in COUNTRIES:
        return " ".join(match[0].replace(".", "")) + " "
    if re.match(r" ?[A-Z][a-z]", match.string[match.end() :]):
        return match[0]
    before = re.search(r"[A-Z][a-z]+ $", match.string[: match.start()])
    return match[0] if before else match[0].replace(".", "") + " "


# --- Dates and times ------------------------------------------------------------------------------

_MONTH: Final = (
    r"(?P<month>Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)(?![a-z])\.?"
)
_YEAR: Final = r"(?:,? (?P<year>(?:19|20)\d\d)(?![\d:]))?"
_DATES: Final = (
    re.compile(r"(?<![\d-])(?P<year>\d{4})-(?P<number>\d\d)-(?P<day>\d\d)(?:T(?=\d)|(?![\d-]))"),
    re.compile(
        r"(?<![\d.,/-])(?P<day>\d\d?)(?P<sign>[./-])(?P<number>\d\d?)(?P=sign)"
        r"(?P<year>(?:19|20)\d\d)(?![\d/-]|[.,]\d)"
    ),
    re.compile(
        r"(?<![\d.,:/])(?:the )?(?P<day>\d\d?)(?:st|nd|rd|th)?(?: of)? " + _MONTH + _YEAR,
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?<![A-Za-z]){_MONTH} (?:the )?(?P<day>\d\d?)(?:st|nd|rd|th)?(?![\d:.]\d|\d){_YEAR}"
    ),
)
_YEAR_ALONE: Final = re.compile(
    r"(?:(?<=\b(?:in|of|by|or) )|(?<=since ))(?P<year>(?:19|20)\d\d)(?![\d:.,]\d|\d)"
)
_DAYS_IN_MONTH: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_WEEKDAY: Final = re.compile(
    r"(?<![\w-])(?P<day>Mon|Tue|Tues|Wed|Thu|Thur|Thurs|Fri|Sat|Sun)(?![\w'])\.?"
    r"(?: ?[-–] ?(?P<last>Mon|Tue|Tues|Wed|Thu|Thur|Thurs|Fri|Sat|Sun)(?!\w)\.?)?"
)
_CLOCK: Final = r"(?P<{0}>\d\d?)(?:[:.](?P<{1}>\d\d))?(?: ?(?P<{2}>[ap]\.?m\b\.?|[AP]\.?M\b\.?))?"
_PERIOD: Final = re.compile(
    r"(?<![\d.,:])" + _CLOCK.format("h1", "m1", "p1") + " ?(?:-|–|to|until) ?"
    + _CLOCK.format("h2", "m2", "p2") + r"(?!\d|[.,:]\d)"
)  # fmt: skip
_DOTTED_TIME: Final = re.compile(r"(?<=\bat )(\d\d?)\.(\d\d)(?!\d|[.,]\d)")
_TIME: Final = re.compile(
    r"(?<![\d.,:])(?P<hour>\d\d?)(?:[:.](?P<minute>\d\d))?(?::\d\d)? ?"
    r"(?P<part>[ap]\.?m\b\.?|[AP]\.?M\b\.?)"
    r"|(?<![\d.,:])(?P<hour24>\d\d?):(?P<minute24>\d\d)(?::\d\d)?(?!\d|[.,:]\d)"
    r"(?: ?hrs?\b\.?)?"
)


def _dates(text: str) -> str:
    for pattern in _DATES:
        text = pattern.sub(_date, text)
    text = _YEAR_ALONE.sub(lambda match: year_words(int(match["year"])), text)
    return _WEEKDAY.sub(_weekday, text)


def _date(match: re.Match[str]) -> str:
    found = match.groupdict()
    month = int(found["number"]) if found.get("number") else _month_number(match["month"])
    day = int(match["day"])
    if not 1 <= month <= len(MONTHS) or not 1 <= day <= _DAYS_IN_MONTH[month - 1]:
        return match[0]
    year = f" {year_words(int(match['year']))}" if match["year"] else ""
    return f" {date_words(day, month)}{year} "


def _month_number(name: str) -> int:
    return [month[:3] for month in MONTHS].index(name[:3].capitalize()) + 1


def _weekday(match: re.Match[str]) -> str:
    first = _day_name(match["day"])
    return f"{first} to {_day_name(match['last'])}" if match["last"] else first


def _day_name(short: str) -> str:
    return next(day for day in WEEKDAYS if day.startswith(short[:3]))


def _times(text: str) -> str:
    text = _DOTTED_TIME.sub(r"\1:\2", text)
    return _TIME.sub(_time, _PERIOD.sub(_period, text))


def _period(match: re.Match[str]) -> str:
    """Say opening hours; numbers without minutes or "am" are no times."""
    if not (match["m1"] or match["p1"]) or not (match["m2"] or match["p2"]):
        return match[0]
    start = _time_of_day(match["h1"], match["m1"], match["p1"])
    end = _time_of_day(match["h2"], match["m2"], match["p2"])
    return f"{start} to {end}" if start and end else match[0]


def _time(match: re.Match[str]) -> str:
    hour, minute = match["hour"] or match["hour24"], match["minute"] or match["minute24"]
    said = _time_of_day(hour, minute, match["part"])
    if not said:
        return match[0]
    return f" {said}{'. ' if match[0].endswith('.') and _is_last(match) else ' '}"


def _time_of_day(hour: str, minute: str | None, part: str | None) -> str | None:
    hours, minutes = int(hour), int(minute or 0)
    if part:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if part[0] in "pP" else 0)
    if hours == 24 and not minutes:
        hours = 0
    return clock_words(hours, minutes) if hours < 24 and minutes < 60 else None


# --- Numbers --------------------------------------------------------------------------------------

_MONEY: Final = re.compile(r"(?P<sign>[£$€₽]) ?(?P<whole>\d[\d,]*)(?:\.(?P<part>\d\d))?(?![\d.])")
_MONEY_AFTER: Final = re.compile(r"(?P<whole>\d[\d,]*)(?:\.(?P<part>\d\d))? ?(?P<sign>[£$€₽])")
_CURRENCIES: Final = {
    "£": ("pound", "pounds"), "$": ("dollar", "dollars"), "€": ("euro", "euros"),
    "₽": ("rouble", "roubles"),
}  # fmt: skip
_GROUPED: Final = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_ORDINAL: Final = re.compile(r"(?<![\d.,])(\d{1,6})(?:st|nd|rd|th)(?![A-Za-z])", re.IGNORECASE)
_UNIT: Final = re.compile(
    rf"(?<![\d.,])(?P<number>\d{{1,9}}(?:\.\d+)?) ?(?P<unit>{'|'.join(COUNTED)})\b(?P<stop>\.?)"
)
_DECIMAL: Final = re.compile(r"(?<![\d.,])(\d{1,9})\.(\d{1,4})(?![\d.]\d|\d)")
_RANGE: Final = re.compile(r"(?<![\d-])(\d{1,9}) ?[-–] ?(\d{1,9})(?![\d-])")
_LETTER: Final = re.compile(r"(?<=\d)-?([A-Za-z])(?![A-Za-z])")
_SIMPLE: Final = (
    (re.compile(r"(?<![\d/])24 ?/ ?7(?![\d/])"), " twenty-four seven "),
    (re.compile(r"(?<=\d) ?[/\\] ?(?=\d)"), " slash "),
    (re.compile(r"(?<![\w)])\+ ?(?=\d)"), " plus "),
    (re.compile(r"(?<![\w)-])(?<!\d )-(?=\d)"), " minus "),
)
_BARE: Final = re.compile(r"\d+")


def _numbers(text: str) -> str:
    text = _MONEY_AFTER.sub(_money, _MONEY.sub(_money, text))
    text = _GROUPED.sub(lambda match: match[0].replace(",", ""), text)
    text = _ORDINAL.sub(lambda match: f" {ordinal(int(match[1]))} ", text)
    text = _UNIT.sub(_unit, text)
    for pattern, words in _SIMPLE:
        text = pattern.sub(words, text)
    text = _DECIMAL.sub(lambda match: f" {_number(match[1])} point {say_digits(match[2])} ", text)
    text = _RANGE.sub(lambda match: f" {_number(match[1])} to {_number(match[2])} ", text)
    text = _LETTER.sub(lambda match: f" {match[1].upper()} ", text)
    return _BARE.sub(lambda match: f" {_number(match[0])} ", text)


def _number(digits: str) -> str:
    if (digits[0] == "0" and len(digits) > 1) or len(digits) > _DIGITS_OF_NUMBER_MAX:
        return say_digits(digits)
    return cardinal(int(digits))


def _money(match: re.Match[str]) -> str:
    digits, (one, many) = match["whole"].replace(",", ""), _CURRENCIES[match["sign"]]
    amount = f" {_number(digits)} {one if digits == '1' else many} "
    part = match["part"]
    return f"{amount}{cardinal(int(part))} " if part and int(part) else amount


def _unit(match: re.Match[str]) -> str:
    number, (one, many) = match["number"], COUNTED[match["unit"]]
    stop = ". " if match["stop"] and _is_last(match) else " "
    return f"{number} {one if number == '1' else many}{stop}"


# --- Capitals and signs ---------------------------------------------------------------------------

_WORD: Final = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?")
_VOWELS: Final = frozenset("aeiouy")
_LETTERS_SPELT_MAX: Final = 3
_SIGN_WORDS: Final = (
    (re.compile(r"&+"), " and "),
    (re.compile(r"\++"), " plus "),
    (re.compile(r"%+"), " percent "),
    (re.compile(r"°[CF]?"), " degrees "),
    (re.compile(r"№+"), " number "),
    (re.compile(r"€+"), " euros "),
    (re.compile(r"£+"), " pounds "),
    (re.compile(r"[$]+"), " dollars "),
    (re.compile(r"₽+"), " roubles "),
    (re.compile(r"(?:(?<=press )|(?<= key )|(?<= or ))#", re.IGNORECASE), " hash "),
    (re.compile(r"(?:(?<=press )|(?<= key )|(?<= or ))\*", re.IGNORECASE), " star "),
)


def _signs(text: str) -> str:
    for sign, words in _SIGN_WORDS:
        text = sign.sub(words, text)
    return text


def _capitals(text: str) -> str:
    """Say capitals as words or letter by letter; leave legal forms out."""
    is_shouted = not re.search(r"[a-z]{2}", text) and len(re.findall(r"[A-Z]{4,}", text)) > 1
    return _WORD.sub(lambda match: _word(match[0], is_shouted=is_shouted), text)


def _word(word: str, *, is_shouted: bool) -> str:
    low = word.lower()
    if word in LEGAL_FORMS:
        return ""
    if len(word) == 1 or not word.isupper():
        return word
    if low in SMALL_WORDS:
        return low
    if low in BY_LETTERS or not _VOWELS & set(low):
        return " ".join(word.replace("'", ""))
    if len(word) <= _LETTERS_SPELT_MAX and not is_shouted:
        return " ".join(word.replace("'", ""))
    return word.capitalize()


_STEPS: Final = (
    _letters,
    _addresses,
    _abbreviations,
    _phones,
    _dates,
    _times,
    _numbers,
    _signs,
    _capitals,
)
"""In order: each takes away what the next ones could misread."""
