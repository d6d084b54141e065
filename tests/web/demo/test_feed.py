"""Whoever looks on is told every change once, however often the connection breaks."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from gateway.errors import StoreUnavailable
from gateway.web.demo import feed as module
from gateway.web.demo.feed import Feed


class Sight:
    def __init__(self, **items: Any) -> None:
        self.items: dict[str, Any] = items

    async def __call__(self) -> dict[str, Any]:
        return dict(self.items)


async def test_a_newcomer_gets_everything() -> None:
    feed = Feed(Sight(a={"n": 1}, b={"n": 2}))
    await feed.look()
    update = feed.since(None)
    assert update.whole
    assert update.items == {"a": {"n": 1}, "b": {"n": 2}}


async def test_whoever_comes_back_gets_only_what_changed() -> None:
    sight = Sight(a={"n": 1}, b={"n": 2})
    feed = Feed(sight)
    await feed.look()
    last = feed.since(None).id
    sight.items = {"a": {"n": 3}, "c": {"n": 4}}
    await feed.look()
    update = feed.since(last)
    assert not update.whole
    assert update.items == {"a": {"n": 3}, "b": None, "c": {"n": 4}}
    assert feed.since(update.id).items == {}


async def test_what_is_gone_is_not_told_to_a_newcomer() -> None:
    sight = Sight(a={"n": 1})
    feed = Feed(sight)
    await feed.look()
    sight.items = {}
    await feed.look()
    assert feed.since(None).items == {}


@pytest.mark.parametrize("last", ["", "d_other-3", "nonsense", "d_other-x"])
async def test_an_id_of_an_earlier_life_brings_everything(last: str) -> None:
    feed = Feed(Sight(a={"n": 1}))
    await feed.look()
    assert feed.since(last).whole


async def test_waiting_ends_with_a_change_or_in_time() -> None:
    sight = Sight(a={"n": 1})
    feed = Feed(sight)
    await feed.look()
    last = feed.since(None).id
    assert await feed.after(last, 0.01) is None
    waiting = asyncio.ensure_future(feed.after(last, 5))
    await asyncio.sleep(0)
    sight.items = {"a": {"n": 2}}
    await feed.look()
    update = await waiting
    assert update is not None
    assert update.items == {"a": {"n": 2}}


async def test_a_store_that_does_not_answer_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.005)
    answers = iter([StoreUnavailable(), StoreUnavailable(), {"a": {"n": 1}}])

    async def look() -> dict[str, Any]:
        answer = next(answers, {"a": {"n": 1}})
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    feed = Feed(look)
    running = asyncio.ensure_future(feed.run())
    update = await feed.after(feed.since(None).id, 5)
    assert update is not None
    assert update.items == {"a": {"n": 1}}
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_a_poke_brings_a_look_and_a_close_lets_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(module, "SETTLE_S", 0.0)
    sight = Sight(a={"n": 1})
    feed = Feed(sight)
    running = asyncio.ensure_future(feed.run())
    await asyncio.sleep(0.01)
    last = feed.since(None).id
    sight.items = {"a": {"n": 2}}
    feed.poke()
    update = await feed.after(last, 5)
    assert update is not None
    sight.items = {"a": {"n": 3}}  # nobody says so: time itself changes things
    later = await feed.after(update.id, 5)
    assert later is not None
    waiting = asyncio.ensure_future(feed.after(later.id, 5))
    await asyncio.sleep(0)
    feed.nudge()
    told = await waiting
    assert told is not None
    assert told.items == {}
    feed.close()
    assert feed.closed
    assert await feed.after(later.id, 5) is not None
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
