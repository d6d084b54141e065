"""The key menu of a confirmation call (rules C-3, C-4).

`start` and `resume` are pure: a `Turn` says what to play and whether to listen, what was heard
comes back as `Heard`, and the `Session` between two turns holds all there is to remember.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.core.model import ANSWER_OF_KEY, Answer, CallResult
from gateway.core.policy import SILENCES_MAX, SPEECH_REPEATS_MAX, WRONG_KEYS_MAX


class Prompt(StrEnum):
    """What is played."""

    VISIT = "visit"  # who is called, why, and the keys
    KEYS = "keys"  # the list of keys again
    SILENCE = "silence"  # the prompt after a silence
    CONFIRMED = "confirmed"
    RESCHEDULE = "reschedule"
    CANCELLED = "cancelled"
    LATE = "late"  # the visit has changed meanwhile: the true state
    GOODBYE = "goodbye"


_ACKNOWLEDGEMENT: dict[Answer, Prompt] = {
    Answer.CONFIRM: Prompt.CONFIRMED,
    Answer.RESCHEDULE: Prompt.RESCHEDULE,
    Answer.CANCEL: Prompt.CANCELLED,
}


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


Heard = Key | Silence | HungUp


@dataclass(frozen=True, slots=True)
class Session:
    """What a call has to remember between two turns."""

    keys: str = ""
    repeats: int = 0
    wrong_keys: int = 0
    silences: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """Play `prompt`; then listen, or end the call with `result`.

    `answer` is set on the turn that acknowledges it: it is to be committed before this is
    played (rule C-4).
    """

    prompt: Prompt
    result: CallResult | None = None
    answer: Answer | None = None

    @property
    def listens(self) -> bool:
        """Tell whether a key may be pressed while and after this is played."""
        return self.result is None


def start() -> tuple[Session, Turn]:
    """Begin a call that somebody has picked up."""
    return Session(), Turn(Prompt.VISIT)


def resume(session: Session, heard: Heard) -> tuple[Session, Turn | None]:
    """Go on with what was heard; no turn follows a hang-up."""
    if isinstance(heard, HungUp):
        return session, None
    if isinstance(heard, Silence):
        return _silence(session)
    session = replace(session, keys=session.keys + heard.key)
    answer = ANSWER_OF_KEY.get(heard.key)
    if answer is Answer.REPEAT:
        if session.repeats >= SPEECH_REPEATS_MAX:
            return session, _no_key()
        return replace(session, repeats=session.repeats + 1), Turn(Prompt.VISIT)
    if answer is not None:
        turn = Turn(_ACKNOWLEDGEMENT[answer], CallResult.ANSWER, answer)
        return session, turn
    if session.wrong_keys >= WRONG_KEYS_MAX:
        return session, _no_key()
    return replace(session, wrong_keys=session.wrong_keys + 1), Turn(Prompt.KEYS)


def _silence(session: Session) -> tuple[Session, Turn]:
    if session.silences >= SILENCES_MAX:
        return session, _no_key()
    return replace(session, silences=session.silences + 1), Turn(Prompt.SILENCE)


def _no_key() -> Turn:
    return Turn(Prompt.GOODBYE, CallResult.NO_ANSWER_KEY)
