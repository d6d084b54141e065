"""The adapter that docs/adding_an_adapter.md builds is a whole one: its code runs as it stands."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from adapters import registry
from adapters.http import HttpClient
from gateway.core.model import Channel
from tests.adapters.support import ManualClock

DOCUMENT = Path(__file__).parents[2] / "docs" / "adding_an_adapter.md"
TEXT = DOCUMENT.read_text("utf-8")


def code(after: str, before: str, language: str = "python") -> str:
    """Return the code blocks between two headings, one under the other."""
    part = TEXT[TEXT.index(after) : TEXT.index(before)]
    return "\n\n".join(re.findall(rf"```{language}\n(.*?)```", part, re.DOTALL))


def run(name: str, text: str, known: dict[str, Any]) -> ModuleType:
    """Run code as a module of that name, which models and dataclasses look themselves up in."""
    module = sys.modules[name] = ModuleType(name)
    vars(module).update(known)
    exec(compile(text, f"{DOCUMENT.name}: {name}", "exec"), vars(module))
    return module


ADAPTER = run("adapters.messaging.example_sms", code("## 2.", "## 3."), {})

_IMPORTS = """
from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlencode

import pytest

from adapters.http import HttpClient, HttpResponse
from adapters.messaging.example_sms import CAPABILITIES, Config, ExampleSms, build, read
from gateway.core.events import Failure
from gateway.core.model import Channel
from gateway.ports.messaging import SendError
from gateway.ports.webhook import RawRequest
from tests.adapters.support import PATIENT, Recorder, address, outgoing, raw, serve
from tests.contracts.messaging_conformance import MessagingConformance, Peer
"""
TESTS = run("tests.adapters.messaging.test_example_sms", _IMPORTS + code("## 4.", "## 5."), {})

# What the page tests is collected here, the conformance suite included.
peer = TESTS.peer
TestExampleSms = TESTS.TestExampleSms
test_a_message_is_one_form = TESTS.test_a_message_is_one_form
test_every_answer_has_its_meaning = TESTS.test_every_answer_has_its_meaning


async def test_its_lines_in_the_tables_build_the_channel_of_its_settings() -> None:
    """The builder of the page takes the settings of the page."""
    lines = code("## 3.", "## 4.")
    built = run("example_registry", lines, {**vars(registry), "example_sms": ADAPTER})
    options = yaml.safe_load(code("## 3.", "## 4.", "yaml"))["example_sms"]
    options["callback_secrets"] = ["a-secret-of-the-cabinet"]
    http = HttpClient()
    tools = registry.Tools(http, http, ManualClock(), registry.memory_store(), _no_appointment)
    made = built._example_sms(options, tools)
    (channel,) = made.channels
    assert channel.channel is Channel.SMS
    assert channel.serves("zdorovie", "any")
    assert channel.limits("zdorovie", "any").per_second == 10
    assert made.senders == {(Channel.SMS, "+79001234567"): "zdorovie"}
    assert made.hooks == ("sms/example",)
    await tools.close()


def _no_appointment(_: object) -> Any:
    raise AssertionError("nothing is read here")


def test_the_page_is_linked_and_names_files_that_are_there() -> None:
    root = DOCUMENT.parents[1]
    for file in ("docs/adapters.md", "README.md"):
        assert "adding_an_adapter.md" in (root / file).read_text("utf-8"), file
    example = {"adapters/messaging/example_sms.py", "tests/adapters/messaging/test_example_sms.py"}
    for name in set(re.findall(r"`((?:adapters|gateway|tests)/[\w/]+\.py)`", TEXT)) - example:
        assert (root / name).exists(), name
