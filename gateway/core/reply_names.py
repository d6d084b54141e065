"""Whose name a reply is signed with: names are courtesy, and never a reason to act (spec U-1)."""

from typing import Final

from gateway.core.reply_signs import (
    FULL_NAME_ENDINGS,
    NAME_ENDINGS,
    NAMES,
    NO_SURNAMES,
    OPTION_STEMS,
    PATRONYMIC_ENDINGS,
    SURNAME_ENDINGS,
)
from gateway.core.reply_spellings import REAL_WORDS
from gateway.core.reply_text import Gap, Token
from gateway.core.reply_words import WORDS

SIGNED_NAMES_MAX: Final = 4  # «с уважением, Иванова Анна Петровна»
_SURNAME_LETTERS_MIN: Final = 5  # «Попов»; shorter ones look like other words


def is_greeted(token: Token) -> bool:
    """Return whether the token is a name that may follow a greeting."""
    text = token.text
    return not token.newline and (text in NAMES or text.endswith(PATRONYMIC_ENDINGS))


def is_signed(token: Token) -> bool:
    """Return whether the token may be a name after a «с уважением»."""
    if len(token.text) == 1 and token.titled:
        return True
    if token.text in WORDS:
        return False
    latin = (
        token.text.isascii() and token.text.isalpha() and not token.text.startswith(OPTION_STEMS)
    )
    shaped = token.text.endswith(NAME_ENDINGS) or latin
    return token.text in NAMES or (token.titled and shaped)


def signature(tokens: list[Token], at: int, *, opens: bool) -> int:
    """Return how many tokens from here are the patient's full name, without a «с уважением».

    It ends the message («Подтверждаю. Иванова М.П.») or `opens` it («Это Иванова Анна, приду»);
    a first name alone may be anybody's: «приду, Маша».
    """
    size = _names(tokens, at)
    rest = tokens[at + size : at + size + 1]
    if size == 1 and _is_surname(tokens[at], SURNAME_ENDINGS):
        apart = rest[0] if rest else tokens[at]
        return size if apart.gap is not Gap.SPACE and (opens or not rest) else 0
    named = tokens[at : at + size]
    surname = any(_is_surname(name) or name.text.endswith(PATRONYMIC_ENDINGS) for name in named)
    return size if size > 1 and surname and (opens or not rest) else 0


def _names(tokens: list[Token], at: int) -> int:
    """Return how many tokens name one person: a surname, a name or initials, a patronymic."""
    size = 0
    for token in tokens[at : at + SIGNED_NAMES_MAX]:
        initial = len(token.text) == 1 and token.titled
        after = size > 0 and (token.gap is Gap.SPACE or len(tokens[at + size - 1].text) == 1)
        if size and not after:
            break
        sure = token.text in NAMES or token.text.endswith(PATRONYMIC_ENDINGS)
        if not (sure or _is_surname(token) or (initial and size)):
            break
        size += 1
    return size


def _is_surname(token: Token, endings: tuple[str, ...] = FULL_NAME_ENDINGS) -> bool:
    text = token.text
    return (
        token.titled
        and len(text) >= _SURNAME_LETTERS_MIN
        and text.endswith(endings)
        and text not in WORDS | REAL_WORDS | NO_SURNAMES
    )
