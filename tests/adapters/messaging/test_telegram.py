"""Telegram: every update, every request, every error; nothing is guessed."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.http import HttpClient, HttpRequest, HttpResponse
from adapters.messaging.telegram import (
    CAPABILITIES,
    Config,
    Telegram,
    build,
    build_tap_answer,
    parse,
    read,
    verify,
)
from gateway.core.case import Button
from gateway.core.events import Failure
from gateway.core.links import button_payload
from gateway.core.model import Answer, Channel
from gateway.core.reply import Meaning, read_reply
from gateway.errors import Forbidden, InvalidInput, Unauthenticated
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

TOKEN = "7000000001:AAsampleSampleSampleSampleSample"
BOT, CHAT = "7000000001", "100200300"
SECRET = "webhook-secret-123"
HERE = f"{BOT}:{CHAT}"
AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
NOW = AT + timedelta(minutes=5)
SENDER: dict[str, Any] = {
    "token": TOKEN,
    "username": "sample_clinic_bot",
    "webhook_secrets": [SECRET],
    "clinic": "c1",
}


def config(**more: Any) -> Config:
    return Config.model_validate({"senders": [SENDER], **more})


def message(**more: Any) -> Any:
    return outgoing(**{"channel": Channel.TELEGRAM, "account": CHAT, **more})


def signed(secret: str = SECRET) -> dict[str, str]:
    return {"x-telegram-bot-api-secret-token": secret}


# Verify


def test_both_secrets_hold_while_they_change() -> None:
    sender = {**SENDER, "webhook_secrets": [SECRET, "the-secret-to-come"]}
    for secret in (SECRET, "the-secret-to-come"):
        verify(config(senders=[sender]), raw(b"{}", signed(secret)))


def test_no_secret_is_no_proof() -> None:
    for headers in ({}, signed("")):
        with pytest.raises(Unauthenticated):
            verify(config(), raw(b"{}", headers))


@pytest.mark.parametrize("secret", ["wrong", SECRET + "1", "ж", "\udc80", TOKEN])
def test_a_wrong_secret_is_refused(secret: str) -> None:
    with pytest.raises(Forbidden):
        verify(config(), raw(b"{}", signed(secret)))


def test_the_secret_says_which_bot_an_update_is_for() -> None:
    """The update itself does not."""
    other = {
        **SENDER,
        "token": TOKEN.replace(BOT, "7000000002"),
        "webhook_secrets": ["secret-of-the-other"],
        "clinic": "c2",
    }
    both = config(senders=[SENDER, other])
    body = payload("telegram", "text")
    senders = [
        parse(both, raw(body, signed(secret)), NOW)[0].sender
        for secret in (SECRET, "secret-of-the-other")
    ]
    assert senders == [BOT, "7000000002"]
    assert parse(both, raw(body, signed("nobody's")), NOW) == []


# Parse


def said(kind: str, text: str | None = None, **more: Any) -> InboundMessage:
    values: dict[str, Any] = {
        "id": f"{HERE}:501",
        "channel": Channel.TELEGRAM,
        "sender": BOT,
        "at": AT,
        "number": None,
        "account": CHAT,
        "kind": kind,
        "text": text,
    }
    return InboundMessage(**{**values, **more})


def tapped(text: str | None, data: str | None, **more: Any) -> InboundMessage:
    place = f"{HERE}:480"
    values = {"id": f"{place}:tap:4382bfdwdsb323b2d9", "at": NOW, "quoted": place, "payload": data}
    return said("button", text, **{**values, **more})


def link(step: LinkStep, **more: Any) -> InboundLink:
    values: dict[str, Any] = {
        "id": f"{HERE}:501",
        "channel": Channel.TELEGRAM,
        "sender": BOT,
        "at": AT,
        "account": CHAT,
        "step": step,
    }
    return InboundLink(**{**values, **more})


SHAPES: dict[str, list[InboundMessage | InboundLink]] = {
    "text": [said("text", "1")],
    "text_quoted": [said("text", "Да, приду 👍", quoted=f"{HERE}:480")],
    "text_quoted_elsewhere": [said("text", "да", quoted=f"{BOT}:external")],
    "text_forwarded": [said("forwarded")],
    "text_with_half_an_emoji": [said("text", "ok \ufffd")],
    "text_in_group": [],
    "text_of_a_bot": [],
    "edited": [
        said("edit", "3", id=f"{HERE}:501:edit:1795420860", at=AT + timedelta(minutes=1)),
    ],
    "edited_caption": [],
    "start": [link(LinkStep.STARTED)],
    "start_with_token": [link(LinkStep.STARTED, token="Zk3_9-ab")],
    "start_with_words": [said("text", "/start пожалуйста не пишите")],
    "start_forwarded": [said("forwarded")],
    "stop": [said("text", "/stop")],
    "contact_own": [link(LinkStep.SHARED, number=PATIENT)],
    "contact_of_somebody_else": [said("contact")],
    "contact_without_user": [said("contact")],
    "contact_forwarded": [said("forwarded")],
    "photo": [said("photo")],
    "voice": [said("voice")],
    "sticker": [said("sticker")],
    "unknown_kind": [said("unknown")],
    "tap": [tapped("Подтвердить", "v1.confirm.1.A-1")],
    "tap_on_old_message": [tapped(None, "v1.cancel.1.A-1")],
    "tap_without_message": [
        tapped(None, "v1.cancel.1.A-1", id=f"{HERE}:0:tap:4382bfdwdsb323b2d9", quoted=None)
    ],
    "tap_of_title": [tapped("Перенести", None)],
    "tap_of_game": [tapped(None, None)],
    "blocked": [link(LinkStep.ENDED, id=f"{HERE}:ended:1795420800")],
    "unblocked": [],
    "added_to_group": [],
    "reaction": [],
    "channel_post": [],
}


@pytest.mark.parametrize("name", SHAPES)
def test_an_update_says(name: str) -> None:
    assert parse(config(), raw(payload("telegram", name), signed()), NOW) == SHAPES[name]


def test_every_recorded_payload_has_its_row() -> None:
    assert {path.stem for path in (PAYLOADS / "telegram").iterdir()} == set(SHAPES)


def test_a_command_to_stop_is_understood() -> None:
    assert read_reply("/stop").meaning is Meaning.OPT_OUT


@pytest.mark.rule("U-7")
@pytest.mark.parametrize("name", ["photo", "voice", "sticker", "text_forwarded"])
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
    | st.sampled_from(["private", "/start a", "kicked", "15550100123"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "message_id",
                    "from",
                    "id",
                    "chat",
                    "type",
                    "date",
                    "edit_date",
                    "text",
                    "contact",
                    "phone_number",
                    "user_id",
                    "reply_to_message",
                    "external_reply",
                    "data",
                    "message",
                    "reply_markup",
                    "inline_keyboard",
                    "callback_data",
                    "new_chat_member",
                    "status",
                    "photo",
                    "forward_origin",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=30,
)
PERSON = {"from": {"id": 5}, "chat": {"type": "private"}}


@given(
    st.sampled_from(["message", "edited_message", "callback_query", "my_chat_member", "poll"]), JSON
)
def test_parse_never_raises_on_any_json(kind: str, content: Any) -> None:
    whole = {**PERSON, **content} if isinstance(content, dict) else content
    for document in (content, {kind: content}, {kind: whole}):
        parse(config(), raw(json.dumps(document).encode(), signed()), NOW)


# Build


def built(out: Any, **more: Any) -> dict[str, Any]:
    settings = config(**more)
    request = build(settings, settings.senders[0], out)
    return dict(json.loads(request.body))


@pytest.mark.rule("C-9")
def test_a_message_goes_to_the_account_with_its_buttons() -> None:
    settings = config()
    request = build(settings, settings.senders[0], message())
    assert request.url == f"https://api.telegram.org/bot{TOKEN}/sendMessage"
    assert json.loads(request.body) == {
        "chat_id": 100200300,
        "text": CONTENT.text,
        "link_preview_options": {"is_disabled": True},
        "reply_markup": {
            "inline_keyboard": [
                [{"text": "Подтвердить", "callback_data": "v1.confirm.1.A-1"}],
                [{"text": "Перенести", "callback_data": "v1.reschedule.1.A-1"}],
                [{"text": "Отменить", "callback_data": "v1.cancel.1.A-1"}],
            ]
        },
    }
    told = repr(request) + repr(settings)
    assert "AAsample" not in told
    assert SECRET not in told


def test_a_message_without_buttons_has_no_keyboard() -> None:
    assert "reply_markup" not in built(message(content=replace(CONTENT, buttons=())))


def test_a_reply_quotes_the_message_it_answers_even_if_that_was_deleted() -> None:
    body = built(message(reply_to=f"{HERE}:501"))
    assert body["reply_parameters"] == {"message_id": 501, "allow_sending_without_reply": True}
    edited = built(message(reply_to=f"{HERE}:501:edit:1795420860"))
    assert edited["reply_parameters"]["message_id"] == 501


@pytest.mark.parametrize(
    "place", [None, "wamid.X", f"{BOT}:external", f"1:{CHAT}:5", f"{BOT}:7:5", f"{HERE}:0:tap:1"]
)
def test_what_stands_elsewhere_is_not_quoted(place: str | None) -> None:
    assert "reply_parameters" not in built(message(reply_to=place))


@pytest.mark.rule("U-7")
def test_a_payload_that_is_too_long_is_replaced_by_what_the_menu_reads() -> None:
    """An appointment's id may have 256 characters, a button's data 64 bytes."""
    buttons = tuple(
        replace(button, payload=button_payload(button.answer, 1, "я" * 256))
        for button in CONTENT.buttons
    )
    rows = built(message(content=replace(CONTENT, buttons=buttons)))["reply_markup"]
    data = [row[0]["callback_data"] for row in rows["inline_keyboard"]]
    assert data == ["t.Подтвердить", "t.Перенести", "t.Отменить"]
    meanings = [read_reply(item.removeprefix("t.")).meaning.value for item in data]
    assert meanings == [button.answer.value for button in CONTENT.buttons]


def test_a_number_is_asked_for_by_the_messengers_own_button() -> None:
    assert built(message(asks_number="Поделиться номером"))["reply_markup"] == {
        "keyboard": [[{"text": "Поделиться номером", "request_contact": True}]],
        "resize_keyboard": True,
        "one_time_keyboard": True,
    }


def test_an_answer_to_a_tap_ends_its_waiting_sign() -> None:
    settings = config()
    out = message(reply_to=f"{HERE}:480:tap:43:82")
    request = build_tap_answer(settings, settings.senders[0], out)
    assert request is not None
    assert request.url.endswith(f"{TOKEN}/answerCallbackQuery")
    assert json.loads(request.body) == {"callback_query_id": "43:82"}
    assert build_tap_answer(settings, settings.senders[0], message(reply_to=f"{HERE}:5")) is None


def button(title: str = "ok", text: str = "v1") -> Button:
    return Button(Answer.CONFIRM, title, text)


@pytest.mark.parametrize(
    ("out", "failure", "code"),
    [
        (message(account=None), Failure.IMPOSSIBLE, "no_account"),
        (message(account="-100987"), Failure.IMPOSSIBLE, "no_account"),
        (message(account="@anna"), Failure.IMPOSSIBLE, "no_account"),
        (message(content=replace(CONTENT, text=" ")), Failure.REJECTED, "text_length"),
        (message(content=replace(CONTENT, text="x" * 4097)), Failure.REJECTED, "text_length"),
        (message(content=replace(CONTENT, text="😀" * 2049)), Failure.REJECTED, "text_length"),
        (
            message(content=replace(CONTENT, buttons=(button(),) * 9)),
            Failure.REJECTED,
            "too_many_buttons",
        ),
        (
            message(content=replace(CONTENT, buttons=(button("x" * 31),))),
            Failure.REJECTED,
            "button_title_length",
        ),
        (message(asks_number=""), Failure.REJECTED, "button_title_length"),
        (
            message(content=replace(CONTENT, buttons=(button("😀" * 30, "x" * 65),))),
            Failure.REJECTED,
            "button_payload_length",
        ),
    ],
)
def test_what_cannot_be_said_whole_is_refused(out: Any, failure: Failure, code: str) -> None:
    with pytest.raises(SendError) as caught:
        built(out)
    assert (caught.value.failure, caught.value.code) == (failure, code)


@pytest.mark.parametrize(
    "wrong",
    [
        {"senders": []},
        {"senders": [{**SENDER, "token": "secret-token"}]},
        {"senders": [{**SENDER, "webhook_secrets": ["secret"]}]},
        {"senders": [{**SENDER, "webhook_secrets": []}]},
        {"senders": [{**SENDER, "username": "@bot"}]},
        {"senders": [{**SENDER, "branches": []}]},
        {"api_base": "https://user@api.telegram.org"},
    ],
)
def test_a_wrong_configuration_is_refused_without_its_secrets(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        config(**wrong)
    told = str(caught.value).replace("webhook_secrets", "").replace("a secret", "")
    assert "secret" not in told
    assert "AAsample" not in told


def test_two_bots_must_not_share_what_tells_them_apart() -> None:
    for other, field in (
        ({**SENDER, "token": TOKEN.replace(BOT, "7000000002")}, "webhook_secrets"),
        ({**SENDER, "webhook_secrets": ["another-secret-123"]}, "token"),
    ):
        with pytest.raises(InvalidInput) as caught:
            Telegram(config(senders=[SENDER, other]), HttpClient(), ManualClock())
        assert [problem.field for problem in caught.value.problems] == [f"senders.1.{field}"]
        assert SECRET not in str(caught.value)


# Read


def answer(status: int, document: object = None) -> HttpResponse:
    return HttpResponse(
        status, {}, b"<html>" if document is None else json.dumps(document).encode()
    )


@pytest.mark.rule("G-6")
@pytest.mark.parametrize(
    "response",
    [
        answer(200),
        answer(200, {}),
        answer(200, {"ok": True}),
        answer(200, {"ok": True, "result": {"message_id": "x"}}),
        answer(502),
        answer(504),
    ],
)
def test_what_does_not_come_from_the_api_tells_nothing_about_the_message(
    response: HttpResponse,
) -> None:
    bot = config().senders[0]
    with pytest.raises(SendError) as caught:
        read(bot, CHAT, response)
    assert caught.value.failure is None


def test_an_accepted_message_is_named_by_bot_chat_and_message() -> None:
    """Message ids alone are counted for each bot anew."""
    bot = config().senders[0]
    assert read(bot, CHAT, answer(200, {"ok": True, "result": {"message_id": 9}})) == f"{HERE}:9"


@given(st.integers(100, 599), st.binary(max_size=40))
def test_reading_raises_nothing_but_send_error(status: int, body: bytes) -> None:
    with contextlib.suppress(SendError):
        read(config().senders[0], CHAT, HttpResponse(status, {}, body))


# The channel


async def test_a_tap_whose_answer_gets_lost_has_still_been_answered() -> None:
    """The message is out; only the button keeps its waiting sign."""
    provider = Recorder()
    provider.answer(200, {"ok": True, "result": {"message_id": 9}})
    server, client = await serve(provider.app), HttpClient()
    channel = Telegram(config(api_base=address(server)), client, ManualClock())
    post = client.send

    async def cut_second(request: HttpRequest) -> HttpResponse:
        provider.cut = request.url.endswith("answerCallbackQuery")
        return await post(request)

    client.send = cut_second  # type: ignore[method-assign]
    assert await channel.send(message(reply_to=f"{HERE}:480:tap:1")) == f"{HERE}:9"
    paths = [path.rsplit("/", 1)[-1] for _, path, _, _ in provider.requests]
    assert paths == ["sendMessage", "answerCallbackQuery"]
    await client.close()
    await server.close()


def test_a_deep_link_brings_the_token_to_the_branchs_bot() -> None:
    second = {
        **SENDER,
        "token": TOKEN.replace(BOT, "7000000002"),
        "username": "branch_two_bot",
        "webhook_secrets": ["another-secret-123"],
        "branches": ["b2"],
    }
    channel = Telegram(config(senders=[SENDER, second]), HttpClient(), ManualClock())
    assert channel.link("c1", "b1", "Zk3_9-ab") == "https://t.me/sample_clinic_bot?start=Zk3_9-ab"
    assert channel.link("c1", "b2", "x") == "https://t.me/branch_two_bot?start=x"
    assert channel.link("c9", "b1", "x") is None
    for token in ("", "a b", "x" * 65, "ж"):
        with pytest.raises(ValueError, match="1 to 64 characters"):
            channel.link("c1", "b1", token)


def test_the_channel_is_its_own_webhook() -> None:
    clock = ManualClock()
    channel = Telegram(config(), HttpClient(), clock)
    request = raw(payload("telegram", "tap"), signed())
    channel.verify(request)
    assert [item.at for item in channel.parse(request)] == [clock.now()]
    assert channel.handshake(request) is None
    assert channel.channel is CAPABILITIES.channel
