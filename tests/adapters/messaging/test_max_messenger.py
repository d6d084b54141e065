"""MAX: every update, every request, every error; nothing is guessed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.http import HttpClient, HttpResponse
from adapters.messaging.max_messenger import (
    CAPABILITIES,
    UPDATES,
    WATCH_S,
    MaxMessenger,
    build,
    build_tap_answer,
    parse,
    read,
    verify,
)
from adapters.messaging.max_settings import Config
from gateway.core.case import Button
from gateway.core.events import Failure
from gateway.core.model import Answer, Channel
from gateway.errors import Forbidden, Unauthenticated
from gateway.ports.messaging import InboundLink, InboundMessage, LinkStep, SendError
from tests.adapters.support import (
    CONTENT,
    PATIENT,
    PAYLOADS,
    ManualClock,
    Recorder,
    address,
    outgoing,
    payload,
    raw,
    serve,
)

PERSON = "500600700"
SECRET = "webhook-secret-123"
TOKEN = "bot-token-of-max"
AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SENDER: dict[str, Any] = {
    "name": "sample_clinic_bot",
    "token": TOKEN,
    "webhook_secrets": [SECRET],
    "clinic": "c1",
}


def config(**more: Any) -> Config:
    return Config.model_validate({"senders": [SENDER], **more})


def message(**more: Any) -> Any:
    return outgoing(**{"channel": Channel.MAX, "account": PERSON, **more})


def signed(secret: str = SECRET) -> dict[str, str]:
    return {"x-max-bot-api-secret": secret}


# Verify


def test_no_secret_is_no_proof() -> None:
    for headers in ({}, signed("")):
        with pytest.raises(Unauthenticated):
            verify(config(), raw(b"{}", headers))


@pytest.mark.parametrize("secret", ["wrong", SECRET + "1", "ж", "\udc80", TOKEN])
def test_a_wrong_secret_is_refused(secret: str) -> None:
    with pytest.raises(Forbidden):
        verify(config(), raw(b"{}", signed(secret)))


def test_the_secret_says_which_bot_an_update_is_for() -> None:
    """The update itself does not; both of a bot's secrets hold while one is being replaced."""
    other = {
        **SENDER,
        "name": "other_bot",
        "webhook_secrets": ["secret-of-other", "secret-to-come"],
    }
    other["webhook_secrets"] = ["secret-of-the-other", "secret-of-tomorrow"]
    both = config(senders=[SENDER, other])
    body = payload("max", "text")
    senders = []
    for secret in (SECRET, "secret-of-the-other", "secret-of-tomorrow"):
        verify(both, raw(body, signed(secret)))
        senders += [item.sender for item in parse(both, raw(body, signed(secret)))]
    assert senders == ["sample_clinic_bot", "other_bot", "other_bot"]
    assert parse(both, raw(body, signed("nobody's"))) == []


# Parse


def said(kind: str, text: str | None = None, **more: Any) -> InboundMessage:
    values: dict[str, Any] = {
        "id": "mid.0001",
        "channel": Channel.MAX,
        "sender": "sample_clinic_bot",
        "at": AT,
        "number": None,
        "account": PERSON,
        "kind": kind,
        "text": text,
    }
    return InboundMessage(**{**values, **more})


def tapped(text: str | None, data: str | None, **more: Any) -> InboundMessage:
    values = {"id": "mid.ours~tap~cb.77", "quoted": "mid.ours", "payload": data}
    return said("button", text, **{**values, **more})


def link(step: LinkStep, **more: Any) -> InboundLink:
    values: dict[str, Any] = {
        "id": f"~{step.value}~{PERSON}~1795420800000",
        "channel": Channel.MAX,
        "sender": "sample_clinic_bot",
        "at": AT,
        "account": PERSON,
        "step": step,
    }
    return InboundLink(**{**values, **more})


