"""The demo's addresses, over a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.web.demo.feed import Feed
from gateway.web.demo.pages import HEADER, STATIC, DemoPages
from gateway.web.demo.view import View
from tests.web.demo.support import PaperClock, PaperTown
from tests.web.support import NUMBER, Edge

CHAT = f"/demo/chats/{NUMBER.replace('+', '%2B')}"
PHONE = f"/demo/phones/{NUMBER.replace('+', '%2B')}"


@dataclass
class Page:
    client: TestClient[Any, Any]
    town: PaperTown
    clock: PaperClock
    feed: Feed

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        async with self.client.get(path, headers=headers) as got:
            return got.status, await got.json(content_type=None)

    async def post(self, path: str, body: Any, **headers: str) -> int:
        async with self.client.post(path, json=body, headers={HEADER: "1", **headers}) as got:
            return got.status


@pytest.fixture
async def page(web_edge: Edge) -> AsyncIterator[Page]:
    town, clock = PaperTown(), PaperClock()
    feed = Feed(View(web_edge.service, town, "zdorovie").items)
    app = web.Application()
    DemoPages(web_edge.service, town, clock, feed, "zdorovie").add_to(app)
    async with TestClient(TestServer(app, host="127.0.0.1")) as client:
        yield Page(client, town, clock, feed)


async def test_the_page_and_its_files_load_nothing_from_elsewhere(page: Page) -> None:
    async with page.client.get("/") as got:
        assert got.url.path == "/demo"
        assert "default-src 'self'" in got.headers["Content-Security-Policy"]
        text = await got.text()
    assert "http://" not in text
    assert "https://" not in text
    for name in STATIC:
        async with page.client.get(f"/demo/static/{name}") as got:
            assert got.status == 200
            loaded = (await got.text()).replace("http://www.w3.org/2000/svg", "")
            assert "://" not in loaded.replace("https?://", "").replace("https?:\\/\\/", "")
    assert (await page.get("/demo/static/other.js"))[0] == 404


async def test_the_state_holds_clock_clinic_and_items(page: Page) -> None:
    status, state = await page.get("/demo/state")
    assert status == 200
    assert state["clock"]["now"].startswith("2026-11-23T13:00:00")
    assert state["clinic"]["name"] == "Клиника «Здоровье» на Ленина"
    assert {"visit:A-1", f"chat:{NUMBER}", "call:CA1"} <= set(state["items"])


async def test_events_go_on_where_a_browser_left_off(page: Page) -> None:
    await page.feed.look()
    async with page.client.get("/demo/events") as stream:
        first = await _event(stream)
    assert first["whole"]
    page.town.mark("A-1", "confirmed")
    await page.feed.look()
    async with page.client.get("/demo/events", headers={"Last-Event-ID": first["id"]}) as stream:
        second = await _event(stream)
        assert not second["whole"]
        assert second["items"]["visit:A-1"]["status"] == "confirmed"
        assert await page.post("/demo/clock", {"factor": 60}) == 200
        assert (await _event(stream))["clock"]["factor"] == 60
        page.feed.close()
        await asyncio.wait_for(stream.content.read(), 5)


async def _event(stream: Any) -> dict[str, Any]:
    assert (await stream.content.readline()).startswith(b"id: ")
    line = await stream.content.readline()
    await stream.content.readline()
    return dict(json.loads(line.removeprefix(b"data: ")))


async def test_patients_answer_press_and_hang_up(page: Page) -> None:
    for deed in ("ignore", "answer", "decline"):
        assert await page.post(f"{PHONE}/{deed}", {}) == 200
    assert await page.post("/demo/calls/CA1/keys", {"key": "#"}) == 200
    assert await page.post("/demo/calls/CA1/hang-up", {}) == 200
    assert page.town.done == [
        ("ignore", NUMBER),
        ("answer", NUMBER),
        ("decline", NUMBER),
        ("press", "CA1", "#"),
        ("hang_up", "CA1"),
    ]


async def test_the_page_plays_the_very_audio(page: Page) -> None:
    async with page.client.get("/demo/audio/a1.wav") as got:
        assert (got.status, got.content_type, await got.read()) == (200, "audio/wav", b"RIFF")
    part = {"Range": "bytes=1-2"}
    async with page.client.get("/demo/audio/a1.wav", headers=part) as got:
        assert (got.status, got.headers["Content-Range"]) == (206, "bytes 1-2/4")
        assert await got.read() == b"IF"
    async with page.client.get("/demo/audio/a1.wav", headers={"Range": "words"}) as got:
        assert (got.status, await got.read()) == (200, b"RIFF")
    assert (await page.get("/demo/audio/a2.wav"))[0] == 404
    async with page.client.get("/demo/audio/a1.wav", headers={"Host": "evil.example"}) as got:
        assert got.status == 403


async def test_patients_write_tap_and_read(page: Page) -> None:
    assert await page.post(f"{CHAT}/messages", {"text": "1", "quote": "wamid.1"}) == 200
    assert await page.post(f"{CHAT}/taps", {"message": "wamid.1", "button": 2}) == 200
    assert await page.post(f"{CHAT}/read", {}) == 200
    assert await page.post(f"{CHAT}/messages", {"text": "стоп", "app": "sms"}) == 200
    assert await page.post(f"{CHAT}/read", {"app": "push"}) == 200
    for deed in ("start", "share", "stop"):
        assert await page.post(f"{CHAT}/bots/max/{deed}", {}) == 200
    assert page.town.done == [
        ("say", NUMBER, "1", "wamid.1", None),
        ("tap", NUMBER, "wamid.1", 2),
        ("read", NUMBER, None),
        ("say", NUMBER, "стоп", None, "sms"),
        ("read", NUMBER, "push"),
        ("start", NUMBER, "max"),
        ("share", NUMBER, "max"),
        ("stop", NUMBER, "max"),
    ]


@pytest.mark.rule("G-1")
async def test_one_switch_changes_the_order_of_every_branch(page: Page, web_edge: Edge) -> None:
    """As the clinic's own API would: the rest of the settings stays."""
    before = await web_edge.service.clinics.clinic("zdorovie")
    assert await page.post("/demo/channels", {"channels": ["max", "sms"]}) == 200
    _, settings = await web_edge.call("GET", "/v1/clinics/zdorovie")
    assert [branch["channels"] for branch in settings["branches"]] == [["max", "sms"]] * len(
        before.branches
    )
    changed = (await web_edge.service.clinics.clinic("zdorovie")).branches[0]
    assert replace(changed, channels=before.branches[0].channels) == before.branches[0]
    _, state = await page.get("/demo/state")
    assert set(map(tuple, state["items"]["clinic:zdorovie"]["orders"].values())) == {("max", "sms")}
    for wrong in ([], ["call"], ["max", "max"], ["fax"]):
        assert await page.post("/demo/channels", {"channels": wrong}) == 422


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/demo/phones/%2B70000000000/answer", {}, 404),
        (f"{PHONE}/explode", {}, 404),
        ("/demo/calls/CA1/keys", {"key": "12"}, 422),
        ("/demo/calls/CA1/keys", {"key": "A"}, 422),
        ("/demo/calls/CA1/keys", {}, 422),
        (f"{CHAT}/messages", {"text": ""}, 422),
        (f"{CHAT}/messages", {"text": "1", "other": 1}, 422),
        (f"{CHAT}/taps", {"message": "wamid.9", "button": 0}, 404),
        (f"{CHAT}/messages", {"text": "1", "app": "max"}, 404),
        (f"{CHAT}/messages", {"text": "1", "app": "fax"}, 422),
        (f"{CHAT}/bots/sms/start", {}, 404),
        (f"{CHAT}/bots/max/explode", {}, 404),
        ("/demo/chats/%2B70000000000/messages", {"text": "1"}, 404),
        ("/demo/schedule/A-9", {"action": "confirm"}, 404),
        ("/demo/schedule/A-1", {"action": "explode"}, 422),
        ("/demo/schedule/A-1", {"action": "move"}, 422),
        ("/demo/schedule/A-1", {"action": "move", "start": "2026-13-41T10:00"}, 422),
        ("/demo/schedule", {"first_name": "", "phone": "", "start": "2026-11-25T10:00"}, 422),
        ("/demo/clock", {"factor": 100000}, 422),
        ("/demo/clock", {"factor": -1}, 422),
    ],
)
async def test_what_makes_no_sense_is_refused(
    page: Page, path: str, body: Any, status: int
) -> None:
    assert await page.post(path, body) == status
    assert page.town.done == []


