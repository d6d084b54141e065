"""What tests with real line cards share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.telephony.peers.audio import speech_like, write_wav
from tests.telephony.peers.ports import Block, block_of_ports
from tests.telephony.peers.sip_phone import SipPhone


@pytest.fixture
def ports() -> Iterator[Block]:
    """Ports of 127.0.0.1 that nobody else uses."""
    with block_of_ports() as block:
        yield block


@pytest.fixture
async def phone() -> AsyncIterator[SipPhone]:
    """A telephone behind the trunk."""
    async with SipPhone() as found:
        yield found


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    """One second of something like speech."""
    return write_wav(tmp_path / "prompt.wav", speech_like(1.0, seed=1))
