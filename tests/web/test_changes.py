"""The feed of changes: nothing is lost, nothing is applied twice, refusals are looked into."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from gateway.core.case import EntryKind, PushState
from gateway.core.model import Status
from gateway.ports.store import Kind, Ref
from gateway.web.changes import Bell
from tests.web.support import NUMBER, SENDER, Edge, appointment, edge

PATH = "/v1/clinics/zdorovie/changes"
START = appointment()["start"]


async def feed(running: Edge, query: str = "") -> list[dict[str, Any]]:
    status, body = await running.call("GET", f"{PATH}{query}")
    assert status == 200, body
    return list(body["changes"])


async def confirmed(running: Edge, appointment_id: str = "A-1") -> None:
    """Record a visit and let the patient confirm it in the app."""
    await running.recorded(appointment(appointment_id))
    body = {"id": f"x-{appointment_id}", "answer": "confirm", "start": START, "at": START}
    path = f"/v1/clinics/zdorovie/appointments/{appointment_id}/answers"
    assert (await running.call("POST", path, body))[0] == 200
    await running.supervisor.drain()


def stop_message() -> bytes:
    """Return a signed WhatsApp callback: the patient wants no more messages."""
    message = {"id": "wamid.1", "from": NUMBER[1:], "timestamp": "1795000000", "type": "text"}
    value = {
        "metadata": {"phone_number_id": SENDER},
        "messages": [message | {"text": {"body": "стоп"}}],
    }
    return json.dumps({"entry": [{"changes": [{"field": "messages", "value": value}]}]}).encode()


@pytest.mark.rule("S-1")
async def test_a_change_stands_in_the_feed_until_it_is_taken(web_edge: Edge) -> None:
    await confirmed(web_edge)
    (change,) = await feed(web_edge)
    assert change == {
        "seq": 1,
        "id": "case:A-1:1",
        "kind": "status",
        "appointment": "A-1",
        "start": "2026-11-24T09:30:00+00:00",
        "from": "unconfirmed",
        "to": "confirmed",
        "source": "app",
        "evidence": "confirm",
        "at": "2026-11-23T08:00:00+00:00",
    }
    assert await feed(web_edge) == [change]
    assert await web_edge.call("POST", f"{PATH}:ack", {"through": 1}) == (200, {"accepted": 1})
    assert await feed(web_edge) == []
    case = await web_edge.case()
    assert case.snapshot.status is Status.CONFIRMED
    assert case.pushes[0].state is PushState.ACCEPTED


@pytest.mark.rule("S-3")
async def test_acknowledging_twice_or_halfway_changes_nothing_more(web_edge: Edge) -> None:
    for name in ("A-1", "A-2", "A-3"):
        await confirmed(web_edge, name)
    await web_edge.call("POST", f"{PATH}:ack", {"through": 2})
    assert await web_edge.call("POST", f"{PATH}:ack", {"through": 2}) == (200, {"accepted": 0})
    assert [c["appointment"] for c in await feed(web_edge)] == ["A-3"]
    statuses = [e for e in await timeline(web_edge, "A-1") if e.kind is EntryKind.STATUS]
    assert len(statuses) == 1


@pytest.mark.rule("G-6")
async def test_a_crash_between_accepting_and_taking_is_made_good(web_edge: Edge) -> None:
    await confirmed(web_edge)
    taken, web_edge.store.take_from_feed = web_edge.store.take_from_feed, _crash  # type: ignore[method-assign,assignment]
    assert (await web_edge.call("POST", f"{PATH}:ack", {"through": 1}))[0] == 500
    web_edge.store.take_from_feed = taken  # type: ignore[method-assign]
    assert await feed(web_edge) == []  # accepted already, so it is dropped when it is next seen
    assert (await web_edge.case()).snapshot.status is Status.CONFIRMED


async def _crash(*_: Any) -> None:
    raise RuntimeError("the process dies here")


async def timeline(running: Edge, appointment_id: str = "A-1") -> tuple[Any, ...]:
    return await running.store.timeline(Ref(Kind.CASE, "zdorovie", appointment_id))


async def test_pages_follow_each_other(web_edge: Edge) -> None:
    for name in ("A-1", "A-2", "A-3"):
        await confirmed(web_edge, name)
    _, first = await web_edge.call("GET", f"{PATH}?limit=2")
    assert ([c["seq"] for c in first["changes"]], first["after"]) == ([1, 2], 2)
    _, second = await web_edge.call("GET", f"{PATH}?limit=2&after=2")
    assert ([c["seq"] for c in second["changes"]], second["after"]) == ([3], 3)
    _, none = await web_edge.call("GET", f"{PATH}?after=3")
    assert none == {"changes": [], "after": 3}


async def test_a_change_that_was_settled_otherwise_is_not_shown(web_edge: Edge) -> None:
    await confirmed(web_edge)
    await web_edge.put(appointment(start="2026-11-26T10:00:00+05:00"))
    assert await feed(web_edge) == []


# Refusing


@pytest.mark.rule("S-2")
async def test_a_refusal_with_a_moved_visit_becomes_a_conflict(web_edge: Edge) -> None:
    await confirmed(web_edge)
    newest = appointment(start="2026-11-26T10:00:00+05:00")
    status, told = await web_edge.call("POST", f"{PATH}/1:refuse", {"appointment": newest})
    assert (status, told) == (200, {"seq": 1, "state": "conflict"})
    case = await web_edge.case()
    assert (case.booking, case.status) == (2, Status.UNCONFIRMED)
    assert any(e.kind is EntryKind.CONFLICT for e in await timeline(web_edge))
    await web_edge.work()
    told_patient = [m.content.template for m in web_edge.channel.sent]
    assert "acknowledgement.conflict" in told_patient
    assert await feed(web_edge) == []


@pytest.mark.rule("S-2")
async def test_a_refusal_with_another_status_becomes_a_conflict(web_edge: Edge) -> None:
    await confirmed(web_edge)
    newest = appointment(status="cancelled")
    _, told = await web_edge.call("POST", f"{PATH}/1:refuse", {"appointment": newest})
    assert told["state"] == "conflict"
    assert (await web_edge.case()).status is Status.CANCELLED


@pytest.mark.rule("S-2")
async def test_a_refusal_with_a_visit_that_is_gone_removes_it(web_edge: Edge) -> None:
    await confirmed(web_edge)
    _, told = await web_edge.call("POST", f"{PATH}/1:refuse", {"appointment": None})
    assert told["state"] == "conflict"
    assert (await web_edge.case()).removed


@pytest.mark.rule("Z-11")
async def test_the_same_state_from_both_sides_is_no_conflict(web_edge: Edge) -> None:
    await confirmed(web_edge)
    newest = appointment(status="confirmed")
    _, told = await web_edge.call("POST", f"{PATH}/1:refuse", {"appointment": newest})
    assert told["state"] == "settled"


@pytest.mark.rule("S-2")
async def test_an_answer_that_still_fits_is_offered_again(web_edge: Edge) -> None:
    await confirmed(web_edge)
    newest = appointment(doctor={"name": "Иванова Анна Петровна"})
    _, told = await web_edge.call("POST", f"{PATH}/1:refuse", {"appointment": newest})
    assert told["state"] == "open"
    assert (await web_edge.case()).snapshot.doctor.name == "Иванова Анна Петровна"
    web_edge.clock.advance(minutes=5)
    await web_edge.work()
    assert [c["seq"] for c in await feed(web_edge)] == [1]
    await web_edge.call("POST", f"{PATH}:ack", {"through": 1})
    assert (await web_edge.case()).snapshot.status is Status.CONFIRMED


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "appointment"),
        ([], "appointment"),
        ({"appointment": 7}, "appointment"),
        ({"appointment": appointment("A-2")}, "appointment.id"),
        ({"appointment": appointment(branch="nowhere")}, "appointment.branch"),
        ({"appointment": appointment(start="soon")}, "appointment.start"),
        ({"appointment": None, "why": "x"}, "why"),
    ],
)
async def test_a_bad_refusal_changes_nothing(web_edge: Edge, body: Any, field: str) -> None:
    await confirmed(web_edge)
    before = await web_edge.case()
    status, problem = await web_edge.call("POST", f"{PATH}/1:refuse", body)
    assert (status, problem["errors"][0]["field"]) == (422, field)
    assert await web_edge.case() == before
    assert len(await feed(web_edge)) == 1


@pytest.mark.parametrize("seq", ["2", "0", "x", "99999999999999999999", "-1"])
async def test_a_change_that_is_not_there_cannot_be_refused(web_edge: Edge, seq: str) -> None:
    await confirmed(web_edge)
    status, _ = await web_edge.call("POST", f"{PATH}/{seq}:refuse", {"appointment": None})
    assert status == 404


@pytest.mark.parametrize("through", [-1, "1", 1.5, True, None, 2**60])
async def test_a_bad_acknowledgement_takes_nothing(web_edge: Edge, through: Any) -> None:
    await confirmed(web_edge)
    status, problem = await web_edge.call("POST", f"{PATH}:ack", {"through": through})
    assert (status, problem["errors"][0]["field"]) == (422, "through")
    assert len(await feed(web_edge)) == 1


# A number that wants no messages


@pytest.mark.rule("Z-9")
async def test_an_opt_out_is_told_to_the_schedule(web_edge: Edge) -> None:
    await web_edge.recorded()
    assert await web_edge.hook(stop_message()) == 200
    await web_edge.work()
    (change,) = await feed(web_edge)
    assert (change["kind"], change["number"], change["allowed"]) == ("notifications", NUMBER, False)
    await web_edge.call("POST", f"{PATH}:ack", {"through": change["seq"]})
    assert await feed(web_edge) == []
    contact, _ = await web_edge.store.load_contact("zdorovie", NUMBER)
    assert contact is not None
    assert contact.notices[0].state is PushState.ACCEPTED


async def test_refusing_a_change_of_a_number_ends_it(web_edge: Edge) -> None:
    await web_edge.recorded()
    await web_edge.hook(stop_message())
    await web_edge.work()
    path = f"{PATH}/1:refuse"
    assert (await web_edge.call("POST", path, {"appointment": appointment()}))[0] == 422
    _, told = await web_edge.call("POST", path, {"appointment": None})
    assert told["state"] == "refused"
    assert await feed(web_edge) == []


# Waiting


async def test_a_long_poll_wakes_up_when_something_is_published() -> None:
    async with edge(feed_poll_s=25) as running:
        await running.recorded()
        waiting = asyncio.create_task(feed(running, "?wait=30"))
        await running.bell.entered.wait()
        await running.answered()
        assert [c["seq"] for c in await asyncio.wait_for(waiting, 5)] == [1]
        assert not running.bell._waiting


async def test_a_long_poll_sees_what_another_node_published(web_edge: Edge) -> None:
    waiting = asyncio.create_task(feed(web_edge, "?wait=30"))
    await web_edge.bell.entered.wait()
    web_edge.bell.ring = lambda _: None  # type: ignore[method-assign]
    await confirmed(web_edge)
    assert len(await asyncio.wait_for(waiting, 5)) == 1


async def test_a_long_poll_ends_with_the_server() -> None:
    async with edge(feed_poll_s=25) as running:
        waiting = asyncio.create_task(feed(running, "?wait=30"))
        await running.bell.entered.wait()
        await running.client.server.runner.cleanup()
        assert await asyncio.wait_for(waiting, 5) == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("after=-1", "after"),
        ("after=x", "after"),
        ("after=99999999999999999999", "after"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("wait=31", "wait"),
        ("wait=1.5", "wait"),
        ("wait=%D9%A3", "wait"),
    ],
)
async def test_a_bad_parameter_is_named(web_edge: Edge, query: str, field: str) -> None:
    status, problem = await web_edge.call("GET", f"{PATH}?{query}")
    assert (status, problem["errors"][0]["field"]) == (422, field)


def test_a_bell_wakes_only_the_clinic_it_is_rung_for() -> None:
    bell = Bell()
    one, two = bell.enter("one"), bell.enter("two")
    bell.ring("one")
    bell.ring("nobody")
    assert one.is_set()
    assert not two.is_set()
