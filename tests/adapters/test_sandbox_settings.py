"""The configuration under which adapters find the small world is one that they take."""

from __future__ import annotations

import pytest

from adapters import registry
from adapters.http import HttpClient
from adapters.sandbox_settings import Keys, fresh_keys, keys_document, sections
from gateway.core.model import Channel
from tests.adapters.support import ManualClock

URL = "http://127.0.0.1:8080"
KEYS = fresh_keys("chk_demo")


def _none(_: object) -> None:
    raise AssertionError("nothing is read here")


async def test_every_message_channel_is_built_and_serves_every_branch() -> None:
    http = HttpClient()
    tools = registry.Tools(
        http,
        http,
        ManualClock(),
        registry.memory_store(),
        _none,  # type: ignore[arg-type]  # never called
        URL,
        allow_private=True,
    )
    found = sections(URL, "demo", KEYS)
    names = {"whatsapp": "whatsapp_cloud"}
    served = set()
    for section in ("whatsapp", "max", "telegram", "sms_exolve", "push_backend"):
        options = found[section]
        assert isinstance(options, dict)
        built = registry.build_messaging(names.get(section, section), options, tools)
        for channel in built.channels:
            assert channel.serves("demo", "any")
            assert not channel.serves("another", "any")
            served.add(channel.channel)
    assert served == set(Channel) - {Channel.CALL}
    await tools.close()


def test_keys_are_written_and_read_whole() -> None:
    assert Keys(**keys_document(KEYS)) == KEYS


@pytest.mark.parametrize("name", list(keys_document(KEYS)))
def test_no_secret_is_shown_or_made_twice(name: str) -> None:
    assert keys_document(KEYS)[name] not in repr(KEYS)
    if name != "api_key":
        assert keys_document(fresh_keys("chk_demo"))[name] != keys_document(KEYS)[name]
