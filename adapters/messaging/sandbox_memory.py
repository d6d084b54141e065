"""What outlives the sandbox's process: phones, messages, their states, and which webhook was taken.

Records go to a journal as they happen; `Memory` is what they add up to. A message is written down
before anyone is told that it was taken, a webhook's `told` after the gateway took it: so after a
crash nothing is missing, and a webhook may at most come twice, as real ones do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from adapters.json_values import Json, object_of, objects
from adapters.messaging.sandbox_world import ChatButton, ChatMessage, PatientPhone, State


class Book(Protocol):
    """Where records are written."""

    def write(self, record: Json, *, durable: bool = True) -> None:
        """Append a record."""
        ...


def of_phone(phone: PatientPhone) -> Json:
    """Record that there is a phone, and whether it has an account."""
    return {
        "what": "phone",
        "number": phone.number,
        "account": phone.account,
        "has_account": phone.has_account,
    }


def of_message(message: ChatMessage, item: Json | None = None) -> Json:
    """Record a message; `item` is what a patient's message looks like in its webhook."""
    return {
        "what": "message",
        "id": message.id,
        "sender": message.sender,
        "number": message.number,
        "from_patient": message.from_patient,
        "at": message.at.isoformat(),
        "text": message.text,
        "kind": message.kind,
        "buttons": [{"title": b.title, "payload": b.payload} for b in message.buttons],
        "template": message.template,
        "quote": message.quote,
        "opaque": message.opaque,
        "state": message.state.value,
        "error": message.error,
        "item": item,
    }


def of_state(message: ChatMessage) -> Json:
    """Record which state a message has reached."""
    return {"what": "state", "id": message.id, "state": message.state.value}


def of_told(message: ChatMessage, state: State | None) -> Json:
    """Record that the gateway took the webhook of a state; None: of the message itself."""
    return {"what": "told", "id": message.id, "state": state.value if state else None}


@dataclass(slots=True)
class Memory:
    """What the records add up to. A message to a number without an account is on no phone."""

    phones: dict[str, PatientPhone] = field(default_factory=dict)
    messages: dict[str, ChatMessage] = field(default_factory=dict)
    items: dict[str, Json] = field(default_factory=dict)
    told: set[tuple[str, State | None]] = field(default_factory=set)

    @classmethod
    def of(cls, records: Iterable[Json]) -> Memory:
        """Read a journal from its beginning; what it does not know it leaves out."""
        memory = cls()
        for record in records:
            match record.get("what"):
                case "phone":
                    memory._phone(record)
                case "message":
                    memory._message(record)
                case "state":
                    memory._state(record)
                case "told":
                    state = record.get("state")
                    memory.told.add((str(record["id"]), State(str(state)) if state else None))
        return memory

    def was_told(self, message: ChatMessage, state: State | None) -> bool:
        """Tell whether the gateway took this webhook."""
        return (message.id, state) in self.told

    def _phone(self, record: Json) -> None:
        number = str(record["number"])
        phone = self.phones.setdefault(number, PatientPhone(number, str(record["account"])))
        phone.has_account = record["has_account"] is True

    def _message(self, record: Json) -> None:
        message = message_in(record)
        self.messages[message.id] = message
        phone = self.phones[message.number]
        if message.from_patient:
            self.items[message.id] = object_of(record["item"])
            phone.wrote_at[message.sender] = message.at
        if message.error is None:
            phone.messages.append(message)

    def _state(self, record: Json) -> None:
        message = self.messages.get(str(record["id"]))
        if message is not None:
            message.move(State(str(record["state"])))


def message_in(record: Json) -> ChatMessage:
    """Return the message that `of_message` has recorded."""
    return ChatMessage(
        id=str(record["id"]),
        sender=str(record["sender"]),
        number=str(record["number"]),
        from_patient=record["from_patient"] is True,
        at=datetime.fromisoformat(str(record["at"])),
        text=str(record["text"]),
        kind=str(record["kind"]),
        buttons=tuple(
            ChatButton(str(b["title"]), str(b["payload"])) for b in objects(record["buttons"])
        ),
        template=_text(record["template"]),
        quote=_text(record["quote"]),
        opaque=_text(record["opaque"]),
        state=State(str(record["state"])),
        error=error if isinstance(error := record["error"], int) else None,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
