"""Calls through Twilio Voice.

Creating calls    https://www.twilio.com/docs/voice/api/call-resource
Voice webhooks    https://www.twilio.com/docs/voice/twiml#request-parameters
Machine detection https://www.twilio.com/docs/voice/answering-machine-detection
Overrides         https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides

Twilio phones by itself and asks us by signed callback what to do: on /hooks/twilio/voice for the
next turn, on /hooks/twilio/voice/status it reports how the call stands. Every callback address
names the attempt, so a callback finds its case even if we died before the call's sid was stored
(rule G-6). The API has no idempotency key: when nobody knows whether a call was created, it is
`CallUnknown`, and its callbacks tell.
"""

from __future__ import annotations

import base64
import re
from urllib.parse import quote, urlencode, urlsplit

from adapters.http import HttpClient, HttpRequest, HttpResponse
from adapters.json_values import integer_of, object_of, read_json, text_of
from adapters.telephony.twilio_codes import MACHINES, Refusal, refusal_of, result_of
from adapters.telephony.twilio_settings import Account, Caller, Config, Directory
from adapters.telephony.twiml import CONTENT_TYPE, twiml
from adapters.twilio_signature import Form, SigningKeys, read_form, signed_by
from gateway.core.events import Failure
from gateway.core.model import CallResult
from gateway.errors import Forbidden, InvalidInput, Problem, Unauthenticated
from gateway.ivr.menu import Heard, HungUp, Key, Silence
from gateway.ports.messaging import SendError, attempt_of, opaque_of
from gateway.ports.store import Kind, Ref
from gateway.ports.telephony import (
    CallAsks,
    CallNews,
    CallOrder,
    CallProgress,
    CallUnknown,
    Limits,
    NextTurn,
    NotAnswered,
    NotPlaced,
)
from gateway.ports.webhook import RawRequest

API_VERSION = "2010-04-01"
ASK_PATH = "/hooks/twilio/voice"
STATUS_PATH = "/hooks/twilio/voice/status"

EVENTS = ("initiated", "ringing", "answered", "completed")

_ASK_AGAIN = "#rc=3&rp=ct,rt,5xx"
_TELL_AGAIN = "#rc=5&rp=ct,rt,5xx"
"""Twilio tries a callback once; these let it try again while we restart. A repeated one changes
nothing, and what is still lost is found by `look_up`."""

_CALL_SID = re.compile(r"CA[0-9a-f]{32}").fullmatch
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}").fullmatch
_KEY = re.compile(r"[0-9*#A-D]").fullmatch
_TURN = re.compile(r"[0-9]{1,6}").fullmatch


# --- Build ----------------------------------------------------------------------------------------


def callback_url(public_url: str, path: str, ref: Ref, attempt: str, turn: int = 0) -> str:
    """Return an address that names the attempt, and the turn after which it is asked."""
    query = {"call": opaque_of(ref, attempt)}
    if turn:
        query["turn"] = str(turn)
    return f"{public_url}{path}?{urlencode(query, quote_via=quote, safe='')}"


def build(
    config: Config, caller: Caller, account: Account, order: CallOrder, public_url: str
) -> HttpRequest:
    """Return the request that creates this call."""
    ask = callback_url(public_url, ASK_PATH, order.ref, order.attempt)
    tell = callback_url(public_url, STATUS_PATH, order.ref, order.attempt)
    fields = [
        ("To", order.to),
        ("From", caller.number),
        ("Url", ask + _ASK_AGAIN),
        ("Method", "POST"),
        ("StatusCallback", tell + _TELL_AGAIN),
        ("StatusCallbackMethod", "POST"),
        *(("StatusCallbackEvent", event) for event in EVENTS),
        ("Timeout", str(config.ring_s)),
        ("TimeLimit", str(config.time_limit_s)),
    ]
    if config.detect_machines:
        fields += [
            ("MachineDetection", "Enable"),
            ("MachineDetectionTimeout", str(config.detect_machines_s)),
        ]
    return HttpRequest(
        "POST",
        f"{_calls_url(config, account)}.json",
        {**_authorisation(account), "Content-Type": "application/x-www-form-urlencoded"},
        urlencode(fields).encode(),
    )


