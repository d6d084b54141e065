"""From a link to the visit that it was sent for, and to what is true of it now (rule P-2)."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.core.answers import why_not
from gateway.core.case import Case, Move, MoveState
from gateway.core.draft import Settings
from gateway.core.links import TOKEN_LENGTH, link_token
from gateway.core.model import STATUS_OF_ANSWER, Answer, Source
from gateway.core.rescheduling import open_move, why_not_move
from gateway.errors import NotFound
from gateway.ports.store import Kind
from gateway.service.assembly import Service
from gateway.web.patient_texts import TEXTS, Words

_TOKEN = re.compile(rf"[0-9a-hjkmnp-tv-z]{{{TOKEN_LENGTH}}}")

_TYPED = str.maketrans("oil", "011")
"""Crockford's alphabet has no such letters, so whoever types one means the digit."""

_AFTER_LINK = ".,;:!?)]>»\"'"
"""What a phone takes for a part of a link that ends a sentence."""

ANSWERS = (Answer.CONFIRM, Answer.RESCHEDULE, Answer.CANCEL)


class Dead(StrEnum):
    """Why a link leads nowhere any more."""

    REMOVED = "removed"
    MOVED = "moved"
    MOVED_BY_PATIENT = "moved_by_patient"
    BEGUN = "begun"


@dataclass(frozen=True, slots=True)
class Visit:
    """What a link leads to; `booking` is the one that the link was sent for."""

    token: str
    case: Case
    settings: Settings
    booking: int
    words: Words

    def dead(self, now: datetime) -> Dead | None:
        """Return why the link is dead, or None while it is not (rule P-2)."""
        if self.case.removed:
            return Dead.REMOVED
        if self.booking != self.case.booking:
            return Dead.MOVED if self.own_move is None else Dead.MOVED_BY_PATIENT
        return Dead.BEGUN if now >= self.case.snapshot.start else None

    @property
    def own_move(self) -> Move | None:
        """Return the move that was made on this very page, if it led to the present booking."""
        move = self.case.move
        if move is None or move.state is not MoveState.BOOKED or move.booking != self.booking:
            return None
        return move if self.case.booking == self.booking + 1 else None

    @property
    def next_token(self) -> str:
        """Return the link of the present booking."""
        secret, case = self.settings.branch.link_secret, self.case
        return link_token(secret, case.clinic, case.id, case.booking)

    @property
    def form(self) -> str:
        """Return what a form carries, so that it answers what was shown and nothing later."""
        case = self.case
        return f"{case.booking}.{case.pushes_made}.{case.status.value}"

    def answers(self, now: datetime) -> tuple[Answer, ...]:
        """Return the answers that would change something now."""
        if open_move(self.case) is not None:
            return ()
        return tuple(
            answer
            for answer in ANSWERS
            if why_not(self.case, answer, Source.LINK, now, booking=self.booking, asked=True)
            is None
        )

    def may_move(self, now: datetime) -> bool:
        """Tell whether another time may be chosen now, if the schedule offers any."""
        return why_not_move(self.case, now, booking=self.booking) is None

    def stands_as(self, answer: Answer) -> bool:
        """Tell whether the visit stands as that answer wants it."""
        return self.case.status is STATUS_OF_ANSWER[answer]


async def find_visit(service: Service, text: str) -> Visit | None:
    """Find the visit and the booking that a token was made for; raise `StoreUnavailable`."""
    text = text.rstrip(_AFTER_LINK)
    token = text.lower().translate(_TYPED) if len(text) == TOKEN_LENGTH else ""
    if _TOKEN.fullmatch(token) is None:
        return None
    ref = await service.store.recall(f"link:{token}")
    if ref is None or ref.kind is not Kind.CASE:
        return None
    case, _ = await service.store.load_case(ref.clinic, ref.key)
    if case is None:
        return None
    try:
        settings = await service.clinics.settings(case.clinic, case.branch)
    except NotFound:
        return None
    # The hint alone is not believed: the token has to be one of this visit's own.
    secret = settings.branch.link_secret
    for booking in range(case.booking, 0, -1):
        own = link_token(secret, case.clinic, case.id, booking)
        if hmac.compare_digest(own, token):
            return Visit(token, case, settings, booking, words_for(case, settings))
    return None


def words_for(case: Case, settings: Settings) -> Words:
    """Return the page's words in the language in which this patient is written to."""
    language = settings.texts.words(settings.branch, case.snapshot).language
    return TEXTS.get(language, TEXTS["ru"])
