"""The sandbox's clinic keeps the contract of docs/api.md, "Free times"."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.http import HttpClient
from adapters.schedule.free_times import WebhookFreeTimes
from adapters.schedule.sandbox import ClinicWorld, clinic_schedule_app
from adapters.schedule.sandbox_times import free_starts, moment_of
from adapters.schedule.webhook import Config, webhook_client
from gateway.core.model import Appointment, Person, Status
from gateway.ports.schedule import Booked, Conflicted, MoveRequest, Taken, Unavailable, Unknown
from gateway.ports.schema import read_appointment
from tests.adapters.schedule.test_webhook import SECRET
from tests.adapters.support import ManualClock, address, serve

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)  # 13:00 at the clinic
DOCTOR = {"name": "Петров Иван Сергеевич", "specialty": "терапевт"}


def visit(appointment_id: str = "A-1", **more: Any) -> dict[str, Any]:
    return {
        "id": appointment_id,
        "branch": "b1",
        "start": "2026-11-24T14:30:00+05:00",
        "created": "2026-11-20T12:00:00+05:00",
        "doctor": DOCTOR,
        "patient": {"id": "P-1", "phones": ["+79161234567"], "consent": True},
        **more,
    }


def starts(*others: dict[str, Any], days: int = 28) -> list[str]:
    until = MONDAY + timedelta(days=days)
    found = free_starts(visit(), [visit(), *others], MONDAY, until)
    return [start.isoformat() for start in found]


def test_doctors_work_on_weekdays_from_nine_to_six_with_a_break() -> None:
    found = starts()
    assert found[0] == "2026-11-23T14:00:00+05:00"
    hours = {moment[11:16] for moment in found}
    assert (min(hours), max(hours)) == ("09:00", "17:30")
    assert not {"13:00", "13:30"} & hours
    assert {datetime.fromisoformat(moment).weekday() for moment in found} == {0, 1, 2, 3, 4}
    assert len({moment[:10] for moment in found}) == 11  # two weeks ahead, both Mondays and one


def test_a_time_is_free_when_the_doctor_has_nobody_then() -> None:
    busy = "2026-11-25T10:00:00+05:00"
    assert busy in starts()
    assert busy not in starts(visit("A-2", start=busy))
    assert busy in starts(visit("A-2", start=busy, status="cancelled"))
    assert busy in starts(visit("A-2", start=busy, doctor={"name": "Волков"}))
    assert visit()["start"] not in starts(), "the visit's own time"


@pytest.mark.parametrize("text", [None, "", "soon", "2026-11-24T14:30:00"])
def test_what_is_no_moment_is_none(text: object) -> None:
    assert moment_of(text) is None
    assert free_starts({"start": text}, [], MONDAY, MONDAY + timedelta(days=1)) == []


@dataclass
class Clinic:
    world: ClinicWorld
    desk: WebhookFreeTimes
    client: HttpClient
    url: str

    @property
    def snapshot(self) -> Appointment:
        return read_appointment(self.world.appointment("A-1"), consent_default=None)

    def move(self, to: str, move_id: str = "m1") -> MoveRequest:
        return MoveRequest("c1", move_id, self.snapshot, datetime.fromisoformat(to), MONDAY)


@pytest.fixture
async def clinic() -> AsyncIterator[Clinic]:
    clock, client = ManualClock(MONDAY), webhook_client(allow_private=True)
    world = ClinicWorld(clock, client, [SECRET])
    world.put(visit())
    server = await serve(clinic_schedule_app(world, clock))
    url = address(server, "/free-times")
    config = Config.model_validate({"url": url, "secrets": [SECRET]})

    def read(data: object) -> Appointment:
        return read_appointment(data, consent_default=None)

    desk = WebhookFreeTimes(config, client, read, clock, allow_private=True)
    yield Clinic(world, desk, client, url)
    await client.close()
    await server.close()


FREE, TOO = "2026-11-25T10:00:00+05:00", "2026-11-26T10:00:00+05:00"


@pytest.mark.rule("P-3")
async def test_a_time_is_told_and_booked(clinic: Clinic) -> None:
    clinic.world.set_status("A-1", Status.CONFIRMED)
    times = await clinic.desk.free_times(clinic.snapshot, MONDAY, MONDAY + timedelta(days=28))
    assert datetime.fromisoformat(FREE) in times
    outcome = await clinic.desk.book(clinic.move(FREE))
    assert isinstance(outcome, Booked)
    assert outcome.newest.start == datetime.fromisoformat(FREE)
    now = clinic.world.appointment("A-1")
    assert (now["start"], now["status"]) == (FREE, "unconfirmed")


@pytest.mark.rule("P-3", "G-6")
async def test_a_move_whose_answer_was_lost_is_made_once(clinic: Clinic) -> None:
    move = clinic.move(FREE)
    clinic.world.faults.cut_next = 1
    assert await clinic.desk.book(move) == Unknown("reset")
    assert isinstance(await clinic.desk.book(move), Booked)
    clinic.world.move("A-1", TOO)  # by the staff
    assert isinstance(await clinic.desk.book(move), Conflicted)
    assert clinic.world.appointment("A-1")["start"] == TOO


@pytest.mark.rule("P-3")
async def test_two_patients_do_not_get_one_time(clinic: Clinic) -> None:
    clinic.world.put(visit("A-2", start=FREE))
    assert await clinic.desk.book(clinic.move(FREE)) == Taken()
    assert await clinic.desk.book(clinic.move("2026-11-25T03:00:00+05:00")) == Taken(), "at night"


@pytest.mark.rule("P-3", "S-2")
async def test_a_visit_that_changed_meanwhile_is_told_as_it_is(clinic: Clinic) -> None:
    move = clinic.move(FREE)
    clinic.world.move("A-1", TOO)
    assert await clinic.desk.book(move) == Conflicted(clinic.snapshot)
    clinic.world.put(visit(status="cancelled"))
    assert await clinic.desk.book(move) == Conflicted(clinic.snapshot)
    clinic.world.remove("A-1")
    assert await clinic.desk.book(move) == Conflicted(None)


async def test_a_schedule_that_is_down_moves_nothing(clinic: Clinic) -> None:
    clinic.world.faults.down = True
    assert await clinic.desk.book(clinic.move(FREE)) == Unavailable("http_503")
    assert clinic.world.appointment("A-1")["start"] == visit()["start"]


async def test_nothing_is_told_of_an_unknown_visit(clinic: Clinic) -> None:
    nobody = replace(clinic.snapshot, id="A-9", patient=Person("x"))
    assert await clinic.desk.free_times(nobody, MONDAY, MONDAY + timedelta(days=1)) == ()


async def test_only_callahead_may_ask(clinic: Clinic) -> None:
    config = Config.model_validate({"url": clinic.url, "secrets": ["whsec_" + "A" * 43 + "="]})
    stranger = WebhookFreeTimes(
        config, clinic.client, lambda _: clinic.snapshot, ManualClock(MONDAY), allow_private=True
    )
    assert await stranger.book(clinic.move(FREE)) == Unavailable("http_403")
    assert clinic.world.appointment("A-1")["start"] == visit()["start"]
