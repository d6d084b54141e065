"""The demo: its folder, its time, its script, its day, and the whole of it on one port."""

from __future__ import annotations

import asyncio
import json
import socket
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.compose import demo as module
from gateway.compose.demo import demo, folder_of, kept_in, listener, load_script, settings_of
from gateway.compose.demo_clock import STANDING_STILL, DemoClock
from gateway.compose.demo_day import Day
from gateway.compose.demo_script import beginning, read_script, visits_of
from gateway.errors import CallaheadError, InvalidInput, NotFound
from gateway.ports.schema import read_appointment, read_clinic
from gateway.settings import load

MONDAY = date(2026, 11, 23)
BEGIN = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)

# The folder


def test_a_folder_belongs_to_one_demo_and_never_to_anything_else(tmp_path: Path) -> None:
    with folder_of(tmp_path, fresh=False):
        with (
            pytest.raises(CallaheadError, match="already running"),
            folder_of(tmp_path, fresh=True),
        ):
            pass
        (tmp_path / "demo.json").write_text("{}")
    (tmp_path / "phones.jsonl").write_text("x")
    (tmp_path / "store").mkdir()
    with folder_of(tmp_path, fresh=True):
        assert [item.name for item in tmp_path.iterdir()] == ["demo.lock"]
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(CallaheadError, match="other data"), folder_of(tmp_path, fresh=True):
        pass
    assert (tmp_path / "notes.txt").exists()


def test_a_taken_port_is_named_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CallaheadError, match=f"port {port} is taken.*--port"), listener(port):
            pass


def test_secrets_and_the_first_day_are_made_once(tmp_path: Path) -> None:
    script = load_script()
    first = kept_in(tmp_path / "demo.json", script)
    assert kept_in(tmp_path / "demo.json", script) == first
    assert (tmp_path / "demo.json").stat().st_mode & 0o077 == 0
    assert first.begins.strftime("%H:%M:%S") == "09:59:15"


def test_its_settings_are_those_of_a_configuration_file(tmp_path: Path) -> None:
    """What the demo sets, anybody can set."""
    keys = kept_in(tmp_path / "demo.json", load_script()).keys
    settings = settings_of("http://127.0.0.1:8080", keys)
    file = tmp_path / "gateway.yaml"
    file.write_text(settings.model_dump_json())
    assert load(file).settings == settings


# The time


async def test_time_goes_on_after_a_crash_and_never_back(tmp_path: Path) -> None:
    clock = DemoClock(tmp_path / "clock.json", BEGIN, 600)
    assert clock.now() >= BEGIN
    clock.change(600)
    seen = clock.now()
    again = DemoClock(tmp_path / "clock.json", BEGIN)
    assert again.now() > seen
    assert again.shown_factor == 600
    assert DemoClock(tmp_path / "clock.json", BEGIN, 1).shown_factor == 1


async def test_a_clock_that_stands_still(tmp_path: Path) -> None:
    clock = DemoClock(tmp_path / "clock.json", BEGIN)
    clock.change(0)
    assert (clock.shown_factor, clock.factor) == (0, STANDING_STILL)
    seen = clock.now()
    await asyncio.sleep(0.01)
    assert clock.now() - seen < timedelta(milliseconds=1)
    assert DemoClock(tmp_path / "clock.json", BEGIN).shown_factor == 0


async def test_time_is_kept_while_it_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.compose.demo_clock.KEEP_EVERY_S", 0.005)
    clock = DemoClock(tmp_path / "clock.json", BEGIN, 10)
    first = (tmp_path / "clock.json").read_text()
    keeping = asyncio.ensure_future(clock.keep())
    await asyncio.sleep(0.05)
    keeping.cancel()
    assert json.loads((tmp_path / "clock.json").read_text())["until"] > json.loads(first)["until"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"until": 1}'])
async def test_a_damaged_file_of_the_time_begins_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "clock.json").write_text(text)
    assert DemoClock(tmp_path / "clock.json", BEGIN).now() - BEGIN < timedelta(seconds=5)


# The script


def test_every_visit_is_one_that_the_api_takes() -> None:
    visits = visits_of(load_script(), MONDAY, module.ZONE)
    read = [read_appointment(visit, consent_default=None) for visit in visits]
    assert len({visit.id for visit in read}) == len(read) >= 24
    assert {(visit.start.date() - MONDAY).days for visit in read} == {0, 1, 2, 3}
    people = [visit.patient for visit in read]
    assert any(person.guardian for person in people)
    assert any(not person.consent for person in people)
    assert any(person.language == "en" for person in people)
    assert any(person.notifications_refused for person in people)


def test_the_clinic_is_one_that_the_import_takes() -> None:
    clinic = read_clinic(
        module.clinic_document(), connected={}, link_base="http://x/v/", link_secret=b"x"
    )
    assert clinic.branches[0].timezone == module.ZONE
    assert clinic.branches[0].confirmation.method == "message"


