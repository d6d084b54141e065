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

from gateway.core.reply_names import SIGNED_NAMES_MAX, is_greeted, is_signed, signature
from gateway.core.reply_signs import (
    CALL_STEMS,
    DEVICES,
    MESSAGES,
    NUMBER_OBJECTS,
    NUMBER_SIGNS,
    NUMBERED,
    OPTION_STEMS,
    PREFERENCES,
    SIGNS,
    TIME_WORDS,
)
from gateway.core.reply_text import Gap, Token, cut, fold, retyped
from gateway.core.reply_words import PHRASES, Kind

TEXT_CHARS_MAX: Final = 4096  # a WhatsApp message holds no more; what is longer is never an action
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
    reading = _read(message)
    if reading.meaning is Meaning.UNKNOWN and "?" not in message:
        reading = next(filter(_is_answer, map(_read, retyped(message))), reading)
    if len(text) > TEXT_CHARS_MAX and reading.meaning is not Meaning.UNKNOWN:
        return Reading(Meaning.AMBIGUOUS, reading.matched)
    return reading


def _read(message: str) -> Reading:
    return _decide(_classify(list(cut(message))), asks="?" in message)


def _is_answer(reading: Reading) -> bool:
    """Return whether a retyped message answers; a single letter is too little for that."""
    return reading.meaning not in (Meaning.UNKNOWN, Meaning.AMBIGUOUS) and all(
        len(piece) > 1 for piece in reading.matched
    )


# --- Pieces: the longest phrases, each of one kind --------------------------------------------

_PHRASE_WORDS_MAX: Final = max(map(len, PHRASES))
_PLEAS: Final = frozenset({"пожалуйста", "please", "pls", "plz", "плиз", "плз", "пжл", "пж"})
_OVER_COMMAS: Final = frozenset({Kind.DOUBT, Kind.COURTESY})
_INTRODUCED_BY: Final = frozenset({"это", "я"})  # «это Иванова Мария»
_DIGITS: Final = {"0": Kind.ZERO, "1": Kind.ONE, "2": Kind.TWO, "3": Kind.THREE}


def _classify(tokens: list[Token]) -> list[_Item]:
    """Give every token a kind; nothing is left out but names, devices and the sign of a number."""
    items: list[_Item] = []
    at = 0
    while at < len(tokens):
        if _is_number_sign(tokens, at):
            at += 1
            continue
        signed = signature(tokens, at, opens=_opens(items))
        if signed:
            named = items.pop() if items and items[-1].text in _INTRODUCED_BY else None
            gap = named.gap if named else tokens[at].gap
            items.append(_Item(Kind.COURTESY, tokens[at].text, gap))
            at += signed
            continue
        item, size = _piece(tokens, at)
        items.append(item)
        at += size
        at += _tail(item.kind, tokens[at:]) if item.kind in _TAILS else 0
    return items


def _opens(items: list[_Item]) -> bool:
    """Return whether nothing was said yet but a greeting or a «это», «я»."""
    return all(item.kind in _COURTESIES or item.text in _INTRODUCED_BY for item in items)


def _is_number_sign(tokens: list[Token], at: int) -> bool:
    """Return whether the token is the «№» of «№ 1», the "N" of "N1" or the "#" of "1#"."""
    text, rest = tokens[at].text, tokens[at + 1 : at + 2]
    before = bool(rest) and rest[0].gap is Gap.SPACE and rest[0].text in _DIGITS
    after = at > 0 and tokens[at].gap is Gap.SPACE and tokens[at - 1].text in _DIGITS
    return ((text in NUMBER_SIGNS or text == "n") and before) or (text == "#" and after)


def _piece(tokens: list[Token], at: int) -> tuple[_Item, int]:
    """Return the longest phrase at this place, or the single token, and its length.

    A «пожалуйста» inside a phrase does not break it: «снимите, пожалуйста, запись».
    """
    token = tokens[at]
    found = max(_phrase(tokens, at, pleas=False), _phrase(tokens, at, pleas=True))
    if not found[0]:
        return _Item(_single(token.text), token.text, token.gap), 1
    size, words = found
    return _Item(PHRASES[words], " ".join(words), token.gap), size


