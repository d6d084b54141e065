"""A small clinic call for trunk tests: the product's own menu, prompts that a test can tell apart.

script = script_of()
prompts = Prompts(folder)
told = await converse(line, script, prompts)
assert told.answer is Answer.CONFIRM
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from gateway.core.model import Answer, Appointment, CallResult, Person
from gateway.ivr.menu import Heard, HungUp, Lost, Turn, resume, start
from gateway.ivr.script import Limits, Script, State
from gateway.ports.store import Ref
from gateway.ports.telephony import CallOrder, Line
from tests.telephony.peers.audio import Samples, speech_like, write_wav

NUMBER = "+79995550123"
KEYS = {"1": "confirmed", "2": "moved", "3": "cancelled", "0": "greeting"}


def script_of(*, wait_s: float = 1.0, barge_in: bool = True) -> Script:
    """Return a menu with the keys of every confirmation call: 1, 2, 3 and 0."""
    greeting = State(
        "greeting", (), KEYS, wrong_key="keys", silence="keys", wait_s=wait_s, barge_in=barge_in
    )
    keys = State("keys", (), KEYS, wrong_key="keys", silence="keys", wait_s=wait_s)
    final = {
        "confirmed": Answer.CONFIRM, "moved": Answer.RESCHEDULE, "cancelled": Answer.CANCEL,
    }  # fmt: skip
    states = [greeting, keys]
    states += [State(name, (), answer=answer, barge_in=False) for name, answer in final.items()]
    states += [State("goodbye", (), ends=CallResult.NO_ANSWER_KEY, barge_in=False)]
    states += [State("changed", (), ends=CallResult.FAILED, barge_in=False)]
    limits = Limits(repeat=3, wrong_key=2, silence=1, then="goodbye")
    table = {state.name: state for state in states}
    return Script("trunk_test", "ru", "greeting", "changed", limits, table)


class Prompts:
    """A WAV file for every state, each with a voice of its own."""

    def __init__(self, folder: Path, seconds: dict[str, float] | None = None) -> None:
        lengths = {"greeting": 2.0, "keys": 1.0, **(seconds or {})}
        names = ("greeting", "keys", "confirmed", "moved", "cancelled", "goodbye", "changed")
        self.samples: dict[str, Samples] = {
            name: speech_like(lengths.get(name, 0.6), seed=number + 1)
            for number, name in enumerate(names)
        }
        self.paths = {
            name: write_wav(folder / f"{name}.wav", sound) for name, sound in self.samples.items()
        }


class Dials(Protocol):
    """Whatever can place a call."""

    async def dial(self, order: CallOrder) -> Line: ...


@dataclass
class Told:
    """What happened in a call: every turn that was played, and what was heard in it."""

    turns: list[Turn] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)

    @property
    def states(self) -> list[str]:
        """The states in the order in which they were played."""
        return [turn.state for turn in self.turns]

    @property
    def answer(self) -> Answer | None:
        """What the patient wants."""
        return self.turns[-1].answer if self.turns else None

    @property
    def result(self) -> CallResult | None:
        """How the menu ended; None when the patient or the line ended it."""
        return self.turns[-1].result if self.turns else None

    @property
    def end(self) -> Heard | None:
        """What ended the call when the menu did not."""
        last = self.heard[-1] if self.heard else None
        return last if isinstance(last, HungUp | Lost) else None


async def converse(line: Line, script: Script, prompts: Prompts) -> Told:
    """Hold the whole call, as the service does, and hang up."""
    told = Told()
    session, turn = start(script)
    following: Turn | None = turn
    while following is not None:
        told.turns.append(following)
        heard = await line.play(following, prompts.paths[following.state])
        told.heard.append(heard)
        session, following = resume(script, session, heard)
    await line.hang_up()
    return told


async def call(trunk: Dials, script: Script, prompts: Prompts, to: str = NUMBER) -> Told:
    """Dial, hold the call, hang up."""
    return await converse(await trunk.dial(order(to)), script, prompts)


def calling(trunk: Dials, script: Script, prompts: Prompts, to: str = NUMBER) -> asyncio.Task[Told]:
    """Begin a call beside the test, which is the patient."""
    return asyncio.create_task(call(trunk, script, prompts, to))


def order(to: str = NUMBER, *, clinic: str = "c1", branch: str = "b1") -> CallOrder:
    """Return an order for one call."""
    at = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    visit = Appointment("A-1", branch, at, at, Person("P-1", "Мария", "Ивановна", phones=(to,)))
    return CallOrder(Ref("case", clinic, "A-1"), "m1", branch, to, "ru", visit)