async def test_staff_acts(page: Page) -> None:
    assert await page.post("/demo/schedule/A-1", {"action": "confirm"}) == 200
    assert page.town.appointments["A-1"]["status"] == "confirmed"
    moved = {"action": "move", "start": "2026-11-25T10:00"}
    assert await page.post("/demo/schedule/A-1", moved) == 200
    assert page.town.done == [("move", "A-1", "2026-11-25T10:00:00+05:00")]
    assert await page.post("/demo/schedule/A-1", {"action": "remove"}) == 200
    assert page.town.appointments == {}


async def test_a_new_visit_gets_the_next_number(page: Page) -> None:
    visit = {"first_name": "Зоя", "phone": "+7 900 000-00-51", "start": "2026-11-25T10:00"}
    assert await page.post("/demo/schedule", visit) == 200
    assert await page.post("/demo/schedule", {**visit, "phone": " "}) == 200
    made = page.town.appointments["V-501"]
    assert made["start"] == "2026-11-25T10:00:00+05:00"
    assert made["patient"]["phones"] == ["+7 900 000-00-51"]
    assert page.town.appointments["V-502"]["patient"]["phones"] == []


@pytest.mark.rule("G-4")
async def test_explain_is_the_apis(page: Page, web_edge: Edge) -> None:
    await web_edge.recorded()
    _, shown = await page.get("/demo/explain/zdorovie/A-1?timeline=1")
    _, told = await web_edge.call("GET", "/v1/clinics/zdorovie/appointments/A-1/explain?timeline=1")
    assert shown == told
    assert (await page.get("/demo/explain/zdorovie/A-9"))[0] == 404


async def test_other_sites_and_machines_are_refused(page: Page) -> None:
    async with page.client.post(f"{CHAT}/messages", json={"text": "1"}) as got:
        assert got.status == 403  # no header: a form elsewhere could send this
    assert await page.post(f"{CHAT}/messages", {"text": "1"}, Host="evil.example") == 403
    assert (await page.get("/demo/state", Host="evil.example"))[0] == 403
    assert (await page.get("/demo/state", Host="localhost:80"))[0] == 200
    assert page.town.done == []
