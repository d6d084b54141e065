"""What outlives the sandbox's process: its calls, how they stand, and which end was taken note of.

A call is written down before anyone is told that it exists. When the process dies, nobody is on
the phone any more: `Memory` says which calls were going on, and the world ends them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from adapters.json_values import Json, object_of
from adapters.telephony.sandbox_phone import By, Call, CallState
from adapters.telephony.sandbox_rest import Order


class Book(Protocol):
    """Where records are written."""

    def write(self, record: Json, *, durable: bool = True) -> None:
        """Append a record."""
        ...


def of_call(call: Call) -> Json:
    """Record a new call with what was ordered."""
    order = call.order
    return {
        "what": "call",
        "sid": call.sid,
        "account_sid": call.account_sid,
        "at": call.created_at.isoformat(),
        "order": {
            "to": order.to,
            "caller": order.caller,
            "url": order.url,
            "callback": order.callback,
            "events": list(order.events),
            "ring_s": order.ring_s,
            "limit_s": order.limit_s,
            "detects_machines": order.detects_machines,
        },
    }


def of_state(call: Call) -> Json:
    """Record how a call stands."""
    return {
        "what": "state",
        "sid": call.sid,
        "state": call.state.value,
        "answered_at": _written(call.answered_at),
        "ended_at": _written(call.ended_at),
        "ended_by": call.ended_by.value if call.ended_by else None,
        "machine": call.machine,
        "sip": call.sip,
        "sequence": call.sequence,
        "keys": call.keys,
    }


def of_told(call: Call, state: CallState) -> Json:
    """Record that the gateway took the callback about a state."""
    return {"what": "told", "sid": call.sid, "state": state.value}


@dataclass(slots=True)
class Memory:
    """What the records add up to."""

    calls: dict[str, Call] = field(default_factory=dict)
    told: set[tuple[str, CallState]] = field(default_factory=set)

    @classmethod
    def of(cls, records: Iterable[Json]) -> Memory:
        """Read a journal from its beginning; what it does not know it leaves out."""
        memory = cls()
        for record in records:
            match record.get("what"):
                case "call":
                    memory._call(record)
                case "state":
                    memory._state(record)
                case "told":
                    memory.told.add((str(record["sid"]), CallState(str(record["state"]))))
        return memory

    def end_was_told(self, call: Call) -> bool:
        """Tell whether the gateway knows how a call ended."""
        return not call.live and (call.sid, call.state) in self.told

    def _call(self, record: Json) -> None:
        order = object_of(record["order"])
        events = order["events"]
        self.calls[str(record["sid"])] = Call(
            str(record["sid"]),
            str(record["account_sid"]),
            Order(
                str(order["to"]),
                str(order["caller"]),
                str(order["url"]),
                str(order["callback"]),
                tuple(map(str, events)) if isinstance(events, list) else (),
                _whole(order["ring_s"]),
                _whole(order["limit_s"]),
                order["detects_machines"] is True,
            ),
            datetime.fromisoformat(str(record["at"])),
        )

    def _state(self, record: Json) -> None:
        call = self.calls.get(str(record["sid"]))
        if call is None:
            return
        call.state = CallState(str(record["state"]))
        call.answered_at = _moment(record["answered_at"])
        call.ended_at = _moment(record["ended_at"])
        by, machine = record["ended_by"], record["machine"]
        call.ended_by = By(str(by)) if by is not None else None
        call.machine = machine if isinstance(machine, bool) else None
        call.sip = _whole(record["sip"]) if record["sip"] is not None else None
        call.sequence = _whole(record["sequence"])
        call.keys = str(record["keys"])


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _moment(value: object) -> datetime | None:
    return datetime.fromisoformat(str(value)) if value is not None else None
