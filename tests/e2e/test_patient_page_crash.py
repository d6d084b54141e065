"""A gateway that is killed while a patient's visit is being moved: nothing is booked twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
import yaml

from gateway.core.case import EntryKind, MoveState
from gateway.ports.store import Kind, Ref
from tests.cli.support import (
    Clinic,
    Gateway,
    Town,
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
    link: str = ""

    async def opens(self, query: str = "") -> str:
        async with self.clinic.session.get(self.link + query) as got:
            return await got.text()

    async def chooses(self, time: str) -> str:
        async with self.clinic.session.post(self.link, data={"start": time}) as got:
            return await got.text()

    async def times(self) -> list[str]:
        return re.findall(r'name="start" value="([^"]+)"', await self.opens("?step=times"))


@contextlib.asynccontextmanager
async def asked(folder: Path) -> AsyncIterator[Place]:
    """Run a gateway whose clinic offers times, with a patient who has got a link."""
    port = free_port()
    async with town(port) as outside, aiohttp.ClientSession() as session:
        gateway = gateway_in(folder, outside, port)
        document = yaml.safe_load(gateway.config.read_text(encoding="utf-8"))
        webhook = document["schedules"]["zdorovie"]["webhook"]
        webhook["free_times"] = webhook["url"].replace("/changes", "/free-times")
        gateway.config.write_text(yaml.safe_dump(document), encoding="utf-8")
        now = datetime.now(UTC)
        zone, hours = noon_zone(now)
        file = folder / "clinic.json"
        file.write_text(json.dumps(clinic_document(zone)), encoding="utf-8")
        try:
            await gateway.start()
            await gateway.cli("clinic", "import", str(file))
            key = (await gateway.cli("key", "create", "zdorovie")).strip()
            here = Place(gateway, outside, Clinic(session, gateway.url, key))
            body = visit(1, now, hours)
            outside.schedule.put(body)
            await here.clinic.call("PUT", "appointments/V-1", body)
            messages = outside.phones.messages
            await eventually(lambda: len(messages(number_of(1))) == 1, 10, "no question came")
            text = messages(number_of(1))[0].text
            here.link = re.findall(r"http://\S+/v/[0-9a-z]{16}", text)[0]
            yield here
        finally:
            gateway.end()


@pytest.mark.rule("P-3", "G-6")
@pytest.mark.parametrize("reached", [True, False], ids=["booked", "not booked"])
async def test_a_move_in_the_middle_of_a_crash_is_made_once(tmp_path: Path, reached: bool) -> None:
    """Whether the schedule had booked or not: the page does not know, says so, and waits."""
    async with asked(tmp_path) as here:
        schedule = here.town.schedule
        times, before = await here.times(), schedule.appointment("V-1")["start"]
        schedule.faults.down = not reached
        schedule.faults.slow_s = 5.0  # booked at once, answered late
        if reached:
            pressed = asyncio.ensure_future(here.chooses(times[0]))
            await eventually(
                lambda: schedule.appointment("V-1")["start"] != before, 10, "it was not booked"
            )
            here.gateway.kill()
            with contextlib.suppress(aiohttp.ClientError):
                await pressed
        else:
            assert "запись осталась прежней" in await here.chooses(times[0])
            here.gateway.kill()
        schedule.faults.slow_s, schedule.faults.down = 0.0, False
        start = schedule.appointment("V-1")["start"]
        await here.gateway.start()
        page = await here.opens()
        assert ("Переносим приём:" in page) is reached
        await here.chooses(times[1])
        assert (schedule.appointment("V-1")["start"] == start) is reached, "one move, not two"
        await here.clinic.call("PUT", "appointments/V-1", dict(schedule.appointment("V-1")))
        assert "Вы перенесли приём." in await here.opens()
        await here.gateway.stop()
        async with here.gateway.store() as store:
            case, _ = await store.load_case("zdorovie", "V-1")
            assert case is not None
            assert (case.booking, case.pushes) == (2, ())
            assert case.move is not None
            assert case.move.state is MoveState.BOOKED
            entries = await store.timeline(Ref(Kind.CASE, "zdorovie", "V-1"))
            states = [e.data["state"] for e in entries if e.kind is EntryKind.MOVE]
            assert states.count("booked") == 1
