"""Adapters are built by name, and a wrong setting is named without its value."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from adapters.registry import (
    CAPABILITIES,
    MESSAGING,
    PATHS,
    SCHEDULES,
    TELEPHONY,
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
from gateway.ports.messaging import Inbound
from gateway.ports.store import Store
from tests.adapters.support import ManualClock

WHATSAPP: dict[str, Any] = {
    "app_secrets": ["app-secret"],
    "verify_token": "verify",
    "senders": [{"phone_number_id": "1", "access_token": "token", "clinic": "c1"}],
}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TWILIO_SID = "AC" + "0" * 32


def service_account() -> str:
    """A key file as Google hands it out, with a key that was made just now."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "zdorovie",
            "private_key_id": "1",
            "private_key": text.decode(),
            "client_email": "callahead@zdorovie.example",
            "token_uri": "https://oauth2.example/token",
        }
    )


OPTIONS: Mapping[str, dict[str, Any]] = {
    "whatsapp_cloud": WHATSAPP,
    "telegram": {
        "senders": [
            {
                "token": "7000000001:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
                "username": "zdorovie_bot",
                "webhook_secrets": ["0123456789abcdef"],
                "clinic": "c1",
            }
        ]
    },
    "max": {
        "senders": [
            {
                "name": "zdorovie_bot",
                "token": "token",
                "webhook_secrets": ["0123456789abcdef"],
                "clinic": "c1",
            }
        ],
    },
    "push_backend": {
        "senders": [
            {"name": "app", "url": "https://app.example/push", "secrets": [SECRET], "clinic": "c1"}
        ]
    },
    "push_fcm": {"senders": [{"service_account": service_account(), "clinic": "c1"}]},
    "push_rustore": {
        "senders": [{"project_id": "p", "service_token": "t", "title": "Здоровье", "clinic": "c1"}]
    },
    "twilio_messaging": {
        "accounts": [{"account_sid": TWILIO_SID, "auth_tokens": ["token"]}],
        "senders": [
            {"channel": "sms", "number": "+15550100001", "clinic": "c1"},
            {"channel": "whatsapp", "number": "+15550100002", "clinic": "c1"},
        ],
    },
    "sms_exolve": {
        "senders": [
            {
                "number": "+79001234567",
                "api_key": "key",
                "callback_keys": ["0123456789abcdef"],
                "clinic": "c1",
            }
        ]
    },
    "sms_smsc": {
        "accounts": [{"api_key": "key"}],
        "senders": [{"answers_to": "+79001234568", "clinic": "c1"}],
    },
    "sms_smpp": {
        "connections": [{"host": "127.0.0.1", "system_id": "clinic", "password": "p"}],
        "senders": [{"number": "+79001234569", "clinic": "c1"}],
    },
}

BUILT: Mapping[str, tuple[list[Channel], set[tuple[Channel, str]], tuple[str, ...], bool]] = {
    "whatsapp_cloud": ([Channel.WHATSAPP], {(Channel.WHATSAPP, "1")}, ("whatsapp",), False),
    "telegram": ([Channel.TELEGRAM], {(Channel.TELEGRAM, "7000000001")}, ("telegram",), False),
    "max": ([Channel.MAX], {(Channel.MAX, "zdorovie_bot")}, ("max",), False),
    "push_backend": ([Channel.PUSH], {(Channel.PUSH, "app")}, ("push",), False),
    "push_fcm": ([Channel.PUSH], set(), (), False),
    "push_rustore": ([Channel.PUSH], set(), (), False),
    "twilio_messaging": (
        [Channel.SMS, Channel.WHATSAPP],
        {(Channel.SMS, "+15550100001"), (Channel.WHATSAPP, "+15550100002")},
        ("twilio/messages", "twilio/messages/status"),
        False,
    ),
    "sms_exolve": ([Channel.SMS], {(Channel.SMS, "+79001234567")}, ("sms/exolve",), False),
    "sms_smsc": ([Channel.SMS], {(Channel.SMS, "+79001234568")}, ("sms/smsc",), True),
    "sms_smpp": ([Channel.SMS], {(Channel.SMS, "+79001234569")}, (), True),
}
"""Channels, senders and hooks of every adapter, and whether something has to be served."""


