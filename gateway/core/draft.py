"""The next case and contact while one decision is being made.

A draft lives inside one call of `decide` and never leaves it: it collects changes and timeline
entries, and `finish` hands out the frozen documents. What was not changed comes back as the very
object that went in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from gateway.core import policy
from gateway.core.case import (
    UNDER_WAY,
    Attempt,
    AttemptEvent,
    AttemptState,
    Attention,
    Case,
    Contact,
    Entry,
    EntryKind,
    JournalValue,
    Notice,
    StatusPush,
    next_state,
)
from gateway.core.clinic import Branch
from gateway.core.evolve import evolve
from gateway.core.hours import local_day
from gateway.core.model import Channel, Function, Purpose
from gateway.core.segments import sms_segments
from gateway.core.tariff import price_of
from gateway.core.wording import Texts

_FOR_THE_STAFF = frozenset({EntryKind.NEEDS_ATTENTION, EntryKind.CONFLICT})
"""Timeline entries that are kept before the staff until they are settled (rules C-13, S-2)."""

_Change = TypeVar("_Change", StatusPush, Notice)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a decision reads besides the case: the branch's settings and the texts.

    `publishes`: the clinic takes its changes from the feed, so a change is out as soon as it is
    committed; otherwise each is offered to the clinic's schedule. `budget_spent`: the branch has
    a budget, and as far as is known this month's charges have reached it.
    """

    branch: Branch
    texts: Texts
    publishes: bool = False
    budget_spent: bool = False


