"""The words that the public formats are made of: ids, names, moments, durations, amounts, zones.

Each is an annotated type for pydantic with its limits, and a function that writes it back.
Nothing is converted silently: a number is not text and 1 is not true.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, SUPPORTED_REGIONS
from pydantic import (
    AfterValidator,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)

from gateway.ports.schema_problems import bad, got, kind_of

ID_CHARS_MAX = 64  # ids stand in addresses, keys and button payloads
TEXT_CHARS_MAX = 200  # a name that is longer is not a name
PHONE_CHARS_MAX = 64  # "+7 (916) 123-45-67 ext. 12, after six" still fits
PHONES_MAX = 20
REPLY_CHARS_MAX = 20_000  # more than any messenger lets a person send
YEAR_MIN = 2000  # a visit outside of this century is a mistyped or empty date
YEAR_MAX = 2100
OFFSET_MAX = timedelta(hours=14)  # Kiribati; no zone is further from UTC

# Control characters, line separators, and the marks that reorder text on a screen.
_UNPRINTABLE = re.compile("[\\x00-\\x1f\\x7f-\\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
_ID_FORBIDDEN = re.compile(r"[\s/\\]")
_KEY_FORBIDDEN = re.compile(r"[:{}]")
_MOMENT = re.compile(
    r"(\d{4})-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?", re.ASCII
)
_CLOCK = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DURATION = re.compile(r"(\d{1,9})([smh])", re.ASCII)
_AMOUNT = re.compile(r"\d{1,8}(?:\.\d{1,4})?", re.ASCII)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+/-]{0,63}")
_ZONES_OF_THE_MACHINE = frozenset({"localtime", "posixrules", "Factory"})
_E164 = re.compile(r"\+([1-9]\d{6,14})", re.ASCII)
_UNIT_S = {"s": 1, "m": 60, "h": 3600}

_MOMENT_FORM = "a date and time with offset, like 2026-11-24T14:30:00+05:00"
_DURATION_FORM = 'a whole number with s, m or h, like "15m"'
_AMOUNT_FORM = 'a decimal number in quotes, like "2.50", up to 8 digits and 4 decimals'


def check_text(text: str) -> str:
    """Refuse control characters in a line of text."""
    if not text.isprintable() and _UNPRINTABLE.search(text):
        raise bad("must not hold control characters")
    return text


def check_name(text: str) -> str:
    """Refuse a name that shows nothing."""
    if not text.strip():
        raise bad("must not be empty")
    return check_text(text)


def check_id(text: str) -> str:
    """Refuse what cannot stand in an address as one piece."""
    if not text.isprintable() or _ID_FORBIDDEN.search(text) or text in (".", ".."):
        raise bad("must not hold spaces, slashes or control characters")
    return text


def check_key(text: str) -> str:
    """Refuse what would blur a clinic's or a branch's id with what stands beside it."""
    if _KEY_FORBIDDEN.search(text):
        raise bad("must not hold colons or braces")
    return check_id(text)


def read_moment(value: object) -> datetime:
    """Read a moment; one without offset could mean any zone, so it is refused."""
    text = _text(value, _MOMENT_FORM)
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise bad(f"must be {_MOMENT_FORM}")
    if match[2] is None:
        raise bad("has no offset from UTC; write it like 2026-11-24T14:30:00+05:00")
    if not YEAR_MIN <= int(match[1]) <= YEAR_MAX:
        raise bad(f"must lie between the years {YEAR_MIN} and {YEAR_MAX}")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise bad("is not a date and time that exists") from None
    if not -OFFSET_MAX <= (moment.utcoffset() or OFFSET_MAX * 0) <= OFFSET_MAX:
        raise bad("has an offset that no zone has")
    return moment.astimezone(UTC)


def read_clock(value: object) -> time:
    """Read a time of day."""
    text = _text(value, 'a time of day in quotes, like "09:00"')
    if not _CLOCK.fullmatch(text):
        raise bad(f'must be a time of day from "00:00" to "23:59"; {got(value)}')
    return time.fromisoformat(text)


def read_date(value: object) -> date:
    """Read a calendar date."""
    text = _text(value, "a date, like 2026-12-01")
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        raise bad("must be a date, like 2026-12-01")
    if not YEAR_MIN <= day.year <= YEAR_MAX:
        raise bad(f"must lie between the years {YEAR_MIN} and {YEAR_MAX}")
    return day


def duration_between(least: str, most: str) -> Callable[[object], timedelta]:
    """Return a reader of durations from `least` to `most`, both allowed."""
    low, high = read_duration(least), read_duration(most)

    def read(value: object) -> timedelta:
        duration = read_duration(value)
        if not low <= duration <= high:
            raise bad(f"must be from {least} to {most}; {got(value)}")
        return duration

    return read


def read_duration(value: object) -> timedelta:
    """Read `<integer>s|m|h`."""
    match = _DURATION.fullmatch(_text(value, _DURATION_FORM))
    if match is None:
        raise bad(f"must be {_DURATION_FORM}; {got(value)}")
    return timedelta(seconds=int(match[1]) * _UNIT_S[match[2]])


def read_amount(value: object) -> Decimal:
    """Read an amount of money; a float has already lost it (rule G-8)."""
    text = _text(value, _AMOUNT_FORM)
    if not _AMOUNT.fullmatch(text):
        raise bad(f"must be {_AMOUNT_FORM}; {got(value)}")
    return Decimal(text)


@lru_cache(maxsize=1024)
def check_zone(text: str) -> str:
    """Refuse a zone that the IANA data base does not know."""
    if _ZONE.fullmatch(text) and text not in _ZONES_OF_THE_MACHINE:
        try:
            ZoneInfo(text)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
        else:
            return text
    raise bad(f"must be a time zone of the IANA data base, like Europe/Moscow; {got(text)}")


def check_country(text: str) -> str:
    """Refuse a country whose numbering plan is not known."""
    if text not in SUPPORTED_REGIONS:
        raise bad(f"must be a country in two capital letters, like RU; {got(text)}")
    return text


def check_number(text: str) -> str:
    """Refuse what is not a number in E.164 with a country code that exists."""
    match = _E164.fullmatch(text)
    codes = (int(match[1][:size]) for size in (1, 2, 3)) if match else ()
    if not any(code in COUNTRY_CODE_TO_REGION_CODE for code in codes):
        raise bad("must be a phone number with + and country code, digits only")
    return text


def write_moment(moment: datetime, zone: str | None = None) -> str:
    """Write a moment in a zone, in UTC without one."""
    return moment.astimezone(ZoneInfo(zone) if zone else UTC).isoformat()


def write_clock(value: time) -> str:
    """Write a time of day as HH:MM."""
    return value.isoformat("minutes")


def write_duration(value: timedelta) -> str:
    """Write a duration in the largest unit that leaves no remainder."""
    seconds = int(value.total_seconds())
    for unit in ("h", "m"):
        if seconds and seconds % _UNIT_S[unit] == 0:
            return f"{seconds // _UNIT_S[unit]}{unit}"
    return f"{seconds}s"


def write_amount(value: Decimal) -> str:
    """Write an amount without exponent."""
    return f"{value:f}"


def _text(value: object, form: str) -> str:
    if not isinstance(value, str):
        raise bad(f"must be {form}; got {kind_of(value)}")
    return value


def _schema(form: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "description": form, "examples": [example]})


Id: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=ID_CHARS_MAX), AfterValidator(check_id)
]
"""Names an appointment or a patient in the clinic's own system."""

