"""One appointment over HTTP: taken whole or refused whole, and every refusal names the field."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.web.support import NUMBER, Edge, appointment, edge

PATH = "/v1/clinics/zdorovie/appointments/A-1"


async def test_an_appointment_is_recorded_once(web_edge: Edge) -> None:
    assert await web_edge.put(appointment()) == (201, {"id": "A-1", "status": "stored"})
    assert await web_edge.put(appointment()) == (200, {"id": "A-1", "status": "unchanged"})
    moved = appointment(start="2026-11-25T10:00:00+05:00")
    assert await web_edge.put(moved) == (200, {"id": "A-1", "status": "stored"})


async def test_what_was_recorded_is_shown_in_the_branch_zone(web_edge: Edge) -> None:
    await web_edge.recorded()
    status, shown = await web_edge.call("GET", PATH)
    assert status == 200
    assert shown["start"] == "2026-11-24T14:30:00+05:00"
    assert shown["patient"]["phones"] == [NUMBER]
    assert shown.pop("callahead") == {
        "status": "unconfirmed",
        "booking": 1,
        "recorded_at": "2026-11-23T08:00:00+00:00",
    }
    assert (await web_edge.put(shown))[1]["status"] == "unchanged"


async def test_the_id_may_stand_in_the_address_alone(web_edge: Edge) -> None:
    body = appointment()
    del body["id"]
    assert (await web_edge.put(body, "A-1"))[0] == 201


async def test_an_id_with_special_characters_is_kept(web_edge: Edge) -> None:
    status, _ = await web_edge.put(appointment("A:{1}?"), "A%3A%7B1%7D%3F")
    assert status == 201
    assert (await web_edge.case("A:{1}?")).id == "A:{1}?"


async def test_removing_is_idempotent(web_edge: Edge) -> None:
    assert (await web_edge.call("DELETE", PATH))[0] == 404
    await web_edge.recorded()
    assert (await web_edge.call("DELETE", PATH))[0] == 204
    assert (await web_edge.call("DELETE", PATH))[0] == 204
    assert (await web_edge.case()).removed
    assert (await web_edge.call("GET", PATH))[0] == 404
    assert (await web_edge.put(appointment()))[1]["status"] == "stored"
    assert (await web_edge.call("GET", PATH))[0] == 200


def changed(path: str, value: Any) -> dict[str, Any]:
    body = copy.deepcopy(appointment())
    *way, last = path.split(".")
    here = body
    for step in way:
        here = here[step]
    if value is ...:
        del here[last]
    else:
        here[last] = value
    return body


LONG = "x" * 300

BAD: list[tuple[str, Any, str]] = [
    ("branch", ..., "branch"),
    ("branch", "nowhere", "branch"),
    ("branch", 7, "branch"),
    ("start", ..., "start"),
    ("start", None, "start"),
    ("start", "2026-11-24T14:30:00", "start"),  # no offset
    ("start", "2026-02-30T14:30:00+05:00", "start"),
    ("start", "2026-11-24T25:30:00+05:00", "start"),
    ("start", "24.11.2026 14:30", "start"),
    ("start", "0001-01-01T00:00:00+00:00", "start"),
    ("start", "9999-12-31T23:59:59+00:00", "start"),
    ("start", 1795512600, "start"),
    ("created", ..., "created"),
    ("created", "2026-11-20T12:00:00+99:00", "created"),
    ("status", "Подтверждён", "status"),
    ("status", None, "status"),
    ("duration", "30", "duration"),
    ("duration", "-5m", "duration"),
    ("duration", 30, "duration"),
    ("service", "yes", "service"),
    ("service", 1, "service"),
    ("club", None, "club"),
    ("surprise", 1, "surprise"),
    ("doctor", "Петров", "doctor"),
    ("doctor.degree", "PhD", "doctor.degree"),
    ("doctor.name", LONG, "doctor.name"),
    ("patient", ..., "patient"),
    ("patient", [], "patient"),
    ("patient.id", ..., "patient.id"),
    ("patient.consent", ..., "patient.consent"),
    ("patient.consent", "true", "patient.consent"),
    ("patient.phones", NUMBER, "patient.phones"),
    ("patient.phones", [NUMBER, 7], "patient.phones[1]"),
    ("patient.phones", [NUMBER] * 50, "patient.phones"),
    ("patient.language", "klingon", "patient.language"),
    ("patient.first_name", "М\u202eария", "patient.first_name"),
    ("patient.app", {"installed": True, "token": "x"}, "patient.app.token"),
    ("patient.guardian", {"first_name": "Анна"}, "patient.guardian.consent"),
    ("id", "A-2", "id"),
    ("id", "", "id"),
    ("id", 1, "id"),
]


@pytest.mark.parametrize(("path", "value", "field"), BAD)
async def test_a_bad_field_is_named_and_nothing_is_stored(
    web_edge: Edge, path: str, value: Any, field: str
) -> None:
    status, problem = await web_edge.put(changed(path, value), "A-1")
    assert status == 422
    assert web_edge.headers["Content-Type"] == "application/problem+json"
    assert field in [error["field"] for error in problem["errors"]]
    assert all(error["message"] for error in problem["errors"])
    assert (await web_edge.store.figures()).cases == 0


async def test_every_bad_field_is_named_at_once(web_edge: Edge) -> None:
    body = changed("start", "tomorrow")
    del body["patient"]["consent"]
    body["club"] = "no"
    _, problem = await web_edge.put(body)
    assert {e["field"] for e in problem["errors"]} == {"start", "patient.consent", "club"}


async def test_a_refusal_repeats_nothing_about_the_patient(web_edge: Edge) -> None:
    body = changed("patient.language", "Сидорова Мария +79161234567")
    body["status"] = "Мария"
    _, problem = await web_edge.put(body)
    told = str(problem)
    assert "Сидорова" not in told
    assert "Мария" not in told
    assert "9161234567" not in told


@pytest.mark.parametrize("old", [{"status": "confirmed"}, {"start": "2026-11-26T09:00:00+05:00"}])
async def test_a_refused_change_leaves_the_old_snapshot(
    web_edge: Edge, old: dict[str, str]
) -> None:
    await web_edge.recorded(appointment(**old))
    before = await web_edge.case()
    assert (await web_edge.put(changed("patient.consent", "yes")))[0] == 422
    assert await web_edge.case() == before


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b'{"id": NaN}', b"[" * 5000])
async def test_what_is_not_json_is_malformed(web_edge: Edge, data: bytes) -> None:
    status, problem = await web_edge.call("PUT", PATH, data)
    assert status == 400
    assert problem["status"] == 400


@pytest.mark.parametrize("data", [b"[]", b"null", b"1", b'"A-1"'])
async def test_what_is_no_object_is_invalid(web_edge: Edge, data: bytes) -> None:
    assert (await web_edge.call("PUT", PATH, data))[0] == 422


async def test_a_body_over_the_limit_is_refused(web_edge: Edge) -> None:
    body = appointment() | {"surprise": "x" * 300_000}
    assert (await web_edge.put(body))[0] == 413


async def test_a_body_of_untold_length_has_the_same_limit(web_edge: Edge) -> None:
    async def parts() -> Any:
        for _ in range(30):
            yield b"x" * 10_000

    headers = {"Authorization": f"Bearer {web_edge.key}"}
    async with web_edge.client.put(PATH, data=parts(), headers=headers) as got:
        assert got.status == 413


async def test_a_compressed_body_is_measured_unpacked(web_edge: Edge) -> None:
    import gzip

    packed = gzip.compress(b" " * 3_000_000)
    headers = {"Content-Encoding": "gzip"}
    assert (await web_edge.call("PUT", PATH, packed, headers=headers))[0] == 413
    assert (await web_edge.call("PUT", PATH, b"not gzip", headers=headers))[0] == 400


async def test_an_unknown_clinic_is_not_found() -> None:
    async with edge() as running:
        await running.store.save_key("d", "nobody", running.clock.now(), "")
        from gateway.web.auth import new_key

        key, digest = new_key()
        await running.store.save_key(digest, "nobody", running.clock.now(), "")
        path = "/v1/clinics/nobody/appointments/A-1"
        assert (await running.call("PUT", path, appointment(), key=key))[0] == 404
        assert (await running.call("GET", path, key=key))[0] == 404


# Explain


@pytest.mark.rule("G-4")
async def test_all_reasons_are_told_in_plain_words_in_both_languages(web_edge: Edge) -> None:
    person = {"phones": ["+73433000001"], "consent": False}
    await web_edge.recorded(appointment(person=person, club=True))
    await web_edge.work()
    status, told = await web_edge.call("GET", f"{PATH}/explain?lang=ru")
    assert status == 200
    assert told["appointment"] == "A-1"
    details = told["functions"]["details"]
    assert details["state"] == "not_sent"
    assert {r["code"] for r in details["reasons"]} >= {"club", "no_consent", "landline_phone"}
    russian = {r["text"] for r in details["reasons"]}
    assert "Это клубная запись." in russian
    _, english = await web_edge.call("GET", f"{PATH}/explain?lang=en")
    codes = [r["code"] for r in english["functions"]["details"]["reasons"]]
    assert codes == [r["code"] for r in details["reasons"]]
    assert "This is a club booking." in {
        r["text"] for r in english["functions"]["details"]["reasons"]
    }


async def test_a_function_that_waits_tells_until_when(web_edge: Edge) -> None:
    await web_edge.recorded()
    await web_edge.work()
    _, told = await web_edge.call("GET", f"{PATH}/explain")
    reminder = told["functions"]["reminder"]
    assert reminder["state"] == "waiting"
    assert reminder["reasons"] == []
    assert reminder["next_at"] == "2026-11-24T12:30:00+05:00"
    assert told["functions"]["details"]["state"] == "sent"


@pytest.mark.rule("G-5")
async def test_the_timeline_is_added_on_demand(web_edge: Edge) -> None:
    await web_edge.recorded()
    await web_edge.work()
    await web_edge.answered("cancel")
    _, told = await web_edge.call("GET", f"{PATH}/explain")
    assert "timeline" not in told
    _, told = await web_edge.call("GET", f"{PATH}/explain?timeline=1")
    kinds = [entry["kind"] for entry in told["timeline"]]
    assert kinds[0] == "snapshot"
    assert {"message", "charge", "answer"} <= set(kinds)
    assert told["timeline"][0]["at"] == "2026-11-23T13:00:00+05:00"


@pytest.mark.parametrize("query", ["lang=fr", "timeline=yes", "lang="])
async def test_a_bad_question_is_invalid(web_edge: Edge, query: str) -> None:
    await web_edge.recorded()
    status, problem = await web_edge.call("GET", f"{PATH}/explain?{query}")
    assert (status, problem["errors"][0]["field"]) == (422, query.split("=")[0])


async def test_nobody_explains_what_nobody_knows(web_edge: Edge) -> None:
    assert (await web_edge.call("GET", f"{PATH}/explain"))[0] == 404
