"""SMS and WhatsApp over Twilio: every callback, every request, every error; nothing is guessed."""

from __future__ import annotations

import base64
import contextlib
import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.http import HttpClient, HttpResponse
from adapters.messaging.sandbox_twilio_messaging import ERRORS
from adapters.messaging.twilio_messaging import (
    SMS_CAPABILITIES,
    WHATSAPP_CAPABILITIES,
    TwilioMessaging,
    build,
    parse,
    read,
    verify,
)
from adapters.messaging.twilio_messaging_codes import MEANING, meaning_of
from adapters.messaging.twilio_messaging_settings import Config, check
from gateway.core.case import Button
from gateway.core.events import Failure, Receipt
from gateway.core.model import Answer, Channel
from gateway.errors import Forbidden, InvalidInput, Unauthenticated
from gateway.ports.messaging import InboundMessage, InboundReceipt, SendError
from gateway.ports.webhook import Acknowledging, RawRequest
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

ACCOUNT = "AC" + "1".rjust(32, "0")
SERVICE = "MG" + "1".rjust(32, "0")
SID, OURS = "SM" + "a".rjust(32, "0"), "SM" + "b".rjust(32, "0")
CONTENT_SID = "HX" + "1".rjust(32, "0")
BSUID = "US.13491208655302741918"
PUBLIC = "https://clinic.example"
OPAQUE = "case|c1|2|A-1"


def config(**more: Any) -> Config:
    values: dict[str, Any] = {
        "accounts": [{"account_sid": ACCOUNT, "auth_tokens": ["12345"]}],
        "senders": [
            {"channel": "sms", "number": "+15550100001", "clinic": "c1"},
            {"channel": "whatsapp", "number": "+15550100002", "clinic": "c1"},
            {
                "channel": "sms",
                "messaging_service_sid": SERVICE,
                "clinic": "c1",
                "branches": ["b2"],
            },
        ],
        "templates": {"confirmation": {"ru": {"content_sid": CONTENT_SID}}},
    }
    return Config.model_validate({**values, **more})


def form_request(form: dict[str, str], signature: str = "", url: str = PUBLIC) -> RawRequest:
    headers = {"x-twilio-signature": signature} if signature else {}
    return raw(urlencode(form).encode(), headers, url=url)


# Verify


def vector() -> RawRequest:
    """The signature was computed beforehand with Twilio's own library."""
    form = {"AccountSid": ACCOUNT, "Body": "Да, приду 👍", "ButtonPayload": "", "NumMedia": "0"}
    url = f"{PUBLIC}/hooks/twilio/messages"
    return form_request(form, "OkQ4zOLx8m8/ltTHIplyGHR+wX4=", url)


def test_a_signature_of_the_named_account_is_taken() -> None:
    verify(config(), vector())


def test_old_and_new_tokens_hold_while_they_are_rotated() -> None:
    accounts = [{"account_sid": ACCOUNT, "auth_tokens": ["new", "12345"]}]
    verify(config(accounts=accounts), vector())


def test_no_signature_is_no_proof() -> None:
    with pytest.raises(Unauthenticated):
        verify(config(), replace(vector(), headers={}))


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "https://clinic.example/hooks/twilio/messages?attempt=case%7Cc1%7C2%7CA-1"},
        {"body": b"AccountSid=" + ACCOUNT.encode() + b"&Body=1"},
        {"body": b"Body=1"},
        {"body": b"AccountSid=AC0"},
        {"body": b"\xff"},
        {"headers": {"x-twilio-signature": "жжж"}},
    ],
)
def test_a_wrong_signature_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Forbidden):
        verify(config(), replace(vector(), **changes))


def test_one_account_cannot_sign_for_another() -> None:
    """The secrets are those of the account that the form names."""
    other = {"name": "other", "account_sid": "AC" + "2" * 32, "auth_tokens": ["other"]}
    mine = {"account_sid": ACCOUNT, "auth_tokens": ["mine"]}
    with pytest.raises(Forbidden):
        verify(config(accounts=[mine, {**other, "auth_tokens": ["12345"]}]), vector())