def build_look_up(config: Config, account: Account, call_id: str) -> HttpRequest:
    """Return the request that asks how a call stands."""
    return HttpRequest(
        "GET", f"{_calls_url(config, account)}/{call_id}.json", _authorisation(account)
    )


def _calls_url(config: Config, account: Account) -> str:
    return f"{config.api_base}/{API_VERSION}/Accounts/{account.account_sid}/Calls"


def _authorisation(account: Account) -> dict[str, str]:
    user, secret = account.account_sid, account.auth_tokens[0]
    if account.api_key_sid is not None and account.api_key_secret is not None:
        user, secret = account.api_key_sid, account.api_key_secret
    pair = f"{user}:{secret.get_secret_value()}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


# --- Read -----------------------------------------------------------------------------------------


def read(response: HttpResponse) -> str:
    """Return the created call's sid, or raise what its absence means."""
    body = object_of(read_json(response.body))
    sid = text_of(body.get("sid")) or ""
    if response.status == 201 and _CALL_SID(sid):
        return sid
    code = integer_of(body.get("code"))
    said = str(code if code is not None else response.status)
    refusal = refusal_of(response.status, code)
    if refusal is Refusal.NUMBER:
        raise NotAnswered(CallResult.UNREACHABLE, said)
    if refusal is Refusal.UNKNOWN:
        raise CallUnknown(said)
    raise NotPlaced(said, alert=refusal is Refusal.OPERATOR)


def read_look_up(response: HttpResponse) -> CallResult | None:
    """Return how a call ended, None when this answer does not say so."""
    body = object_of(read_json(response.body))
    if response.status != 200:
        return None
    try:
        return result_of(
            text_of(body.get("status")) or "",
            answered_by=text_of(body.get("answered_by")) or "",
        )
    except KeyError:
        return None


# --- Parse ----------------------------------------------------------------------------------------


def parse(request: RawRequest) -> CallNews:
    """Return what a callback tells or asks; raise `InvalidInput` naming the field."""
    try:
        form = read_form(request.body)
    except ValueError:
        raise _invalid("", "is not a form") from None
    ref, attempt = _named(request)
    call_id = form.one("CallSid")
    if not _CALL_SID(call_id):
        raise _invalid("CallSid", "is not the sid of a call")
    if urlsplit(request.url).path.endswith(STATUS_PATH):
        return _progress(form, ref, attempt, call_id)
    return _asks(form, request.query.get("turn", "0"), ref, attempt, call_id)


def _named(request: RawRequest) -> tuple[Ref, str]:
    named = attempt_of(request.query.get("call", ""))
    if named is None or named[0].kind is not Kind.CASE:
        raise _invalid("call", "names no call of ours")
    return named


def _asks(form: Form, turn: str, ref: Ref, attempt: str, call_id: str) -> CallAsks:
    if not _TURN(turn):
        raise _invalid("turn", "is not a number")
    number = int(turn)
    heard = _heard(form) if number else None
    return CallAsks(ref, attempt, call_id, number, heard, form.one("AnsweredBy") in MACHINES)


def _heard(form: Form) -> Heard:
    digits = form.one("Digits")
    if digits and not _KEY(digits):
        raise _invalid("Digits", "is not one key")
    if digits:
        return Key(digits)
    return HungUp() if form.one("CallStatus") == "completed" else Silence()


def _progress(form: Form, ref: Ref, attempt: str, call_id: str) -> CallProgress:
    sequence = form.one("SequenceNumber") or "0"
    if not _TURN(sequence):
        raise _invalid("SequenceNumber", "is not a number")
    sip, error = form.one("SipResponseCode"), form.one("ErrorCode")
    try:
        result = result_of(
            form.one("CallStatus"),
            answered_by=form.one("AnsweredBy"),
            sip=integer_of(sip),
            code=integer_of(error),
        )
    except KeyError:
        raise _invalid("CallStatus", "is not a status that is known") from None
    code = error or (f"sip_{sip}" if sip else "")
    return CallProgress(ref, attempt, call_id, result, int(sequence), code if result else "")