KeyId: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=ID_CHARS_MAX), AfterValidator(check_key)
]
"""Names a clinic or a branch."""

MaybeId: TypeAlias = Annotated[
    str, StringConstraints(max_length=ID_CHARS_MAX), AfterValidator(check_id)
]

Text: TypeAlias = Annotated[
    str, StringConstraints(max_length=TEXT_CHARS_MAX), AfterValidator(check_text)
]

Name: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=1, max_length=TEXT_CHARS_MAX),
    AfterValidator(check_name),
]

WrittenPhone: TypeAlias = Annotated[
    str, StringConstraints(max_length=PHONE_CHARS_MAX), AfterValidator(check_text)
]
"""A phone as the schedule wrote it; what it means is decided later (rules G-7, Z-13)."""

Number: TypeAlias = Annotated[str, AfterValidator(check_number)]

Language: TypeAlias = Literal["ru", "en"]

Zone: TypeAlias = Annotated[str, AfterValidator(check_zone)]

Country: TypeAlias = Annotated[str, AfterValidator(check_country)]

Moment: TypeAlias = Annotated[
    datetime,
    PlainValidator(read_moment),
    PlainSerializer(write_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "description": _MOMENT_FORM}),
]

ClockTime: TypeAlias = Annotated[
    time,
    PlainValidator(read_clock),
    PlainSerializer(write_clock),
    _schema("local time of day, HH:MM", "09:00"),
]

CalendarDate: TypeAlias = Annotated[
    date,
    PlainValidator(read_date),
    PlainSerializer(date.isoformat),
    WithJsonSchema({"type": "string", "format": "date"}),
]

Amount: TypeAlias = Annotated[
    Decimal,
    PlainValidator(read_amount),
    PlainSerializer(write_amount),
    _schema("decimal number as text", "2.50"),
]

VisitDuration: TypeAlias = Annotated[
    timedelta,
    PlainValidator(duration_between("0s", "168h")),
    PlainSerializer(write_duration),
    _schema("duration", "30m"),
]

Gap: TypeAlias = Annotated[
    timedelta,
    PlainValidator(duration_between("0s", "24h")),
    PlainSerializer(write_duration),
    _schema("duration", "15m"),
]

Lead: TypeAlias = Annotated[
    timedelta,
    PlainValidator(duration_between("1m", "48h")),
    PlainSerializer(write_duration),
    _schema("duration", "2h"),
]
