"""Whatever gets lost between patient, gateway and schedule, a visit is moved once, and both agree
in the end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core import policy
from gateway.core.case import OPEN_PUSHES, Case, EntryKind, MoveState, PushState
from gateway.core.events import (
    AppointmentChanged,
    DueTimeReached,
    Event,
    MoveEnded,
    MoveResult,
    PatientChose,
    PushAccepted,
    PushConflicted,
    TimeChosen,
)
from gateway.core.model import Answer, Appointment, Source, Status
from gateway.core.rescheduling import MOVABLE, open_move
from tests.core.strategies import DAY, HOUR, NOON, START, a_visit, asked, happen, told

SLOTS = [START + DAY + n * HOUR for n in range(3)]


@dataclass
class Clinic:
    """A schedule that keeps the contract of docs/api.md: it moves once for each id."""

    visit: Appointment = field(default_factory=a_visit)
    moved: dict[str, datetime] = field(default_factory=dict)

    def move(self, move_id: str, source: datetime, target: datetime) -> MoveEnded:
        if move_id in self.moved and self.visit.start == target:
            return MoveEnded(move_id, MoveResult.BOOKED, self.visit)
        if self.visit.start != source or self.visit.status not in MOVABLE:
            return MoveEnded(move_id, MoveResult.CHANGED, self.visit)
        self.moved[move_id] = target
        self.visit = replace(self.visit, start=target, status=Status.UNCONFIRMED)
        return MoveEnded(move_id, MoveResult.BOOKED, self.visit)


@dataclass
class Story:
    """A case, its schedule, and what is on its way between them."""

    case: Case = field(default_factory=asked)
    clinic: Clinic = field(default_factory=Clinic)
    now: datetime = NOON
    chosen: int = 0
    asking: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    answers: list[MoveEnded] = field(default_factory=list)
    booked: list[str] = field(default_factory=list)

    def happen(self, event: Event) -> None:
        before = self.case
        self.case, _ = happen(before, event, now=self.now)
        self.booked += [
            str(entry["move"])
            for entry in told(self.case, EntryKind.MOVE)
            if entry["state"] == "booked"
        ]
        self.case = replace(self.case, journal=())
        if before.move is not None and open_move(before) is not None and before != self.case:
            move = self.case.move
            assert move is not None
            assert move.id == before.move.id, "a second one while the first is open"

    def step(self, name: str, number: int) -> None:
        self.now += timedelta(seconds=7)
        getattr(self, name)(number)

    def choose(self, number: int) -> None:
        self.chosen += 1
        move_id, source = f"m{self.chosen}", self.case.snapshot.start
        self.happen(TimeChosen(move_id, SLOTS[number % 3], self.case.booking))
        move = self.case.move
        if move is not None and move.id == move_id:
            self.asking[move_id] = (source, move.start)

    def reach_schedule(self, number: int) -> None:
        """A request arrives, perhaps for the second time; its answer is on the way."""
        for move_id, (source, target) in list(self.asking.items())[-1:]:
            self.answers.append(self.clinic.move(move_id, source, target))
            if number % 2:
                del self.asking[move_id]

    def lose_answer(self, number: int) -> None:
        if self.answers:
            lost = self.answers.pop(number % len(self.answers))
            if number % 2:
                self.happen(MoveEnded(lost.move, MoveResult.UNKNOWN))

    def take_answer(self, number: int) -> None:
        if self.answers:
            self.happen(self.answers.pop(number % len(self.answers)))

    def wait(self, _: int) -> None:
        """The process is gone: nobody asks any more."""
        self.now += policy.MOVE_LEASE
        self.asking.clear()
        self.happen(DueTimeReached())

    def answer(self, number: int) -> None:
        answer = (Answer.CONFIRM, Answer.RESCHEDULE, Answer.CANCEL)[number % 3]
        event = PatientChose(f"p{self.now}", Source.LINK, answer, self.case.booking)
        self.happen(event)

    def staff_moves(self, number: int) -> None:
        start = START + 3 * DAY + number * HOUR
        self.clinic.visit = replace(self.clinic.visit, start=start, status=Status.UNCONFIRMED)

    def tell(self, _: int) -> None:
        """The schedule tells how the visit stands."""
        self.happen(AppointmentChanged(self.clinic.visit))

    def push(self, _: int) -> None:
        """An answer is offered to the schedule, which takes it where it fits."""
        push = next((p for p in self.case.pushes if p.state in OPEN_PUSHES), None)
        if push is None:
            return
        visit = self.clinic.visit
        if (visit.start, visit.status) == (push.start, push.before):
            self.clinic.visit = replace(visit, status=push.after)
            self.happen(PushAccepted(push.id))
        else:
            self.happen(PushConflicted(push.id, visit))


STEPS = (
    "choose",
    "reach_schedule",
    "lose_answer",
    "take_answer",
    "wait",
    "answer",
    "staff_moves",
    "tell",
    "push",
)


@pytest.mark.rule("P-3", "G-6", "S-2")
@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 5)), max_size=25))
def test_a_visit_is_moved_once_and_both_sides_agree(steps: list[tuple[str, int]]) -> None:
    story = Story()
    for name, number in steps:
        story.step(name, number)
    assert len(story.booked) == len(set(story.booked))
    assert set(story.booked) <= set(story.clinic.moved), "nothing is called booked that is not"
    story.answers.clear()  # whatever is still on its way never arrives
    story.wait(0)
    for _ in range(10):
        story.tell(0)
        story.push(0)
    story.tell(0)
    assert story.case.snapshot == story.clinic.visit
    assert not [push for push in story.case.pushes if push.state is PushState.PENDING]
    move = story.case.move
    assert move is None or move.state is not MoveState.STARTED
