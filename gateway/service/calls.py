"""One dialogue on one live call.

The answer is committed the moment the key is pressed, before the acknowledgement is spoken
(rule C-4): a call that is cut off in the middle of "thank you" has still counted. What is
acknowledged is what is true then: nobody hears "confirmed" for a visit that the clinic has
cancelled meanwhile (rules C-10, C-17).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from gateway.core.case import Case
from gateway.core.events import CallAnswered, CallEnded, CallNotPlaced, Event, KeyPressed
from gateway.core.model import STATUS_OF_ANSWER, Answer, CallResult
from gateway.ivr.menu import Key, Prompt, Turn, resume, start
from gateway.ports.store import Ref
from gateway.ports.telephony import CallOrder, Line, NotAnswered, NotPlaced, Telephony

Report = Callable[[Ref, Event], Awaitable[Case | None]]
"""Commits what happened and returns the case as it stands then."""


async def hold_call(trunk: Telephony | None, order: CallOrder, report: Report) -> None:
    """Place a call, lead the menu to its end, and report everything on the way."""
    if trunk is None:
        await report(order.ref, CallNotPlaced(order.attempt, "no_trunk"))
        return
    try:
        line = await trunk.dial(order)
    except NotPlaced as error:
        await report(order.ref, CallNotPlaced(order.attempt, error.code))
        return
    except NotAnswered as error:
        await report(order.ref, CallEnded(order.attempt, error.result))
        return
    try:
        await report(order.ref, CallAnswered(order.attempt))
        result, keys = await _talk(line, order, report)
    finally:
        await line.hang_up()
    await report(order.ref, CallEnded(order.attempt, result, keys))


async def _talk(line: Line, order: CallOrder, report: Report) -> tuple[CallResult, str]:
    session, turn = start()
    following: Turn | None = turn
    while following is not None:
        result = following.result
        if result is not None:
            if following.answer is not None:
                case = await report(order.ref, KeyPressed(order.attempt, session.keys[-1]))
                if not _came_true(following.answer, case, order):
                    following = replace(following, prompt=Prompt.LATE)
            await line.play(following)
            return result, session.keys
        heard = await line.play(following)
        session, following = resume(session, heard)
        if following is None and isinstance(heard, Key):
            raise AssertionError("a key is always answered")
    return CallResult.HANGUP, session.keys


def _came_true(answer: Answer, case: Case | None, order: CallOrder) -> bool:
    """Tell whether the visit that was called about is now what the patient wants it to be."""
    if case is None or case.removed or case.snapshot.start != order.snapshot.start:
        return False
    return case.status is STATUS_OF_ANSWER.get(answer)
