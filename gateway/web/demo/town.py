"""What the page needs of the small world around the demo; the composition root brings it."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

Json: TypeAlias = dict[str, Any]


class Town(Protocol):
    """A clinic's schedule and its patients' phones, in plain JSON.

    Visits are appointments as the API takes them. A chat is `{number, has_account,
    reads_at_once, messages}`, a message `{id, mine, at, text, kind, buttons, quote, state,
    template}`.
    """

    def visits(self) -> tuple[Json, ...]:
        """Return the schedule's appointments, by start."""
        ...

    def chats(self) -> tuple[Json, ...]:
        """Return every phone with its messages, oldest first."""
        ...

    async def changed(self, count: int) -> int:
        """Wait until there were more than `count` changes; return how many."""
        ...

    async def say(self, number: str, text: str, quote: str | None) -> None:
        """Write to the clinic from a patient's phone."""
        ...

    async def tap(self, number: str, message: str, button: int) -> None:
        """Tap a button of a message; raise `NotFound`."""
        ...

    async def read(self, number: str) -> None:
        """Look at everything that has arrived on a phone."""
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
