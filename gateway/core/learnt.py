"""What was learnt about a number: on which channels it cannot be reached (rule H-1)."""

from __future__ import annotations

from gateway.core import policy
from gateway.core.case import Attempt, Learnt
from gateway.core.draft import Draft
from gateway.core.evolve import evolve
from gateway.core.model import Channel

NEVER_LEARNT = frozenset({Channel.PUSH, Channel.SMS})
"""A push token belongs to a phone, not to a number; and a number that takes no SMS today may take
one tomorrow."""


def learn(draft: Draft, attempt: Attempt) -> None:
    """Remember that the number has no account on the channel.

    The visit may have got another number meanwhile, of which nothing was learnt.
    """
    contact, channel = draft.contact, attempt.channel
    if contact is None or channel in NEVER_LEARNT or attempt.to != contact.number:
        return
    kept = tuple(item for item in contact.learnt if item.channel is not channel)
    news = Learnt(channel, draft.now + policy.LEARNT_FOR)
    draft.contact = evolve(contact, learnt=(*kept, news))


def forget(draft: Draft, channel: Channel, number: str) -> None:
    """The number has proved to be there: something came from it, or arrived."""
    contact = draft.contact
    if contact is None or contact.number != number:
        return
    kept = tuple(item for item in contact.learnt if item.channel is not channel)
    if kept != contact.learnt:
        draft.contact = evolve(contact, learnt=kept)
