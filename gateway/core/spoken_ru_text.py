"""Any Russian text as words (rule C-3): abbreviations, initials, capitals, numbers, Latin letters.

The text comes from `gateway.core.spoken_signs.clean`; only words and punctuation are left of it.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.core.spoken_ru import Case, Gender, ordinal
from gateway.core.spoken_ru_abbreviations import say_abbreviations, say_phrases
from gateway.core.spoken_ru_capitals import restore_yo, say_capitals, say_letters
from gateway.core.spoken_ru_dates import say_dates, say_phones, say_times, text_before, word_before
from gateway.core.spoken_ru_numbers import say_numbers
from gateway.core.spoken_ru_units import MENU_WORDS, ORDINAL_NOUNS
from gateway.core.spoken_ru_words import AS_WORDS, BY_LETTERS, LEGAL_FORMS, NAMED_BY_LETTER
from gateway.core.spoken_scripts import in_cyrillic, look_alike
from gateway.core.spoken_signs import CYRILLIC, WEB_ADDRESS, tidy


def russian(text: str) -> str:
    """Return the text in Russian letters, spaces and , . ! ? - alone."""
    text = re.sub(rf"(?<=[{CYRILLIC}a-zA-Z])'(?=[{CYRILLIC}])", "", text)
    for step in _STEPS:
        text = " ".join(step(text).split())
    return tidy(text, CYRILLIC)


# --- Latin letters --------------------------------------------------------------------------------

_NUMERO: Final = re.compile(r"(?<!\w)(?:N[or]?\.?|№№?) ?(?=\d)")
_DOMAIN: Final = re.compile(r"(?<=[а-яё])\.(?=(?:ру|рф)(?![а-яё]))")
_CELSIUS: Final = re.compile(r"° ?[CСcс](?![а-яёa-z])")
_ROMAN: Final = re.compile(r"(?<![\w-])(?:[IVX]{2,6}|I)(?![\w-])")
_LATIN_WORD: Final = re.compile(rf"[{CYRILLIC}]*[a-zA-Z][a-zA-Z{CYRILLIC}]*\.?")
_LATIN_RUN: Final = re.compile(r"[a-zA-Z]+")
_TENS: Final = {"I": 1, "V": 5, "X": 10}
_ROMAN_RIGHT: Final = re.compile(r"X{0,3}(?:IX|IV|V?I{0,3})").fullmatch


def _addresses(text: str) -> str:
    """Say the dots and the @ of mail and web addresses."""

    def say(match: re.Match[str]) -> str:
        address = match["place"].replace(".", " точка ")
        return f" {address.replace('@', ' собака ').replace('/', ' дробь ')} "

    return _DOMAIN.sub(" точка ", WEB_ADDRESS.sub(say, text))


def _romans(text: str) -> str:
    return _ROMAN.sub(_roman, text)


def _roman(match: re.Match[str]) -> str:
    digits = match[0]
    if not _ROMAN_RIGHT(digits):
        return digits
    values = [_TENS[char] for char in digits]
    number = sum(
        -value if value < max(values[index:]) else value for index, value in enumerate(values)
    )
    after = re.match(r" ?([а-яё]+)", match.string[match.end() :])
    if after and after[1] in ORDINAL_NOUNS:
        return str(number)
    before = _name_before(match)
    if not before:
        return digits if len(digits) == 1 else str(number)
    gender = Gender.FEMININE if before[1].endswith(("а", "я")) else Gender.MASCULINE
    return ordinal(number, Case.NOMINATIVE, gender)


def _latin(text: str) -> str:
    return _LATIN_WORD.sub(_latin_word, _CELSIUS.sub("°", _NUMERO.sub(" номер ", text)))


def _latin_word(match: re.Match[str]) -> str:
    word, stop = match[0].removesuffix("."), "." if match[0].endswith(".") else ""
    if word.lower() == "dr":
        stop = ""
    cyrillic = look_alike(word)
    if cyrillic is not None:
        is_known = cyrillic.lower() in BY_LETTERS or cyrillic.lower() in AS_WORDS
        is_mixed = not word.isascii()
        if is_mixed or (word.isupper() and (is_known or cyrillic.lower() in LEGAL_FORMS)):
            return cyrillic + stop
    return _LATIN_RUN.sub(_latin_run, word) + stop


def _latin_run(match: re.Match[str]) -> str:
    said = in_cyrillic(match[0])
    if match[0].isupper() and _LATIN_RUN.fullmatch(match.string):
        plain = "".join([_SAME_SOUND.get(char, "") for char in match[0]])
        if len(plain) == len(match[0]) and plain.lower() in BY_LETTERS:
            return plain
    return said


_SAME_SOUND: Final = dict(zip("ABVGDEZIKLMNOPRSTUF", "АБВГДЕЗИКЛМНОПРСТУФ", strict=True))


# --- Initials -------------------------------------------------------------------------------------

_GREAT_OR_SMALL: Final = re.compile(r"(?<=ул\. )([БМ])\. ?(?=[А-ЯЁ][а-яё]+ая(?![а-яё]))")
_GREAT_AND_SMALL: Final = {"Б": "Большая ", "М": "Малая "}
_DOTTED: Final = re.compile(
    r"(?<![\w.])(?:[А-ЯЁ]\.){2,}[А-ЯЁ]\.?(?![\w])|(?<![\w.])(?:[А-ЯЁ]\.){3,}"
)
_PAIR: Final = re.compile(r"(?<![\w.])[А-ЯЁ]\.(?:-[А-ЯЁ]\.)? ?[А-ЯЁ](?:\.|(?=$|[ ,;)]))")
_FIRST: Final = re.compile(r"(?<![\w.])[А-ЯЁ]\. ?(?=[А-ЯЁ][а-яё]+)")
_LAST: Final = re.compile(r"(?<![\w.])[А-ЯЁ]\.(?=$| ?[,;)]| [а-яё])")
_NAME_BEFORE: Final = re.compile(r"([А-ЯЁ][А-ЯЁа-яё]+) ?$")
_NAME_AFTER: Final = re.compile(r" ?[А-ЯЁ][А-ЯЁа-яё]+")
_SURNAME: Final = re.compile(
    r"(?:[оеё]в|[иы]н|ск[иа][йя]|ко|[юу]к|ич|ян|дзе|ли|[иы]х|[оеё]ва|[иы]на|ец|ер)$", re.IGNORECASE
)
_TITLES: Final = frozenset({"врач", "доктор", "профессор", "доцент", "академик", "имени"})


def _initials(text: str) -> str:
    """Leave initials out: «Петров И. С.» is «Петров»."""
    text = _GREAT_OR_SMALL.sub(lambda match: _GREAT_AND_SMALL[match[1]], text)
    text = _DOTTED.sub(lambda match: match[0].replace(".", ""), text)
    text = _PAIR.sub(_pair, text)
    text = _FIRST.sub(_first, text)
    return _LAST.sub(_last, text)


def _name_before(match: re.Match[str]) -> re.Match[str] | None:
    """Return the word with a capital right before the match."""
    return _NAME_BEFORE.search(text_before(match))


def _pair(match: re.Match[str]) -> str:
    before = _name_before(match)
    after = _NAME_AFTER.match(match.string, match.end())
    if before and before[1].lower() not in _TITLES and _SURNAME.search(before[1]):
        return ". " if after else ""
    return "" if before or after else match[0]


def _first(match: re.Match[str]) -> str:
    before = word_before(match)
    is_pronoun = match[0][0] == "Я" and before
    return match[0] if before in NAMED_BY_LETTER or is_pronoun else ""


def _last(match: re.Match[str]) -> str:
    before = _name_before(match)
    is_name = before and before[1].lower() not in NAMED_BY_LETTER
    return "" if is_name else match[0]


# --- Signs ---------------------------------------------------------------------------------------

_KEY_SIGN: Final = re.compile(r"([а-яё]+) ([*#])(?!\d)", re.IGNORECASE)
_KEY_SIGNS: Final = {"*": "звёздочку", "#": "решётку"}
_SIGN_WORDS: Final = (
    (re.compile(r"\++"), " плюс "),
    (re.compile(r"&+"), " и "),
    (re.compile(r"№+"), " номер "),
    (re.compile(r"%+"), " процентов "),
    (re.compile(r"°+"), " градусов "),
    (re.compile(r"[₽]+"), " рублей "),
    (re.compile(r"[$]+"), " долларов "),
    (re.compile(r"€+"), " евро "),
    (re.compile(r"£+"), " фунтов "),
)


def _keys_of_phones(text: str) -> str:
    """Say the keys * and # behind «нажмите»."""

    def say(match: re.Match[str]) -> str:
        is_key = match[1].lower() in MENU_WORDS
        return f"{match[1]} {_KEY_SIGNS[match[2]] if is_key else ''}"

    return _KEY_SIGN.sub(say, text)


def _signs(text: str) -> str:
    for sign, words in _SIGN_WORDS:
        text = sign.sub(words, text)
    return text


_STEPS: Final = (
    _addresses,
    _romans,
    _latin,
    say_phrases,
    _initials,
    say_abbreviations,
    _keys_of_phones,
    say_phones,
    say_dates,
    say_times,
    say_numbers,
    _signs,
    say_capitals,
    say_letters,
    restore_yo,
)
"""In order: each takes away what the next ones could misread."""
