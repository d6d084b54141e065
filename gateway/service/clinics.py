"""The clinics' settings: read through, so that a change holds from the next decision on (G-1)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gateway.clock import Clock
from gateway.core.clinic import Branch, Clinic
from gateway.core.decide import Settings
from gateway.core.model import Channel
from gateway.core.wording import Texts
from gateway.errors import InvalidInput, NotFound, Problem, StoreUnavailable
from gateway.ports.schema import merge_branch, normalise_clinic, read_clinic
from gateway.ports.store import ClinicRecord, Outcome, Rates, Store
from gateway.service.budgets import Budgets

log = logging.getLogger("callahead.clinics")

FRESH_FOR = timedelta(seconds=1)
"""How long settings are taken from memory: another node may have changed them (rule G-1)."""

SAVE_TRIES_MAX = 5
"""Concurrent changes of one clinic's settings are rare; more tries mean a fault."""

ALWAYS = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
"""Since when and until when a visit counts as one of a branch."""

WAKE_TRIES_MAX = 60
WAKE_PAUSE_S = 1.0
"""How often a store that does not answer is asked to wake a branch's cases."""


class Clinics:
    """Settings by clinic and branch, with the moment at which each branch was connected."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        texts: Texts,
        *,
        link_base: str,
        link_secret: bytes,
        has_sender: Callable[[Channel, str, str], bool],
        reports_delivery: Callable[[Channel, str, str], bool] = lambda *_: True,
        publishes: Callable[[str], bool],
        poke: Callable[[str], None],
        later: Callable[[Coroutine[object, object, None]], None] | None = None,
    ) -> None:
        """`later` starts a task; None: nobody else reads these settings. `publishes` tells whether
        a clinic takes its changes from the feed, `reports_delivery` whether the sender of a
        channel, clinic and branch tells what became of an accepted message."""
        self._store = store
        self._clock = clock
        self._texts = texts
        self._link_base = link_base
        self._link_secret = link_secret
        self._has_sender = has_sender
        self._reports_delivery = reports_delivery
        self._publishes = publishes
        self._poke = poke
        self._later = later
        self._known: dict[str, tuple[datetime, ClinicRecord, Clinic]] = {}
        self._settings: dict[tuple[str, str], Settings] = {}
        self.budgets = Budgets(store, clock)

    async def clinic(self, clinic_id: str) -> Clinic:
        """Return a clinic's settings; raise `NotFound`."""
        return (await self._record(clinic_id))[1]

    async def record(self, clinic_id: str) -> ClinicRecord:
        """Return a clinic's settings as stored; raise `NotFound`."""
        return (await self._record(clinic_id))[0]

    async def settings(self, clinic_id: str, branch_id: str) -> Settings:
        """Return what a decision about a branch reads; raise `NotFound`."""
        await self._record(clinic_id)
        found = self._settings.get((clinic_id, branch_id))
        if found is None:
            raise NotFound(f"no branch {branch_id!r} in clinic {clinic_id!r}")
        return found if found.branch.budget is None else await self.budgets.applied(found)

    async def _record(self, clinic_id: str) -> tuple[ClinicRecord, Clinic]:
        known = self._known.get(clinic_id)
        now = self._clock.now()
        if known is not None and now - known[0] < FRESH_FOR:
            return known[1], known[2]
        record = await self._store.load_clinic(clinic_id)
        if record is None:
            raise NotFound(f"no clinic {clinic_id!r}")
        if known is not None and known[1].version == record.version:
            self._known[clinic_id] = (now, known[1], known[2])
            return known[1], known[2]
        return record, self._take(record, now)

    def _take(self, record: ClinicRecord, now: datetime) -> Clinic:
        clinic = read_clinic(
            record.document,
            connected=record.connected,
            link_base=self._link_base,
            link_secret=self._link_secret,
        )
        self._known[record.clinic] = (now, record, clinic)
        for key in [key for key in self._settings if key[0] == record.clinic]:
            del self._settings[key]
        for branch in clinic.branches:
            served = self._served(branch)
            self._settings[(record.clinic, branch.id)] = Settings(
                served, self._texts, self._publishes(record.clinic)
            )
        return clinic

    def _served(self, branch: Branch) -> Branch:
        """Leave out channels for which nobody has configured a sender, and name those whose
        senders report no delivery."""
        channels = tuple(
            channel
            for channel in branch.channels
            if self._has_sender(channel, branch.clinic, branch.id)
        )
        silent = tuple(
            channel
            for channel in channels
            if not self._reports_delivery(channel, branch.clinic, branch.id)
        )
        if channels == branch.channels and not silent:
            return branch
        return replace(branch, channels=channels, without_receipts=silent)

    async def save(self, document: Mapping[str, object]) -> Clinic:
        """Write a clinic's settings whole; raise `InvalidInput`.

        The cases of every branch are looked at again under the new settings.
        """
        checked = normalise_clinic(document)
        clinic_id = str(checked["id"])
        await self._keep_branches(clinic_id, checked)

        def replaced(_: Mapping[str, object] | None) -> Mapping[str, object]:
            return checked

        return await self.change(clinic_id, replaced)

    async def _keep_branches(self, clinic_id: str, document: Mapping[str, object]) -> None:
        """A branch with visits stays: without its settings, answers and charges would be lost."""
        stored = await self._store.load_clinic(clinic_id)
        gone = _branch_ids(stored.document) - _branch_ids(document) if stored else set()
        for branch in sorted(gone):
            if await self._store.cases(clinic_id, branch, *ALWAYS, limit=1):
                message = f"{branch!r} still has visits: keep it, with its functions switched off"
                raise InvalidInput(Problem("branches", message))

    async def merge(self, clinic_id: str, branch_id: str, patch: Mapping[str, object]) -> Clinic:
        """Merge fields of one branch; raise `InvalidInput` or `NotFound`."""

        def merged(stored: Mapping[str, object] | None) -> Mapping[str, object]:
            if stored is None:
                raise NotFound(f"no clinic {clinic_id!r}")
            return normalise_clinic(merge_branch(stored, branch_id, patch))

        return await self.change(clinic_id, merged)

    async def change(
        self,
        clinic_id: str,
        change: Callable[[Mapping[str, object] | None], Mapping[str, object]],
    ) -> Clinic:
        """Replace the stored document by what `change` makes of it, whoever else is at it.

        `change` gets None for a new clinic, may be called again, and raises what it refuses.
        """
        for _ in range(SAVE_TRIES_MAX):
            stored = await self._store.load_clinic(clinic_id)
            document = change(stored.document if stored else None)
            now = self._clock.now()
            record = ClinicRecord(
                clinic=clinic_id,
                version=stored.version if stored else 0,
                document=document,
                connected=self._connected(document, stored, now),
            )
            clinic = read_clinic(
                document,
                connected=record.connected,
                link_base=self._link_base,
                link_secret=self._link_secret,
            )
            rates = {b.id: Rates(b.per_minute, b.lines) for b in clinic.branches}
            if await self._store.save_clinic(record, rates) is Outcome.DONE:
                self._take(replace(record, version=record.version + 1), now)
                await self._wake(clinic)
                if self._later is not None:
                    self._later(self._wake_again(clinic))
                return clinic
        raise StoreUnavailable("the clinic's settings keep changing; try again")

    async def _wake(self, clinic: Clinic) -> None:
        now = self._clock.now()
        for branch in clinic.branches:
            await self._store.wake_branch(clinic.id, branch.id, now)
        self._poke(clinic.id)

    async def _wake_again(self, clinic: Clinic) -> None:
        """Look at the cases once more when no node can have the old settings in memory: one
        that was looked at by such a node would not be looked at again."""
        await self._clock.sleep(FRESH_FOR.total_seconds())
        for _ in range(WAKE_TRIES_MAX):
            try:
                await self._wake(clinic)
            except StoreUnavailable:
                await self._clock.sleep(WAKE_PAUSE_S)
            else:
                return
        log.error("cases could not be looked at after a change", extra={"clinic": clinic.id})

    def _connected(
        self, document: Mapping[str, object], stored: ClinicRecord | None, now: datetime
    ) -> dict[str, datetime]:
        """A branch is connected when it is first saved (rule Z-1)."""
        known = dict(stored.connected) if stored else {}
        branches = document["branches"]
        if isinstance(branches, list):
            for branch in branches:
                known.setdefault(str(branch["id"]), now)
        return known


def _branch_ids(document: Mapping[str, object]) -> set[str]:
    branches = document["branches"]
    return {str(branch["id"]) for branch in branches} if isinstance(branches, list) else set()
