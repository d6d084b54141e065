"""The small world around the demo: all sides in one place, and the same after a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from adapters.sandbox import CALLER_NUMBER, Sandbox, fresh_keys, keys_document, last_moment
from adapters.telephony.sandbox_rest import Order
from gateway.clock import SystemClock
from gateway.core.model import Status
from gateway.errors import NotFound
from gateway.scripts import load_texts
from tests.adapters.schedule.test_sandbox import VISIT

NUMBER = "+15550100123"
KEYS = fresh_keys("chk_demo")


def town(folder: Path) -> Sandbox:
    return Sandbox(
        SystemClock(), load_texts(), folder, url="http://127.0.0.1:1", clinic="demo", keys=KEYS
    )


async def test_what_is_seen_is_the_same_after_a_restart(tmp_path: Path) -> None:
    first = town(tmp_path)
    assert last_moment(tmp_path) is None
    first.put(VISIT)
    first.put({**VISIT, "id": "A-2"})
    first.move("A-1", "2026-11-25T10:00:00+05:00")
    first.mark("A-1", "confirmed")
    first.remove("A-2")
    await first.say(NUMBER, "Здравствуйте", None)
    before: Any = (first.visits(), first.chats(), first.known)
    await first.close()
    written = last_moment(tmp_path)
    assert written is not None
    assert written.isoformat() == first.chats()[0]["messages"][0]["at"]  # type: ignore[index]
    second = town(tmp_path)
    assert (second.visits(), second.chats(), second.known) == before
    assert second.known == {"A-1", "A-2"}
    assert second.visits()[0]["status"] == Status.CONFIRMED.value
    assert second.chats()[0]["messages"][0]["mine"]
    await second.close()


async def test_everything_that_happens_is_a_change(tmp_path: Path) -> None:
    world = town(tmp_path)
    seen = world.changes.count
    world.put(VISIT)
    seen = await world.changed(seen)
    await world.say(NUMBER, "1", None)
    assert await world.changed(seen) > seen
    await world.read(NUMBER)
    await world.close()


async def test_a_call_is_seen_and_remembered(tmp_path: Path) -> None:
    first = town(tmp_path)
    account = first.telephones.accounts[KEYS.twilio_account_sid]
    order = Order(NUMBER, CALLER_NUMBER, "http://127.0.0.1:1/voice")
    made = first.telephones.create(account, order)
    first.let_answer(NUMBER, "1")
    habit = first.telephones.phone(NUMBER).habit
    assert habit is not None
    assert habit.keys == "1"
    [call] = first.calls()
    assert (call["id"], call["number"], call["caller"]) == (made.sid, NUMBER, CALLER_NUMBER)
    for impossible in (first.answer, first.decline, first.ignore, first.hang_up, first.audio):
        with pytest.raises(NotFound):
            impossible(NUMBER)
    with pytest.raises(NotFound):
        first.press(made.sid, "1")
    await first.close()
    assert last_moment(tmp_path) == made.created_at
    second = town(tmp_path)
    assert second.calls() == first.calls()
    await second.close()


async def test_all_sides_are_mounted(tmp_path: Path) -> None:
    app, world = web.Application(), town(tmp_path)
    world.add_to(app)
    mounted = {resource.canonical for resource in app.router.resources()}
    names = ("whatsapp", "max", "telegram", "exolve", "app", "twilio", "schedule")
    assert mounted == {f"/sandbox/{name}" for name in names}
    await world.close()


def test_keys_are_new_each_time_and_not_shown() -> None:
    other = fresh_keys("chk_demo")
    assert keys_document(KEYS).keys() == keys_document(other).keys()
    assert KEYS.schedule_secret != other.schedule_secret
    assert KEYS.twilio_auth_token != other.twilio_auth_token
    for secret in keys_document(KEYS).values():
        assert secret not in repr(KEYS)
