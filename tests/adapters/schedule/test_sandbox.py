"""The clinic's side of the schedule: it checks what we tell it and tells us what its staff does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiohttp import web

from adapters.http import HttpClient, HttpLimits, HttpRequest
from adapters.schedule.sandbox import Api, ClinicWorld, clinic_schedule_app
from adapters.schedule.webhook import Config, WebhookSchedule, webhook_client
from gateway.core.model import Status
from gateway.errors import NotFound
from gateway.ports.schedule import Accepted, Conflicted, Unavailable
from tests.adapters.schedule.test_webhook import CHANGE, NOTICE, SECRET, read_appointment
from tests.adapters.support import ManualClock, Recorder, address, serve

VISIT: dict[str, Any] = {
    "id": "A-1",
    "branch": "b1",
    "start": "2026-11-24T14:30:00+05:00",
    "created": "2026-11-20T12:00:00+03:00",
    "status": "unconfirmed",
    "patient": {"id": "P-1", "phones": ["+1 (555) 010-0123"], "consent": True},
}


@dataclass
class Clinic:
    world: ClinicWorld
    hook: WebhookSchedule
    client: HttpClient
    clock: ManualClock
    callahead: Recorder
    url: str

    async def told(self) -> list[tuple[str, str]]:
        """Wait until everything was told; return what."""
        await self.clock.drive(self.world.idle())
        return [(method, path) for method, path, _, _ in self.callahead.requests]

    def hook_with(self, secret: str, client: HttpClient | None = None) -> WebhookSchedule:
        config = Config.model_validate({"url": self.url, "secrets": [secret]})
        return WebhookSchedule(
            config, client or self.client, read_appointment, self.clock, allow_private=True
        )


@pytest.fixture
async def clinic() -> AsyncIterator[Clinic]:
    clock, client, callahead = ManualClock(), webhook_client(allow_private=True), Recorder()
    gateway = await serve(callahead.app)
    world = ClinicWorld(clock, client, [SECRET], Api(address(gateway), "c 1", "api-key"))
    app = web.Application()
    app.add_subapp("/sandbox/schedule", clinic_schedule_app(world, clock))
    server = await serve(app)
    url = address(server, "/sandbox/schedule/changes")
    config = Config.model_validate({"url": url, "secrets": [SECRET]})
    hook = WebhookSchedule(config, client, read_appointment, clock, allow_private=True)
    running = asyncio.ensure_future(world.run())
    yield Clinic(world, hook, client, clock, callahead, url)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await client.close()
    await server.close()
    await gateway.close()


# What we tell the clinic


@pytest.mark.rule("S-1")
async def test_a_change_that_fits_is_taken(clinic: Clinic) -> None:
    clinic.world.put(VISIT)
    seen = clinic.world.changes.count
    assert await clinic.hook.push(CHANGE) == Accepted()
    assert clinic.world.appointment("A-1")["status"] == "confirmed"
    assert await clinic.world.changes.after(seen) > seen
    [taken] = clinic.world.taken
    assert (taken.status, taken.change["source"]) == (200, "whatsapp")


@pytest.mark.rule("G-6")
async def test_a_change_whose_answer_was_lost_is_taken_once(clinic: Clinic) -> None:
    clinic.world.put(VISIT)
    clinic.world.faults.cut_next = 1
    assert await clinic.hook.push(CHANGE) == Unavailable("reset")
    clinic.world.set_status("A-1", Status.UNCONFIRMED)  # by hand, after it was taken
    assert await clinic.hook.push(CHANGE) == Accepted()
    assert clinic.world.appointment("A-1")["status"] == "unconfirmed"
    assert len(clinic.world.taken) == 1


@pytest.mark.rule("S-2")
async def test_what_changed_meanwhile_is_answered_with_the_newest(clinic: Clinic) -> None:
    clinic.world.put(VISIT)
    clinic.world.set_status("A-1", Status.CANCELLED)
    assert await clinic.hook.push(CHANGE) == Conflicted(read_appointment({"id": "A-1"}))
    clinic.world.put(VISIT)
    clinic.world.move("A-1", "2026-11-25T14:30:00+05:00")
    assert isinstance(await clinic.hook.push(CHANGE), Conflicted)
    clinic.world.remove("A-1")
    assert await clinic.hook.push(CHANGE) == Conflicted(None)


@pytest.mark.rule("Z-11")
async def test_the_same_state_from_both_sides_is_no_conflict(clinic: Clinic) -> None:
    clinic.world.put({**VISIT, "status": "confirmed"})
    assert await clinic.hook.push(CHANGE) == Accepted()


async def test_an_unknown_status_is_refused(clinic: Clinic) -> None:
    clinic.world.put(VISIT)
    answer = clinic.world._apply({"kind": "status", "appointment": "A-1", "to": "teleported"})
    assert answer == (422, None)
    assert clinic.world._apply({"kind": "surprise"}) == (422, None)
    assert clinic.world._apply({}) == (422, None)


@pytest.mark.rule("Z-9")
async def test_a_refused_number_is_noted_with_patients_and_guardians(clinic: Clinic) -> None:
    clinic.world.put(VISIT)
    guardian = {"id": "P-3", "phones": ["5550100123"]}
    child = {"id": "P-2", "phones": ["+15550100124"], "guardian": guardian}
    clinic.world.put({**VISIT, "id": "A-2", "patient": child})
    clinic.world.put({**VISIT, "id": "A-3", "patient": {"id": "P-4", "phones": None}})
    assert await clinic.hook.push(NOTICE) == Accepted()
    refused = [
        json.dumps(item).count('"notifications_refused": true')
        for item in clinic.world.appointments
    ]
    assert refused == [1, 1, 0]
    again = replace(NOTICE, push="n2", allowed=True)
    assert await clinic.hook.push(again) == Accepted()
    assert "true" not in json.dumps(
        [
            item["patient"]["guardian"]  # type: ignore[index]
            for item in clinic.world.appointments
            if item["id"] == "A-2"
        ]
    )


async def test_only_signed_changes_are_taken(clinic: Clinic) -> None:
    clinic.world.put(VISIT)
    other = clinic.hook_with("whsec_" + "QUJD" * 12)
    assert await other.push(CHANGE) == Unavailable("http_403")
    response = await clinic.client.send(HttpRequest("POST", clinic.url, {}, b"{}"))
    assert response.status == 401
    assert clinic.world.taken == []


@pytest.mark.rule("S-3")
async def test_a_schedule_that_is_down_or_slow_is_asked_again_later(clinic: Clinic) -> None:
    clinic.world.put(VISIT)
    clinic.world.faults.down = True
    assert await clinic.hook.push(CHANGE) == Unavailable("http_503")
    clinic.world.faults.retry_after_s = 40
    assert await clinic.hook.push(CHANGE) == Unavailable("http_503", 40)
    clinic.world.faults.down = False
    clinic.world.faults.slow_s = 60
    hasty = HttpClient(HttpLimits(total_s=0.1))
    assert await clinic.hook_with(SECRET, hasty).push(CHANGE) == Unavailable("timeout")
    clinic.clock.wake_next()
    await hasty.close()


# What the clinic tells us


async def test_what_the_staff_does_reaches_the_api(clinic: Clinic) -> None:
    clinic.world.put({**VISIT, "id": "A/1 ü"})
    path = "/v1/clinics/c%201/appointments/A%2F1%20%C3%BC"
    assert await clinic.told() == [("PUT", path)]
    clinic.world.set_status("A/1 ü", Status.CANCELLED)
    await clinic.told()
    clinic.world.remove("A/1 ü")
    assert [method for method, _ in await clinic.told()] == ["PUT", "PUT", "DELETE"]
    _, _, headers, body = clinic.callahead.requests[1]
    assert headers["authorization"] == "Bearer api-key"
    assert json.loads(body)["status"] == "cancelled"


async def test_a_moved_visit_is_unconfirmed_again(clinic: Clinic) -> None:
    clinic.world.put({**VISIT, "status": "confirmed"})
    clinic.world.move("A-1", "2026-11-26T09:00:00+05:00")
    await clinic.told()
    sent = json.loads(clinic.callahead.requests[-1][3])
    assert (sent["start"], sent["status"]) == ("2026-11-26T09:00:00+05:00", "unconfirmed")


async def test_changes_wait_in_order_while_callahead_is_down(clinic: Clinic) -> None:
    clinic.callahead.status = 503
    clinic.world.put(VISIT)
    clinic.world.put({**VISIT, "id": "A-2"})
    for _ in range(30):
        clinic.clock.wake_next()
        await asyncio.sleep(0.001)
    clinic.callahead.requests.clear()
    clinic.callahead.status = 200
    told = await clinic.told()
    assert [path.rpartition("/")[2] for _, path in told][-2:] == ["A-1", "A-2"]


async def test_what_is_refused_is_shown_and_not_repeated(clinic: Clinic) -> None:
    clinic.callahead.status = 422
    clinic.world.put(VISIT)
    assert len(await clinic.told()) == 1
    assert clinic.world.problems == {"A-1": 422}
    clinic.callahead.status = 200
    clinic.world.put(VISIT)
    await clinic.told()
    assert clinic.world.problems == {}


async def test_an_appointment_that_callahead_does_not_know_is_gone(clinic: Clinic) -> None:
    clinic.world.put(VISIT)
    await clinic.told()
    clinic.callahead.status = 404
    clinic.world.remove("A-1")
    await clinic.told()
    assert clinic.world.problems == {}


async def test_many_appointments_go_as_one_batch(clinic: Clinic) -> None:
    assert await clinic.world.load([VISIT, {**VISIT, "id": "A-2"}])
    [(method, path, headers, body)] = clinic.callahead.requests
    assert (method, path) == ("POST", "/v1/clinics/c%201/appointments:batch")
    assert headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["id"] for line in body.splitlines()] == ["A-1", "A-2"]
    clinic.callahead.status = 503
    assert not await clinic.world.load([VISIT])
    clinic.world.api = None
    assert not await clinic.world.load([VISIT])


async def test_callahead_that_is_gone_is_called_again(clinic: Clinic) -> None:
    api = clinic.world.api
    assert api is not None
    clinic.world.api = replace(api, url="http://127.0.0.1:1")
    clinic.world.put(VISIT)
    for _ in range(20):
        clinic.clock.wake_next()
        await asyncio.sleep(0.001)
    clinic.world.api = api
    assert len(await clinic.told()) == 1


def test_what_is_not_there_cannot_be_changed() -> None:
    world = ClinicWorld(ManualClock(), HttpClient(), [SECRET])
    for act in (world.remove, world.appointment):
        with pytest.raises(NotFound):
            act("A-1")
