"""Numbers inside Russian texts, into words of the right case and gender.

Every digit is spoken in the end; phones, dates and times have gone before
(`gateway.core.spoken_ru_dates`).
"""

from __future__ import annotations

import re
from typing import Final

from gateway.core.spoken_ru import Case, Gender, cardinal, count_of, counted, ordinal, prefix
from gateway.core.spoken_ru_dates import case_before, say_digits, word_before
from gateway.core.spoken_ru_units import (
    COMPOUND_STEMS,
    FEMININE_STEMS,
    GENITIVE_BEHIND_ONE,
    KOPECK,
    LARGE,
    MAY_BE_COUNTED,
    MENU_WORDS,
    NEUTER_STEMS,
    NOT_COUNTED,
    ORDINAL_NOUNS,
    READ_IN_PAIRS,
    ROUBLE,
    TIMES,
    TIMES_A,
    UNITS,
)
from gateway.core.spoken_ru_words import LETTER_NAMES

_DIGITS_OF_NUMBER_MAX: Final = 9
"""Longer digits are a code, read in groups of three."""

_ALTERNATIVES: Final = "|".join(map(re.escape, sorted(UNITS, key=len, reverse=True)))


def say_numbers(text: str) -> str:
    """Spell every number; no digit is left."""
    for pattern, spoken in _STEPS:
        text = pattern.sub(spoken, text)
    return text


def _gender_of(word: str) -> Gender:
    if word in NOT_COUNTED:
        return Gender.MASCULINE
    if word.startswith(FEMININE_STEMS):
        return Gender.FEMININE
    return Gender.NEUTER if word.startswith(NEUTER_STEMS) else Gender.MASCULINE


_IS_ONE: Final = re.compile(r"(?:\d*[02-9])?1").fullmatch
_IS_TWO: Final = re.compile(r"(?:\d*[02-9])?2").fullmatch
_WORDS_AFTER: Final = re.compile(r" ?([а-яё]+)(?: ([а-яё]+))?", re.IGNORECASE)
_ADJECTIVE_ENDINGS: Final = ("ая", "ую", "ые", "ие", "ых", "их", "ой", "ый", "ий", "ое")


def _counted_word(match: re.Match[str]) -> str:
    """Return the noun behind the number, in small letters; empty if there is none."""
    after = _WORDS_AFTER.match(match.string, match.end())
    if after is None or word_before(match) in MENU_WORDS:
        return ""
    first, second = after[1].lower(), (after[2] or "").lower()
    return second if second and first.endswith(_ADJECTIVE_ENDINGS) else first


def _agreement(match: re.Match[str]) -> tuple[Case, Gender]:
    """Return case and gender of a bare number from the words around it."""
    before, word = word_before(match), _counted_word(match)
    case = Case.NOMINATIVE if before in MENU_WORDS else case_before(match)
    gender = _gender_of(word)
    if _IS_TWO(match[0]) and word.endswith(("ы", "и")) and word not in NOT_COUNTED:
        gender = Gender.FEMININE  # «две розы»: behind 2 other nouns end in «а» or «я»
    if word in GENITIVE_BEHIND_ONE and _IS_ONE(match[0]) and before not in MENU_WORDS:
        case = Case.GENITIVE
    elif gender is Gender.FEMININE and word.endswith(("у", "ю")):
        case = Case.ACCUSATIVE
    elif before in ("в", "на", "о", "при") and word.endswith(("ах", "ях")):
        case = Case.PREPOSITIONAL
    return case, gender


# --- Amounts --------------------------------------------------------------------------------------

_IN_NAME: Final = re.compile(r"(?<=[а-яё] )(?P<number>\d{1,3}) (?=лет [А-ЯЁ]|[А-ЯЁ][а-яё]+[иы]х )")
_STREETS: Final = ("улиц", "проспект", "площад", "имени", "бульвар", "переул", "парк", "сквер")
_CURRENCY_FIRST: Final = re.compile(r"([₽$€£]) ?(\d[\d ]*(?:[.,]\d+)?)")
_GROUPED: Final = re.compile(r"(?<![\d.,№])(\d{1,3})((?: \d{3})+)(?! ?\d|[.,]\d{3})")
_WITH_UNIT: Final = re.compile(
    r"(?<![\d.,])(?P<whole>\d{1,12})(?:[.,](?P<part>\d{1,3}))?"
    rf"(?: ?(?P<large>тыс|млн|млрд)\.?)? ?(?P<unit>{_ALTERNATIVES})(?P<stop>\.?)(?![а-яё\d])"
)
_RANGE_WITH_UNIT: Final = re.compile(
    r"(?<![\d.,])(?P<first>\d{1,9}) ?[-–] ?(?P<last>\d{1,9})"
    rf" ?(?P<unit>{_ALTERNATIVES})(?P<stop>\.?)(?![а-яё\d])"
)
_DECIMAL: Final = re.compile(r"(?<![\d.,])(?P<whole>\d{1,9})[.,](?P<part>\d{1,3})(?![\d.,]\d|\d)")
_PARTS: Final = {1: ("десятая", "десятых"), 2: ("сотая", "сотых"), 3: ("тысячная", "тысячных")}


