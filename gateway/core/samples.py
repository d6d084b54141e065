"""Samples of every message with what it costs («Примеры сообщений», rules W-2, H-6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from gateway.core.case import Content
from gateway.core.clinic import Branch
from gateway.core.model import Channel, Function
from gateway.core.segments import Segments, sms_segments
from gateway.core.tariff import price_of
from gateway.core.wording import FIRST_WORD, Words, sample_branch, samples

_OF_THE_NUMBER = frozenset({"acknowledgement.opt_out", "acknowledgement.opt_in", "clinic_phone"})
"""Messages that answer a number and belong to no function of a visit."""

_AFTER_A_CALL = frozenset({"confirmation", "reschedule_link"})
"""Messages that may follow a robot call, so that their push has another price (rule Z-14)."""


@dataclass(frozen=True, slots=True)
class SampleMessage:
    """One message as a patient would get it.

    `segments` is for an SMS only. `price_after_call` is that of a push which follows a robot
    call, None where that makes no difference; `price` None: it is never sent without a call.
    `parameters` are those of a messenger's template, empty where no template is needed.
    """

    about: str
    function: Function | None
    channel: Channel
    content: Content
    segments: Segments | None
    price: Decimal | None
    price_after_call: Decimal | None

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return what stands in place of {{1}}, {{2}}, … of the message's template."""
        return self.content.parameters if self.about in FIRST_WORD else ()


def sample_messages(words: Words, own: Branch | None, day: date) -> Iterator[SampleMessage]:
    """Yield every message for every channel with the prices that hold on a day.

    Without a branch of the clinic's `own` the tariff is the default one (rule T-1).
    """
    branch = own or sample_branch(words)
    for about, channel, content in samples(words, own):
        segments = sms_segments(content.text) if channel is Channel.SMS else None
        yield SampleMessage(
            about=about,
            function=function_of(about),
            channel=channel,
            content=content,
            segments=segments,
            price=_price(branch, about, channel, segments, day),
            price_after_call=_price_after_call(branch, about, channel, day),
        )


def function_of(about: str) -> Function | None:
    """Return the function that a message belongs to; None: it answers the number."""
    if about in _OF_THE_NUMBER:
        return None
    return Function(about) if about in tuple(Function) else Function.CONFIRMATION


def _price(
    branch: Branch, about: str, channel: Channel, segments: Segments | None, day: date
) -> Decimal | None:
    if about not in FIRST_WORD:
        return Decimal(0)  # rule T-3: answers to what the patient has just done
    if channel is Channel.PUSH and about == "reschedule_link":
        return None
    count = segments.count if segments is not None else 1
    return price_of(branch, channel, after_call=False, segments=count, day=day)


def _price_after_call(branch: Branch, about: str, channel: Channel, day: date) -> Decimal | None:
    if channel is not Channel.PUSH or about not in _AFTER_A_CALL:
        return None
    return price_of(branch, channel, after_call=True, segments=1, day=day)
