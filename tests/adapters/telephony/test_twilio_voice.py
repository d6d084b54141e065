"""The adapter says exactly what was ordered, and believes only what Twilio signed."""

from __future__ import annotations

import base64
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urldefrag, urlencode, urlsplit

import pytest
from aiohttp.test_utils import TestServer

from adapters.http import HttpClient, HttpLimits
from adapters.telephony.sandbox_callbacks import overrides_of, signature
from adapters.telephony.sandbox_rest import read_order
from adapters.telephony.sandbox_twiml import Gather, Hangup, read_twiml
from adapters.telephony.twilio_voice import (
    ASK_PATH,
    STATUS_PATH,
    TwilioVoice,
    build,
    callback_url,
)
from gateway.core.model import CallResult
from gateway.errors import Forbidden, InvalidInput, Unauthenticated
from gateway.ivr.menu import HungUp, Key, Silence, Turn
from gateway.ports.messaging import attempt_of
from gateway.ports.store import Kind, Ref
from gateway.ports.telephony import (
    CallAsks,
    CallProgress,
    CallUnknown,
    Limits,
    NextTurn,
    NotAnswered,
    NotPlaced,
)
from gateway.ports.webhook import RawRequest
from tests.adapters.support import PATIENT, Recorder, address, serve
from tests.adapters.telephony.twilio_support import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    CALLER,
    config,
    order,
)

PUBLIC = "https://clinic.example"
SID = "CA" + "0f" * 16
REF = Ref(Kind.CASE, "c1", "A-1")
CREATED = {"sid": SID, "status": "queued"}


def provider(**more: Any) -> TwilioVoice:
    return TwilioVoice(config(**more), HttpClient(), PUBLIC + "/")


@dataclass
class Peer:
    provider: TwilioVoice
    twilio: Recorder
    server: TestServer
    client: HttpClient

    @property
    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.twilio.requests[-1][3].decode(), keep_blank_values=True)


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    twilio, client = Recorder(), HttpClient(HttpLimits(total_s=2.0))
    twilio.answer(201, CREATED)
    server = await serve(twilio.app)
    settings = config(api_base=address(server))
    yield Peer(TwilioVoice(settings, client, PUBLIC), twilio, server, client)
    await client.close()
    await server.close()


# Placing calls


async def test_a_call_is_ordered_with_everything_it_needs(peer: Peer) -> None:
    assert await peer.provider.place(order()) == SID
    [(method, path, headers, _)] = peer.twilio.requests
    assert (method, path) == ("POST", f"/2010-04-01/Accounts/{ACCOUNT_SID}/Calls.json")
    user = base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode()
    assert user == f"{ACCOUNT_SID}:{AUTH_TOKEN}"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    form = peer.form
    assert form["StatusCallbackEvent"] == ["initiated", "ringing", "answered", "completed"]
    assert {name: values[0] for name, values in form.items() if "Callback" not in name} == {
        "To": PATIENT,
        "From": CALLER,
        "Url": f"{PUBLIC}{ASK_PATH}?call=case%7Cc1%7C2%7CA-1#rc=3&rp=ct,rt,5xx",
        "Method": "POST",
        "Timeout": "30",
        "TimeLimit": "300",
        "MachineDetection": "Enable",
        "MachineDetectionTimeout": "10",
    }


async def test_twilio_is_asked_to_try_its_callbacks_again(peer: Peer) -> None:
    await peer.provider.place(order())
    for name in ("Url", "StatusCallback"):
        overrides = overrides_of(urldefrag(peer.form[name][0]).fragment)
        assert overrides.retries >= 3
        assert overrides.policy == {"ct", "rt", "5xx"}


@pytest.mark.rule("C-14")
def test_machine_detection_is_a_setting() -> None:
    settings = config(detect_machines=False)
    request = build(settings, settings.callers[0], settings.accounts[0], order(), PUBLIC)
    assert b"MachineDetection" not in request.body


