"""One call as the gateway sees it: what its card reports, and who waits for that."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from adapters.telephony.sip.protocol import (
    Answered,
    CallEvent,
    Command,
    Digit,
    Disconnected,
    HangUp,
    MediaLost,
    NoLine,
    Play,
    Played,
    Ringing,
    Stopped,
    Trying,
    Unplayable,
)
from adapters.telephony.sip.results import NETWORK_FAILURES, Ending, failure
from gateway.core.model import CallResult
from gateway.ivr.menu import Heard, HungUp, Key, Lost, Silence, Turn
from gateway.ports.telephony import NotAnswered, NotPlaced

TAIL_S: Final = 0.2
"""After the last word of a call: the other side's buffer still holds some of it."""


class Call:
    """A call from dialling to its end; the line of `gateway.ports.telephony`.

    `send` gives a command to the card. `call_max_s` counts from the answer.
    """

    def __init__(self, name: str, send: Callable[[Command], None], call_max_s: float) -> None:
        self.name = name
        self.trying = self.ringing = self.answered = self.no_line = False
        self._send = send
        self._call_max_s = call_max_s
        self._limit: asyncio.TimerHandle | None = None
        self._disconnected: Disconnected | None = None
        self._ended: Heard | None = None
        self.hung_up_at: float | None = None
        self._keys: deque[str] = deque()
        self._token = self._finished = 0
        self._failed_prompt = False
        self._changed: asyncio.Future[bool] | None = None

    # --- What the card reports ------------------------------------------------------------------

    def take(self, event: CallEvent) -> None:
        """Take the next event; whoever waits looks at the call again."""
        match event:
            case Digit(digit=digit):
                self._keys.append(digit)
            case Played(token=token) | Stopped(token=token):
                self._finished = max(self._finished, token)
            case Trying():
                self.trying = True
            case Ringing():
                self.trying = self.ringing = True
            case Answered():
                self._pick_up()
            case _:
                self._take_end(event)
        self._wake()

    def _take_end(self, event: CallEvent) -> None:
        match event:
            case Disconnected():
                self._disconnected = event
                self._close(self._how(event))
            case NoLine():
                self.no_line = True
                self._close(Lost("no_line"))
            case MediaLost():
                self._cut("media_lost")
            case Unplayable():
                self._failed_prompt = True
            case _:
                pass

    def lose(self, code: str) -> None:
        """End the call because its card has gone."""
        self._close(Lost(code))
        self._wake()

    @property
    def over(self) -> bool:
        """Tell whether the call has ended, or is about to."""
        return self._ended is not None

    def _pick_up(self) -> None:
        self.trying = self.answered = True
        loop = asyncio.get_running_loop()
        self._limit = loop.call_later(self._call_max_s, self._cut, "call_max")

    def _cut(self, code: str) -> None:
        """End a call that must not go on; it is neither's doing."""
        self._close(Lost(code))
        self._hang_up()
        self._wake()

    def _close(self, ended: Heard) -> None:
        if self._ended is None:
            self._ended = ended
        if self._limit is not None:
            self._limit.cancel()

    def _how(self, end: Disconnected) -> Heard:
        """Tell a person who hung up from a connection that broke."""
        if self.hung_up_at is not None:
            return HungUp()
        if end.by == "remote" and end.q850 not in NETWORK_FAILURES:
            return HungUp()
        return Lost(f"{end.by}_{end.q850 or end.code}")

    # --- Placing --------------------------------------------------------------------------------

    async def reaction(self, seconds: float) -> None:
        """Wait until the trunk reacts, in whatever way; raise `NotPlaced` if it does not."""
        until = asyncio.get_running_loop().time() + seconds
        while not self.trying and not self.over:
            if not await self._change(until):
                self._hang_up()
                raise NotPlaced("trunk_timeout")

    async def answer(self, ring_s: float) -> None:
        """Wait until somebody picks up; raise `NotAnswered` or `NotPlaced`.

        The time counts from the first ringing, or from now while it does not ring.
        """
        loop = asyncio.get_running_loop()
        until, rang = loop.time() + ring_s, self.ringing
        while not self.answered:
            if self.over:
                raise self._failure()
            if self.ringing and not rang:
                until, rang = loop.time() + ring_s, True
            if not await self._change(until):
                self._hang_up()
                result = CallResult.NO_ANSWER if rang else CallResult.UNREACHABLE
                raise NotAnswered(result, "ring_timeout")

    def _failure(self) -> NotAnswered | NotPlaced:
        end = self._disconnected
        if end is not None:
            return failure(Ending(end.code, end.by, self.ringing, end.q850))
        code = self._ended.code if isinstance(self._ended, Lost) else ""
        # Once the trunk has the call a telephone may have rung: it must not ring twice.
        return NotAnswered(CallResult.FAILED, code) if self.trying else NotPlaced(code)

    # --- Talking --------------------------------------------------------------------------------

    async def play(self, turn: Turn, prompt: Path | None) -> Heard:
        """Play a prompt and return what was heard; see `gateway.ports.telephony.Line`."""
        if not turn.listens:
            self._keys.clear()
        elif turn.barge_in and self._keys:
            return Key(self._keys.popleft())  # pressed before we spoke
        self._token += 1
        self._failed_prompt = False
        if prompt is None:
            self._finished = self._token
        elif not self.over:
            self._begin(prompt, barge_in=turn.listens and turn.barge_in)
        return await self._listen(turn)

    def _begin(self, prompt: Path, *, barge_in: bool) -> None:
        file = str(prompt.absolute())  # the card runs in another folder
        self._send(Play(self.name, self._token, file, barge_in))

    async def _listen(self, turn: Turn) -> Heard:
        until: float | None = None
        while True:
            finished = self._finished >= self._token or self._ended is not None
            if turn.listens and self._keys and (finished or turn.barge_in):
                return Key(self._keys.popleft())  # also if it was the last thing before the end
            if self._ended is not None:
                return self._ended
            if self._failed_prompt:
                return Lost("unplayable_prompt")
            if finished and until is None:
                wait_s = turn.wait_s if turn.listens else TAIL_S
                until = asyncio.get_running_loop().time() + wait_s
            if not await self._change(until):
                return Silence()

    async def hang_up(self) -> None:
        """End the call; harmless when it is over already."""
        self._hang_up()

    def _hang_up(self) -> None:
        if self._disconnected is None and self.hung_up_at is None and not self.no_line:
            self.hung_up_at = asyncio.get_running_loop().time()
            self._send(HangUp(self.name))

    # --- Waiting --------------------------------------------------------------------------------

    async def _change(self, until: float | None) -> bool:
        """Wait for the next event, at most until that time of the loop; False: it came first."""
        loop = asyncio.get_running_loop()
        changed: asyncio.Future[bool] = loop.create_future()
        self._changed = changed
        timer = loop.call_at(until, self._time_out, changed) if until is not None else None
        try:
            return await changed
        finally:
            self._changed = None
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(True)

    @staticmethod
    def _time_out(changed: asyncio.Future[bool]) -> None:
        if not changed.done():
            changed.set_result(False)
