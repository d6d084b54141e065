"""What the sandbox reports about a call: one callback for each event, in order unless told not to.

https://www.twilio.com/docs/voice/api/call-resource#statuscallback
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from email.utils import format_datetime

from adapters.telephony.sandbox_callbacks import Callbacks
from adapters.telephony.sandbox_phone import Call, CallState, Faults
from gateway.clock import Clock
from gateway.ports.messaging import SendError

API_VERSION = "2010-04-01"


def form_of(call: Call) -> dict[str, str]:
    """Return the parameters that every request about a call has."""
    form = {
        "CallSid": call.sid,
        "AccountSid": call.account_sid,
        "From": call.order.caller,
        "Caller": call.order.caller,
        "To": call.order.to,
        "Called": call.order.to,
        "Direction": "outbound-api",
        "ApiVersion": API_VERSION,
        "CallStatus": call.state.value,
    }
    if call.answered_by:
        form["AnsweredBy"] = call.answered_by
    return form


class Reports:
    """The callbacks of one call. `told` hears which were taken; best effort, like Twilio's."""

    def __init__(
        self,
        call: Call,
        auth_token: str,
        callbacks: Callbacks,
        faults: Faults,
        clock: Clock,
        told: Callable[[Call, CallState], None],
    ) -> None:
        self._call = call
        self._token = auth_token
        self._callbacks = callbacks
        self._faults = faults
        self._clock = clock
        self._told = told
        self._outbox: asyncio.Queue[tuple[CallState, dict[str, str]] | None] = asyncio.Queue()

    def add(self, event: str) -> None:
        """Report an event, if it is one that was asked for."""
        call = self._call
        sequence, call.sequence = call.sequence, call.sequence + 1
        if not call.order.callback or event not in call.order.events:
            return
        form = form_of(call) | {
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(sequence),
            "Timestamp": format_datetime(self._clock.now()),
        }
        if not call.live:
            form["CallDuration"] = str(call.duration_s)
            form["Duration"] = str((call.duration_s + 59) // 60)
            if call.sip is not None:
                form["SipResponseCode"] = str(call.sip)
        self._outbox.put_nowait((call.state, form))

    def close(self) -> None:
        """Let `send_all` end once everything is sent."""
        self._outbox.put_nowait(None)

    async def send_all(self) -> None:
        """Send what was added, until `close`."""
        held: list[tuple[CallState, dict[str, str]]] = []
        while (item := await self._outbox.get()) is not None:
            lost, twice, late = self._faults.next_callback()
            if lost:
                continue
            if late and not held:
                held.append(item)
                continue
            for state, form in [item] * (1 + twice) + held:
                await self._post(state, form)
            held.clear()
        for state, form in held:
            await self._post(state, form)

    async def _post(self, state: CallState, form: Mapping[str, str]) -> None:
        try:
            answer = await self._callbacks.post(self._token, self._call.order.callback, form)
        except SendError as error:
            self._call.errors.append(f"11200: {error.code}")
        except ValueError as error:
            self._call.errors.append(f"11100: {error}")
        else:
            if answer.status // 100 == 2:
                self._told(self._call, state)
            else:
                self._call.errors.append(f"11200: HTTP {answer.status}")