def test_it_begins_in_the_morning_of_the_clinics_day() -> None:
    begins = beginning(load_script(), MONDAY, module.ZONE)
    assert begins.isoformat() == "2026-11-23T09:59:15+03:00"


def test_a_wrong_script_is_refused_with_its_line() -> None:
    with pytest.raises(InvalidInput, match="line 1"):
        read_script("begins: noon\ndoctors: {}\npatients: {}\nvisits: []\n", "patients.yaml")


# The day


class Life:
    """A world on paper."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.schedule: dict[str, dict[str, Any]] = {}
        self.phones: list[dict[str, Any]] = []
        self.said: list[tuple[str, str]] = []

    def visits(self) -> tuple[dict[str, Any], ...]:
        return tuple(self.schedule.values())

    def chats(self) -> tuple[dict[str, Any], ...]:
        return tuple(self.phones)

    def put(self, appointment: dict[str, Any]) -> None:
        self.known.add(appointment["id"])
        self.schedule[appointment["id"]] = appointment

    def mark(self, appointment: str, status: str) -> None:
        self.schedule[appointment] = {**self.schedule[appointment], "status": status}

    async def say(self, number: str, text: str, quote: str | None) -> None:
        if number not in {phone["number"] for phone in self.phones}:
            raise NotFound
        self.said.append((number, text))


class Clock:
    def __init__(self) -> None:
        self.time = BEGIN

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        raise AssertionError("nobody waits for an event here")


def day_of() -> tuple[Day, Life, Clock]:
    script, life, clock = load_script(), Life(), Clock()
    return Day(script, visits_of(script, MONDAY, module.ZONE), life, clock), life, clock


async def test_visits_appear_when_they_are_made_and_only_once() -> None:
    day, life, clock = day_of()
    await day.step()
    assert "V-201" in life.schedule
    assert "V-303" not in life.schedule
    clock.time = BEGIN + timedelta(minutes=3)
    await day.step()
    assert "V-303" in life.schedule
    del life.schedule["V-303"]  # the staff has removed it
    await day.step()
    assert "V-303" not in life.schedule


async def test_patients_come_and_go_or_stay_away() -> None:
    day, life, clock = day_of()
    statuses: dict[str, list[str]] = {"V-104": [], "V-103": []}
    for _ in range(5 * 60):
        await day.step()
        for visit, seen in statuses.items():
            status = str(life.schedule[visit]["status"])
            if [status] != seen[-1:]:
                seen.append(status)
        clock.time += timedelta(minutes=1)
    assert statuses["V-104"] == ["confirmed", "arrived", "completed"]
    assert statuses["V-103"] == ["confirmed", "no_show"]


async def test_a_patient_answers_after_a_while_unless_somebody_was_faster() -> None:
    day, life, clock = day_of()
    asked = {"mine": False, "at": BEGIN.isoformat(), "buttons": ["Да"], "channel": "whatsapp"}
    life.phones = [
        {"number": "+79000000021", "messages": [asked]},
        {"number": "+79000000022", "messages": []},
        {"number": "+79000000023", "messages": [asked, {**asked, "mine": True}]},
    ]
    await day.step()
    assert life.said == []
    clock.time += timedelta(hours=2)
    await day.step()
    assert life.said == [("+79000000021", "1")]


async def test_the_day_goes_on_by_itself() -> None:
    day, _, clock = day_of()
    running = asyncio.ensure_future(day.run())
    while clock.now() < BEGIN + timedelta(minutes=1):  # noqa: ASYNC110 - no time passes
        await asyncio.sleep(0)
    running.cancel()


# The whole


@pytest.mark.redis
@pytest.mark.rule("G-6")
async def test_everything_on_one_port_and_again_after_a_stop(tmp_path: Path) -> None:
    """Questions go through the sandbox's WhatsApp, and a restart shows the same."""
    shown = []
    for factor in (60.0, 1.0):
        stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
        running = asyncio.ensure_future(
            demo(tmp_path, port=0, stop=stop, factor=factor, ready=ready.set_result)
        )
        await asyncio.wait([running, ready], return_when=asyncio.FIRST_COMPLETED)
        async with aiohttp.ClientSession() as session:
            while True:
                async with session.get((await ready).replace("/demo", "/demo/state")) as got:
                    items = (await got.json())["items"]
                messages = items["chat:+79000000011"]["messages"]
                messages = [m for m in messages if m["channel"] == "whatsapp"]
                if messages and messages[0]["state"] == "delivered":
                    break
                await asyncio.sleep(0.05)
        shown.append([message["id"] for message in messages])
        stop.set()
        await running
    assert shown[0] == shown[1]
