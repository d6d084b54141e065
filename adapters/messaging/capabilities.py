"""What a message channel can say, as facts: for the docs, the samples and the conformance suite."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.events import Receipt
from gateway.core.model import Channel


@dataclass(frozen=True, slots=True)
class Capabilities:
    """One adapter's limits; what exceeds them is refused before it is sent, never cut.

    `free_text` is False where text outside an open conversation must be an approved template.
    `opaque_max` is 0 where receipts do not carry our own id of the attempt back. `by_account`: the
    patient is reached by an opaque id (a chat, a device), not by the number. `receives`: patients'
    answers come back on it. `rich_text`: it could show more than plain text, which we do not use.
    """

    channel: Channel
    text_max: int
    free_text: bool
    by_account: bool = False
    rich_text: bool = False
    buttons_max: int = 0
    button_title_max: int = 0
    button_payload_max: int = 0
    opaque_max: int = 0
    quotes: bool = False
    receives: bool = False
    receipts: frozenset[Receipt] = frozenset()
