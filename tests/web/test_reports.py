"""Reports over HTTP: what they hold, in which format, and what is refused."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from openpyxl import load_workbook

from tests.web.support import Edge

BASE = "/v1/clinics/zdorovie/reports/"


@pytest.fixture
async def worked(web_edge: Edge) -> Edge:
    """One visit was asked over WhatsApp; its details were not sent."""
    no_details = {"functions": {"details": {"enabled": False}}}
    await web_edge.service.clinics.merge("zdorovie", "lenina", no_details)
    await web_edge.recorded()
    await web_edge.work()
    assert len(web_edge.channel.sent) == 1
    return web_edge


async def get(edge: Edge, path: str) -> dict[str, Any]:
    status, found = await edge.call("GET", BASE + path)
    assert status == 200, found
    return dict(found)


async def file(edge: Edge, path: str) -> tuple[bytes, Any]:
    headers = {"Authorization": f"Bearer {edge.key}"}
    async with edge.client.get(BASE + path, headers=headers) as got:
        assert got.status == 200
        return await got.read(), got.headers


@pytest.mark.rule("Q-3")
async def test_charges_as_json(worked: Edge) -> None:
    found = await get(worked, "charges")
    assert (found["from"], found["to"]) == ("2026-11-01", "2026-11-23")
    (row,) = found["rows"]
    assert row == {
        "at": "2026-11-23T13:00:00+05:00",
        "branch": "lenina",
        "appointment": "A-1",
        "function": "confirmation",
        "channel": "whatsapp",
        "amount": "2",
        "attempt": row["attempt"],
        "write_off_day": "2026-11-23",
        "written_off": False,
    }
    assert found["total"] == [{"charges": 1, "amount": "2"}]


@pytest.mark.rule("Q-1", "Q-2", "Q-4", "Q-5")
async def test_every_report_has_an_address(worked: Edge) -> None:
    period = "?from=2026-11-24&to=2026-11-24"
    (visit,) = (await get(worked, f"appointments{period}"))["rows"]
    assert (visit["appointment"], visit["result"]) == ("A-1", "accepted")
    (outcome,) = (await get(worked, f"outcomes{period}"))["rows"]
    assert (outcome["channel"], outcome["hour"], outcome["unanswered"]) == ("whatsapp", 13, 1)
    assert outcome["unanswered_share"] == "1.0000"
    (work,) = (await get(worked, "work"))["rows"]
    assert (work["day"], work["result"], work["count"]) == ("2026-11-23", "accepted", 1)
    assert (await get(worked, f"suppressed{period}"))["rows"] == []


async def test_csv_and_workbook_are_files(worked: Edge) -> None:
    body, headers = await file(worked, "charges?format=csv&from=2026-11-23")
    assert headers["Content-Type"] == "text/csv; charset=utf-8"
    name = 'attachment; filename="charges-2026-11-23-2026-11-23.csv"'
    assert headers["Content-Disposition"] == name
    assert headers["Cache-Control"] == "no-store"
    lines = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    assert [line["amount"] for line in lines] == ["2"]
    body, headers = await file(worked, "charges?format=xlsx&lang=en")
    assert headers["Content-Type"].endswith("spreadsheetml.sheet")
    assert load_workbook(io.BytesIO(body)).sheetnames[0] == "Charges"


@pytest.mark.rule("G-10")
async def test_a_workbook_speaks_the_clinics_language_unless_told_otherwise(worked: Edge) -> None:
    body, _ = await file(worked, "work?format=xlsx")
    assert load_workbook(io.BytesIO(body)).sheetnames == ["Объём работы", "За весь период"]


async def test_a_report_says_nothing_about_the_patient(worked: Edge) -> None:
    for path in ("charges", "appointments?from=2026-11-24&to=2026-11-24"):
        body, _ = await file(worked, path)
        assert "9161234567" not in body.decode()
        assert "Сидорова" not in body.decode()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=yesterday", "from"),
        ("to=20261123", "to"),
        ("from=2026-11-23&to=2026-11-01", "to"),
        ("from=2020-01-01", "to"),
        ("format=pdf", "format"),
        ("lang=de", "lang"),
        ("channel=fax", "channel"),
        ("function=fax", "function"),
    ],
)
async def test_what_cannot_be_asked_names_its_field(web_edge: Edge, query: str, field: str) -> None:
    status, found = await web_edge.call("GET", f"{BASE}charges?{query}")
    assert status == 422
    assert [error["field"] for error in found["errors"]] == [field]


async def test_there_is_no_other_report_branch_or_key(web_edge: Edge) -> None:
    assert (await web_edge.call("GET", BASE + "charges?branch=nowhere"))[0] == 404
    assert (await web_edge.call("GET", BASE + "money"))[0] == 404
    assert (await web_edge.call("GET", BASE + "charges", key=None))[0] == 401
