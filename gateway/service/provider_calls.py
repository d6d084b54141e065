"""Calls of a provider that asks by callback what to do next.

Where such a call stands is kept in its attempt, so any node answers the next callback, also after
the one that placed the call has died. A callback that comes twice finds that the dialogue has
moved on and is told the same next turn again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from gateway.clock import Clock
from gateway.core.case import UNDER_WAY, Attempt, Case
from gateway.core.clinic import Branch
from gateway.core.events import (
    CallAnswered,
    CallEnded,
    CallLost,
    CallNotPlaced,
    CallPlaced,
    DialogueMoved,
    Event,
)
from gateway.core.model import STATUS_OF_ANSWER, CallResult, Status
from gateway.errors import Forbidden, NotFound
from gateway.ivr.menu import Session, Turn, UnknownSession, change, load, resume, start, turn_of
from gateway.ivr.script import Script
from gateway.ports.messaging import opaque_of
from gateway.ports.speech import SpeechError
from gateway.ports.store import Kind, Ref, Store
from gateway.ports.telephony import (
    CallAsks,
    CallNews,
    CallOrder,
    CallProgress,
    CallProvider,
    CallUnknown,
    NextTurn,
    NotAnswered,
    NotPlaced,
)
from gateway.service.calls import Report, not_placed, unspoken
from gateway.service.calls_under_way import CallsUnderWay
from gateway.service.clinics import Clinics
from gateway.service.last_look import LastLook
from gateway.service.lines import Lines
from gateway.service.voice import Voice

log = logging.getLogger("callahead.calls")

PROMPT_FOR = timedelta(hours=1)
"""How long after its beginning a call's prompts may be fetched."""

SIGNATURE_BYTES = 16
"""Of the address of a prompt: 128 bits, not to be guessed."""


async def place_call(
    provider: CallProvider,
    order: CallOrder,
    branch: Branch,
    voice: Voice,
    lines: Lines,
    look: LastLook,
    report: Report,
) -> None:
    """Have the provider call; the rest comes by callback."""
    try:
        speaker = await voice.speaker(order.snapshot, branch, order.language)
    except SpeechError as error:
        await report(order.ref, unspoken(order, error))
        return
    limits = provider.limits(branch.clinic, branch.id)
    holder = opaque_of(order.ref, order.attempt)
    try:
        await lines.take(limits, holder)
        await look.before_dialling(order)
        call_id = await provider.place(order)
    except NotPlaced as error:
        not_placed(error)
        event: Event = CallNotPlaced(order.attempt, error.code)
    except NotAnswered as error:
        event = CallEnded(order.attempt, error.result, code=error.code)
    except CallUnknown as error:
        event = CallLost(order.attempt, error.code)
    else:
        event = CallPlaced(order.attempt, call_id, speaker.voice)
    if isinstance(event, CallNotPlaced | CallEnded):
        await lines.free(limits, holder)
    await report(order.ref, event)


async def look_up_call(
    provider: CallProvider,
    ref: Ref,
    branch: Branch,
    attempt: Attempt,
    lines: Lines,
    report: Report,
) -> None:
    """Ask for the end of a call whose callback may not come: they are best effort.

    Any node may ask: whoever placed the call may be gone (rule G-6).
    """
    if attempt.provider_id is None:
        return
    result = await provider.look_up(branch.clinic, branch.id, attempt.provider_id)
    if result is None:
        return
    if result is CallResult.HANGUP:  # somebody had picked up (rule Z-14)
        await report(ref, CallAnswered(attempt.id))
    await report(ref, CallEnded(attempt.id, result, code="looked_up"))
    await lines.free(provider.limits(branch.clinic, branch.id), opaque_of(ref, attempt.id))


def language_of(case: Case, branch: Branch) -> str:
    """Return the language in which the person behind a visit is spoken to (rule G-10)."""
    person = case.snapshot.patient
    return person.contact_person.language or person.language or branch.language


@dataclass(frozen=True, slots=True)
class _Call:
    """A call that a callback is about."""

    case: Case
    attempt: Attempt
    branch: Branch
    language: str
    script: Script

    @property
    def about_visit(self) -> bool:
        """Tell whether the visit is still what the call is about (rule C-17)."""
        return not self.case.removed and self.attempt.booking == self.case.booking


