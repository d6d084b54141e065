"""The examples of docs/api.md work as they stand."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.web.support import Edge

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"
EXAMPLES = [
    text
    for text in re.findall(r"```sh\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    if "curl" in text
]
REFUSED = {"changes/2:refuse"}
"""Examples about something that is not there yet."""


async def run(running: Edge, text: str) -> list[Any]:
    """Run a shell example against the running edge; return the JSON lines it printed."""
    url = f"http://127.0.0.1:{running.client.port}/v1/clinics/zdorovie"
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        text.replace("wait=30", "wait=0"),
        env={**os.environ, "CALLAHEAD": url, "KEY": running.key, "no_proxy": "127.0.0.1"},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, text
    await running.supervisor.drain()
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_examples_work(web_edge: Edge) -> None:
    assert len(EXAMPLES) >= 10
    for text in EXAMPLES:
        for told in await run(web_edge, text):
            status = told.get("status") if isinstance(told, dict) else None
            is_refused = any(name in text for name in REFUSED)
            assert (status == 404) is is_refused, (text, told)
            assert is_refused or not isinstance(status, int), (text, told)
    shown = await run(web_edge, EXAMPLES[1])
    assert shown[0]["callahead"]["status"] == "confirmed"


def test_every_address_it_names_is_there() -> None:
    named = set(re.findall(r"\$CALLAHEAD([^\"?]*)", "\n".join(EXAMPLES)))
    assert named == {
        "",
        "/appointments/A-1",
        "/appointments:batch",
        "/appointments/A-1/explain",
        "/attention",
        "/samples",
        "/appointments/A-1/answers",
        "/contacts/+79161234567",
        "/changes",
        "/changes:ack",
        "/changes/2:refuse",
    }
