"""One dialogue on one live call.

The answer is committed the moment the key is pressed, before the acknowledgement is spoken
(rule C-4): a call that is cut off in the middle of "thank you" has still counted. What is
acknowledged is what is true then: nobody hears "confirmed" for a visit that the clinic has
cancelled meanwhile (rules C-10, C-17).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from gateway.core.case import Case
from gateway.core.clinic import Branch
from gateway.core.events import CallAnswered, CallEnded, CallNotPlaced, Event, KeyPressed
from gateway.core.model import STATUS_OF_ANSWER, Answer, CallResult
from gateway.errors import StoreUnavailable
from gateway.ivr.menu import Heard, Lost, Session, Turn, change, resume, start
from gateway.ports.messaging import opaque_of
from gateway.ports.speech import SpeechError
from gateway.ports.store import Ref
from gateway.ports.telephony import CallOrder, Limits, Line, NotAnswered, NotPlaced, Trunk
from gateway.service.fail_over import fail_over
from gateway.service.last_look import LastLook, still_asked
from gateway.service.lines import Lines
from gateway.service.voice import Speaker, Voice, cannot_speak

log = logging.getLogger("callahead.calls")

ABOUT_A_SENTENCE = frozenset({"sentence", "too_long"})
"""Errors of speech that say nothing about the engine."""


class Report(Protocol):
    """Commits what happened and returns the case as it stands then.

    Raises `StoreUnavailable` when the store stays away; with `insist` only after a call's lease.
    """

    async def __call__(self, ref: Ref, event: Event, *, insist: bool = False) -> Case | None:
        """Commit it."""
        ...


async def hold_call(
    trunks: Sequence[Trunk],
    order: CallOrder,
    branch: Branch,
    voice: Voice,
    lines: Lines,
    look: LastLook,
    report: Report,
) -> None:
    """Place a call over one of the branch's trunks, lead the dialogue to its end, and report
    everything on the way."""
    try:
        speaker = await voice.speaker(order.snapshot, branch, order.language)
    except SpeechError as error:
        await report(order.ref, unspoken(order, error))
        return
    try:
        line, limits = await fail_over(
            trunks, lambda trunk: _dialled(trunk, order, branch, lines, look), lines.clock
        )
    except NotPlaced as error:
        not_placed(error)
        await report(order.ref, CallNotPlaced(order.attempt, error.code))
        return
    except NotAnswered as error:
        await report(order.ref, CallEnded(order.attempt, error.result, code=error.code))
        return
    try:
        await _talk(line, order, branch, voice, speaker, look, report)
    finally:
        await lines.free(limits, opaque_of(order.ref, order.attempt))


async def _dialled(
    trunk: Trunk, order: CallOrder, branch: Branch, lines: Lines, look: LastLook
) -> tuple[Line, Limits | None]:
    """Dial over this trunk, counted as a call of this trunk on all nodes (rule H-7)."""
    limits = trunk.limits(branch.clinic, branch.id)
    holder = opaque_of(order.ref, order.attempt)
    await lines.take(limits, holder)
    try:
        await look.before_dialling(order)
        return await trunk.dial(order), limits
    except BaseException:
        await lines.free(limits, holder)
        raise


def unspoken(order: CallOrder, error: SpeechError) -> CallNotPlaced | CallEnded:
    """Return what it means that a call has no prompts: one sentence that no engine can say must
    not keep this patient waiting, an engine that is down keeps all of them."""
    cannot_speak(error)
    if error.code in ABOUT_A_SENTENCE:
        return CallEnded(order.attempt, CallResult.FAILED, code=error.code)
    return CallNotPlaced(order.attempt, "no_speech")


async def _talk(
    line: Line,
    order: CallOrder,
    branch: Branch,
    voice: Voice,
    speaker: Speaker,
    look: LastLook,
    report: Report,
) -> None:
    try:
        case = await report(order.ref, CallAnswered(order.attempt))
        dialogue = _Dialogue(line, order, branch, voice, speaker, look, report)
        ended = await (dialogue.lead() if still_asked(case, order) else dialogue.take_back())
    finally:
        await line.hang_up()
    await report(order.ref, ended, insist=True)


def not_placed(error: NotPlaced) -> None:
    """Ask for an operator when the next call would fail in the same way."""
    if error.alert:
        log.error("a trunk needs an operator", extra={"code": error.code})


class _Dialogue:
    """A menu on a line that somebody has picked up."""

    def __init__(
        self,
        line: Line,
        order: CallOrder,
        branch: Branch,
        voice: Voice,
        speaker: Speaker,
        look: LastLook,
        report: Report,
    ) -> None:
        self._line = line
        self._order = order
        self._branch = branch
        self._voice = voice
        self._speaker = speaker
        self._look = look
        self._report = report

    async def lead(self) -> CallEnded:
        """Play turns until the call ends, and return how it ended."""
        script = self._speaker.script
        session, turn = start(script)
        while turn.result is None:
            heard = await self._line.play(turn, self._speaker.prompt(turn.state))
            session, following = resume(script, session, heard)
            if following is None:
                return self._cut_off(session, heard)
            turn = following
            if turn.result is None and not await self._look.still_asked(self._order):
                return await self.take_back(session)
        turn, prompt = await self._acknowledged(session, turn)
        await self._line.play(turn, prompt)
        return CallEnded(self._order.attempt, turn.result or CallResult.HANGUP, session.keys)

    async def take_back(self, session: Session | None = None) -> CallEnded:
        """Tell that the visit has changed while the telephone rang, or since (rule C-17)."""
        if session is None:
            session, _ = start(self._speaker.script)
        session, turn = change(self._speaker.script, session)
        await self._line.play(turn, self._speaker.prompt(turn.state))
        return CallEnded(self._order.attempt, turn.result or CallResult.HANGUP, session.keys)

    def _cut_off(self, session: Session, heard: Heard) -> CallEnded:
        lost = isinstance(heard, Lost)
        result = CallResult.FAILED if lost else CallResult.HANGUP
        code = heard.code if isinstance(heard, Lost) else ""
        return CallEnded(self._order.attempt, result, session.keys, code)

    async def _acknowledged(self, session: Session, turn: Turn) -> tuple[Turn, Path | None]:
        """Commit the answer of the last turn; return what is true and its words."""
        if turn.answer is None:
            return turn, self._speaker.prompt(turn.state)
        pressed = KeyPressed(self._order.attempt, session.keys[-1], turn.answer)
        try:
            case = await self._report(self._order.ref, pressed)
        except StoreUnavailable:
            # The patient has answered and need not wait for a store that is away.
            await self._line.hang_up()
            case = await self._report(self._order.ref, pressed, insist=True)
        if came_true(turn.answer, case, self._order):
            return turn, self._speaker.prompt(turn.state)
        _, turn = change(self._speaker.script, session)
        return turn, await self._true_words(turn, case)

    async def _true_words(self, turn: Turn, case: Case | None) -> Path | None:
        snapshot = case.snapshot if case is not None else self._order.snapshot
        try:
            return await self._voice.prompt(
                turn.state,
                snapshot,
                self._branch,
                self._order.language,
                voice=self._speaker.voice,
            )
        except SpeechError as error:
            cannot_speak(error)
            return self._speaker.prompt(turn.state)


def came_true(answer: Answer, case: Case | None, order: CallOrder) -> bool:
    """Tell whether the visit that was called about is now what the patient wants it to be."""
    if case is None or case.removed or case.snapshot.start != order.snapshot.start:
        return False
    return case.status is STATUS_OF_ANSWER.get(answer)
