"""The texts of a language, read from plain data and checked (rule W-3).

A text that lacks what it must say, names an unknown fact, or could not be sent as it stands is
refused with the field and the reason. What is merely dear is told by `warnings_of`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from gateway.core.clinic import Prices
from gateway.core.model import Channel, Status
from gateway.core.pattern import Fact, OneOf, Pattern, PatternError, read_pattern
from gateway.core.segments import sms_segments
from gateway.core.wording import (
    ABOUTS,
    BUTTONS,
    FACTS,
    FACTS_OF_VISIT,
    FIRST_WORD,
    MAY_BE_EMPTY,
    NUMBER_BUTTON,
    WITHOUT_VISIT,
    Calendar,
    Family,
    Sample,
    Texts,
    Words,
    families_of,
    samples,
)
from gateway.errors import InvalidInput, Problem

BUTTON_TITLE_LENGTH_MAX = 20  # reply buttons of WhatsApp
CHAT_LENGTH_MAX = 1024  # WhatsApp's messages with buttons
SMS_SEGMENTS_MAX = 2

_PRICES = Prices()  # rule T-1

_SECTIONS = ("language", "buttons", "calendar", "states", "sample", "messages")
_MONTHS, _DAYS_OF_WEEK = 12, 7

_MISSING = "missing"
_BROKEN_FACT = "holds a line break, tab or four spaces, which WhatsApp refuses in a fact"
_NO_MAPPING = "not a mapping of names to values"

_DATE_FACTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "date": (("number", "month"), ("weekday",)),
    "day": (("date", "weekday"), ("number", "month", "on_weekday")),
    "when": (("date", "time"), ("number", "month", "weekday", "on_weekday", "day")),
    "visit": (("time",), ("number", "month", "weekday", "on_weekday", "date", "day", "when")),
}
"""Per pattern of the calendar: facts that it must name, and further ones that it may."""

_WITH_DOCTOR = frozenset({"details", "confirmation", "reminder", "clarification.repeat"})
_WITH_NUMBERS = {
    ("confirmation", Family.CHAT),
    ("clarification.options", Family.CHAT),
    ("clarification.options", Family.SMS),
    ("clarification.repeat", Family.CHAT),
    ("clarification.repeat", Family.SMS),
}
_WITH_LINK = {
    ("confirmation", Family.CHAT),
    ("confirmation", Family.SMS),
    ("reschedule_link", Family.CHAT),
    ("reschedule_link", Family.SMS),
    ("reschedule_link", Family.PUSH),
    ("acknowledgement.reschedule", Family.CHAT),
    ("acknowledgement.reschedule", Family.SMS),
    ("state.unconfirmed", Family.CHAT),
    ("state.unconfirmed", Family.SMS),
    ("state.confirmed", Family.CHAT),
    ("state.confirmed", Family.SMS),
}
_WITH_PHONE = frozenset(
    {
        "state.reschedule_requested",
        "state.cancelled",
        "state.arrived",
        "state.completed",
        "state.no_show",
        "state.removed",
        "state.begun",
        "clinic_phone",
    }
)
_WITH_A_WAY_ON = frozenset({"acknowledgement.conflict", "state.moved"})
"""Messages that say how to change what they tell: the page or the clinic's phone (rule C-10)."""

_WAYS_BACK = ("старт", "start")
"""Words that allow messages again, whatever the language (rules C-15, U-6)."""

_NUMBERS = tuple((number, re.compile(rf"(?<![0-9]){number}(?![0-9])").search) for number in "123")
_REFUSED_IN_TEMPLATES = re.compile(r"[\n\t]| {4}").search


def texts_of(documents: Sequence[object]) -> Texts:
    """Return the texts of the languages, the first of which speaks when none fits."""
    words = [words_of(document) for document in documents]
    return Texts({one.language: one for one in words})


def words_of(document: object) -> Words:
    """Return the words of one language; raise `InvalidInput` that says all that is wrong."""
    reader = _Reader()
    words = reader.words(document)
    if words is None:
        raise InvalidInput(*reader.problems)
    problems = list(_too_long(words))
    if problems:
        raise InvalidInput(*problems)
    return words


def warnings_of(words: Words) -> tuple[Problem, ...]:
    """Return the texts that are dear: SMS of more than two parts with the sample's facts.

    Such a text is sent all the same; its price by the default tariff is told (rule H-6).
    """
    found = []
    for about, channel, content in samples(words):
        if channel is not Channel.SMS:
            continue
        length = sms_segments(content.text)
        if length.count > SMS_SEGMENTS_MAX:
            price = _PRICES.sms * length.count
            message = (
                f"{length.count} SMS parts with the sample's facts ({length.units} units); "
                f"charged by the part, that is {price} instead of {_PRICES.sms}"
            )
            found.append(Problem(f"messages.{about}.sms", message))
    return tuple(found)


