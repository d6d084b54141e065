"""What the gateway is compared with: the same webhook, answered by other programs.

    python bench/_peers.py bare PORT          aiohttp: HMAC and JSON, nothing else
    python bench/_peers.py pywa-async PORT FILE    pywa_async in Starlette on uvicorn
    python bench/_peers.py pywa-fastapi PORT FILE  pywa_async in FastAPI on uvicorn
    python bench/_peers.py graph PORT         takes outgoing WhatsApp messages like Meta's API

The pywa servers append the id of every message that they have handled to FILE. They run in an
environment of their own; this file imports nothing of Callahead.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import sys

SECRET = b"app_secret_of_the_benchmark"
PATH = "/hooks/whatsapp"


def bare(port: int) -> None:
    """The baseline of every ratio."""
    import uvloop
    from aiohttp import web

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        digest = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
        given = request.headers.get("X-Hub-Signature-256", "")
        if not hmac.compare_digest("sha256=" + digest, given):
            return web.Response(status=403)
        json.loads(body)
        return web.Response()

    app = web.Application()
    app.router.add_post(PATH, take)
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


def graph(port: int) -> None:
    """Accept every message at once."""
    import uvloop
    from aiohttp import web

    count = 0

    async def take(request: web.Request) -> web.Response:
        nonlocal count
        await request.read()
        count += 1
        return web.json_response({"messages": [{"id": f"wamid.out{count}"}]})

    app = web.Application()
    app.router.add_post("/{anything:.*}", take)
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


def pywa(port: int, file: str, *, fastapi: bool) -> None:
    """Pywa's own server integration with signature checks on and one handler.

    HANDLER_MS is how long the handler waits before it is done, as one that stores would.
    """
    import uvicorn
    from pywa_async import WhatsApp

    pause = float(os.environ.get("HANDLER_MS", "0")) / 1000
    done = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    if fastapi:
        from fastapi import FastAPI

        app = FastAPI()
    else:
        from starlette.applications import Starlette

        app = Starlette()
    chat = WhatsApp(
        token="token", server=app, webhook_endpoint=PATH, verify_token="token",
        app_secret=SECRET.decode(), filter_updates=False,
    )  # fmt: skip

    async def handle(_: WhatsApp, update: object) -> None:
        if pause:
            await asyncio.sleep(pause)
        os.write(done, str(update.id).encode() + b"\n")  # type: ignore[attr-defined]

    chat.on_message()(handle)
    chat.on_callback_button()(handle)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


def main() -> None:
    """Run the server that the command line names."""
    kind, port = sys.argv[1], int(sys.argv[2])
    if kind == "bare":
        bare(port)
    elif kind == "graph":
        graph(port)
    else:
        pywa(port, sys.argv[3], fastapi=kind == "pywa-fastapi")


if __name__ == "__main__":
    main()
