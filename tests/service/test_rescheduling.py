"""Asking a schedule for times and moving a visit, whatever dies in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.case import Case, EntryKind, MoveState
from gateway.core.events import MoveResult
from gateway.core.links import link_token
from gateway.core.model import Appointment, Status
from gateway.core.policy import MOVE_LEASE
from gateway.errors import StoreUnavailable
from gateway.ports.schedule import (
    Booked,
    MoveOutcome,
    MoveRequest,
    Taken,
    Unavailable,
    Unknown,
)
from gateway.service import rescheduling
from gateway.service.rescheduling import (
    BOOKING_PATIENCE_S,
    BOOKING_TRIES,
    HORIZON,
    NOTICE,
    TIMES_A_DAY_MAX,
    TIMES_MAX,
    Rescheduling,
    ended_by,
    offered,
    sealed,
    unsealed,
)
from tests.service.support import Node, appointment, case_ref, node, on_virtual_time

ZONE = "Asia/Yekaterinburg"
FIRST = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)


class Desk:
    """A schedule that answers as scripted; `None` in place of an answer: never."""

    def __init__(self, *answers: MoveOutcome | None) -> None:
        self.answers = list(answers)
        self.requests: list[MoveRequest] = []
        self.times: tuple[datetime, ...] | Unavailable | None = (FIRST,)

    async def free_times(
        self, visit: Appointment, since: datetime, until: datetime
    ) -> tuple[datetime, ...] | Unavailable:
        if self.times is None:
            await asyncio.sleep(3600)
        assert self.times is not None
        return self.times

    async def book(self, request: MoveRequest) -> MoveOutcome:
        self.requests.append(request)
        if not self.answers:
            return Booked(replace(request.visit, start=request.start))
        answer = self.answers.pop(0)
        if answer is None:
            await asyncio.sleep(3600)
        assert answer is not None
        return answer


@asynccontextmanager
async def clinic(desk: Desk) -> AsyncIterator[tuple[Node, Rescheduling, Case]]:
    async with node() as running:
        service = running.service
        asked = Rescheduling(service.store, service.engine, running.clock, lambda _: desk)
        await running.record()
        yield running, asked, await running.case()


# What is offered


@pytest.mark.rule("P-3")
def test_times_are_spread_over_days_and_over_each_day() -> None:
    times = [FIRST + timedelta(minutes=30 * step) for step in range(48 * 10)]
    found = offered(reversed(times), ZONE)
    assert len(found) == TIMES_MAX
    assert list(found) == sorted(found)
    days = [moment.astimezone().date() for moment in found]
    assert max(days.count(day) for day in days) <= TIMES_A_DAY_MAX + 1
    one_day = offered(times[:12], ZONE)
    assert (len(one_day), one_day[0], one_day[-1]) == (TIMES_A_DAY_MAX, times[0], times[11])


@pytest.mark.rule("P-3")
def test_few_times_are_all_offered_once() -> None:
    assert offered([FIRST, FIRST], ZONE) == (FIRST,)
    assert offered([], ZONE) == ()


@pytest.mark.rule("P-3")
@on_virtual_time
async def test_times_that_are_of_no_use_are_left_out() -> None:
    desk = Desk()
    async with clinic(desk) as (running, asked, case):
        branch = (await running.service.clinics.settings("zdorovie", "lenina")).branch
        now = running.clock.now()
        usable = now + NOTICE + timedelta(hours=1)
        useless = (now - timedelta(days=1), now, case.snapshot.start, now + HORIZON)
        desk.times = (*useless, usable)
        assert await asked.times(case, branch) == (usable,)


@pytest.mark.rule("P-3")
@on_virtual_time
async def test_a_schedule_that_does_not_answer_tells_no_times() -> None:
    desk = Desk()
    async with clinic(desk) as (running, asked, case):
        branch = (await running.service.clinics.settings("zdorovie", "lenina")).branch
        for nothing in (None, Unavailable("http_500")):
            desk.times = nothing
            assert await asked.times(case, branch) is None
        nobody = Rescheduling(running.store, running.service.engine, running.clock, lambda _: None)
        assert await nobody.times(case, branch) is None
        assert (await nobody.choose(case, branch, FIRST)).case is case
        assert (nobody.offers("zdorovie"), asked.offers("zdorovie")) == (False, True)


# What a form carries


@pytest.mark.rule("P-2", "P-3")
@on_virtual_time
async def test_a_form_carries_only_what_was_offered_for_this_booking() -> None:
    async with clinic(Desk()) as (running, _, case):
        branch = (await running.service.clinics.settings("zdorovie", "lenina")).branch
        value = sealed(branch, case, FIRST)
        assert unsealed(branch, case, value) == FIRST
        assert unsealed(branch, replace(case, booking=2), value) is None
        assert unsealed(branch, replace(case, id="A-2"), value) is None
        assert unsealed(replace(branch, link_secret=b"other"), case, value) is None
        seconds, _, seal = value.partition("-")
        later = f"{int(seconds, 16) + 3600:x}-{seal}"
        for forged in ("", "-", seal, f"{seconds}-", later, value + "A", f"x-{seal}", "\udc80-ж"):
            assert unsealed(branch, case, forged) is None


# The move


@pytest.mark.rule("G-6")
def test_both_tries_end_before_the_move_counts_as_lost() -> None:
    assert timedelta(seconds=BOOKING_TRIES * BOOKING_PATIENCE_S) < MOVE_LEASE / 2


@pytest.mark.rule("P-3", "G-6")
@on_virtual_time
async def test_a_schedule_that_never_answers_leaves_an_unknown_outcome() -> None:
    desk = Desk(None, None)
    async with clinic(desk) as (running, asked, case):
        branch = (await running.service.clinics.settings("zdorovie", "lenina")).branch
        choice = await asked.choose(case, branch, FIRST)
        assert choice.result is MoveResult.UNKNOWN
        assert choice.case.status is Status.RESCHEDULE_REQUESTED
        assert [request.id for request in desk.requests] == [desk.requests[0].id] * 2


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_a_clear_word_after_an_unclear_one_counts() -> None:
    async with clinic(Desk(Unknown("reset"), Taken())) as (running, asked, case):
        branch = (await running.service.clinics.settings("zdorovie", "lenina")).branch
        choice = await asked.choose(case, branch, FIRST)
        assert choice.result is MoveResult.TAKEN
        assert choice.case.status is Status.UNCONFIRMED


@pytest.mark.rule("P-3", "G-6")
@on_virtual_time
async def test_an_outcome_that_cannot_be_stored_counts_as_unknown_later() -> None:
    """The store is away just after the schedule has booked; the workers notice."""
    async with clinic(Desk()) as (running, asked, case):
        branch = (await running.service.clinics.settings("zdorovie", "lenina")).branch
        apply, calls = running.service.engine.apply, 0

        async def failing(*args: object, **more: object) -> object:
            nonlocal calls
            calls += 1
            if calls > 1:
                raise StoreUnavailable("away")
            return await apply(*args, **more)  # type: ignore[arg-type]

        asked._engine.apply = failing  # type: ignore[method-assign, assignment]
        choice = await asked.choose(case, branch, FIRST)
        assert (choice.result, calls) == (None, 1 + len(rescheduling.REPORT_PAUSES_S))
        asked._engine.apply = apply  # type: ignore[method-assign]
        running.start()
        await asyncio.sleep(MOVE_LEASE.total_seconds() + 5)
        after = await running.case()
        assert after.move is not None
        assert after.move.state is MoveState.UNKNOWN
        assert len(await running.entries(EntryKind.NEEDS_ATTENTION)) == 1
        assert "reschedule_requested" in running.diary.statuses


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_nothing_is_asked_of_the_schedule_unless_the_choice_is_stored() -> None:
    desk = Desk()
    async with clinic(desk) as (running, asked, case):
        branch = (await running.service.clinics.settings("zdorovie", "lenina")).branch

        async def away(*_: object, **__: object) -> object:
            raise StoreUnavailable("away")

        asked._engine.apply = away  # type: ignore[method-assign, assignment]
        with pytest.raises(StoreUnavailable):
            await asked.choose(case, branch, FIRST)
        assert desk.requests == []


@pytest.mark.rule("P-2")
@on_virtual_time
async def test_the_link_of_the_new_booking_leads_to_it() -> None:
    async with clinic(Desk()) as (running, asked, case):
        settings = await running.service.clinics.settings("zdorovie", "lenina")
        choice = await asked.choose(case, settings.branch, FIRST)
        token = link_token(settings.branch.link_secret, "zdorovie", "A-1", 2)
        assert choice.case.booking == 2
        assert await running.store.recall(f"link:{token}") == case_ref()


@pytest.mark.rule("G-6")
def test_booked_counts_only_with_the_visit_at_the_chosen_time() -> None:
    visit = appointment()
    request = MoveRequest("zdorovie", "m", visit, FIRST, FIRST)
    there = replace(visit, start=FIRST)
    assert ended_by("m", request, Booked(there)).result is MoveResult.BOOKED
    assert ended_by("m", request, Booked(visit)).result is MoveResult.UNKNOWN
    assert ended_by("m", request, Booked(replace(there, id="B"))).result is MoveResult.UNKNOWN