def _too_long(words: Words) -> Iterator[Problem]:
    for about, channel, content in samples(words):
        if channel is Channel.WHATSAPP and len(content.text) > CHAT_LENGTH_MAX:
            message = f"longer than {CHAT_LENGTH_MAX} characters with the sample's facts"
            yield Problem(f"messages.{about}.chat", message)


class _Reader:
    """Reads a document; what is wrong with it is collected in `problems`."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def words(self, document: object) -> Words | None:
        """Return the words, or None if there are problems."""
        top = self._mapping(document, "", _SECTIONS)
        language = self._text(top, "language")
        buttons = self._mapping(top.get("buttons"), "buttons", (*BUTTONS, NUMBER_BUTTON))
        states = self._mapping(top.get("states"), "states", tuple(Status))
        sample = self._mapping(top.get("sample"), "sample", Sample.__slots__)
        calendar = self._calendar(top.get("calendar"))
        messages = dict(self._messages(top.get("messages")))
        titles = {answer: self._title(buttons, answer) for answer in BUTTONS}
        ask = self._title(buttons, NUMBER_BUTTON)
        state_words = {status: self._fact(states, status, "states") for status in Status}
        facts = {name: self._sample(sample, name) for name in Sample.__slots__}
        if self.problems:
            return None
        return Words(language, titles, ask, calendar, state_words, Sample(**facts), messages)

    def _calendar(self, data: object) -> Calendar:
        lists = {"months": _MONTHS, "weekdays": _DAYS_OF_WEEK, "on_weekdays": _DAYS_OF_WEEK}
        given = self._mapping(data, "calendar", (*lists, *_DATE_FACTS))
        names = {name: self._names(given, name, count) for name, count in lists.items()}
        patterns = {}
        for name, (needed, further) in _DATE_FACTS.items():
            field = f"calendar.{name}"
            text = self._fact(given, name, "calendar")
            pattern = self._pattern(field, text, frozenset(needed + further)) if text else None
            patterns[name] = pattern or Pattern(())
            if pattern:
                for fact in sorted(set(needed) - pattern.facts):
                    self._add(field, f"does not name {{{fact}}}")
        return Calendar(
            months=names["months"],
            weekdays=names["weekdays"],
            on_weekdays=names["on_weekdays"],
            date=patterns["date"],
            day=patterns["day"],
            when=patterns["when"],
            visit=patterns["visit"],
        )

    def _messages(self, data: object) -> Iterator[tuple[tuple[str, Family], Pattern]]:
        given = self._mapping(data, "messages", ABOUTS)
        for about in ABOUTS:
            families = families_of(about)
            texts = self._mapping(given.get(about), f"messages.{about}", families)
            for family in families:
                field = f"messages.{about}.{family}"
                text = self._text(texts, family, f"messages.{about}")
                pattern = self._pattern(field, text, _facts_allowed(about)) if text else None
                if pattern is None:
                    continue
                for problem in problems_of(pattern, about, family):
                    self._add(field, problem)
                yield (about, family), pattern

    def _mapping(self, data: object, field: str, keys: Sequence[str]) -> Mapping[str, object]:
        if not isinstance(data, Mapping):
            self._add(field, _MISSING if data is None else _NO_MAPPING)
            return {}
        for key in data:
            if key not in keys:
                self._add(f"{field}.{key}" if field else str(key), "there is no such field")
        return data

    def _text(self, data: Mapping[str, object], key: str, field: str = "") -> str:
        value = data.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
        wrong = _MISSING if value is None or value == "" else "not a text"
        self._add(f"{field}.{key}" if field else key, wrong)
        return ""

    def _fact(self, data: Mapping[str, object], key: str, field: str) -> str:
        """Return what becomes a fact, and so perhaps a parameter of a template."""
        text = self._text(data, key, field)
        if _REFUSED_IN_TEMPLATES(text):
            self._add(f"{field}.{key}", _BROKEN_FACT)
        return text

    def _title(self, buttons: Mapping[str, object], answer: str) -> str:
        title = self._text(buttons, answer, "buttons")
        if len(title) > BUTTON_TITLE_LENGTH_MAX:
            most = BUTTON_TITLE_LENGTH_MAX
            self._add(f"buttons.{answer}", f"longer than {most} characters")
        return title

    def _sample(self, sample: Mapping[str, object], name: str) -> str:
        if name.endswith("_name") and sample.get(name) == "":
            return ""
        return self._text(sample, name, "sample")

    def _names(self, data: Mapping[str, object], key: str, count: int) -> tuple[str, ...]:
        value = data.get(key)
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            self._add(f"calendar.{key}", _MISSING if value is None else "not a list of names")
        elif len(value) != count:
            self._add(f"calendar.{key}", f"{len(value)} names instead of {count}")
        elif any(_REFUSED_IN_TEMPLATES(name) or not name.strip() for name in value):
            self._add(f"calendar.{key}", f"a name is empty or {_BROKEN_FACT}")
        else:
            return tuple(value)
        return ()

    def _pattern(self, field: str, text: str, allowed: frozenset[str]) -> Pattern | None:
        try:
            pattern = read_pattern(text)
        except PatternError as error:
            self._add(field, str(error))
            return None
        for name in sorted(pattern.facts - allowed):
            known = name in FACTS
            self._add(field, f"{{{name}}} {'is not known here' if known else 'is no fact'}")
        return pattern

    def _add(self, field: str, message: str) -> None:
        if not any(
            _is_inside(field, problem.field)
            for problem in self.problems
            if problem.message in (_MISSING, _NO_MAPPING)
        ):
            self.problems.append(Problem(field, message))


def _is_inside(field: str, whole: str) -> bool:
    return not whole or field.startswith(f"{whole}.")


def _facts_allowed(about: str) -> frozenset[str]:
    allowed = frozenset(FACTS)
    if about in WITHOUT_VISIT:
        allowed -= FACTS_OF_VISIT
    return allowed if about == "clarification.which_visit" else allowed - {"visits"}


def problems_of(pattern: Pattern, about: str, family: Family) -> Iterator[str]:
    """Yield everything that is wrong with a message's text (rules W-1, W-3)."""
    for names in _facts_needed(about, family):
        if not pattern.facts & set(names):
            yield f"does not name {' or '.join(f'{{{name}}}' for name in names)}"
    for piece in pattern.pieces:
        if isinstance(piece, Fact) and piece.name in MAY_BE_EMPTY:
            yield f"{{{piece.name}}} may be unknown: write it inside [[ ]]"
    yield from _unsaid(pattern.words().casefold(), about, family)
    if about in FIRST_WORD and family is Family.CHAT:
        yield from _problems_of_template(pattern)


