"""Why somebody got a message or not, in plain words of both languages."""

from __future__ import annotations

import io
import json

import pytest

from gateway.cli.explanation import show_explanation
from gateway.core.model import Function
from tests.service.support import Node, appointment, node, on_virtual_time, until


async def told(here: Node, language: str = "ru", *, as_json: bool = False) -> str:
    out = io.StringIO()
    case, contact = await here.store.load_case("zdorovie", "A-1")
    assert case is not None
    branch = (await here.service.clinics.settings("zdorovie", "lenina")).branch
    show_explanation(
        case, contact, branch, here.clock.now(), language=language, as_json=as_json, out=out
    )
    return out.getvalue()


@pytest.mark.rule("G-4")
@on_virtual_time
async def test_every_reason_is_told_in_words() -> None:
    async with node() as here:
        await here.record(appointment(club=True, person={"consent": False}))
        here.start()
        await here.clock.sleep(10)
        assert await here.skipped(Function.CONFIRMATION) == ["club", "no_consent"]
        for language, words in (("ru", "Подтверждение: не отправлено"), ("en", "not sent")):
            shown = await told(here, language)
            assert words in shown
            assert "club: " in shown
            assert "no_consent: " in shown


@on_virtual_time
async def test_what_was_sent_and_what_comes_next_is_told() -> None:
    async with node() as here:
        await here.record()
        here.start()
        await until(lambda: bool(here.whatsapp.sent))
        await here.clock.sleep(1)
        shown = await told(here)
        assert shown.startswith("A-1  24.11.2026 14:30 Asia/Yekaterinburg  unconfirmed\n")
        assert "Подтверждение: отправлено" in shown
        assert "Напоминание: ждёт своего времени (24.11 12:30)" in shown
        document = json.loads(await told(here, "en", as_json=True))
        assert document["appointment"] == "A-1"
        assert document["functions"]["confirmation"]["state"] == "sent"
        assert document["functions"]["reminder"]["next_at"] is not None
        assert document["functions"]["details"]["reasons"][0]["code"] == "adopted"
