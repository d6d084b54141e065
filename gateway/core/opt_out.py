"""A number refuses messages, or allows them again (rules C-15, Z-9).

It does so by a word to us, or at the provider, who takes the word itself, answers it, and from
then on refuses what we send. Either way the schedule is told by a change of kind `notifications`.
"""

from __future__ import annotations

from gateway.core.case import Attempt, EntryKind, Notice
from gateway.core.draft import Draft
from gateway.core.evolve import evolve
from gateway.core.model import Source


def refuse(draft: Draft, source: Source, evidence: str) -> bool:
    """Send the number nothing more; return False if it had refused before."""
    contact = draft.contact
    if contact is None or contact.opted_out_at is not None:
        return False
    draft.contact = evolve(contact, opted_out_at=draft.now, unclear=0)
    _notice(draft, source, evidence, allowed=False)
    return True


def allow(draft: Draft, source: Source, evidence: str) -> None:
    """Send the number messages again."""
    draft.contact = evolve(draft.known_contact, opted_out_at=None, unclear=0)
    _notice(draft, source, evidence, allowed=True)


def refused_at_provider(draft: Draft, attempt: Attempt) -> None:
    """A message was not taken because the patient has opted out at the provider.

    The visit may have got another number meanwhile, which has refused nothing.
    """
    if draft.contact is not None and attempt.to == draft.contact.number:
        refuse(draft, Source(attempt.channel.value), attempt.code)


def _notice(draft: Draft, source: Source, evidence: str, *, allowed: bool) -> None:
    contact = draft.known_contact
    made = contact.notices_made + 1
    draft.contact = evolve(contact, notices_made=made)
    draft.put_notice(Notice(str(made), allowed, evidence, source, draft.now))
    kind = EntryKind.OPT_IN if allowed else EntryKind.OPT_OUT
    draft.note(kind, {"from": contact.number}, of_contact=True)