def _unsaid(words: str, about: str, family: Family) -> Iterator[str]:
    if (about, family) in _WITH_NUMBERS:
        for number, is_in in _NUMBERS:
            if not is_in(words):
                yield f"does not offer the number {number}"
    if about == "acknowledgement.opt_out" and not any(word in words for word in _WAYS_BACK):
        yield f"does not tell the way back: {' or '.join(_WAYS_BACK)}"


def _facts_needed(about: str, family: Family) -> Iterator[tuple[str, ...]]:
    if about == "clarification.which_visit":
        yield ("visits",)
        return
    yield ("clinic",)
    if about not in WITHOUT_VISIT:
        yield ("when", "day", "date")
        yield ("when", "time")
    if about in _WITH_DOCTOR:
        yield ("doctor",)
        yield ("specialty",)
    if about in _WITH_PHONE:
        yield ("phone",)
    if about == "acknowledgement.conflict":
        yield ("state",)
    if about in _WITH_A_WAY_ON:
        yield ("link", "phone")
    if (about, family) in _WITH_LINK:
        yield ("link",)


def _problems_of_template(pattern: Pattern) -> Iterator[str]:
    """Yield what WhatsApp would refuse in a template."""
    pieces = pattern.pieces
    if not isinstance(pieces[0], str) or not isinstance(pieces[-1], str):
        yield "begins or ends with a fact, which WhatsApp refuses in templates"
    for before, after in pairwise(pieces):
        if not isinstance(before, str) and not isinstance(after, str):
            yield "holds two facts with nothing between them, which WhatsApp refuses in templates"
    for piece in pieces:
        if not isinstance(piece, OneOf):
            continue
        if not piece.is_never_empty:
            yield "[[ ]] needs a last choice without facts: WhatsApp refuses empty ones"
        if _REFUSED_IN_TEMPLATES("".join(_literals(piece))):
            yield "[[ ]] holds a line break, tab or four spaces, which WhatsApp refuses"


def _literals(piece: OneOf) -> Iterator[str]:
    for choice in piece.choices:
        yield from (part for part in choice.parts if isinstance(part, str))