def _phrase(tokens: list[Token], at: int, *, pleas: bool) -> tuple[int, tuple[str, ...]]:
    """Return how many tokens the longest phrase takes, and its words; `pleas` are passed over.

    A comma ends a phrase, except a doubtful or a polite one: «ага, конечно», «хорошо, что
    напомнили».
    """
    words, unbroken, passed = [tokens[at].text], 1, False
    best: tuple[int, tuple[str, ...]] = (0, ())
    end = at
    while True:
        kind = PHRASES.get(tuple(words))
        if kind is not None and (len(words) == unbroken or kind in _OVER_COMMAS):
            best = (end + 1 - at, tuple(words))
        end += 1
        while pleas and end < len(tokens) and tokens[end].text in _PLEAS:
            end, passed = end + 1, tokens[end].gap is not Gap.STOP
        if len(words) == _PHRASE_WORDS_MAX or end >= len(tokens) or tokens[end].gap is Gap.STOP:
            return best
        unbroken += (passed or tokens[end].gap is Gap.SPACE) and unbroken == len(words)
        words.append(tokens[end].text)
        passed = False


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


def _is_device(token: Token) -> bool:
    text = token.text
    return not token.newline and (text in DEVICES or text[-1].isdigit() or len(text) == 1)


_TAILS: Final = {
    Kind.GREETING: (GREETED_NAMES_MAX, is_greeted),
    Kind.FAREWELL: (SIGNED_NAMES_MAX, is_signed),
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
    Meaning.CANCEL: _HARMLESS | _EXCUSES | {Kind.NEEDLESS},
    Meaning.REPEAT: _COURTESIES | {Kind.PRONOUN, Kind.CHOICE, Kind.LOST},
    Meaning.OPT_OUT: _COURTESIES | {Kind.PRONOUN, Kind.OPT_OUT_REST, Kind.SAD, Kind.WANT},
    Meaning.OPT_IN: _COURTESIES | {Kind.PRONOUN},
}
# Kinds that speak of the question: without an answer they are asked again (U-4), else U-5.
_TELLING: Final = frozenset(_VOTES) | {
    Kind.WEAK, Kind.CANNOT, Kind.NEEDLESS, Kind.NO, Kind.DOUBT, Kind.NUMBER,
}  # fmt: skip
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
    checks = (
        _numbers_stand_alone,
        _refusals_agree,
        _no_leads,
        _other_time_is_asked,
        _needless_is_the_visit,
        _no_number_of_something,
        _no_other_way_is_asked,
    )
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


def _no_number_of_something(items: list[_Item]) -> bool:
    """Return whether no number is the name of something beside it: «клиника № 3», «1 клиника»."""
    said = [item for item in items if item.kind is not Kind.CHOICE]
    return not any(
        {left.kind, right.kind} & _NUMBERS
        and right.gap is Gap.SPACE
        and {left.text, right.text} & NUMBERED
        for left, right in pairwise(said)
    )


def _no_other_way_is_asked(items: list[_Item]) -> bool:
    """Return whether an opt-out asks for no other way: «не звоните, лучше смс» (U-6)."""
    stopped = " ".join(item.text for item in items if item.kind is Kind.OPT_OUT)
    asked = {item.text for item in items if item.kind is not Kind.OPT_OUT}
    calls = any(stem in stopped for stem in CALL_STEMS)
    return not stopped or not (asked & PREFERENCES or (calls and asked & MESSAGES))


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
    taken = _REFUSALS | {Kind.REASON}  # «в другой день работаю»
    clauses = [{item.kind for item in clause} for clause in _clauses(items)]
    return not any(Kind.OTHER_TIME in clause and clause & taken for clause in clauses)


def _needless_is_the_visit(items: list[_Item]) -> bool:
    """Return whether «не нужна» is said of the visit, not of what is asked: «отмена не нужна»."""
    return not any(
        Kind.NEEDLESS in {item.kind for item in clause} and any(map(_is_refusable, clause))
        for clause in _clauses(items)
    )


def _clauses(items: list[_Item]) -> list[list[_Item]]:
    clauses: list[list[_Item]] = [[]]
    for item in _without_courtesies(items):
        if item.gap is not Gap.SPACE:
            clauses.append([])
        clauses[-1].append(item)
    return clauses


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
