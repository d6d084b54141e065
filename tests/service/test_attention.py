"""The queue for the staff, over an engine and a store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.service.attention import Waiting, mark_done, waiting_for_staff
from tests.service.support import NOW, NUMBER
from tests.web.support import Edge, edge
from tests.web.test_hooks import asked, reply


async def queue(running: Edge) -> tuple[Waiting, ...]:
    return await waiting_for_staff(running.store, "zdorovie", 100)


async def unclear(running: Edge, *texts: str) -> None:
    for number, text in enumerate(texts):
        assert await running.hook(reply(text, f"wamid.{number}.{text}")) == 200
        await running.work()


@pytest.mark.rule("C-13", "Z-10")
async def test_what_waits_names_visit_number_and_last_words_until_it_is_done() -> None:
    async with edge() as running:
        await asked(running)
        assert await queue(running) == ()
        await unclear(running, "что?", "может быть")
        [item] = await queue(running)
        assert (item.why, item.appointment, item.branch) == ("unclear_answer", "A-1", "lenina")
        assert (item.number, item.data["raw"], item.at) == (NUMBER, "может быть", NOW)
        assert item.start == (await running.case()).snapshot.start
        engine, store = running.service.engine, running.store
        assert await mark_done(store, engine, "zdorovie", item.id)
        assert await queue(running) == ()
        assert not await mark_done(store, engine, "zdorovie", item.id)


@pytest.mark.rule("Z-10")
async def test_a_later_clear_answer_takes_it_off() -> None:
    async with edge() as running:
        await asked(running)
        await unclear(running, "что?", "может быть", "1")
        assert await queue(running) == ()


async def test_what_came_on_top_is_not_ticked_off_unseen() -> None:
    async with edge() as running:
        await asked(running)
        await unclear(running, "что?", "может быть")
        [seen] = await queue(running)
        await unclear(running, "перезвоните мне")
        assert not await mark_done(running.store, running.service.engine, "zdorovie", seen.id)
        [now] = await queue(running)
        assert now.data["raw"] == "перезвоните мне"


async def test_an_id_tells_neither_number_nor_name() -> None:
    async with edge() as running:
        await asked(running)
        await unclear(running, "что?", "может быть")
        [item] = await queue(running)
        assert len(item.id) == 16
        assert int(item.id, 16)
        assert NUMBER[1:] not in repr(item)
        assert "может быть" not in repr(item)
        other = replace(item, item="2")
        assert other != item
