"""MTS Exolve: every callback, every request, every error; words that are not known stay unknown."""

from __future__ import annotations

import contextlib
import json
import logging
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.http import HttpClient, HttpResponse
from adapters.messaging.sms_exolve import Config as ExolveConfig
from adapters.messaging.sms_exolve import SmsExolve, build, parse, read, verify
from gateway.core.events import Failure, Receipt
from gateway.core.model import Channel
from gateway.errors import Forbidden, InvalidInput, Unauthenticated
from gateway.ports.messaging import InboundMessage, InboundReceipt, SendError
from gateway.ports.webhook import RawRequest
from tests.adapters.support import (
    CONTENT,
    PATIENT,
    PAYLOADS,
    START,
    ManualClock,
    outgoing,
    payload,
    raw,
)

KEY, OTHER_KEY = "a-long-callback-key", "another-long-callback-key"
SENDER = {
    "number": "+15550100001",
    "api_key": "api-key-1",
    "callback_keys": [KEY],
    "clinic": "c1",
}
SECOND = {**SENDER, "number": "+15550100002", "clinic": "c2", "callback_keys": [OTHER_KEY]}
NAMED = {**SENDER, "number": "Clinic", "branches": ["b2"]}
WORDS = {
    "WORD_SENT": "sent",
    "WORD_DELIVERED": "delivered",
    "WORD_FAILED": "failed",
    "WORD_UNREACHABLE": "unreachable",
}


def config(**more: Any) -> ExolveConfig:
    values: dict[str, Any] = {
        "senders": [SENDER, SECOND, NAMED],
        "delivery_statuses": WORDS,
        "refusals": {"bad_number": "unreachable", "17": "temporary", "no_money": "rejected"},
    }
    return ExolveConfig.model_validate({**values, **more})


def callback(body: bytes, key: str | None = KEY) -> RawRequest:
    return raw(body, query={} if key is None else {"key": key})


# Verify


def test_the_key_in_the_address_is_the_proof() -> None:
    for key in (KEY, OTHER_KEY):
        verify(config(), callback(b"{}", key))


def test_old_and_new_keys_hold_while_they_are_replaced() -> None:
    both = config(senders=[{**SENDER, "callback_keys": ["the-new-callback-key", KEY]}])
    for key in (KEY, "the-new-callback-key"):
        verify(both, callback(b"{}", key))


@pytest.mark.parametrize("key", [None, ""])
def test_no_key_is_no_proof(key: str | None) -> None:
    with pytest.raises(Unauthenticated):
        verify(config(), callback(b"{}", key))


@given(st.text(min_size=1, max_size=40))
def test_nothing_but_a_key_passes(key: str) -> None:
    with pytest.raises(Forbidden):
        verify(config(), callback(b"{}", key))


# Parse


def message(text: str | None = "1", **more: Any) -> InboundMessage:
    values: dict[str, Any] = {
        "id": "439166538239448536",
        "channel": Channel.SMS,
        "sender": "+15550100001",
        "at": START,
        "number": PATIENT,
        "account": None,
        "kind": "text",
        "text": text,
    }
    return InboundMessage(**{**values, **more})


def receipt(kind: Receipt, **more: Any) -> InboundReceipt:
    values: dict[str, Any] = {
        "channel": Channel.SMS,
        "sender": "+15550100001",
        "provider_id": "439166538239448537",
        "opaque": None,
        "receipt": kind,
        "at": START,
        "number": PATIENT,
    }
    return InboundReceipt(**{**values, **more})


