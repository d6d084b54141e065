"""What a channel can say is plain data that stands for itself."""

from __future__ import annotations

from adapters.messaging.capabilities import Capabilities
from gateway.core.model import Channel


def test_a_channel_that_can_only_send_text_needs_no_more_words() -> None:
    can = Capabilities(Channel.SMS, text_max=1530, free_text=True)
    assert (can.buttons_max, can.opaque_max, can.quotes, can.receives) == (0, 0, False, False)
    assert can.receipts == frozenset()
