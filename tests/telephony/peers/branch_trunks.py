"""Trunks as a branch has them: called as the product does, the next one when one fails.

trunks = BranchTrunks(config)
line = await trunks.dial(order())
"""

from __future__ import annotations

from adapters.telephony.sip.config import Config
from adapters.telephony.sip.trunk import SipTrunk, SipTrunks
from gateway.clock import SystemClock
from gateway.ports.telephony import CallOrder, Line
from gateway.service.fail_over import fail_over


class BranchTrunks(SipTrunks):
    """All trunks of the settings, and the way a call takes through them."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._clock = SystemClock()

    def of(self, clinic: str, branch: str) -> list[SipTrunk]:
        """Return a branch's trunks in the order of the settings."""
        return [trunk for trunk in self.trunks if trunk.serves(clinic, branch)]

    async def dial(self, order: CallOrder) -> Line:
        """Call over the first trunk that works."""
        trunks = self.of(order.ref.clinic, order.branch)
        return await fail_over(trunks, lambda trunk: trunk.dial(order), self._clock)