@given(st.binary(max_size=64), st.text(max_size=40))
def test_nothing_but_the_right_signature_passes(body: bytes, header: str) -> None:
    with pytest.raises((Forbidden, Unauthenticated)):
        verify(config(), raw(body, {"x-twilio-signature": header}))


# Parse


def message(kind: str = "text", text: str | None = "1", **more: Any) -> InboundMessage:
    values: dict[str, Any] = {
        "id": SID,
        "channel": Channel.SMS,
        "sender": "+15550100001",
        "at": START,
        "number": PATIENT,
        "account": None,
        "kind": kind,
        "text": text,
    }
    return InboundMessage(**{**values, **more})


def chat(kind: str = "text", text: str | None = "1", **more: Any) -> InboundMessage:
    values = {"channel": Channel.WHATSAPP, "sender": "+15550100002", "account": BSUID}
    return message(kind, text, **{**values, **more})


def receipt(kind: Receipt, **more: Any) -> InboundReceipt:
    values: dict[str, Any] = {
        "channel": Channel.SMS,
        "sender": "+15550100001",
        "provider_id": OURS,
        "opaque": OPAQUE,
        "receipt": kind,
        "at": START,
        "number": PATIENT,
    }
    return InboundReceipt(**{**values, **more})


CHAT: dict[str, Any] = {"channel": Channel.WHATSAPP, "sender": "+15550100002"}
FAILED = Receipt.FAILED
SHAPES: dict[str, list[InboundMessage | InboundReceipt]] = {
    "sms": [message()],
    "sms_of_service": [message()],
    "sms_from_a_name": [],
    "sms_empty": [message(text=None)],
    "sms_opt_out_stop": [message(text="Stop", by_provider=True)],
    "sms_opt_out_quit": [message(text="STOP", by_provider=True)],
    "sms_opt_out_cancel": [message(text="CANCEL")],
    "sms_opt_in": [message(text="START", by_provider=True)],
    "sms_help": [message(text="HELP")],
    "sms_to_nobody": [message(sender="twilio:+15550100999")],
    "mms": [message("media", None)],
    "sms_without_sid": [],
    "sms_of_another_account": [],
    "whatsapp_text": [chat(text="Да, приду 👍")],
    "whatsapp_quoted": [chat(quoted=OURS)],
    "whatsapp_button": [chat("button", "Подтвердить", payload="v1.confirm.1.A-1", quoted=OURS)],
    "whatsapp_interactive": [chat("button", "Отменить", payload="v1.cancel.1.A-1")],
    "whatsapp_forwarded": [chat("forwarded", None)],
    "whatsapp_frequently_forwarded": [chat("forwarded", None)],
    "whatsapp_image": [chat("image", None)],
    "whatsapp_voice": [chat("audio", None)],
    "whatsapp_location": [chat("location", None)],
    "whatsapp_reaction": [chat("reaction", None)],
    "whatsapp_without_number": [chat(text="Да, приду 👍", number=None)],
    "status_queued": [],
    "status_sent": [receipt(Receipt.SENT)],
    "status_delivered": [receipt(Receipt.DELIVERED)],
    "status_undelivered": [receipt(FAILED, code="30003")],
    "status_failed_unknown_code": [receipt(FAILED, code="39999", alert=True)],
    "status_failed_without_code": [receipt(FAILED, alert=True)],
    "status_without_attempt": [receipt(Receipt.DELIVERED, opaque=None)],
    "status_of_another_clinic": [receipt(Receipt.DELIVERED, opaque=None)],
    "status_of_a_service_number": [receipt(Receipt.DELIVERED, sender=SERVICE)],
    "status_with_new_fields": [receipt(Receipt.DELIVERED)],
    "status_unknown": [],
    "whatsapp_status_read": [receipt(Receipt.READ, **CHAT)],
    "whatsapp_status_window": [receipt(FAILED, failure=Failure.TEMPORARY, code="63016", **CHAT)],
    "whatsapp_status_no_account": [
        receipt(FAILED, failure=Failure.IMPOSSIBLE, code="63024", **CHAT)
    ],
    "whatsapp_status_to_account": [receipt(Receipt.DELIVERED, number=None, account=BSUID, **CHAT)],
}


