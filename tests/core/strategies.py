"""Builders of cases and what belongs to them, and Hypothesis strategies over them.

A builder returns an ordinary example; a test names only what matters to it. `NOON` is the noon of
the day before the ordinary visit, in the ordinary branch's zone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import available_timezones

from hypothesis import strategies as st

from gateway.core.case import (
    Attempt,
    AttemptState,
    Case,
    Contact,
    EntryKind,
    PushState,
    StatusPush,
)
from gateway.core.clinic import (
    Branch,
    ConfirmationSettings,
    DetailsSettings,
    Hours,
    Prices,
    ReminderSettings,
)
from gateway.core.decide import Settings, decide, new_contact, number_of
from gateway.core.draft import Draft
from gateway.core.events import AppointmentChanged, Event, PatientWrote
from gateway.core.model import (
    Answer,
    App,
    Appointment,
    Channel,
    Doctor,
    Function,
    Person,
    Purpose,
    Source,
    Status,
)
from gateway.core.phone import contact_number
from gateway.core.reply import read_reply
from gateway.core.texts import texts_of
from tests.core.test_texts import DOCUMENTS

TEXTS = texts_of([DOCUMENTS["ru"], DOCUMENTS["en"]])

NUMBER = "+79161234567"
OTHER_NUMBER = "+79031112233"

START = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)  # 14:30 in Yekaterinburg
NOON = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)  # 12:00 there, the day before
CREATED = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


# Builders


def a_branch(**changes: Any) -> Branch:
    branch = Branch(
        clinic="zdorovie",
        id="lenina",
        name="Клиника «Здоровье» на Ленина",
        timezone="Asia/Yekaterinburg",
        name_in_messages="Здоровье",
        phone="+73433000000",
        link_base="https://zdorovie.example/v/",
        link_secret=b"secret",
    )
    return replace(branch, **changes)


def by_message(**changes: Any) -> Branch:
    """Return a branch that confirms without a call."""
    return a_branch(confirmation=ConfirmationSettings(method="message"), **changes)


def settings_of(branch: Branch | None = None) -> Settings:
    return Settings(branch or a_branch(), TEXTS)


def a_person(**changes: Any) -> Person:
    person = Person("P-1", "Мария", "Ивановна", "Сидорова", phones=(NUMBER,), consent=True)
    return replace(person, **changes)


WITH_APP = App(installed=True, push=True)


def a_visit(**changes: Any) -> Appointment:
    visit = Appointment(
        id="A-1",
        branch="lenina",
        start=START,
        created=CREATED,
        patient=a_person(),
        doctor=Doctor("Петров Иван Сергеевич", "терапевт"),
    )
    return replace(visit, **changes)


def a_case(visit: Appointment | None = None, **changes: Any) -> Case:
    visit = visit or a_visit()
    number, reasons = contact_number(visit.patient.contact_person.phones, "RU")
    case = Case(
        clinic="zdorovie",
        id=visit.id,
        branch=visit.branch,
        snapshot=visit,
        recorded_at=visit.created,
        appeared_at=visit.created,
        number=number,
        phone_reasons=reasons,
    )
    return replace(case, **changes)


def a_contact(**changes: Any) -> Contact:
    contact = replace(new_contact("zdorovie", NUMBER, "lenina"), visits=("A-1",))
    return replace(contact, **changes)


def an_attempt(**changes: Any) -> Attempt:
    """Return a WhatsApp message of the confirmation that its provider has taken."""
    attempt = Attempt(
        id="1",
        booking=1,
        function=Function.CONFIRMATION,
        purpose=Purpose.CONFIRMATION,
        channel=Channel.WHATSAPP,
        to=NUMBER,
        state=AttemptState.ACCEPTED,
        started_at=NOON,
        first_try_at=NOON,
        tries=1,
        about="confirmation",
        provider_id="wamid.1",
    )
    return replace(attempt, **changes)


def a_call(**changes: Any) -> Attempt:
    """Return a call that nobody picked up."""
    call = an_attempt(
        channel=Channel.CALL, state=AttemptState.ENDED, about="call", provider_id=None
    )
    return replace(call, **{"ended_at": NOON + MINUTE, **changes})


def a_push(**changes: Any) -> StatusPush:
    push = StatusPush(
        id="1",
        booking=1,
        start=START,
        answer=Answer.CONFIRM,
        before=Status.UNCONFIRMED,
        after=Status.CONFIRMED,
        source=Source.WHATSAPP,
        evidence="1",
        at=NOON,
        state=PushState.STARTED,
        tries=1,
        not_before=NOON + MINUTE,
    )
    return replace(push, **changes)


def asked(**changes: Any) -> Case:
    """Return a case whose confirmation was asked by WhatsApp."""
    return a_case(attempts=(an_attempt(),), attempts_made=1, **changes)


def wrote(text: str, **changes: Any) -> PatientWrote:
    event = PatientWrote(
        id=f"in:{text}", channel=Channel.WHATSAPP, raw=text, reading=read_reply(text)
    )
    return replace(event, **changes)


def a_draft(
    case: Case | None = None,
    contact: Contact | None = None,
    *,
    branch: Branch | None = None,
    now: datetime = NOON,
) -> Draft:
    return Draft(case, contact, settings_of(branch), now)


def recorded(
    visit: Appointment | None = None, *, branch: Branch | None = None, now: datetime = CREATED
) -> tuple[Case, Contact | None]:
    """Return what is known after the first snapshot of a visit."""
    visit = visit or a_visit()
    used = branch or a_branch()
    number = number_of(visit, used.country)
    known = new_contact(used.clinic, number, used.id) if number else None
    case, contact = decide(None, known, AppointmentChanged(visit), settings_of(used), now)
    assert case is not None
    return case, contact


def happen(
    case: Case | None,
    event: Event,
    contact: Contact | None = None,
    *,
    branch: Branch | None = None,
    now: datetime = NOON,
) -> tuple[Case, Contact]:
    """Return what follows for a case and the contact of its number."""
    known = contact or a_contact()
    if case is not None and case.journal:
        case = replace(case, journal=())  # as it is read back from a store
    after, met = decide(case, known, event, settings_of(branch), now)
    assert after is not None
    assert met is not None
    return after, met


def to_number(
    contact: Contact, event: Event, *, branch: Branch | None = None, now: datetime = NOON
) -> Contact:
    """Return what follows for a number alone."""
    after = decide(None, contact, event, settings_of(branch), now)[1]
    assert after is not None
    return after


def told(document: Case | Contact, kind: EntryKind) -> list[dict[str, Any]]:
    """Return the data of the timeline entries of a kind that one decision added."""
    return [dict(entry.data) for entry in document.journal if entry.kind is kind]


# Strategies


ZONES = sorted(available_timezones() - {"localtime", "posixrules", "Factory"})

zones = st.sampled_from(ZONES)
"""Every zone of the database."""

NUMBERS = ("+79161234567", "+79031112233")
PHONES = (
    (NUMBERS[0],),
    (NUMBERS[1],),
    (NUMBERS[0], NUMBERS[1]),
    ("+74951234567",),  # a landline
    ("+77011234567",),  # abroad
    ("call me",),
    (),
)


@st.composite
def hours(draw: st.DrawFn) -> Hours:
    opening = draw(st.integers(0, 22 * 4))
    closing = draw(st.integers(opening + 1, 24 * 4 - 1))
    return Hours(time(opening // 4, opening % 4 * 15), time(closing // 4, closing % 4 * 15))


def _minutes(*minutes: int) -> st.SearchStrategy[timedelta]:
    return st.sampled_from(minutes).map(lambda n: timedelta(minutes=n))


@st.composite
def confirmations(draw: st.DrawFn) -> ConfirmationSettings:
    return ConfirmationSettings(
        enabled=draw(st.sampled_from((True, True, True, False))),
        method=draw(st.sampled_from(("call", "call", "message"))),
        start=time(draw(st.integers(0, 23)), draw(st.sampled_from((0, 30)))),
        hours=draw(st.just(Hours(time(9), time(20))) | hours()),
        call_attempts=draw(st.integers(1, 3)),
        attempt_gap=draw(_minutes(1, 15, 180)),
        call_gap=draw(_minutes(0, 2, 30)),
    )


orders = st.permutations(tuple(c for c in Channel if c is not Channel.CALL)).flatmap(
    lambda order: st.integers(1, len(order)).map(lambda n: tuple(order[:n]))
)

tariffs = st.sampled_from(
    (
        (Prices(),),
        (Prices(call=Decimal("1.50"), push=Decimal("0.1")),),
        (Prices(since=datetime(2026, 1, 1, tzinfo=UTC).date(), sms=Decimal(7)),),
    )
)


@st.composite
def branches(draw: st.DrawFn, branch_id: str = "lenina") -> Branch:
    day_hours = st.just(Hours(time(6), time(21)))
    return a_branch(
        id=branch_id,
        timezone=draw(zones),
        language=draw(st.sampled_from(("ru", "en"))),
        sms_price=draw(st.sampled_from(("message", "segment"))),
        details=DetailsSettings(
            draw(st.sampled_from((True, True, True, False))), draw(day_hours | hours())
        ),
        confirmation=draw(confirmations()),
        reminder=ReminderSettings(
            draw(st.sampled_from((True, True, True, False))),
            draw(day_hours | hours()),
            draw(_minutes(30, 120, 300)),
        ),
        channels=draw(st.just((Channel.PUSH, Channel.WHATSAPP, Channel.SMS)) | orders),
        tariff=draw(tariffs),
    )


rarely = st.sampled_from((False,) * 9 + (True,))
often = rarely.map(lambda value: not value)


@st.composite
def people(draw: st.DrawFn, *, with_guardian: bool = True) -> Person:
    guardian = draw(people(with_guardian=False)) if with_guardian and draw(rarely) else None
    return a_person(
        phones=draw(st.sampled_from(PHONES[:1] * 6 + PHONES)),
        consent=draw(often),
        notifications_refused=draw(rarely),
        language=draw(st.sampled_from((None, "en", "ru-RU", "xx"))),
        app=draw(st.sampled_from((App(), App(installed=True), WITH_APP, WITH_APP))),
        guardian=guardian,
    )


QUARTERS = 38 * 366 * 96
moments = st.integers(0, QUARTERS).map(
    lambda n: datetime(1999, 1, 1, tzinfo=UTC) + n * timedelta(minutes=15)
)
"""From 1999 to 2036: clocks have jumped oddly enough in these years."""


@st.composite
def visits(draw: st.DrawFn, base: datetime, visit_id: str = "A-1") -> Appointment:
    """Draw a visit that starts some days after `base`; most of them are ordinary."""
    start = base + timedelta(minutes=15 * draw(st.integers(4, 5 * 96)))
    if not draw(rarely) and not draw(rarely) and not draw(rarely):
        app = draw(st.sampled_from((App(), WITH_APP)))
        created = base - timedelta(minutes=draw(st.sampled_from((1440, 2880, 5760))))
        return a_visit(id=visit_id, start=start, created=created, patient=a_person(app=app))
    return a_visit(
        id=visit_id,
        start=start,
        created=min(start, base) - timedelta(minutes=draw(st.sampled_from((0, 1, 60, 1440, 9999)))),
        patient=draw(people()),
        status=draw(st.sampled_from((Status.UNCONFIRMED,) * 6 + tuple(Status))),
        service=draw(rarely),
        booked_online=draw(rarely),
        online_consultation=draw(rarely),
        anonymous=draw(rarely),
        club=draw(rarely),
        doctor=Doctor("Петров Иван", "терапевт", draw(rarely)),
    )


@dataclass(frozen=True)
class Move:
    """One thing that happens; numbers choose among what there is, so that any list fits."""

    kind: str
    which: int = 0
    how: int = 0
    minutes: int = 0
    text: str = ""


MOVES = (
    ("run", 10), ("pass", 3), ("look", 2), ("look_contact", 1), ("grant", 3), ("stray_grant", 1),
    ("outcome", 6), ("stray_outcome", 1), ("key", 3), ("write", 4), ("choose", 2), ("push", 3),
    ("notice", 1), ("snapshot", 3), ("same_snapshot", 1), ("remove", 1), ("settings", 1),
    ("account", 1), ("again", 2),
)  # fmt: skip
_KINDS = tuple(kind for kind, weight in MOVES for _ in range(weight))

TEXTS_WRITTEN = (
    "1", "1", "2", "3", "0", "да", "нет", "не знаю", "стоп", "старт", "14:30", "09:00", "что?", "",
)  # fmt: skip

moves = st.builds(
    Move,
    kind=st.sampled_from(_KINDS),
    which=st.integers(0, 7),
    how=st.integers(0, 31),
    minutes=st.sampled_from((0, 1, 5, 14, 60, 119, 600, 1440, 2880)),
    text=st.sampled_from(TEXTS_WRITTEN),
)


@dataclass(frozen=True)
class Story:
    """A beginning and everything that then happens."""

    branches: tuple[Branch, ...]
    base: datetime
    visits: tuple[Appointment, ...]
    spare_branches: tuple[Branch, ...]
    moves: tuple[Move, ...]


@st.composite
def stories(draw: st.DrawFn, *, moves_max: int = 50) -> Story:
    base = draw(moments)
    connected = draw(st.sampled_from((timedelta(days=-400), timedelta(0))))
    least = draw(st.integers(0, moves_max * 4 // 5))
    pair = tuple(
        replace(draw(branches(branch_id)), connected_at=base + connected)
        for branch_id in ("lenina", "mira")[: draw(st.integers(1, 2))]
    )
    found = []
    for index in range(draw(st.integers(1, 3))):
        visit = draw(visits(base, f"A-{index + 1}"))
        found.append(replace(visit, branch=draw(st.sampled_from(pair)).id))
    return Story(
        branches=pair,
        base=base,
        visits=tuple(found),
        spare_branches=tuple(draw(st.lists(branches(), max_size=2))),
        moves=tuple(draw(st.lists(moves, min_size=least, max_size=moves_max))),
    )