def test_an_api_key_is_used_where_there_is_one() -> None:
    key = {"api_key_sid": "SK" + "1" * 32, "api_key_secret": "k"}
    account = {"account_sid": ACCOUNT_SID, "auth_tokens": [AUTH_TOKEN], **key}
    settings = config(accounts=[account])
    request = build(settings, settings.callers[0], settings.accounts[0], order(), PUBLIC)
    coded = base64.b64encode(f"SK{'1' * 32}:k".encode()).decode()
    assert request.headers["Authorization"] == f"Basic {coded}"
    assert ACCOUNT_SID in request.url


@pytest.mark.rule("G-6")
@pytest.mark.parametrize("key", ["A-1", "Приём №1 | a&b=c#d%7C", "x" * 200, '"><Hangup/>'])
def test_callback_addresses_lead_back_to_the_attempt(key: str) -> None:
    ref = Ref(Kind.CASE, "клиника", key)
    url = callback_url(PUBLIC, ASK_PATH, ref, "7", 4)
    assert url.isascii()
    query = dict(parse_qsl(urlsplit(url).query))
    assert attempt_of(query["call"]) == (ref, "7")
    assert query["turn"] == "4"


def test_the_sandbox_takes_the_order() -> None:
    settings = config()
    request = build(settings, settings.callers[0], settings.accounts[0], order(), PUBLIC)
    taken = read_order(parse_qsl(request.body.decode()), frozenset({CALLER}))
    assert (taken.to, taken.ring_s, taken.detects_machines) == (PATIENT, 30, True)


@pytest.mark.rule("C-6")
@pytest.mark.parametrize(
    ("status", "body", "code", "alert"),
    [
        (401, {"code": 20003}, "20003", True),
        (400, {"code": 21215}, "21215", True),
        (400, {"code": 21210}, "21210", True),
        (404, b"<html>", "404", True),
        (429, {"code": 20429}, "20429", False),
        (503, {"code": 20503}, "20503", False),
    ],
)
async def test_a_certain_refusal_is_no_attempt(
    peer: Peer, status: int, body: Any, code: str, alert: bool
) -> None:
    peer.twilio.answer(status, body)
    with pytest.raises(NotPlaced) as caught:
        await peer.provider.place(order())
    assert (caught.value.code, caught.value.alert) == (code, alert)


@pytest.mark.rule("C-6")
@pytest.mark.parametrize("code", [21211, 21214, 21217, 13224])
async def test_a_number_that_cannot_be_called_is_unreachable(peer: Peer, code: int) -> None:
    peer.twilio.answer(400, {"code": code})
    with pytest.raises(NotAnswered) as caught:
        await peer.provider.place(order())
    assert (caught.value.result, caught.value.code) == (CallResult.UNREACHABLE, str(code))


@pytest.mark.rule("G-6")
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"code": 20500}),
        (502, b"Bad Gateway"),
        (503, b"upstream connect error"),
        (504, b""),
        (201, b"{"),
        (201, {"sid": "SM" + "0" * 32}),
        (201, {"sid": 7}),
        (200, CREATED),
        (302, b""),
    ],
)
async def test_what_does_not_say_it_was_refused_may_have_been_placed(
    peer: Peer, status: int, body: Any
) -> None:
    peer.twilio.answer(status, body)
    with pytest.raises(CallUnknown):
        await peer.provider.place(order())
    assert len(peer.twilio.requests) == 1


@pytest.mark.rule("G-6")
async def test_a_connection_that_breaks_afterwards_leaves_it_open(peer: Peer) -> None:
    peer.twilio.cut = True
    with pytest.raises(CallUnknown):
        await peer.provider.place(order())
    assert len(peer.twilio.requests) == 1


async def test_a_connection_that_never_was_places_nothing(peer: Peer) -> None:
    await peer.server.close()
    with pytest.raises(NotPlaced) as caught:
        await peer.provider.place(order())
    assert not caught.value.alert


@pytest.mark.parametrize("to", ["", "79161234567", "+7916", "+7916123456712345", "+7 916", "anna"])
async def test_what_is_no_number_is_not_dialled(peer: Peer, to: str) -> None:
    with pytest.raises(NotAnswered):
        await peer.provider.place(order(to))
    assert peer.twilio.requests == []