def recorded(name: str) -> RawRequest:
    document = json.loads(payload("twilio", name))
    url = f"{PUBLIC}/hooks/twilio/messages"
    return form_request(document["form"], url=f"{url}/status?{document['query']}")


@pytest.mark.parametrize("name", SHAPES)
def test_a_callback_says(name: str) -> None:
    assert parse(config(), recorded(name), START) == SHAPES[name]


def test_every_recorded_payload_has_its_row() -> None:
    assert {path.stem for path in (PAYLOADS / "twilio").iterdir()} == set(SHAPES)


@pytest.mark.rule("C-15")
@pytest.mark.parametrize(
    ("name", "text"),
    [("sms_opt_out_quit", "STOP"), ("sms_opt_out_cancel", "CANCEL"), ("sms_opt_in", "START")],
)
def test_twilios_own_opt_out_words_are_opt_outs_unless_they_answer(name: str, text: str) -> None:
    """Twilio stops for CANCEL too, but to us it cancels the visit."""
    [found] = parse(config(), recorded(name), START)
    assert isinstance(found, InboundMessage)
    assert found.text == text


@pytest.mark.rule("U-7")
@pytest.mark.parametrize(
    "name",
    ["mms", *(f"whatsapp_{kind}" for kind in ("image", "voice", "location", "reaction"))],
)
def test_media_places_and_reactions_are_no_answer(name: str) -> None:
    """Not even with the caption "1"."""
    [found] = parse(config(), recorded(name), START)
    assert isinstance(found, InboundMessage)
    assert (found.text, found.payload, found.quoted) == (None, None, None)


@given(st.binary())
def test_parse_never_raises_on_any_bytes(body: bytes) -> None:
    assert parse(config(), raw(body), START) == []


KEYS = ("MessageSid", "MessageStatus", "From", "To", "Body", "ErrorCode", "NumMedia", "OptOutType")


@given(st.dictionaries(st.sampled_from(KEYS), st.text(max_size=12)))
def test_parse_never_raises_on_any_form(form: dict[str, str]) -> None:
    request = form_request({**form, "AccountSid": ACCOUNT}, url=PUBLIC + "?attempt=%00")
    for found in parse(config(), request, START):
        found.channel.encode()


# Build


def form_of(out: Any = None, sender: int = 0, **more: Any) -> dict[str, str]:
    settings = config(**more)
    request = build(settings, settings.senders[sender], out or sms(), PUBLIC)
    return dict(parse_qsl(request.body.decode(), keep_blank_values=True))


def sms(**more: Any) -> Any:
    return outgoing(**{"channel": Channel.SMS, **more})


def test_an_sms_is_one_form() -> None:
    settings = config()
    request = build(settings, settings.senders[0], sms(), PUBLIC)
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    assert (request.method, request.url) == ("POST", f"https://api.twilio.com{path}")
    token = base64.b64encode(f"{ACCOUNT}:12345".encode()).decode()
    assert request.headers["Authorization"] == f"Basic {token}"
    form = form_of()
    assert form.pop("StatusCallback").startswith(f"{PUBLIC}/hooks/twilio/messages/status?")
    assert form == {
        "To": PATIENT,
        "From": "+15550100001",
        "Body": CONTENT.text,
        "ValidityPeriod": "14400",
    }


@pytest.mark.rule("G-6")
def test_the_status_address_names_the_attempt_and_asks_for_repeats() -> None:
    for opaque in (OPAQUE, "case|c1|2|Приём №1 & more"):
        url = urlsplit(form_of(sms(opaque=opaque))["StatusCallback"])
        assert parse_qs(url.query) == {"attempt": [opaque]}
        assert url.fragment == "rc=5&rp=ct,rt,5xx"


