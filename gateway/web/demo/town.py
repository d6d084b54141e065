"""What the page needs of the small world around the demo; the composition root brings it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol, TypeAlias

Json: TypeAlias = dict[str, Any]


class Town(Protocol):
    """A clinic's schedule and its patients' phones, in plain JSON.

    Visits are appointments as the API takes them. A chat is `{number, apps, reads_at_once,
    messages}`; `apps` tells for each channel on the phone how it stands: `on`, `installed` (a
    messenger without the clinic's bot), `off` (push), `gone` (an app that was removed). A message
    is `{id, channel, mine, seen, at, text, kind, buttons, quote, state, template}`, a call `{id,
    number, caller, state, at, ended_by, seconds, machine, silenced, in_hand, listening,
    live_sound, keys, playing: {audio, seconds, count}}`.
    """

    def visits(self) -> tuple[Json, ...]:
        """Return the schedule's appointments, by start."""
        ...

    def chats(self) -> tuple[Json, ...]:
        """Return every phone with its messages, oldest first."""
        ...

    def calls(self) -> tuple[Json, ...]:
        """Return every call to a patient, oldest first."""
        ...

    def audio(self, name: str) -> bytes:
        """Return the WAV file that a call was told to play; raise `NotFound`."""
        ...

    def sound(self, call: str) -> AsyncIterator[bytes]:
        """Return what is heard in a call from now on, where it is `live_sound`: 16-bit
        little-endian samples at 8 kHz. Raises `NotFound`."""
        ...

    async def changed(self, count: int) -> int:
        """Wait until there were more than `count` changes; return how many."""
        ...

    async def say(self, number: str, text: str, quote: str | None, app: str | None = None) -> None:
        """Write to the clinic in an app of a patient's phone, None: where it wrote last; raise
        `NotFound`."""
        ...

    async def tap(self, number: str, message: str, button: int) -> None:
        """Tap a button of a message; raise `NotFound`."""
        ...

    async def read(self, number: str, app: str | None = None) -> None:
        """Look at everything that has arrived in one app of a phone, or in all."""
        ...

    def start_bot(self, number: str, app: str) -> None:
        """Open the clinic's bot in a messenger; raise `NotFound`."""
        ...

    def share_number(self, number: str, app: str) -> None:
        """Let the clinic's bot know one's number; raise `NotFound`."""
        ...

    def stop_bot(self, number: str, app: str) -> None:
        """Stop the clinic's bot; raise `NotFound`."""
        ...

    def answer(self, number: str) -> None:
        """Pick up a patient's phone that rings; raise `NotFound`."""
        ...

    def decline(self, number: str) -> None:
        """Press a call away; raise `NotFound`."""
        ...

    def ignore(self, number: str) -> None:
        """Silence a phone and let it ring; raise `NotFound`."""
        ...

    def press(self, call: str, key: str) -> None:
        """Press a key during a call; raise `NotFound`."""
        ...

    def hang_up(self, call: str) -> None:
        """End a call; raise `NotFound`."""
        ...

    def put(self, appointment: Json) -> None:
        """Write an appointment into the schedule, new or changed."""
        ...

    def move(self, appointment: str, start: str) -> None:
        """Move an appointment; raise `NotFound`."""
        ...

    def mark(self, appointment: str, status: str) -> None:
        """Give an appointment another status; raise `NotFound`."""
        ...

    def remove(self, appointment: str) -> None:
        """Take an appointment out of the schedule; raise `NotFound`."""
        ...


class TownClock(Protocol):
    """The demo's time."""

    @property
    def shown_factor(self) -> float:
        """How fast it goes, 0 when it stands still."""
        ...

    def change(self, factor: float) -> None:
        """Let it go `factor` times as fast as the machine's clock."""
        ...
