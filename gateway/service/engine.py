"""Event → decide → commit → effects: the one way in which anything changes.

The engine loads the documents that an event concerns, lets the core decide, commits, and hands
what was started to the effects. A version that did not hold means somebody else was faster:
load again, decide again. Nothing is relied on between two events, so any node may take any event,
and a crash between any two lines is a lease that runs out. A case whose effect is under way is
kept as it was committed, which spares a look at it when the outcome comes; it counts only if the
commit finds its version unchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from gateway.clock import Clock
from gateway.core.case import (
    Attempt,
    Case,
    Contact,
    EndedBy,
    Entry,
    Notice,
    PushState,
    StatusPush,
)
from gateway.core.decide import Settings, decide, new_contact, number_of
from gateway.core.events import (
    AccountEnded,
    AccountLinked,
    AppointmentChanged,
    DueTimeReached,
    Event,
    LineGranted,
    LinkedBy,
    SlotGranted,
)
from gateway.core.evolve import evolve
from gateway.core.model import Appointment, Channel
from gateway.core.routing import Written, appointment_in, route
from gateway.errors import StoreUnavailable
from gateway.ports.store import Claimed, Grant, Kind, Outcome, Ref, Room, Store
from gateway.service.clinics import Clinics
from gateway.service.records import Hints, commit_of, looked_up, ref_of, started

P = TypeVar("P", StatusPush, Notice)

DECIDE_TRIES_MAX = 20
"""Optimistic tries for one event; each lost try means that another event got through."""

FRESH_MAX = 256
"""How many just committed cases are kept for the outcomes of their effects."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of one event. `duplicate`: the store had seen its id before."""

    case: Case | None
    contact: Contact | None
    changed: bool
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Effect:
    """Something to be carried out now that it is committed."""

    ref: Ref
    settings: Settings
    case: Case | None
    contact: Contact | None
    attempt: Attempt | None = None
    push: StatusPush | Notice | None = None
    look_up: bool = False  # ask how the attempt's call went


Observer = Callable[[Ref, str, tuple[Entry, ...]], None]
"""Told of every committed journal: reference, branch, entries. Must not block or raise."""


