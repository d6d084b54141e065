"""A small smsc.ru of our own: sending, status callbacks with their digests, and answers to fetch.

The production adapter runs against it unchanged: point `api_base` at where `smsc_app` is mounted.
Errors come with HTTP 200, as they do there.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from aiohttp import web

from adapters.http import HttpClient, HttpRequest
from adapters.json_values import Json
from adapters.messaging.sandbox_sms import SmsWorld
from adapters.messaging.sandbox_traffic import answer_late
from adapters.messaging.sandbox_world import ChatMessage, Pace, State
from gateway.clock import Clock

TITLES: Mapping[int, str] = {
    1: "parameters error",
    2: "authorise error",
    3: "insufficient funds",
    4: "ip is blocked",
    6: "message is denied",
    7: "invalid number",
    8: "message to this phone can not be delivered",
    9: "duplicate request, wait a minute",
}
STATUSES: Mapping[State, int] = {State.SENT: 0, State.DELIVERED: 1, State.READ: 2}

_SEND = frozenset({"charset", "fmt", "phones", "mes", "sender"})
_FETCH = frozenset({"charset", "fmt", "get_answers", "hour", "after_id"})
_PHONE = re.compile(r"\+?[1-9][0-9]{6,14}").fullmatch


class SmscError(Exception):
    """What the API answers in place of a result."""

    def __init__(self, code: int) -> None:
        super().__init__(f"{code}: {TITLES.get(code, '')}")
        self.code = code
        self.document: Json = {"error": TITLES.get(code, "error"), "error_code": code}


@dataclass(frozen=True, slots=True)
class SmscAccount:
    """An account: its login and password or its key, its senders, where statuses go."""

    password: str = field(repr=False)
    login: str = ""  # "": `password` is an API key
    senders: frozenset[str] = frozenset()
    callback: str = ""
    callback_secret: str = field(default="", repr=False)


class SmscMessages:
    """The API of some accounts. Phones and the book are in `world`."""

    def __init__(
        self,
        clock: Clock,
        client: HttpClient,
        accounts: Iterable[SmscAccount],
        *,
        pace: Pace | None = None,
        seed: int = 0,
    ) -> None:
        self.accounts = tuple(accounts)
        self.world = SmsWorld(clock, client, self, pace=pace, seed=seed)
        self.answers: list[Json] = []
        self.asked = 0
        self._last_id = 1000

    def account(self, form: Mapping[str, str]) -> SmscAccount:
        """Return the account of a request, or raise `SmscError`."""
        login, secret = form.get("login", ""), form.get("psw", form.get("apikey", ""))
        for account in self.accounts:
            proved = hmac.compare_digest(account.password.encode(), secret.encode())
            if proved and account.login == login and ("apikey" in form) is (not account.login):
                return account
        raise SmscError(2)

    def take(self, account: SmscAccount, form: Mapping[str, str]) -> ChatMessage:
        """Accept a message, or raise `SmscError`."""
        self.asked += 1
        if set(form) - _SEND - {"login", "psw", "apikey"} or form.get("fmt") != "3":
            raise SmscError(1)
        number, text = form.get("phones", ""), form.get("mes", "")
        if not text or form.get("charset") != "utf-8":
            raise SmscError(1)
        if not _PHONE(number):
            raise SmscError(7)
        sender = form.get("sender", "")
        if sender and sender not in account.senders:
            raise SmscError(6)
        person = f"+{number.lstrip('+')}"
        planned = self.world.faults.take_planned(person)
        if planned is not None:
            raise SmscError(planned.code)
        if self.world.too_fast(sender, person):
            raise SmscError(9)
        return self.world.accept(self._next_id(), sender, person, text)

    def answer(self, number: str, to: str, text: str) -> int:
        """Write to a dedicated number; the answer waits until it is fetched."""
        answer_id = int(self._next_id())
        self.answers.append(
            {
                "id": answer_id,
                "sent": "23.11.2026 11:00:00",
                "phone": number.lstrip("+"),
                "message": text,
                "to_phone": to.lstrip("+"),
            }
        )
        return answer_id

    def fetch(self, form: Mapping[str, str]) -> list[Json]:
        """Return answers after an id, newest first; or raise `SmscError`."""
        if set(form) - _FETCH - {"login", "psw", "apikey"} or form.get("get_answers") != "1":
            raise SmscError(1)
        after = int(form.get("after_id", "0"))
        found = [answer for answer in self.answers if int(str(answer["id"])) > after]
        return found[::-1]

    def _next_id(self) -> str:
        self._last_id += 1
        return str(self._last_id)

    def receipt(self, message: ChatMessage, state: State) -> HttpRequest:
        """Return a status callback."""
        account = next(a for a in self.accounts if a.callback)
        status = STATUSES.get(state, message.error if message.error is not None else 20)
        form = {
            "id": message.id,
            "phone": message.number.lstrip("+"),
            "status": str(status),
            "time": "23.11.2026 11:00:00",
            "err": "0",
        }
        signed = f"{form['id']}:{form['phone']}:{status}:{account.callback_secret}".encode()
        for name in ("sha1", "md5"):
            form[name] = hashlib.new(name, signed, usedforsecurity=False).hexdigest()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return HttpRequest("POST", account.callback, headers, urlencode(form).encode())

    def inbound(self, message: ChatMessage) -> HttpRequest:
        """Answers are fetched, never sent."""
        raise AssertionError("smsc.ru posts no answers: they are fetched")


def smsc_app(messages: SmscMessages, clock: Clock) -> web.Application:
    """Return the API as an application to be mounted anywhere, e.g. under /sandbox/smsc."""
    faults = messages.world.faults

    async def send(request: web.Request) -> web.StreamResponse:
        if faults.down:
            return web.Response(status=503, text="Service Unavailable")
        form = {name: str(value) for name, value in (await request.post()).items()}
        try:
            message = messages.take(messages.account(form), form)
        except SmscError as error:
            return web.json_response(error.document)
        await answer_late(faults, clock, request)
        return web.json_response({"id": int(message.id), "cnt": 1})

    async def fetch(request: web.Request) -> web.StreamResponse:
        if faults.down:
            return web.Response(status=503, text="Service Unavailable")
        form = {name: str(value) for name, value in (await request.post()).items()}
        try:
            messages.account(form)
            return web.json_response(messages.fetch(form))
        except SmscError as error:
            return web.json_response(error.document)

    app = web.Application()
    app.router.add_post("/sys/send.php", send)
    app.router.add_post("/sys/get.php", fetch)
    return app