def _in_name(match: re.Match[str]) -> str:
    """Return «пятидесяти» in «улица 50 лет Октября»."""
    if not word_before(match).startswith(_STREETS):
        return match[0]
    return f"{cardinal(int(match['number']), Case.GENITIVE)} "


def _without_spaces(match: re.Match[str]) -> str:
    return match[0].replace(" ", "")


def _stop(match: re.Match[str]) -> str:
    """Return the full stop of an abbreviation if it ends the sentence too."""
    rest = match.string[match.end() :]
    return ". " if match["stop"] and re.match(r" [А-ЯЁ]", rest) else " "


def _with_unit(match: re.Match[str]) -> str:
    case, unit = case_before(match), UNITS[match["unit"]]
    if match["unit"] == "р" and match.string.startswith(TIMES_A, match.end()):
        unit = TIMES
    number, part = int(match["whole"]), (match["part"] or "").rstrip("0")
    large = match["large"]
    if unit is ROUBLE and part and not large:
        kopecks = count_of(int((part + "0")[:2]), KOPECK, case)
        return f" {count_of(number, unit, case)} {kopecks}{_stop(match)}"
    if part:
        words = _decimal_words(number, part, UNITS[large or match["unit"]].gender, case)
        tail = f"{counted(2, UNITS[large])} {unit.many[0]}" if large else unit.one[Case.GENITIVE]
        return f" {words} {tail}{_stop(match)}"
    if large:
        amount = cardinal(number * LARGE[large], case)
        return f" {amount} {unit.many[0]}{_stop(match)}"
    return f" {count_of(number, unit, case)}{_stop(match)}"


def _range_with_unit(match: re.Match[str]) -> str:
    unit, last = UNITS[match["unit"]], int(match["last"])
    case = case_before(match)
    first = cardinal(int(match["first"]), case, unit.gender)
    return f" {first}-{count_of(last, unit, case)}{_stop(match)}"


def _decimal_words(number: int, part: str, gender: Gender, case: Case) -> str:
    if number == 1 and part == "5":
        if case in (Case.GENITIVE, Case.DATIVE, Case.PREPOSITIONAL):
            return "полутора"
        return "полторы" if gender is Gender.FEMININE else "полтора"
    is_one = number % 10 == 1 and number % 100 != 11
    whole = f"{cardinal(number, Case.NOMINATIVE, Gender.FEMININE)} {'целая' if is_one else 'целых'}"
    amount = int(part)
    one, many = _PARTS[len(part)]
    name = one if amount % 10 == 1 and amount % 100 != 11 else many
    return f"{whole} {cardinal(amount, Case.NOMINATIVE, Gender.FEMININE)} {name}"


def _decimal(match: re.Match[str]) -> str:
    number, part = int(match["whole"]), match["part"].rstrip("0")
    case, gender = _agreement(match)
    if word_before(match) in MENU_WORDS:
        return f" {cardinal(number)}, {say_digits(match['part'])} "
    words = _decimal_words(number, part, gender, case) if part else cardinal(number, case, gender)
    return f" {words} "


# --- Ordinals -------------------------------------------------------------------------------------

_SUFFIXED: Final = re.compile(
    r"(?<![\d.,])(?P<number>\d{1,5})(?:-(?P<hyphened>м|х|ю|е)|"
    r"-?(?P<suffix>й|ый|ой|ий|ая|ья|я|ое|ье|е|ого|его|го|ому|ему|му|ом|ем|ей|ых|х|ыми|ми|ти|ую|ью))"
    r"(?![а-яё-])"
)
_SUFFIXES: Final[dict[str, tuple[Gender, Case]]] = {
    **dict.fromkeys(("й", "ый", "ой", "ий"), (Gender.MASCULINE, Case.NOMINATIVE)),
    **dict.fromkeys(("ая", "ья", "я"), (Gender.FEMININE, Case.NOMINATIVE)),
    "ей": (Gender.FEMININE, Case.GENITIVE),
    **dict.fromkeys(("ую", "ью", "ю"), (Gender.FEMININE, Case.ACCUSATIVE)),
    **dict.fromkeys(("ое", "ье", "е"), (Gender.NEUTER, Case.NOMINATIVE)),
    **dict.fromkeys(("ого", "его", "го"), (Gender.MASCULINE, Case.GENITIVE)),
    **dict.fromkeys(("ому", "ему", "му"), (Gender.MASCULINE, Case.DATIVE)),
    **dict.fromkeys(("ом", "ем", "м"), (Gender.MASCULINE, Case.PREPOSITIONAL)),
}
_COMPOUND: Final = re.compile(
    rf"(?<![\d.,])(?P<number>\d{{1,5}})(?:-?х)?-(?={'|'.join(COMPOUND_STEMS)})"
)
_BEFORE_NOUN: Final = re.compile(
    r"(?<![\d.,])(?:(?P<first>[1-9]\d{0,2}) ?[-–] ?)?(?P<number>[1-9]\d{0,2}) ?"
    rf"(?P<noun>{'|'.join(sorted(ORDINAL_NOUNS, key=len, reverse=True))})(?![а-яё]| *\d)",
    re.IGNORECASE,
)


