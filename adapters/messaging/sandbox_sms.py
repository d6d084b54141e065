"""What the SMS sandboxes share: phones, the provider's book of accepted messages, their journeys.

Plain state without any wire format: a `Wire` writes what is told to the gateway. What was accepted
stands in `accepted` (and in `book`, which survives the process), to be compared with the gateway's
own books.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from adapters.http import HttpClient, HttpRequest
from adapters.messaging.sandbox_memory import Book, of_message
from adapters.messaging.sandbox_traffic import Deliveries
from adapters.messaging.sandbox_world import (
    Chance,
    ChatButton,
    ChatMessage,
    Faults,
    Limits,
    Pace,
    State,
)
from gateway.clock import Clock

ON_THE_WAY = (State.SENT, State.DELIVERED)


class Wire(Protocol):
    """Writes a provider's callbacks."""

    def receipt(self, message: ChatMessage, state: State) -> HttpRequest:
        """Return the callback that tells that a message has reached a state."""
        ...

    def inbound(self, message: ChatMessage) -> HttpRequest:
        """Return the callback that brings a patient's message."""
        ...


class SmsWorld:
    """Phones that messages go to and come from. `run` must be running for callbacks to arrive."""

    def __init__(
        self,
        clock: Clock,
        client: HttpClient,
        wire: Wire,
        *,
        pace: Pace | None = None,
        seed: int = 0,
        book: Book | None = None,
    ) -> None:
        self.faults = Faults()
        self.accepted: list[ChatMessage] = []
        self.unreachable: dict[str, int] = {}  # by number: the code that its receipts will carry
        self.chance = Chance(seed)
        self._clock = clock
        self._wire = wire
        self._pace = pace or Pace()
        self._book = book
        self._limits = Limits()
        self._deliveries = Deliveries(clock, client, self.faults, self.chance)
        self._wrote_at: dict[tuple[str, str], datetime] = {}

    async def run(self) -> None:
        """Let callbacks arrive, until cancelled."""
        await self._deliveries.run()

    async def idle(self) -> None:
        """Wait until nothing is on its way any more."""
        await self._deliveries.idle()

    def message(self, message_id: str) -> ChatMessage:
        """Return an accepted message."""
        return next(message for message in self.accepted if message.id == message_id)

    def wrote_at(self, sender: str, number: str) -> datetime | None:
        """Return when a patient last wrote to a sender."""
        return self._wrote_at.get((sender, number))

    def too_fast(self, sender: str, number: str) -> bool:
        """Note one request; tell whether it breaks the limit of `faults.per_second`."""
        return self._limits.broken(sender, number, self.faults, self._clock.now()) is not None

    # What the clinic asks for

    def accept(
        self,
        message_id: str,
        sender: str,
        number: str,
        text: str,
        *,
        buttons: Iterable[ChatButton] = (),
        template: str | None = None,
        opaque: str | None = None,
        states: Iterable[State] = ON_THE_WAY,
    ) -> ChatMessage:
        """Write a message into the book and set out what will be told about it.

        `states` is empty where the provider was not asked to report.
        """
        message = ChatMessage(
            id=message_id,
            sender=sender,
            number=number,
            from_patient=False,
            at=self._clock.now(),
            text=text,
            buttons=tuple(buttons),
            template=template,
            opaque=opaque,
            error=self.unreachable.get(number),
        )
        self.accepted.append(message)
        if self._book is not None:
            self._book.write(of_message(message))
        states = tuple(states)
        if message.error is not None and states:
            states = (State.FAILED,)
        for state in states:
            self.tell(message, state)
        return message

    def tell(self, message: ChatMessage, state: State) -> None:
        """Report a state after those that were reported before."""

        def build() -> HttpRequest:
            message.move(state)
            return self._wire.receipt(message, state)

        pauses = {
            State.SENT: self._pace.sent_s,
            State.DELIVERED: self._pace.delivered_s,
            State.READ: self._pace.read_s,
        }
        self._deliveries.send(message.id, build, after_s=pauses.get(state, self._pace.sent_s))

    # What patients do

    def write(
        self,
        number: str,
        sender: str,
        text: str,
        *,
        message_id: str | None = None,
        kind: str = "text",
        button: ChatButton | None = None,
        quote: str | None = None,
    ) -> ChatMessage:
        """Send a message from a patient's phone."""
        message = ChatMessage(
            id=message_id or self.chance.fresh(32),
            sender=sender,
            number=number,
            from_patient=True,
            at=self._clock.now(),
            text=text,
            kind=kind,
            buttons=() if button is None else (button,),
            quote=quote,
            state=State.DELIVERED,
        )
        self._wrote_at[(sender, number)] = message.at
        request = self._wire.inbound(message)
        self._deliveries.send(number, lambda: request)
        return message
