"""A messenger in which the patient has to begin."""

from __future__ import annotations

from tests.service.support import Channels


class Bot(Channels):
    """Its links lead somewhere, for one clinic."""

    takes_contacts = True

    def link(self, clinic: str, branch: str, token: str) -> str | None:
        known = clinic == "zdorovie"
        return f"https://{self.channel.value}.example/bot?start={token}" if known else None
