"""Where the stress of Russian words is: a table, and rules for what the table does not hold.

A robot that stresses `терапевт` on the wrong syllable is not understood. `ru_stress.json` holds
names, specialties, dates and the words of a clinic's calls with `+` before the stressed vowel;
other words follow the rules of their suffixes, and what has none is left to the engine.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

_TABLE: Final = Path(__file__).with_name("ru_stress.json")
_WORD: Final = re.compile(r"[а-яё]+", re.IGNORECASE)
_VOWELS: Final = "аеёиоуыэюя"

_NOUN: Final = "(?:а|у|ом|е|ы|ов|ам|ами|ах)?"
_ADJECTIVE: Final = "(?:ый|ий|ая|ое|ого|ому|ой|ую|ом|ым|ые|ых|ыми|им|их|ими)"
_SCIENCE: Final = "(?:я|и|ю|ей)"

SUFFIXES: Final[tuple[tuple[str, str], ...]] = (
    # Learned words: the stress stays where it is in every case.
    ("+олог", _NOUN),
    ("ол+оги", _SCIENCE),
    ("терап+евт", _NOUN),
    ("терап+и", _SCIENCE),
    ("и+атр", _NOUN),
    ("иатр+и", _SCIENCE),
    ("скоп+и", _SCIENCE),
    ("гр+афи", _SCIENCE),
    ("метр+и", _SCIENCE),
    ("ц+евт", _NOUN),
    ("хир+ург", _NOUN),
    ("+ист", _NOUN),
    ("+аци", _SCIENCE),
    ("+ени", "(?:е|я|ю|ем)"),
    ("+ическ", _ADJECTIVE),
    ("+альн", _ADJECTIVE),
    ("+онн", _ADJECTIVE),
    # Surnames; where the stress moves in the other cases, the nominative only.
    ("+енко", ""),
    ("шв+или", ""),
    ("+адзе", ""),
    ("+идзе", ""),
    ("+ян", ""),
    ("ч+ук", ""),
    ("+юк", ""),
    ("+ишин", "(?:а|у|ым|е|ой)?"),
    ("+ицын", "(?:а|у|ым|е|ой)?"),
)
"""What a word ends in, `+` before the stressed vowel, and the endings that may follow."""

_RULES: Final = tuple(
    (re.compile(suffix.replace("+", "") + endings + "$"), suffix.index("+"))
    for suffix, endings in SUFFIXES
)


@lru_cache(maxsize=1)
def table() -> Mapping[str, str]:
    """Return the table: a word in lower case and the same with `+` before its stressed vowel."""
    words: dict[str, str] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return words


@lru_cache(maxsize=1)
def version() -> str:
    """Return what changes when a stress may have changed."""
    digest = hashlib.sha256(_TABLE.read_bytes())
    digest.update(repr(SUFFIXES).encode())
    return digest.hexdigest()[:12]


def stressed(text: str) -> str:
    """Return text with `+` before every vowel that is known to be stressed."""
    return _WORD.sub(lambda found: stressed_word(found[0]), text)


def stressed_word(word: str) -> str:
    """Return one word with `+` before its stressed vowel, if that is known."""
    lower = word.lower()
    known = table().get(lower)
    if known is not None:
        return _marked(word, known.index("+"))
    place = place_by_rule(lower)
    return word if place is None else _marked(word, place)


def _marked(word: str, place: int) -> str:
    return f"{word[:place]}+{word[place:]}"


def place_by_rule(word: str) -> int | None:
    """Return where the stressed vowel is; words of one syllable need no mark."""
    vowels = [index for index, letter in enumerate(word) if letter in _VOWELS]
    if len(vowels) < 2:
        return None
    if "ё" in word:
        return word.index("ё")
    for rule, offset in _RULES:
        if found := rule.search(word):
            return found.start() + offset
    return None