SHAPES: dict[str, list[InboundMessage | InboundLink]] = {
    "text": [said("text", "1")],
    "text_quoted": [said("text", "Да, приду 👍", quoted="mid.ours")],
    "text_forwarded": [said("forwarded")],
    "text_with_link_preview": [said("text", "приду https://clinic.example")],
    "text_in_chat": [],
    "text_of_a_bot": [],
    "edited": [said("edit", "3", id="mid.0001~edit~1795420800000")],
    "image": [said("image")],
    "voice": [said("audio")],
    "empty": [said("unknown")],
    "contact_own": [said("contact")],
    "contact_own_with_spaces": [said("contact")],
    "contact_of_somebody_else": [said("contact")],
    "contact_without_number": [said("contact")],
    "contact_forwarded": [said("forwarded")],
    "tap": [tapped("Подтвердить", "v1.confirm.1.A-1")],
    "tap_without_message": [tapped(None, "v1.cancel.1.A-1", id="~tap~cb.77", quoted=None)],
    "tap_of_title": [tapped("Перенести", None)],
    "tap_without_payload": [tapped(None, None)],
    "tap_without_id": [],
    "started": [link(LinkStep.STARTED)],
    "started_with_token": [link(LinkStep.STARTED, token="Zk3_9-ab")],
    "started_with_words": [link(LinkStep.STARTED)],
    "stopped": [link(LinkStep.ENDED)],
    "dialog_removed": [link(LinkStep.ENDED)],
    "bot_added_to_chat": [],
    "message_removed": [],
}


@pytest.mark.parametrize("name", SHAPES)
def test_an_update_says(name: str) -> None:
    assert parse(config(), raw(payload("max", name), signed())) == SHAPES[name]


def test_every_recorded_payload_has_its_row() -> None:
    assert {path.stem for path in (PAYLOADS / "max").iterdir()} == set(SHAPES)


@pytest.mark.parametrize("name", [name for name in SHAPES if name.startswith("contact")])
def test_a_contact_proves_a_number_only_where_that_is_trusted(name: str) -> None:
    """And then only the sender's own, written by the sender."""
    shared = link(LinkStep.SHARED, id="mid.0001", number=PATIENT)
    is_own = name in ("contact_own", "contact_own_with_spaces")
    found = parse(config(trust_contacts=True), raw(payload("max", name), signed()))
    assert found == ([shared] if is_own else SHAPES[name])


@pytest.mark.rule("U-7")
@pytest.mark.parametrize("name", ["image", "voice", "text_forwarded"])
def test_media_and_forwarded_words_never_carry_a_text(name: str) -> None:
    """A picture with the caption "1" is no answer."""
    [found] = SHAPES[name]
    assert isinstance(found, InboundMessage)
    assert (found.text, found.payload, found.quoted) == (None, None, None)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["dialog", "contact", "reply", "TEL:15550100123", "image"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("message", "body", "mid", "text", "attachments", "type", "payload", "user"),
                    *("sender", "user_id", "recipient", "chat_type", "link", "callback", "buttons"),
                    *("callback_id", "vcf_info", "max_info"),
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=30,
)


@given(st.sampled_from([*UPDATES, "new"]), JSON, JSON)
def test_parse_never_raises_on_any_json(kind: str, first: Any, second: Any) -> None:
    dialog = {"recipient": {"chat_type": "dialog"}, "sender": {"user_id": 5}}
    body = {"mid": "m", "attachments": [second], **(second if isinstance(second, dict) else {})}
    update = {
        "update_type": kind,
        "timestamp": 1795420800000,
        "message": {**dialog, "body": body, "link": first},
        "callback": {"callback_id": "c", "user": {"user_id": 5}, "payload": first},
        "user": second,
    }
    for document in (first, update, {**update, "message": first}):
        settings = config(trust_contacts=True)
        parse(settings, raw(json.dumps(document).encode(), signed()))


# Build


def built(out: Any, **more: Any) -> dict[str, Any]:
    settings = config(**more)
    return dict(json.loads(build(settings, settings.senders[0], out).body))


@pytest.mark.rule("C-9")
def test_a_message_goes_to_the_account_with_its_buttons() -> None:
    settings = config()
    request = build(settings, settings.senders[0], message())
    assert request.url == f"https://platform-api2.max.ru/messages?user_id={PERSON}"
    assert request.headers["Authorization"] == TOKEN
    callback = [
        [{"type": "callback", "text": button.title, "payload": button.payload}]
        for button in CONTENT.buttons
    ]
    assert json.loads(request.body) == {
        "text": CONTENT.text,
        "notify": True,
        "attachments": [{"type": "inline_keyboard", "payload": {"buttons": callback}}],
    }
    told = repr(request) + repr(settings)
    assert TOKEN not in told
    assert SECRET not in told


def test_a_message_without_buttons_has_no_attachments() -> None:
    assert set(built(message(content=replace(CONTENT, buttons=())))) == {"text", "notify"}


