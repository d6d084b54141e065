"""To which visit does a patient's message belong? (rules C-11, U-7, Z-10, Z-12)

A button names its visit, a quoted message belongs to the visit it was about, and everything
else belongs to the only open question. Nothing is guessed: with several open questions the
patient is asked, and the answer may be a quote or the visit's time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from gateway.core import policy
from gateway.core.answers import ANSWER_OF_MEANING, question_open, was_asked
from gateway.core.case import Case, Contact, Pending
from gateway.core.events import Choice, PatientWrote
from gateway.core.evolve import evolve
from gateway.core.hours import local
from gateway.core.links import read_payload
from gateway.core.model import Answer, Channel
from gateway.core.reply import Meaning, Reading, read_reply
from gateway.core.visit_line import visit_line

NEVER_ASKED = 0
"""Booking of an answer that no question of ours stands behind."""

UNREAD = Reading(Meaning.UNKNOWN)
"""The reading of what has no text, or whose text is the label of one of our buttons."""

_SHORT = 32
"""Texts up to this length ("1", "да", "отмена") come again and again: they are read once."""

_read_short = lru_cache(maxsize=1024)(read_reply)
_read_payload = lru_cache(maxsize=64)(read_payload)  # a message is looked at more than once


@dataclass(frozen=True, slots=True)
class Written:
    """A message as it came in: text, the payload of a tapped button, the quoted message's id."""

    id: str
    channel: Channel
    text: str | None
    payload: str | None = None
    quoted: str | None = None
    kind: str = "text"
    by_provider: bool = False  # the provider has taken the opt-out or opt-in itself


@dataclass(frozen=True, slots=True)
class Routed:
    """The visit a message belongs to (None: the number alone) and the event about it."""

    case: Case | None
    event: PatientWrote


def appointment_in(written: Written) -> str | None:
    """Return the appointment that a tapped button names, if it is one of ours."""
    read = _read_payload(written.payload) if written.payload else None
    return read[2] if read else None


def route(
    written: Written,
    contact: Contact,
    cases: Sequence[Case],
    zones: dict[str, str],
    now: datetime,
) -> Routed:
    """Match a message to a visit. `zones` gives each branch's time zone."""
    raw = written.text if written.text is not None else f"[{written.kind}]"
    pressed = _read_payload(written.payload) if written.payload else None
    if pressed is not None:
        answer, booking, appointment = pressed
        for case in cases:
            if case.id == appointment:
                return _routed(written, raw, UNREAD, case, booking, quoted=True, pressed=answer)
    if contact.pending is not None and now - contact.pending.at > policy.PENDING_FOR:
        contact = evolve(contact, pending=None)
    reading = _read(written.text)
    quote = _quoted(written.quoted, cases) if written.quoted else None
    if quote is not None:
        case, booking = quote
        only_visit = written.text is not None and _adds_only_the_visit(reading)
        settled = contact.pending if only_visit else None
        return _routed(written, raw, reading, case, booking, quoted=True, settled=settled)
    if written.quoted and not _is_ours(written.quoted, contact):
        # A message that cannot be found was about something else: nothing is guessed (U-1).
        reading = Reading(Meaning.AMBIGUOUS, reading.matched)
    return _unquoted(written, raw, reading, contact, cases, zones, now)


def _read(text: str | None) -> Reading:
    if text is None:
        return UNREAD
    return _read_short(text) if len(text) <= _SHORT else read_reply(text)


def _routed(
    written: Written,
    raw: str,
    reading: Reading,
    case: Case,
    booking: int,
    *,
    quoted: bool,
    pressed: Answer | None = None,
    settled: Pending | None = None,
) -> Routed:
    return Routed(
        case,
        PatientWrote(
            id=written.id,
            channel=written.channel,
            raw=raw,
            reading=reading,
            pressed=pressed,
            quoted=quoted,
            booking=booking,
            settled=settled,
            provider_id=written.id,
            by_provider=written.by_provider,
        ),
    )


