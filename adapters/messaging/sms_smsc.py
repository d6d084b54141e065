"""SMS through smsc.ru (and smsc.kz, which has the same API under its own address).

Sending    https://smsc.ru/api/http/send/sms/
Statuses   https://smsc.ru/api/http/miscellaneous/callback/
Answers    https://smsc.ru/api/http/get_data/get_answers/

Statuses come by callback with a digest of their fields and a secret; patients' answers to a
dedicated number are fetched (`run`). What is told is HTTP 200 also for errors. Receipts carry
nothing of ours, so nothing proves what became of a request that timed out; a repetition within a
minute is refused by smsc.ru itself (error 9).

The lists of errors and statuses are general knowledge; `errors` in the settings overrides them.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal, TypeAlias
from urllib.parse import parse_qsl, urlencode

from pydantic import Field, model_validator

from adapters.http import HttpClient, HttpRequest, HttpResponse, retry_after_s, scope_of
from adapters.json_values import integer_of, object_of, objects, read_json, text_of, unix_moment
from adapters.messaging.capabilities import Capabilities
from adapters.messaging.senders import RatedSender, Senders, Strict, sender_of
from adapters.messaging.sms_settings import (
    ADDRESS,
    NUMBER,
    Secret,
    SenderName,
    Some,
    UrlSecret,
    clinics_of,
    number_of,
    refused,
    sms_text,
)
from gateway.clock import Clock
from gateway.core.events import Failure, Receipt
from gateway.core.model import Channel
from gateway.errors import Forbidden, InvalidInput, Problem, StoreError, Unauthenticated
from gateway.ports.messaging import (
    Inbound,
    InboundMessage,
    InboundReceipt,
    OutgoingMessage,
    SenderLimits,
    SendError,
)
from gateway.ports.schema_problems import bad
from gateway.ports.webhook import RawRequest, RawResponse

log = logging.getLogger("callahead.sms_smsc")

Take: TypeAlias = Callable[[Sequence[Inbound]], Awaitable[None]]
"""Commits what came in, or raises `StoreError`."""

# --- Config ---------------------------------------------------------------------------------------

Meaning: TypeAlias = Literal["unreachable", "temporary", "rejected"]


class Account(Strict):
    """An account at smsc.ru: an API key, or login and password. `name` is ours.

    `callback_secret` is the secret text of the callback's settings at smsc.ru, for statuses.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,40}$")] = "smsc"
    api_key: Secret | None = None
    login: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    password: Secret | None = None
    callback_secret: UrlSecret | None = None

    @model_validator(mode="after")
    def _has_credentials(self) -> Account:
        if (self.login is None) is not (self.password is None):
            raise bad("login and password belong together")
        if (self.api_key is None) is (self.login is None):
            raise bad("an api_key is needed, or login and password")
        return self


class Sender(RatedSender):
    """A sender's name (None: the account's own), and the number that patients may answer to."""

    name: SenderName | None = None
    answers_to: Annotated[str, Field(pattern=NUMBER)] | None = None
    account: str = "smsc"

    @property
    def id(self) -> str:
        """What answers name it by."""
        return self.answers_to or f"{self.account}:{self.name or ''}"


class Config(Strict):
    """Accounts and senders. Answers are fetched every `answers_every_s` seconds."""

    accounts: Some[Account]
    senders: Senders[Sender]
    api_base: Annotated[str, Field(pattern=ADDRESS)] = "https://smsc.ru"
    answers_every_s: Annotated[int, Field(ge=5, le=3600)] = 30
    errors: Mapping[int, Meaning] = Field(default_factory=dict)

    def account(self, name: str) -> Account:
        """Return the account of a name; `check` has seen that there is one."""
        return next(account for account in self.accounts if account.name == name)


def check(config: Config) -> None:
    """Raise `InvalidInput` naming the field when the parts do not fit together."""
    names = [account.name for account in config.accounts]
    problems = [
        Problem(f"accounts.{index}.name", "another account has the same name")
        for index, name in enumerate(names)
        if name in names[:index]
    ]
    problems += [
        Problem(f"senders.{index}.account", "there is no account of this name")
        for index, sender in enumerate(config.senders)
        if sender.account not in names
    ]
    if problems:
        raise InvalidInput(*problems)


