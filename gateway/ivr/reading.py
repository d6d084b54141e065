"""Reads IVR scripts from plain data (rule W-3: what is wrong is refused with the reason).

`script_of` reads one language, `scripts_of` a script in all its languages; what a script means
as a whole is checked by `gateway.ivr.checks`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from gateway.core.model import Answer, CallResult
from gateway.core.pattern import Pattern, PatternError, read_pattern
from gateway.errors import InvalidInput, Problem
from gateway.ivr.checks import problems_of, untranslated
from gateway.ivr.script import Limits, Script, Scripts, State

KEYS = "0123456789*#"

WAIT_S_MIN, WAIT_S_MAX = 1.0, 60.0
COUNT_MAX = 9
"""A call that repeats itself more often than this has other problems."""

STATES_MAX = 50
"""States of a script: every one of them is spoken before the number is dialled."""

TEXT_MAX = 1500
"""Characters of a state, as written: about a minute and a half of speech. Nobody listens longer."""

_TOP = ("name", "language", "start", "changed", "limits", "states")
_LIMITS = ("repeat", "wrong_key", "silence", "then")
_LISTENING = ("say", "keys", "wrong_key", "silence", "wait", "barge_in")
_FINAL = ("say", "answer", "ends")

_ANSWERS = {a.value: a for a in (Answer.CONFIRM, Answer.RESCHEDULE, Answer.CANCEL)}
_Meaning = TypeVar("_Meaning", Answer, CallResult)
_ENDS = {CallResult.NO_ANSWER_KEY.value: CallResult.NO_ANSWER_KEY}


def script_of(document: object) -> Script:
    """Return the script of one document; raise `InvalidInput` that says all that is wrong."""
    reader = _Reader()
    script = reader.script(document)
    if reader.problems:
        raise InvalidInput(*reader.problems)
    problems = tuple(problems_of(script))
    if problems:
        raise InvalidInput(*problems)
    return script


def scripts_of(scripts: Sequence[Script]) -> Scripts:
    """Return a script in all its languages; raise `InvalidInput` if one lacks a translation."""
    problems = tuple(untranslated(scripts))
    if problems:
        raise InvalidInput(*problems)
    return Scripts({script.language: script for script in scripts})


class _Reader:
    """Reads a document; what is wrong with it is collected in `problems`."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def script(self, document: object) -> Script:
        top = self._mapping(document, "", _TOP)
        given = top.get("states")
        named = given if isinstance(given, Mapping) else {}
        if not named:
            self._add("states", "missing")
        elif len(named) > STATES_MAX:
            self._add("states", f"{len(named)} states, at most {STATES_MAX}")
            named = {}
        states = {str(name): self._state(str(name), data) for name, data in named.items()}
        return Script(
            name=self._text(top, "", "name"),
            language=self._text(top, "", "language"),
            start=self._text(top, "", "start"),
            changed=self._text(top, "", "changed"),
            limits=self._limits(top.get("limits")),
            states=states,
        )

    def _limits(self, data: object) -> Limits:
        given = self._mapping(data, "limits", _LIMITS)
        return Limits(
            repeat=self._count(given, "repeat"),
            wrong_key=self._count(given, "wrong_key"),
            silence=self._count(given, "silence"),
            then=self._text(given, "limits", "then"),
        )

    def _state(self, name: str, data: object) -> State:
        field = f"states.{name}"
        listens = isinstance(data, Mapping) and "keys" in data
        given = self._mapping(data, field, _LISTENING if listens else _FINAL)
        say = self._sentences(given.get("say"), f"{field}.say")
        if not listens:
            return self._final(name, say, given)
        return State(
            name,
            say,
            keys=self._keys(given.get("keys"), f"{field}.keys"),
            wrong_key=self._text(given, field, "wrong_key"),
            silence=self._text(given, field, "silence"),
            wait_s=self._wait(given.get("wait"), f"{field}.wait"),
            barge_in=self._flag(given.get("barge_in", True), f"{field}.barge_in"),
        )

    def _final(self, name: str, say: tuple[Pattern, ...], given: Mapping[str, object]) -> State:
        field = f"states.{name}"
        answer = ends = None
        if "answer" in given and "ends" in given:
            self._add(f"{field}.ends", "an answer ends the call by itself: leave one of both out")
        elif "answer" in given:
            answer = self._one_of(given["answer"], _ANSWERS, f"{field}.answer")
        elif "ends" in given:
            ends = self._one_of(given["ends"], _ENDS, f"{field}.ends")
        elif given:
            self._add(field, "leads nowhere: give it keys, an answer, or ends")
        return State(name, say, answer=answer, ends=ends)

    def _sentences(self, data: object, field: str) -> tuple[Pattern, ...]:
        if not isinstance(data, list) or not data:
            self._add(field, "not a list of sentences" if data else "missing")
            return ()
        length = sum(len(item) for item in data if isinstance(item, str))
        if length > TEXT_MAX:
            self._add(field, f"{length} characters, at most {TEXT_MAX}")
            return ()
        return tuple(self._pattern(item, f"{field}[{n}]") for n, item in enumerate(data))

    def _pattern(self, data: object, field: str) -> Pattern:
        if not isinstance(data, str) or not data.strip():
            self._add(field, "not a text")
            return Pattern(())
        try:
            return read_pattern(data.strip())
        except PatternError as error:
            self._add(field, str(error))
            return Pattern(())

    def _keys(self, data: object, field: str) -> Mapping[str, str]:
        given = self._mapping(data, field, None)
        if data == {}:
            self._add(field, "no key: leave keys out where nothing is listened for")
        found: dict[str, str] = {}
        for key, target in given.items():
            pressed = str(key)
            if len(pressed) != 1 or pressed not in KEYS:
                self._add(f"{field}.{pressed}", f"not a key of a telephone: one of {KEYS}")
            elif not isinstance(target, str):
                self._add(f"{field}.{pressed}", "not the name of a state")
            else:
                found[pressed] = target
        return found

    def _one_of(self, data: object, known: Mapping[str, _Meaning], field: str) -> _Meaning | None:
        found = known.get(data) if isinstance(data, str) else None
        if found is None:
            self._add(field, f"must be one of {', '.join(known)}")
        return found

    def _wait(self, data: object, field: str) -> float:
        is_number = isinstance(data, int | float) and not isinstance(data, bool)
        if is_number and WAIT_S_MIN <= float(str(data)) <= WAIT_S_MAX:
            return float(str(data))
        self._add(field, f"must be seconds, {WAIT_S_MIN:g} to {WAIT_S_MAX:g}")
        return WAIT_S_MIN

    def _count(self, data: Mapping[str, object], name: str) -> int:
        value = data.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= COUNT_MAX:
            return value
        self._add(f"limits.{name}", f"must be a count, 0 to {COUNT_MAX}")
        return 0

    def _flag(self, data: object, field: str) -> bool:
        if isinstance(data, bool):
            return data
        self._add(field, "must be true or false")
        return True

    def _text(self, data: Mapping[str, object], field: str, key: str) -> str:
        value = data.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
        self._add(f"{field}.{key}" if field else key, "not a text" if value else "missing")
        return ""

    def _mapping(
        self, data: object, field: str, keys: Sequence[str] | None
    ) -> Mapping[str, object]:
        if not isinstance(data, Mapping):
            self._add(field, "missing" if data is None else "not a mapping of names to values")
            return {}
        for key in data:
            if keys is not None and key not in keys:
                self._add(f"{field}.{key}" if field else str(key), "there is no such field")
        return data

    def _add(self, field: str, message: str) -> None:
        """A whole that is missing is told once, not again for each of its parts."""
        wholes = {problem.field for problem in self.problems}
        parts = field.split(".")
        if not any(".".join(parts[:n]) in wholes for n in range(1, len(parts))):
            self.problems.append(Problem(field, message))
