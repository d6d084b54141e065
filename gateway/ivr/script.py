"""An IVR script: the dialogue of a call as data (rules C-3, C-4).

A script is a set of states. A state says its sentences and then either listens for a key or ends
the call. `gateway.ivr.menu` plays scripts, `gateway.ivr.reading` makes them from plain data and
refuses those that could lead nowhere; ivr_scripts/README.md tells clinics how to write them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.core.model import Answer, CallResult
from gateway.core.pattern import Facts, Pattern

CALL_FACTS: dict[str, str] = {
    "name": "first and middle name of the person who is called",
    "clinic": "the branch as messages name it",
    "specialty": "the doctor's specialty",
    "doctor": "the doctor's name",
    "when": "weekday, day, month and time in one phrase",
    "day": "weekday, day and month",
    "date": "day and month",
    "time": "time of the visit",
    "phone": "the branch's phone",
    "state": "how the visit stands in the schedule now",
}
"""Every fact that a sentence may name, already in words. Times are in the branch's zone."""

MAY_BE_UNKNOWN = frozenset({"name", "specialty", "doctor", "phone"})
"""Facts that a clinic does not always know: they stand only inside [[ ]]."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How often each may happen in one call; the next time leads to the state `then`."""

    repeat: int
    wrong_key: int
    silence: int
    then: str


@dataclass(frozen=True, slots=True)
class State:
    """Something to say, and what follows.

    A state that listens has `keys`; a final one has `answer` (a key led here and this is what
    it meant) or `ends`. `wait_s` is the silence in seconds after the last word that counts as
    one. With `barge_in` a key interrupts what is being said.
    """

    name: str
    say: tuple[Pattern, ...]
    keys: Mapping[str, str] = field(default_factory=dict)
    wrong_key: str = ""
    silence: str = ""
    wait_s: float = 0.0
    barge_in: bool = True
    answer: Answer | None = None
    ends: CallResult | None = None

    @property
    def listens(self) -> bool:
        """Tell whether a key may be pressed here."""
        return bool(self.keys)

    @property
    def result(self) -> CallResult | None:
        """How a call that comes here ends; None while it goes on."""
        return CallResult.ANSWER if self.answer is not None else self.ends


@dataclass(frozen=True, slots=True)
class Script:
    """A dialogue in one language. `changed` is said in place of an acknowledgement when the visit
    is no longer what the call was about (rules C-10, C-17)."""

    name: str
    language: str
    start: str
    changed: str
    limits: Limits
    states: Mapping[str, State]

    def words(self, state: str, facts: Facts) -> tuple[str, ...]:
        """Return the sentences of a state with their facts; those that come out empty are left
        out."""
        filled = (pattern.fill(facts)[0].strip() for pattern in self.states[state].say)
        return tuple(sentence for sentence in filled if sentence)


@dataclass(frozen=True, slots=True)
class Scripts:
    """One script in the languages it is written in; the first one speaks when none fits."""

    by_language: Mapping[str, Script]

    def of(self, language: str) -> Script:
        """Return the script for a language such as "ru"."""
        found = self.by_language.get(language)
        return found if found is not None else next(iter(self.by_language.values()))
