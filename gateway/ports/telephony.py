"""What the product asks of a telephone line: to dial, to play, to hear keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.core.model import Appointment, CallResult
from gateway.ivr.menu import Heard, Turn
from gateway.ports.store import Ref


class NotPlaced(Exception):
    """The call could not be placed: no free line, trunk down. Not an attempt (rule C-6)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class NotAnswered(Exception):
    """Nobody could be asked: `result` says why (no answer, busy, machine …)."""

    def __init__(self, result: CallResult) -> None:
        super().__init__(result.value)
        self.result = result


@dataclass(frozen=True, slots=True)
class CallOrder:
    """One call to be placed; `attempt` is its id within the case."""

    ref: Ref
    attempt: str
    branch: str
    to: str
    language: str
    snapshot: Appointment


class Line(Protocol):
    """A call that somebody has picked up."""

    async def play(self, turn: Turn) -> Heard:
        """Play a turn; return what was heard. A turn that does not listen plays to its end."""
        ...

    async def hang_up(self) -> None:
        """End the call; harmless when it is over already."""
        ...


class Telephony(Protocol):
    """A trunk or provider."""

    def serves(self, clinic: str, branch: str) -> bool:
        """Tell whether there is a line for this branch."""
        ...

    async def dial(self, order: CallOrder) -> Line:
        """Call and return the line once a person picks up; raise NotPlaced or NotAnswered."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