class ProviderCalls:
    """Answers callbacks about calls. `base` is the address before the token of a prompt."""

    def __init__(
        self,
        store: Store,
        clinics: Clinics,
        voice: Voice,
        lines: Lines,
        under_way: CallsUnderWay,
        report: Report,
        clock: Clock,
        *,
        base: str,
        secret: bytes,
    ) -> None:
        self._store = store
        self._clinics = clinics
        self._voice = voice
        self._lines = lines
        self._under_way = under_way
        self._report = report
        self._clock = clock
        self._base = base
        self._secret = secret

    async def take(self, provider: CallProvider, news: CallNews) -> NextTurn | None:
        """Commit what a provider tells, and return what it shall do; None: nothing more."""
        self._under_way.note(news.ref, news.attempt)
        if isinstance(news, CallProgress):
            await self._progressed(provider, news)
            return None
        return await self._asked(news)

    async def _progressed(self, provider: CallProvider, news: CallProgress) -> None:
        call = await self._call(news.ref, news.attempt)
        if call is None:
            return
        await self._report(news.ref, CallPlaced(news.attempt, news.call_id))
        if news.result is CallResult.HANGUP:  # somebody had picked up (rule Z-14)
            await self._report(news.ref, CallAnswered(news.attempt))
        if news.result is not None:
            ended = CallEnded(news.attempt, news.result, code=news.code)
            await self._report(news.ref, ended)
            if provider.serves(call.branch.clinic, call.branch.id):
                limits = provider.limits(call.branch.clinic, call.branch.id)
                await self._lines.free(limits, opaque_of(news.ref, news.attempt))

    async def _asked(self, news: CallAsks) -> NextTurn | None:
        call = await self._call(news.ref, news.attempt)
        if call is None:
            return None
        if news.machine:
            await self._report(news.ref, CallEnded(news.attempt, CallResult.MACHINE))
            return None
        session, turn = self._heard(call, news)
        if turn is None:
            return None
        if session.dump() != call.attempt.dialogue:
            moved = DialogueMoved(
                news.attempt,
                call.attempt.dialogue,
                session.dump(),
                session.keys,
                turn.answer,
                turn.result,
            )
            case = await self._report(news.ref, moved)
            call = await self._call(news.ref, news.attempt, case)
            if call is None:
                return None
        return self._next(call)

    def _heard(self, call: _Call, news: CallAsks) -> tuple[Session, Turn | None]:
        """Return where the dialogue stands after a callback; a repeated one moves nothing."""
        if not call.attempt.dialogue:
            session, turn = start(call.script)
            return session, turn if call.attempt.state in UNDER_WAY else None
        try:
            session = load(call.attempt.dialogue, call.script)
        except UnknownSession:
            return Session(call.script.limits.then), None
        turn = turn_of(call.script, session)
        if news.heard is None or news.turn != session.turn or not turn.listens:
            return session, turn
        return resume(call.script, session, news.heard)

    def _next(self, call: _Call) -> NextTurn | None:
        """Tell the turn at which the dialogue stands now, or what has changed meanwhile."""
        if not call.attempt.dialogue:
            return None
        session = load(call.attempt.dialogue, call.script)
        turn = turn_of(call.script, session)
        true = call.about_visit
        if turn.answer is not None:
            true = true and call.case.status is STATUS_OF_ANSWER.get(turn.answer)
        elif turn.result is None:
            true = true and call.case.status is Status.UNCONFIRMED
        if not true:
            session, turn = change(call.script, session)
        return NextTurn(turn, session.turn, self._address(call, turn.state))

    # -- the call that a callback is about ----------------------------------------------------

    async def _call(self, ref: Ref, attempt_id: str, case: Case | None = None) -> _Call | None:
        if ref.kind is not Kind.CASE:
            return None
        if case is None:
            case, _ = await self._store.load_case(ref.clinic, ref.key)
        found = [a for a in case.attempts if a.id == attempt_id] if case is not None else []
        if case is None or not found or not found[0].is_call:
            log.warning("a callback is about no call of ours", extra={"clinic": ref.clinic})
            return None
        try:
            branch = (await self._clinics.settings(ref.clinic, case.branch)).branch
        except NotFound:
            return None
        language = language_of(case, branch)
        return _Call(case, found[0], branch, language, self._voice.script(language))

    # -- prompts ------------------------------------------------------------------------------

    def _address(self, call: _Call, state: str) -> str:
        named = [call.case.clinic, call.case.id, call.attempt.id, state]
        data = json.dumps(named, ensure_ascii=False).encode()
        return f"{self._base}{_written(data)}.{_written(self._signature(data))}.wav"

    def _signature(self, data: bytes) -> bytes:
        return hmac.digest(self._secret, b"prompt:" + data, hashlib.sha256)[:SIGNATURE_BYTES]

    async def prompt(self, token: str) -> Path:
        """Return the audio behind an address that was given to a provider.

        Raises `Forbidden` when the address is not ours and `NotFound` once the call is over.
        """
        data, _, signature = token.removesuffix(".wav").partition(".")
        try:
            named, signed = _read(data), _read(signature)
        except (ValueError, binascii.Error):
            raise Forbidden("not an address of ours") from None
        if not hmac.compare_digest(self._signature(named), signed):
            raise Forbidden("not an address of ours")
        clinic, appointment, attempt, state = json.loads(named)
        call = await self._call(Ref(Kind.CASE, clinic, appointment), attempt)
        began = call.attempt.started_at if call is not None else None
        if call is None or began is None or self._clock.now() - began > PROMPT_FOR:
            raise NotFound("the call is over")
        snapshot = call.case.snapshot
        try:
            found = await self._voice.prompt(
                state, snapshot, call.branch, call.language, voice=call.attempt.voice
            )
        except (SpeechError, KeyError) as error:
            raise NotFound("there is no such prompt") from error
        if found is None:
            raise NotFound("there is no such prompt")
        return found


def _written(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _read(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