# --- Capabilities ---------------------------------------------------------------------------------

CAPABILITIES = Capabilities(
    channel=Channel.SMS,
    text_max=1000,
    free_text=True,
    receives=True,
    receipts=frozenset(Receipt),
)

# --- Vocabulary -----------------------------------------------------------------------------------

SAME_AGAIN = 9
SAME_AGAIN_PAUSE_S = 60
"""Error 9: the same message, or too many requests, "within a minute"."""

_OURS = (Failure.REJECTED, True)
ERRORS: Mapping[int, tuple[Failure, bool]] = {
    1: _OURS,  # parameters
    2: _OURS,  # login or password
    3: _OURS,  # no money
    4: (Failure.TEMPORARY, True),  # our address is blocked for a while, for too many errors
    5: _OURS,  # date
    6: _OURS,  # text or sender is forbidden
    7: (Failure.IMPOSSIBLE, False),  # wrong number
    8: (Failure.IMPOSSIBLE, False),  # nothing can be delivered to this number
    SAME_AGAIN: (Failure.TEMPORARY, False),
}
_MEANINGS: Mapping[Meaning, tuple[Failure, bool]] = {
    "unreachable": (Failure.IMPOSSIBLE, False),
    "temporary": (Failure.TEMPORARY, False),
    "rejected": _OURS,
}

STATUSES: Mapping[int, tuple[Receipt, Failure, bool]] = {
    0: (Receipt.SENT, Failure.REJECTED, False),
    1: (Receipt.DELIVERED, Failure.REJECTED, False),
    2: (Receipt.READ, Failure.REJECTED, False),
    3: (Receipt.FAILED, Failure.REJECTED, False),  # expired
    4: (Receipt.READ, Failure.REJECTED, False),  # the link was opened
    20: (Receipt.FAILED, Failure.REJECTED, False),  # undeliverable: roaming, a full memory …
    22: (Receipt.FAILED, Failure.IMPOSSIBLE, False),  # wrong number
    23: (Receipt.FAILED, Failure.REJECTED, True),  # forbidden
    24: (Receipt.FAILED, Failure.REJECTED, True),  # no money
    25: (Receipt.FAILED, Failure.REJECTED, False),  # switched off
}
"""-3, -2, -1 (not found, stopped, waiting) and numbers that are not known say nothing."""

_ANSWERS_HOURS = 24
"""How far back answers are fetched after a start; what was taken before changes nothing."""


# --- Verify ---------------------------------------------------------------------------------------


def verify(config: Config, request: RawRequest) -> None:
    """Check the digest of id, phone, status and the secret; every digest given must match."""
    form = _form(request)
    if not form.get("md5") and not form.get("sha1"):
        raise Unauthenticated("the webhook carries no digest")
    if _signer(config, form) is None:
        raise Forbidden("the webhook's digest does not match")


def _form(request: RawRequest) -> dict[str, str]:
    try:
        text = request.body.decode("utf-8")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=100))
    except ValueError:
        return {}


def _signer(config: Config, form: Mapping[str, str]) -> Account | None:
    """Return the account whose secret is in the digests."""
    signed = [name for name in ("md5", "sha1") if form.get(name)]
    found: Account | None = None
    for account in config.accounts:
        if account.callback_secret is None or not signed:
            continue
        secret = account.callback_secret.get_secret_value()
        text = ":".join([*(form.get(name, "") for name in ("id", "phone", "status")), secret])
        matches = True
        for name in signed:
            # The provider's own choice of a digest; there is nothing stronger.
            digest = hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()
            given = form[name].lower().encode("utf-8", "replace")
            matches &= hmac.compare_digest(digest.encode(), given)
        found = account if matches else found
    return found


# --- Parse ----------------------------------------------------------------------------------------


