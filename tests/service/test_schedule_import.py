"""Many appointments at once: good rows are stored, each bad one is told by its line."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.service.schedule_import import Row, Stored, import_rows
from tests.service.support import Node, node, on_virtual_time


def row(line: int, **more: Any) -> Row:
    body: dict[str, Any] = {
        "id": f"A-{line}",
        "branch": "lenina",
        "start": "2026-11-24T14:30:00+05:00",
        "created": "2026-11-20T12:00:00+05:00",
        "patient": {"id": "P-1", "phones": ["+79161234567"], "consent": True},
    }
    return Row(line, {**body, **more})


async def imported(here: Node, *rows: Row) -> list[Stored]:
    return [result async for result in import_rows(here.service.engine, "zdorovie", rows)]


@on_virtual_time
async def test_rows_are_stored_and_the_same_again_is_unchanged() -> None:
    async with node() as here:
        rows = (row(1), row(2))
        assert [r.status for r in await imported(here, *rows)] == ["stored", "stored"]
        again = (row(1), row(2, club=True))
        assert [r.status for r in await imported(here, *again)] == ["unchanged", "stored"]


@pytest.mark.parametrize(
    ("bad", "appointment_id", "field"),
    [
        (Row(2, None, "is not JSON"), None, ""),
        (Row(2, [1, 2]), None, ""),
        (Row(2, "A-2"), None, ""),
        (Row(2, {"id": 7}), None, "id"),
        (row(2, start="tomorrow"), "A-2", "start"),
        (row(2, unknown=1), "A-2", "unknown"),
        (row(2, branch="mira"), "A-2", "branch"),
        (row(2, id="A-1"), "A-1", "id"),
        (row(2, patient={"id": "P-1"}), "A-2", "patient.consent"),
    ],
)
@on_virtual_time
async def test_a_bad_row_is_told_and_never_stops_the_good_ones(
    bad: Row, appointment_id: str | None, field: str
) -> None:
    async with node() as here:
        results = await imported(here, row(1), bad, row(3))
        assert [r.status for r in results] == ["stored", "error", "stored"]
        assert (results[1].line, results[1].id) == (2, appointment_id)
        assert field in [problem.field for problem in results[1].problems]
        assert (await here.store.figures()).cases == 2


@on_virtual_time
async def test_every_problem_of_a_row_is_named() -> None:
    async with node() as here:
        (result,) = await imported(here, row(1, start="x", club="maybe"))
        assert {problem.field for problem in result.problems} == {"start", "club"}


@pytest.mark.rule("Z-1", "G-9")
@on_virtual_time
async def test_a_first_import_adopts_the_schedule() -> None:
    async with node() as here:
        await imported(here, row(1), row(2, start="2026-11-20T14:30:00+05:00"))
        assert (await here.case("A-1")).adopted
        here.start()
        await here.clock.sleep(60)
        assert [message.content.template for message in here.whatsapp.sent] == ["confirmation"]
