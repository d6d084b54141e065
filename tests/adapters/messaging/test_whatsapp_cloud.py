"""WhatsApp Cloud API: every webhook shape, every request, every error; nothing is guessed."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.http import HttpClient, HttpResponse
from adapters.messaging.whatsapp_cloud import (
    CAPABILITIES,
    Config,
    Template,
    WhatsAppCloud,
    build,
    handshake,
    parse,
    read,
    template_name,
    template_of,
    verify,
)
from gateway.core.case import Button
from gateway.core.events import Failure, Receipt
from gateway.core.model import Answer, Channel
from gateway.errors import Forbidden, Unauthenticated
from gateway.ports.messaging import InboundMessage, InboundReceipt, SendError
from tests.adapters.support import (
    CONTENT,
    PATIENT,
    PAYLOADS,
    Recorder,
    address,
    outgoing,
    payload,
    raw,
    serve,
)

SENDER = "106540350000001"
BSUID = "US.13491208655302741918"
WAMID = "wamid.HBgLMTU1NTAxMDAxMjMVAgASGBQzQTAwMDAwMDAwMDAwMDAwMDA"
OURS = "wamid.HBgLMTU1NTAxMDAxMjMVAgARGBJPVVJTMDAwMDAwMDAwMDAwMDA"
AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def config(**more: Any) -> Config:
    values: dict[str, Any] = {
        "app_secrets": ["app_secret_123"],
        "verify_token": "verify-me",
        "senders": [{"phone_number_id": SENDER, "access_token": "token-1", "clinic": "c1"}],
    }
    return Config.model_validate({**values, **more})


def signed(body: bytes, secret: str = "app_secret_123") -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"x-hub-signature-256": f"sha256={digest}"}


# Verify


@pytest.mark.parametrize(
    ("secret", "body", "digest"),
    [
        (
            "app_secret_123",
            b'{"object":"whatsapp_business_account","entry":[]}',
            "02fe0c96d28c59ddb7cf81eff0ca05809b360ba73b63c28210b5906a0a107d1f",
        ),
        ("secret", b"test", "0329a06b62cd16b33eb6792be8c60b158d89a2ee3a876fce9a881ebb488c0914"),
    ],
)
def test_a_signature_of_the_raw_body_is_taken(secret: str, body: bytes, digest: str) -> None:
    verify(config(app_secrets=[secret]), raw(body, {"x-hub-signature-256": f"sha256={digest}"}))


def test_both_secrets_hold_while_they_are_rotated() -> None:
    rotating = config(app_secrets=["new", "old"])
    for secret in ("new", "old"):
        verify(rotating, raw(b"{}", signed(b"{}", secret)))


def test_the_bytes_are_signed_not_the_document() -> None:
    """Meta escapes what a serialiser of ours would not."""
    body = b'{"text":"\\u00e4\\/"}'
    verify(config(), raw(body, signed(body)))
    with pytest.raises(Forbidden):
        verify(config(), raw(json.dumps(json.loads(body)).encode(), signed(body)))


def test_no_signature_is_no_proof() -> None:
    for headers in ({}, {"x-hub-signature-256": ""}):
        with pytest.raises(Unauthenticated):
            verify(config(), raw(b"{}", headers))


@pytest.mark.parametrize("header", ["sha256=", "sha256=00", "sha1=00", "жжж", "\udc80", "sha256"])
def test_a_wrong_signature_is_refused(header: str) -> None:
    with pytest.raises(Forbidden):
        verify(config(), raw(b"{}", {"x-hub-signature-256": header}))


@given(st.binary(max_size=64), st.text(max_size=80))
def test_nothing_but_the_right_signature_passes(body: bytes, header: str) -> None:
    with pytest.raises((Forbidden, Unauthenticated)):
        verify(config(), raw(body, {"x-hub-signature-256": header}))


# Handshake


def subscribe(**query: str) -> Any:
    names = {name.replace("_", ".", 1): value for name, value in query.items()}
    return handshake(config(), raw(b"", method="GET", query=names))


def test_the_challenge_is_answered_as_plain_text() -> None:
    answer = subscribe(hub_mode="subscribe", hub_verify_token="verify-me", hub_challenge="<b>1")
    assert (answer.status, answer.body, answer.content_type) == (200, "<b>1", "text/plain")


@pytest.mark.parametrize(
    "query",
    [
        {"hub_mode": "subscribe", "hub_verify_token": "wrong", "hub_challenge": "1"},
        {"hub_mode": "subscribe", "hub_challenge": "1"},
        {"hub_mode": "subscribe", "hub_verify_token": "жж", "hub_challenge": "1"},
        {"hub_mode": "unsubscribe", "hub_verify_token": "verify-me", "hub_challenge": "1"},
    ],
)
def test_a_wrong_token_gets_nothing(query: dict[str, str]) -> None:
    answer = subscribe(**query)
    assert (answer.status, answer.body) == (403, "")


def test_other_requests_are_no_handshake() -> None:
    assert handshake(config(), raw(b"{}")) is None
    assert subscribe() is None


# Parse


def message(kind: str, text: str | None = None, **more: Any) -> InboundMessage:
    values: dict[str, Any] = {
        "id": WAMID,
        "channel": Channel.WHATSAPP,
        "sender": SENDER,
        "at": AT,
        "number": PATIENT,
        "account": BSUID,
        "kind": kind,
        "text": text,
    }
    return InboundMessage(**{**values, **more})


def receipt(kind: Receipt, **more: Any) -> InboundReceipt:
    values: dict[str, Any] = {
        "channel": Channel.WHATSAPP,
        "sender": SENDER,
        "provider_id": OURS,
        "opaque": "case|c1|2|A-1",
        "receipt": kind,
        "at": AT,
        "number": PATIENT,
        "account": BSUID,
    }
    return InboundReceipt(**{**values, **more})


SHAPES: dict[str, list[InboundMessage | InboundReceipt]] = {
    "text": [message("text", "1")],
    "text_quoted": [message("text", "Да, приду 👍", quoted=OURS)],
    "text_forwarded": [message("forwarded")],
    "text_frequently_forwarded": [message("forwarded")],
    "text_context_without_id": [message("text", "2")],
    "text_without_contacts": [message("text", "1", account=None)],
    "text_in_milliseconds": [message("text", "1")],
    "text_in_group": [],
    "text_without_number": [message("text", "1", number=None)],
    "text_account_in_from": [message("text", "1", number=None)],
    "text_number_by_contact": [message("text", "1")],
    "text_of_second_contact": [message("text", "1")],
    "text_with_half_an_emoji": [message("text", "ok \ufffd")],
    "button": [message("button", "Подтвердить", payload="v1.confirm.1.A-1", quoted=OURS)],
    "button_without_context": [message("button", "Отменить", payload="v1.cancel.1.A-1")],
    "button_reply": [
        message("button_reply", "Перенести", payload="v1.reschedule.1.A-1", quoted=OURS)
    ],
    "list_reply": [message("list_reply", "10:30", payload="v1.confirm.2.A-2", quoted=OURS)],
    "interactive_without_reply": [message("interactive")],
    "reaction": [message("reaction")],
    "reaction_removed": [],
    "image": [message("image")],
    "voice": [message("audio")],
    "document": [message("document", quoted=OURS)],
    "sticker": [message("sticker")],
    "location": [message("location")],
    "contact_card": [message("contacts")],
    "unsupported": [message("unsupported")],
    "number_changed": [],
    "edit": [message("edit", "3", id=WAMID + "E")],
    "revoke": [],
    "unknown_type": [message("hologram")],
    "status_sent": [receipt(Receipt.SENT)],
    "status_delivered": [receipt(Receipt.DELIVERED)],
    "status_read": [receipt(Receipt.READ)],
    "status_played": [receipt(Receipt.READ)],
    "status_deleted": [],
    "status_unknown": [],
    "status_failed_unreachable": [
        receipt(Receipt.FAILED, failure=Failure.IMPOSSIBLE, code="131026")
    ],
    "status_failed_window_closed": [
        receipt(Receipt.FAILED, failure=Failure.TEMPORARY, code="131047")
    ],
    "status_failed_unknown_code": [
        receipt(Receipt.FAILED, failure=Failure.REJECTED, code="139999", alert=True)
    ],
    "status_failed_without_errors": [
        receipt(Receipt.FAILED, failure=Failure.REJECTED, code="", alert=True)
    ],
    "status_without_recipient": [
        receipt(Receipt.DELIVERED, opaque=None, number=None, account=None)
    ],
    "status_to_account": [receipt(Receipt.DELIVERED, number=None)],
    "other_fields": [],
    "errors_only": [],
    "empty_change": [],
    "batch": [
        message("text", "1"),
        message("text", "да", id=WAMID + "1"),
        message(
            "text",
            "2",
            id=WAMID + "2",
            sender="106540350000002",
            number="+15550100124",
            account=None,
        ),
        receipt(Receipt.READ, sender="106540350000002"),
    ],
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_webhook_says(name: str) -> None:
    assert parse(raw(payload("whatsapp", name))) == SHAPES[name]


def test_every_recorded_payload_has_its_row() -> None:
    assert {path.stem for path in (PAYLOADS / "whatsapp").iterdir()} == set(SHAPES)


def test_what_has_no_sender_or_id_is_left_out() -> None:
    item = {"id": "wamid.1", "timestamp": "1795420800", "from": "15550100123", "type": "text"}
    status = {"status": "read", "timestamp": "1795420800"}
    for value in (
        {"messages": [item], "statuses": [{**status, "id": "wamid.1"}]},
        {"metadata": {"phone_number_id": "1"}, "messages": [{**item, "id": None}]},
        {"metadata": {"phone_number_id": "1"}, "messages": [{**item, "timestamp": "soon"}]},
        {"metadata": {"phone_number_id": "1"}, "messages": [{**item, "from": None}]},
        {"metadata": {"phone_number_id": "1"}, "statuses": [status]},
    ):
        document = {"entry": [{"changes": [{"field": "messages", "value": value}]}]}
        assert parse(raw(json.dumps(document).encode())) == []


@pytest.mark.rule("U-7")
@pytest.mark.parametrize(
    "name", ["reaction", "image", "voice", "document", "sticker", "location", "text_forwarded"]
)
def test_media_reactions_and_forwarded_words_never_carry_a_text(name: str) -> None:
    """A picture with the caption "1" is no answer."""
    [found] = parse(raw(payload("whatsapp", name)))
    assert isinstance(found, InboundMessage)
    assert (found.text, found.payload) == (None, None)


@pytest.mark.rule("U-7")
def test_a_reaction_does_not_say_which_visit_is_meant() -> None:
    """It names a message of ours, but a heart is no reply to "which visit?"."""
    [found] = parse(raw(payload("whatsapp", "reaction")))
    assert isinstance(found, InboundMessage)
    assert found.quoted is None


@pytest.mark.rule("C-11")
@pytest.mark.parametrize("name", ["text_quoted", "button", "button_reply"])
def test_a_quote_or_a_tap_tells_its_message(name: str) -> None:
    [found] = parse(raw(payload("whatsapp", name)))
    assert isinstance(found, InboundMessage)
    assert found.quoted == OURS


KEYS_OF_WEBHOOKS = [
    "entry",
    "changes",
    "value",
    "field",
    "messages",
    "statuses",
    "metadata",
    "id",
    "phone_number_id",
    "from",
    "type",
    "timestamp",
    "text",
    "body",
    "context",
    "errors",
    "code",
    "status",
    "interactive",
    "button_reply",
    "contacts",
    "system",
]
PARTS_OF_MESSAGES = [
    "text",
    "button",
    "interactive",
    "reaction",
    "edit",
    "system",
    "context",
    "status",
    "errors",
    "recipient_id",
    "from_user_id",
    "group_id",
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["messages", "text", "99999999999999", "sent", "US.1", "15550100123"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "entry",
                    "changes",
                    "value",
                    "field",
                    "messages",
                    "statuses",
                    "metadata",
                    "id",
                    "phone_number_id",
                    "from",
                    "type",
                    "timestamp",
                    "text",
                    "body",
                    "context",
                    "errors",
                    "code",
                    "status",
                    "interactive",
                    "button_reply",
                    "contacts",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=30,
)


def wrapped(inner: object) -> object:
    value = {"metadata": {"phone_number_id": "1"}, "messages": inner, "statuses": inner}
    return {"entry": [{"changes": [{"field": "messages", "value": value}]}]}


@given(JSON)
def test_parse_never_raises_on_any_json(document: object) -> None:
    for whole in (document, wrapped(document), wrapped([document])):
        parse(raw(json.dumps(whole).encode()))


@given(
    st.fixed_dictionaries(
        {"id": st.just("wamid.1"), "timestamp": JSON, "from": JSON, "type": JSON},
        optional={
            name: JSON
            for name in [
                "text",
                "button",
                "interactive",
                "reaction",
                "edit",
                "system",
                "context",
                "status",
                "errors",
                "recipient_id",
                "from_user_id",
                "group_id",
            ]
        },
    )
)
def test_parse_never_raises_on_any_message(item: dict[str, object]) -> None:
    for found in parse(raw(json.dumps(wrapped([item])).encode())):
        found.channel.encode()


@given(st.binary())
def test_parse_never_raises_on_any_bytes(body: bytes) -> None:
    assert parse(raw(body)) == []


@pytest.mark.parametrize("body", [b"[" * 100_000, b"1" * 5000, b'"\xff"', b""])
def test_parse_never_raises_on_traps(body: bytes) -> None:
    assert parse(raw(body)) == []


# Build


def built(out: Any = None, **more: Any) -> Any:
    settings = config(**more)
    return json.loads(build(settings, settings.senders[0], out or outgoing()).body)


def test_outside_a_session_a_template_with_payloads_goes() -> None:
    assert built() == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "15550100123",
        "biz_opaque_callback_data": "case|c1|2|A-1",
        "type": "template",
        "template": {
            "name": "callahead_confirmation_ru",
            "language": {"code": "ru"},
            "components": [
                {
                    "type": "body",
                    "parameters": [{"type": "text", "text": text} for text in CONTENT.parameters],
                },
                *(
                    {
                        "type": "button",
                        "sub_type": "quick_reply",
                        "index": str(index),
                        "parameters": [{"type": "payload", "payload": button.payload}],
                    }
                    for index, button in enumerate(CONTENT.buttons)
                ),
            ],
        },
    }


def test_the_request_names_the_sender_and_carries_its_token() -> None:
    settings = config(api_base="http://127.0.0.1:1/x", graph_version="v24.0")
    request = build(settings, settings.senders[0], outgoing())
    assert request.method == "POST"
    assert request.url == f"http://127.0.0.1:1/x/v24.0/{SENDER}/messages"
    assert request.headers["Authorization"] == "Bearer token-1"
    assert "token-1" not in repr(request) + repr(settings)
    assert "app_secret_123" not in repr(settings)
    assert PATIENT not in repr(request)


@pytest.mark.rule("C-9")
def test_in_a_session_the_text_has_buttons() -> None:
    interactive = built(outgoing(session_open=True))["interactive"]
    assert interactive["body"]["text"] == CONTENT.text
    assert [item["reply"] for item in interactive["action"]["buttons"]] == [
        {"id": button.payload, "title": button.title} for button in CONTENT.buttons
    ]


def test_in_a_session_a_message_without_buttons_is_text() -> None:
    body = built(outgoing(session_open=True, content=replace(CONTENT, buttons=())))
    assert body["type"] == "text"
    assert body["text"] == {"preview_url": False, "body": CONTENT.text}


def test_a_reply_quotes_the_message_it_answers() -> None:
    assert built(outgoing(session_open=True, reply_to=WAMID))["context"] == {"message_id": WAMID}


def test_a_long_text_goes_whole_without_buttons() -> None:
    text = CONTENT.text + "я" * 1024
    body = built(outgoing(session_open=True, content=replace(CONTENT, text=text)))
    assert body["text"]["body"] == text


def test_an_account_is_written_to_while_the_conversation_is_open() -> None:
    body = built(outgoing(session_open=True, account=BSUID))
    assert body["recipient"] == BSUID
    assert "to" not in body
    assert built(outgoing(to="", account=BSUID))["recipient"] == BSUID


def test_a_template_goes_to_the_number_of_the_schedule() -> None:
    """An account changes with the number; the schedule knows the present one."""
    body = built(outgoing(account=BSUID))
    assert body["to"] == "15550100123"
    assert "recipient" not in body


def test_a_template_may_take_facts_in_its_own_order() -> None:
    template = {"name": "visit_v2", "language": "ru_RU", "header": [0], "body": [2, 1]}
    shown = built(templates={"confirmation": {"ru": {**template, "buttons": False}}})["template"]
    assert (shown["name"], shown["language"]) == ("visit_v2", {"code": "ru_RU"})
    texts = [[p["text"] for p in part["parameters"]] for part in shown["components"]]
    assert texts == [["Здоровье"], ["https://clinic.example/v/abc", "24 ноября в 14:30"]]


def test_a_template_without_facts_has_no_components() -> None:
    content = replace(CONTENT, parameters=(), buttons=())
    assert "components" not in built(outgoing(content=content))["template"]


def test_parameters_have_no_breaks_tabs_or_runs_of_spaces() -> None:
    content = replace(CONTENT, parameters=("a\r\nb\tc", "d    e", " f  g"))
    parameters = built(outgoing(content=content))["template"]["components"][0]["parameters"]
    assert [item["text"] for item in parameters] == ["a b c", "d e", " f  g"]


@given(st.text(min_size=1, max_size=200).filter(str.strip))
def test_no_parameter_is_refused_for_its_white_space(text: str) -> None:
    content = replace(CONTENT, parameters=(text,))
    sent = built(outgoing(content=content))["template"]["components"][0]["parameters"][0]["text"]
    assert not set("\n\r\t") & set(sent)
    assert "    " not in sent


def test_names_of_templates_follow_the_convention() -> None:
    name = template_name("callahead_{template}_{language}", "acknowledgement.opt_out", "ru-RU")
    assert name == "callahead_acknowledgement_opt_out_ru_ru"


def test_without_a_convention_only_configured_templates_go() -> None:
    settings = config(template_convention=None, templates={"details": {"ru": {"name": "d"}}})
    details = template_of(settings, replace(CONTENT, template="details"))
    assert details == Template(name="d", language="ru")
    with pytest.raises(SendError) as caught:
        template_of(settings, CONTENT)
    assert (caught.value.failure, caught.value.code) == (Failure.REJECTED, "no_template")
    assert caught.value.alert


def button(title: str = "ok", text: str = "v1") -> Button:
    return Button(Answer.CONFIRM, title, text)


@pytest.mark.parametrize(
    ("out", "code"),
    [
        (outgoing(session_open=True, content=replace(CONTENT, text="x" * 4097)), "text_length"),
        (outgoing(session_open=True, content=replace(CONTENT, text=" ")), "text_length"),
        (
            outgoing(session_open=True, content=replace(CONTENT, buttons=(button(),) * 4)),
            "too_many_buttons",
        ),
        (
            outgoing(session_open=True, content=replace(CONTENT, buttons=(button("x" * 21),))),
            "button_title_length",
        ),
        (
            outgoing(content=replace(CONTENT, buttons=(button("ok", "x" * 129),))),
            "button_payload_length",
        ),
        (outgoing(content=replace(CONTENT, parameters=("x" * 1025,))), "parameter_length"),
        (outgoing(content=replace(CONTENT, parameters=("a", " "))), "parameter_length"),
        (outgoing(to="Anna"), "no_recipient"),
        (outgoing(to=""), "no_recipient"),
        (outgoing(opaque="x" * 513), "opaque_too_long"),
    ],
)
def test_what_cannot_be_said_whole_is_refused(out: Any, code: str) -> None:
    with pytest.raises(SendError) as caught:
        built(out)
    assert (caught.value.failure, caught.value.code) == (Failure.REJECTED, code)


def test_a_template_that_wants_a_missing_fact_is_refused() -> None:
    with pytest.raises(SendError, match="missing_parameter"):
        built(templates={"confirmation": {"ru": {"name": "x", "body": [7]}}})


@pytest.mark.parametrize(
    "wrong",
    [
        {"app_secrets": []},
        {"senders": []},
        {"api_base": "https://user@graph.facebook.com"},
        {"graph_version": "25"},
        {"senders": [{"phone_number_id": "x/y", "access_token": "secret-token", "clinic": "c1"}]},
        {"unknown": 1},
    ],
)
def test_a_wrong_configuration_is_refused_without_its_secrets(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        config(**wrong)
    assert "secret" not in str(caught.value).replace("app_secrets", "")


# Read


def answer(status: int, document: object = None, **headers: str) -> HttpResponse:
    body = b"<html>" if document is None else json.dumps(document).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status, names, body)


def error(code: object, **more: Any) -> dict[str, Any]:
    return {"error": {"message": f"(#{code})", "type": "OAuthException", "code": code, **more}}


def test_an_accepted_message_has_its_id() -> None:
    held = {"id": OURS, "message_status": "held_for_quality_assessment"}
    assert read(answer(200, {"messages": [held]})) == OURS
    assert read(answer(200, {"messages": []})) is None


FAILURES: list[tuple[HttpResponse, Failure | None, str, int | None, bool]] = [
    (answer(200), None, "unreadable_response", None, False),
    (answer(200, {"success": True}), None, "unreadable_response", None, False),
    (answer(502), None, "http_502", None, False),
    (answer(504), None, "http_504", None, False),
    (answer(500), Failure.TEMPORARY, "http_500", None, False),
    (answer(503, retry_after="7"), Failure.TEMPORARY, "http_503", 7, False),
    (answer(429), Failure.TEMPORARY, "http_429", None, False),
    (answer(302), Failure.REJECTED, "http_302", None, True),
    (answer(401), Failure.REJECTED, "http_401", None, True),
    (answer(403, error(None)), Failure.REJECTED, "http_403", None, True),
    (answer(400, error(131026)), Failure.IMPOSSIBLE, "131026", None, False),
    (answer(400, error(131047)), Failure.TEMPORARY, "131047", None, False),
    (answer(429, error(131056)), Failure.TEMPORARY, "131056", 6, False),
    (answer(429, error(131056), retry_after="60"), Failure.TEMPORARY, "131056", 60, False),
    (answer(400, error(130429)), Failure.TEMPORARY, "130429", None, False),
    (answer(400, error(131049)), Failure.REJECTED, "131049", None, True),
    (answer(400, error(131050)), Failure.REJECTED, "131050", None, False),
    (answer(504, error(2)), Failure.TEMPORARY, "2", None, False),
    (answer(400, error(190, error_subcode=463)), Failure.REJECTED, "190", None, True),
    (answer(400, error(250)), Failure.REJECTED, "250", None, True),
    (answer(404, error(132001)), Failure.REJECTED, "132001", None, True),
    (answer(400, error(132018)), Failure.REJECTED, "132018", None, True),
    (answer(400, error(100, error_data="a text")), Failure.REJECTED, "100", None, True),
    (answer(400, error(131030)), Failure.REJECTED, "131030", None, True),
    (answer(400, error(139999)), Failure.REJECTED, "139999", None, True),
    (answer(429, error(139999)), Failure.TEMPORARY, "139999", None, False),
    (answer(500, error(139999)), Failure.TEMPORARY, "139999", None, False),
    (answer(400, error("secret words")), Failure.REJECTED, "http_400", None, True),
]


@pytest.mark.rule("H-1", "H-2")
@pytest.mark.parametrize(
    ("response", "failure", "code", "pause", "alert"),
    FAILURES,
    ids=[f"{row[0].status}-{row[2]}-{row[3]}-{index}" for index, row in enumerate(FAILURES)],
)
def test_an_error_means(
    response: HttpResponse, failure: Failure | None, code: str, pause: int | None, alert: bool
) -> None:
    with pytest.raises(SendError) as caught:
        read(response)
    found = caught.value
    assert (found.failure, found.code) == (failure, code)
    assert (found.retry_after_s, found.alert) == (pause, alert)


def usage(minutes: object) -> str:
    return json.dumps(
        {"102290": [{"type": "whatsapp", "estimated_time_to_regain_access": minutes}]}
    )


@pytest.mark.parametrize(
    ("minutes", "pause"), [(7, 420), (0, None), ("x", None), (10**9, 24 * 3600)]
)
def test_the_usage_header_counts_minutes(minutes: object, pause: int | None) -> None:
    with pytest.raises(SendError) as caught:
        read(answer(429, error(80007), x_business_use_case_usage=usage(minutes)))
    assert caught.value.retry_after_s == pause


@given(st.integers(100, 599), st.binary(max_size=40), st.text(max_size=20))
def test_reading_raises_nothing_but_send_error(status: int, body: bytes, header: str) -> None:
    headers = {"retry-after": header, "x-business-use-case-usage": header}
    with contextlib.suppress(SendError):
        read(HttpResponse(status, headers, body))


# The channel


@pytest.mark.rule("H-2")
async def test_a_closed_conversation_is_reopened_by_a_template_once() -> None:
    provider = Recorder()
    provider.answer(400, error(131047))
    server, client = await serve(provider.app), HttpClient()
    channel = WhatsAppCloud(config(api_base=address(server)), client)
    with pytest.raises(SendError, match="131047"):
        await channel.send(outgoing(session_open=True, account=BSUID))
    first, second = [json.loads(request[3]) for request in provider.requests]
    assert (first["type"], first["recipient"]) == ("interactive", BSUID)
    assert (second["type"], second["to"]) == ("template", "15550100123")
    with pytest.raises(SendError, match="131047"):
        await channel.send(outgoing())
    assert len(provider.requests) == 3
    await client.close()
    await server.close()


async def test_the_sender_of_the_branch_speaks_before_that_of_the_clinic() -> None:
    senders = [
        {"phone_number_id": "1", "access_token": "t1", "clinic": "c1"},
        {"phone_number_id": "2", "access_token": "t2", "clinic": "c1", "branches": ["b2"]},
        {"phone_number_id": "3", "access_token": "t3", "clinic": "c2", "branches": ["b1"]},
    ]
    provider = Recorder()
    provider.answer(200, {"messages": [{"id": OURS}]})
    server, client = await serve(provider.app), HttpClient()
    channel = WhatsAppCloud(config(api_base=address(server), senders=senders), client)
    assert await channel.send(outgoing(branch="b1")) == OURS
    assert await channel.send(outgoing(branch="b2")) == OURS
    paths = [request[1] for request in provider.requests]
    assert paths == ["/v25.0/1/messages", "/v25.0/2/messages"]
    assert channel.serves("c2", "b1")
    assert not channel.serves("c2", "b2")
    with pytest.raises(SendError, match="no_sender"):
        await channel.send(outgoing(clinic="c3"))
    await channel.close()
    await client.close()
    await server.close()


def test_the_channel_is_its_own_webhook() -> None:
    channel = WhatsAppCloud(config(), HttpClient())
    body = payload("whatsapp", "text")
    channel.verify(raw(body, signed(body)))
    assert channel.parse(raw(body)) == SHAPES["text"]
    assert channel.handshake(raw(body)) is None
    assert channel.channel is CAPABILITIES.channel
