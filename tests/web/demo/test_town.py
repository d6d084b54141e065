"""The demo's own world is a town as the page needs it."""

from __future__ import annotations

from pathlib import Path

from adapters.sandbox import Sandbox, fresh_keys
from gateway.clock import SystemClock
from gateway.scripts import load_texts
from gateway.web.demo.town import Town


async def test_the_sandbox_is_a_town(tmp_path: Path) -> None:
    keys = fresh_keys("chk_x")
    town: Town = Sandbox(
        SystemClock(), load_texts(), tmp_path, url="http://127.0.0.1:1", clinic="demo", keys=keys
    )
    assert town.visits() == town.chats() == ()
    await town.close()  # type: ignore[attr-defined]  # closed by whoever made it
