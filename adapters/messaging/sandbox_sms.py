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
from adapters.json_values import Json
from adapters.messaging.sandbox_memory import Book, message_in, of_message, of_state, of_told
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
        self.written: list[ChatMessage] = []
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
        self._write(of_message(message))
        for state in _ends(message, tuple(states)):
            self.tell(message, state)
        return message

    def _write(self, record: Json, *, durable: bool = True) -> None:
        if self._book is not None:
            self._book.write(record, durable=durable)

    def recall(self, records: Iterable[Json]) -> None:
        """Go on after an earlier life; callbacks that were not taken are told again."""
        found, told = _remembered(records)
        for message in found:
            if message.from_patient:
                self.written.append(message)
                self._wrote_at[(message.sender, message.number)] = message.at
                if (message.id, None) not in told:
                    self._bring(message)
                continue
            self.accepted.append(message)
            for state in _ends(message, ON_THE_WAY):
                if (message.id, state) not in told:
                    self.tell(message, state)

    def tell(self, message: ChatMessage, state: State) -> None:
        """Report a state after those that were reported before."""

        def build() -> HttpRequest:
            if message.move(state):
                self._write(of_state(message), durable=False)
            return self._wire.receipt(message, state)

        def taken() -> None:
            self._write(of_told(message, state), durable=False)

        pauses = {
            State.SENT: self._pace.sent_s,
            State.DELIVERED: self._pace.delivered_s,
            State.READ: self._pace.read_s,
        }
        after_s = pauses.get(state, self._pace.sent_s)
        self._deliveries.send(message.id, build, after_s=after_s, taken=taken)

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
        self.written.append(message)
        self._wrote_at[(sender, number)] = message.at
        self._write(of_message(message))
        self._bring(message)
        return message

    def _bring(self, message: ChatMessage) -> None:
        request = self._wire.inbound(message)

        def taken() -> None:
            self._write(of_told(message, None), durable=False)

        self._deliveries.send(message.number, lambda: request, taken=taken)


def _remembered(
    records: Iterable[Json],
) -> tuple[tuple[ChatMessage, ...], set[tuple[str, State | None]]]:
    """Return the messages of a journal and what was told about them."""
    found: dict[str, ChatMessage] = {}
    told: set[tuple[str, State | None]] = set()
    for record in records:
        name = str(record["id"])
        match record["what"]:
            case "message":
                found[name] = message_in(record)
            case "state":
                found[name].move(State(str(record["state"])))
            case "told":
                state = record["state"]
                told.add((name, None if state is None else State(str(state))))
    return tuple(found.values()), told


def _ends(message: ChatMessage, states: tuple[State, ...]) -> tuple[State, ...]:
    """Return what will be told about a message of which `states` were to be."""
    return (State.FAILED,) if message.error is not None and states else states