def parse(config: Config, request: RawRequest, now: datetime) -> list[Inbound]:
    """Return the receipt of a callback; what is not signed or not known says nothing."""
    form = _form(request)
    account = _signer(config, form)
    known = STATUSES.get(_status(form.get("status", "")))
    if account is None or known is None or not form.get("id"):
        return []
    receipt, failure, alert = known
    is_failure = receipt is Receipt.FAILED
    return [
        InboundReceipt(
            channel=Channel.SMS,
            sender=account.name,
            provider_id=f"{account.name}:{form['id']}",
            opaque=None,
            receipt=receipt,
            at=unix_moment(form.get("ts")) or now,
            failure=failure,
            code=form["status"] if is_failure else "",
            alert=alert,
            number=number_of(form.get("phone")),
        )
    ]


def _status(text: str) -> int:
    number = integer_of(text)
    return -1 if number is None else number


def parse_answers(
    config: Config, account: Account, body: bytes, now: datetime
) -> Iterator[tuple[int, InboundMessage]]:
    """Yield patients' answers with smsc.ru's own ids; what has no number or id is left out."""
    senders = {s.answers_to: s.id for s in config.senders if s.account == account.name}
    for item in objects(read_json(body)):
        answer_id = item.get("id")
        answer_id = (
            int(answer_id) if isinstance(answer_id, str) and _whole(answer_id) else answer_id
        )
        number = number_of(_digits(item.get("phone")))
        to = number_of(_digits(item.get("to_phone")))
        if not isinstance(answer_id, int) or isinstance(answer_id, bool) or number is None:
            continue
        yield (
            answer_id,
            InboundMessage(
                id=f"{account.name}:{answer_id}",
                channel=Channel.SMS,
                sender=senders.get(to) or f"{account.name}:{to or ''}",
                at=now,
                number=number,
                account=None,
                kind="text",
                text=text_of(item.get("message")),
            ),
        )


def _whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20


def _digits(value: object) -> str | None:
    return str(value) if isinstance(value, int) else text_of(value)


# --- Build ----------------------------------------------------------------------------------------


def build(config: Config, sender: Sender, message: OutgoingMessage) -> HttpRequest:
    """Return the request that says exactly this message, or raise `SendError` and say why not."""
    fields = {"phones": message.to, "mes": sms_text(message, CAPABILITIES.text_max)}
    if sender.name is not None:
        fields["sender"] = sender.name
    return _request(config, config.account(sender.account), "send.php", fields)


def build_answers(config: Config, account: Account, after_id: int | None) -> HttpRequest:
    """Return the request for answers: those after an id, or those of the last hours."""
    fields = {"get_answers": "1"}
    fields |= {"hour": str(_ANSWERS_HOURS)} if after_id is None else {"after_id": str(after_id)}
    return _request(config, account, "get.php", fields)


def _request(
    config: Config, account: Account, script: str, fields: Mapping[str, str]
) -> HttpRequest:
    """Everything goes in the body, where it is in no log; UTF-8 is not smsc.ru's default."""
    form = {**_credentials(account), "charset": "utf-8", "fmt": "3", **fields}
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    url = f"{config.api_base}/sys/{script}"
    return HttpRequest("POST", url, headers, urlencode(form).encode())


def _credentials(account: Account) -> dict[str, str]:
    if account.api_key is not None:
        return {"apikey": account.api_key.get_secret_value()}
    password = account.password.get_secret_value() if account.password is not None else ""
    return {"login": account.login or "", "psw": password}


# --- Read -----------------------------------------------------------------------------------------


def read(config: Config, account: Account, response: HttpResponse) -> str:
    """Return the message's id, or raise what the answer means: errors come with HTTP 200 too."""
    document = object_of(read_json(response.body))
    code = integer_of(document.get("error_code"))
    if code is not None:
        failure, alert = _error(config, code)
        pause = SAME_AGAIN_PAUSE_S if code == SAME_AGAIN else retry_after_s(response.headers)
        pause = pause if failure is Failure.TEMPORARY else None
        raise SendError(failure, str(code), retry_after_s=pause, alert=alert)
    message_id = document.get("id")
    if response.status == 200 and isinstance(message_id, int | str) and message_id:
        return f"{account.name}:{message_id}"
    raise _unexpected(response)


