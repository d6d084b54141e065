"""A visit's way through a real gateway: its own process, its own store, providers on sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from gateway.core.case import AttemptState
from tests.cli.support import (
    Clinic,
    Gateway,
    Town,
    callahead,
    clinic_document,
    eventually,
    free_port,
    gateway_in,
    noon_zone,
    number_of,
    town,
    visit,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@dataclass
class Place:
    gateway: Gateway
    town: Town
    clinic: Clinic


@contextlib.asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    """Run a gateway with a clinic, its key, and the world around it."""
    port = free_port()
    async with town(port) as outside, aiohttp.ClientSession() as session:
        gateway = gateway_in(folder, outside, port)
        file = folder / "clinic.json"
        zone, _ = noon_zone(datetime.now(UTC))
        file.write_text(json.dumps(clinic_document(zone)), encoding="utf-8")
        try:
            await gateway.start()
            await gateway.cli("clinic", "import", str(file))
            key = (await gateway.cli("key", "create", "zdorovie")).strip()
            yield Place(gateway, outside, Clinic(session, gateway.url, key))
        finally:
            gateway.end()


async def asked(here: Place, index: int = 1) -> None:
    """Record a visit, in the schedule and by the API, and wait for the question."""
    now = datetime.now(UTC)
    body = visit(index, now, noon_zone(now)[1])
    here.town.schedule.put(body)
    status, _ = await here.clinic.call("PUT", f"appointments/V-{index}", body)
    assert status == 201
    phones = here.town.phones
    await eventually(lambda: len(phones.messages(number_of(index))) == 1, 10, "no question came")


@pytest.mark.rule("C-8", "C-9", "C-12", "S-1")
async def test_a_visit_is_asked_about_answered_and_told_to_the_schedule(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await asked(here)
        (question,) = here.town.phones.messages(number_of(1))
        assert "Здоровье" in question.text
        assert "Сидорова" not in question.text
        await here.town.phones.reply(number_of(1), "1")
        schedule = here.town.schedule
        await eventually(lambda: bool(schedule.taken), 10, "the schedule was not told")
        assert [t.change["to"] for t in schedule.taken] == ["confirmed"]
        assert schedule.appointment("V-1")["status"] == "confirmed"
        phones = here.town.phones
        await eventually(lambda: len(phones.messages(number_of(1))) == 3, 10, "no thanks came")
        explained = json.loads(await here.gateway.cli("explain", "zdorovie", "V-1", "--json"))
        assert explained["functions"]["confirmation"]["state"] == "answered"
        assert explained["functions"]["reminder"]["state"] == "waiting"
        page = question.text[question.text.index(f"{here.gateway.url}/v/") :].split()[0]
        async with here.clinic.session.get(page) as got:
            assert got.status == 200
            assert "Сидорова" not in await got.text()
        assert await here.gateway.stop() == 0
        log = here.gateway.log
        for secret in (number_of(1), "Сидорова", "Мария", here.clinic.key, "EAAtoken"):
            assert secret not in log


@pytest.mark.rule("G-6")
async def test_a_stop_waits_for_a_slow_provider(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.town.phones.faults.slow_s = 2.0
        await asked(here)
        assert await here.gateway.stop() == 0
        async with here.gateway.store() as store:
            case, _ = await store.load_case("zdorovie", "V-1")
            assert case is not None
            assert [a.state for a in case.attempts] == [AttemptState.ACCEPTED]


@pytest.mark.rule("G-6")
async def test_a_stop_in_the_middle_of_a_crowd_leaves_nothing_open(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.town.phones.faults.slow_s = 0.5
        now = datetime.now(UTC)
        bodies = [visit(index, now, noon_zone(now)[1]) for index in range(40)]
        put = (here.clinic.call("PUT", f"appointments/{body['id']}", body) for body in bodies)
        assert {status for status, _ in await asyncio.gather(*put)} == {201}
        assert await here.gateway.stop() == 0
        sent = {m.number for phone in here.town.phones.phones for m in phone.messages}
        async with here.gateway.store() as store:
            for index in range(40):
                case, _ = await store.load_case("zdorovie", f"V-{index}")
                assert case is not None
                reached = [a for a in case.attempts if a.state is AttemptState.ACCEPTED]
                assert bool(reached) == (number_of(index) in sent)
                assert all(a.state is not AttemptState.STARTED for a in case.attempts)


@pytest.mark.rule("H-7")
async def test_a_second_gateway_joins_the_store_of_the_first(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        second = gateway_in(tmp_path, here.town, free_port())
        try:
            await second.start("web")
            assert "another process" in second.log
            other = Clinic(here.clinic.session, second.url, here.clinic.key)
            now = datetime.now(UTC)
            status, _ = await other.call(
                "PUT", "appointments/V-7", visit(7, now, noon_zone(now)[1])
            )
            assert status == 201
            phones = here.town.phones
            await eventually(lambda: len(phones.messages(number_of(7))) == 1, 10, "nothing came")
            assert await second.stop() == 0
            assert (await here.clinic.call("GET", "appointments/V-7"))[0] == 200
        finally:
            second.end()


async def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        config, data = str(here.gateway.config), str(tmp_path / "other")
        arguments = ("run", "--config", config, "--data", data)
        other = await asyncio.to_thread(callahead, *arguments)
        assert other.returncode == 1
        words = [line for line in other.stderr.splitlines() if not line.startswith("{")]
        assert len(words) == 1
        assert str(here.gateway.port) in words[0]
