"""What the page shows: every visit and chat as an item of its own, so that only changes travel.

Beside them stands the clinic: each branch's channel order and what today has cost, as the ledger
has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from gateway.core.case import Attempt, Case, Contact, EntryKind
from gateway.core.clinic import Branch, Clinic
from gateway.core.explain import FunctionView, explain, text_of
from gateway.core.hours import local
from gateway.core.model import Function, Reason
from gateway.core.phone import contact_number
from gateway.ports.store import Kind, Ref
from gateway.service.assembly import Service
from gateway.web.demo.town import Json, Town

CALLS_SHOWN_MAX = 200
"""The newest calls are shown; a day of the demo has a tenth of that."""

FLAGS = ("anonymous", "club", "service", "booked_online", "online_consultation")


class View:
    """Builds the items: `clinic:<id>`, `visit:<id>`, `chat:<number>` and `call:<id>`."""

    def __init__(self, service: Service, town: Town, clinic: str) -> None:
        self._service = service
        self._town = town
        self._clinic = clinic
        self._attention: dict[str, tuple[int, bool]] = {}

    async def items(self) -> dict[str, Json]:
        """Return everything that can be seen now."""
        clinic = await self._service.clinics.clinic(self._clinic)
        found: dict[str, Json] = {f"clinic:{clinic.id}": await self._clinic_now(clinic)}
        people: dict[str, Json] = {}
        for visit in self._town.visits():
            item = await self._visit(visit, clinic)
            found[f"visit:{item['id']}"] = item
            if item["number"] is not None:
                _introduce(people, item)
        for chat in self._town.chats():
            person = people.get(chat["number"], _STRANGER)
            if person["name"] or chat["messages"]:
                found[f"chat:{chat['number']}"] = {**chat, **person}
        for call in self._town.calls()[-CALLS_SHOWN_MAX:]:
            found[f"call:{call['id']}"] = call
        return found

    async def _clinic_now(self, clinic: Clinic) -> Json:
        """Return the channel orders, and today's charges of all branches by channel.

        A message that was charged and not delivered adds nothing: its reversal stands beside it.
        """
        money: dict[str, tuple[Decimal, int]] = {}
        now = self._service.clock.now()
        for branch in clinic.branches:
            day = local(now, branch.timezone).date()
            for charge in (await self._service.store.ledger(clinic.id, branch.id, day)).charges:
                amount, count = money.get(charge.channel, (Decimal(0), 0))
                count += 1 if charge.amount > 0 else -1
                money[charge.channel] = (amount + charge.amount, count)
        return {
            "orders": {b.id: [channel.value for channel in b.channels] for b in clinic.branches},
            "money": [
                {"channel": channel, "amount": str(amount), "count": count}
                for channel, (amount, count) in sorted(money.items())
                if count
            ],
            "total": str(sum((amount for amount, _ in money.values()), Decimal(0))),
        }

    async def _visit(self, visit: Json, clinic: Clinic) -> Json:
        branch = clinic.branch(visit["branch"]) or clinic.branches[0]
        patient = visit["patient"]
        contact = patient.get("guardian") or patient
        number, _ = contact_number(tuple(contact.get("phones") or ()), branch.country)
        case, known = await self._service.store.load_case(self._clinic, visit["id"])
        shown: Json = {
            "id": visit["id"],
            "branch": branch.name_in_messages if len(clinic.branches) > 1 else "",
            "start": _iso(datetime.fromisoformat(visit["start"]), branch),
            "minutes": _minutes(visit.get("duration")),
            "created": visit["created"],
            "status": visit.get("status", "unconfirmed"),
            "patient": _name(patient),
            "guardian": _name(contact) if patient.get("guardian") else None,
            "first_name": contact.get("first_name", ""),
            "number": number,
            "phones": contact.get("phones") or [],
            "language": contact.get("language"),
            "doctor": visit.get("doctor", {}).get("name", ""),
            "specialty": visit.get("doctor", {}).get("specialty", ""),
            "flags": [flag for flag in FLAGS if visit.get(flag)],
            "does": None,
            "attention": False,
        }
        if case is not None:
            settings = await self._service.clinics.settings(self._clinic, case.branch)
            shown["does"] = self._does(case, known, settings.branch)
            shown["attention"] = await self._needs_attention(case)
        return shown

    def _does(self, case: Case, contact: Contact | None, branch: Branch) -> Json:
        views = explain(case, contact, branch, self._service.clock.now())
        return {function.value: _function(views[function], branch) for function in Function}

    async def _needs_attention(self, case: Case) -> bool:
        """Look into the timeline again only when the case has changed."""
        known = self._attention.get(case.id)
        if known is None or known[0] != case.version:
            entries = await self._service.store.timeline(Ref(Kind.CASE, self._clinic, case.id))
            wanted = [e for e in entries if e.kind is EntryKind.NEEDS_ATTENTION]
            settled = [e for e in entries if e.kind is EntryKind.STATUS]
            needs = bool(wanted) and not (settled and settled[-1].at >= wanted[-1].at)
            known = self._attention[case.id] = (case.version, needs)
        return known[1]


_STRANGER: Json = {"name": "", "patients": [], "visits": [], "language": None}


def _introduce(people: dict[str, Json], item: Mapping[str, object]) -> None:
    """Note who answers on a number, and for which patients and visits."""
    person = people.setdefault(
        str(item["number"]),
        {
            "name": item["guardian"] or item["patient"],
            "patients": [],
            "visits": [],
            "language": item["language"],
        },
    )
    person["visits"].append(item["id"])
    if item["guardian"] and item["patient"] not in person["patients"]:
        person["patients"].append(item["patient"])


def _name(person: Mapping[str, object]) -> str:
    parts = (person.get(key) for key in ("last_name", "first_name", "middle_name"))
    return " ".join(str(part) for part in parts if part)


def _minutes(duration: object) -> int:
    text = str(duration or "30m")
    scale = {"h": 60.0, "m": 1.0, "s": 1 / 60}[text[-1]]
    return round(int(text[:-1]) * scale)


def _function(view: FunctionView, branch: Branch) -> Json:
    # A moment that is only "now" would change with every look.
    sent = [a for a in view.attempts if a.started_at is not None]
    return {
        "state": view.state.value,
        "reasons": _reasons(view.reasons),
        "later": _reasons(view.would_not_send),
        "next_at": _iso(view.next_at, branch) if view.next_at else None,
        "sent_at": _iso(sent[-1].started_at, branch) if sent and sent[-1].started_at else None,
        "tries": [_try(attempt) for attempt in sent],
    }


def _try(attempt: Attempt) -> Json:
    """Tell over which channel it went, how far it came, and what it cost."""
    charged = attempt.price if attempt.price and not attempt.reversed else None
    return {
        "channel": attempt.channel.value,
        "state": attempt.state.value,
        "code": attempt.code,
        "price": str(charged) if charged else None,
    }


def _reasons(reasons: Sequence[Reason]) -> list[Json]:
    return [
        {"code": reason.value, "ru": text_of(reason, "ru"), "en": text_of(reason, "en")}
        for reason in reasons
    ]


def _iso(moment: datetime, branch: Branch) -> str:
    return local(moment, branch.timezone).isoformat(timespec="seconds")