def test_an_api_key_speaks_for_the_account() -> None:
    account = {"account_sid": ACCOUNT, "auth_tokens": ["12345"]}
    key = {"api_key_sid": "SK" + "3" * 32, "api_key_secret": "s3"}
    settings = config(accounts=[{**account, **key}])
    request = build(settings, settings.senders[0], sms(), PUBLIC)
    expected = base64.b64encode(f"SK{'3' * 32}:s3".encode()).decode()
    assert request.headers["Authorization"] == f"Basic {expected}"


def test_a_service_chooses_the_number_itself() -> None:
    form = form_of(sender=2)
    assert form["MessagingServiceSid"] == SERVICE
    assert "From" not in form


def test_outside_a_conversation_whatsapp_gets_a_template() -> None:
    form = form_of(outgoing(account=BSUID), sender=1)
    assert (form["To"], form["From"]) == (f"whatsapp:{PATIENT}", "whatsapp:+15550100002")
    assert form["ContentSid"] == CONTENT_SID
    assert "Body" not in form
    payloads = [button.payload for button in CONTENT.buttons]
    variables = dict(enumerate([*CONTENT.parameters, *payloads], 1))
    assert json.loads(form["ContentVariables"]) == {str(k): v for k, v in variables.items()}


def test_a_template_may_take_facts_in_its_own_order() -> None:
    template = {"content_sid": CONTENT_SID, "body": [2, 0], "buttons": False}
    form = form_of(outgoing(), sender=1, templates={"confirmation": {"ru": template}})
    expected = {"1": "https://clinic.example/v/abc", "2": "Здоровье"}
    assert json.loads(form["ContentVariables"]) == expected


def test_variables_have_no_breaks_tabs_or_runs_of_spaces() -> None:
    content = replace(CONTENT, parameters=("a\r\nb\tc", "d    e"), buttons=())
    form = form_of(outgoing(content=content), sender=1)
    assert json.loads(form["ContentVariables"]) == {"1": "a b c", "2": "d e"}


def test_inside_a_conversation_it_is_text_to_whoever_wrote() -> None:
    form = form_of(outgoing(session_open=True, account=BSUID), sender=1)
    assert (form["To"], form["Body"]) == (f"whatsapp:{BSUID}", CONTENT.text)
    assert "ContentSid" not in form


def button(title: str = "ok", text: str = "v1") -> Button:
    return Button(Answer.CONFIRM, title, text)


@pytest.mark.parametrize(
    ("out", "code"),
    [
        (sms(content=replace(CONTENT, text="x" * 1601)), "text_length"),
        (sms(content=replace(CONTENT, text=" ")), "text_length"),
        (sms(to="Anna"), "no_recipient"),
        (sms(opaque="x" * 513), "opaque_too_long"),
        (sms(opaque="case|c1|2|" + "я" * 500), "opaque_too_long"),
        (outgoing(to=""), "no_recipient"),
        (outgoing(content=replace(CONTENT, language="en")), "no_template"),
        (outgoing(content=replace(CONTENT, parameters=("a", " "))), "parameter_length"),
        (outgoing(content=replace(CONTENT, parameters=("x" * 1025,))), "parameter_length"),
        (outgoing(content=replace(CONTENT, buttons=(button(),) * 4)), "too_many_buttons"),
        (outgoing(content=replace(CONTENT, buttons=(button("x" * 21),))), "button_title_length"),
        (
            outgoing(content=replace(CONTENT, buttons=(button("ok", "x" * 129),))),
            "button_payload_length",
        ),
    ],
)
def test_what_cannot_be_said_whole_is_refused(out: Any, code: str) -> None:
    with pytest.raises(SendError) as caught:
        form_of(out, sender=0 if out.channel is Channel.SMS else 1)
    assert (caught.value.failure, caught.value.code) == (Failure.REJECTED, code)


