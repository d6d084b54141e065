"""`callahead attention`, over a store of its own."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters import registry
from gateway.core.case import Attention, Case
from gateway.ports.store import Commit, Kind, Outcome, Ref, Write
from tests.cli.conftest import Command
from tests.service.support import NUMBER, appointment

pytestmark = [pytest.mark.redis, pytest.mark.timeout(120)]

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


async def wait_in(data: Path) -> None:
    """Put a visit into the store that waits for the staff."""
    item = Attention("1", "unclear_answer", NOW, {"why": "unclear_answer", "raw": "может быть"})
    case = Case(
        "zdorovie", "A-1", "lenina", appointment(), NOW, NUMBER, attention=(item,), attention_made=1
    )
    server = await registry.open_server(data)
    try:
        store = await registry.open_store(server.url, partitions=64, retention=timedelta(days=400))
        marks = ((Ref(Kind.CASE, "zdorovie", "A-1"), NOW),)
        commit = Commit("zdorovie", (Write(case, 0, None),), attention=marks)
        assert await store.commit(commit) is Outcome.DONE
        await store.close()
    finally:
        await server.close()


@pytest.mark.rule("C-13")
def test_the_queue_is_listed_and_ticked_off(
    command: Command, clinic_file: Path, tmp_path: Path
) -> None:
    assert command("clinic", "import", clinic_file).code == 0
    empty = command("attention", "zdorovie")
    assert (empty.code, empty.out) == (0, "")
    assert "Nothing waits" in empty.err
    asyncio.run(wait_in(tmp_path / "data"))
    [line] = command("attention", "zdorovie", "--json").out.splitlines()
    item = json.loads(line)
    assert (item["appointment"], item["raw"], item["number"]) == ("A-1", "может быть", NUMBER)
    words = command("attention", "zdorovie", "--lang", "en").out
    assert "The patient's answer was not understood twice." in words
    assert f"{NUMBER}: 'может быть'" in words
    done = command("attention", "zdorovie", "--done", item["id"])
    assert (done.code, done.out) == (0, "")
    assert command("attention", "zdorovie", "--json").out == ""
    again = command("attention", "zdorovie", "--done", item["id"])
    assert (again.code, again.out) == (2, "")
    assert item["id"] in again.err


def test_a_clinic_that_is_not_there_is_told(command: Command) -> None:
    done = command("attention", "nowhere")
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err