async def test_a_branch_without_a_number_is_not_served(peer: Peer) -> None:
    assert peer.provider.serves("c1", "b1")
    assert not peer.provider.serves("c2", "b1")
    elsewhere = order(ref=Ref(Kind.CASE, "c2", "A-1"))
    with pytest.raises(NotPlaced) as caught:
        await peer.provider.place(elsewhere)
    assert caught.value.alert
    with pytest.raises(KeyError):
        peer.provider.limits("c2", "b1")


@pytest.mark.rule("H-7")
def test_limits_belong_to_the_account() -> None:
    account = {"account_sid": ACCOUNT_SID, "auth_tokens": [AUTH_TOKEN], "name": "big"}
    callers = [{"number": CALLER, "clinic": clinic, "account": "big"} for clinic in ("c1", "c2")]
    voice = provider(accounts=[{**account, "lines": 7}], callers=callers)
    assert voice.limits("c1", "b1") == Limits("twilio/big", 7, 1.0)
    assert voice.limits("c2", "b1") == voice.limits("c1", "b1")
    assert ACCOUNT_SID not in repr(voice.limits("c1", "b1"))


# Looking up


@pytest.mark.parametrize(
    ("status", "body", "result"),
    [
        (200, {"status": "queued"}, None),
        (200, {"status": "in-progress"}, None),
        (200, {"status": "completed", "answered_by": None}, CallResult.HANGUP),
        (200, {"status": "completed", "answered_by": "machine_start"}, CallResult.MACHINE),
        (200, {"status": "busy"}, CallResult.BUSY),
        (200, {"status": "no-answer"}, CallResult.NO_ANSWER),
        (200, {"status": "canceled"}, CallResult.FAILED),
        (200, {"status": "new word"}, None),
        (200, {}, None),
        (200, b"{", None),
        (404, {"code": 20404, "status": 404}, None),
        (500, b"", None),
    ],
)
async def test_a_look_up_says_how_it_ended_or_nothing(
    peer: Peer, status: int, body: Any, result: CallResult | None
) -> None:
    peer.twilio.answer(status, body)
    assert await peer.provider.look_up("c1", "b1", SID) is result
    [(method, path, _, _)] = peer.twilio.requests
    assert (method, path) == ("GET", f"/2010-04-01/Accounts/{ACCOUNT_SID}/Calls/{SID}.json")


@pytest.mark.parametrize(
    ("clinic", "call_id"), [("c2", SID), ("c1", "../Messages"), ("c1", ""), ("c1", SID + "/x")]
)
async def test_only_a_call_of_ours_is_looked_up(peer: Peer, clinic: str, call_id: str) -> None:
    assert await peer.provider.look_up(clinic, "b1", call_id) is None
    assert peer.twilio.requests == []


async def test_a_look_up_that_is_not_answered_says_nothing(peer: Peer) -> None:
    peer.twilio.cut = True
    assert await peer.provider.look_up("c1", "b1", SID) is None


# Callbacks

BASE = {"CallSid": SID, "AccountSid": ACCOUNT_SID, "CallStatus": "in-progress", "To": PATIENT}


def callback(
    path: str = ASK_PATH,
    *,
    ref: Ref = REF,
    turn: int = 0,
    token: str = AUTH_TOKEN,
    host: str = PUBLIC,
    **fields: str,
) -> RawRequest:
    """Return a callback as Twilio signs it."""
    url = callback_url(host, path, ref, "2", turn)
    form = {**BASE, **fields}
    return RawRequest(
        "POST",
        url,
        dict(parse_qsl(urlsplit(url).query)),
        {"x-twilio-signature": signature(token, url, form)},
        urlencode(form).encode(),
    )


def changed(request: RawRequest, **more: Any) -> RawRequest:
    values = {name: getattr(request, name) for name in RawRequest.__slots__}
    return RawRequest(**{**values, **more})


def test_twilios_own_callback_is_believed() -> None:
    provider().verify(callback())
    provider().verify(callback(STATUS_PATH, CallStatus="completed", Digits="", Name="Анна"))


def test_without_a_signature_nothing_is_believed() -> None:
    with pytest.raises(Unauthenticated):
        provider().verify(changed(callback(), headers={}))