class Engine:
    """Applies events to cases and contacts."""

    def __init__(
        self,
        store: Store,
        clinics: Clinics,
        clock: Clock,
        *,
        carry_out: Callable[[Effect], None],
        observe: Observer,
        poke: Callable[[str], None],
        committed: Callable[[Outcome], None] = lambda _: None,
        published: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._clinics = clinics
        self._clock = clock
        self._carry_out = carry_out
        self._observe = observe
        self._poke = poke
        self._committed = committed
        self._published = published
        self.up_since = clock.now()
        self._fresh: dict[Ref, tuple[Case, Contact]] = {}

    async def snapshot(self, clinic: str, snapshot: Appointment) -> Decided:
        """Take a new or changed appointment of the schedule."""
        event = AppointmentChanged(snapshot, self.up_since)
        for _ in range(DECIDE_TRIES_MAX):
            settings = await self._clinics.settings(clinic, snapshot.branch)
            case, contact = await self._store.load_case(clinic, snapshot.id)
            number = number_of(snapshot, settings.branch.country)
            loaded = contact
            if number is None:
                loaded = None
            elif contact is None or contact.number != number:
                loaded = (await self._store.load_contact(clinic, number))[0]
            decided = await self._decide(case, loaded, event, settings, number=number)
            if decided is not None:
                return decided
        raise StoreUnavailable("the appointment keeps changing; try again")

    async def apply(
        self, ref: Ref, event: Event, *, seen: str | None = None, branch: str | None = None
    ) -> Decided:
        """Apply an event to a case or contact; one that does not exist stays so."""
        fresh = self._fresh.pop(ref, None)
        for _ in range(DECIDE_TRIES_MAX):
            case, contact = fresh or await self._load(ref)
            if case is None and contact is None:
                return Decided(None, None, changed=False)
            settings = await self._settings_for(ref, case, contact, branch)
            decided = await self._decide(case, contact, event, settings, seen=seen)
            if decided is not None and (decided.changed or fresh is None):
                return decided
            fresh = None
        raise StoreUnavailable("the case keeps changing; try again")

    async def granted(self, item: Claimed) -> None:
        """Apply what a claim brought: a due time, or a granted slot or line."""
        event: Event = DueTimeReached()
        if item.room is Room.MESSAGE:
            event = SlotGranted()
        elif item.room is Room.CALL:
            event = LineGranted()
        case = item.document if isinstance(item.document, Case) else None
        contact = item.document if isinstance(item.document, Contact) else item.contact
        if case is None and contact is None:
            return
        settings = await self._settings_for(item.ref, case, contact, None)
        decided = await self._decide(case, contact, event, settings, grant=item.grant, claimed=True)
        for _ in range(DECIDE_TRIES_MAX):
            if decided is not None:
                return
            case, contact = await self._load(item.ref)
            settings = await self._settings_for(item.ref, case, contact, None)
            decided = await self._decide(
                case, contact, event, settings, grant=item.grant, claimed=True
            )

    async def patient_wrote(
        self, clinic: str, number: str, written: Written, hints: Hints = ()
    ) -> Decided:
        """Take a message from a patient's number: find its visit, decide, commit.

        `hints` are remembered with it, whatever is decided; not when the clinic is unknown.
        """
        seen = f"{written.channel.value}:{written.id}"
        for _ in range(DECIDE_TRIES_MAX):
            contact, cases = await self._store.load_contact(clinic, number)
            named = appointment_in(written)
            if named is not None and all(case.id != named for case in cases):
                case, _ = await self._store.load_case(clinic, named)
                cases = (*cases, case) if case is not None and case.number == number else cases
            whole = await self._clinics.clinic(clinic)
            asked = contact or new_contact(clinic, number, whole.branches[0].id)
            zones = {branch.id: branch.timezone for branch in whole.branches}
            routed = route(written, asked, cases, zones, self._clock.now())
            branch = routed.case.branch if routed.case else asked.branch
            settings = await self._clinics.settings(clinic, branch or whole.branches[0].id)
            decided = await self._decide(
                routed.case, contact, routed.event, settings, number=number, seen=seen, hints=hints
            )
            if decided is not None:
                return decided
        raise StoreUnavailable("the contact keeps changing; try again")

    async def link_account(
        self,
        clinic: str,
        number: str,
        channel: Channel,
        account: str,
        *,
        by: LinkedBy = LinkedBy.CLINIC,
        at: datetime | None = None,
        provider: str = "",
        seen: str | None = None,
    ) -> Decided:
        """Learn the patient's own id on a channel; with `seen` what proves it counts once."""
        event = AccountLinked(channel, account, by, at, provider)
        return await self._of_number(clinic, number, event, seen)

    async def end_account(
        self,
        clinic: str,
        number: str,
        channel: Channel,
        by: EndedBy,
        *,
        account: str | None = None,
        at: datetime | None = None,
    ) -> Decided:
        """Forget the patient's own id on a channel, or only if it is `account`."""
        return await self._of_number(clinic, number, AccountEnded(channel, by, account, at))

    async def _of_number(
        self, clinic: str, number: str, event: Event, seen: str | None = None
    ) -> Decided:
        """Apply what concerns a number alone, known or not."""
        for _ in range(DECIDE_TRIES_MAX):
            contact, _ = await self._store.load_contact(clinic, number)
            branch = contact.branch if contact is not None else ""
            known = branch or (await self._clinics.clinic(clinic)).branches[0].id
            settings = await self._clinics.settings(clinic, known)
            decided = await self._decide(None, contact, event, settings, number=number, seen=seen)
            if decided is not None:
                return decided
        raise StoreUnavailable("the contact keeps changing; try again")

    async def _load(self, ref: Ref) -> tuple[Case | None, Contact | None]:
        if ref.kind is Kind.CASE:
            return await self._store.load_case(ref.clinic, ref.key)
        contact, _ = await self._store.load_contact(ref.clinic, ref.key)
        return None, contact

    async def _settings_for(
        self, ref: Ref, case: Case | None, contact: Contact | None, branch: str | None
    ) -> Settings:
        known = branch
        if known is None and case is not None:
            known = case.branch
        if known is None and contact is not None:
            known = contact.branch
        if not known:
            known = (await self._clinics.clinic(ref.clinic)).branches[0].id
        return await self._clinics.settings(ref.clinic, known)

    async def _decide(
        self,
        case: Case | None,
        contact: Contact | None,
        event: Event,
        settings: Settings,
        *,
        number: str | None = None,
        seen: str | None = None,
        grant: Grant | None = None,
        claimed: bool = False,
        hints: Hints = (),
    ) -> Decided | None:
        """Decide and commit once; None means that a version did not hold.

        What was claimed is written back even when nothing changed: the claim has moved its due
        time and taken it out of its waiting room.
        """
        now = self._clock.now()
        branch = settings.branch
        asked = contact
        if asked is None and number is not None:
            asked = new_contact(branch.clinic, number, branch.id)
        next_case, next_contact = decide(case, asked, event, settings, now)
        if contact is None and next_contact is asked:
            next_contact = None  # nothing was learnt of a new number: nothing to store
        same = next_case is case and next_contact is contact
        if same and grant is None and not claimed:
            for hint in hints:
                await self._store.remember(*hint)
            return Decided(case, contact, changed=False)
        before, after = (case, contact), (next_case, next_contact)
        commit = commit_of(
            before,
            after,
            branch,
            now,
            seen=seen,
            grant=grant,
            rewrite=claimed and same,
            hints=hints,
        )
        outcome = await self._store.commit(commit)
        self._committed(outcome)
        if outcome is Outcome.CONFLICT:
            return None
        if outcome is Outcome.DUPLICATE:
            return Decided(case, contact, changed=False, duplicate=True)
        self._poke(branch.clinic)
        if commit.publishes:
            self._published(branch.clinic)
        self._tell(next_case if next_case is not case else None, branch.id)
        self._tell(next_contact if next_contact is not contact else None, branch.id)
        stored = _committed(before, after)
        self._effects(before, stored, settings)
        return Decided(*stored, changed=True)

    def _tell(self, document: Case | Contact | None, branch: str) -> None:
        if document is not None and document.journal:
            self._observe(ref_of(document), branch, document.journal)

    def _effects(
        self,
        before: tuple[Case | None, Contact | None],
        after: tuple[Case | None, Contact | None],
        settings: Settings,
    ) -> None:
        case, contact = after
        for ref, attempt in started(before, after):
            self._keep(case, contact)
            self._carry_out(Effect(ref, settings, case, contact, attempt=attempt))
        if case is not None and case is not before[0]:
            for attempt in looked_up(before[0], case):
                self._carry_out(
                    Effect(ref_of(case), settings, case, contact, attempt=attempt, look_up=True)
                )
        if case is not None and case is not before[0]:
            old = before[0].pushes if before[0] is not None else ()
            for push in _started_pushes(old, case.pushes):
                self._keep(case, contact)
                self._carry_out(Effect(ref_of(case), settings, case, contact, push=push))
        if contact is not None and contact is not before[1]:
            older = before[1].notices if before[1] is not None else ()
            for notice in _started_pushes(older, contact.notices):
                self._carry_out(Effect(ref_of(contact), settings, None, contact, push=notice))

    def _keep(self, case: Case | None, contact: Contact | None) -> None:
        """Keep what `_load` would bring, until an effect's outcome asks for it."""
        if case is None or contact is None or contact.number != case.number:
            return
        if len(self._fresh) >= FRESH_MAX:
            del self._fresh[next(iter(self._fresh))]
        self._fresh[ref_of(case)] = case, contact


def _started_pushes(before: tuple[P, ...], after: tuple[P, ...]) -> list[P]:
    tries = {push.id: push.tries for push in before}
    return [
        push
        for push in after
        if push.state is PushState.STARTED and tries.get(push.id) != push.tries
    ]


def _committed(
    before: tuple[Case | None, Contact | None], after: tuple[Case | None, Contact | None]
) -> tuple[Case | None, Contact | None]:
    """The documents as they now stand in the store: next version, empty journal."""
    case, contact = after
    if case is not None and case is not before[0]:
        version = before[0].version if before[0] is not None else 0
        case = evolve(case, version=version + 1, journal=())
    if contact is not None and contact is not before[1]:
        version = before[1].version if before[1] is not None else 0
        contact = evolve(contact, version=version + 1, journal=(), wake=())
    return case, contact
