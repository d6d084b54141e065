"""Accounts of a number on messengers and in the clinic's app: how they come and go.

News of them comes late, twice and in any order, so an account keeps when it was last heard of by
its provider's clock, and what is older changes nothing. One that has ended stays written down:
its late or repeated beginning must not bring it back.
"""

from __future__ import annotations

from datetime import datetime

from gateway.core.case import Account, Attempt, Contact, EndedBy, EntryKind, JournalValue
from gateway.core.draft import Draft
from gateway.core.events import AccountEnded, AccountLinked, LinkedBy
from gateway.core.evolve import evolve
from gateway.core.model import Channel, Purpose

LINKED = "acknowledgement.linked"
"""Wording key of "from now on messages come here"."""

_PRESENT = frozenset({LinkedBy.LINK, LinkedBy.CONTACT, LinkedBy.RETURN})
"""The patient has the chat open and waits to be told that it worked."""


def linked(draft: Draft, event: AccountLinked) -> None:
    """An account speaks for this number from now on; the newest proof holds."""
    contact = draft.contact
    if contact is None or _is_old(contact, event.channel, event.at):
        return
    known = contact.record(event.channel)
    news = Account(
        event.channel,
        event.account,
        at=draft.now if event.at is None else min(event.at, draft.now),
        provider=event.provider,
    )
    if known is not None and evolve(known, at=news.at) == news:
        if event.at is not None and known.at != news.at:  # heard of again: it can be reached
            _put(draft, news)
        return
    _put(draft, news)
    replaces = known is not None and known.ended is None and known.id != event.account
    note: dict[str, JournalValue] = {"channel": event.channel.value, "by": event.by.value}
    if event.provider:
        note["provider"] = event.provider
    if replaces:
        note["replaces"] = True
    draft.note(EntryKind.LINKED, note, of_contact=True)
    if event.by in _PRESENT and contact.opted_out_at is None:
        draft.plan(Purpose.ACKNOWLEDGEMENT, event.channel, None, about=LINKED)


def ended(draft: Draft, event: AccountEnded) -> None:
    """An account is no longer to be written to. Whom the clinic has unlinked, or who speaks for
    another number now, needs a new proof; who stopped may just come back."""
    contact = draft.contact
    known = contact.record(event.channel) if contact is not None else None
    if contact is None or known is None or event.account not in (None, known.id):
        return
    if _is_old(contact, event.channel, event.at):
        return
    at = known.at if event.at is None else min(event.at, draft.now)
    is_news = known.ended is None or (
        known.ended is EndedBy.STOPPED and event.by is not EndedBy.STOPPED
    )
    if is_news:
        _put(draft, evolve(known, at=at, ended=event.by))
        note: dict[str, JournalValue] = {"channel": event.channel.value, "by": event.by.value}
        draft.note(EntryKind.UNLINKED, note, of_contact=True)
    elif at != known.at:
        _put(draft, evolve(known, at=at))


def push_gone(draft: Draft, attempt: Attempt) -> None:
    """The provider says that the phone is gone: forget its token, unless the app has handed over
    a newer one since this was sent (rule H-1)."""
    known = draft.contact.record(Channel.PUSH) if draft.contact is not None else None
    if known is None or attempt.started_at is None:
        return
    if known.at is None or known.at <= attempt.started_at:
        ended(draft, AccountEnded(Channel.PUSH, EndedBy.GONE))


def _is_old(contact: Contact, channel: Channel, at: datetime | None) -> bool:
    known = contact.record(channel)
    if known is None or known.at is None or at is None:
        return False
    return at < known.at


def _put(draft: Draft, account: Account) -> None:
    contact = draft.known_contact
    kept = tuple(item for item in contact.accounts if item.channel is not account.channel)
    learnt = contact.learnt
    if account.ended is None:  # what was learnt of the channel was about another state of it
        learnt = tuple(item for item in learnt if item.channel is not account.channel)
    draft.contact = evolve(contact, accounts=(*kept, account), learnt=learnt)
