"""The gateway of one question: the decision core with a store of two documents, and time.

The rules of the machine that are the gateway's own; provider, patient and clinic are in
test_one_question.py.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from gateway.core.case import Account, Attempt, AttemptState, Case, Contact, EntryKind
from gateway.core.clinic import Branch, DetailsSettings, ReminderSettings
from gateway.core.decide import decide, new_contact, number_of
from gateway.core.events import (
    AppointmentChanged,
    DueTimeReached,
    Event,
    SlotGranted,
)
from gateway.core.model import Channel, Purpose, Status
from tests.core.strategies import (
    CREATED,
    HOUR,
    MINUTE,
    NOON,
    NUMBER,
    OTHER_NUMBER,
    START,
    WITH_APP,
    a_person,
    a_visit,
    by_message,
    settings_of,
)
from tests.simulation.question_model import Fate, World

S = AttemptState
MESSAGES = tuple(channel for channel in Channel if channel is not Channel.CALL)

orders = st.permutations(MESSAGES).flatmap(
    lambda order: st.integers(1, len(order)).map(lambda n: tuple(order[:n]))
)
limits = st.sampled_from((None, 5 * MINUTE, 30 * MINUTE))


class QuestionGateway(RuleBasedStateMachine):
    """The confirmation of one visit, by message: what the gateway does, and what may leave."""

    @initialize(order=orders, limit=limits, silent=st.sets(st.sampled_from(MESSAGES), max_size=1))
    def begin(
        self, order: tuple[Channel, ...], limit: timedelta | None, silent: set[Channel]
    ) -> None:
        self.now = NOON - 2 * HOUR  # ten in the morning of the day before
        self.count = 0
        self.money = Decimal(0)
        self.refused: set[datetime | None] = set()
        self.branch = self.a_branch(order, limit, silent)
        self.visit = a_visit(patient=a_person(app=WITH_APP))
        accounts = (Account(Channel.MAX, "m"), Account(Channel.TELEGRAM, "t"))
        self.contacts = {
            number: replace(new_contact("zdorovie", number, "lenina"), accounts=accounts)
            for number in (NUMBER, OTHER_NUMBER)
        }
        self.case: Case | None = None
        self.world = World(START, NUMBER, order, limit, tuple(silent))
        self.apply(AppointmentChanged(self.visit), at=CREATED)
        self.apply(DueTimeReached())
        self.the_gateway_goes_on(2)

    def a_branch(
        self, order: tuple[Channel, ...], limit: timedelta | None, silent: set[Channel]
    ) -> Branch:
        return by_message(
            channels=order,
            undelivered_after=limit,
            without_receipts=tuple(silent),
            details=DetailsSettings(enabled=False),
            reminder=ReminderSettings(enabled=False),
        )

    # -- deciding

    @property
    def known(self) -> Case:
        assert self.case is not None
        return self.case

    def apply(self, event: Event, *, at: datetime | None = None, number: str | None = None) -> None:
        """Decide and keep what comes of it, as a store would."""
        if isinstance(event, AppointmentChanged):
            number = number_of(event.snapshot, "RU")
        number = number or (self.case.number if self.case is not None else None)
        assert number is not None
        case, contact = decide(
            self.case, self.contacts[number], event, settings_of(self.branch), at or self.now
        )
        assert case is not None
        assert contact is not None
        self.keep(case, contact)

    def keep(self, case: Case | None, contact: Contact) -> None:
        if case is not None:
            for entry in case.journal:
                if entry.kind is EntryKind.CHARGE:
                    self.money += Decimal(str(entry.data["amount"]))
                if entry.kind is EntryKind.RECONCILE:
                    self.reconciled(case, dict(entry.data))
            self.case = replace(case, version=case.version + 1, journal=())
        self.contacts[contact.number] = replace(contact, journal=(), wake=())

    def reconciled(self, case: Case, data: dict[str, Any]) -> None:
        fate = self.world.fates.get(str(data["attempt"]))
        if fate is not None and data["outcome"] == "unknown":
            fate.lost = True
        if fate is not None and data["outcome"] == "no_receipt":
            fate.flying = False
            fate.dead = self.state_in(case, str(data["attempt"])) is S.FAILED

    def state_in(self, case: Case, attempt: str) -> AttemptState | None:
        return next((a.state for a in case.attempts if a.id == attempt), None)

    def pick(self, which: int, *, flying: bool = False) -> tuple[str, Fate] | None:
        found = [(key, f) for key, f in self.world.fates.items() if f.flying or not flying]
        return found[-1 - which % len(found)] if found else None

    # -- the gateway

    @rule()
    def a_slot_is_granted(self) -> None:
        before = {a.id: (a.state, a.tries) for a in self.known.attempts}
        self.apply(SlotGranted())
        for attempt in self.known.attempts:
            if attempt.state is S.STARTED and before.get(attempt.id) != (S.STARTED, attempt.tries):
                self.has_left(attempt)

    def has_left(self, attempt: Attempt) -> None:
        free = attempt.purpose in (Purpose.ACKNOWLEDGEMENT, Purpose.CLARIFICATION)
        fate = self.world.fates.get(attempt.id)
        if not free:
            self.check_question(attempt, fate)
        if fate is None:
            fate = Fate(attempt.channel, attempt.to, attempt.booking, free)
            self.world.fates[attempt.id] = fate
        assert attempt.content is not None
        fate.has_link = fate.has_link or attempt.content.link is not None
        fate.started_at, fate.flying, fate.tries = self.now, True, attempt.tries

    def check_question(self, attempt: Attempt, fate: Fate | None) -> None:
        """Nothing leaves that must not (rules H-1, H-3, H-5, C-15, C-17)."""
        world = self.world
        assert attempt.purpose is Purpose.CONFIRMATION
        assert (attempt.booking, attempt.to) == (world.booking, world.number)
        assert not world.removed
        assert world.believed is Status.UNCONFIRMED
        assert world.number not in world.opted_out
        assert attempt.channel in world.order
        here = self.now.astimezone(ZoneInfo(self.branch.timezone))
        visit = world.start.astimezone(ZoneInfo(self.branch.timezone))
        assert here.date() == visit.date() - timedelta(days=1)
        assert 10 <= here.hour < 20
        assert not [f for f in world.questions() if world.stands(f, self.now)], "one at a time"
        earlier = world.order[: world.order.index(attempt.channel)]
        assert all(world.is_spent(channel, self.now) for channel in earlier), "out of order"
        assert fate is None or not (fate.dead or fate.is_taken)

    @rule(minutes=st.sampled_from((0, 1, 2, 5, 15, 31, 120)))
    def time_passes(self, minutes: int) -> None:
        """With it go the leases of workers that have died."""
        self.now += timedelta(minutes=minutes)
        if self.known.due is not None and self.known.due <= self.now:
            self.apply(DueTimeReached())

    @precondition(lambda self: not any(f.flying for f in self.world.fates.values()))
    @rule(steps=st.integers(1, 4))
    def the_gateway_goes_on(self, steps: int) -> None:
        """Until something has left, or the next moment is one of another day."""
        for _ in range(steps):
            due = self.known.due
            if any(f.flying for f in self.world.fates.values()):
                return
            if self.is_ready():
                self.a_slot_is_granted()
            elif due is not None and due < self.now + 4 * HOUR:
                self.now = max(self.now, due)
                self.apply(DueTimeReached())

    def is_ready(self) -> bool:
        return any(a.state is S.PLANNED and a.not_before is None for a in self.known.attempts)

    def attempt_of(self, key: str) -> Attempt | None:
        return next((a for a in self.known.attempts if a.id == key), None)

    def provider_id(self) -> str:
        self.count += 1
        return f"p{self.count}"
