"""smsc.ru: every callback, every request, every error; answers that are fetched."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.http import HttpClient, HttpResponse
from adapters.messaging.sms_smsc import (
    Config,
    SmsSmsc,
    build,
    build_answers,
    check,
    parse,
    parse_answers,
    read,
    verify,
)
from gateway.core.events import Failure, Receipt
from gateway.core.model import Channel
from gateway.errors import Forbidden, InvalidInput, Unauthenticated
from gateway.ports.messaging import Inbound, InboundMessage, InboundReceipt, SendError
from gateway.ports.webhook import RawRequest
from tests.adapters.support import (
    CONTENT,
    PATIENT,
    PAYLOADS,
    START,
    ManualClock,
    Recorder,
    address,
    outgoing,
    payload,
    raw,
    serve,
)

SECRET = "smsc-callback-secret"
ACCOUNT: dict[str, Any] = {
    "login": "clinic",
    "password": "secret-password",
    "callback_secret": SECRET,
}
SENDER = {"name": "Clinic", "clinic": "c1"}
ANSWERED = {"answers_to": "+15550100001", "clinic": "c1", "branches": ["b2"]}


def config(**more: Any) -> Config:
    values: dict[str, Any] = {"accounts": [ACCOUNT], "senders": [SENDER, ANSWERED]}
    return Config.model_validate({**values, **more})


def callback(name: str) -> RawRequest:
    return raw(urlencode(json.loads(payload("smsc", name))).encode())


# Verify and parse


def receipt(kind: Receipt, **more: Any) -> InboundReceipt:
    values: dict[str, Any] = {
        "channel": Channel.SMS,
        "sender": "smsc",
        "provider_id": "smsc:1234",
        "opaque": None,
        "receipt": kind,
        "at": START,
        "number": PATIENT,
    }
    return InboundReceipt(**{**values, **more})


def failed(code: str, **more: Any) -> InboundReceipt:
    return receipt(Receipt.FAILED, code=code, **more)


SHAPES: dict[str, list[InboundReceipt]] = {
    "status_waiting": [],
    "status_sent": [receipt(Receipt.SENT)],
    "status_delivered": [receipt(Receipt.DELIVERED)],
    "status_read": [receipt(Receipt.READ)],
    "status_expired": [failed("3")],
    "status_link_opened": [receipt(Receipt.READ)],
    "status_undeliverable": [failed("20")],
    "status_wrong_number": [failed("22", failure=Failure.IMPOSSIBLE)],
    "status_forbidden": [failed("23", alert=True)],
    "status_no_money": [failed("24", alert=True)],
    "status_switched_off": [failed("25")],
    "status_unknown": [],
    "status_without_time": [receipt(Receipt.DELIVERED)],
    "status_signed_by_sha1": [receipt(Receipt.DELIVERED)],
    "status_forged": [],
    "status_without_id": [],
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_callback_says(name: str) -> None:
    assert parse(config(), callback(name), START) == SHAPES[name]


def test_every_recorded_payload_has_its_row() -> None:
    assert {path.stem for path in (PAYLOADS / "smsc").iterdir()} == {*SHAPES, "answers"}


@pytest.mark.parametrize("name", sorted(set(SHAPES) - {"status_forged"}))
def test_a_digest_with_the_secret_is_taken(name: str) -> None:
    verify(config(), callback(name))


def test_a_changed_status_is_refused() -> None:
    with pytest.raises(Forbidden):
        verify(config(), callback("status_forged"))


def test_every_digest_that_is_given_must_match() -> None:
    form = json.loads(payload("smsc", "status_delivered"))
    with pytest.raises(Forbidden):
        verify(config(), raw(urlencode({**form, "sha1": "0" * 40}).encode()))


def test_no_digest_is_no_proof() -> None:
    form = json.loads(payload("smsc", "status_delivered"))
    for body in ({**form, "md5": ""}, {"id": "1"}, {**form, "md5": "", "crc32": "1"}):
        with pytest.raises(Unauthenticated):
            verify(config(), raw(urlencode(body).encode()))


def test_an_account_without_a_secret_takes_no_callback() -> None:
    account = {"name": "smsc", "api_key": "k"}
    with pytest.raises(Forbidden):
        verify(config(accounts=[account]), callback("status_delivered"))


def test_a_receipt_names_its_account() -> None:
    """Two accounts count their messages apart."""
    other = {**ACCOUNT, "name": "other", "callback_secret": "other-callback-secret"}
    both = config(accounts=[other, ACCOUNT])
    assert parse(both, callback("status_delivered"), START) == SHAPES["status_delivered"]


@given(st.binary(max_size=64), st.text(max_size=40))
def test_nothing_but_the_right_digest_passes(body: bytes, digest: str) -> None:
    with pytest.raises((Forbidden, Unauthenticated)):
        verify(config(), raw(body + b"&" + urlencode({"md5": digest}).encode()))


@given(st.binary())
def test_parse_never_raises_on_any_bytes(body: bytes) -> None:
    assert parse(config(), raw(body), START) == []


# Answers


def answer_of(answer_id: int, text: str | None, **more: Any) -> InboundMessage:
    values: dict[str, Any] = {
        "id": f"smsc:{answer_id}",
        "channel": Channel.SMS,
        "sender": "+15550100001",
        "at": START,
        "number": PATIENT,
        "account": None,
        "kind": "text",
        "text": text,
    }
    return InboundMessage(**{**values, **more})


ANSWERS = [
    answer_of(7001, "Да, приду"),
    answer_of(7002, "2"),
    answer_of(7004, None, number="+15550100124", sender="smsc:+15550100999"),
]


def test_answers_say_who_wrote_to_which_number() -> None:
    settings = config()
    found = parse_answers(settings, settings.accounts[0], payload("smsc", "answers"), START)
    assert [message for _, message in sorted(found, key=lambda item: item[0])] == ANSWERS


@given(st.lists(st.dictionaries(st.sampled_from(["id", "phone", "message", "to_phone"]), st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=12), st.lists(st.none(), max_size=1)
))))  # fmt: skip
def test_parsing_answers_never_raises(document: list[object]) -> None:
    settings = config()
    for _, found in parse_answers(
        settings, settings.accounts[0], json.dumps(document).encode(), START
    ):
        assert found.number


async def test_answers_are_fetched_in_order_and_then_only_newer_ones() -> None:
    provider = Recorder(body=payload("smsc", "answers"))
    server, client = await serve(provider.app), HttpClient()
    settings = config(api_base=address(server))
    channel = SmsSmsc(settings, client, ManualClock())
    taken: list[Inbound] = []

    async def take(news: Sequence[Inbound]) -> None:
        taken.extend(news)

    await channel.fetch(settings.accounts[0], take)
    await channel.fetch(settings.accounts[0], take)
    assert taken == ANSWERS * 2
    asked = [dict(parse_qsl(request[3].decode())) for request in provider.requests]
    assert [(form.get("hour"), form.get("after_id")) for form in asked] == [
        ("24", None),
        (None, "7004"),
    ]
    provider.answer(200, [])
    await channel.fetch(settings.accounts[0], take)
    assert len(taken) == 2 * len(ANSWERS)
    provider.answer(200, {"error": "authorise error", "error_code": 2})
    with pytest.raises(SendError, match="2"):
        await channel.fetch(settings.accounts[0], take)
    provider.answer(503)
    with pytest.raises(SendError, match="http_503"):
        await channel.fetch(settings.accounts[0], take)
    await client.close()
    await server.close()


# Build


def form_of(sender: int = 0, settings: Config | None = None, **changes: Any) -> dict[str, str]:
    settings = settings or config()
    out = outgoing(channel=Channel.SMS, **changes)
    request = build(settings, settings.senders[sender], out)
    assert (request.method, request.url) == ("POST", "https://smsc.ru/sys/send.php")
    return dict(parse_qsl(request.body.decode()))


def test_a_message_is_one_form_in_utf_8() -> None:
    assert form_of() == {
        "login": "clinic",
        "psw": "secret-password",
        "charset": "utf-8",
        "fmt": "3",
        "phones": PATIENT,
        "mes": CONTENT.text,
        "sender": "Clinic",
    }


def test_an_api_key_stands_for_login_and_password() -> None:
    form = form_of(settings=config(accounts=[{"api_key": "key-1"}]))
    assert form["apikey"] == "key-1"
    assert not {"login", "psw"} & set(form)


def test_without_a_name_the_account_chooses() -> None:
    assert "sender" not in form_of(1)


def test_answers_are_asked_for_by_time_and_then_by_id() -> None:
    settings = config()
    first = dict(parse_qsl(build_answers(settings, settings.accounts[0], None).body.decode()))
    assert (first["get_answers"], first["hour"]) == ("1", "24")
    request = build_answers(settings, settings.accounts[0], 7)
    assert request.url == "https://smsc.ru/sys/get.php"
    assert dict(parse_qsl(request.body.decode()))["after_id"] == "7"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"content": replace(CONTENT, text="x" * 1001)}, "text_length"),
        ({"content": replace(CONTENT, text=" \n")}, "text_length"),
        ({"to": "Anna"}, "no_recipient"),
    ],
)
def test_what_cannot_be_said_whole_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(SendError) as caught:
        form_of(**changes)
    assert (caught.value.failure, caught.value.code) == (Failure.REJECTED, code)


@pytest.mark.parametrize(
    "wrong",
    [
        {"accounts": []},
        {"accounts": [{"login": "clinic"}]},
        {"accounts": [{**ACCOUNT, "api_key": "secret-key"}]},
        {"accounts": [{"callback_secret": SECRET}]},
        {"accounts": [{**ACCOUNT, "callback_secret": "secret-short"}]},
        {"senders": []},
        {"senders": [{**ANSWERED, "answers_to": "Clinic"}]},
        {"errors": {"9": "perhaps"}},
        {"answers_every_s": 1},
        {"unknown": 1},
    ],
)
def test_a_wrong_configuration_is_refused_without_its_secrets(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        config(**wrong)
    for secret in ("secret-password", "secret-key", "secret-short", SECRET):
        assert secret not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"accounts": [ACCOUNT, ACCOUNT]}, "accounts.1.name"),
        ({"senders": [{**SENDER, "account": "x"}]}, "senders.0.account"),
    ],
)
def test_parts_that_do_not_fit_are_named(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(config(**wrong))
    assert [problem.field for problem in caught.value.problems] == [field]


# Read


def answer(status: int, document: object = None, **headers: str) -> HttpResponse:
    body = b"<html>" if document is None else json.dumps(document).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status, names, body)


def error(code: int, status: int = 200, **headers: str) -> HttpResponse:
    return answer(status, {"error": "secret words", "error_code": code}, **headers)


def test_an_accepted_message_has_its_id() -> None:
    settings = config()
    assert read(settings, settings.accounts[0], answer(200, {"id": 1234, "cnt": 1})) == "smsc:1234"


FAILURES: list[tuple[HttpResponse, Failure | None, str, int | None, bool]] = [
    (answer(200), None, "unreadable_response", None, False),
    (answer(200, {"cnt": 1}), None, "unreadable_response", None, False),
    (answer(502), None, "http_502", None, False),
    (answer(504), None, "http_504", None, False),
    (answer(503, retry_after="7"), Failure.TEMPORARY, "http_503", 7, False),
    (answer(429), Failure.TEMPORARY, "http_429", None, False),
    (answer(404), Failure.REJECTED, "http_404", None, True),
    (error(1), Failure.REJECTED, "1", None, True),
    (error(2), Failure.REJECTED, "2", None, True),
    (error(3), Failure.REJECTED, "3", None, True),
    (error(4, retry_after="30"), Failure.TEMPORARY, "4", 30, True),
    (error(6), Failure.REJECTED, "6", None, True),
    (error(7), Failure.IMPOSSIBLE, "7", None, False),
    (error(8), Failure.IMPOSSIBLE, "8", None, False),
    (error(9), Failure.TEMPORARY, "9", 60, False),
    (error(99), Failure.REJECTED, "99", None, True),
    (error(55), Failure.TEMPORARY, "55", None, False),
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
    settings = config(errors={55: "temporary"})
    with pytest.raises(SendError) as caught:
        read(settings, settings.accounts[0], response)
    found = caught.value
    assert (found.failure, found.code) == (failure, code)
    assert (found.retry_after_s, found.alert) == (pause, alert)


@given(st.integers(100, 599), st.binary(max_size=40), st.text(max_size=20))
def test_reading_raises_nothing_but_send_error(status: int, body: bytes, header: str) -> None:
    settings = config()
    with contextlib.suppress(SendError):
        read(settings, settings.accounts[0], HttpResponse(status, {"retry-after": header}, body))


# The channel


async def test_only_numbers_that_are_answered_name_a_clinic() -> None:
    channel = SmsSmsc(config(), HttpClient(), ManualClock())
    assert channel.senders == {"+15550100001": "c1"}
    assert channel.fetches
    assert not SmsSmsc(config(senders=[SENDER]), HttpClient(), ManualClock()).fetches
    assert channel.serves("c1", "b9")
    with pytest.raises(SendError, match="no_sender"):
        await channel.send(outgoing(channel=Channel.SMS, clinic="c2"))
    assert channel.handshake(raw(b"", method="GET")) is None
    await channel.close()
