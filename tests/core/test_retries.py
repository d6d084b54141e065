"""When a message that did not get through is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from gateway.core import policy
from gateway.core.case import Attempt
from gateway.core.draft import Draft, Settings
from gateway.core.model import Channel, Purpose
from gateway.core.retries import next_try, pause_after
from tests.core.strategies import MINUTE, NOON, TEXTS, a_case, a_contact, an_attempt, by_message

ORDER = (Channel.WHATSAPP, Channel.SMS)


def again(attempt: Attempt, pause: timedelta, now: datetime = NOON) -> datetime | None:
    branch = by_message(channels=ORDER)
    draft = Draft(a_case(attempts=(attempt,)), a_contact(), Settings(branch, TEXTS), now)
    return next_try(draft, attempt, pause)


@pytest.mark.rule("H-2", "Z-6")
def test_pauses_grow_and_never_undercut_the_providers() -> None:
    found = [pause_after(an_attempt(tries=tries), None) for tries in (1, 2, 3, 9)]
    assert found == [MINUTE, 2 * MINUTE, 4 * MINUTE, 15 * MINUTE]
    assert pause_after(an_attempt(tries=1), 600) == 10 * MINUTE
    assert pause_after(an_attempt(tries=1), 5) == MINUTE


@pytest.mark.rule("Z-6")
def test_half_an_hour_after_the_first_try_the_next_channel_gets_its_turn() -> None:
    attempt = an_attempt(first_try_at=NOON - 25 * MINUTE)
    assert again(attempt, MINUTE) == NOON + MINUTE
    assert again(attempt, 20 * MINUTE) == NOON + 5 * MINUTE
    assert again(an_attempt(first_try_at=NOON - policy.RETRY_FOR), MINUTE) is None


@pytest.mark.rule("Z-6")
def test_the_last_channel_is_tried_on() -> None:
    attempt = an_attempt(channel=Channel.SMS, first_try_at=NOON - 3 * policy.RETRY_FOR)
    assert again(attempt, 15 * MINUTE) == NOON + 15 * MINUTE


@pytest.mark.rule("Z-7")
def test_an_answer_to_the_patient_is_given_up_after_half_an_hour() -> None:
    attempt = an_attempt(purpose=Purpose.ACKNOWLEDGEMENT, first_try_at=NOON - 29 * MINUTE)
    assert again(attempt, MINUTE) == NOON + MINUTE
    assert again(attempt, 2 * MINUTE) is None
