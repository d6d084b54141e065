"""The signs of a text that is to be spoken: fewer kinds on the way in, only pauses on the way out.

`clean` brings every dress of a letter, digit, dash or quotation mark to one; `tidy` leaves letters,
spaces and the punctuation that a speech engine hears: , . ! ? and the hyphen inside words.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

CYRILLIC: Final = "а-яёА-ЯЁ"
LATIN: Final = "a-zA-Z"

_KEPT: Final = frozenset("№₽€£°")
_MARKS: Final = frozenset("™®©℠²³")
_APOSTROPHES: Final = frozenset("'’‘`´ʼ＇′")
_DASHES: Final = frozenset("–—―‒⸺﹘")
_HYPHENS: Final = frozenset("-‐‑−⁃﹣－")

# Letters of the neighbours' alphabets, as a Russian reads them aloud in names: Әлия, Гүлнар, Їжак.
_OTHER_CYRILLIC: Final = str.maketrans(
    "әӘөӨүҮұҰқҚғҒңҢһҺҗҖіІїЇєЄґҐўЎӣӢӯӮҷҶҳҲјЈѐѝ",
    "эЭоОуУуУкКгГнНхХжЖиИиИеЕгГуУиИуУжЖхХйЙеи",
)
_OTHER_LATIN: Final = {
    "ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
    "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i", "ħ": "h", "ŋ": "ng",
}  # fmt: skip
_IS_PLAIN: Final = re.compile(rf"[{CYRILLIC}{LATIN}0-9]").fullmatch

WEB_ADDRESS: Final = re.compile(
    r"(?<![\w.@/-])(?:https?://)?(?:www\.)?"
    r"(?P<place>[a-zA-Z0-9_-]+(?:[.@][a-zA-Z0-9_-]+)*\.[a-z]{2,8}(?!\w)(?:/[\w/?=&.-]*\w)?)"
)
"""A mail or web address; `place` is what people say of it."""

_PARAGRAPH: Final = re.compile(r"[.,;:]?[^\S\n]*\n(?:[^\S\n]*\n)+")


def clean(text: str) -> str:
    """Return the text in one line, in plain letters and digits; what cannot be spoken is gone.

    Quotation marks become spaces, dashes "–", hyphens and minuses "-", an empty line a full stop.
    """
    text = unicodedata.normalize("NFC", text).strip().replace("\r\n", "\n")
    text = _PARAGRAPH.sub(". ", text)
    return " ".join("".join(map(_plain, text)).split())


@lru_cache(maxsize=4096)
def _plain(char: str) -> str:
    """Return what stands for the character: itself, its plain form, a space or nothing."""
    if _IS_PLAIN(char) or char in _KEPT:
        return char
    for chars, plain in ((_APOSTROPHES, "'"), (_DASHES, "–"), (_HYPHENS, "-"), ("⁄∕", "/")):
        if char in chars:
            return plain
    if char.isascii():
        return char if char.isprintable() and char != '"' else " "
    return _plain_beyond_ascii(char)


def _plain_beyond_ascii(char: str) -> str:
    category = unicodedata.category(char)
    if category in ("Mn", "Me", "Cf") or char in _MARKS:
        return ""
    if category == "Nd":
        return str(unicodedata.digit(char))
    known = char.translate(_OTHER_CYRILLIC)
    if known != char:
        return known
    if char in _OTHER_LATIN:
        return _OTHER_LATIN[char]
    parts = unicodedata.normalize("NFKD", char)
    return "".join(map(_plain, parts)) if parts != char else " "


# --- On the way out -------------------------------------------------------------------------------

_PAUSES: Final = re.compile(r" [-]+ |[:;()\[\]{}<>|=/\\–]+")
_APOSTROPHE: Final = re.compile(r"'+")
_RUN: Final = re.compile(r"[ ,.!?]*[,.!?][ ,.!?]*")


def tidy(text: str, letters: str, *, apostrophes: bool = False) -> str:
    """Return the text in those letters with pauses as , . ! ? and hyphens only inside words.

    `letters` is the inside of a character class. Apostrophes inside words stay if wanted.
    """
    text = _PAUSES.sub(",", text)
    inside = rf"(?<=[{letters}]){{}}(?=[{letters}])"
    text = _strip_outside(text, "-", inside, " ")
    text = _strip_outside(text, "'", inside if apostrophes else "(?!)", "")
    text = re.sub(rf"[^{letters} ,.!?'-]", " ", text)
    text = _RUN.sub(_strongest, " ".join(text.split()))
    return text.strip(" ,").lstrip(" .!?")


def _strip_outside(text: str, sign: str, inside: str, instead: str) -> str:
    """Replace the sign except where it stands inside a word."""
    return re.sub(
        rf"(?P<inside>{inside.format(sign)})|{sign}+",
        lambda match: match["inside"] or instead,
        text,
    )


def _strongest(run: re.Match[str]) -> str:
    """Return the strongest pause of a run of punctuation."""
    return next(sign for sign in "?!.," if sign in run[0]) + " "
