"""The number-reply parser: what a patient's written answer to "1, 2, 3 or 0" means (spec U-1..U-6).

The whole message is read, never searched: `reply_text` cleans it and cuts it into words, every
word is given a kind from the closed vocabularies of `reply_words`, and only a message whose
pieces all belong to one action is that action. A wrong action is far worse than asking again.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from gateway.core.reply_signs import (
    DEVICES,
    NAME_ENDINGS,
    NAMES,
    NUMBER_OBJECTS,
    NUMBER_SIGNS,
    OPTION_STEMS,
    PATRONYMIC_ENDINGS,
    SIGNS,
    TIME_WORDS,
)
from gateway.core.reply_text import Gap, Token, cut, fold
from gateway.core.reply_words import PHRASES, WORDS, Kind

TEXT_CHARS_MAX: Final = 4096  # a WhatsApp message holds no more; what is longer is never an action
SIGNED_NAMES_MAX: Final = 4  # «с уважением, Иванова Анна Петровна»
GREETED_NAMES_MAX: Final = 3
DEVICE_WORDS_MAX: Final = 8  # «отправлено из мобильной Почты Mail.ru для Android»


class Meaning(StrEnum):
    """What a reply means; the first three are actions on the visit."""

    CONFIRM = "confirm"
    RESCHEDULE = "reschedule"
    CANCEL = "cancel"
    REPEAT = "repeat"
    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reading:
    """The meaning of a reply, the pieces that decided it, and the lone clock time it names."""

    meaning: Meaning
    matched: tuple[str, ...] = ()
    time: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class _Item:
    kind: Kind
    text: str
    gap: Gap


def read_reply(text: str) -> Reading:
    """Return what the written answer means (U-1 to U-6); total and linear for any string."""
    message = fold(text[:TEXT_CHARS_MAX])
    items = _classify(list(cut(message)))
    reading = _decide(items, asks="?" in message)
    if len(text) > TEXT_CHARS_MAX and reading.meaning is not Meaning.UNKNOWN:
        return Reading(Meaning.AMBIGUOUS, reading.matched)
    return reading


# --- Pieces: the longest phrases, each of one kind --------------------------------------------

_PHRASE_WORDS_MAX: Final = max(map(len, PHRASES))
_DIGITS: Final = {"0": Kind.ZERO, "1": Kind.ONE, "2": Kind.TWO, "3": Kind.THREE}


def _classify(tokens: list[Token]) -> list[_Item]:
    """Give every token a kind; nothing is left out but names, devices and the sign of a number."""
    items: list[_Item] = []
    at = 0
    while at < len(tokens):
        if _is_number_sign(tokens, at):
            at += 1
            continue
        item, size = _piece(tokens, at)
        items.append(item)
        at += size
        at += _tail(item.kind, tokens[at:]) if item.kind in _TAILS else 0
    return items


def _is_number_sign(tokens: list[Token], at: int) -> bool:
    """Return whether the token is the «№» of «№ 1», the "N" of "N1" or the "#" of "1#"."""
    text, rest = tokens[at].text, tokens[at + 1 : at + 2]
    before = bool(rest) and rest[0].gap is Gap.SPACE and rest[0].text in _DIGITS
    after = at > 0 and tokens[at].gap is Gap.SPACE and tokens[at - 1].text in _DIGITS
    return ((text in NUMBER_SIGNS or text == "n") and before) or (text == "#" and after)


def _piece(tokens: list[Token], at: int) -> tuple[_Item, int]:
    """Return the longest phrase at this place, or the single token, and its length.

    A comma ends a phrase, except a doubtful one: «ага, конечно».
    """
    token = tokens[at]
    words, unbroken = [token.text], 1
    for following in tokens[at + 1 : at + _PHRASE_WORDS_MAX]:
        if following.gap is Gap.STOP:
            break
        words.append(following.text)
        unbroken += following.gap is Gap.SPACE and unbroken == len(words) - 1
    for size in range(len(words), 0, -1):
        kind = PHRASES.get(tuple(words[:size]))
        if kind is not None and (size <= unbroken or kind is Kind.DOUBT):
            return _Item(kind, " ".join(words[:size]), token.gap), size
    return _Item(_single(token.text), token.text, token.gap), 1


def _single(text: str) -> Kind:
    if text in SIGNS:
        return SIGNS[text]
    if text[-1].isdigit():
        return _DIGITS.get(text, Kind.NUMBER)
    return Kind.DOUBT if text.startswith(OPTION_STEMS) else Kind.UNKNOWN


def _tail(kind: Kind, tokens: list[Token]) -> int:
    """Return how many of the tokens are the names or the device that belong to the courtesy."""
    most, belongs = _TAILS[kind]
    size = 0
    while size < min(most, len(tokens)) and belongs(tokens[size]):
        size += 1
    return 0 if kind is Kind.FAREWELL and size < len(tokens) else size


def _is_greeted(token: Token) -> bool:
    text = token.text
    return not token.newline and (text in NAMES or text.endswith(PATRONYMIC_ENDINGS))


def _is_signed(token: Token) -> bool:
    if len(token.text) == 1 and token.titled:
        return True
    if token.text in WORDS:
        return False
    latin = (
        token.text.isascii() and token.text.isalpha() and not token.text.startswith(OPTION_STEMS)
    )
    shaped = token.text.endswith(NAME_ENDINGS) or latin
    return token.text in NAMES or (token.titled and shaped)


def _is_device(token: Token) -> bool:
    text = token.text
    return not token.newline and (text in DEVICES or text[-1].isdigit() or len(text) == 1)


_TAILS: Final = {
    Kind.GREETING: (GREETED_NAMES_MAX, _is_greeted),
    Kind.FAREWELL: (SIGNED_NAMES_MAX, _is_signed),
    Kind.SENT_FROM: (DEVICE_WORDS_MAX, _is_device),
}


# --- Deciding -------------------------------------------------------------------------------------

_ACTIONS: Final = frozenset({Meaning.CONFIRM, Meaning.RESCHEDULE, Meaning.CANCEL})
_VOTES: Final = {
    Kind.ZERO: Meaning.REPEAT,
    Kind.REPEAT: Meaning.REPEAT,
    Kind.ONE: Meaning.CONFIRM,
    Kind.YES: Meaning.CONFIRM,
    Kind.CONFIRM: Meaning.CONFIRM,
    Kind.TWO: Meaning.RESCHEDULE,
    Kind.RESCHEDULE: Meaning.RESCHEDULE,
    Kind.OTHER_TIME: Meaning.RESCHEDULE,
    Kind.THREE: Meaning.CANCEL,
    Kind.CANCEL: Meaning.CANCEL,
    Kind.ABSENT: Meaning.CANCEL,
    Kind.OPT_OUT: Meaning.OPT_OUT,
    Kind.OPT_IN: Meaning.OPT_IN,
}
_NUMBERS: Final = frozenset({Kind.ZERO, Kind.ONE, Kind.TWO, Kind.THREE})
_COURTESIES: Final = frozenset({Kind.COURTESY, Kind.GREETING, Kind.FAREWELL, Kind.SENT_FROM})
_HARMLESS: Final = _COURTESIES | {Kind.PRONOUN, Kind.NEUTRAL, Kind.CHOICE}
_EXCUSES: Final = frozenset({Kind.WANT, Kind.REASON, Kind.SAD, Kind.CANNOT, Kind.NO})
# What may stand beside the pieces that mean it (U-1). Everything else in the message stops it.
_COMPANIONS: Final = {
    Meaning.CONFIRM: _HARMLESS | {Kind.COME, Kind.WEAK},
    Meaning.RESCHEDULE: _HARMLESS | _EXCUSES | {Kind.WISH},
    Meaning.CANCEL: _HARMLESS | _EXCUSES,
    Meaning.REPEAT: _COURTESIES | {Kind.PRONOUN, Kind.CHOICE, Kind.LOST},
    Meaning.OPT_OUT: _COURTESIES | {Kind.PRONOUN, Kind.OPT_OUT_REST, Kind.SAD, Kind.WANT},
    Meaning.OPT_IN: _COURTESIES | {Kind.PRONOUN},
}
# Kinds that speak of the question: without an answer they are asked again (U-4), else U-5.
_TELLING: Final = frozenset(_VOTES) | {Kind.WEAK, Kind.CANNOT, Kind.NO, Kind.DOUBT, Kind.NUMBER}
# What may touch a digit. Beside anything else it may be a quantity, a date, a time (U-4).
_BESIDE_NUMBER: Final = _COURTESIES | frozenset(_VOTES) | {Kind.CHOICE, Kind.WEAK, Kind.SAD}
# What may stand in a message that says its action by the digit only.
_AROUND_NUMBER: Final = (
    _COURTESIES | _NUMBERS | {Kind.CHOICE, Kind.PRONOUN, Kind.REASON, Kind.SAD, Kind.CANNOT}
)


def _decide(items: list[_Item], *, asks: bool) -> Reading:
    """Return the one meaning that every piece belongs to, else that there is none (U-1, U-4)."""
    meaning = _only_meaning(items)
    if meaning is not None and not (asks and _is_bound_by_question(meaning, items)):
        return Reading(meaning, tuple(i.text for i in items if _VOTES.get(i.kind) is meaning))
    telling = tuple(item.text for item in items if item.kind in _TELLING)
    if telling or _is_bare_refusal(items):
        return Reading(Meaning.AMBIGUOUS, telling, None if asks else _lone_time(items))
    return Reading(Meaning.UNKNOWN)


def _is_bound_by_question(meaning: Meaning, items: list[_Item]) -> bool:
    """Return whether a "?" stops it (U-4): all but a polite «можете повторить?»."""
    return meaning is not Meaning.REPEAT or any(item.kind is Kind.ZERO for item in items)


def _is_bare_refusal(items: list[_Item]) -> bool:
    kinds = {item.kind for item in items} - _COURTESIES
    return kinds == {Kind.NOT}


def _only_meaning(items: list[_Item]) -> Meaning | None:
    """Return the single meaning of the pieces, None when there are several or anything beside."""
    meanings = {_VOTES[item.kind] for item in items if item.kind in _VOTES}
    if len(meanings) != 1:
        return None
    (meaning,) = meanings
    if any(item.kind not in _VOTES and item.kind not in _COMPANIONS[meaning] for item in items):
        return None
    checks = (_numbers_stand_alone, _refusals_agree, _no_leads, _other_time_is_asked)
    return meaning if all(check(items) for check in checks) else None


def _numbers_stand_alone(items: list[_Item]) -> bool:
    """Return whether no number can be a quantity, a time or a date (U-4)."""
    if not any(item.kind in _NUMBERS for item in items):
        return True
    said = any(item.kind in _VOTES and item.kind not in _NUMBERS for item in items)
    if not all(
        item.text not in NUMBER_OBJECTS if said else item.kind in _AROUND_NUMBER for item in items
    ):
        return False
    after = _BESIDE_NUMBER | {Kind.WANT} if said else _BESIDE_NUMBER  # «2 хочу перенести»
    return all(
        right.gap is not Gap.SPACE
        or (left.kind in _NUMBERS and right.kind in after)
        or (right.kind in _NUMBERS and left.kind in _BESIDE_NUMBER)
        or not {left.kind, right.kind} & _NUMBERS
        for left, right in pairwise(items)
    )


_REFUSALS: Final = frozenset({Kind.CANNOT, Kind.ABSENT})
_FULL_REFUSAL_WORDS: Final = 3  # «не смогу прийти» refuses the visit, «не смогу» what is beside it
_COMMAND: Final = re.compile(
    r"\w*(?:те|яю|яем|ошу|осим)\b|давай|cancel|reschedule|postpone|move|change\b"
)


def _refusals_agree(items: list[_Item]) -> bool:
    """Return whether no option is refused: «не смогу отменить», «перенести не получится» (U-4).

    «Не смогу, отмените» asks for it; «не смогу, к сожалению, отменить» refuses it.
    """
    in_sentence = in_clause = option = False  # a refusal before this piece; an option before it
    for item in _without_courtesies(items):
        if item.gap is not Gap.SPACE:
            in_clause = option = False
            in_sentence = in_sentence and item.gap is Gap.COMMA
        if item.kind is Kind.WANT:
            in_clause = in_sentence = False
        elif item.kind in _REFUSALS:
            if option and len(item.text.split()) < _FULL_REFUSAL_WORDS:
                return False
            in_clause = in_sentence = True
        elif _is_refusable(item):
            if in_clause or (in_sentence and _is_infinitive(item)):
                return False
            option = True
    return True


def _without_courtesies(items: list[_Item]) -> Iterator[_Item]:
    """Return the rest, as if the courtesy and the commas around it had not been written."""
    skipped, stop = False, False
    for item in items:
        stop = stop or item.gap is Gap.STOP
        if item.kind in _COURTESIES:
            skipped = True
            continue
        gap = Gap.SPACE if skipped else item.gap
        yield _Item(item.kind, item.text, Gap.STOP if stop else gap)
        skipped, stop = False, False


def _is_refusable(item: _Item) -> bool:
    """Return whether a «не могу» beside it may refuse it: no command, no "I am cancelling"."""
    options = (Kind.RESCHEDULE, Kind.OTHER_TIME, Kind.CANCEL)
    return item.kind in options and not _COMMAND.match(item.text)


def _is_infinitive(item: _Item) -> bool:
    return item.text.split()[0].endswith(("ть", "ти", "ться"))


def _other_time_is_asked(items: list[_Item]) -> bool:
    """Return whether a bare «в другой день» asks for one (U-3), not «запись в другой день»."""
    kinds = {item.kind for item in items}
    if Kind.OTHER_TIME not in kinds or kinds & {Kind.RESCHEDULE, Kind.TWO}:
        return True
    if Kind.NEUTRAL in kinds and Kind.WANT not in kinds:
        return False
    clauses: list[set[Kind]] = [set()]
    for item in _without_courtesies(items):
        if item.gap is not Gap.SPACE:
            clauses.append(set())
        clauses[-1].add(item.kind)
    taken = _REFUSALS | {Kind.REASON}  # «в другой день работаю»
    return not any(Kind.OTHER_TIME in clause and clause & taken for clause in clauses)


def _no_leads(items: list[_Item]) -> bool:
    """Return whether a «нет» only opens a refusal of the visit: «нет, не приду» (U-4)."""
    said = [item for item in items if item.kind not in _COURTESIES]
    refusals = sum(item.kind is Kind.NO for item in said)
    if not refusals:
        return True
    kinds = [item.kind for item in said]
    if Kind.NO in kinds[refusals:] or set(kinds) & _NUMBERS or len(kinds) == refusals:
        return False
    first = said[refusals]
    spoken = first.kind in _REFUSALS or _COMMAND.match(first.text) is not None
    if spoken and not first.text.isascii():  # "no cancel" may be "do not cancel"
        return True
    between = items[items.index(said[refusals - 1]) + 1 : items.index(first) + 1]
    return any(item.gap is not Gap.SPACE for item in between)


_CLOCK: Final = re.compile(r"([01]?\d|2[0-3])[:.∶–—−-]([0-5]\d)")


def _lone_time(items: list[_Item]) -> tuple[int, int] | None:
    """Return the clock time that is the whole message, the answer to "which visit?" (Z-10)."""
    silent = _COURTESIES | {Kind.PRONOUN, Kind.NEUTRAL}
    told = [i for i in items if i.kind not in silent and i.text not in TIME_WORDS]
    match = _CLOCK.fullmatch(told[0].text) if len(told) == 1 else None
    return (int(match[1]), int(match[2])) if match else None
