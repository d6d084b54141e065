"""A clinic's settings: merged, checked as a whole, and never lost to a change at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.ports.store import ClinicRecord, Outcome, Rates
from tests.web.support import Edge, appointment, edge

PATH = "/v1/clinics/zdorovie"
SECOND = {"id": "mira", "name": "На Мира", "timezone": "Europe/Moscow"}


def branch(**more: Any) -> dict[str, Any]:
    return {"branches": [{"id": "lenina", **more}]}


async def test_settings_are_shown_with_every_default(web_edge: Edge) -> None:
    status, shown = await web_edge.call("GET", PATH)
    assert status == 200
    assert shown["country"] == "RU"
    assert shown["branches"][0]["functions"]["reminder"]["lead"] == "2h"
    assert shown["warnings"] == []


@pytest.mark.rule("G-1")
async def test_a_change_merges_and_leaves_the_rest(web_edge: Edge) -> None:
    change = branch(functions={"confirmation": {"start": "08:00"}}) | {"name": "Новое имя"}
    status, shown = await web_edge.call("PATCH", PATH, change)
    assert status == 200
    assert shown["name"] == "Новое имя"
    confirmation = shown["branches"][0]["functions"]["confirmation"]
    assert (confirmation["start"], confirmation["method"]) == ("08:00", "message")
    (warning,) = shown["warnings"]
    assert warning["field"] == "branches[0].functions.confirmation.start"
    assert (await web_edge.call("GET", PATH))[1] == shown


@pytest.mark.rule("G-1")
async def test_a_change_holds_for_cases_in_progress(web_edge: Edge) -> None:
    await web_edge.recorded()
    await web_edge.call("PATCH", PATH, branch(functions={"reminder": {"lead": "3h"}}))
    await web_edge.work()
    _, told = await web_edge.call("GET", f"{PATH}/appointments/A-1/explain")
    assert told["functions"]["reminder"]["next_at"] == "2026-11-24T11:30:00+05:00"


async def test_what_was_shown_may_be_sent_back(web_edge: Edge) -> None:
    _, shown = await web_edge.call("GET", PATH)
    assert await web_edge.call("PATCH", PATH, shown) == (200, shown)


async def test_a_branch_of_a_new_id_is_added(web_edge: Edge) -> None:
    status, shown = await web_edge.call("PATCH", PATH, {"branches": [SECOND]})
    assert status == 200
    assert [one["id"] for one in shown["branches"]] == ["lenina", "mira"]
    assert (await web_edge.put(appointment(branch="mira")))[0] == 201


@pytest.mark.parametrize(
    ("patch", "fields"),
    [
        ({"id": "other"}, ["id"]),
        ({"nme": "x"}, ["nme"]),
        ({"display_zone": "Mars/Olympus"}, ["display_zone"]),
        ({"country": None}, ["country"]),
        ({"branches": {}}, ["branches"]),
        ({"branches": ["lenina"]}, ["branches[0].id"]),
        ({"branches": [{"phone": "+7"}]}, ["branches[0].id"]),
        (
            {"branches": [{"id": "typo", "phone": "+7"}]},
            ["branches[0].name", "branches[0].timezone"],
        ),
        (branch(timezone="Moscow"), ["branches[0].timezone"]),
        (branch(channels=[]), ["branches[0].channels"]),
        (branch(channels=["pager"]), ["branches[0].channels[0]"]),
        (branch(functions={"reminder": {"lead": "0s"}}), ["branches[0].functions.reminder.lead"]),
        (branch(tariff={"sms": 5}), ["branches[0].tariff.sms"]),
        (branch(per_minute=True), ["branches[0].per_minute"]),
        (branch(lines=0) | {"language": "de"}, ["language", "branches[0].lines"]),
    ],
)
async def test_a_bad_change_is_refused_whole(
    web_edge: Edge, patch: dict[str, Any], fields: list[str]
) -> None:
    before = await web_edge.call("GET", PATH)
    patch = {"name": "Не должно остаться", **patch}
    status, problem = await web_edge.call("PATCH", PATH, patch)
    assert (status, [e["field"] for e in problem["errors"]]) == (422, fields)
    assert await web_edge.call("GET", PATH) == before


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"'])
async def test_a_change_is_an_object(web_edge: Edge, body: bytes) -> None:
    assert (await web_edge.call("PATCH", PATH, body))[0] == 422


class Slow(MemoryStore):
    """Lets others go first between reading and writing settings."""

    async def load_clinic(self, clinic: str) -> ClinicRecord | None:
        found = await super().load_clinic(clinic)
        await asyncio.sleep(0)
        return found

    async def save_clinic(self, record: ClinicRecord, rates: Mapping[str, Rates]) -> Outcome:
        await asyncio.sleep(0)
        return await super().save_clinic(record, rates)


async def test_changes_at_the_same_time_are_all_kept() -> None:
    async with edge(Slow()) as running:
        changes = [
            {"name": "Новое имя"},
            {"display_zone": "Asia/Omsk"},
            branch(phone="+73433000001"),
            branch(lines=9),
        ]
        done = await asyncio.gather(*(running.call("PATCH", PATH, c) for c in changes))
        assert [status for status, _ in done] == [200] * 4
        _, shown = await running.call("GET", PATH)
        first = shown["branches"][0]
        assert (shown["name"], shown["display_zone"]) == ("Новое имя", "Asia/Omsk")
        assert (first["phone"], first["lines"]) == ("+73433000001", 9)
