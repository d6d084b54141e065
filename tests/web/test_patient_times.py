"""Free times on the patient page: shown, chosen, booked once, and told as it is (P-3)."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.case import EntryKind, MoveState
from gateway.core.events import DueTimeReached
from gateway.core.model import Appointment, Status
from gateway.core.policy import MOVE_LEASE
from gateway.ports.schedule import (
    Booked,
    Conflicted,
    MoveOutcome,
    MoveRequest,
    Refused,
    Taken,
    Unavailable,
    Unknown,
)
from gateway.service.rescheduling import TIMES_MAX
from gateway.web.patient_limits import LOOKS
from tests.service.support import case_ref
from tests.web.patients import Patient, patient_of
from tests.web.support import NOW, appointment

FIRST = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)  # Wednesday, 10:00 in Yekaterinburg

Answer = Callable[[MoveRequest], MoveOutcome]


def booked(request: MoveRequest) -> MoveOutcome:
    """What a schedule answers that has moved the visit."""
    newest = dataclasses.replace(request.visit, start=request.start, status=Status.UNCONFIRMED)
    return Booked(newest)


@dataclass
class Desk:
    """A schedule with free times, answering as scripted."""

    times: tuple[datetime, ...] | Unavailable = tuple(FIRST + timedelta(hours=n) for n in range(3))
    answers: list[Answer] = field(default_factory=list)
    asked: int = 0
    requests: list[MoveRequest] = field(default_factory=list)
    hold: asyncio.Event | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def free_times(
        self, visit: Appointment, since: datetime, until: datetime
    ) -> tuple[datetime, ...] | Unavailable:
        self.asked += 1
        assert since > NOW
        return self.times

    async def book(self, request: MoveRequest) -> MoveOutcome:
        self.requests.append(request)
        self.reached.set()
        if self.hold is not None:
            await self.hold.wait()
        return (self.answers.pop(0) if self.answers else booked)(request)


@dataclass
class Mover(Patient):
    """A patient of a clinic whose schedule offers times."""

    desk: Desk = field(default_factory=Desk)

    async def offered(self) -> list[str]:
        return (await self.opens("?step=times")).times


@pytest.fixture
async def patient() -> AsyncIterator[Mover]:
    desk = Desk()
    async with patient_of(free_times=lambda _: desk) as somebody:
        mover = Mover(somebody.edge, somebody.late, desk=desk)
        await mover.asked()
        yield mover


def answering(outcome: MoveOutcome) -> Answer:
    return lambda _: outcome


@pytest.mark.rule("P-3", "Z-5")
async def test_a_chosen_time_is_booked_and_the_new_booking_has_its_own_page(
    patient: Mover,
) -> None:
    page = await patient.opens()
    assert page.buttons == ["confirm", "?times", "?cancel"]
    page = await patient.opens("?step=times")
    assert "Среда, 25 ноября" in page.says
    assert [hour for hour in ("10:00", "11:00", "12:00") if hour in page.says] == [
        "10:00",
        "11:00",
        "12:00",
    ]
    assert len(page.text.encode()) < 20_000
    old = patient.path
    page = await patient.chooses(page.times[1], shown=page.shown)
    case = await patient.edge.case()
    assert (case.snapshot.start, case.booking) == (FIRST + timedelta(hours=1), 2)
    assert "Приём перенесён." in page.says
    assert "Среда, 25 ноября, 11:00" in page.says
    assert page.path.startswith("/v/")
    assert not page.path.startswith(old)
    patient.path = page.path.partition("?")[0]
    assert (await patient.presses("confirm", shown=page.shown)).status == 200
    assert await patient.status() is Status.CONFIRMED
    states = [entry["state"] for entry in await patient.entries(EntryKind.MOVE)]
    assert states == ["started", "booked"]


@pytest.mark.rule("P-2", "P-3")
async def test_the_old_link_leads_whoever_moved_the_visit_to_the_new_one(patient: Mover) -> None:
    """The answer to the move may have got lost on the way to the phone."""
    old = patient.path
    moved = await patient.chooses((await patient.offered())[0])
    page = await patient.request("GET", old)
    assert page.status == 410
    assert "Вы перенесли приём. Новое время: среда, 25 ноября, 10:00." in page.says
    [address] = re.findall(r'class="button" href="([0-9a-z]{16})"', page.text)
    assert moved.path.startswith(f"/v/{address}?")
    await patient.edge.put(appointment(start="2026-11-27T10:00:00+05:00"))  # by the staff
    page = await patient.request("GET", old)
    assert "Время приёма изменилось" in page.says
    assert 'href="' + address not in page.text


@pytest.mark.rule("P-1", "P-3")
async def test_looking_at_free_times_changes_nothing(patient: Mover) -> None:
    before = await patient.edge.case()
    for _ in range(5):
        assert (await patient.opens("?step=times")).status == 200
    assert (await patient.request("HEAD", f"{patient.path}?step=times")).status == 200
    assert await patient.edge.case() == before
    assert (patient.desk.asked, patient.desk.requests) == (5, [])


@pytest.mark.rule("P-3")
async def test_another_time_is_a_wish_and_the_clinic_calls(patient: Mover) -> None:
    page = await patient.opens("?step=times")
    assert "Попросить клинику позвонить" in page.says
    page = await patient.presses("reschedule", shown=page.shown)
    assert await patient.status() is Status.RESCHEDULE_REQUESTED
    assert "Из клиники вам позвонят, чтобы выбрать другое время." in page.says


@pytest.mark.rule("P-3", "C-7", "Z-8")
async def test_who_has_asked_for_another_time_may_still_choose_one(patient: Mover) -> None:
    """As the link in the answer to key 2 invites to."""
    await patient.presses("reschedule")
    page = await patient.opens()
    assert page.buttons == ["?times"]
    page = await patient.opens("?step=times")
    assert "дождитесь звонка из клиники" in page.says
    assert page.buttons == []
    await patient.chooses(page.times[0])
    case = await patient.edge.case()
    assert (case.booking, case.status) == (2, Status.UNCONFIRMED)


@pytest.mark.rule("P-3")
@pytest.mark.parametrize(
    ("times", "said"),
    [
        ((), "Свободного времени в ближайшие недели не нашлось."),
        (Unavailable("http_503"), "Сейчас не получается узнать, какое время свободно."),
    ],
)
async def test_without_times_there_is_still_the_wish(
    patient: Mover, times: tuple[datetime, ...] | Unavailable, said: str
) -> None:
    patient.desk.times = times
    page = await patient.opens("?step=times")
    assert said in page.says
    assert page.buttons == ["reschedule"]


@pytest.mark.rule("P-3")
async def test_no_more_times_are_shown_than_a_phone_can_hold(patient: Mover) -> None:
    patient.desk.times = tuple(FIRST + timedelta(minutes=30 * n) for n in range(600))
    page = await patient.opens("?step=times")
    assert len(page.times) == TIMES_MAX
    assert len(page.text.encode()) < 20_000


@pytest.mark.rule("P-3")
async def test_a_time_that_was_just_taken_is_told_and_others_are_offered(patient: Mover) -> None:
    patient.desk.answers = [answering(Taken())]
    page = await patient.chooses((await patient.offered())[0])
    assert "Это время только что заняли. Пожалуйста, выберите другое." in page.says
    assert len(page.times) == 3
    assert await patient.status() is Status.UNCONFIRMED
    page = await patient.chooses(page.times[1])
    assert "Приём перенесён." in page.says


@pytest.mark.rule("P-3")
async def test_a_schedule_that_could_not_be_asked_is_told(patient: Mover) -> None:
    patient.desk.answers = [answering(Unavailable("connect"))]
    page = await patient.chooses((await patient.offered())[0])
    assert "Перенести не получилось, запись осталась прежней." in page.says
    assert page.buttons == ["confirm", "?times", "?cancel"]
    assert (await patient.edge.case()).pushes == ()


@pytest.mark.rule("P-3", "S-1")
async def test_a_refused_move_is_a_wish(patient: Mover) -> None:
    patient.desk.answers = [answering(Refused("http_422"))]
    page = await patient.chooses((await patient.offered())[0])
    assert "Спасибо, мы передали вашу просьбу." in page.says
    await patient.edge.work()
    _, feed = await patient.edge.call("GET", "/v1/clinics/zdorovie/changes")
    [change] = feed["changes"]
    assert change["to"] == "reschedule_requested"
    assert change["evidence"] == "reschedule 2026-11-25T10:00+05:00"


@pytest.mark.rule("P-3", "S-2")
async def test_a_visit_that_changed_meanwhile_is_shown_as_it_is(patient: Mover) -> None:
    cancelled = dataclasses.replace((await patient.edge.case()).snapshot, status=Status.CANCELLED)
    patient.desk.answers = [answering(Conflicted(cancelled))]
    page = await patient.chooses((await patient.offered())[0])
    assert "Пока страница была открыта, запись изменилась." in page.says
    assert "Запись отменена." in page.says
    assert await patient.status() is Status.CANCELLED


@pytest.mark.rule("P-3", "S-2")
async def test_a_visit_that_is_gone_meanwhile_is_told(patient: Mover) -> None:
    patient.desk.answers = [answering(Conflicted(None))]
    page = await patient.chooses((await patient.offered())[0])
    assert (page.status, "больше нет в расписании" in page.says) == (410, True)


@pytest.mark.rule("P-3", "G-6")
async def test_an_unknown_outcome_is_asked_once_more_with_the_same_id(patient: Mover) -> None:
    patient.desk.answers = [answering(Unknown("timeout"))]
    page = await patient.chooses((await patient.offered())[0])
    assert "Приём перенесён." in page.says
    first, second = patient.desk.requests
    assert first == second


@pytest.mark.rule("P-3", "G-6")
async def test_an_outcome_that_stays_unknown_is_told_truthfully(patient: Mover) -> None:
    """The second try did not get through; the first one may have."""
    patient.desk.answers = [answering(Unknown("reset")), answering(Unavailable("connect"))]
    times = await patient.offered()
    page = await patient.chooses(times[0])
    said = "Пока не ясно, удалось ли перенести приём на новое время: среда, 25 ноября, 10:00."
    assert said in page.says
    assert "Клиника проверит это и позвонит вам." in page.says
    assert (page.buttons, await patient.status()) == ([], Status.RESCHEDULE_REQUESTED)
    [attention] = await patient.entries(EntryKind.NEEDS_ATTENTION)
    assert attention["why"] == "move_unknown"
    await patient.chooses(times[1])
    await patient.presses("cancel")
    assert len(patient.desk.requests) == 2, "nothing else is booked until that is clear"
    assert await patient.status() is Status.RESCHEDULE_REQUESTED
    await patient.edge.put(appointment(start="2026-11-25T10:00:00+05:00"))
    page = await patient.opens()
    assert "Вы перенесли приём. Новое время: среда, 25 ноября, 10:00." in page.says
    assert await patient.entries(EntryKind.CONFLICT) == []


@pytest.mark.rule("P-3", "G-6")
async def test_a_process_that_died_while_booking_books_nothing_else(patient: Mover) -> None:
    times = await patient.offered()
    patient.desk.hold = asyncio.Event()
    pressed = asyncio.ensure_future(patient.chooses(times[0]))
    await patient.desk.reached.wait()
    page = await patient.opens()
    assert "Переносим приём: среда, 25 ноября, 10:00." in page.says
    assert '<meta http-equiv="refresh"' in page.text
    await patient.presses("confirm")
    await patient.chooses(times[1])
    assert (await patient.edge.case()).pushes == ()
    patient.edge.clock.advance(seconds=MOVE_LEASE.total_seconds())
    await patient.edge.service.engine.apply(case_ref(), DueTimeReached())
    assert "Пока не ясно" in (await patient.opens()).says
    patient.desk.hold.set()  # it was alive after all
    assert "Приём перенесён." in (await pressed).says
    case = await patient.edge.case()
    assert (case.booking, len(patient.desk.requests)) == (2, 1)
    assert case.move is not None
    assert case.move.state is MoveState.BOOKED


@pytest.mark.rule("P-3", "G-6")
async def test_many_presses_at_once_book_one_time(patient: Mover) -> None:
    page = await patient.opens("?step=times")
    pressed = [patient.chooses(time, shown=page.shown) for time in page.times * 2]
    answers = await asyncio.gather(*pressed)
    assert {answer.status for answer in answers} <= {200, 410}
    assert len(patient.desk.requests) == 1
    case = await patient.edge.case()
    assert (case.booking, case.snapshot.start) == (2, patient.desk.requests[0].start)


@pytest.mark.rule("P-3", "P-2")
@pytest.mark.parametrize("forged", ["", "-", "6a0b3d20", "6a0b3d20-AAAAAAAAAAAAAA", "zz-zz", "ж-ж"])
async def test_only_a_time_that_was_offered_can_be_chosen(patient: Mover, forged: str) -> None:
    page = await patient.chooses(forged)
    assert (page.status, patient.desk.requests) == (200, [])


@pytest.mark.rule("P-3", "P-2")
async def test_a_time_of_another_booking_cannot_be_chosen(patient: Mover) -> None:
    times = await patient.offered()
    page = await patient.chooses(times[0])
    patient.path = page.path.partition("?")[0]
    await patient.chooses(times[1])
    assert len(patient.desk.requests) == 1


@pytest.mark.rule("P-3")
async def test_a_settled_visit_has_no_times(patient: Mover) -> None:
    times = await patient.offered()
    await patient.presses("cancel")
    page = await patient.opens("?step=times")
    assert page.times == []
    assert "Запись отменена." in (await patient.chooses(times[0])).says
    assert patient.desk.requests == []


@pytest.mark.rule("P-2", "H-7")
async def test_a_link_asks_the_schedule_only_so_often(patient: Mover) -> None:
    for _ in range(LOOKS.burst):
        assert (await patient.opens("?step=times")).status == 200
    page = await patient.opens("?step=times")
    assert (page.status, page.headers["Retry-After"]) == (429, "5")
    assert patient.desk.asked == LOOKS.burst
    assert (await patient.opens()).status == 200


@pytest.mark.rule("G-10")
async def test_free_times_are_in_the_patients_language() -> None:
    desk = Desk()
    async with patient_of(free_times=lambda _: desk) as patient:
        await patient.asked(person={"language": "en"})
        page = await patient.opens("?step=times")
        assert "Wednesday" in page.says
        page = await patient.chooses(page.times[0])
        assert "Your appointment has been moved." in page.says