@pytest.mark.parametrize(
    "request_",
    [
        callback(token="other"),
        callback(token=""),
        callback(AccountSid="AC" + "1" * 32),
        changed(callback(), body=callback(Digits="1").body),
        changed(callback(), url=callback(turn=2).url),
        changed(callback(), url=callback(host="http://clinic.example").url),
        changed(callback(), body=b"\xff\xfe"),
        changed(callback(), body=b""),
        changed(callback(), headers={"x-twilio-signature": "x"}),
        changed(
            callback(),
            headers={
                "x-twilio-signature": "x",
                "x-twilio-webhooks-signature-settings": "key=k,algorithm=HMAC_SHA256",
            },
        ),
    ],
)
def test_anything_else_is_forged(request_: RawRequest) -> None:
    with pytest.raises(Forbidden):
        provider().verify(request_)


def test_an_account_may_not_speak_of_another_accounts_clinic() -> None:
    accounts = [
        {"account_sid": ACCOUNT_SID, "auth_tokens": [AUTH_TOKEN]},
        {"name": "second", "account_sid": "AC" + "1" * 32, "auth_tokens": ["theirs"]},
    ]
    callers = [
        {"number": CALLER, "clinic": "c1"},
        {"number": CALLER, "clinic": "c2", "account": "second"},
    ]
    voice = provider(accounts=accounts, callers=callers)
    theirs = Ref(Kind.CASE, "c2", "A-1")
    voice.verify(callback())
    voice.verify(callback(ref=theirs, token="theirs", AccountSid="AC" + "1" * 32))
    with pytest.raises(Forbidden):
        voice.verify(callback(token="theirs", AccountSid="AC" + "1" * 32))
    with pytest.raises(Forbidden):
        voice.verify(callback(ref=theirs))


@pytest.mark.parametrize(
    ("turn", "fields", "heard"),
    [
        (0, {}, None),
        (0, {"Digits": "1"}, None),
        (3, {"Digits": "1", "FinishedOnKey": ""}, Key("1")),
        (3, {"Digits": "*"}, Key("*")),
        (3, {"Digits": "#"}, Key("#")),
        (3, {"Digits": ""}, Silence()),
        (3, {}, Silence()),
        (3, {"CallStatus": "completed"}, HungUp()),
        (3, {"NewParameter": "x" * 5000}, Silence()),
    ],
)
def test_a_question_tells_what_was_heard(turn: int, fields: dict[str, str], heard: Any) -> None:
    asked = provider().parse(callback(turn=turn, **fields))
    assert asked == CallAsks(REF, "2", SID, turn, heard, machine=False)


@pytest.mark.rule("C-14")
@pytest.mark.parametrize(
    ("answered_by", "machine"), [("human", False), ("unknown", False), ("machine_start", True)]
)
def test_a_question_tells_whether_a_machine_picked_up(answered_by: str, machine: bool) -> None:
    asked = provider().parse(callback(AnsweredBy=answered_by))
    assert isinstance(asked, CallAsks)
    assert asked.machine is machine


@pytest.mark.parametrize(
    ("fields", "result", "code"),
    [
        ({"CallStatus": "initiated"}, None, ""),
        ({"CallStatus": "ringing"}, None, ""),
        ({"CallStatus": "in-progress"}, None, ""),
        ({"CallStatus": "completed", "CallDuration": "12"}, CallResult.HANGUP, ""),
        ({"CallStatus": "completed", "AnsweredBy": "fax"}, CallResult.MACHINE, ""),
        ({"CallStatus": "busy", "SipResponseCode": "486"}, CallResult.BUSY, "sip_486"),
        ({"CallStatus": "busy", "SipResponseCode": "603"}, CallResult.REJECTED, "sip_603"),
        ({"CallStatus": "no-answer", "SipResponseCode": "487"}, CallResult.NO_ANSWER, "sip_487"),
        ({"CallStatus": "failed", "SipResponseCode": "404"}, CallResult.UNREACHABLE, "sip_404"),
        ({"CallStatus": "failed", "ErrorCode": "13227"}, CallResult.FAILED, "13227"),
        ({"CallStatus": "failed", "ErrorCode": "13224"}, CallResult.UNREACHABLE, "13224"),
        ({"CallStatus": "failed", "SipResponseCode": "x"}, CallResult.FAILED, "sip_x"),
        ({"CallStatus": "canceled"}, CallResult.FAILED, ""),
    ],
)
def test_a_report_tells_how_the_call_stands(
    fields: dict[str, str], result: CallResult | None, code: str
) -> None:
    told = provider().parse(callback(STATUS_PATH, SequenceNumber="3", **fields))
    assert told == CallProgress(REF, "2", SID, result, 3, code)


