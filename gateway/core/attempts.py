"""A message or call moves by the table, and its timeline tells where it stands (rule H-4)."""

from __future__ import annotations

from gateway.core.case import (
    Attempt,
    AttemptEvent,
    AttemptState,
    EntryKind,
    IllegalTransition,
    JournalValue,
    next_state,
)
from gateway.core.draft import Draft
from gateway.core.evolve import evolve


def move(attempt: Attempt, event: AttemptEvent) -> Attempt | None:
    """Return the attempt after an event, or None when the table does not allow it (rule H-4).

    What a provider called failed stays so; what was given up without its word may have got
    through after all.
    """
    if attempt.state is AttemptState.FAILED and not attempt.lost:
        return None
    try:
        return evolve(attempt, state=next_state(attempt.state, event))
    except IllegalTransition:
        return None


def note_attempt(draft: Draft, attempt: Attempt, **more: JournalValue) -> None:
    """Write where a message or call stands into the timeline."""
    data: dict[str, JournalValue] = {
        "attempt": attempt.id,
        "channel": attempt.channel.value,
        "purpose": attempt.purpose.value,
        "to": attempt.to,
        "state": attempt.state.value,
        "started_at": attempt.started_at.isoformat() if attempt.started_at else None,
        "try": attempt.tries,
        **more,
    }
    if attempt.code:
        data["code"] = attempt.code
    kind = EntryKind.CALL if attempt.is_call else EntryKind.MESSAGE
    draft.note(kind, data, attempt.function, booking=attempt.booking)


def ready(attempt: Attempt, draft: Draft) -> bool:
    """Tell whether a planned attempt may leave now."""
    return attempt.state is AttemptState.PLANNED and (
        attempt.not_before is None or attempt.not_before <= draft.now
    )
