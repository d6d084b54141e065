"""The gateway's own side of a provider's webhook, as the web layer would answer it."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web

from gateway.errors import Forbidden, Unauthenticated
from gateway.ports.messaging import Inbound, InboundLink, InboundMessage, InboundReceipt
from gateway.ports.webhook import RawRequest, Webhook


@dataclass
class GatewayHook:
    """Takes what an adapter can verify; `refuse` callbacks are answered 500 first."""

    webhook: Webhook
    heard: list[RawRequest] = field(default_factory=list)
    refuse: int = 0

    @property
    def said(self) -> list[Inbound]:
        """Everything that came in, in order."""
        return [item for request in self.heard for item in self.webhook.parse(request)]

    @property
    def messages(self) -> list[InboundMessage]:
        return [item for item in self.said if isinstance(item, InboundMessage)]

    @property
    def links(self) -> list[InboundLink]:
        return [item for item in self.said if isinstance(item, InboundLink)]

    @property
    def receipts(self) -> list[InboundReceipt]:
        return [item for item in self.said if isinstance(item, InboundReceipt)]

    @property
    def app(self) -> web.Application:
        async def take(request: web.Request) -> web.Response:
            headers = {name.lower(): value for name, value in request.headers.items()}
            query = dict(request.query)
            found = RawRequest("POST", str(request.url), query, headers, await request.read())
            try:
                self.webhook.verify(found)
            except (Forbidden, Unauthenticated):
                return web.Response(status=403)
            if self.refuse > 0:
                self.refuse -= 1
                return web.Response(status=500)
            self.heard.append(found)
            return web.Response()

        app = web.Application()
        app.router.add_post("/{tail:.*}", take)
        return app