class Draft:
    """Changes to one case and one contact. Either may be missing; `case` may be new."""

    def __init__(
        self, case: Case | None, contact: Contact | None, settings: Settings, now: datetime
    ) -> None:
        self.settings = settings
        self.branch = settings.branch
        self.now = now
        self._case = case
        self.contact = contact
        self._case_entries: list[Entry] = []
        self._contact_entries: list[Entry] = []

    @property
    def case(self) -> Case:
        """The case as it stands; only for events that have one."""
        if self._case is None:
            raise AssertionError("this event needs a case")
        return self._case

    @case.setter
    def case(self, case: Case) -> None:
        self._case = case

    @property
    def known_contact(self) -> Contact:
        """The contact as it stands; only for events that come from a number."""
        if self.contact is None:
            raise AssertionError("this event needs a contact")
        return self.contact

    @property
    def has_case(self) -> bool:
        """Tell whether there is a case."""
        return self._case is not None

    @property
    def function_asked(self) -> Function | None:
        """The function that a patient's answer belongs to: none where there is no visit."""
        return Function.CONFIRMATION if self.has_case else None

    @property
    def of_other_number(self) -> bool:
        """Tell whether the contact is that of a number which the case no longer has.

        A message came from it. What is known of it says nothing about the case's functions.
        """
        if self._case is None or self.contact is None:
            return False
        return self.contact.number != self._case.number

    def note(
        self,
        kind: EntryKind,
        data: Mapping[str, JournalValue],
        function: Function | None = None,
        *,
        of_contact: bool = False,
        booking: int | None = None,
    ) -> None:
        """Add a timeline entry to the case, or to the contact where there is no case."""
        if of_contact or self._case is None:
            self._contact_entries.append(Entry(self.now, kind, function, 0, data))
        else:
            number = self._case.booking if booking is None else booking
            self._case_entries.append(Entry(self.now, kind, function, number, data))
        if kind in _FOR_THE_STAFF:
            self.raise_attention(str(data.get("why", kind.value)), data, of_contact=of_contact)

    # -- attention --------------------------------------------------------------------------

    def holder(self, *, of_contact: bool = False) -> Case | Contact | None:
        """Return the case, or the contact where that is meant or there is no case."""
        return self.contact if of_contact or self._case is None else self._case

    def put_holder(self, holder: Case | Contact) -> None:
        """Write what `holder` returned."""
        if isinstance(holder, Case):
            self._case = holder
        else:
            self.contact = holder

    def raise_attention(
        self, why: str, data: Mapping[str, JournalValue], *, of_contact: bool = False
    ) -> None:
        """Put something before the staff, in place of the open item of its kind if there is one."""
        holder = self.holder(of_contact=of_contact)
        if holder is None:
            return
        made, at = holder.attention_made + 1, self.now
        kept = []
        for item in holder.attention:
            if item.why == why:
                at = item.at
            else:
                kept.append(item)
        items = sorted((*kept, Attention(str(made), why, at, data)), key=lambda item: item.at)
        self.put_holder(evolve(holder, attention=tuple(items), attention_made=made))

    # -- attempts ---------------------------------------------------------------------------

    def attempt(self, attempt_id: str) -> Attempt | None:
        """Return the attempt of that id, of the case or else of the contact."""
        for attempt in self.attempts:
            if attempt.id == attempt_id:
                return attempt
        return None

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts of the case, or of the contact where there is no case."""
        if self._case is not None:
            return self._case.attempts
        return self.contact.attempts if self.contact is not None else ()

    def put(self, attempt: Attempt) -> Attempt:
        """Write an attempt, in place of the one with its id if there is one."""
        attempts = self.attempts
        for index, other in enumerate(attempts):
            if other.id == attempt.id:
                self._set_attempts((*attempts[:index], attempt, *attempts[index + 1 :]))
                return attempt
        self._set_attempts(_pruned((*attempts, attempt)))
        return attempt

    def drop(self, attempt: Attempt) -> None:
        """Forget a planned attempt: nothing of it has left the machine.

        A message that was tried is withdrawn instead: should a try have got through after all,
        its receipts find it, and it is charged (rules G-6, T-3).
        """
        if attempt.tries and not attempt.is_call and not attempt.is_free:
            state = next_state(attempt.state, AttemptEvent.WITHDRAW)
            self.put(evolve(attempt, state=state, not_before=None))
            data = {"attempt": attempt.id, "outcome": state.value}
            self.note(EntryKind.RECONCILE, data, attempt.function, booking=attempt.booking)
            return
        self._set_attempts(tuple(a for a in self.attempts if a.id != attempt.id))

    def _set_attempts(self, attempts: tuple[Attempt, ...]) -> None:
        if self._case is not None:
            self._case = evolve(self._case, attempts=attempts)
        elif self.contact is not None:
            self.contact = evolve(self.contact, attempts=attempts)

    def plan(
        self,
        purpose: Purpose,
        channel: Channel,
        function: Function | None,
        *,
        about: str,
        not_before: datetime | None = None,
        after_call: bool = False,
        reply_to: str | None = None,
        choices: tuple[tuple[str, datetime, str], ...] = (),
        to: str | None = None,
    ) -> Attempt:
        """Add a planned attempt to the case, or to the contact where there is no case.

        It goes to the case's number unless `to` says who has just written.
        """
        if self._case is not None:
            made = self._case.attempts_made + 1
            self._case = evolve(self._case, attempts_made=made)
            booking, number = self._case.booking, self._case.number or ""
        elif self.contact is not None:
            made = self.contact.attempts_made + 1
            self.contact = evolve(self.contact, attempts_made=made)
            booking, number = 0, self.contact.number
        else:
            raise AssertionError("an attempt needs a case or a contact")
        return self.put(
            Attempt(
                id=str(made),
                booking=booking,
                function=function,
                purpose=purpose,
                channel=channel,
                to=to or number,
                not_before=not_before,
                after_call=after_call,
                about=about,
                choices=choices,
                reply_to=reply_to,
            )
        )

    # -- pushes -----------------------------------------------------------------------------

    def put_push(self, push: StatusPush) -> None:
        """Write a status change in place of the one with its id, or add it."""
        pushes = self.case.pushes
        kept = _with(pushes, push)
        if kept is not pushes:
            self.case = evolve(self.case, pushes=kept)

    def put_notice(self, notice: Notice) -> None:
        """Write a notifications change in place of the one with its id, or add it."""
        contact = self.contact
        if contact is None:
            return
        kept = _with(contact.notices, notice)
        if kept is not contact.notices:
            self.contact = evolve(contact, notices=kept)

    # -- money ------------------------------------------------------------------------------

    def charge(self, attempt: Attempt) -> Attempt:
        """Charge an accepted message or an answered call (rules T-1 to T-3, Z-14)."""
        if attempt.is_free or attempt.price is not None:
            return attempt
        day = local_day(self.now, self.branch.timezone)
        segments = 1
        if attempt.channel is Channel.SMS and attempt.content is not None:
            segments = sms_segments(attempt.content.text).count
        amount = price_of(
            self.branch,
            attempt.channel,
            after_call=attempt.after_call,
            segments=segments,
            day=day,
        )
        self._note_charge(attempt, amount)
        return evolve(attempt, price=amount)

    def reverse(self, attempt: Attempt) -> Attempt:
        """Take back what was charged for a message that was not delivered (rule T-3)."""
        if attempt.price is None or attempt.reversed:
            return attempt
        self._note_charge(attempt, -attempt.price)
        return evolve(attempt, reversed=True)

    def _note_charge(self, attempt: Attempt, amount: Decimal) -> None:
        if amount:  # rule Z-14: zero charges are neither stored nor printed
            self.note(
                EntryKind.CHARGE,
                {"attempt": attempt.id, "channel": attempt.channel.value, "amount": str(amount)},
                attempt.function,
                booking=attempt.booking,
            )

    # -- the end ----------------------------------------------------------------------------

    def finish(self) -> tuple[Case | None, Contact | None]:
        """Return the next case and contact with their journals."""
        case, contact = self._case, self.contact
        if case is not None and self._case_entries:
            case = evolve(case, journal=tuple(self._case_entries))
        if contact is not None and self._contact_entries:
            contact = evolve(contact, journal=tuple(self._contact_entries))
        return case, contact


def _with(changes: tuple[_Change, ...], change: _Change) -> tuple[_Change, ...]:
    """Return the changes with one in place of that of its id, or added; as they are if it is
    there already."""
    kept: list[_Change] = list(changes)
    for index, other in enumerate(changes):
        if other.id == change.id:
            kept[index] = change
            return changes if other == change else tuple(kept)
    kept.append(change)
    return tuple(kept[-policy.ATTEMPTS_KEPT :])


def _pruned(attempts: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    """Let go of the oldest settled answers to the patient; they stay in the timeline.

    What belongs to a function is kept: it proves that the function was done (rule D-1).
    """
    if len(attempts) <= policy.ATTEMPTS_KEPT:
        return attempts
    open_states = UNDER_WAY | {AttemptState.PLANNED}
    settled = [a for a in attempts if a.is_free and a.state not in open_states]
    dropped = {a.id for a in settled[: len(attempts) - policy.ATTEMPTS_KEPT]}
    return tuple(a for a in attempts if a.id not in dropped)