def _error(config: Config, code: int) -> tuple[Failure, bool]:
    meaning = config.errors.get(code)
    return _MEANINGS[meaning] if meaning is not None else ERRORS.get(code, _OURS)


def _unexpected(response: HttpResponse) -> SendError:
    """Return what an answer means that is not the API's own."""
    if response.status == 200:
        return SendError(None, "unreadable_response")
    code = f"http_{response.status}"
    if response.status in (502, 504):
        return SendError(None, code)
    if response.status == 429 or response.status >= 500:
        pause = retry_after_s(response.headers)
        scope = scope_of(response)
        return SendError(Failure.TEMPORARY, code, retry_after_s=pause, scope=scope)
    return SendError(Failure.REJECTED, code, alert=True)


# --- The channel ----------------------------------------------------------------------------------


class SmsSmsc:
    """The channel, its webhook for statuses, and what fetches answers (`run`)."""

    channel = Channel.SMS

    def __init__(self, config: Config, client: HttpClient, clock: Clock) -> None:
        check(config)
        answered = ((s.id, s.clinic) for s in config.senders if s.answers_to is not None)
        self.senders = clinics_of(answered, "answers_to")
        self._config = config
        self._client = client
        self._clock = clock
        self._last: dict[str, int] = {}

    @property
    def fetches(self) -> bool:
        """Tell whether there is a number that patients answer to, so that `run` is needed."""
        return any(sender.answers_to is not None for sender in self._config.senders)

    def serves(self, clinic: str, branch: str) -> bool:
        """Tell whether there is a sender for this branch."""
        return sender_of(self._config.senders, clinic, branch) is not None

    def limits(self, clinic: str, branch: str) -> SenderLimits | None:
        """Return the account's limit, where the settings tell one."""
        sender = sender_of(self._config.senders, clinic, branch)
        if sender is None:
            return None
        return SenderLimits(f"smsc:{sender.account}", sender.per_second)

    async def send(self, message: OutgoingMessage) -> str | None:
        """Send and return the message's id; raise `SendError`."""
        sender = sender_of(self._config.senders, message.clinic, message.branch)
        if sender is None:
            raise refused("no_sender")
        response = await self._client.send(build(self._config, sender, message))
        return read(self._config, self._config.account(sender.account), response)

    async def close(self) -> None:
        """Hold nothing: the shared client is closed by its owner."""

    def handshake(self, _request: RawRequest) -> RawResponse | None:
        """Nothing verifies the address."""
        return None

    def verify(self, request: RawRequest) -> None:
        """Check the digest."""
        verify(self._config, request)

    def parse(self, request: RawRequest) -> Sequence[Inbound]:
        """Return the receipt of one callback."""
        return parse(self._config, request, self._clock.now())

    async def run(self, take: Take) -> None:
        """Fetch answers until cancelled; what cannot be stored is fetched again."""
        answered = {s.account for s in self._config.senders if s.answers_to is not None}
        while True:
            for name in sorted(answered):
                try:
                    await self.fetch(self._config.account(name), take)
                except SendError as error:
                    log.warning("answers could not be fetched", extra={"code": error.code})
                except StoreError:
                    log.warning("answers could not be stored, they are fetched again")
                except Exception:
                    # One answer must not end the fetching of all others.
                    log.exception("answers could not be taken")
            await self._clock.sleep(self._config.answers_every_s)

    async def fetch(self, account: Account, take: Take) -> None:
        """Fetch the answers of one account once; raise `SendError` or `StoreError`."""
        after_id = self._last.get(account.name)
        response = await self._client.send(build_answers(self._config, account, after_id))
        if response.status != 200:
            raise _unexpected(response)
        code = integer_of(object_of(read_json(response.body)).get("error_code"))
        if code is not None:
            raise SendError(Failure.REJECTED, str(code))
        now = self._clock.now()
        found = sorted(
            parse_answers(self._config, account, response.body, now), key=lambda answer: answer[0]
        )
        if found:
            await take([message for _, message in found])
            self._last[account.name] = max(found[-1][0], after_id or 0)
