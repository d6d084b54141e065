"""What waits for the clinic's staff, why, and what settles it (rules C-13, S-2, Z-10).

A visit or number holds its open items; each began as a timeline entry (`Draft.note`). There is one
open item for each `why`: what comes on top renews it, under a new id, so that nobody ticks off what
they have not seen.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.core.case import Attention, Case, Contact, EntryKind
from gateway.core.draft import Draft
from gateway.core.events import AttentionDone
from gateway.core.evolve import evolve

UNCLEAR_ANSWER = "unclear_answer"
STATUS_REFUSED = "status_refused"
NOTIFICATIONS_REFUSED = "notifications_refused"
MOVE_UNKNOWN = "move_unknown"
CONFLICT = EntryKind.CONFLICT.value

WHY: Mapping[str, tuple[str, str]] = {
    UNCLEAR_ANSWER: (
        "Ответ пациента дважды не удалось понять. Свяжитесь с пациентом.",
        "The patient's answer was not understood twice. Please contact the patient.",
    ),
    CONFLICT: (
        "Пациент ответил, но запись тем временем изменилась, и ответ не применён.",
        "The patient answered, but the appointment had changed, so the answer was not applied.",
    ),
    STATUS_REFUSED: (
        "Расписание не приняло ответ пациента. Измените запись вручную.",
        "The schedule refused the patient's answer. Please change the appointment by hand.",
    ),
    NOTIFICATIONS_REFUSED: (
        "Расписание не приняло отказ пациента от сообщений или согласие на них.",
        "The schedule refused the patient's opt-out or opt-in.",
    ),
    MOVE_UNKNOWN: (
        "Пациент выбрал новое время, но неизвестно, записало ли его расписание. Проверьте запись.",
        "The patient chose a new time, but it is not known whether the schedule booked it. "
        "Please check the appointment.",
    ),
}
"""Every `why` in plain words, Russian and English."""

LANGUAGES = ("ru", "en")

ANSWERED = frozenset({UNCLEAR_ANSWER, CONFLICT})
"""What a clear answer that was applied settles (rule Z-10)."""


def text_of(why: str, language: str) -> str:
    """Return a `why` in plain words; one that this version does not know as it stands."""
    texts = WHY.get(why)
    return texts[LANGUAGES.index(language)] if texts is not None else why


def unclear_answer(draft: Draft, raw: str, *, is_second: bool) -> None:
    """Hand an unclear answer to the staff; what follows it renews the open item (rule C-13)."""
    data = {"why": UNCLEAR_ANSWER, "raw": raw}
    of_contact = draft.contact is not None and _holds(draft.contact, UNCLEAR_ANSWER)
    of_case = draft.has_case and _holds(draft.case, UNCLEAR_ANSWER)
    if is_second or not (of_contact or of_case):
        draft.note(EntryKind.NEEDS_ATTENTION, data, draft.function_asked)
    else:
        draft.raise_attention(UNCLEAR_ANSWER, data, of_contact=not of_case)


def settle(
    draft: Draft, by: str, whys: frozenset[str] | None = None, *, of_contact: bool = False
) -> None:
    """Take items of these kinds, or all, off the queue; `by` says what settled them."""
    holder = draft.holder(of_contact=of_contact)
    for item in holder.attention if holder is not None else ():
        if whys is None or item.why in whys:
            _take_off(draft, item, by, of_contact=of_contact)


def clear_answer(draft: Draft) -> None:
    """The patient has been understood after all (rule Z-10)."""
    for of_contact in (False, True):
        settle(draft, "answer", frozenset({UNCLEAR_ANSWER}), of_contact=of_contact)


def done(draft: Draft, event: AttentionDone) -> None:
    """The staff has seen to it."""
    holder = draft.holder()
    for item in holder.attention if holder is not None else ():
        if item.id == event.item:
            _take_off(draft, item, "staff", of_contact=False)


def _holds(holder: Case | Contact, why: str) -> bool:
    return any(item.why == why for item in holder.attention)


def _take_off(draft: Draft, item: Attention, by: str, *, of_contact: bool) -> None:
    holder = draft.holder(of_contact=of_contact)
    if holder is None:
        return
    kept = tuple(other for other in holder.attention if other.id != item.id)
    draft.put_holder(evolve(holder, attention=kept))
    data = {"item": item.id, "why": item.why, "by": by}
    draft.note(EntryKind.ATTENTION_SETTLED, data, of_contact=of_contact)