def test_reports_that_come_twice_or_late_are_the_same_to_the_letter() -> None:
    reports = [
        callback(STATUS_PATH, CallStatus=status, SequenceNumber=str(number))
        for number, status in enumerate(("initiated", "ringing", "in-progress", "completed"))
    ]
    voice = provider()
    in_order = [voice.parse(report) for report in reports]
    late = [voice.parse(report) for report in reversed(reports + reports)]
    assert late == [*reversed(in_order), *reversed(in_order)]
    assert [item.sequence for item in in_order if isinstance(item, CallProgress)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (changed(callback(), query={}), "call"),
        (changed(callback(), query={"call": "case|c1|2"}), "call"),
        (changed(callback(), query={"call": "contact|c1|2|+79161234567"}), "call"),
        (changed(callback(), query={"call": "else|c1|2|A-1"}), "call"),
        (changed(callback(), query={"call": "case|c1|2|A-1", "turn": "-1"}), "turn"),
        (changed(callback(), query={"call": "case|c1|2|A-1", "turn": "²"}), "turn"),
        (changed(callback(), query={"call": "case|c1|2|A-1", "turn": "9" * 9}), "turn"),
        (callback(CallSid="SM" + "0" * 32), "CallSid"),
        (callback(CallSid=""), "CallSid"),
        (callback(turn=1, Digits="12"), "Digits"),
        (callback(turn=1, Digits="٣"), "Digits"),
        (callback(turn=1, Digits="<Say>"), "Digits"),
        (callback(STATUS_PATH, CallStatus="exploded"), "CallStatus"),
        (callback(STATUS_PATH, CallStatus=""), "CallStatus"),
        (callback(STATUS_PATH, SequenceNumber="x"), "SequenceNumber"),
        (changed(callback(), body=b"\xff"), ""),
    ],
)
def test_garbage_is_named_by_its_field(request_: RawRequest, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        provider().parse(request_)
    assert [problem.field for problem in caught.value.problems] == [field]
    assert PATIENT not in str(caught.value)


# Answers


def test_an_answer_plays_the_turn_and_names_it_in_the_next_question() -> None:
    turn = Turn("visit", wait_s=6, barge_in=True)
    then = NextTurn(turn, 4, "https://clinic.example/hooks/twilio/audio/x.wav")
    content_type, body = provider().render(REF, "2", then)
    [gather] = read_twiml(body, content_type)
    assert isinstance(gather, Gather)
    url, fragment = urldefrag(gather.action)
    assert url == callback_url(PUBLIC, ASK_PATH, REF, "2", 4)
    assert overrides_of(fragment).retries == 3
    assert gather.timeout_s == 6


def test_nothing_more_to_say_hangs_up() -> None:
    content_type, body = provider().render(REF, "2", None)
    assert read_twiml(body, content_type) == (Hangup(),)


# Logs


async def test_no_number_id_or_secret_reaches_a_log(
    peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await peer.provider.place(order())
    await peer.provider.look_up("c1", "b1", SID)
    peer.provider.verify(callback())
    for status, body in ((400, {"code": 21211, "message": f"To {PATIENT}"}), (502, b"")):
        peer.twilio.answer(status, body)
        with pytest.raises((NotAnswered, CallUnknown)) as caught:
            await peer.provider.place(order())
        assert PATIENT not in repr(caught.value)
    await peer.provider.close()
    ours = [record for record in caplog.records if record.name.startswith("callahead")]
    assert ours
    for hidden in (PATIENT, CALLER, ACCOUNT_SID, AUTH_TOKEN, SID):
        assert not [record for record in ours if hidden in str(vars(record))]
        assert hidden not in repr(peer.provider)
