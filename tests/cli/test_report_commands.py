"""Reports and their check by command, against a store that the command starts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway import compose
from gateway.core.case import Case, Entry, EntryKind
from gateway.core.clinic import Branch
from gateway.core.model import Appointment, Function, Person
from gateway.ports.store import Commit, Store, Write
from gateway.service.records import charges_of, work_of
from gateway.settings import load
from tests.cli.conftest import Command

pytestmark = pytest.mark.redis

AT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
DAY = date(2026, 11, 20)
BRANCH = Branch("zdorovie", "lenina", "b", "Asia/Yekaterinburg", "b")
SNAPSHOT = Appointment("A-1", "lenina", AT + timedelta(days=1), AT, Person("p"))
PERIOD = ("--from", "2026-11-20", "--to", "2026-11-20")


def entry(kind: EntryKind, **data: Any) -> Entry:
    return Entry(AT, kind, Function.CONFIRMATION, 1, data)


JOURNAL = (
    entry(EntryKind.MESSAGE, attempt="1", channel="sms", purpose="confirmation", to="",
          state="accepted", started_at=AT.isoformat()),
    entry(EntryKind.CHARGE, attempt="1", channel="sms", amount="5.50"),
)  # fmt: skip


async def in_store(data: Path, do: Callable[[Store], Awaitable[None]]) -> None:
    async with compose.open_gateway(load(None), data) as gateway:
        await do(gateway.service.store)


def a_charge(*, corrupt: bool) -> Callable[[Store], Awaitable[None]]:
    async def commit(store: Store) -> None:
        case = Case("zdorovie", "A-1", "lenina", SNAPSHOT, AT, number=None, journal=JOURNAL)
        charges = charges_of(case, JOURNAL, BRANCH)
        if corrupt:
            charges = tuple(replace(charge, amount=Decimal("5.51")) for charge in charges)
        work = work_of(JOURNAL, BRANCH)
        await store.commit(Commit("zdorovie", (Write(case, 0, None),), charges=charges, work=work))

    return commit


@pytest.fixture
def after(command: Command, clinic_file: Path) -> Callable[[bool], None]:
    """Import the clinic and let one SMS be charged, rightly or not."""

    def run(corrupt: bool) -> None:
        assert command("clinic", "import", clinic_file).code == 0
        asyncio.run(in_store(Path("data"), a_charge(corrupt=corrupt)))

    return run


@pytest.mark.rule("Q-3")
def test_charges_as_json_csv_and_table(command: Command, after: Callable[[bool], None]) -> None:
    after(False)
    done = command("report", "charges", "zdorovie", *PERIOD)
    assert done.code == 0
    assert [row["amount"] for row in done.data["rows"]] == ["5.50"]
    assert done.data["rows"][0]["at"] == "2026-11-20T13:00:00+05:00"
    lines = command("report", "charges", "zdorovie", *PERIOD, "--format", "csv").out.splitlines()
    assert lines[1].startswith("2026-11-20T13:00:00+05:00,lenina,A-1,confirmation,sms,5.50,1,")
    shown = command("report", "charges", "zdorovie", *PERIOD, "--format", "table").out
    assert "Начисления" in shown
    assert "2026-11-20 13:00:00 +0500" in shown
    narrowed = command("report", "charges", "zdorovie", *PERIOD, "--channel", "push")
    assert narrowed.data["rows"] == []


@pytest.mark.rule("Q-6")
def test_a_check_of_right_books_exits_0(command: Command, after: Callable[[bool], None]) -> None:
    after(False)
    done = command("report", "check", "zdorovie", *PERIOD)
    assert (done.code, done.out) == (0, "")
    assert "1 charges, 5.50 in all: 0 differences" in done.err


@pytest.mark.rule("Q-6")
def test_a_wrong_entry_is_named_and_exits_1(
    command: Command, after: Callable[[bool], None]
) -> None:
    after(True)
    done = command("report", "check", "zdorovie", *PERIOD)
    assert done.code == 1
    assert done.out.splitlines() == [
        "lenina 2026-11-20, visit A-1: charge of attempt 1 (confirmation, sms, 5.50): "
        "timelines 1 times, books 0 times",
        "lenina 2026-11-20, visit A-1: charge of attempt 1 (confirmation, sms, 5.51): "
        "timelines 0 times, books 1 times",
    ]
    told = json.loads(command("report", "check", "zdorovie", *PERIOD, "--json").out)
    assert {item["appointment"] for item in told["differences"]} == {"A-1"}
    assert (told["cases"], told["amount"]) == (1, "5.50")


def test_wrong_input_names_what_is_wrong(command: Command, clinic_file: Path) -> None:
    assert command("report").code == 2
    assert command("report", "charges").code == 2
    assert "YYYY-MM-DD" in command("report", "work", "zdorovie", "--from", "20.11.2026").err
    assert command("report", "work", "nobody").code == 2
    command("clinic", "import", clinic_file)
    done = command("report", "work", "zdorovie", "--from", "2026-11-20", "--to", "2026-11-01")
    assert (done.code, done.err) == (2, "callahead: to: must not be before `from`\n")
    assert command("report", "work", "zdorovie", "--branch", "nowhere").code == 2
