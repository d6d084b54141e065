"""From a written reply to its words: cleaned, cut, and read through misspellings (spec U-1 to U-3).

Says nothing about what the words mean; `reply` does.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from gateway.core.reply_signs import QUESTION_MARKS, SIGNS
from gateway.core.reply_spellings import (
    FUZZY_LETTERS_MIN,
    FUZZY_WORDS,
    REAL_WORDS,
    RIVALS,
    SPELLINGS,
    TO_CYRILLIC,
    TO_LATIN,
)
from gateway.core.reply_words import PHRASES, WORDS

FUZZY_CHARS_MAX: Final = 24  # no word of the vocabulary is longer, so no misspelling of one is


class Gap(IntEnum):
    """What stands between a piece and the one before it."""

    SPACE = 0
    COMMA = 1
    STOP = 2  # the end of a sentence or line, a dash, a bracket


@dataclass(frozen=True, slots=True)
class Token:
    """A word in its known spelling, a number, or a sign that says something."""

    text: str
    gap: Gap
    titled: bool = False  # written with a capital letter, like a name
    newline: bool = False


def fold(text: str) -> str:
    """Return the text in plain letters and digits (U-2), without the lines that quote (U-1)."""
    return _without_quotes("".join(map(_fold_char, unicodedata.normalize("NFC", text))))


# --- Cleaning: one script of digits, no decoration, no quoted lines ---------------------------

_NEWLINES: Final = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
_APOSTROPHES: Final = frozenset("'’‘`´ʼ＇′")
# Letters and symbols that are drawn as nothing; those of category Cf are dropped anyway.
_INVISIBLE: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800\u2640\u2642")
_KEPT: Final = frozenset("№й" + "Й")  # NFKC would make "No" of the first, a «и» of the others
_SKIN_TONES: Final = range(0x1F3FB, 0x1F400)


def _fold_char(char: str) -> str:
    if char.isascii():
        return _fold_space(char) if char < " " or char == "\x7f" else char
    for chars, plain in ((_NEWLINES, "\n"), (QUESTION_MARKS, "?"), (_APOSTROPHES, "'")):
        if char in chars:
            return plain
    if char in _KEPT or char in SIGNS:
        return char
    if char == "🔟":  # a sign to Unicode, no number
        return "10"
    if char in _INVISIBLE or ord(char) in _SKIN_TONES:
        return ""
    return _fold_dress(char)


def _fold_space(char: str) -> str:
    if char in _NEWLINES:
        return "\n"
    return " " if char == "\t" else ""


def _fold_dress(char: str) -> str:
    """Return the digit or the letters that a non-ASCII character is a dressed form of."""
    category = unicodedata.category(char)
    if category in ("Mn", "Me", "Cf", "Cc"):
        return ""
    if category.startswith("Z"):
        return " "
    number = unicodedata.numeric(char, None) if category.startswith("N") else None
    if number is not None:
        return str(int(number)) if number == int(number) else f" {number:.3f} "
    plain = unicodedata.normalize("NFKD", char)
    return "".join(c for c in plain if unicodedata.category(c) not in ("Mn", "Me", "Cf"))


_ANGLED: Final = re.compile(r"<[^\S\n]?(\w{1,24})[^\S\n]?>")


def _without_quotes(text: str) -> str:
    """Return the text without the lines that quote the question, e.g. "> 1 - confirm" (U-1)."""
    lines = _ANGLED.sub(r" \1 ", text).split("\n")
    return "\n".join(line for line in lines if not line.lstrip().startswith(">"))


# --- Words --------------------------------------------------------------------------------------

_TOKEN: Final = re.compile(
    r"""
      (?P<plusminus> [+][/]?[-−–](?![^\W_])         # "+-", not "+ - подтверждаю"
                   | [+][^\S\n]*(?:и|или)?[^\S\n]*[-−–][^\S\n]*$ | [-−–][/]?[+](?!\d) )
    | (?P<sure> (?:(?<!\w)на[ ])?(?<!\d)100[ ]?%(?!\w) )
    | (?P<smile> (?<!\w)[:;=]-?[dpр](?!\w) | (?<!\w)[xх][dд]+(?!\w) )
    | (?P<minus> (?<!\w)[-−–]\d+ )                     # "-1" is no 1, "- 1" and "вариант-1" are
    | (?P<ordinal> [123]-?(?:й|ый|ой|ий|я|ая|ья|ю|ую|ью)(?![^\W_])
                 | (?:1st|2nd|3rd)(?=[ ](?:option|one|choice|variant)\b) )
    | (?P<number> \d+ (?: (?: [.,:;_'/\\⁄∶]+ | [^\S\n]*[-–—−+*/×xх=:<>][^\S\n]* ) \d+ )* )
    | (?P<word> [^\W\d_]+ (?:'[^\W\d_]+)* )
    | (?P<sign> \S )
    """,
    re.VERBOSE | re.MULTILINE | re.IGNORECASE,
)
_STOPS: Final = frozenset(".!;?()[]{}|•·")
_COMMAS: Final = frozenset(",:/\\=")
_SILENT: Final = frozenset("\"'*`^…")
_SILENT_CATEGORIES: Final = ("Ps", "Pe", "Pi", "Pf", "Pc", "Pd")


def cut(text: str) -> Iterator[Token]:
    """Cut the text into words, numbers and telling signs; punctuation becomes the gaps."""
    gap, newline, end = Gap.STOP, True, 0
    for match in _TOKEN.finditer(text):
        if "\n" in text[end : match.start()]:
            gap, newline = Gap.STOP, True
        end = match.end()
        punctuation = _punctuation(match, text)
        if punctuation is not None:
            gap = max(gap, punctuation)
            continue
        yield from _words(match, gap, newline=newline)
        gap, newline = Gap.SPACE, False


def _punctuation(match: re.Match[str], text: str) -> Gap | None:
    """Return the gap that a silent sign makes, None for what is to be read."""
    if match.lastgroup == "smile":
        return Gap.SPACE
    sign = match.group()
    if match.lastgroup != "sign" or sign in SIGNS:
        return None
    if sign in _STOPS:
        return Gap.STOP
    if sign in _COMMAS:
        return Gap.COMMA
    category = unicodedata.category(sign)
    if category == "Pd":
        inside = text[match.start() - 1 : match.start()] + text[match.end() : match.end() + 1]
        return Gap.SPACE if len(inside) == 2 and inside.isalpha() else Gap.STOP
    return Gap.SPACE if sign in _SILENT or category in _SILENT_CATEGORIES else None


# The keys of the two keyboards, in the order of the Russian one.
_KEYS_RU: Final = "ёйцукенгшщзхъфывапролджэячсмитьбю."
_KEYS_EN: Final = "`qwertyuiop[]asdfghjkl;'zxcvbnm,./"
_RETYPED: Final = (
    str.maketrans(_KEYS_EN.upper() + _KEYS_EN, _KEYS_RU.upper() + _KEYS_RU),
    str.maketrans({en: ru for en, ru in zip(_KEYS_EN, _KEYS_RU, strict=True) if en.isalpha()}),
    str.maketrans(_KEYS_RU, _KEYS_EN),
)


def retyped(text: str) -> Iterator[str]:
    """Return what the keys that were pressed say on the other keyboard: "ghble" is «приду»."""
    if len(_scripts(text)) == 1:
        for table in _RETYPED:
            other = text.casefold().translate(table)
            if other != text and len(_scripts(other)) == 1:
                yield other.replace("ё", "е")


def _words(match: re.Match[str], gap: Gap, *, newline: bool) -> Iterator[Token]:
    """Return the token; a word is read through its misspellings, and may be two run together."""
    raw = match.group()
    if match.lastgroup == "sure":
        yield Token("стопроцентно", gap, newline=newline)
    elif match.lastgroup == "plusminus":
        yield Token("±", gap, newline=newline)
    elif match.lastgroup == "ordinal":
        yield Token(raw[0], gap, newline=newline)
    elif match.lastgroup != "word":
        yield Token(re.sub(r"\s", "", raw), gap, newline=newline)
    else:
        titled = raw[0].isupper() and (len(raw) == 1 or raw[1:].islower())
        first, *rest = _spell(raw)
        yield Token(first, gap, titled, newline)
        for word in rest:
            yield Token(word, Gap.SPACE)


# --- Spelling (U-3) -------------------------------------------------------------------------------


def _collapse(word: str) -> str:
    return re.sub(r"(.)\1+", r"\1", word)


def _deletions(word: str) -> set[str]:
    return {word[:i] + word[i + 1 :] for i in range(len(word))}


def _index(words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the words by themselves and by each of their forms with a letter missing."""
    index: dict[str, tuple[str, ...]] = {}
    for word in sorted(words):
        for key in {word} | _deletions(word):
            index[key] = (*index.get(key, ()), word)
    return index


_SPELT: Final = WORDS | SPELLINGS.keys()
_NEAR: Final = _index(_SPELT | RIVALS)
# «Нне» is a stretched «не», not «нее»: words without double letters come last and win.
_COLLAPSED: Final = {
    _collapse(word): word for word in sorted(_SPELT, key=lambda w: (w == _collapse(w), w))
}


def _spell(raw: str) -> tuple[str, ...]:
    """Return the words of the vocabulary that a written word stands for, else itself."""
    lower = raw.casefold()
    for word in (lower, *_unmixed(raw)):
        known = _known(word)
        if known is not None:
            return SPELLINGS.get(known, (known,))
    return (lower,)


def _unmixed(raw: str) -> Iterator[str]:
    """Return a word that mixes scripts by look-alike letters as the words of one script."""
    if len(_scripts(raw)) > 1:
        for table in (TO_CYRILLIC, TO_LATIN):
            word = raw.translate(table)
            if len(_scripts(word)) == 1:
                yield word.casefold()


def _scripts(word: str) -> set[str]:
    return {unicodedata.name(char, "").partition(" ")[0] for char in word if char.isalpha()}


def _known(word: str) -> str | None:
    if word in _SPELT:
        return word
    if word in REAL_WORDS or len(word) < 2:
        return None
    collapsed = _collapse(word)
    if collapsed != word and collapsed in _COLLAPSED and collapsed != "y":
        return _COLLAPSED[collapsed]
    return _misspelt(re.sub(r"(.)\1\1+", r"\1", word))


def _misspelt(word: str) -> str | None:
    """Return the one long word that is one edit away, when no real word is as near."""
    if not FUZZY_LETTERS_MIN - 1 <= len(word) <= FUZZY_CHARS_MAX:
        return None
    keys = {word} | _deletions(word)
    near = {found for key in keys for found in _NEAR.get(key, ()) if _one_edit(word, found)}
    if not near & FUZZY_WORDS or near & RIVALS:
        return None
    kinds = {PHRASES.get(SPELLINGS.get(found, (found,))) for found in near}
    return min(near) if len(near) == 1 or (len(kinds) == 1 and None not in kinds) else None


def _one_edit(left: str, right: str) -> bool:
    """Return whether one insertion, deletion, substitution or transposition makes them equal."""
    if len(left) > len(right):
        left, right = right, left
    start = 0
    while start < len(left) and left[start] == right[start]:
        start += 1
    left, right = left[start:], right[start:]
    if len(left) < len(right):
        return left == right[1:]
    swapped = left[1:2] + left[:1] == right[:2]
    return left[1:] == right[1:] or (swapped and left[2:] == right[2:])
