"""Error codes of the WhatsApp Cloud API, in answers and in `statuses[].errors` alike.

https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes

Only the code counts: titles change, and the HTTP status of one code differs between tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.core.events import Failure
from gateway.ports.messaging import Scope


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an error code means for the message, and how long to wait at least.

    `scope` is who has to wait; None leaves that to the answer's status and headers.
    """

    failure: Failure
    alert: bool = False
    pause_s: int | None = None
    scope: Scope | None = None


UNREACHABLE = Meaning(Failure.IMPOSSIBLE)
WINDOW_CLOSED = Meaning(Failure.TEMPORARY)  # sent again as a template
# "1 message every 6 seconds" to one user; all others can be written to.
PAIR_TOO_FAST = Meaning(Failure.TEMPORARY, pause_s=6, scope=Scope.RECIPIENT)
TOO_FAST = Meaning(Failure.TEMPORARY, scope=Scope.SENDER)
TEMPORARY = Meaning(Failure.TEMPORARY)
LIMITED = Meaning(Failure.REJECTED, alert=True)  # spam and quality limits
UNWANTED = Meaning(Failure.REJECTED)  # the user stopped marketing messages
ACCOUNT = Meaning(Failure.REJECTED, alert=True)
TEMPLATE = Meaning(Failure.REJECTED, alert=True)
OUR_BUG = Meaning(Failure.REJECTED, alert=True)
NO_FAILURE = Meaning(Failure.REJECTED)  # what a receipt of success says about failure: nothing
UNKNOWN = Meaning(Failure.REJECTED, alert=True)

WINDOW_CLOSED_CODE = 131047

_CLASSES: tuple[tuple[Meaning, tuple[int, ...]], ...] = (
    (UNREACHABLE, (131026,)),
    (WINDOW_CLOSED, (WINDOW_CLOSED_CODE,)),
    (PAIR_TOO_FAST, (131056,)),
    (TOO_FAST, (130429, 4, 80007, 613, 133016)),
    (TEMPORARY, (1, 2, 131000, 131016, 131053, 131057, 133004)),
    (LIMITED, (130472, 131048, 131049, 131064)),
    (UNWANTED, (131050,)),
    # 131030: a test number's list of recipients; it says nothing about the recipient's account.
    (ACCOUNT, (0, 3, 10, 190, *range(200, 300), 368, 131005, 131030, 131031, 131037, 131042)),
    (ACCOUNT, (131045, 133010)),
    (TEMPLATE, (132000, 132001, 132005, 132007, 132008, 132012, 132015, 132016, 132018, 131063)),
    (OUR_BUG, (33, 100, 131008, 131009, 131021, 131051, 131062)),
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
