"""A journal of calls adds up to the calls, and to which end was told."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from adapters.telephony.sandbox_memory import Memory, of_call, of_state, of_told
from adapters.telephony.sandbox_phone import By, Call, CallState
from adapters.telephony.sandbox_rest import Order
from tests.adapters.support import PATIENT, START

ORDER = Order(PATIENT, "+1555", "https://a/", "https://b/", ("answered",), 20, 300, True)


def made(**more: Any) -> Call:
    return Call("CA1", "AC1", ORDER, START, **more)


def read(*records: Any) -> Memory:
    return Memory.of(json.loads(json.dumps(records)))


def test_a_call_comes_back_as_it_was() -> None:
    call = made(
        state=CallState.IN_PROGRESS,
        answered_at=START + timedelta(seconds=5),
        machine=False,
        sequence=3,
        keys="12",
    )
    assert read(of_call(call), of_state(call)).calls == {"CA1": call}
    call.end(CallState.BUSY, By.PATIENT, 603, START + timedelta(seconds=9))
    assert read(of_call(call), of_state(call)).calls == {"CA1": call}


def test_the_newest_state_holds() -> None:
    call = made()
    earlier = of_state(call)
    call.end(CallState.NO_ANSWER, By.NETWORK, 487, START)
    assert read(of_call(call), earlier, of_state(call)).calls["CA1"].state is CallState.NO_ANSWER
    assert read(of_call(call)).calls["CA1"].state is CallState.QUEUED


def test_only_the_end_counts_as_told() -> None:
    call = made(state=CallState.RINGING)
    memory = read(of_call(call), of_state(call), of_told(call, CallState.RINGING))
    assert not memory.end_was_told(memory.calls["CA1"])
    call.end(CallState.FAILED, By.NETWORK, None, START)
    memory = read(of_call(call), of_state(call), of_told(call, CallState.RINGING))
    assert not memory.end_was_told(memory.calls["CA1"])
    memory = read(of_call(call), of_state(call), of_told(call, CallState.FAILED))
    assert memory.end_was_told(memory.calls["CA1"])


def test_what_is_not_known_is_left_out() -> None:
    assert read({"what": "weather"}, {}, of_state(made())).calls == {}