def test_a_template_that_wants_a_missing_fact_is_refused() -> None:
    template = {"content_sid": CONTENT_SID, "body": [7]}
    with pytest.raises(SendError, match="missing_parameter"):
        form_of(outgoing(), sender=1, templates={"confirmation": {"ru": template}})


@pytest.mark.parametrize(
    "wrong",
    [
        {"accounts": []},
        {"senders": []},
        {"accounts": [{"account_sid": "AC1", "auth_tokens": ["secret-token"]}]},
        {"accounts": [{"account_sid": ACCOUNT, "auth_tokens": []}]},
        {"senders": [{"channel": "sms", "number": "8 (900) 1", "clinic": "c1"}]},
        {"senders": [{"channel": "viber", "number": "+15550100001", "clinic": "c1"}]},
        {"api_base": "https://user@api.twilio.com"},
        {"validity_s": 0},
        {"unknown": 1},
    ],
)
def test_a_wrong_configuration_is_refused_without_its_secrets(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        config(**wrong)
    assert "secret-token" not in str(caught.value)


ONE = {"account_sid": ACCOUNT, "auth_tokens": ["t"]}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"accounts": [ONE, {**ONE, "account_sid": "AC" + "2" * 32}]}, "accounts.1.name"),
        ({"accounts": [ONE, {**ONE, "name": "b"}]}, "accounts.1.account_sid"),
        (
            {"accounts": [{**ONE, "api_key_sid": "SK" + "3" * 32}]},
            "accounts.0.api_key_secret",
        ),
        (
            {"senders": [{"channel": "sms", "number": "Clinic", "clinic": "c", "account": "x"}]},
            "senders.0.account",
        ),
        ({"senders": [{"channel": "sms", "clinic": "c1"}]}, "senders.0.number"),
        (
            {"senders": [{"channel": "whatsapp", "number": "Clinic", "clinic": "c1"}]},
            "senders.0.number",
        ),
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


def test_an_accepted_message_has_its_sid() -> None:
    assert read(answer(201, {"sid": OURS, "status": "queued", "error_code": None})) == OURS


