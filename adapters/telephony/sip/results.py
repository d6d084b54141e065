"""What the end of a call means: the one table from SIP to the product's words.

A row holds when all of its conditions do; the first that holds decides. `result` None: the call
was not placed (rule C-6), which is no attempt: it waits, and another trunk is tried first.

Codes: RFC 3261 §21, 607 RFC 8197, 608 RFC 8688. Causes of `Reason: Q.850` (RFC 3326) come from
telephone networks behind the trunk; RFC 3398 §7.2.4.1 says which SIP codes gateways make of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from adapters.telephony.sip.protocol import EndedBy
from gateway.core.model import CallResult
from gateway.ports.telephony import NotAnswered, NotPlaced


class Refused(NotPlaced):
    """The trunk itself has answered and refused: it may be about this number alone."""


ANY: Final = range(1000)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call that nobody picked up ended. `q850` 0: no cause was told."""

    code: int
    by: EndedBy
    ringing: bool
    q850: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; None for a condition: it does not matter."""

    why: str
    result: CallResult | None
    name: str = ""
    codes: range | frozenset[int] = ANY
    by: EndedBy | None = None
    ringing: bool | None = None
    q850: frozenset[int] | None = None
    alert: bool = False
    of_account: bool = False  # every number would be refused

    def holds(self, end: Ending) -> bool:
        """Tell whether this row speaks of such an end."""
        return (
            end.code in self.codes
            and self.by in {None, end.by}
            and self.ringing in {None, end.ringing}
            and (self.q850 is None or end.q850 in self.q850)
        )


def _codes(*codes: int) -> frozenset[int]:
    return frozenset(codes)


TABLE: Final = (
    Row("no connection to the trunk", None, "trunk_unreachable", by="transport", ringing=False),
    Row("the trunk does not answer", None, "trunk_timeout", by="timeout", ringing=False),
    Row("it rang, then nothing more came", CallResult.NO_ANSWER, "", by="timeout", ringing=True),
    Row("busy", CallResult.BUSY, "", _codes(486, 600)),
    Row("declined by the person called", CallResult.REJECTED, "", _codes(603, 607, 608)),
    Row("no such number, or not any more", CallResult.UNREACHABLE, "", _codes(404, 410, 604)),
    Row("the number is incomplete or ambiguous", CallResult.UNREACHABLE, "", _codes(484, 485)),
    Row(
        "our credentials are refused",
        None,
        "credentials_refused",
        _codes(401, 407),
        alert=True,
        of_account=True,
    ),
    Row(
        "the account must be paid for",
        None,
        "payment_required",
        _codes(402),
        alert=True,
        of_account=True,
    ),
    Row("the network says: busy", CallResult.BUSY, "", q850=_codes(17)),
    Row("the network says: nobody answers", CallResult.NO_ANSWER, "", q850=_codes(18, 19)),
    Row("the network says: declined", CallResult.REJECTED, "", q850=_codes(21)),
    Row(
        "the network says: no such number, changed, switched off or out of reach",
        CallResult.UNREACHABLE,
        "",
        q850=_codes(1, 2, 3, 20, 22, 27, 28),
    ),
    Row("forbidden after ringing: declined", CallResult.REJECTED, "", _codes(403), ringing=True),
    Row("the trunk forbids the call", None, "trunk_forbids", _codes(403), alert=True),
    Row(
        "it rang and was not picked up", CallResult.NO_ANSWER, "", _codes(408, 480, 487), None, True
    ),
    Row("it rang, then the network failed", CallResult.NO_ANSWER, ringing=True),
    Row("not available", CallResult.UNREACHABLE, "", _codes(480, 487)),
    Row("the trunk waited in vain", None, "trunk_timeout", _codes(408)),
    Row(
        "no codec or encryption in common",
        None,
        "media_refused",
        _codes(406, 415, 488, 493, 494, 606),
        alert=True,
    ),
    Row("the call goes in circles at the trunk", None, "trunk_loop", _codes(482, 483)),
    Row(
        "the number has moved: a redirection is never followed, so nobody can choose whom we call",
        CallResult.UNREACHABLE,
        "",
        range(300, 400),
    ),
    Row(
        "the trunk takes our request for faulty", None, "trunk_refuses", range(400, 500), alert=True
    ),
    Row("the trunk fails or is overloaded", None, "trunk_fails", range(500, 600)),
    Row("refused everywhere", CallResult.UNREACHABLE, "", range(600, 700)),
    Row("anything else", None, "trunk_fails"),
)
"""Most particular first."""

NETWORK_FAILURES: Final = _codes(27, 34, 38, 41, 42, 47, 102, 111)
"""Causes with which a network, not a person, ends a call that was answered (ITU-T Q.850)."""


def meaning(end: Ending) -> Row:
    """Return the row that decides."""
    return next(row for row in TABLE if row.holds(end))


def failure(end: Ending) -> NotPlaced | NotAnswered:
    """Return what a call that ended so before anybody picked up is to the product."""
    row = meaning(end)
    if row.result is None:
        answered = end.by == "remote" and not row.of_account
        return (Refused if answered else NotPlaced)(row.name, alert=row.alert)
    return NotAnswered(row.result, str(end.code))


def table_as_markdown() -> str:
    """Return the table for the documents."""
    lines = ["| when | means | not placed: reason | asks for an operator |", "|---|---|---|---|"]
    for row in TABLE:
        told = f"`{row.result.value}`" if row.result else "not placed"
        reason = f"`{row.name}`" if row.name else ""
        alert = "yes" if row.alert else ""
        lines.append(f"| {row.why}: {_conditions(row)} | {told} | {reason} | {alert} |")
    return "\n".join(lines)


def _conditions(row: Row) -> str:
    parts = []
    if isinstance(row.codes, frozenset):
        parts.append(", ".join(map(str, sorted(row.codes))))
    elif row.codes != ANY:
        parts.append(f"{row.codes.start // 100}xx")
    if row.q850 is not None:
        parts.append(f"Q.850 {', '.join(map(str, sorted(row.q850)))}")
    if row.by is not None:
        parts.append({"timeout": "no response", "transport": "no transport"}.get(row.by, row.by))
    if row.ringing is not None:
        parts.append("after ringing" if row.ringing else "without ringing")
    return "; ".join(parts) or "no row above"