@pytest.mark.parametrize("name", ["mid.0001", "mid.0001~edit~1795420800000", "mid.0001~tap~cb.77"])
def test_a_reply_quotes_the_message_it_answers(name: str) -> None:
    assert built(message(reply_to=name))["link"] == {"type": "reply", "mid": "mid.0001"}


def test_a_tap_on_a_message_that_is_not_told_is_not_quoted_but_answered() -> None:
    settings, out = config(), message(reply_to="~tap~cb.7/7")
    assert "link" not in built(out)
    request = build_tap_answer(settings, settings.senders[0], out)
    assert request is not None
    assert request.url.endswith("/answers?callback_id=cb.7%2F7")
    assert json.loads(request.body) == {"notification": "✓"}
    assert build_tap_answer(settings, settings.senders[0], message(reply_to="mid.1")) is None


def test_a_number_is_asked_for_by_the_messengers_own_button() -> None:
    [keyboard] = built(message(asks_number="Поделиться номером"))["attachments"]
    assert keyboard["payload"]["buttons"] == [
        [{"type": "request_contact", "text": "Поделиться номером"}]
    ]


def button(title: str = "ok", text: str = "v1") -> Button:
    return Button(Answer.CONFIRM, title, text)


@pytest.mark.parametrize(
    ("out", "failure", "code"),
    [
        (message(account=None), Failure.IMPOSSIBLE, "no_account"),
        (message(account="-7"), Failure.IMPOSSIBLE, "no_account"),
        (message(content=replace(CONTENT, text=" ")), Failure.REJECTED, "text_length"),
        (message(content=replace(CONTENT, text="x" * 4001)), Failure.REJECTED, "text_length"),
        (
            message(content=replace(CONTENT, buttons=(button(),) * 31)),
            Failure.REJECTED,
            "too_many_buttons",
        ),
        (
            message(content=replace(CONTENT, buttons=(button("x" * 121),))),
            Failure.REJECTED,
            "button_title_length",
        ),
        (message(asks_number=""), Failure.REJECTED, "button_title_length"),
        (
            message(content=replace(CONTENT, buttons=(button("я" * 64, "x" * 129),))),
            Failure.REJECTED,
            "button_payload_length",
        ),
    ],
)
def test_what_cannot_be_said_whole_is_refused(out: Any, failure: Failure, code: str) -> None:
    with pytest.raises(SendError) as caught:
        built(out)
    assert (caught.value.failure, caught.value.code) == (failure, code)


# Read


def answer(status: int, document: object = None, **headers: str) -> HttpResponse:
    body = b"<html>" if document is None else json.dumps(document).encode()
    return HttpResponse(status, {k.replace("_", "-"): v for k, v in headers.items()}, body)


def error(code: str) -> dict[str, str]:
    return {"code": code, "message": "words for people"}


def test_an_accepted_message_has_its_id() -> None:
    document = {"message": {"body": {"mid": "mid.9"}}}
    assert read(config(), answer(200, document)) == "mid.9"


NOT_READY = "attachment.not.ready"
FAILURES: list[tuple[HttpResponse, Failure | None, str, int | None, bool]] = [
    (answer(200), None, "unreadable_response", None, False),
    (answer(200, {"success": True}), None, "unreadable_response", None, False),
    (answer(502), None, "http_502", None, False),
    (answer(504), None, "http_504", None, False),
    (answer(500), Failure.TEMPORARY, "http_500", None, False),
    (
        answer(503, error("service.unavailable")),
        Failure.TEMPORARY,
        "service.unavailable",
        None,
        False,
    ),
    (
        answer(429, error("too.many.requests"), retry_after="3"),
        Failure.TEMPORARY,
        "too.many.requests",
        3,
        False,
    ),
    (
        answer(400, error("attachment.not.ready")),
        Failure.TEMPORARY,
        "attachment.not.ready",
        None,
        False,
    ),
    (answer(403, error("chat.denied")), Failure.IMPOSSIBLE, "chat.denied", None, False),
    (answer(404, error("user.not.found")), Failure.IMPOSSIBLE, "user.not.found", None, False),
    (answer(403, error("access.denied")), Failure.REJECTED, "access.denied", None, True),
    (answer(401, error("verify.token")), Failure.REJECTED, "verify.token", None, True),
    (answer(400, error("proto.payload")), Failure.REJECTED, "proto.payload", None, True),
    (answer(404), Failure.REJECTED, "http_404", None, True),
    (answer(302), Failure.REJECTED, "http_302", None, True),
]


