"""English numbers, dates and times in words, as Britain says them.

Grammar only: what a number in a text stands for, `gateway.core.spoken_en_text` decides.
"""

from __future__ import annotations

from typing import Final

NUMBER_MAX: Final = 999_999_999_999
"""The largest number that has words here."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_SMALL: Final = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
)
_TENS: Final = _words("- - twenty thirty forty fifty sixty seventy eighty ninety")
_LARGE: Final = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"))
_ORDINALS: Final = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth",
    "nine": "ninth", "twelve": "twelfth",
}  # fmt: skip

MONTHS: Final = _words(
    "January February March April May June July August September October November December"
)
WEEKDAYS: Final = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")

_NOON, _EVENING = 12, 18


def cardinal(number: int) -> str:
    """Return a number from 0 to `NUMBER_MAX`: "one hundred and five"."""
    if not 0 <= number <= NUMBER_MAX:
        raise ValueError(f"no words for {number}")
    words: list[str] = []
    rest = number
    for size, name in _LARGE:
        count, rest = divmod(rest, size)
        if count:
            words += [_below_thousand(count), name]
    if rest or not words:
        if words and rest < 100:
            words.append("and")
        words.append(_below_thousand(rest))
    return " ".join(words)


def _below_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    if hundreds:
        head = f"{_SMALL[hundreds]} hundred"
        return f"{head} and {_below_hundred(rest)}" if rest else head
    return _below_hundred(rest)


def _below_hundred(number: int) -> str:
    if number < len(_SMALL):
        return _SMALL[number]
    tens, rest = divmod(number, 10)
    return f"{_TENS[tens]}-{_SMALL[rest]}" if rest else _TENS[tens]


def ordinal(number: int) -> str:
    """Return the place of that number: "twenty-fourth"."""
    words = cardinal(number)
    cut = max(words.rfind(" "), words.rfind("-")) + 1
    last = words[cut:]
    place = last[:-1] + "ieth" if last.endswith("y") else _ORDINALS.get(last, last + "th")
    return words[:cut] + place


def year_words(year: int) -> str:
    """Return a year as people say it: "twenty twenty-six", "nineteen oh five"."""
    century, rest = divmod(year, 100)
    if year % 1000 < 10 or not 1000 < year < 10_000:
        return cardinal(year)
    if not rest:
        return f"{_below_hundred(century)} hundred"
    return f"{_below_hundred(century)} {_minutes(rest)}"


def date_words(day: int, month: int) -> str:
    """Return a day of a month: "the twenty-fourth of November"."""
    return f"the {ordinal(day)} of {MONTHS[month - 1]}"


def clock_words(hour: int, minute: int) -> str:
    """Return a time of day that follows "at": "two thirty in the afternoon".

    The part of the day is said in words: "a.m." would end a sentence, and 12 a.m. is misheard.
    """
    if minute == 0 and hour % _NOON == 0:
        return "twelve noon" if hour == _NOON else "midnight"
    if hour == 0:
        return f"{_below_hundred(minute)} {'minute' if minute == 1 else 'minutes'} past midnight"
    part = "morning" if hour < _NOON else "afternoon" if hour < _EVENING else "evening"
    name = _SMALL[(hour - 1) % _NOON + 1]
    minutes = _minutes(minute) if minute else "o'clock"
    return f"{name} {minutes} in the {part}"


def _minutes(minute: int) -> str:
    return f"oh {_SMALL[minute]}" if minute < 10 else _below_hundred(minute)
