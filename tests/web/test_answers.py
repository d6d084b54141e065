"""Answers from the clinic's app: applied once, and the patient is told the truth."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.core.model import Status
from tests.web.support import Edge, appointment

PATH = "/v1/clinics/zdorovie/appointments/A-1/answers"
START = appointment()["start"]


def answer(**more: Any) -> dict[str, Any]:
    body = {"id": "x1", "answer": "confirm", "start": START, "at": "2026-11-23T13:00:00+05:00"}
    return {**body, **more}


@pytest.mark.rule("S-1", "C-12")
@pytest.mark.parametrize(
    ("given", "status", "text"),
    [
        ("confirm", "confirmed", "подтвержд"),
        ("reschedule", "reschedule_requested", "перен"),
        ("cancel", "cancelled", "отмен"),
    ],
)
async def test_an_answer_becomes_one_change_and_no_message(
    web_edge: Edge, given: str, status: str, text: str
) -> None:
    await web_edge.recorded()
    await web_edge.work()
    sent = len(web_edge.channel.sent)
    result = await web_edge.answered(given)
    assert (result["id"], result["applied"], result["status"]) == ("x1", True, status)
    assert "why" not in result
    assert text in result["text"].lower()
    await web_edge.work()
    _, feed = await web_edge.call("GET", "/v1/clinics/zdorovie/changes")
    (change,) = feed["changes"]
    assert (change["from"], change["to"], change["source"]) == ("unconfirmed", status, "app")
    assert len(web_edge.channel.sent) == sent


async def test_a_repeated_id_returns_the_first_result(web_edge: Edge) -> None:
    await web_edge.recorded()
    first = await web_edge.answered("confirm")
    assert await web_edge.answered("confirm") == first
    assert len((await web_edge.case()).pushes) == 1
    await web_edge.put(appointment(start="2026-11-26T10:00:00+05:00"))
    assert await web_edge.answered("confirm") == first


async def test_an_id_used_again_for_another_answer_gets_the_first_result(web_edge: Edge) -> None:
    await web_edge.recorded()
    first = await web_edge.answered("confirm")
    assert await web_edge.answered("cancel") == first
    assert (await web_edge.answered("cancel", id="x2"))["status"] == "cancelled"
    assert await web_edge.answered("confirm") == first
    assert (await web_edge.case()).status is Status.CANCELLED


async def test_a_first_refusal_stays_one(web_edge: Edge) -> None:
    await web_edge.recorded(appointment(status="cancelled"))
    assert (await web_edge.answered("confirm"))["why"] == "status"
    await web_edge.put(appointment(status="unconfirmed"))
    again = await web_edge.answered("confirm")
    assert (again["applied"], again["why"]) == (False, "status")
    assert (await web_edge.answered("confirm", id="x2"))["applied"] is True


@pytest.mark.rule("C-17")
async def test_an_answer_to_another_start_changes_nothing(web_edge: Edge) -> None:
    await web_edge.recorded()
    await web_edge.put(appointment(start="2026-11-26T10:00:00+05:00"))
    result = await web_edge.answered("cancel", start=START)
    assert (result["applied"], result["why"]) == (False, "moved")
    assert "26" in result["text"]  # the new time
    assert (await web_edge.case()).status is Status.UNCONFIRMED


async def test_a_start_in_another_zone_is_the_same_start(web_edge: Edge) -> None:
    await web_edge.recorded()
    assert (await web_edge.answered(start="2026-11-24T09:30:00Z"))["applied"] is True


@pytest.mark.rule("Z-8")
async def test_the_app_can_still_cancel_a_confirmed_visit(web_edge: Edge) -> None:
    await web_edge.recorded(appointment(status="confirmed"))
    assert (await web_edge.answered("cancel"))["status"] == "cancelled"
    late = await web_edge.answered("confirm", id="x2")
    assert (late["applied"], late["why"], late["status"]) == (False, "status", "cancelled")
    assert "отмен" in late["text"].lower()


@pytest.mark.rule("Z-8")
async def test_after_the_visit_began_an_answer_does_not_count(web_edge: Edge) -> None:
    await web_edge.recorded()
    web_edge.clock.advance(days=2)
    result = await web_edge.answered("cancel")
    assert (result["applied"], result["why"]) == (False, "begun")
    assert "+73433000000" in result["text"]


@pytest.mark.rule("Z-12")
async def test_an_answer_about_a_removed_visit_is_told_so(web_edge: Edge) -> None:
    await web_edge.recorded()
    await web_edge.call("DELETE", "/v1/clinics/zdorovie/appointments/A-1")
    result = await web_edge.answered()
    assert (result["applied"], result["why"]) == (False, "removed")


async def test_the_words_come_in_the_wanted_language(web_edge: Edge) -> None:
    await web_edge.recorded()
    _, result = await web_edge.call("POST", f"{PATH}?lang=en", answer())
    assert result["text"].startswith("Thank you, the appointment is confirmed.")


@pytest.mark.rule("W-1")
async def test_the_words_hold_no_surname(web_edge: Edge) -> None:
    await web_edge.recorded()
    assert "Сидорова" not in (await web_edge.answered())["text"]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"id": ""}, "id"),
        ({"id": 5}, "id"),
        ({"id": "a\x1fb"}, "id"),
        ({"answer": "repeat"}, "answer"),
        ({"answer": "1"}, "answer"),
        ({"start": "2026-11-24T14:30:00"}, "start"),
        ({"start": None}, "start"),
        ({"at": "now"}, "at"),
        ({"extra": 1}, "extra"),
    ],
)
async def test_a_bad_answer_is_refused_and_changes_nothing(
    web_edge: Edge, more: dict[str, Any], field: str
) -> None:
    await web_edge.recorded()
    before = await web_edge.case()
    status, problem = await web_edge.call("POST", PATH, answer(**more))
    assert (status, [e["field"] for e in problem["errors"]]) == (422, [field])
    assert await web_edge.case() == before


@pytest.mark.parametrize("missing", ["id", "answer", "start", "at"])
async def test_every_field_is_required(web_edge: Edge, missing: str) -> None:
    await web_edge.recorded()
    body = answer()
    del body[missing]
    status, problem = await web_edge.call("POST", PATH, body)
    assert (status, problem["errors"][0]["field"]) == (422, missing)


async def test_an_answer_about_an_unknown_visit_is_not_found(web_edge: Edge) -> None:
    assert (await web_edge.call("POST", PATH, answer()))[0] == 404
