"""What the gateway and a line card say to each other: one JSON object a line, over a stream.

A line is `{"name": {fields}}`. The gateway sends commands, the first of which is `setup`; the card
sends events, the first of which is `ready`. A call is named by the gateway, a playback by a
number of the gateway's. Nothing here belongs to one SIP library: a card made of another speaks the
same words. Times are seconds, codes are SIP status codes, a file is a path of a WAV file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

LINES_MAX: Final = 4
"""Calls at once on one card: what the library takes in one process (PJSUA_MAX_CALLS)."""

LINE_BYTES_MAX: Final = 64 * 1024

ZYGOTE_READY: Final = b"ready"
ZYGOTE_FORK: Final = b"fork"
ZYGOTE_FORKED: Final = b"forked"
"""Between the gateway and the zygote: it is ready; fork a card (with its socket); done (with a
handle of the process)."""

EndedBy: TypeAlias = Literal["local", "remote", "timeout", "transport"]
"""Who ended a call: we, the other side, its silence, or a connection that could not be made."""


class ProtocolError(Exception):
    """A line that is no message; its sender must not be trusted any more."""


# --- Commands ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Setup:
    """The card's only account. `proxy` is `host:port`; a numeric host keeps the card from waiting
    for name servers. `transport` and `srtp` as in the trunk's settings."""

    bind: str
    public: str
    sip_port: int
    rtp_port: int
    rtp_ports: int
    nice: int
    transport: str
    proxy: str
    domain: str
    caller: str
    display: str
    username: str
    password: str = field(repr=False)
    realm: str
    register: bool
    expires_s: int
    srtp: str
    ca_file: str
    verify: bool
    media_timeout_s: float


@dataclass(frozen=True, slots=True)
class Dial:
    """Call a number, written as the trunk wants it. Answered by `taken` or `no_line`."""

    call: str
    to: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Play:
    """Play a file once, in place of what is playing. With `barge_in` a key stops it; without,
    keys during it are not reported."""

    call: str
    token: int
    file: str
    barge_in: bool


@dataclass(frozen=True, slots=True)
class HangUp:
    """End a call in whatever state it is: CANCEL, BYE, or nothing if it is over."""

    call: str


@dataclass(frozen=True, slots=True)
class Register:
    """Register the account with its registrar, or give the registration back."""

    on: bool


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for `pong`; a card that does not answer hangs."""

    number: int


@dataclass(frozen=True, slots=True)
class Quit:
    """End all calls and the process. The end of the stream means the same."""


# --- Events --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """The card takes calls. `nice` is what it got, which may be less than it asked for."""

    sip_port: int
    nice: int


@dataclass(frozen=True, slots=True)
class Trying:
    """The trunk has the call: some answer came, be it `100 Trying`."""

    call: str


@dataclass(frozen=True, slots=True)
class Ringing:
    """180 or 183 came."""

    call: str
    code: int


@dataclass(frozen=True, slots=True)
class Answered:
    """Somebody picked up. `keys`: the answer takes telephone-events (RFC 4733); where it does
    not, the card listens for tones."""

    call: str
    keys: bool


@dataclass(frozen=True, slots=True)
class Media:
    """Sound flows, or stopped flowing because the other side put us on hold."""

    call: str
    flows: bool


@dataclass(frozen=True, slots=True)
class Digit:
    """A key went down. `method`: rfc4733, info or tone."""

    call: str
    digit: str
    method: str


@dataclass(frozen=True, slots=True)
class Played:
    """A playback came to the end of its file."""

    call: str
    token: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """A playback ended before the end of its file: a key, or another playback."""

    call: str
    token: int


@dataclass(frozen=True, slots=True)
class Unplayable:
    """A file cannot be played."""

    call: str
    token: int
    why: str


@dataclass(frozen=True, slots=True)
class MediaLost:
    """No sound came from the other side for `media_timeout_s`: it is gone, or holds us."""

    call: str


@dataclass(frozen=True, slots=True)
class Disconnected:
    """A call is over. `q850` is the cause of a `Reason` header (RFC 3326), 0 without one."""

    call: str
    code: int
    by: EndedBy
    q850: int
    reason: str


@dataclass(frozen=True, slots=True)
class NoLine:
    """The card has no line for this call; it was not placed."""

    call: str


@dataclass(frozen=True, slots=True)
class Registration:
    """How the registration stands: a SIP code, 0 while nothing is known."""

    code: int
    active: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to `ping`, from the thread that serves the calls."""

    number: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something failed inside the card; calls go on. Names the place, never a person."""

    where: str
    what: str


Command: TypeAlias = Setup | Dial | Play | HangUp | Register | Ping | Quit
CallEvent: TypeAlias = (
    Trying
    | Ringing
    | Answered
    | Media
    | Digit
    | Played
    | Stopped
    | Unplayable
    | MediaLost
    | Disconnected
    | NoLine
)
CardEvent: TypeAlias = Ready | Registration | Pong | Trouble
Event: TypeAlias = CallEvent | CardEvent
Message: TypeAlias = Command | Event

_KINDS: Final = {kind.__name__.lower(): kind for kind in (*get_args(Command), *get_args(Event))}


def encode(message: Message) -> bytes:
    """Return the line of a message."""
    kind = type(message)
    fields = {name: getattr(message, name) for name in kind.__slots__}
    return json.dumps({kind.__name__.lower(): fields}).encode() + b"\n"


def decode(line: bytes) -> Message:
    """Return the message of a line; raise `ProtocolError`."""
    try:
        ((name, fields),) = json.loads(line).items()
        message: Message = _KINDS[name](**fields)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise ProtocolError(f"not a message: {type(error).__name__}") from None
    return message


class MessageReader:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield the messages that are complete with `data`; raise `ProtocolError`."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_BYTES_MAX:
            raise ProtocolError("a line is too long")
        for line in lines:
            yield decode(line)
