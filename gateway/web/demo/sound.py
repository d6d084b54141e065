"""The robot's voice in a call over a line, as it is spoken; files are played without it."""

from __future__ import annotations

from aiohttp import web

from gateway.web.demo.town import Town
from gateway.web.problems import Handler


def sound_of(town: Town) -> Handler:
    """Return the handler that streams a call's sound: 16-bit little-endian samples at 8 kHz.

    It raises `NotFound` for a call that does not go on.
    """

    async def sound(request: web.Request) -> web.StreamResponse:
        heard = town.sound(request.match_info["id"])
        response = web.StreamResponse(headers={"Cache-Control": "no-store"})
        response.content_type = "application/octet-stream"
        await response.prepare(request)
        try:
            async for piece in heard:
                await response.write(piece)
        except ConnectionError:
            pass  # the page has gone
        return response

    return sound
