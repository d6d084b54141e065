"""One dialogue on one live call.

The answer is committed the moment the key is pressed, before the acknowledgement is spoken
(rule C-4): a call that is cut off in the middle of "thank you" has still counted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gateway.core.events import CallAnswered, CallEnded, CallNotPlaced, Event, KeyPressed
from gateway.core.model import CallResult
from gateway.ivr.menu import Key, Turn, resume, start
from gateway.ports.store import Ref
from gateway.ports.telephony import CallOrder, Line, NotAnswered, NotPlaced, Telephony

Report = Callable[[Ref, Event], Awaitable[None]]


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
    await report(order.ref, CallAnswered(order.attempt))
    result, keys = await _talk(line, order, report)
    await report(order.ref, CallEnded(order.attempt, result, keys))


async def _talk(line: Line, order: CallOrder, report: Report) -> tuple[CallResult, str]:
    session, turn = start()
    following: Turn | None = turn
    result = CallResult.HANGUP
    while following is not None:
        if following.result is not None:
            result = following.result
            if following.answer is not None:
                await report(order.ref, KeyPressed(order.attempt, session.keys[-1]))
            await line.play(following)
            break
        heard = await line.play(following)
        session, following = resume(session, heard)
        if following is None and isinstance(heard, Key):
            raise AssertionError("a key is always answered")
    await line.hang_up()
    return result, session.keys
