"""Capitals and lone letters in Russian texts: said as words, by their letters, or left out."""

from __future__ import annotations

import re
from typing import Final

from gateway.core.spoken_ru_dates import word_before
from gateway.core.spoken_ru_words import (
    AS_WORDS,
    BY_LETTERS,
    LATIN_LETTER_NAMES,
    LATIN_NAMED,
    LEGAL_FORMS,
    LETTER_NAMES,
    NAMED_BY_LETTER,
    OWNERS,
    SMALL_WORDS,
    alternatives,
    with_yo,
)
from gateway.core.spoken_signs import CYRILLIC

_WORD: Final = re.compile(rf"[{CYRILLIC}]+(?:-[{CYRILLIC}]+)*")
_OWNED: Final = re.compile(
    rf"(?<![А-ЯЁ])(?:{alternatives(LEGAL_FORMS)}) (?:{alternatives(OWNERS)})".upper()
    + rf"(?![{CYRILLIC}])"
)
_LONG_CAPITALS: Final = re.compile(r"[А-ЯЁ]{4,}")
_SMALL_LETTERS: Final = re.compile(r"[а-яё]{2}")
_KNOWN: Final = LEGAL_FORMS | BY_LETTERS | AS_WORDS.keys()
_VOWELS: Final = frozenset("аеёиоуыэюя")
_ONSETS: Final = frozenset(
    ("бл", "бр", "вл", "гл", "гр", "дв", "др", "зд", "кл", "кр", "кв", "пл", "пр", "св", "ск", "сл",
     "см", "сп", "ст", "тр", "фл", "фр", "хр", "шк", "шт", "зв", "цв")
)  # fmt: skip
_ALONE: Final = re.compile(rf"(?<![{CYRILLIC}-])[{CYRILLIC}](?![{CYRILLIC}-])")
_PREPOSITIONS_AND_VOWELS: Final = frozenset("вкс") | _VOWELS
_PARTICLES: Final = frozenset("бж")


_LETTERS_OF_WORD_MIN: Final = 7
"""No clinic's abbreviation of so many letters is spelt: «АГЕНТСТВО» is a word."""


def say_capitals(text: str) -> str:
    """Say capitals as words or letter by letter; leave legal forms out."""
    text = _OWNED.sub("", text)
    long_words = [word for word in _LONG_CAPITALS.findall(text) if word.lower() not in _KNOWN]
    is_shouted = not _SMALL_LETTERS.search(text) and len(long_words) > 1

    def say(match: re.Match[str]) -> str:
        parts = [_part(part, is_shouted=is_shouted) for part in match[0].split("-")]
        spoken = [part for part in parts if part]
        hyphen = " " if any(" " in part for part in spoken) else "-"
        return hyphen.join(spoken)

    return _WORD.sub(say, text)


def _part(word: str, *, is_shouted: bool) -> str:
    low = word.lower()
    if len(word) == 1:
        return word
    if low in BY_LETTERS and (word.isupper() or len(word) > 2):
        return _by_letters(low)
    if word[1:].islower():
        return word
    if not word.isupper():
        is_word = sum(map(str.isupper, word)) < 3 or _is_pronounced(low)
        return word[0] + word[1:].lower() if is_word else _by_letters(low)
    if low in LEGAL_FORMS:
        return ""
    if low in AS_WORDS:
        return AS_WORDS[low]
    if low in SMALL_WORDS:
        return low
    has_vowels = not _VOWELS.isdisjoint(low)
    is_long = is_shouted or len(word) >= _LETTERS_OF_WORD_MIN
    is_word = _is_pronounced(low) or (is_long and has_vowels)
    return word.capitalize() if is_word else _by_letters(low)


def _by_letters(word: str) -> str:
    return " ".join([LETTER_NAMES[char] for char in word])


def _is_pronounced(word: str) -> bool:
    """Tell whether unknown capitals are said as a word: their letters make syllables."""
    shape = "".join(["v" if char in _VOWELS else "c" for char in word if char not in "ьъ"])
    if "v" not in shape:
        return False
    if len(word) > 4:
        return "cccc" not in shape
    if len(word) == 4 and shape.startswith("cc"):
        return word[:2] in _ONSETS
    return shape in ("cvc", "vcv") or len(word) == 4


def say_letters(text: str) -> str:
    """Say lone letters by their names, unless they are words: «корпус бэ»."""
    return _ALONE.sub(_letter, text)


def _letter(match: re.Match[str]) -> str:
    letter = match[0]
    low = letter.lower()
    before = word_before(match)
    if letter.isupper() and before.startswith(LATIN_NAMED):
        return LATIN_LETTER_NAMES.get(low, LETTER_NAMES[low])
    if letter.isupper() and before in NAMED_BY_LETTER:
        return LETTER_NAMES[low]
    if low in _PREPOSITIONS_AND_VOWELS or letter in _PARTICLES:
        return letter
    return LETTER_NAMES[low]


# --- «ё» ------------------------------------------------------------------------------------------

_THREE_OR_FOUR: Final = re.compile(r"(?<![а-яё])(тр|четыр)ех(?=[а-яё]{3})", re.IGNORECASE)


def restore_yo(text: str) -> str:
    """Write «ё» where it is said: engines put the stress by it."""
    return _WORD.sub(lambda match: with_yo(match[0]), _THREE_OR_FOUR.sub(r"\1ёх", text))
