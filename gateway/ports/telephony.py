"""What the product asks of a telephone line: to dial, to play, to hear keys.

There are two kinds of transport. On a `Trunk` the call is ours from dialling to hanging up. A
`CallProvider` phones by itself and asks by callback what to do next; its dialogue therefore
stands in the store, and any node may answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from gateway.core.model import Appointment, CallResult
from gateway.ivr.menu import Heard, Turn
from gateway.ports.store import Ref
from gateway.ports.webhook import RawRequest


class NotPlaced(Exception):
    """The call could not be placed: no free line, trunk down. Not an attempt (rule C-6).

    `alert` asks for an operator: the next call will fail in the same way. `of_number`: the trunk
    works, and refuses this number alone.
    """

    def __init__(self, code: str, *, alert: bool = False, of_number: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.alert = alert
        self.of_number = of_number


class NotAnswered(Exception):
    """Nobody could be asked: `result` says why (no answer, busy, machine …)."""

    def __init__(self, result: CallResult, code: str = "") -> None:
        super().__init__(result.value)
        self.result = result
        self.code = code


class CallUnknown(Exception):
    """Nobody knows whether the call was placed: its receipts will tell (rule G-6)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class CallOrder:
    """One call to be placed; `attempt` is its id within the case."""

    ref: Ref
    attempt: str
    branch: str
    to: str
    language: str
    snapshot: Appointment = field(repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a trunk takes, over all nodes (rule H-7): calls at once, new calls a second."""

    name: str
    lines: int
    per_second: float


class Line(Protocol):
    """A call that somebody has picked up."""

    async def play(self, turn: Turn, prompt: Path | None) -> Heard:
        """Play a prompt and return what was heard.

        `prompt` is a WAV file, 8 kHz, mono, 16 bits; None only in a rehearsal. With `barge_in`
        a key ends the prompt, and one that was pressed before it began is taken at once: whoever
        knows the menu need not listen. Without, keys during the prompt are not heard, and one
        from before it is taken when it has ended. After the last sample a key is waited for
        during `turn.wait_s`. Keys pressed ahead are taken one a turn, in their order. A turn
        that does not listen forgets them, plays to its end and returns `Silence`, unless the
        patient hangs up.
        """
        ...

    async def hang_up(self) -> None:
        """End the call; harmless when it is over already."""
        ...


class Trunk(Protocol):
    """Telephone lines of our own, behind one account or exchange. A branch may have several."""

    @property
    def rests(self) -> bool:
        """Tell whether it failed a short while ago: the branch's others are tried first."""
        ...

    def serves(self, clinic: str, branch: str) -> bool:
        """Tell whether there is a line for this branch."""
        ...

    def limits(self, clinic: str, branch: str) -> Limits | None:
        """Return how many calls of this branch it takes; None: as many as there are."""
        ...

    async def dial(self, order: CallOrder) -> Line:
        """Call and return the line once a person picks up; raise NotPlaced or NotAnswered."""
        ...


@dataclass(frozen=True, slots=True)
class CallAsks:
    """The provider asks what to do next in a call.

    `heard` None: somebody has just picked up. `turn` is the one that was played (see
    `Session.turn`). `machine`: an answering machine picked up (rule C-14).
    """

    ref: Ref
    attempt: str
    call_id: str
    turn: int = 0
    heard: Heard | None = None
    machine: bool = False


@dataclass(frozen=True, slots=True)
class CallProgress:
    """The provider reports on a call; `result` is set once it is over.

    A call that was answered and then ended has `CallResult.HANGUP`: what was pressed before
    stands in the case. `sequence` orders reports of one call; they come in any order.
    """

    ref: Ref
    attempt: str
    call_id: str
    result: CallResult | None = None
    sequence: int = 0
    code: str = ""


CallNews: TypeAlias = CallAsks | CallProgress


@dataclass(frozen=True, slots=True)
class NextTurn:
    """What a provider is told to do: play `audio` (an address of ours), then do as `turn` says.

    `number` is the turn's own, to be named in the next callback.
    """

    turn: Turn
    number: int
    audio: str


class CallProvider(Protocol):
    """A provider that phones by itself and asks by callback what to do."""

    def serves(self, clinic: str, branch: str) -> bool:
        """Tell whether there is a line for this branch."""
        ...

    def limits(self, clinic: str, branch: str) -> Limits | None:
        """Return the limits of the trunk that serves this branch; None: it has none."""
        ...

    async def place(self, order: CallOrder) -> str:
        """Order a call and return the provider's id of it.

        Raises `NotPlaced`, `NotAnswered` (this number cannot be called) or `CallUnknown`.
        """
        ...

    async def look_up(self, clinic: str, branch: str, call_id: str) -> CallResult | None:
        """Ask how a call ended; None: it is still under way or the provider does not answer."""
        ...

    def verify(self, request: RawRequest) -> None:
        """Raise `Unauthenticated` or `Forbidden` unless the provider signed this."""
        ...

    def parse(self, request: RawRequest) -> CallNews:
        """Read a verified callback; raise `InvalidInput` naming the field."""
        ...

    def render(self, ref: Ref, attempt: str, then: NextTurn | None) -> tuple[str, bytes]:
        """Return content type and body that tell the provider what to do; None: hang up."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
