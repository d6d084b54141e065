"""Draws an IVR script as a Mermaid diagram for the docs, from the script itself."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.ivr.checks import ways_of
from gateway.ivr.script import Script, State


def diagram(script: Script) -> str:
    """Return a Mermaid flowchart: states, keys, and where silence and wrong keys lead.

    Boxes listen for a key; rounded ones end the call. Dotted ways are counted.
    """
    return "\n".join(["flowchart TD", *_lines(script)])


def _lines(script: Script) -> Iterator[str]:
    yield f"    call([picked up]) --> {script.start}"
    for state in script.states.values():
        yield f"    {_box(state)}"
    for state in script.states.values():
        yield from _arrows(script, state)
    limits = script.limits
    counts = (
        f"{_ordinal(limits.repeat + 1)} repeat",
        f"{_ordinal(limits.wrong_key + 1)} wrong key",
        f"{_ordinal(limits.silence + 1)} silence",
    )
    yield f"    over([{', '.join(counts)}]) --> {limits.then}"
    yield f"    late([the visit has changed meanwhile]) --> {script.changed}"


def _box(state: State) -> str:
    if state.listens:
        return f'{state.name}["{state.name}<br>waits {state.wait_s:g} s"]'
    ending = state.answer.value if state.answer is not None else str(state.result)
    return f'{state.name}(["{state.name}<br>{ending}"])'


def _arrows(script: Script, state: State) -> Iterator[str]:
    """One arrow per target: a menu that stands in several states would be drawn as a thicket."""
    ways: dict[str, list[str]] = {}
    counted: set[str] = set()
    for way, target in ways_of(state):
        word = way.removeprefix("keys.").replace("_", " ")
        ways.setdefault(target, []).append(word)
        if not way.startswith("keys.") or script.states[target].listens:
            counted.add(target)
    for target, words in ways.items():
        arrow = "-. {} .->" if target in counted else "-- {} -->"
        yield f"    {state.name} {arrow.format(', '.join(words))} {target}"


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third", 4: "fourth"}.get(number, f"{number}th")
