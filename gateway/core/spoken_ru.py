"""Russian numbers, dates and times in words, in the case and gender that the sentence wants.

Grammar only: what a number in a text stands for, `gateway.core.spoken_ru_numbers` decides.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple


class Case(IntEnum):
    """A grammatical case; the value is its place in every row of forms."""

    NOMINATIVE = 0
    GENITIVE = 1
    DATIVE = 2
    ACCUSATIVE = 3  # of lifeless things: people are never counted by the robot
    PREPOSITIONAL = 4


class Gender(IntEnum):
    """A grammatical gender."""

    MASCULINE = 0
    FEMININE = 1
    NEUTER = 2


class Noun(NamedTuple):
    """A thing that is counted: its forms by case, one and many, and the one that follows 2–4."""

    gender: Gender
    one: tuple[str, str, str, str, str]
    many: tuple[str, str, str]  # genitive, dative, prepositional


def noun(gender: Gender, one: str, many: str) -> Noun:
    """Return a noun from its five forms for one, and genitive, dative, prepositional for many."""
    nominative, genitive, dative, accusative, prepositional = one.split()
    few, to, at = many.split()
    return Noun(gender, (nominative, genitive, dative, accusative, prepositional), (few, to, at))


HOUR: Final = noun(Gender.MASCULINE, "час часа часу час часе", "часов часам часах")
MINUTE: Final = noun(Gender.FEMININE, "минута минуты минуте минуту минуте", "минут минутам минутах")
THOUSAND: Final = noun(
    Gender.FEMININE, "тысяча тысячи тысяче тысячу тысяче", "тысяч тысячам тысячах"
)
MILLION: Final = noun(
    Gender.MASCULINE, "миллион миллиона миллиону миллион миллионе", "миллионов миллионам миллионах"
)
MILLIARD: Final = noun(
    Gender.MASCULINE,
    "миллиард миллиарда миллиарду миллиард миллиарде",
    "миллиардов миллиардам миллиардах",
)

NUMBER_MAX: Final = 999_999_999_999
"""The largest number that has words here."""


# --- Cardinals ------------------------------------------------------------------------------------


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _rows(text: str) -> list[tuple[str, ...]]:
    return [_words(line) for line in text.strip().splitlines()]


_ONE: Final = dict(
    zip(
        Gender,
        _rows("""
            один одного одному один одном
            одна одной одной одну одной
            одно одного одному одно одном
        """),
        strict=True,
    )
)
_TWO: Final = dict(
    zip(
        Gender,
        _rows("""
            два двух двум два двух
            две двух двум две двух
            два двух двум два двух
        """),
        strict=True,
    )
)


def _on_soft_sign(words: str) -> list[tuple[str, ...]]:
    """Return the forms of «пять» and its like: only the soft sign changes."""
    return [(w, w[:-1] + "и", w[:-1] + "и", w, w[:-1] + "и") for w in words.split()]


_UNITS: Final = dict(
    enumerate(
        [
            *_rows("""
                три трёх трём три трёх
                четыре четырёх четырём четыре четырёх
            """),
            *_on_soft_sign("пять шесть семь"),
            ("восемь", "восьми", "восьми", "восемь", "восьми"),
            *_on_soft_sign(
                "девять десять одиннадцать двенадцать тринадцать четырнадцать пятнадцать"
                " шестнадцать семнадцать восемнадцать девятнадцать"
            ),
        ],
        start=3,
    )
)
_TENS: Final = dict(
    enumerate(
        [
            *_on_soft_sign("двадцать тридцать"),
            ("сорок", "сорока", "сорока", "сорок", "сорока"),
            *_rows("""
                пятьдесят пятидесяти пятидесяти пятьдесят пятидесяти
                шестьдесят шестидесяти шестидесяти шестьдесят шестидесяти
                семьдесят семидесяти семидесяти семьдесят семидесяти
                восемьдесят восьмидесяти восьмидесяти восемьдесят восьмидесяти
                девяносто девяноста девяноста девяносто девяноста
            """),
        ],
        start=2,
    )
)
_HUNDREDS: Final = dict(
    enumerate(
        _rows("""
            сто ста ста сто ста
            двести двухсот двумстам двести двухстах
            триста трёхсот трёмстам триста трёхстах
            четыреста четырёхсот четырёмстам четыреста четырёхстах
            пятьсот пятисот пятистам пятьсот пятистах
            шестьсот шестисот шестистам шестьсот шестистах
            семьсот семисот семистам семьсот семистах
            восемьсот восьмисот восьмистам восемьсот восьмистах
            девятьсот девятисот девятистам девятьсот девятистах
        """),
        start=1,
    )
)
_ZERO: Final = ("ноль", "нуля", "нулю", "ноль", "нуле")


def cardinal(number: int, case: Case = Case.NOMINATIVE, gender: Gender = Gender.MASCULINE) -> str:
    """Return a number from 0 to `NUMBER_MAX`: «двадцать одну» is 21, accusative, feminine.

    A thousand alone is «тысяча», as people say it, not «одна тысяча».
    """
    if not 0 <= number <= NUMBER_MAX:
        raise ValueError(f"no words for {number}")
    if number == 0:
        return _ZERO[case]
    words: list[str] = []
    rest = number
    for size, thing in ((10**9, MILLIARD), (10**6, MILLION), (1000, THOUSAND)):
        count, rest = divmod(rest, size)
        if count:
            if count > 1 or thing is not THOUSAND or words:
                words += _below_thousand(count, case, thing.gender)
            words.append(counted(count, thing, case))
    return " ".join([*words, *_below_thousand(rest, case, gender)])


def _below_thousand(number: int, case: Case, gender: Gender) -> list[str]:
    hundreds, rest = divmod(number, 100)
    words = [_HUNDREDS[hundreds][case]] if hundreds else []
    if rest > 19:
        words.append(_TENS[rest // 10][case])
        rest %= 10
    if rest:
        words.append(_unit(rest, gender)[case])
    return words


def _unit(number: int, gender: Gender) -> tuple[str, ...]:
    if number == 1:
        return _ONE[gender]
    return _TWO[gender] if number == 2 else _UNITS[number]


def counted(number: int, thing: Noun, case: Case = Case.NOMINATIVE) -> str:
    """Return the noun as it stands behind the number: «минута», «минуты», «минут»."""
    is_teen = number % 100 in range(11, 20)
    last = 0 if is_teen else number % 10
    if last == 1:
        return thing.one[case]
    if case in (Case.NOMINATIVE, Case.ACCUSATIVE):
        return thing.one[Case.GENITIVE] if last in (2, 3, 4) else thing.many[0]
    return thing.many[{Case.GENITIVE: 0, Case.DATIVE: 1}.get(case, 2)]


def count_of(number: int, thing: Noun, case: Case = Case.NOMINATIVE) -> str:
    """Return the number and the noun: «двадцать одна минута»."""
    return f"{cardinal(number, case, thing.gender)} {counted(number, thing, case)}"


def prefix(number: int) -> str:
    """Return the number as the first part of a word: «трёх» of «трёхлетний», «сорока»."""
    if number == 1:
        return "одно"
    words = cardinal(number, Case.GENITIVE).split()
    same = {"девяноста": "девяносто", "ста": "сто", "тысячи": "тысяче", "тысяч": "тысяче"}
    return "".join([same.get(word, word) for word in words])


# --- Ordinals -------------------------------------------------------------------------------------

_HARD: Final = dict(
    zip(
        Gender,
        _rows("""
            ый ого ому ый ом
            ая ой ой ую ой
            ое ого ому ое ом
        """),
        strict=True,
    )
)
_THIRD: Final = dict(
    zip(
        Gender,
        _rows("""
            третий третьего третьему третий третьем
            третья третьей третьей третью третьей
            третье третьего третьему третье третьем
        """),
        strict=True,
    )
)
_STRESSED_END: Final = frozenset({"втор", "шест", "седьм", "восьм", "сороков"})
"""Stems with the stress on the ending: «второй», not «вторый»."""

_ORDINAL_UNITS: Final = dict(
    enumerate(
        _words(
            "нулев перв втор трет четвёрт пят шест седьм восьм девят десят одиннадцат двенадцат"
            " тринадцат четырнадцат пятнадцат шестнадцат семнадцат восемнадцат девятнадцат"
        )
    )
)
_ORDINAL_TENS: Final = dict(
    enumerate(
        _words("двадцат тридцат сороков пятидесят шестидесят семидесят восьмидесят девяност"),
        start=2,
    )
)
_ORDINAL_HUNDREDS: Final = dict(
    enumerate(
        _words("сот двухсот трёхсот четырёхсот пятисот шестисот семисот восьмисот девятисот"),
        start=1,
    )
)


def ordinal(number: int, case: Case = Case.NOMINATIVE, gender: Gender = Gender.MASCULINE) -> str:
    """Return the place of that number, up to a million: «двадцать четвёртого»."""
    if not 0 <= number < 10**6:
        raise ValueError(f"no ordinal for {number}")
    head, stem = _ordinal_parts(number)
    if stem == "трет":
        last = _THIRD[gender][case]
    else:
        ending = _HARD[gender][case]
        if ending == "ый" and (stem in _STRESSED_END or stem == "нулев"):
            ending = "ой"
        last = stem + ending
    return f"{head} {last}" if head else last


def _ordinal_parts(number: int) -> tuple[str, str]:
    """Return the words that do not change, and the stem of the one that does."""
    thousands, rest = divmod(number, 1000)
    if number and not rest:
        return "", (prefix(thousands) if thousands > 1 else "") + "тысячн"
    if not number % 100 and number:
        last, stem = rest, _ORDINAL_HUNDREDS[rest // 100]
    elif number % 100 < 20:
        last, stem = rest % 100, _ORDINAL_UNITS[rest % 100]
    elif number % 10:
        last, stem = rest % 10, _ORDINAL_UNITS[rest % 10]
    else:
        last, stem = rest % 100, _ORDINAL_TENS[rest % 100 // 10]
    return (cardinal(number - last) if number > last else ""), stem


# --- Dates and times ------------------------------------------------------------------------------

MONTHS: Final = _words(
    "января февраля марта апреля мая июня июля августа сентября октября ноября декабря"
)
ON_WEEKDAYS: Final = (
    "в понедельник",
    "во вторник",
    "в среду",
    "в четверг",
    "в пятницу",
    "в субботу",
    "в воскресенье",
)


def date_words(day: int, month: int, case: Case = Case.GENITIVE) -> str:
    """Return a day of a month: «двадцать четвёртого ноября», «двадцать четвёртое ноября»."""
    return f"{ordinal(day, case, Gender.NEUTER)} {MONTHS[month - 1]}"


def clock_words(hour: int, minute: int, case: Case = Case.ACCUSATIVE) -> str:
    """Return a time of day; accusative stands after «в»: «один час одну минуту».

    Minutes of a full hour are left out; midnight is «ноль часов».
    """
    words = count_of(hour, HOUR, case)
    return f"{words} {count_of(minute, MINUTE, case)}" if minute else words