_MORE_ORDINALS: Final = re.compile(r"(?:(?:,|,? (?:и|или)) \d{1,5}-?[йо]й?(?![а-яё]))+")
_ADJECTIVE_IN_OY: Final = re.compile(
    r" (?P<word>(?:[а-яё]+-)*[а-яё]+[оеё]й)(?![а-яё-])"
    r"(?: (?:[а-яё-]+[оеё]й(?= [а-яё]))?(?P<head>[а-яё-]+)(?!\.? ?\d))?",
    re.IGNORECASE,
)
_NOUNS_IN_OY: Final = frozenset(
    ("лицей", "музей", "юбилей", "покой", "бой", "слой", "строй", "герой", "перебой", "случай")
)
_STRESSED_IN_OY: Final = frozenset(
    ("донской", "тверской", "лесной", "речной", "луговой", "полевой", "лучевой", "городской",
     "морской", "областной", "заводской", "береговой", "ямской", "тверской-ямской", "степной")
)  # fmt: skip
"""Adjectives that are the same in the masculine nominative; the others in -ой cannot be it."""


def _is_feminine_oblique(match: re.Match[str]) -> bool:
    """Tell «на третьей Песчаной» from «третий Песчаный» and «второй Донской проезд».

    Both are written «3-й». The noun decides; without one, the ending of the adjective and, where
    that is of both kinds, whether a preposition governs it.
    """
    more = _MORE_ORDINALS.match(match.string, match.end())
    adjective = _ADJECTIVE_IN_OY.match(match.string, more.end() if more else match.end())
    if adjective is None:
        return not more and _counted_word(match).endswith(("ы", "и", "е"))
    word, head = adjective["word"].lower(), (adjective["head"] or "").lower()
    if word in _NOUNS_IN_OY:
        return False
    if len(head) > 2 and head not in _NO_HEADS:
        if head.endswith(("ы", "и", "е")):
            return True
        if head[-1] not in "аеёиоуыэюяь":
            return False
    return word not in _STRESSED_IN_OY or word_before(match) in _GOVERNING


_GOVERNING: Final = frozenset(
    ("на", "в", "во", "у", "к", "ко", "до", "от", "с", "со", "из", "по", "около", "возле", "угол",
     "улица", "улице", "улицы", "напротив", "для", "при", "о", "об", "после")
)  # fmt: skip
_NO_HEADS: Final = frozenset(
    ("дом", "вход", "напротив", "рядом", "или", "для", "при", "вас", "вам")
)


def _suffixed(match: re.Match[str]) -> str:
    number, suffix = int(match["number"]), match["suffix"] or match["hyphened"]
    if suffix in ("ми", "ти", "ыми") or (suffix == "х" and number in (2, 3, 4)):
        return f" {cardinal(number, Case.GENITIVE)} "
    if suffix in ("х", "ых"):
        one = ordinal(number, Case.GENITIVE)
        return f" {one[:-3]}{'их' if one.endswith('третьего') else 'ых'} "
    gender, case = _SUFFIXES[suffix]
    if suffix in ("й", "ой") and _is_feminine_oblique(match):
        gender, case = Gender.FEMININE, Case.GENITIVE  # and dative and prepositional
    return f" {ordinal(number, case, gender)} "


_NAMED_STREET: Final = re.compile(
    r"(?:^|(?<=, )|(?<=на )|(?<=улица )|(?<=по )|(?<=до ))(?P<number>[1-9]\d?) "
    r"(?=(?:[А-ЯЁ][а-яё]+-)*[А-ЯЁ][а-яё]+(?P<ending>ая|ый|ий|ой)(?=$|[ ,.]))"
)
_NAMED: Final[dict[str, tuple[Gender, Case]]] = {
    "ая": (Gender.FEMININE, Case.NOMINATIVE),
    "ой": (Gender.FEMININE, Case.GENITIVE),
    "ый": (Gender.MASCULINE, Case.NOMINATIVE),
    "ий": (Gender.MASCULINE, Case.NOMINATIVE),
}


