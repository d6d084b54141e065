"""Phone numbers as clinics write them (rules D-5, G-7, Z-13).

A phone field of a schedule may hold several numbers, words, and slips of typing. What cannot be
read as a valid number is never repaired by guessing digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum, auto
from functools import lru_cache

from phonenumbers import (
    Leniency,
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberMatcher,
    PhoneNumberType,
    format_number,
    is_valid_number,
    number_type,
    parse,
    region_code_for_number,
)

from gateway.core.model import Reason

_CACHED_MAX = 1 << 16
"""So many numbers are remembered: more than a large clinic contacts in a few days."""

_TEXT_LENGTH_MAX = 200
"""Longer texts are cut: no field of a schedule holds that many numbers."""

_PLAIN = re.compile(r"[+0-9 ()\-.\u00a0\u2010-\u2015]+").fullmatch
_BLANK = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]*").fullmatch

# Excel writes whole numbers as 89161234567.0.
_EXCEL_ZERO = re.compile(r"(?<=[0-9]{10})\.0+(?![0-9])")
# 00 in the place of +, at the beginning or behind a word or a separator.
_DOUBLE_ZERO = re.compile(r"(^|[;,:/|\n]|[^\W\d_]\.?)(\s*)00(?=[ \-]?[1-9])")
# No country's code begins with 89: "+8 9.." is the Russian "8 9.." with a stray plus.
_PLUS_EIGHT = re.compile(r"\+\s?8(?=[\s(\-]*9)")

_SEPARATORS = re.compile(r"[;,:/|\n]")
_DIGITS_OF_A_NUMBER_MIN = 9
"""What is left of a field beside its numbers and has so many digits was meant as a number."""

_FOREIGN_OF_RUSSIA = ("+7840", "+7940")
"""Abkhazia: inside Russia's numbering in the library's data, abroad in every tariff."""


class _Kind(Enum):
    MOBILE = auto()
    LANDLINE = auto()
    FOREIGN = auto()
    INVALID = auto()


_REASON = {
    _Kind.LANDLINE: Reason.LANDLINE_PHONE,
    _Kind.FOREIGN: Reason.FOREIGN_PHONE,
    _Kind.INVALID: Reason.INVALID_PHONE,
}

_KIND_OF_TYPE = {
    PhoneNumberType.MOBILE: _Kind.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: _Kind.MOBILE,
    PhoneNumberType.FIXED_LINE: _Kind.LANDLINE,
}


@lru_cache(maxsize=_CACHED_MAX)
def contact_number(phones: tuple[str, ...], country: str) -> tuple[str | None, tuple[Reason, ...]]:
    """Return the first mobile number of the country in E.164, else every reason why not."""
    reasons: set[Reason] = set()
    for text in phones:
        for number, kind in _numbers(text, country):
            if kind is _Kind.MOBILE:
                return number, ()
            reasons.add(_REASON[kind])
    return None, tuple(sorted(reasons)) or (Reason.NO_PHONE,)


@lru_cache(maxsize=_CACHED_MAX)
def normalise_number(text: str, country: str) -> str | None:
    """Return the one valid number that the text holds in E.164, or None.

    It is read as a number of that country first, then as an international one without its plus.
    """
    numbers = {number for number, _ in _numbers(text, country) if number}
    if not numbers and text.isdecimal():
        numbers = {number for number, _ in _numbers(f"+{text}", country) if number}
    return numbers.pop() if len(numbers) == 1 else None


def mask_number(number: str) -> str:
    """Return the number for logs and screens: +7916•••••67."""
    if len(number) <= len("+7916") + 2:
        return "•" * len(number)
    return f"{number[:5]}{'•' * (len(number) - 7)}{number[-2:]}"


@lru_cache(maxsize=_CACHED_MAX)
def _numbers(text: str, country: str) -> tuple[tuple[str, _Kind], ...]:
    """Return the numbers of a phone field; one that cannot be read is `("", INVALID)`."""
    if _BLANK(text):
        return ()
    text = _tidy(text[:_TEXT_LENGTH_MAX], country)
    if _PLAIN(text) and (number := _parsed(text, country)) is not None:
        return (_judged(number, country),)
    found, rest = [], []
    end = 0
    for match in PhoneNumberMatcher(text, country, leniency=Leniency.VALID):
        found.append(_judged(match.number, country))
        rest.append(text[end : match.start])
        end = match.end
    rest.append(text[end:])
    if not found or any(_unread(rest)):
        found.append(("", _Kind.INVALID))
    return tuple(found)


def _tidy(text: str, country: str) -> str:
    text = _DOUBLE_ZERO.sub(r"\1\2+", _EXCEL_ZERO.sub("", text.strip()))
    return _PLUS_EIGHT.sub("8", text) if country == "RU" else text


def _parsed(text: str, country: str) -> PhoneNumber | None:
    try:
        number = parse(text, country)
    except NumberParseException:
        return None
    return number if is_valid_number(number) else None


def _judged(number: PhoneNumber, country: str) -> tuple[str, _Kind]:
    number.extension = None
    e164 = format_number(number, PhoneNumberFormat.E164)
    kind = _KIND_OF_TYPE.get(number_type(number), _Kind.INVALID)
    if kind is _Kind.INVALID:
        return e164, kind
    if region_code_for_number(number) != country or e164.startswith(_FOREIGN_OF_RUSSIA):
        return e164, _Kind.FOREIGN
    return e164, kind


def _unread(rest: list[str]) -> Iterator[bool]:
    for text in rest:
        for piece in _SEPARATORS.split(text):
            yield sum(char.isdecimal() for char in piece) >= _DIGITS_OF_A_NUMBER_MIN
