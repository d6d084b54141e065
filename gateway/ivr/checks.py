"""What an IVR script must be as a whole: every key leads somewhere, every path ends.

A call always comes to an end by construction (every way back is counted, see `Limits`); what is
checked here is that the ways exist, that nothing is dead, and that people are told their keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from gateway.core.model import ANSWER_OF_KEY, Answer
from gateway.core.pattern import Fact, Pattern
from gateway.errors import Problem
from gateway.ivr.script import CALL_FACTS, MAY_BE_UNKNOWN, Script, State

_NEEDED = (Answer.CONFIRM, Answer.RESCHEDULE, Answer.CANCEL)


def problems_of(script: Script) -> Iterator[Problem]:
    """Yield everything that is wrong with a script (rules C-3, C-4, W-3)."""
    yield from _dead_ends(script)
    yield from _unreached(script)
    for state in script.states.values():
        yield from _unsaid_keys(state)
        for number, pattern in enumerate(state.say):
            for message in _wrong_facts(pattern):
                yield Problem(f"states.{state.name}.say[{number}]", message)
    yield from _unpressed_answers(script)
    yield from _visit_unnamed(script)
    given = {state.answer for state in script.states.values()}
    for answer in _NEEDED:
        if answer not in given:
            yield Problem("states", f"no state has the answer {answer.value}")


def ways_of(state: State) -> Iterator[tuple[str, str]]:
    """Yield what leads out of a state and where to: keys, `wrong_key`, `silence`."""
    yield from ((f"keys.{key}", target) for key, target in state.keys.items())
    if state.listens:
        yield "wrong_key", state.wrong_key
        yield "silence", state.silence


def untranslated(scripts: Sequence[Script]) -> Iterator[Problem]:
    """Yield the states that one language has and another lacks."""
    for script in scripts:
        for other in scripts:
            for name in other.states:
                if name not in script.states:
                    message = f"missing in {script.language!r}; {other.language!r} has it"
                    yield Problem(f"states.{name}", message)


def _dead_ends(script: Script) -> Iterator[Problem]:
    """Yield the ways that lead to no state, or to one that cannot be meant."""
    for state in script.states.values():
        for way, target in ways_of(state):
            if target not in script.states:
                yield Problem(f"states.{state.name}.{way}", _no_state(target))
    start = script.states.get(script.start)
    if start is None:
        yield Problem("start", _no_state(script.start))
    elif not start.listens:
        yield Problem("start", "must be a state with keys")
    yield from _wrong_ends(script)


def _unpressed_answers(script: Script) -> Iterator[Problem]:
    """Nobody answers without pressing the key of that answer (rule C-4)."""
    for state in script.states.values():
        for way, target in ways_of(state):
            answer = script.states[target].answer if target in script.states else None
            if answer is not None and ANSWER_OF_KEY.get(way.removeprefix("keys.")) is not answer:
                message = f"{answer.value} is the answer of another key (1, 2 or 3)"
                yield Problem(f"states.{state.name}.{way}", message)
        if not any(_always_said(pattern) for pattern in state.say):
            yield Problem(f"states.{state.name}.say", "says nothing when facts are unknown")


def _always_said(pattern: Pattern) -> bool:
    return any(isinstance(piece, str | Fact) or piece.is_never_empty for piece in pattern.pieces)


def _wrong_ends(script: Script) -> Iterator[Problem]:
    for field, target in (("changed", script.changed), ("limits.then", script.limits.then)):
        final = script.states.get(target)
        if final is None:
            yield Problem(field, _no_state(target))
        elif final.ends is None:
            yield Problem(field, "must be a state that ends the call without an answer")


def _no_state(name: str) -> str:
    return f"there is no state {name!r}"


def _unreached(script: Script) -> Iterator[Problem]:
    reached = {script.changed, script.limits.then}
    found = [script.start]
    while found:
        name = found.pop()
        if name in reached or name not in script.states:
            continue
        reached.add(name)
        found += [target for _, target in ways_of(script.states[name])]
    for name in script.states:
        if name not in reached:
            yield Problem(f"states.{name}", "nothing leads here")


def _unsaid_keys(state: State) -> Iterator[Problem]:
    """A key that nobody is told of is not offered."""
    words = " ".join(pattern.words() for pattern in state.say)
    for key in state.keys:
        if key.isdigit() and not re.search(rf"(?<!\d){key}(?!\d)", words):
            yield Problem(f"states.{state.name}.say", f"does not offer the key {key}")


def _wrong_facts(pattern: Pattern) -> Iterator[str]:
    for name in sorted(pattern.facts - CALL_FACTS.keys()):
        yield f"{{{name}}} is no fact: there are {', '.join(CALL_FACTS)}"
    for piece in pattern.pieces:
        if isinstance(piece, Fact) and piece.name in MAY_BE_UNKNOWN:
            yield f"{{{piece.name}}} may be unknown: write it inside [[ ]]"


def _visit_unnamed(script: Script) -> Iterator[Problem]:
    """The first thing said names the visit (rules C-3, W-1)."""
    state = script.states.get(script.start)
    if state is None:
        return
    facts = _all_facts(state.say)
    for names in (("clinic",), ("doctor",), ("specialty",), ("when", "day", "date")):
        if not facts & set(names):
            wanted = " or ".join(f"{{{name}}}" for name in names)
            yield Problem(f"states.{state.name}.say", f"does not name {wanted}")
    if not facts & {"when", "time"}:
        yield Problem(f"states.{state.name}.say", "does not name {when} or {time}")


def _all_facts(say: Iterable[Pattern]) -> set[str]:
    return {name for pattern in say for name in pattern.facts}
