"""Error codes of Twilio's messages, in answers and in status callbacks alike.

https://www.twilio.com/docs/api/errors
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.core.events import Failure
from gateway.ports.messaging import Scope


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an error code means for the message.

    `scope` is who has to wait; None leaves that to the answer's status and headers.
    """

    failure: Failure
    alert: bool = False
    scope: Scope | None = None


UNREACHABLE = Meaning(Failure.IMPOSSIBLE)
SWITCHED_OFF = Meaning(Failure.REJECTED)  # today; nothing is learnt about the number
OPTED_OUT = Meaning(Failure.OPTED_OUT)  # the patient sent STOP; Twilio takes nothing for them
WINDOW_CLOSED = Meaning(Failure.TEMPORARY)  # sent again as a template
TOO_FAST = Meaning(Failure.TEMPORARY, scope=Scope.SENDER)
TEMPORARY = Meaning(Failure.TEMPORARY)
CONTENT = Meaning(Failure.REJECTED, alert=True)  # text or template
FILTERED = Meaning(Failure.REJECTED, alert=True)  # a carrier took offence
ACCOUNT = Meaning(Failure.REJECTED, alert=True)
UNKNOWN = Meaning(Failure.REJECTED, alert=True)
NO_FAILURE = Meaning(Failure.REJECTED)  # what a receipt of success says about failure: nothing

WINDOW_CLOSED_CODE = 63016

_CLASSES: tuple[tuple[Meaning, tuple[int, ...]], ...] = (
    (UNREACHABLE, (13224, 21211, 21212, 21214, 21217, 21612, 21614, 30005, 30006)),
    (UNREACHABLE, (63003, 63014, 63024, 63032, 63033)),
    (SWITCHED_OFF, (30003,)),
    (OPTED_OUT, (21610,)),
    (WINDOW_CLOSED, (WINDOW_CLOSED_CODE,)),
    (TOO_FAST, (20429, 21611, 30001, 63017, 63018)),
    (TEMPORARY, (20500, 20503, 30008, 63010, 63012)),
    # 63038 is the account's own limit for a day: it does not pass within the half hour of retries.
    (ACCOUNT, (20003, 20404, 21408, 21215, 13227, 21606, 21608, 30002, 30018)),
    (ACCOUNT, (63001, 63007, 63015, 63020, 63038)),
    (CONTENT, (21617, 63005, 63013, 63021, 63026, 63027, 63028, 63029, 63030, 63040, 63041)),
    (FILTERED, (30004, 30007)),
)
MEANING: Mapping[int, Meaning] = {code: kind for kind, codes in _CLASSES for code in codes}


def meaning_of(code: int | None, status: int = 200) -> Meaning:
    """Return what an error means: by its code; by the HTTP status where the code is not known."""
    known = MEANING.get(code) if code is not None else None
    if known is not None:
        return known
    if status == 429:
        return TOO_FAST
    if status >= 500:
        return TEMPORARY
    return ACCOUNT if status in (401, 403) else UNKNOWN
