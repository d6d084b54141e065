"""One question with many attempts: whatever happens in whatever order, the rules of H hold.

Hypothesis plays provider, patient, staff and a dying gateway against the decision core; the model
beside it (question_model.py) knows nothing of how the core decides.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from gateway.core.decide import decide
from gateway.core.events import (
    AppointmentChanged,
    AppointmentRemoved,
    DueTimeReached,
    Failure,
    MessageAccepted,
    MessageFailed,
    MessageHeld,
    MessageLost,
    MessageReceipt,
    PatientChose,
    PushAccepted,
    PushFailed,
    Receipt,
)
from gateway.core.model import Answer, Appointment, Channel, Reason, Source, Status
from gateway.core.routing import Written, route
from tests.core.strategies import (
    MINUTE,
    NUMBER,
    OTHER_NUMBER,
    WITH_APP,
    a_person,
    settings_of,
)
from tests.simulation.question_gateway import MESSAGES, QuestionGateway, S, limits, orders

ANSWERS = {"1": Answer.CONFIRM, "2": Answer.RESCHEDULE, "3": Answer.CANCEL}
OPEN_STATES = (S.PLANNED, S.WITHDRAWN)
STATE_OF = {"accepted": S.ACCEPTED, "delivered": S.DELIVERED, "read": S.READ}

picks = st.integers(0, 30)

CHANGES: tuple[tuple[str, Any], ...] = (
    ("same", None),
    ("same", None),
    ("status", Status.UNCONFIRMED),
    ("status", Status.UNCONFIRMED),
    ("status", Status.CONFIRMED),
    ("status", Status.CANCELLED),
    ("move", 15),
    ("move", 24 * 60),
    ("move", -24 * 60),
    ("number", NUMBER),
    ("number", OTHER_NUMBER),
    ("remove", None),
)
"""What the schedule tells anew: mostly that nothing has changed."""


class OneQuestion(QuestionGateway):
    """The confirmation of one visit, by message, in the world."""

    # -- the provider

    @precondition(lambda self: any(f.flying for f in self.world.fates.values()))
    @rule(which=picks, named=st.booleans())
    def it_is_accepted(self, which: int, named: bool) -> None:
        found = self.pick(which, flying=True)
        if found is None:
            return
        key, fate = found
        name = self.provider_id() if named else None
        self.apply(MessageAccepted(key, name))
        fate.name(name)
        fate.know("accepted")

    @precondition(lambda self: bool(self.world.fates))
    @rule(
        which=picks, failure=st.sampled_from(Failure), retry_after=st.sampled_from((None, 60, 9000))
    )
    def it_fails(self, which: int, failure: Failure, retry_after: int | None) -> None:
        found = self.pick(which)
        if found is None:
            return
        key, fate = found
        was_flying = fate.flying
        self.apply(MessageFailed(key, failure, "code", retry_after))
        if not was_flying:
            return
        fate.flying = False
        if failure is Failure.TEMPORARY:
            fate.dead = self.state_in(self.known, key) is S.FAILED
        else:
            fate.dead = True
            self.world.failed_for_good(fate, failure, self.now)

    @precondition(lambda self: any(f.flying for f in self.world.fates.values()))
    @rule(which=picks)
    def it_is_lost(self, which: int) -> None:
        found = self.pick(which, flying=True)
        if found is not None:
            self.apply(MessageLost(found[0]))

    @precondition(lambda self: any(f.flying for f in self.world.fates.values()))
    @rule(which=picks, minutes=st.sampled_from((None, 1, 90)), paused=st.booleans())
    def it_is_held(self, which: int, minutes: int | None, paused: bool) -> None:
        found = self.pick(which, flying=True)
        attempt = self.attempt_of(found[0]) if found is not None else None
        if found is None or attempt is None or attempt.state is not S.STARTED:
            return
        key, fate = found
        until = self.now + timedelta(minutes=minutes) if minutes is not None else None
        self.apply(MessageHeld(key, attempt.started_at, until, paused))
        fate.flying, fate.tries = False, fate.tries - 1
        fate.dead = self.state_in(self.known, key) is S.FAILED
        if not fate.tries and not fate.dead:
            del self.world.fates[key]  # as if it had never been started

    @precondition(lambda self: bool(self.world.fates))
    @rule(
        which=picks,
        receipt=st.sampled_from(Receipt),
        failure=st.sampled_from(Failure),
        named=st.sampled_from(("no", "its", "other")),
    )
    def a_receipt_comes(self, which: int, receipt: Receipt, failure: Failure, named: str) -> None:
        """Of any kind, at any time, about any message that ever left."""
        found = self.pick(which)
        if found is None:
            return
        key, fate = found
        name = {"no": None, "its": fate.provider_id, "other": self.provider_id()}[named]
        self.apply(MessageReceipt(key, receipt, failure, "code", name))
        if not fate.has_left:
            return
        if receipt is Receipt.FAILED:
            if name is not None and fate.provider_id not in (None, name):
                return  # it speaks of an earlier try
            fate.name(name)
            if fate.fail():
                self.world.failed_for_good(fate, failure, self.now)
            return
        fate.name(name)
        moved = fate.know({"sent": "accepted"}.get(receipt.value, receipt.value))
        if moved and receipt is not Receipt.SENT:
            self.world.arrived(fate)

    # -- the patient

    @rule(
        text=st.sampled_from(("1", "2", "3", "что?", "что?", "что?", "что?", "что?")),
        channel=st.sampled_from(MESSAGES),
        number=st.sampled_from((NUMBER, NUMBER, OTHER_NUMBER)),
        quoting=st.booleans(),
        which=picks,
    )
    def the_patient_writes(
        self, text: str, channel: Channel, number: str, quoting: bool, which: int
    ) -> None:
        contact = self.contacts[number]
        if self.known.id not in contact.visits:
            return
        found = self.pick(which)
        quoted = found[1] if quoting and found is not None and found[1].provider_id else None
        if quoted is not None and self.attempt_of(found[0] if found else "") is None:
            quoted = None
        written = Written(
            self.provider_id(), channel, text, quoted=quoted.provider_id if quoted else None
        )
        routed = route(written, contact, [self.known], {"lenina": self.branch.timezone}, self.now)
        answer = ANSWERS.get(text)
        booking = quoted.booking if quoted is not None else self.world.booking
        taken = answer is not None and self.world.counts(
            answer, self.now, booking=booking, quoted=quoted is not None, page=False
        )
        case, after = decide(
            self.known if routed.case else None,
            contact,
            routed.event,
            settings_of(self.branch),
            self.now,
        )
        assert after is not None
        self.world.wrote(number, channel, self.now)
        self.keep(case, after)
        if taken and answer is not None:
            self.world.take(answer)

    @rule(
        answer=st.sampled_from(list(ANSWERS.values())),
        source=st.sampled_from((Source.LINK, Source.APP)),
        taps=st.sampled_from((0, 0, 0, 1, 2)),
    )
    def the_patient_taps(self, answer: Answer, source: Source, taps: int) -> None:
        """Nothing, once, or twice before the page has answered."""
        if not taps:
            return
        world = self.world
        booking = world.link_booking() if source is Source.LINK else world.booking
        taken = world.counts(answer, self.now, booking=booking, quoted=True, page=True)
        event = PatientChose(self.provider_id(), source, answer)
        for _ in range(taps):
            self.apply(event)
        if taken:
            world.take(answer)

    @rule(
        text=st.sampled_from(("старт", "старт", "старт", "старт", "стоп")),
        channel=st.sampled_from(MESSAGES),
        number=st.sampled_from((NUMBER, NUMBER, OTHER_NUMBER)),
    )
    def a_number_opts_out_or_in(self, text: str, channel: Channel, number: str) -> None:
        written = Written(self.provider_id(), channel, text)
        zones = {"lenina": self.branch.timezone}
        contact = self.contacts[number]
        visits = [self.known] if self.known.id in contact.visits else []
        routed = route(written, contact, visits, zones, self.now)
        case = self.known if routed.case else None
        after_case, after = decide(case, contact, routed.event, settings_of(self.branch), self.now)
        assert after is not None
        self.world.wrote(number, channel, self.now)
        self.keep(after_case, after)
        if text == "стоп":
            self.world.opted_out.add(number)
        else:
            self.world.opted_out.discard(number)

    # -- the clinic

    def schedule_says(self, **changes: Any) -> None:
        """A snapshot as the schedule has it, with its own status."""
        self.visit: Appointment = replace(self.visit, **changes)
        self.apply(AppointmentChanged(self.visit))
        self.world.removed = False

    def the_staff_sets_a_status(self, status: Status) -> None:
        self.world.staff_says(status)
        self.schedule_says(status=status)

    def the_staff_moves_the_visit(self, minutes: int) -> None:
        start = self.visit.start + timedelta(minutes=minutes)
        self.world.moves(start)
        self.schedule_says(start=start)

    def the_staff_corrects_the_number(self, number: str) -> None:
        self.world.number = number
        self.schedule_says(patient=a_person(app=WITH_APP, phones=(number,)))

    def the_visit_is_removed(self) -> None:
        self.apply(AppointmentRemoved())
        self.world.removed = True
        self.world.on_their_way.clear()

    @rule(what=st.sampled_from(CHANGES))
    def the_clinic_changes_something(self, what: tuple[str, Any]) -> None:
        name, value = what
        if name == "status":
            self.the_staff_sets_a_status(value)
        elif name == "move":
            self.the_staff_moves_the_visit(value)
        elif name == "number":
            self.the_staff_corrects_the_number(value)
        elif name == "same":
            self.schedule_says()
        else:
            self.the_visit_is_removed()

    @rule(order=orders, limit=limits)
    def the_settings_change(self, order: tuple[Channel, ...], limit: timedelta | None) -> None:
        self.branch = replace(self.branch, channels=order, undelivered_after=limit)
        self.world.order, self.world.limit = order, limit
        self.apply(DueTimeReached())

    @precondition(lambda self: bool(self.world.on_their_way))
    @rule(taken=st.sampled_from((True, True, False)))
    def the_schedule_hears(self, taken: bool) -> None:
        push = next(p for p in self.known.pushes if p.state.value in ("pending", "started"))
        if not taken:
            self.apply(PushFailed(push.id, "down"))
            return
        self.apply(PushAccepted(push.id))
        _, after = self.world.on_their_way.pop(0)
        self.world.status = after
        self.visit = replace(self.visit, status=after)

    # -- what must hold

    @invariant()
    def everything_holds(self) -> None:
        if getattr(self, "case", None) is None:
            return  # before the beginning
        self.every_message_is_where_it_should_be()
        self.one_attempt_at_a_time()
        self.the_money_is_right()
        self.the_first_valid_answer_wins()
        self.what_was_learnt_is_remembered()
        self.nobody_is_refused_for_another()
        self.the_case_is_never_stuck()

    def every_message_is_where_it_should_be(self) -> None:
        states = {a.id: a.state for a in self.known.attempts}
        for key, fate in list(self.world.fates.items()):
            state = states.get(key)
            if state is None:
                assert fate.free, "a question that was tried is never forgotten"
                del self.world.fates[key]
            elif fate.dead:
                assert state is S.FAILED
            elif fate.known != "none":
                assert state is STATE_OF[fate.known]
            elif fate.flying:
                assert state in (S.STARTED, S.UNKNOWN)
            else:
                assert state in OPEN_STATES

    def one_attempt_at_a_time(self) -> None:
        going = [
            a
            for a in self.known.attempts
            if a.state in (S.STARTED, S.UNKNOWN)
            and not a.is_free
            and a.booking == self.world.booking
        ]
        assert len(going) <= 1
        planned = [a for a in self.known.attempts if a.state is S.PLANNED and not a.is_free]
        assert len(planned) + len(going) <= 1

    def the_money_is_right(self) -> None:
        prices = self.branch.tariff[0]
        due = sum(
            (
                getattr(prices, fate.channel.value)
                for fate in self.world.fates.values()
                if fate.charged and not fate.given_back
            ),
            Decimal(0),
        )
        assert self.money == due

    def the_first_valid_answer_wins(self) -> None:
        assert self.known.pushes_made == self.world.answers
        assert self.known.status is self.world.believed
        assert self.known.booking == self.world.booking

    def what_was_learnt_is_remembered(self) -> None:
        for number, contact in self.contacts.items():
            learnt = {item.channel: item.until for item in contact.learnt}
            mine = {c: until for (n, c), until in self.world.learnt.items() if n == number}
            assert learnt == mine
            assert (contact.opted_out_at is not None) is (number in self.world.opted_out)

    def the_case_is_never_stuck(self) -> None:
        if self.world.removed:
            return
        case, world = self.known, self.world
        if case.confirmation.closed_at is not None or world.believed is not Status.UNCONFIRMED:
            return
        overdue = [world.overdue_at(f) for f in world.questions() if f.is_taken]
        if self.is_ready() or (overdue and None in overdue):
            return
        moment = max((m for m in overdue if m is not None), default=None)
        if moment is None:
            assert case.due is not None
        elif self.now < moment:
            assert case.due is not None
            assert case.due <= max(moment, self.now + MINUTE)

    def nobody_is_refused_for_another(self) -> None:
        """A number that the visit no longer has does not speak for the one that it has."""
        state = self.known.confirmation
        if Reason.REFUSED in state.reasons and state.closed_at not in self.refused:
            assert self.world.number in self.world.opted_out
            self.refused.add(state.closed_at)

    def teardown(self) -> None:
        """Left to a friendly world, the question comes to an end."""
        if getattr(self, "case", None) is None:
            return
        for _ in range(200):
            flying = self.pick(0, flying=True)
            if flying is not None:
                self.it_is_accepted(0, named=True)
            elif self.is_ready():
                self.a_slot_is_granted()
            elif self.known.due is not None:
                self.now = max(self.now, self.known.due)
                self.apply(DueTimeReached())
                if self.world.on_their_way:
                    self.the_schedule_hears(taken=True)
            else:
                break
            self.every_message_is_where_it_should_be()
            self.the_money_is_right()
        else:
            pytest.fail("it never comes to an end")
        is_over = self.world.removed or self.known.confirmation.closed_at is not None
        is_answered = self.world.believed is not Status.UNCONFIRMED
        assert is_over or is_answered or any(f.is_taken for f in self.world.questions())


TestOneQuestion = pytest.mark.rule("H-1", "H-2", "H-3", "H-4", "H-5", "C-17", "G-6", "T-3")(
    OneQuestion.TestCase
)
TestOneQuestion.settings = settings(
    max_examples=150,
    stateful_step_count=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
