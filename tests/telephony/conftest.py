"""Trunks on ports of their own, a telephone to call, prompts to play."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any, Protocol

import pytest

from adapters.telephony.sip.config import Config
from tests.telephony.peers.branch_trunks import BranchTrunks
from tests.telephony.peers.dialogue import Prompts
from tests.telephony.peers.ports import Block, block_of_ports
from tests.telephony.peers.sip_phone import SipPhone

CARDS = 8
"""Room for that many line cards in one test."""


class OpenTrunk(Protocol):
    """Starts a trunk that ends with the test."""

    async def __call__(
        self, *proxies: SipPhone | str | dict[str, Any], **settings: Any
    ) -> BranchTrunks: ...


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


@pytest.fixture(scope="session")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Prompts:
    """What the robot says."""
    return Prompts(tmp_path_factory.mktemp("prompts"))


def trunk_settings(to: SipPhone | str | dict[str, Any], number: int = 1) -> dict[str, Any]:
    """Return the settings of a trunk at a phone, an address, or with whatever the test wants."""
    settings: dict[str, Any] = {"name": f"t{number}", "caller": "+74950000001", "lines": 4,
                                "per_second": 100}  # fmt: skip
    if isinstance(to, dict):
        return settings | to
    if isinstance(to, SipPhone):
        return settings | {"proxy": f"127.0.0.1:{to.port}", "transport": to.transport}
    return settings | {"proxy": to}


def config_of(ports: Block, *trunks: dict[str, Any]) -> Config:
    """Return settings with ports of the test's own."""
    sip, rtp = ports.take(CARDS), ports.take(32 * CARDS, even=True)
    return Config.model_validate({
        "bind": "127.0.0.1", "nice": 0, "trunks": list(trunks),
        "sip_ports": f"{sip}-{sip + CARDS - 1}", "rtp_ports": f"{rtp}-{rtp + 32 * CARDS - 1}",
    })  # fmt: skip


@pytest.fixture
async def open_trunk(ports: Block) -> AsyncIterator[OpenTrunk]:
    """Start a trunk; several proxies make several trunks in one, tried in this order."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(*proxies: SipPhone | str | dict[str, Any], **settings: Any) -> BranchTrunks:
            trunks = [
                trunk_settings(to, number) | settings for number, to in enumerate(proxies, start=1)
            ]
            trunk = BranchTrunks(config_of(ports, *trunks))
            running = asyncio.create_task(trunk.run())
            stack.push_async_callback(_end, trunk, running)
            return trunk

        yield start


async def _end(trunk: BranchTrunks, running: asyncio.Task[None]) -> None:
    await trunk.close()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