def _adds_only_the_visit(reading: Reading) -> bool:
    """A quote without a meaning of its own only says which visit was meant (rule Z-10)."""
    return reading.meaning is Meaning.UNKNOWN or reading.time is not None


def _quoted(provider_id: str, cases: Sequence[Case]) -> tuple[Case, int] | None:
    for case in cases:
        for attempt in case.attempts:
            if attempt.provider_id == provider_id:
                return case, attempt.booking
    return None


def _is_ours(provider_id: str, contact: Contact) -> bool:
    """Tell a quote of an answer to the number itself, such as "which visit?"."""
    return any(attempt.provider_id == provider_id for attempt in contact.attempts)


def _unquoted(
    written: Written,
    raw: str,
    reading: Reading,
    contact: Contact,
    cases: Sequence[Case],
    zones: dict[str, str],
    now: datetime,
) -> Routed:
    asked = [case for case in cases if question_open(case, now)]
    if len(asked) == 1:
        settled = _settled(written, reading, contact, asked, zones)
        return _routed(written, raw, reading, asked[0], 0, quoted=False, settled=settled)
    if len(asked) > 1:
        named = _named(written, reading, asked, zones)
        if named is not None and contact.pending is not None:
            return _routed(written, raw, reading, named, 0, quoted=False, settled=contact.pending)
        choices = tuple(
            Choice(case.id, case.snapshot.start, zones[case.branch])
            for case in sorted(asked, key=lambda c: c.snapshot.start)
        )
        return Routed(None, _event(written, raw, reading, choices))
    case = _most_likely(cases, now)
    if case is None:
        return Routed(None, _event(written, raw, reading, ()))
    return _routed(written, raw, reading, case, _last_asked(case), quoted=False)


def _event(
    written: Written, raw: str, reading: Reading, choices: tuple[Choice, ...]
) -> PatientWrote:
    return PatientWrote(
        id=written.id,
        channel=written.channel,
        raw=raw,
        reading=reading,
        choices=choices,
        provider_id=written.id,
        by_provider=written.by_provider,
    )


def _settled(
    written: Written,
    reading: Reading,
    contact: Contact,
    asked: Sequence[Case],
    zones: dict[str, str],
) -> Pending | None:
    """The other question was closed meanwhile, and the time still names this one."""
    if contact.pending is None or reading.meaning in ANSWER_OF_MEANING:
        return None
    return contact.pending if _named(written, reading, asked, zones) else None


def _named(
    written: Written, reading: Reading, asked: Sequence[Case], zones: dict[str, str]
) -> Case | None:
    """Return the only visit at the clock time, or at the day and time, that the message names."""
    line = visit_line(written.text) if written.text is not None else None
    found = []
    for case in asked:
        start = local(case.snapshot.start, zones[case.branch])
        by_time = reading.time is not None and (start.hour, start.minute) == reading.time
        if by_time if line is None else line.names(start):
            found.append(case)
    return found[0] if len(found) == 1 else None


def _most_likely(cases: Sequence[Case], now: datetime) -> Case | None:
    """The visit whose state the patient most likely asks about: the one asked last, else the
    next one, else the last one. Only words about its state are sent, so nothing is guessed."""
    asked = [case for case in cases if _last_asked(case) != NEVER_ASKED]
    if asked:
        return max(asked, key=_asked_at)
    coming = [case for case in cases if case.snapshot.start > now and not case.removed]
    if coming:
        return min(coming, key=lambda case: case.snapshot.start)
    return max(cases, key=lambda case: case.snapshot.start, default=None)


def _last_asked(case: Case) -> int:
    for booking in range(case.booking, 0, -1):
        if was_asked(case, booking):
            return booking
    return NEVER_ASKED


def _asked_at(case: Case) -> datetime:
    booking = _last_asked(case)
    moments = [
        a.started_at for a in case.attempts if a.booking == booking and a.started_at is not None
    ]
    return max(moments)