@pytest.fixture
async def tools() -> AsyncIterator[Tools]:
    made = make_tools(ManualClock(), cast(Store, object()), lambda _: pytest.fail("not asked"))
    yield made
    await made.close()


async def nobody_listens(_news: Sequence[Inbound]) -> None:
    pytest.fail("nothing comes in")


@pytest.mark.parametrize("name", MESSAGING)
async def test_every_channel_is_built_with_its_senders_and_hooks(name: str, tools: Tools) -> None:
    built = build_messaging(name, OPTIONS[name], tools)
    channels, senders, hooks, runs = BUILT[name]
    assert [channel.channel for channel in built.channels] == channels
    assert built.senders == dict.fromkeys(senders, "c1")
    assert built.hooks == hooks
    assert (built.webhook is not None) is bool(hooks)
    assert (built.run is not None) is runs
    for channel in built.channels:
        assert channel.serves("c1", "any")
        assert not channel.serves("c2", "any")
        await channel.close()


@pytest.mark.parametrize("name", MESSAGING)
async def test_every_channel_names_a_field_that_it_does_not_know(name: str, tools: Tools) -> None:
    with pytest.raises(InvalidInput) as caught:
        build_messaging(name, {**OPTIONS[name], "colour": "hush-hush"}, tools)
    assert [problem.field for problem in caught.value.problems] == ["colour"]
    assert "hush-hush" not in str(caught.value)


def test_every_channel_tells_its_limits() -> None:
    told = {name: [card.channel for card in cards] for name, cards in CAPABILITIES.items()}
    assert told == {name: channels for name, (channels, *_) in BUILT.items()}
    assert list(CAPABILITIES) == list(MESSAGING)


def test_paths_belong_to_adapters_that_exist() -> None:
    assert set(PATHS) <= {*MESSAGING, *TELEPHONY}


async def test_twilio_serves_only_channels_that_have_senders(tools: Tools) -> None:
    settings = OPTIONS["twilio_messaging"]
    only = {**settings, "senders": [s for s in settings["senders"] if s["channel"] == "whatsapp"]}
    built = build_messaging("twilio_messaging", only, tools)
    assert [channel.channel for channel in built.channels] == [Channel.WHATSAPP]
    assert built.webhook is built.channels[0]


async def test_answers_are_fetched_only_where_there_is_a_number_for_them(tools: Tools) -> None:
    settings = {**OPTIONS["sms_smsc"], "senders": [{"name": "Zdorovie", "clinic": "c1"}]}
    built = build_messaging("sms_smsc", settings, tools)
    assert (built.run, built.senders) == (None, {})


async def test_subscriptions_are_watched_where_the_address_is_known(
    tools: Tools, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody listens there: that is logged, and the watch goes on until it is cancelled."""
    settings = {
        **OPTIONS["max"],
        "api_base": "http://127.0.0.1:1",
        "webhook_url": "https://host.example/hooks/max",
    }
    built = build_messaging("max", settings, tools)
    assert built.run is not None
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        watch = tasks.create_task(built.run(nobody_listens))  # type: ignore[arg-type]
        while "MAX cannot be asked" not in caplog.messages:
            assert not watch.done()
            await asyncio.sleep(0.01)
        watch.cancel()
    await built.channels[0].close()


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
    [sender] = WHATSAPP["senders"]
    twice = {**WHATSAPP, "senders": [sender, {**sender, "clinic": "c2"}]}
    with pytest.raises(InvalidInput) as caught:
        build_messaging("whatsapp_cloud", twice, tools)
    assert [problem.field for problem in caught.value.problems] == ["senders.1.clinic"]


async def test_an_unknown_name_is_refused_with_those_that_exist(tools: Tools) -> None:
    with pytest.raises(InvalidInput) as caught:
        build_messaging("pigeon", {}, tools)
    assert caught.value.problems[0].message == f"must be one of {', '.join(sorted(MESSAGING))}"
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
