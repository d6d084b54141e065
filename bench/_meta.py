"""A stand-in of Meta's API that answers back: receipts of every message, and patients' replies.

    python bench/_meta.py PORT GATEWAY_PORT REPLIES_PERCENT

Speaks the Cloud API's wire format only and imports nothing of Callahead. Every message that it
takes is reported as sent, delivered and read through the gateway's signed webhook, and some
patients tap the first button. `GET /figures` tells when each message came, and how long the
gateway took to answer each webhook, counted from the moment at which it should have left.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sys
import time
from typing import Any

import aiohttp
import uvloop
from aiohttp import web

SECRET = b"app_secret_of_the_benchmark"
HOOK = "/hooks/whatsapp"
ANSWER_S = 0.1
"""How long the API takes to answer, roughly what a data centre far away does."""

RECEIPTS_S = (("sent", 0.3), ("delivered", 0.8), ("read", 3.0))
REPLY_S = 4.0
CONNECTIONS = 32


class Meta:
    """Everything that happened."""

    def __init__(self, gateway: int, replies_percent: int) -> None:
        self.gateway = gateway
        self.replies_percent = replies_percent
        self.came: list[tuple[float, bool]] = []  # when, and whether it was a template
        self.latencies_ms: list[tuple[float, float]] = []  # when it left, how long it took
        self.failed = 0
        self.waiting = 0
        self.lags_ms: list[float] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    async def take(self, request: web.Request) -> web.Response:
        """Accept a message and begin to report about it."""
        message = json.loads(await request.read())
        self.came.append((time.time(), message["type"] == "template"))
        number = len(self.came)
        id_ = f"wamid.HBgLNzkxNjAwMDAwMDAVAgARGBI{number:012}"
        task = asyncio.create_task(self.report(request.match_info["sender"], id_, message, number))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.sleep(ANSWER_S)
        to = message["to"]
        return web.json_response(
            {
                "messaging_product": "whatsapp",
                "contacts": [{"input": to, "wa_id": to}],
                "messages": [{"id": id_, "message_status": "accepted"}],
            }
        )

    async def watch_itself(self, _app: web.Application) -> None:
        """Note how late this program is itself: a busy machine shows here."""
        loop = asyncio.get_running_loop()

        async def watch() -> None:
            while True:
                due = loop.time() + 0.01
                await asyncio.sleep(0.01)
                self.lags_ms.append((loop.time() - due) * 1000)

        self._tasks.add(asyncio.create_task(watch()))

    async def report(self, sender: str, id_: str, message: dict[str, Any], number: int) -> None:
        """Tell what becomes of a message, and what its patient answers."""
        loop = asyncio.get_running_loop()
        start = loop.time() + ANSWER_S
        self.waiting += 1
        for state, after_s in RECEIPTS_S:
            await asyncio.sleep(start + after_s - loop.time())
            await self.post(sender, "statuses", status(message, id_, state))
        if message["type"] == "template" and number * 7919 % 100 < self.replies_percent:
            await asyncio.sleep(start + REPLY_S - loop.time())
            await self.post(sender, "messages", tap(message, id_, number))
        self.waiting -= 1

    async def post(self, sender: str, kind: str, item: dict[str, Any]) -> None:
        """Deliver one webhook."""
        body = envelope(sender, kind, item)
        digest = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": f"sha256={digest}", "Content-Type": "application/json"}
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=CONNECTIONS)
            self._session = aiohttp.ClientSession(connector=connector)
        left, since = time.time(), time.perf_counter()
        url = f"http://127.0.0.1:{self.gateway}{HOOK}"
        async with self._session.post(url, data=body, headers=headers) as answer:
            await answer.read()
            self.latencies_ms.append((left, (time.perf_counter() - since) * 1000))
            self.failed += answer.status != 200

    async def figures(self, _request: web.Request) -> web.Response:
        """Tell what was measured."""
        return web.json_response(
            {
                "came": self.came,
                "latencies_ms": self.latencies_ms,
                "failed": self.failed,
                "waiting": self.waiting,
                "lags_ms": self.lags_ms,
            }
        )

    async def count(self, _request: web.Request) -> web.Response:
        """Tell how many messages came, of which templates, and what is still to be told."""
        templates = sum(template for _, template in self.came)
        return web.json_response([len(self.came), templates, self.waiting])


def status(message: dict[str, Any], id_: str, state: str) -> dict[str, Any]:
    """Return a status of a message."""
    return {
        "id": id_,
        "status": state,
        "timestamp": str(int(time.time())),
        "recipient_id": message["to"].lstrip("+"),
        "biz_opaque_callback_data": message["biz_opaque_callback_data"],
        "conversation": {"id": "9cb1f3c5a5c24dd3a8b2", "origin": {"type": "utility"}},
        "pricing": {
            "billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility",
        },
    }  # fmt: skip


def tap(message: dict[str, Any], id_: str, number: int) -> dict[str, Any]:
    """Return the tap of a patient on the message's first button."""
    buttons = [p for p in message["template"]["components"] if p["type"] == "button"]
    return {
        "from": message["to"].lstrip("+"),
        "id": f"wamid.HBgLNzkxNjAwMDAwMDAVAgASGBQ{number:012}",
        "timestamp": str(int(time.time())),
        "type": "button",
        "button": {"payload": buttons[0]["parameters"][0]["payload"], "text": "Подтвердить"},
        "context": {"from": "15550001000", "id": id_},
    }


def envelope(sender: str, kind: str, item: dict[str, Any]) -> bytes:
    """Return the body of a webhook."""
    value: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550001000", "phone_number_id": sender},
        kind: [item],
    }
    if kind == "messages":
        value["contacts"] = [{"profile": {"name": "Мария"}, "wa_id": item["from"]}]
    entry = {"id": "215589313241560883", "changes": [{"field": "messages", "value": value}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def main() -> None:
    """Serve until killed."""
    port, gateway, percent = (int(text) for text in sys.argv[1:4])
    meta = Meta(gateway, percent)
    app = web.Application()
    app.router.add_post("/{version}/{sender}/messages", meta.take)
    app.router.add_get("/figures", meta.figures)
    app.router.add_get("/count", meta.count)
    app.on_startup.append(meta.watch_itself)
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main()