def _named_street(match: re.Match[str]) -> str:
    """Return «девятая» in «9 Парковая»: what has an adjective of its own is not counted."""
    gender, case = _NAMED[match["ending"]]
    return f"{ordinal(int(match['number']), case, gender)} "


def _compound(match: re.Match[str]) -> str:
    return f" {prefix(int(match['number']))}"


def _before_noun(match: re.Match[str]) -> str:
    number, noun = int(match["number"]), match["noun"].lower()
    is_amount = noun in MAY_BE_COUNTED and number in (2, 3, 4) and not match["first"]
    if word_before(match) in MENU_WORDS or (is_amount and word_before(match) not in ("с", "со")):
        return match[0]
    gender, case = ORDINAL_NOUNS[noun]
    first = f"{ordinal(int(match['first']), case, gender)}-" if match["first"] else ""
    return f" {first}{ordinal(number, case, gender)} {match['noun']}"


# --- Signs and letters beside numbers -------------------------------------------------------------

_LETTER: Final = re.compile(
    r"(?<=\d)(?:-?(?P<glued>[а-яёА-ЯЁ])|[ -](?P<apart>[А-ЯЁ]))"
    r"(?=$|[ ,.;:)/-](?![а-яё])| ?\d| [а-яё]{2})"
)
_PLUS: Final = re.compile(r"(?<![\w)])\+ ?(?=\d)")
_MINUS: Final = re.compile(r"(?<![\w)-])(?<!\d )-(?=\d)")
_TWENTY_FOUR_SEVEN: Final = re.compile(r"(?<![\d/])24 ?/ ?7(?![\d/])")
_FRACTION: Final = re.compile(r"(?<=\d) ?[/\\] ?(?=\d)")
_LETTER_FRACTION: Final = re.compile(r"(?<=[\dа-яё]) ?/ ?(?=\d)")
_RANGE: Final = re.compile(
    r"(?<![\d.,-])(?P<first>\d{1,9}) ?[-–] ?(?P<last>\d{1,9})(?![\d-]|[.,]\d)"
)
_BARE: Final = re.compile(r"\d+")


def _letter(match: re.Match[str]) -> str:
    name = LETTER_NAMES[(match["glued"] or match["apart"]).lower()]
    return f" {name} "


def _range(match: re.Match[str]) -> str:
    """Return «пять-десять» for 5-10."""
    first, last = match["first"], match["last"]
    if first[0] == "0" or last[0] == "0":
        return f" {_bare_words(first)}, {_bare_words(last)} "
    case, gender = _agreement(match)
    return f" {cardinal(int(first), case, gender)}-{cardinal(int(last), case, gender)} "


def _bare(match: re.Match[str]) -> str:
    digits = match[0]
    if (digits[0] == "0" and len(digits) > 1) or len(digits) > _DIGITS_OF_NUMBER_MAX:
        return f" {_bare_words(digits)} "
    if len(digits) == 4 and word_before(match) in READ_IN_PAIRS:
        return f" {say_digits(digits[:2])} {say_digits(digits[2:])} "
    case, gender = _agreement(match)
    return f" {cardinal(int(digits), case, gender)} "


def _bare_words(digits: str) -> str:
    """Return digits that count nothing: «ноль пять», long codes in threes."""
    if len(digits) <= _DIGITS_OF_NUMBER_MAX:
        return say_digits(digits)
    return ", ".join([say_digits(digits[i : i + 3]) for i in range(0, len(digits), 3)])


_STEPS: Final = (
    (_CURRENCY_FIRST, r"\2 \1"),
    (_GROUPED, _without_spaces),
    (_IN_NAME, _in_name),
    (_PLUS, " плюс "),
    (_MINUS, " минус "),
    (_TWENTY_FOUR_SEVEN, " двадцать четыре на семь "),
    (_RANGE_WITH_UNIT, _range_with_unit),
    (_WITH_UNIT, _with_unit),
    (_SUFFIXED, _suffixed),
    (_NAMED_STREET, _named_street),
    (_COMPOUND, _compound),
    (_BEFORE_NOUN, _before_noun),
    (_FRACTION, " дробь "),
    (_DECIMAL, _decimal),
    (_RANGE, _range),
    (_LETTER, _letter),
    (_LETTER_FRACTION, " дробь "),
    (_BARE, _bare),
)
"""Patterns and what they become, in order."""
