"""Firebase: every request, every error; nothing is guessed."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.http import HttpClient, HttpResponse
from adapters.messaging.push_fcm import (
    CAPABILITIES,
    Config,
    PushFcm,
    build,
    collapse_key,
    read,
)
from adapters.messaging.sandbox_push_fcm import FcmWorld
from gateway.core.events import Failure
from gateway.core.model import Channel
from gateway.errors import InvalidInput
from gateway.ports.messaging import SendError
from tests.adapters.support import CONTENT, START, ManualClock, outgoing

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
DEVICE = "fcm-registration-token-1"
PUSH = replace(CONTENT, buttons=())
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


def config(**more: Any) -> Config:
    sender = {"service_account": "{}", "clinic": "c1", **more}
    return Config.model_validate({"senders": [sender]})


def message(**more: Any) -> Any:
    values = {"channel": Channel.PUSH, "account": DEVICE, "content": PUSH, **more}
    return outgoing(**values)


def built(out: Any, **more: Any) -> dict[str, Any]:
    settings = config(**more)
    request = build(settings, settings.senders[0], "p1", "access", out, START)
    return dict(json.loads(request.body)["message"])


# Build


def test_a_notification_goes_to_the_phone_and_names_the_visit() -> None:
    settings, out = config(title="Здоровье"), message()
    request = build(settings, settings.senders[0], "p1", "access-1", out, START)
    assert request.url == "https://fcm.googleapis.com/v1/projects/p1/messages:send"
    assert request.headers["Authorization"] == "Bearer access-1"
    tag = collapse_key(out)
    assert json.loads(request.body) == {
        "message": {
            "token": DEVICE,
            "notification": {"title": "Здоровье", "body": CONTENT.text},
            "data": {
                "kind": "confirmation",
                "branch": "b1",
                "appointment": "A-1",
                "link": CONTENT.link,
            },
            "android": {"priority": "HIGH", "ttl": "7200s", "collapse_key": tag},
            "apns": {
                "headers": {
                    "apns-priority": "10",
                    "apns-expiration": str(int((START + timedelta(hours=2)).timestamp())),
                    "apns-collapse-id": tag,
                }
            },
        }
    }
    told = repr(request) + repr(settings)
    assert DEVICE not in told
    assert "access-1" not in told


def test_without_a_title_the_phone_shows_the_apps_name() -> None:
    content = replace(PUSH, link=None)
    shown = built(message(opaque="contact|c1|1|+15550100123", content=content), ttl_s=600)
    assert shown["notification"] == {"body": CONTENT.text}
    assert shown["data"] == {"kind": "confirmation", "branch": "b1"}
    assert shown["android"]["ttl"] == "600s"


@pytest.mark.rule("G-9")
def test_a_newer_notification_takes_the_place_of_an_older_one_of_the_same_visit() -> None:
    first, second = message(opaque="case|c1|1|A-1"), message(opaque="case|c1|2|A-1")
    others = [message(opaque="case|c1|1|A-2"), message(clinic="c2"), message(opaque="what?")]
    assert collapse_key(first) == collapse_key(second)
    assert len({collapse_key(out) for out in (first, *others)}) == 4
    assert "A-1" not in collapse_key(first)
    assert len(collapse_key(first)) <= 64  # an APNs identifier holds no more


@pytest.mark.parametrize(
    ("out", "failure", "code"),
    [
        (message(account=None), Failure.IMPOSSIBLE, "no_account"),
        (message(account="two words"), Failure.IMPOSSIBLE, "no_account"),
        (message(content=replace(PUSH, text=" ")), Failure.REJECTED, "text_length"),
        (message(content=replace(PUSH, text="x" * 1001)), Failure.REJECTED, "text_length"),
        (message(content=CONTENT), Failure.REJECTED, "too_many_buttons"),
        (
            message(content=replace(PUSH, text="😀" * 1000, link="https://x.example/" + "x" * 300)),
            Failure.REJECTED,
            "payload_too_big",
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


def error(status: str, *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"message": "words", "status": status, "details": list(details)}}


def fcm(code: str) -> dict[str, Any]:
    return {"@type": FCM_ERROR, "errorCode": code}


def violation(field: str) -> dict[str, Any]:
    return {"@type": BAD_REQUEST, "fieldViolations": [{"field": field, "description": "x"}]}


def test_an_accepted_message_has_its_name() -> None:
    assert read(answer(200, {"name": "projects/p/messages/1"}), START) == "projects/p/messages/1"


INVALID = fcm("INVALID_ARGUMENT")
FAILURES: list[tuple[HttpResponse, Failure | None, str, int | None, bool]] = [
    (answer(200), None, "unreadable_response", None, False),
    (answer(502), None, "http_502", None, False),
    (answer(504), None, "http_504", None, False),
    (answer(500), Failure.TEMPORARY, "http_500", None, False),
    (
        answer(404, error("NOT_FOUND", fcm("UNREGISTERED"))),
        Failure.IMPOSSIBLE,
        "UNREGISTERED",
        None,
        False,
    ),
    (
        answer(403, error("PERMISSION_DENIED", fcm("SENDER_ID_MISMATCH"))),
        Failure.IMPOSSIBLE,
        "SENDER_ID_MISMATCH",
        None,
        True,
    ),
    (
        answer(400, error("INVALID_ARGUMENT", INVALID)),
        Failure.IMPOSSIBLE,
        "INVALID_ARGUMENT",
        None,
        False,
    ),
    (
        answer(400, error("INVALID_ARGUMENT", INVALID, violation("message.token"))),
        Failure.IMPOSSIBLE,
        "INVALID_ARGUMENT",
        None,
        False,
    ),
    (
        answer(400, error("INVALID_ARGUMENT", violation("message.data[0].value"))),
        Failure.REJECTED,
        "INVALID_ARGUMENT",
        None,
        True,
    ),
    (
        answer(429, error("RESOURCE_EXHAUSTED", fcm("QUOTA_EXCEEDED")), retry_after="61"),
        Failure.TEMPORARY,
        "QUOTA_EXCEEDED",
        61,
        False,
    ),
    (answer(503, error("UNAVAILABLE")), Failure.TEMPORARY, "UNAVAILABLE", 10, False),
    (
        answer(503, error("UNAVAILABLE"), retry_after="Mon, 23 Nov 2026 08:02:00 GMT"),
        Failure.TEMPORARY,
        "UNAVAILABLE",
        120,
        False,
    ),
    (answer(500, error("INTERNAL")), Failure.TEMPORARY, "INTERNAL", None, False),
    (
        answer(401, error("UNAUTHENTICATED", fcm("THIRD_PARTY_AUTH_ERROR"))),
        Failure.REJECTED,
        "THIRD_PARTY_AUTH_ERROR",
        None,
        True,
    ),
    (answer(401, error("UNAUTHENTICATED")), Failure.REJECTED, "UNAUTHENTICATED", None, True),
    (answer(404, error("NOT_FOUND")), Failure.REJECTED, "NOT_FOUND", None, True),
    (answer(418), Failure.REJECTED, "http_418", None, True),
]


@pytest.mark.rule("H-1", "H-2")
@pytest.mark.parametrize(
    ("response", "failure", "code", "pause", "alert"),
    FAILURES,
    ids=[f"{row[0].status}-{row[2]}-{index}" for index, row in enumerate(FAILURES)],
)
def test_an_error_means(
    response: HttpResponse, failure: Failure | None, code: str, pause: int | None, alert: bool
) -> None:
    with pytest.raises(SendError) as caught:
        read(response, START)
    found = caught.value
    assert (found.failure, found.code) == (failure, code)
    assert (found.retry_after_s, found.alert) == (pause, alert)


@given(st.integers(100, 599), st.binary(max_size=40))
def test_reading_raises_nothing_but_send_error(status: int, body: bytes) -> None:
    with contextlib.suppress(SendError):
        read(HttpResponse(status, {}, body), START)


# The channel


def test_every_key_file_that_cannot_be_read_is_told_by_field() -> None:
    good = {"service_account": FcmWorld(ManualClock(), key=KEY).service_account, "clinic": "c1"}
    bad = {"service_account": '{"private_key": "secret"}', "clinic": "c2"}
    settings = Config.model_validate({"senders": [bad, good, bad]})
    with pytest.raises(InvalidInput) as caught:
        PushFcm(settings, HttpClient(), ManualClock())
    fields = [problem.field for problem in caught.value.problems]
    assert fields == ["senders.0.service_account", "senders.2.service_account"]
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong", [{"ttl_s": 1}, {"title": ""}, {"api_key": "secret"}, {"service_account": None}]
)
def test_a_wrong_configuration_is_refused_without_its_secrets(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        config(**wrong)
    assert "secret" not in str(caught.value)


def test_the_capabilities_are_those_of_a_push() -> None:
    assert CAPABILITIES.channel is PushFcm.channel
    assert (CAPABILITIES.receives, CAPABILITIES.receipts) == (False, frozenset())