@pytest.mark.rule("H-1", "H-2")
@pytest.mark.parametrize(
    ("response", "failure", "code", "pause", "alert"),
    FAILURES,
    ids=[f"{row[0].status}-{row[2]}" for row in FAILURES],
)
def test_an_error_means(
    response: HttpResponse, failure: Failure | None, code: str, pause: int | None, alert: bool
) -> None:
    with pytest.raises(SendError) as caught:
        read(config(), response)
    found = caught.value
    assert (found.failure, found.code) == (failure, code)
    assert (found.retry_after_s, found.alert) == (pause, alert)


def test_which_codes_mean_unreachable_can_be_set() -> None:
    with pytest.raises(SendError) as caught:
        read(config(unreachable=["dialog.gone"]), answer(400, error("dialog.gone")))
    assert caught.value.failure is Failure.IMPOSSIBLE


@given(st.integers(100, 599), st.binary(max_size=40))
def test_reading_raises_nothing_but_send_error(status: int, body: bytes) -> None:
    with contextlib.suppress(SendError):
        read(config(), HttpResponse(status, {}, body))


# The channel


def channel_of(client: HttpClient, **more: Any) -> MaxMessenger:
    return MaxMessenger(config(**more), client, ManualClock())


def test_a_deep_link_brings_the_token_to_the_branchs_bot() -> None:
    channel = channel_of(HttpClient())
    assert channel.link("c1", "b1", "Zk3_9-ab") == "https://max.ru/sample_clinic_bot?start=Zk3_9-ab"
    assert channel.link("c9", "b1", "x") is None
    for token in ("", "a b", "x" * 65, "ж"):
        with pytest.raises(ValueError, match="1 to 64 characters"):
            channel.link("c1", "b1", token)


def test_the_channel_is_its_own_webhook() -> None:
    channel = channel_of(HttpClient())
    request = raw(payload("max", "text"), signed())
    channel.verify(request)
    assert channel.parse(request) == SHAPES["text"]
    assert channel.handshake(request) is None
    assert channel.channel is CAPABILITIES.channel


@pytest.mark.parametrize(
    ("status", "body", "asked"),
    [
        (500, b"", ["GET", "GET"]),
        (200, b"no json", ["GET", "GET"]),
        # Set anew at the start: the secret may have been replaced since.
        (
            200,
            b'{"subscriptions": [{"url": "https://gateway.example/hooks/max"}]}',
            ["GET", "POST", "GET"],
        ),
        (200, b'{"subscriptions": [{"url": "https://old.example/"}]}', ["GET", "POST"] * 2),
        (
            200,
            b'{"subscriptions": [{"url": "https://gateway.example/hooks/max",'
            b'"update_types": ["message_created"]}]}',
            ["GET", "POST"] * 2,
        ),
    ],
)
async def test_a_lost_subscription_is_set_again(status: int, body: bytes, asked: list[str]) -> None:
    provider, clock, client = Recorder(), ManualClock(), HttpClient()
    provider.answer(status, body)
    server = await serve(provider.app)
    settings = config(api_base=address(server), webhook_url="https://gateway.example/hooks/max")
    channel = MaxMessenger(settings, client, clock)
    watching = asyncio.ensure_future(channel.watch())
    while len(provider.requests) < len(asked):
        clock.wake_next()
        await asyncio.sleep(0.001)
    watching.cancel()
    assert [method for method, _, _, _ in provider.requests] == asked
    assert (clock.now() - ManualClock().now()).total_seconds() == WATCH_S
    if "POST" in asked:
        assert json.loads(provider.requests[1][3]) == {
            "url": "https://gateway.example/hooks/max",
            "update_types": list(UPDATES),
            "secret": SECRET,
        }
    await channel.close()
    await server.close()


async def test_without_an_address_nothing_is_watched() -> None:
    await channel_of(HttpClient()).watch()


async def test_a_subscription_that_cannot_be_asked_for_is_asked_for_later() -> None:
    clock, client = ManualClock(), HttpClient()
    settings = config(api_base="http://127.0.0.1:9", webhook_url="https://gateway.example/x")
    watching = asyncio.ensure_future(MaxMessenger(settings, client, clock).watch())
    await asyncio.wait([watching], timeout=0.2)
    assert not watching.done()
    assert clock.wake_next()  # it sleeps until the next time
    watching.cancel()
    await client.close()
