"""One-time links that open a messenger's chat and say whose it is.

Who opens one is known by its token, so it is made only when somebody is about to use it: on a
button of the patient's page, or for the clinic's own letters. A token counts once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from gateway.clock import Clock, fresh_id
from gateway.core.case import Contact
from gateway.core.clinic import Branch
from gateway.core.model import Channel
from gateway.ports.messaging import Linking, Messaging
from gateway.ports.store import Kind, Ref, Store

JOIN_FOR: Final = timedelta(days=30)
"""How long a deep link's token leads to its contact (`join_hint`), and is then known as used."""

_PROBE: Final = "x"


def join_hint(channel: Channel, token: str) -> str:
    """Return the hint under which a deep link's one-time token leads to its contact."""
    return f"join:{channel.value}:{token}"


@dataclass(frozen=True, slots=True)
class Offer:
    """A messenger on which a patient could be reached from now on; `origin` is where its links
    lead, such as `https://max.ru`."""

    channel: Channel
    origin: str


@dataclass(frozen=True, slots=True)
class JoinLink:
    """A link that counts once, until a moment."""

    url: str
    until: datetime


class JoinLinks:
    """Makes links for the messengers that have a bot."""

    def __init__(self, store: Store, clock: Clock, channels: tuple[Messaging, ...]) -> None:
        self._store = store
        self._clock = clock
        self._channels = channels

    def offers(self, branch: Branch, contact: Contact | None) -> tuple[Offer, ...]:
        """Return the messengers of the branch's order that this patient could still join.

        None for a number that has refused messages: nothing would come there (rule C-15).
        """
        if contact is not None and contact.opted_out_at is not None:
            return ()
        found = []
        for channel in branch.channels:
            url = self._url(channel, branch.clinic, branch.id, _PROBE)
            if url is not None and not self._is_joined(contact, channel):
                parts = urlsplit(url)
                found.append(Offer(channel, f"{parts.scheme}://{parts.netloc}"))
        return tuple(found)

    def _is_joined(self, contact: Contact | None, channel: Channel) -> bool:
        """Tell whether the patient has an account there that can be written to."""
        if contact is None or contact.account(channel) is None:
            return False
        return not contact.cannot_reach(channel, self._clock.now())

    async def make(
        self, clinic: str, branch: str, number: str, channel: Channel
    ) -> JoinLink | None:
        """Make a link for a number; None when the branch has no bot there."""
        token = fresh_id("j")
        url = self._url(channel, clinic, branch, token)
        if url is None:
            return None
        until = self._clock.now() + JOIN_FOR
        await self._store.remember(
            join_hint(channel, token), Ref(Kind.CONTACT, clinic, number), JOIN_FOR
        )
        return JoinLink(url, until)

    def _url(self, channel: Channel, clinic: str, branch: str, token: str) -> str | None:
        for adapter in self._channels:
            if adapter.channel is channel and isinstance(adapter, Linking):
                url = adapter.link(clinic, branch, token)
                if url is not None:
                    return url
        return None