UNREACHABLE = {"failure": Failure.IMPOSSIBLE, "code": "WORD_UNREACHABLE"}
SHAPES: dict[str, list[InboundMessage | InboundReceipt]] = {
    "incoming": [message()],
    "incoming_unbilled": [message()],
    "incoming_with_plus": [message()],
    "incoming_numbers_as_numbers": [message()],
    "incoming_from_a_name": [],
    "incoming_empty": [message(None)],
    "incoming_without_id": [],
    "incoming_to_nobody": [],
    "incoming_of_another_sender": [],
    "outgoing_sent": [receipt(Receipt.SENT)],
    "outgoing_delivered": [receipt(Receipt.DELIVERED)],
    "outgoing_failed": [receipt(Receipt.FAILED, code="WORD_FAILED")],
    "outgoing_unreachable": [receipt(Receipt.FAILED, **UNREACHABLE)],
    "outgoing_unknown_word": [],
    "outgoing_without_status": [],
    "outgoing_from_a_name": [receipt(Receipt.DELIVERED, sender="Clinic")],
    "direction_unknown": [],
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_callback_says(name: str) -> None:
    assert parse(config(), callback(payload("exolve", name)), START) == SHAPES[name]


def test_every_recorded_payload_has_its_row() -> None:
    assert {path.stem for path in (PAYLOADS / "exolve").iterdir()} == set(SHAPES)


def test_a_key_speaks_for_its_own_sender_only() -> None:
    """A clinic that knows its own key cannot answer for another clinic's patients."""
    body = payload("exolve", "incoming")
    assert parse(config(), callback(body, OTHER_KEY), START) == []
    other = callback(payload("exolve", "incoming_of_another_sender"), OTHER_KEY)
    assert parse(config(), other, START) == [message(sender="+15550100002")]


def test_a_message_that_comes_again_while_it_is_billed_has_the_same_id() -> None:
    first = parse(config(), callback(payload("exolve", "incoming_unbilled")), START)
    second = parse(config(), callback(payload("exolve", "incoming")), START)
    assert first == second


def test_a_word_that_the_settings_lack_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    channel = SmsExolve(config(), HttpClient(), ManualClock())
    assert channel.parse(callback(payload("exolve", "outgoing_unknown_word"))) == []
    [record] = caplog.records
    assert (record.levelno, vars(record)["status"]) == (logging.WARNING, "WORD_NEW")
    caplog.clear()
    channel.parse(callback(json.dumps({"delivery_status": "to +15550100123"}).encode()))
    assert not caplog.records


KEYS = ("direction", "sender", "receiver", "text", "message_id", "delivery_status")
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["DIRECTION_INCOMING", "DIRECTION_OUTGOING", "15550100001", "WORD_SENT"]),
    st.lists(st.integers(), max_size=2),
)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_parse_never_raises_on_any_document(document: dict[str, object]) -> None:
    for found in parse(config(), callback(json.dumps(document).encode()), START):
        assert found.sender == "+15550100001"


@given(st.binary())
def test_parse_never_raises_on_any_bytes(body: bytes) -> None:
    assert parse(config(), callback(body), START) == []


# Build


def test_a_message_is_one_small_document() -> None:
    settings = config()
    request = build(settings, settings.senders[0], outgoing(channel=Channel.SMS))
    assert (request.method, request.url) == ("POST", "https://api.exolve.ru/messaging/v1/SendSMS")
    assert request.headers["Authorization"] == "Bearer api-key-1"
    assert json.loads(request.body) == {
        "number": "15550100001",
        "destination": PATIENT.lstrip("+"),
        "text": CONTENT.text,
    }


def test_a_name_is_sent_as_it_is() -> None:
    settings = config()
    request = build(settings, settings.senders[2], outgoing(channel=Channel.SMS))
    assert json.loads(request.body)["number"] == "Clinic"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"content": replace(CONTENT, text="x" * 1001)}, "text_length"),
        ({"content": replace(CONTENT, text=" \n")}, "text_length"),
        ({"to": "Anna"}, "no_recipient"),
        ({"to": ""}, "no_recipient"),
    ],
)
def test_what_cannot_be_said_whole_is_refused(changes: dict[str, Any], code: str) -> None:
    settings = config()
    with pytest.raises(SendError) as caught:
        build(settings, settings.senders[0], outgoing(channel=Channel.SMS, **changes))
    assert (caught.value.failure, caught.value.code) == (Failure.REJECTED, code)


