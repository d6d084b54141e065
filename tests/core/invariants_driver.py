"""A small pure stand-in for the service: it decides, keeps documents, and lets time pass.

What a store and an engine do around `decide` (versions, due times, waiting rooms, wakes) is here
in a few lines, so that a story of random moves can be driven without a loop. Every decision is
handed to `check`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.core.case import (
    OPEN_PUSHES,
    UNDER_WAY,
    Attempt,
    AttemptState,
    Case,
    Contact,
    EndedBy,
    Entry,
)
from gateway.core.decide import Settings, decide, new_contact, number_of
from gateway.core.events import (
    AccountEnded,
    AccountLinked,
    AppointmentChanged,
    AppointmentRemoved,
    CallAnswered,
    CallEnded,
    CallNotPlaced,
    DueTimeReached,
    Event,
    Failure,
    KeyPressed,
    LineGranted,
    MessageAccepted,
    MessageFailed,
    MessageHeld,
    MessageLost,
    MessageReceipt,
    PatientChose,
    PushAccepted,
    PushConflicted,
    PushFailed,
    PushRefused,
    Receipt,
    SlotGranted,
)
from gateway.core.model import Answer, App, Appointment, CallResult, Channel, Source, Status
from gateway.core.routing import Written, route
from tests.core.strategies import NUMBERS, PHONES, TEXTS, Move, Story

KEYS = (("1", Answer.CONFIRM), ("2", Answer.RESCHEDULE), ("3", Answer.CANCEL))

Ref = tuple[str, str]
"""("case", its id) or ("contact", its number)."""


@dataclass(frozen=True)
class Step:
    """One decision: what was known, what happened, what followed."""

    before: tuple[Case | None, Contact | None]
    event: Event
    after: tuple[Case | None, Contact | None]
    settings: Settings
    now: datetime


Check = Callable[["Driver", Step], None]


def is_ready(attempt: Attempt, now: datetime) -> bool:
    return attempt.state is AttemptState.PLANNED and (
        attempt.not_before is None or attempt.not_before <= now
    )


class Driver:
    """Drives `decide` through a story."""

    def __init__(self, story: Story, check: Check) -> None:
        self.now = story.base
        self.settings = {branch.id: Settings(branch, TEXTS) for branch in story.branches}
        self.cases: dict[str, Case] = {}
        self.contacts: dict[str, Contact] = {}
        self.due: dict[Ref, datetime] = {}
        self.wants: dict[Ref, set[str]] = {}
        self.timeline: list[tuple[Ref, Entry]] = []
        self.schedule = {visit.id: visit for visit in story.visits}
        self.linked: set[Channel] = set()
        self._spare = list(story.spare_branches)
        self._check = check
        self._last: tuple[Ref, Event] | None = None
        self._messages = 0

    # -- what an engine does

    def apply(self, ref: Ref, event: Event) -> None:
        """Decide one event about a document, and commit."""
        case = self.cases.get(ref[1]) if ref[0] == "case" else None
        if isinstance(event, AppointmentChanged):
            branch = event.snapshot.branch
            number = number_of(event.snapshot, self.settings[branch].branch.country)
        elif case is not None:
            branch, number = case.branch, case.number
        elif ref[0] == "contact":
            contact = self.contacts.get(ref[1])
            branch, number = (contact.branch if contact else ""), ref[1]
        else:
            return
        self.decide(case, number, event, self.settings[branch or "lenina"])
        self._last = (ref, event)

    def decide(
        self, case: Case | None, number: str | None, event: Event, settings: Settings
    ) -> None:
        """Decide and commit; a contact of which nothing was learnt is not kept."""
        stored = self.contacts.get(number) if number else None
        asked = stored
        if asked is None and number is not None:
            asked = new_contact("zdorovie", number, settings.branch.id)
        next_case, next_contact = decide(case, asked, event, settings, self.now)
        step = Step((case, asked), event, (next_case, next_contact), settings, self.now)
        self._commit(step)
        self._check(self, step)

    def _commit(self, step: Step) -> None:
        (case, contact), (next_case, next_contact) = step.before, step.after
        if next_case is not None and next_case is not case:
            self._write(("case", next_case.id), next_case)
        if next_contact is not None and (next_contact is not contact):
            self._write(("contact", next_contact.number), next_contact)
            for appointment, at in next_contact.wake:
                self.wake(("case", appointment), at)

    def _write(self, ref: Ref, document: Case | Contact) -> None:
        self.timeline.extend((ref, entry) for entry in document.journal)
        if isinstance(document, Case):
            self.cases[document.id] = replace(document, version=document.version + 1, journal=())
        else:
            self.contacts[document.number] = replace(
                document, version=document.version + 1, journal=(), wake=()
            )
        self.due.pop(ref, None)
        if document.due is not None:
            self.due[ref] = document.due
        self.wants[ref] = self._wants(document)

    def _wants(self, document: Case | Contact) -> set[str]:
        ready = [a for a in document.attempts if is_ready(a, self.now)]
        wants = {"call" if a.is_call else "message" for a in ready}
        if isinstance(document, Case) and document.number is not None:
            contact = self.contacts.get(document.number)
            if contact is not None and document.id in contact.waiting:
                wants.discard("call")
        return wants

    def wake(self, ref: Ref, at: datetime) -> None:
        if ref not in self.due or at < self.due[ref]:
            self.due[ref] = at

    # -- what the world does

    def play(self, story: Story) -> None:
        """Record the visits, then make every move."""
        for visit in story.visits:
            self.apply(("case", visit.id), AppointmentChanged(visit))
        moves: dict[str, Callable[[Move], None]] = {
            "run": self._run,
            "pass": self._pass,
            "look": self._look,
            "look_contact": self._look_contact,
            "grant": self._grant,
            "stray_grant": self._stray_grant,
            "outcome": self._outcome,
            "stray_outcome": self._stray_outcome,
            "key": self._key,
            "write": self._write_to_us,
            "choose": self._choose,
            "push": self._push,
            "notice": self._notice,
            "snapshot": self._snapshot,
            "same_snapshot": self._same_snapshot,
            "remove": self._remove,
            "settings": self._change_settings,
            "account": self._account,
            "again": self._again,
        }
        for move in story.moves:
            moves[move.kind](move)

    def _refs(self) -> list[Ref]:
        return [("case", case) for case in sorted(self.cases)] + [
            ("contact", number) for number in sorted(self.contacts)
        ]

    def _document(self, ref: Ref) -> Case | Contact:
        return self.cases[ref[1]] if ref[0] == "case" else self.contacts[ref[1]]

    def _run(self, move: Move) -> None:
        """Let the gateway and a friendly world go on for a while."""
        for _ in range(1 + move.how % 8):
            if not self._one_step(move):
                return

    def _one_step(self, move: Move) -> bool:
        if self._one_outcome(move):
            return True
        for ref in self._refs():
            if self.wants.get(ref):
                self._grant_one(ref, sorted(self.wants[ref])[0])
                return True
        if not self.due:
            return False
        ref, at = min(self.due.items(), key=lambda pair: (pair[1], pair[0]))
        self.now = max(self.now, at)
        self._look_at(ref)
        return True

    def _one_outcome(self, move: Move) -> bool:
        for ref in self._refs():
            for attempt in self._document(ref).attempts:
                if attempt.state in (AttemptState.STARTED, AttemptState.TALKING):
                    self.apply(ref, self._ordinary(attempt, move))
                    return True
            for push in self.cases[ref[1]].pushes if ref[0] == "case" else ():
                if push.state in OPEN_PUSHES and push.tries:
                    self.apply(ref, PushAccepted(push.id))
                    return True
        return False

    def _ordinary(self, attempt: Attempt, move: Move) -> Event:
        if not attempt.is_call:
            return MessageAccepted(attempt.id, f"m{self._count()}")
        self.now += timedelta(seconds=20)
        if move.which % 2 and attempt.state is AttemptState.STARTED:
            return CallAnswered(attempt.id)
        if move.which % 2 and attempt.result is None:
            return KeyPressed(attempt.id, *KEYS[move.which % 3])
        return CallEnded(attempt.id, CallResult.NO_ANSWER)

    def _count(self) -> int:
        self._messages += 1
        return self._messages

    def _grant_one(self, ref: Ref, room: str) -> None:
        self.wants.get(ref, set()).discard(room)
        self.apply(ref, LineGranted() if room == "call" else SlotGranted())

    def _look_at(self, ref: Ref) -> None:
        """A claimed document is written back with its own due time even if nothing changed."""
        document = self._document(ref)
        self.due.pop(ref, None)
        if document.due is not None:
            self.due[ref] = document.due
        self.apply(ref, DueTimeReached())
        document = self._document(ref)
        self.wants[ref] = self._wants(document)

    def _chosen(self, move: Move) -> Ref:
        refs = self._refs()
        return refs[move.which % len(refs)]

    def _case_of(self, move: Move) -> str:
        return sorted(self.cases)[move.which % len(self.cases)]

    def _pass(self, move: Move) -> None:
        self.now += timedelta(minutes=move.minutes)

    def _look(self, move: Move) -> None:
        self._look_at(("case", self._case_of(move)))

    def _look_contact(self, move: Move) -> None:
        if self.contacts:
            number = sorted(self.contacts)[move.which % len(self.contacts)]
            self._look_at(("contact", number))

    def _grant(self, move: Move) -> None:
        wanting = [(ref, room) for ref, rooms in self.wants.items() for room in sorted(rooms)]
        if wanting:
            self._grant_one(*sorted(wanting)[move.which % len(wanting)])

    def _stray_grant(self, move: Move) -> None:
        self.apply(self._chosen(move), LineGranted() if move.how % 2 else SlotGranted())

    def _outcome(self, move: Move) -> None:
        """Something happens to a message or call that was started at some time."""
        known = [
            (ref, attempt)
            for ref in self._refs()
            for attempt in self._document(ref).attempts
            if attempt.state is not AttemptState.PLANNED or move.minutes == 0
        ]
        known.sort(key=lambda pair: pair[1].state not in UNDER_WAY)
        if known:
            ref, attempt = known[move.which % len(known)]
            self.apply(ref, self._event_of(attempt.id, move, attempt.started_at))

    def _stray_outcome(self, move: Move) -> None:
        self.apply(self._chosen(move), self._event_of(str(move.minutes % 61), move))

    def _event_of(self, attempt: str, move: Move, started_at: datetime | None = None) -> Event:
        failure = list(Failure)[move.minutes % 3]
        result = list(CallResult)[1 + move.minutes % (len(CallResult) - 1)]
        until = self.now + timedelta(minutes=move.minutes)
        choices: tuple[Event, ...] = (
            MessageAccepted(attempt, f"m{self._count()}"),
            MessageAccepted(attempt),
            MessageFailed(attempt, failure, "code", 7200 if move.which % 2 else None),
            MessageFailed(attempt, Failure.TEMPORARY),
            MessageLost(attempt),
            MessageHeld(attempt, started_at),
            MessageHeld(attempt, started_at, until, paused=bool(move.which)),
            *(MessageReceipt(attempt, receipt, failure) for receipt in Receipt),
            CallAnswered(attempt),
            CallEnded(attempt, result, ""),
            CallEnded(attempt, CallResult.NO_ANSWER, ""),
            CallNotPlaced(attempt, "no_line"),
        )
        return choices[move.how % len(choices)]

    def _key(self, move: Move) -> None:
        """The patient presses a key in a call, or in one that is over."""
        calls = [
            (ref, attempt)
            for ref in self._refs()
            for attempt in self._document(ref).attempts
            if attempt.is_call
        ]
        if calls:
            calls.sort(key=lambda pair: pair[1].state not in UNDER_WAY)
            ref, call = calls[move.which % len(calls)]
            self.apply(ref, KeyPressed(call.id, *KEYS[move.how % 3]))

    def _message_id(self) -> str:
        return f"in{self._count()}"

    def _written(self, move: Move) -> Written:
        quotes = [a.provider_id for c in self.cases.values() for a in c.attempts if a.provider_id]
        buttons = [
            button.payload
            for c in self.cases.values()
            for a in c.attempts
            if a.content
            for button in a.content.buttons
        ]
        quoted = quotes[move.minutes % len(quotes)] if quotes and move.how % 3 == 0 else None
        payload = buttons[move.minutes % len(buttons)] if buttons and move.how % 5 == 0 else None
        channels = [channel for channel in Channel if channel is not Channel.CALL]
        return Written(
            self._message_id(),
            channels[move.how % len(channels)],
            move.text or None,
            payload,
            quoted,
        )

    def _write_to_us(self, move: Move) -> None:
        number = NUMBERS[move.which % 2]
        contact = self.contacts.get(number)
        known = tuple(self.cases[visit] for visit in contact.visits) if contact else ()
        asked = contact or new_contact("zdorovie", number, "lenina")
        zones = {key: settings.branch.timezone for key, settings in self.settings.items()}
        routed = route(self._written(move), asked, known, zones, self.now)
        branch = routed.case.branch if routed.case else asked.branch
        settings = self.settings[branch or "lenina"]
        self.decide(routed.case, number, routed.event, settings)

    def _choose(self, move: Move) -> None:
        case = self.cases[self._case_of(move)]
        booking = (None, case.booking, 1)[move.minutes % 3]
        source = Source.LINK if move.how % 2 else Source.APP
        answer = list(Answer)[move.how // 2 % 3]
        self.apply(("case", case.id), PatientChose(self._message_id(), source, answer, booking))

    def _push(self, move: Move) -> None:
        """The schedule answers a status change."""
        case = self.cases[self._case_of(move)]
        if case.pushes:
            push = case.pushes[-1 - move.minutes % len(case.pushes)]
            self.apply(("case", case.id), self._push_event(push.id, move, case.snapshot))

    def _notice(self, move: Move) -> None:
        if self.contacts:
            contact = sorted(self.contacts.values(), key=lambda c: c.number)[0]
            for notice in contact.notices[-1:]:
                event = self._push_event(notice.id, move, None)
                self.apply(("contact", contact.number), event)

    def _push_event(self, push: str, move: Move, snapshot: Appointment | None) -> Event:
        newest = self._changed(snapshot, move) if snapshot and move.how % 2 else snapshot
        choices: tuple[Event, ...] = (
            PushAccepted(push),
            PushConflicted(push, newest),
            PushConflicted(push, None),
            PushRefused(push, "gone"),
            PushFailed(push, "down"),
        )
        return choices[move.how // 2 % len(choices)]

    def _changed(self, visit: Appointment, move: Move) -> Appointment:
        minutes = timedelta(minutes=15 * (move.minutes + 1) // 15 * 15)
        person = visit.patient
        changes: tuple[dict[str, object], ...] = (
            {"start": visit.start + minutes},
            {"start": visit.start - minutes},
            {"start": self.now + minutes + timedelta(hours=20)},
            {"status": list(Status)[move.which % len(Status)]},
            {"status": Status.UNCONFIRMED},
            {"status": Status.CANCELLED},
            {"patient": replace(person, phones=PHONES[move.which % len(PHONES)])},
            {"patient": replace(person, consent=not person.consent)},
            {"patient": replace(person, app=App(True, not person.app.push))},
            {"patient": replace(person, guardian=None if person.guardian else person)},
            {"branch": sorted(self.settings)[move.which % len(self.settings)]},
            {"club": not visit.club},
        )
        return replace(visit, **changes[move.how % len(changes)])  # type: ignore[arg-type]

    def _snapshot(self, move: Move) -> None:
        visit = self.schedule[self._case_of(move)]
        self.schedule[visit.id] = changed = self._changed(visit, move)
        self.apply(("case", visit.id), AppointmentChanged(changed))

    def _same_snapshot(self, move: Move) -> None:
        visit = self._case_of(move)
        self.apply(("case", visit), AppointmentChanged(self.schedule[visit]))

    def _remove(self, move: Move) -> None:
        self.apply(("case", self._case_of(move)), AppointmentRemoved())

    def _change_settings(self, move: Move) -> None:
        """Settings change, and every case is looked at, as the service does it (rule G-1)."""
        if not self._spare:
            return
        spare = self._spare[move.which % len(self._spare)]
        old = self.settings[sorted(self.settings)[move.how % len(self.settings)]].branch
        # The zone of a branch stands for where it is, so it stays.
        new = replace(
            spare, id=old.id, timezone=old.timezone, connected_at=old.connected_at
        )  # fmt: skip
        self.settings[old.id] = Settings(new, TEXTS)
        for case in sorted(self.cases):
            self._look_at(("case", case))

    def _account(self, move: Move) -> None:
        number = NUMBERS[move.which % 2]
        channel = (Channel.MAX, Channel.TELEGRAM)[move.how % 2]
        event: AccountLinked | AccountEnded = AccountEnded(channel, EndedBy.STOPPED)
        if move.minutes:
            event = AccountLinked(channel, "account")
        self.apply(("contact", number), event)

    def _again(self, _: Move) -> None:
        """The world repeats itself."""
        if self._last is not None and not isinstance(self._last[1], SlotGranted | LineGranted):
            self.apply(*self._last)


def play(story: Story, check: Check) -> Driver:
    """Play a story and return what came of it."""
    driver = Driver(story, check)
    driver.play(story)
    return driver