def _invalid(field: str, message: str) -> InvalidInput:
    return InvalidInput(Problem(field, message))


# --- The provider ---------------------------------------------------------------------------------


class TwilioVoice:
    """Places calls and understands callbacks. The client belongs to whoever made it.

    Raises `InvalidInput` naming the field when the settings do not fit together. `public_url` is
    the gateway's own address, as Twilio reaches it.
    """

    def __init__(self, config: Config, client: HttpClient, public_url: str) -> None:
        self._directory = Directory(config)
        self._config = config
        self._client = client
        self._public_url = public_url.rstrip("/")

    def serves(self, clinic: str, branch: str) -> bool:
        """Tell whether there is a number that calls for this branch."""
        return self._directory.caller(clinic, branch) is not None

    def limits(self, clinic: str, branch: str) -> Limits:
        """Return the limits of the account that serves this branch; raise KeyError if none."""
        found = self._directory.caller(clinic, branch)
        if found is None:
            raise KeyError((clinic, branch))
        account = found[1]
        return Limits(f"twilio/{account.name}", account.lines, account.calls_per_second)

    async def place(self, order: CallOrder) -> str:
        """Order a call and return its sid; raise `NotPlaced`, `NotAnswered` or `CallUnknown`."""
        found = self._directory.caller(order.ref.clinic, order.branch)
        if found is None:
            raise NotPlaced("no_caller", alert=True)
        if not _NUMBER(order.to):
            raise NotAnswered(CallResult.UNREACHABLE, "invalid_number")
        caller, account = found
        request = build(self._config, caller, account, order, self._public_url)
        try:
            response = await self._client.send(request)
        except SendError as error:
            if error.failure is None:
                raise CallUnknown(error.code) from None
            alert = error.alert or error.failure is not Failure.TEMPORARY
            raise NotPlaced(error.code, alert=alert) from None
        return read(response)

    async def look_up(self, clinic: str, branch: str, call_id: str) -> CallResult | None:
        """Ask how a call ended; None: it is still under way or Twilio does not say."""
        found = self._directory.caller(clinic, branch)
        if found is None or not _CALL_SID(call_id):
            return None
        try:
            response = await self._client.send(build_look_up(self._config, found[1], call_id))
        except SendError:
            return None
        return read_look_up(response)

    def verify(self, request: RawRequest) -> None:
        """Check Twilio's signature, and that this account may speak of this clinic."""
        given = request.headers.get("x-twilio-signature", "")
        if not given:
            raise Unauthenticated("the callback carries no signature")
        try:
            form = read_form(request.body)
        except ValueError:
            raise Forbidden("the callback is not a form") from None
        account = self._directory.account(form.one("AccountSid"))
        if account is None or not signed_by(_keys(account), request.url, form, given):
            raise Forbidden("the callback's signature does not match")
        named = attempt_of(request.query.get("call", ""))
        if named is not None and not self._directory.calls_for(account, named[0].clinic):
            raise Forbidden("the callback is about another account's clinic")

    def parse(self, request: RawRequest) -> CallNews:
        """Read a verified callback; raise `InvalidInput` naming the field."""
        return parse(request)

    def render(self, ref: Ref, attempt: str, then: NextTurn | None) -> tuple[str, bytes]:
        """Return content type and TwiML; None hangs up."""
        number = then.number if then is not None else 0
        action = callback_url(self._public_url, ASK_PATH, ref, attempt, number)
        return CONTENT_TYPE, twiml(then, action + _ASK_AGAIN).encode()

    async def close(self) -> None:
        """Hold nothing: the shared client is closed by its owner."""


def _keys(account: Account) -> SigningKeys:
    return SigningKeys(
        [token.get_secret_value() for token in account.auth_tokens],
        [key.get_secret_value() for key in account.shared_keys],
    )