@pytest.mark.parametrize(
    "wrong",
    [
        {"senders": []},
        {"senders": [{**SENDER, "number": "8 900 1"}]},
        {"senders": [{**SENDER, "number": "TooLongAName"}]},
        {"senders": [{**SENDER, "callback_keys": ["secret-short"]}]},
        {"senders": [{**SENDER, "callback_keys": []}]},
        {"delivery_statuses": {"X": "perhaps"}},
        {"refusals": {"X": "sent"}},
        {"api_base": "https://user@api.exolve.ru"},
        {"unknown": 1},
    ],
)
def test_a_wrong_configuration_is_refused_without_its_secrets(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        config(**wrong)
    for secret in ("secret-short", "api-key-1", KEY):
        assert secret not in str(caught.value)


def test_one_number_cannot_speak_for_two_clinics() -> None:
    twice = config(senders=[SENDER, {**SENDER, "clinic": "c2"}])
    with pytest.raises(InvalidInput, match=r"senders\.1\.clinic"):
        SmsExolve(twice, HttpClient(), ManualClock())


# Read


def answer(status: int, document: object = None, **headers: str) -> HttpResponse:
    body = b"<html>" if document is None else json.dumps(document).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status, names, body)


@pytest.mark.parametrize("message_id", ["439166538239448536", 439166538239448536])
def test_an_accepted_message_has_its_id(message_id: object) -> None:
    assert read(config(), answer(200, {"message_id": message_id})) == "439166538239448536"


FAILURES: list[tuple[HttpResponse, Failure | None, str, int | None, bool]] = [
    (answer(200), None, "unreadable_response", None, False),
    (answer(200, {"message_id": None}), None, "unreadable_response", None, False),
    (answer(502), None, "http_502", None, False),
    (answer(504), None, "http_504", None, False),
    (answer(502, {"error": "x"}), Failure.TEMPORARY, "http_502", None, False),
    (answer(500), Failure.TEMPORARY, "http_500", None, False),
    (answer(503, retry_after="7"), Failure.TEMPORARY, "http_503", 7, False),
    (answer(429, retry_after="9"), Failure.TEMPORARY, "http_429", 9, False),
    (answer(302), Failure.REJECTED, "http_302", None, True),
    (answer(401), Failure.REJECTED, "http_401", None, True),
    (answer(400, {"error": "secret words"}), Failure.REJECTED, "http_400", None, True),
    (answer(400, {"error": "bad_number"}), Failure.IMPOSSIBLE, "http_400", None, False),
    (answer(400, {"error": {"code": "bad_number"}}), Failure.IMPOSSIBLE, "http_400", None, False),
    (answer(400, {"code": 17}, retry_after="5"), Failure.TEMPORARY, "http_400", 5, False),
    (answer(400, {"message": "no_money"}), Failure.REJECTED, "http_400", None, False),
]


@pytest.mark.rule("H-1", "H-2")
@pytest.mark.parametrize(
    ("response", "failure", "code", "pause", "alert"),
    FAILURES,
    ids=[f"{row[0].status}-{index}" for index, row in enumerate(FAILURES)],
)
def test_an_error_means(
    response: HttpResponse, failure: Failure | None, code: str, pause: int | None, alert: bool
) -> None:
    with pytest.raises(SendError) as caught:
        read(config(), response)
    found = caught.value
    assert (found.failure, found.code) == (
        failure,
        code,
    )
    assert (found.retry_after_s, found.alert) == (pause, alert)


@given(st.integers(100, 599), st.binary(max_size=40), st.text(max_size=20))
def test_reading_raises_nothing_but_send_error(status: int, body: bytes, header: str) -> None:
    with contextlib.suppress(SendError):
        read(config(), HttpResponse(status, {"retry-after": header}, body))


# The channel


async def test_the_sender_of_the_branch_speaks_before_that_of_the_clinic() -> None:
    channel = SmsExolve(config(), HttpClient(), ManualClock())
    assert channel.senders == {"+15550100001": "c1", "+15550100002": "c2"}
    assert channel.serves("c1", "b1")
    assert not channel.serves("c3", "b1")
    with pytest.raises(SendError, match="no_sender"):
        await channel.send(outgoing(channel=Channel.SMS, clinic="c3"))
    assert channel.handshake(raw(b"", method="GET")) is None
    await channel.close()
