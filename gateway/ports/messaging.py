"""What the product asks of a message channel, and what a channel reports back.

An adapter takes an `OutgoingMessage`, speaks its provider's wire format and answers with the
provider's id or raises `SendError`. What comes in by webhook it turns into `InboundMessage`,
`InboundReceipt` and `InboundLink`; it decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias, runtime_checkable

from gateway.core.case import Content
from gateway.core.events import Failure, Receipt
from gateway.core.model import Channel
from gateway.ports.store import Kind, Ref


class Scope(StrEnum):
    """Who has to wait after a temporary failure."""

    RECIPIENT = "recipient"  # this message; others go on
    SENDER = "sender"  # everything that this sender sends, from all nodes (rule H-7)


@dataclass(frozen=True, slots=True)
class SenderLimits:
    """How much a sender may send.

    `name` is the same for all branches and nodes that share the sender, and different from every
    other sender's; it holds no secret. `per_second` None: nothing is known of a limit.
    """

    name: str
    per_second: float | None = None


class SendError(Exception):
    """A message did not, or may not, get through.

    `failure` None means that nobody knows (time-out or reset after the request was written):
    the attempt waits for receipts before anything is repeated (rule G-6). `alert` asks for an
    operator: credentials, template, account. `code` is the provider's own word; it never holds
    a number or a secret. `scope` tells who waits after a temporary failure: the sender, when the
    provider took offence at its rate or asked it to wait, else only this message.
    """

    def __init__(
        self,
        failure: Failure | None,
        code: str,
        *,
        retry_after_s: int | None = None,
        alert: bool = False,
        scope: Scope = Scope.RECIPIENT,
    ) -> None:
        super().__init__(f"{failure.value if failure else 'lost'}: {code}")
        self.failure = failure
        self.code = code
        self.retry_after_s = retry_after_s
        self.alert = alert
        self.scope = scope


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message to be sent.

    `opaque` comes back in receipts where the provider allows it and leads to the attempt
    (`opaque_of` / `attempt_of`). `session_open` tells that the patient wrote on this channel in
    the last 24 hours, so free text is allowed. `account` is the patient's opaque id on the
    channel where it is known, `to` the number in E.164. `asks_number` is the title of a button
    with which the patient lets the messenger tell their number, instead of `content.buttons`.
    """

    clinic: str
    branch: str
    channel: Channel
    to: str
    account: str | None
    content: Content
    opaque: str
    session_open: bool
    reply_to: str | None = None
    asks_number: str | None = None


class Messaging(Protocol):
    """One channel of one provider."""

    @property
    def channel(self) -> Channel:
        """Which channel this serves."""
        ...

    def serves(self, clinic: str, branch: str) -> bool:
        """Tell whether there is a sender for this branch."""
        ...

    def limits(self, clinic: str, branch: str) -> SenderLimits | None:
        """Return the limits of the sender that serves this branch; None: it has none to hold."""
        ...

    async def send(self, message: OutgoingMessage) -> str | None:
        """Send and return the provider's id of the message; raise `SendError`."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class Linking(Protocol):
    """A messenger where only the patient can begin: whoever opens the link is known by it."""

    @property
    def takes_contacts(self) -> bool:
        """Tell whether a contact that a patient shares proves their number."""
        ...

    def link(self, clinic: str, branch: str, token: str) -> str | None:
        """Return the address that opens the chat and brings `token`; None without a sender.

        `token` has 1 to 64 characters of A-Z a-z 0-9 _ -, else `ValueError`.
        """
        ...


@runtime_checkable
class TokenPush(Protocol):
    """A push service that reaches a phone by a token of its own."""

    @property
    def provider(self) -> str:
        """Its name, by which the app says whose a token is: `fcm`, `rustore`."""
        ...


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A message from a patient, as the provider told it.

    `number` is E.164 when the provider tells it, `account` the opaque id of the sender. `payload`
    is that of a tapped button, `quoted` the provider's id of the message that was quoted. `text`
    is None for media, reactions and unknown kinds, which `kind` names. `by_provider`: the text is
    an opt-out or opt-in that the provider has taken itself, and has answered (rule C-15).
    """

    id: str
    channel: Channel
    sender: str  # our own sender: e.g. WhatsApp's phone_number_id
    at: datetime
    number: str | None
    account: str | None
    kind: str
    text: str | None
    payload: str | None = None
    quoted: str | None = None
    by_provider: bool = False


@dataclass(frozen=True, slots=True)
class InboundReceipt:
    """A provider's report about a message of ours. `opaque` is what we sent with it."""

    channel: Channel
    sender: str
    provider_id: str
    opaque: str | None
    receipt: Receipt
    at: datetime
    failure: Failure = Failure.REJECTED
    code: str = ""
    alert: bool = False
    number: str | None = None
    account: str | None = None


class LinkStep(StrEnum):
    """What a patient did about being reachable on a messenger."""

    STARTED = "started"  # opened the chat; `token` is what our link carried, if it was ours
    SHARED = "shared"  # let the messenger tell `number`, which it vouches for
    ENDED = "ended"  # stopped or blocked us: nothing can be sent any more


@dataclass(frozen=True, slots=True)
class InboundLink:
    """A patient became reachable on a messenger, or no longer is.

    `account` is the sender's opaque id there. A `token` proves nothing by itself: whoever made it
    knows which number it was for and that it counts once. `number` (E.164) is the sender's own,
    never that of somebody whose contact they passed on.
    """

    id: str
    channel: Channel
    sender: str
    at: datetime
    account: str
    step: LinkStep
    token: str | None = None
    number: str | None = None


Inbound: TypeAlias = InboundMessage | InboundReceipt | InboundLink


def opaque_of(ref: Ref, attempt: str) -> str:
    """Return the text that names an attempt in a provider's receipts."""
    return f"{ref.kind.value}|{ref.clinic}|{attempt}|{ref.key}"


def attempt_of(opaque: str) -> tuple[Ref, str] | None:
    """Return the attempt that an `opaque` names, or None when it is not one of ours."""
    parts = opaque.split("|", 3)
    if len(parts) != 4 or parts[0] not in ("case", "contact"):
        return None
    return Ref(Kind(parts[0]), parts[1], parts[3]), parts[2]
