"""The clinic app's backend: every report, every request, every answer; nothing is guessed."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.http import HttpClient, HttpResponse
from adapters.messaging.push_backend import (
    CAPABILITIES,
    Config,
    PushBackend,
    build,
    notification_id,
    parse,
    read,
    verify,
)
from adapters.standard_webhooks import headers_of, key_of
from gateway.core.case import Button
from gateway.core.events import Failure, Receipt
from gateway.core.model import Answer, Channel
from gateway.errors import Forbidden, InvalidInput, Unauthenticated
from gateway.ports.messaging import InboundReceipt, SendError
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

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
NOW = START
SENDER: dict[str, Any] = {
    "name": "zdorovie",
    "url": "https://app.clinic.example/notifications",
    "secrets": [SECRET],
    "clinic": "c1",
}


def config(**more: Any) -> Config:
    return Config.model_validate({"senders": [SENDER], **more})


SETTINGS = config()


def message(**more: Any) -> Any:
    return outgoing(**{"channel": Channel.PUSH, **more})


def report(body: bytes, sender: str = "zdorovie", secret: str = SECRET, **more: Any) -> Any:
    headers = headers_of([key_of(secret)], "rpt_1", NOW, body)
    return raw(body, headers, query={"sender": sender}, **more)


# Verify


def test_a_report_is_taken_from_the_backend_that_its_address_names() -> None:
    verify(SETTINGS, report(b"{}"), NOW)


def test_both_secrets_hold_while_they_change() -> None:
    rotating = config(senders=[{**SENDER, "secrets": [OTHER, SECRET]}])
    for secret in (SECRET, OTHER):
        verify(rotating, report(b"{}", secret=secret), NOW)


def test_no_signature_is_no_proof() -> None:
    for sender in ("zdorovie", "nobody"):
        with pytest.raises(Unauthenticated):
            verify(SETTINGS, raw(b"{}", query={"sender": sender}), NOW)


def test_another_backends_signature_is_none() -> None:
    both = config(senders=[SENDER, {**SENDER, "name": "b2", "clinic": "c2", "secrets": [OTHER]}])
    verify(both, report(b"{}", "b2", OTHER), NOW)
    for sender in ("zdorovie", "nobody", ""):
        with pytest.raises(Forbidden):
            verify(both, report(b"{}", sender, OTHER), NOW)


def test_an_old_report_is_refused() -> None:
    with pytest.raises(Forbidden):
        verify(SETTINGS, report(b"{}"), NOW + timedelta(seconds=301))


# Parse


def receipt(kind: Receipt, **more: Any) -> InboundReceipt:
    values: dict[str, Any] = {
        "channel": Channel.PUSH,
        "sender": "zdorovie",
        "provider_id": "zdorovie:ntf_1",
        "opaque": "case|c1|2|A-1",
        "receipt": kind,
        "at": NOW,
    }
    return InboundReceipt(**{**values, **more})


READ = receipt(Receipt.READ)
SHAPES: dict[str, list[InboundReceipt]] = {
    "sent": [receipt(Receipt.SENT)],
    "delivered": [receipt(Receipt.DELIVERED)],
    "read": [READ],
    "failed_no_device": [
        receipt(Receipt.FAILED, failure=Failure.IMPOSSIBLE, code="no_device"),
    ],
    "failed_otherwise": [receipt(Receipt.FAILED, code="payload_too_big")],
    "failed_without_code": [receipt(Receipt.FAILED)],
    "without_reference": [receipt(Receipt.READ, opaque=None)],
    "without_id": [receipt(Receipt.READ, provider_id="")],
    "without_both": [],
    "of_another_clinic": [],
    "with_strange_reference": [receipt(Receipt.READ, opaque=None)],
    "without_zone": [READ],
    "unknown_status": [],
    "unknown_type": [],
}


@pytest.mark.rule("H-4")
@pytest.mark.parametrize("name", SHAPES)
def test_a_report_says(name: str) -> None:
    assert parse(SETTINGS, report(payload("push_backend", name))) == SHAPES[name]


def test_every_recorded_payload_has_its_row() -> None:
    assert {path.stem for path in (PAYLOADS / "push_backend").iterdir()} == set(SHAPES)


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=8) | st.sampled_from(["read", "case|c1|2|A"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "reference", "status", "code"]), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(JSON, JSON)
def test_parse_never_raises_on_any_json(data: Any, moment: Any) -> None:
    document = {"type": "notification.status", "timestamp": moment, "data": data}
    for body in (data, document):
        parse(SETTINGS, report(json.dumps(body).encode()))


# Build


def built(out: Any) -> dict[str, Any]:
    return dict(json.loads(build(SETTINGS.senders[0], out, NOW).body))


@pytest.mark.rule("C-9")
def test_a_request_names_the_patient_the_visit_and_what_to_show() -> None:
    out = message(account="device-1")
    assert built(out) == {
        "type": "notification.requested",
        "timestamp": "2026-11-23T08:00:00+00:00",
        "data": {
            "id": notification_id(out),
            "reference": "case|c1|2|A-1",
            "number": PATIENT,
            "account": "device-1",
            "appointment": "A-1",
            "branch": "b1",
            "kind": "confirmation",
            "language": "ru",
            "text": CONTENT.text,
            "link": CONTENT.link,
            "actions": [
                {"answer": button.answer.value, "title": button.title, "payload": button.payload}
                for button in CONTENT.buttons
            ],
        },
    }


def test_a_message_of_a_number_alone_names_no_visit() -> None:
    assert built(message(opaque="contact|c1|1|+15550100123"))["data"]["appointment"] is None
    assert built(message(opaque="what?"))["data"]["appointment"] is None


def test_the_specifications_own_library_takes_the_signature() -> None:
    request = build(SETTINGS.senders[0], message(), datetime.now(UTC))
    standardwebhooks.Webhook(SECRET).verify(request.body, dict(request.headers))
    told = repr(request) + repr(SETTINGS)
    assert SECRET not in told
    assert PATIENT not in told


@pytest.mark.rule("G-6")
def test_every_try_of_a_message_has_its_id_and_other_messages_have_others() -> None:
    """A backend that sees an id twice sends once, so a lost answer doubles nothing."""
    first = build(SETTINGS.senders[0], message(), NOW).headers["webhook-id"]
    later = build(SETTINGS.senders[0], message(), NOW + timedelta(hours=1)).headers["webhook-id"]
    assert first == later
    others = [message(), message(opaque="case|c1|3|A-1"), message(clinic="c2")]
    assert len({notification_id(out) for out in others}) == 3
    assert "A-1" not in first


def button(title: str = "ok", text: str = "v1") -> Button:
    return Button(Answer.CONFIRM, title, text)


@pytest.mark.parametrize(
    ("out", "code"),
    [
        (message(opaque="x" * 513), "opaque_too_long"),
        (message(content=replace(CONTENT, text=" ")), "text_length"),
        (message(content=replace(CONTENT, text="x" * 2001)), "text_length"),
        (message(content=replace(CONTENT, buttons=(button(),) * 4)), "too_many_buttons"),
        (message(content=replace(CONTENT, buttons=(button("x" * 41),))), "button_title_length"),
        (
            message(content=replace(CONTENT, buttons=(button("ok", "x" * 301),))),
            "button_payload_length",
        ),
    ],
)
def test_what_cannot_be_said_whole_is_refused(out: Any, code: str) -> None:
    with pytest.raises(SendError) as caught:
        built(out)
    assert (caught.value.failure, caught.value.code) == (Failure.REJECTED, code)


# Read


def answer(status: int, document: object = None, **headers: str) -> HttpResponse:
    body = b"<html>" if document is None else json.dumps(document).encode()
    return HttpResponse(status, {k.replace("_", "-"): v for k, v in headers.items()}, body)


def test_an_accepted_request_has_the_backends_own_id_or_ours() -> None:
    sender = SETTINGS.senders[0]
    assert read(sender, "ntf_1", answer(202, {"id": "x7"}), NOW) == "zdorovie:x7"
    for response in (answer(204), answer(200, {"id": ""}), answer(200, [1])):
        assert read(sender, "ntf_1", response, NOW) == "zdorovie:ntf_1"


@pytest.mark.rule("H-1", "H-2")
@pytest.mark.parametrize(
    ("response", "failure", "code", "pause", "alert"),
    [
        (answer(422, {"code": "no_device"}), Failure.IMPOSSIBLE, "no_device", None, False),
        (answer(422, {"code": "push_off"}), Failure.IMPOSSIBLE, "push_off", None, False),
        (answer(422, {"code": "other"}), Failure.REJECTED, "http_422", None, False),
        (answer(422), Failure.REJECTED, "http_422", None, False),
        (answer(429, retry_after="7"), Failure.TEMPORARY, "http_429", 7, False),
        (
            answer(503, retry_after="Mon, 23 Nov 2026 08:02:00 GMT"),
            Failure.TEMPORARY,
            "http_503",
            120,
            False,
        ),
        (answer(502), Failure.TEMPORARY, "http_502", None, False),
        (answer(307, location="/"), Failure.REJECTED, "http_307", None, True),
        (answer(401), Failure.REJECTED, "http_401", None, True),
        (answer(404), Failure.REJECTED, "http_404", None, True),
        (answer(410), Failure.REJECTED, "http_410", None, True),
    ],
)
def test_an_answer_means(
    response: HttpResponse, failure: Failure, code: str, pause: int | None, alert: bool
) -> None:
    with pytest.raises(SendError) as caught:
        read(SETTINGS.senders[0], "ntf_1", response, NOW)
    found = caught.value
    assert (found.failure, found.code) == (failure, code)
    assert (found.retry_after_s, found.alert) == (pause, alert)


@given(st.integers(100, 599), st.binary(max_size=40), st.text(max_size=20))
def test_reading_raises_nothing_but_send_error(status: int, body: bytes, header: str) -> None:
    with contextlib.suppress(SendError):
        read(SETTINGS.senders[0], "n", HttpResponse(status, {"retry-after": header}, body), NOW)


# The channel


def channel(**more: Any) -> PushBackend:
    settings = config(senders=[{**SENDER, **more}])
    return PushBackend(settings, HttpClient(), ManualClock())


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"url": "http://app.clinic.example/"}, "senders.0.url"),
        ({"url": "https://10.0.0.5/"}, "senders.0.url"),
        ({"secrets": ["too-weak"]}, "senders.0.secrets"),
    ],
)
def test_a_wrong_setting_is_told_by_field(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        channel(**wrong)
    assert [problem.field for problem in caught.value.problems] == [field]
    assert "too-weak" not in str(caught.value)


def test_a_private_address_is_allowed_where_the_configuration_says_so() -> None:
    settings = config(senders=[{**SENDER, "url": "http://10.0.0.5/"}])
    assert PushBackend(settings, HttpClient(), ManualClock(), allow_private=True)


def test_two_backends_need_two_names() -> None:
    with pytest.raises(InvalidInput) as caught:
        PushBackend(config(senders=[SENDER, SENDER]), HttpClient(), ManualClock())
    assert [problem.field for problem in caught.value.problems] == ["senders.1.name"]


@pytest.mark.parametrize("wrong", [{"senders": []}, {"senders": [{**SENDER, "name": "A b"}]}])
def test_a_wrong_configuration_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        config(**wrong)
    assert SECRET not in str(caught.value)


def test_the_channel_is_its_own_webhook() -> None:
    push = channel()
    request = report(payload("push_backend", "read"))
    push.verify(request)
    assert push.parse(request) == [READ]
    assert push.handshake(request) is None
    assert push.channel is CAPABILITIES.channel