FAILURES: list[tuple[HttpResponse, Failure | None, str, int | None, bool]] = [
    (answer(201), None, "unreadable_response", None, False),
    (answer(200, {"status": "queued"}), None, "unreadable_response", None, False),
    (answer(502), None, "http_502", None, False),
    (answer(504), None, "http_504", None, False),
    (answer(500), Failure.TEMPORARY, "http_500", None, False),
    (answer(503, {"code": 20503}, retry_after="7"), Failure.TEMPORARY, "20503", 7, False),
    (answer(429, {"code": 20429}), Failure.TEMPORARY, "20429", None, False),
    (answer(429), Failure.TEMPORARY, "http_429", None, False),
    (answer(302), Failure.REJECTED, "http_302", None, True),
    (answer(401, {"code": 20003}), Failure.REJECTED, "20003", None, True),
    (answer(403), Failure.REJECTED, "http_403", None, True),
    (answer(400, {"code": 21211}), Failure.IMPOSSIBLE, "21211", None, False),
    (answer(400, {"code": 21614}), Failure.IMPOSSIBLE, "21614", None, False),
    (answer(400, {"code": 21610}), Failure.OPTED_OUT, "21610", None, False),
    (answer(400, {"code": 63016}), Failure.TEMPORARY, "63016", None, False),
    (answer(400, {"code": 21408}), Failure.REJECTED, "21408", None, True),
    (answer(400, {"code": 21617}), Failure.REJECTED, "21617", None, True),
    (answer(400, {"code": 39999}), Failure.REJECTED, "39999", None, True),
    (answer(400, {"code": "secret words"}), Failure.REJECTED, "http_400", None, True),
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
        read(response)
    found = caught.value
    assert (found.failure, found.code) == (failure, code)
    assert (found.retry_after_s, found.alert) == (pause, alert)


@given(st.integers(100, 599), st.binary(max_size=40), st.text(max_size=20))
def test_reading_raises_nothing_but_send_error(status: int, body: bytes, header: str) -> None:
    with contextlib.suppress(SendError):
        read(HttpResponse(status, {"retry-after": header}, body))


def test_the_sandbox_knows_no_code_that_the_table_lacks() -> None:
    """20422, 216xx: what only a request of ours that is wrong can bring."""
    ours = {20422, 21602, 21604, 21609, 21655}
    assert set(ERRORS) - ours <= set(MEANING)
    for code in ours:
        assert meaning_of(code, 400).alert


# The channel


def channel(kind: Channel, settings: Config | None = None) -> TwilioMessaging:
    return TwilioMessaging(kind, settings or config(), HttpClient(), ManualClock(), PUBLIC)


async def test_a_closed_conversation_is_reopened_by_a_template_once() -> None:
    provider = Recorder()
    provider.answer(400, {"code": 63016})
    server, client = await serve(provider.app), HttpClient()
    settings = config(api_base=address(server))
    whatsapp = TwilioMessaging(Channel.WHATSAPP, settings, client, ManualClock(), PUBLIC)
    with pytest.raises(SendError, match="63016"):
        await whatsapp.send(outgoing(session_open=True))
    first, second = [dict(parse_qsl(request[3].decode())) for request in provider.requests]
    assert "Body" in first
    assert "ContentSid" in second
    await whatsapp.close()
    await client.close()
    await server.close()


def test_each_channel_has_its_own_senders() -> None:
    assert channel(Channel.SMS).senders == {"+15550100001": "c1", SERVICE: "c1"}
    assert channel(Channel.WHATSAPP).senders == {"+15550100002": "c1"}
    assert channel(Channel.SMS).serves("c1", "b2")
    assert not channel(Channel.SMS).serves("c2", "b1")


async def test_a_channel_sends_nothing_for_the_other() -> None:
    with pytest.raises(SendError, match="no_sender"):
        await channel(Channel.SMS).send(outgoing())


def test_either_channel_reads_the_callbacks_of_both() -> None:
    """Both stand behind one address."""
    for kind in (Channel.SMS, Channel.WHATSAPP):
        both = channel(kind)
        assert both.parse(recorded("sms")) == SHAPES["sms"]
        assert both.parse(recorded("whatsapp_text")) == SHAPES["whatsapp_text"]
        assert both.handshake(raw(b"", method="GET")) is None
        both.verify(vector())


def test_one_number_cannot_speak_for_two_clinics() -> None:
    sender = {"channel": "sms", "number": "+15550100001"}
    twice = channel(
        Channel.SMS, config(senders=[{**sender, "clinic": "c1"}, {**sender, "clinic": "c2"}])
    )
    with pytest.raises(InvalidInput, match=r"senders\.1\.clinic"):
        _ = twice.senders


def test_capabilities_tell_what_each_channel_can() -> None:
    assert not SMS_CAPABILITIES.buttons_max
    assert WHATSAPP_CAPABILITIES.buttons_max == 3
    assert WHATSAPP_CAPABILITIES.receipts - SMS_CAPABILITIES.receipts == {Receipt.READ}


async def test_a_message_is_answered_with_twiml_that_says_nothing_and_a_status_with_nothing() -> (
    None
):
    client = HttpClient()
    sms = TwilioMessaging(Channel.SMS, config(), client, ManualClock(), PUBLIC)
    assert isinstance(sms, Acknowledging)
    inbound = sms.taken(raw(b"", url=f"{PUBLIC}/hooks/twilio/messages"))
    assert (inbound.status, inbound.body, inbound.content_type) == (200, "<Response/>", "text/xml")
    status = sms.taken(raw(b"", url=f"{PUBLIC}/hooks/twilio/messages/status?attempt=1"))
    assert (status.status, status.body) == (204, "")
    await client.close()
