"""Adapters are built by name, and a wrong setting is named without its value."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, cast

import pytest

from adapters.registry import (
    CAPABILITIES,
    MESSAGING,
    SCHEDULES,
    Tools,
    build_messaging,
    build_schedule,
    make_tools,
    memory_store,
    open_store,
)
from adapters.schedule.webhook import WebhookSchedule
from gateway.core.model import Channel
from gateway.errors import InvalidInput, StoreUnavailable
from gateway.ports.store import Store
from tests.adapters.support import ManualClock

WHATSAPP: dict[str, Any] = {
    "app_secrets": ["app-secret"],
    "verify_token": "verify",
    "senders": [{"phone_number_id": "1", "access_token": "token", "clinic": "c1"}],
}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
async def tools() -> AsyncIterator[Tools]:
    made = make_tools(ManualClock(), cast(Store, object()), lambda _: pytest.fail("not asked"))
    yield made
    await made.close()


def test_every_channel_tells_its_limits() -> None:
    assert set(CAPABILITIES) == set(MESSAGING)


async def test_a_channel_is_built_with_its_hook(tools: Tools) -> None:
    built = build_messaging("whatsapp_cloud", WHATSAPP, tools)
    assert built.messaging.channel is Channel.WHATSAPP
    assert built.messaging.serves("c1", "any")
    assert built.webhook is not None
    assert built.hook == "whatsapp"


async def test_schedules_are_built(tools: Tools) -> None:
    options = {"url": "https://clinic.example/hook", "secrets": [SECRET]}
    assert isinstance(build_schedule("webhook", options, tools), WebhookSchedule)
    assert set(SCHEDULES) == {"webhook"}


async def test_private_addresses_only_where_they_are_allowed(tools: Tools) -> None:
    options = {"url": "http://10.0.0.5/hook", "secrets": [SECRET]}
    with pytest.raises(InvalidInput) as caught:
        build_schedule("webhook", options, tools)
    assert [problem.field for problem in caught.value.problems] == ["url"]
    free = make_tools(tools.clock, tools.store, tools.read_appointment, allow_private=True)
    assert isinstance(build_schedule("webhook", options, free), WebhookSchedule)
    await free.close()


async def test_a_sender_speaks_for_one_clinic(tools: Tools) -> None:
    """What comes in is routed by the sender, so it must say whose it is."""
    assert build_messaging("whatsapp_cloud", WHATSAPP, tools).senders == {"1": "c1"}
    [sender] = WHATSAPP["senders"]
    twice = {**WHATSAPP, "senders": [sender, {**sender, "clinic": "c2"}]}
    with pytest.raises(InvalidInput) as caught:
        build_messaging("whatsapp_cloud", twice, tools)
    assert [problem.field for problem in caught.value.problems] == ["senders.1.clinic"]


async def test_an_unknown_name_is_refused_with_those_that_exist(tools: Tools) -> None:
    with pytest.raises(InvalidInput) as caught:
        build_messaging("pigeon", {}, tools)
    assert caught.value.problems[0].message == "must be one of whatsapp_cloud"
    with pytest.raises(InvalidInput) as caught:
        build_schedule("pigeon", {}, tools)
    assert caught.value.problems[0].message == "must be one of webhook"


async def test_wrong_settings_are_named_without_their_values(tools: Tools) -> None:
    wrong = {**WHATSAPP, "senders": [{"phone_number_id": "x", "access_token": ["hush-hush"]}]}
    with pytest.raises(InvalidInput) as caught:
        build_messaging("whatsapp_cloud", wrong, tools)
    fields = {problem.field for problem in caught.value.problems}
    assert {f"senders.0.{name}" for name in ("phone_number_id", "access_token", "clinic")} <= fields
    told = str(caught.value) + repr(caught.value.problems)
    assert "hush-hush" not in told


async def test_a_server_that_does_not_answer_is_told() -> None:
    with pytest.raises(StoreUnavailable):
        await open_store("redis://127.0.0.1:1", partitions=4, retention=timedelta(days=1))


def test_the_store_of_a_rehearsal_is_in_memory() -> None:
    assert memory_store().partitions > 0
