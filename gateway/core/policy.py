"""Limits and pauses of the decision core, each with its unit and its reason."""

from __future__ import annotations

from datetime import timedelta

DETAILS_LEAD = timedelta(hours=2)
"""Details are of use until two hours before the start (rules D-1, G-9)."""

PUSH_AFTER_CALL = timedelta(minutes=1)
"""A push goes one minute after the call ended (rule C-6): the phone is still at the ear."""

RETRY_PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 15))
"""Pauses between tries of one message (rules H-2, Z-6); together half an hour. The last one
repeats where the last channel is retried until its latest useful moment."""

RETRY_FOR = timedelta(minutes=30)
"""How long a temporary failure is retried before the next channel gets its turn (rule Z-6)."""

HAND_OVER_BEFORE = timedelta(minutes=15)
"""Never retried later than this before closing or the latest useful moment (rule Z-6)."""

HELD_PAUSED = "sender_paused"
HELD_BUSY = "sender_busy"
HELD_CODES = frozenset({HELD_PAUSED, HELD_BUSY})
"""Why a message that was to leave waits once more: not words of a provider, but our own."""

LEARNT_FOR = timedelta(days=30)
"""How long it is remembered that a number has no account on a channel (rule H-1)."""

SEND_LEASE = timedelta(seconds=120)
"""A started message without an outcome for this long belongs to a worker that died; longer
than any adapter's own time-out."""

RECEIPT_WAIT = timedelta(seconds=90)
"""How long an unknown outcome waits for a receipt before it is tried again (rule G-6; facts:
60 to 120 seconds)."""

CALL_LEASE = timedelta(minutes=8)
"""A started call without an end for this long belongs to a worker that died: longer than the
longest ringing and the longest menu together."""

CALL_LOOK_EVERY = timedelta(seconds=80)
"""How often a provider is asked about a call whose end nobody has told. Longer than the longest
ringing: most calls are over by then and are not asked about."""

CALL_LOOK_WAIT = timedelta(seconds=60)
"""How long the answer to such a question is waited for before the call counts as lost."""

LINE_PAUSE = timedelta(seconds=30)
"""How soon a call that could not be placed is tried again (rule C-6)."""

PUSH_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (5, 10, 20, 40, 60))
"""Pauses before a status change is offered again (rule S-3); the last one repeats."""

PUSH_LEASE = timedelta(seconds=90)
"""A status change in flight for this long is offered again; it carries the same id."""

MOVE_LEASE = timedelta(seconds=60)
"""A move without an outcome for this long belongs to a process that died: longer than both tries
to book it (`gateway.service.rescheduling`)."""

SESSION_WINDOW = timedelta(hours=24)
"""How long free text is allowed after the patient's last message (facts: WhatsApp)."""

VISITS_KEPT = 256
"""How many visits of one number a contact remembers: a course of daily visits of a family."""

SEEN_KEPT = 64
"""How many ids of inbound events a document remembers; the store remembers more of them."""

ATTEMPTS_KEPT = 48
"""How many attempts a document keeps; older settled ones live on in the timeline."""

PENDING_FOR = timedelta(hours=6)
"""How long a clear answer waits to be told which visit it is about (rule C-11); a time that is
named the next day is not meant as that."""

LOOK_AGAIN = timedelta(minutes=1)
"""When a case is looked at again whose due time has passed without anything to do."""
