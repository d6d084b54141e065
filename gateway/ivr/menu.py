"""Plays an IVR script purely: what to do next, given what was heard (rules C-3, C-4).

`start` and `resume` return the next `Turn` and the `Session`, which is all there is to remember
between two turns and goes into the store as text. The same session and the same thing heard give
the same turn on any machine, so any node may answer a provider's next callback.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TypeAlias

from gateway.core.model import Answer, CallResult
from gateway.ivr.script import Script, State


class UnknownSession(ValueError):
    """A stored session does not fit the script: it was written by another version."""


@dataclass(frozen=True, slots=True)
class Key:
    """The patient pressed a key."""

    key: str


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing was pressed in the time that a turn waits."""


@dataclass(frozen=True, slots=True)
class HungUp:
    """The patient ended the call."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection was lost; nobody hung up."""

    code: str = ""


Heard: TypeAlias = Key | Silence | HungUp | Lost


@dataclass(frozen=True, slots=True)
class Session:
    """What a call has to remember between two turns. `turn` counts from 1."""

    state: str
    turn: int = 1
    keys: str = ""
    repeats: int = 0
    wrong_keys: int = 0
    silences: int = 0
    visited: tuple[str, ...] = ()

    def dump(self) -> str:
        """Return the session as text, for the store."""
        counts = [self.repeats, self.wrong_keys, self.silences]
        return json.dumps([self.state, self.turn, self.keys, *counts, list(self.visited)])


def load(text: str, script: Script) -> Session:
    """Return a session that was dumped; raise `UnknownSession` if the script has no such state."""
    try:
        state, turn, keys, repeats, wrong_keys, silences, visited = json.loads(text)
    except (ValueError, TypeError):
        raise UnknownSession("not a session") from None
    if state not in script.states:
        raise UnknownSession(f"the script has no state {state!r}")
    return Session(state, turn, keys, repeats, wrong_keys, silences, tuple(visited))


@dataclass(frozen=True, slots=True)
class Turn:
    """Say what `state` says; then listen, or end the call with `result`.

    `answer` is set on the turn that acknowledges it: it is committed before this is played
    (rule C-4). `wait_s` is how long, in seconds after the last word, a key is waited for.
    """

    state: str
    result: CallResult | None = None
    answer: Answer | None = None
    wait_s: float = 0.0
    barge_in: bool = False

    @property
    def listens(self) -> bool:
        """Tell whether a key may be pressed while and after this is played."""
        return self.result is None


def start(script: Script) -> tuple[Session, Turn]:
    """Begin a call that somebody has picked up."""
    session = Session(script.start, visited=(script.start,))
    return session, turn_of(script, session)


def turn_of(script: Script, session: Session) -> Turn:
    """Return the turn at which a session stands."""
    state = script.states[session.state]
    barge_in = state.barge_in and state.listens
    return Turn(state.name, state.result, state.answer, state.wait_s, barge_in)


def resume(script: Script, session: Session, heard: Heard) -> tuple[Session, Turn | None]:
    """Go on with what was heard; no turn follows a hang-up or a lost connection."""
    state = script.states[session.state]
    if isinstance(heard, HungUp | Lost) or not state.listens:
        return session, None
    if isinstance(heard, Silence):
        return _counted(script, session, "silences", script.limits.silence, state.silence)
    session = replace(session, keys=session.keys + heard.key)
    target = state.keys.get(heard.key)
    if target is None:
        return _counted(script, session, "wrong_keys", script.limits.wrong_key, state.wrong_key)
    if _is_repeat(script.states[target], session):
        return _counted(script, session, "repeats", script.limits.repeat, target)
    return _to(script, session, target)


def change(script: Script, session: Session) -> tuple[Session, Turn]:
    """Say that the visit has changed, in place of the turn at which the session stands."""
    session = replace(session, state=script.changed)
    return session, turn_of(script, session)


def _is_repeat(target: State, session: Session) -> bool:
    """A key that leads back to what was said before repeats it; every loop is counted."""
    return target.listens and target.name in session.visited


def _counted(
    script: Script, session: Session, counter: str, most: int, target: str
) -> tuple[Session, Turn]:
    """Go to `target`, or where a call ends that has come this way too often."""
    done = {
        "repeats": session.repeats,
        "wrong_keys": session.wrong_keys,
        "silences": session.silences,
    }
    if done[counter] >= most:
        return _to(script, session, script.limits.then)
    done[counter] += 1
    session = replace(
        session,
        repeats=done["repeats"],
        wrong_keys=done["wrong_keys"],
        silences=done["silences"],
    )
    return _to(script, session, target)


def _to(script: Script, session: Session, target: str) -> tuple[Session, Turn]:
    visited = session.visited if target in session.visited else (*session.visited, target)
    session = replace(session, state=target, turn=session.turn + 1, visited=visited)
    return session, turn_of(script, session)
