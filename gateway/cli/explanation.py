"""`callahead explain`: what was done for a visit, what comes next, and why nothing was sent."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TextIO

from gateway.core.case import Case, Contact
from gateway.core.clinic import Branch
from gateway.core.explain import FunctionView, explain, text_of
from gateway.core.hours import local
from gateway.core.model import Function

_FUNCTIONS: dict[Function, tuple[str, str]] = {
    Function.DETAILS: ("Детали записи", "Details"),
    Function.CONFIRMATION: ("Подтверждение", "Confirmation"),
    Function.REMINDER: ("Напоминание", "Reminder"),
}

_STATES: dict[str, tuple[str, str]] = {
    "waiting": ("ждёт своего времени", "waiting for its time"),
    "sending": ("отправляется", "being sent"),
    "calling": ("идёт звонок", "a call is under way"),
    "sent": ("отправлено", "sent"),
    "delivered": ("доставлено", "delivered"),
    "read": ("прочитано", "read"),
    "answered": ("пациент ответил", "the patient has answered"),
    "called": ("звонили, ответа нет", "called, no answer"),
    "failed": ("не удалось доставить", "could not be delivered"),
    "not_sent": ("не отправлено", "not sent"),
    "off": ("выключено в настройках филиала", "switched off in the branch's settings"),
}


def show_explanation(
    case: Case,
    contact: Contact | None,
    branch: Branch,
    now: datetime,
    *,
    language: str,
    as_json: bool,
    out: TextIO,
) -> None:
    """Write the explanation, as words or as the JSON of the API."""
    views = explain(case, contact, branch, now)
    if as_json:
        out.write(json.dumps(_document(case, views, language), ensure_ascii=False) + "\n")
        return
    start = local(case.snapshot.start, branch.timezone)
    out.write(f"{case.id}  {start:%d.%m.%Y %H:%M} {branch.timezone}  {case.status}\n")
    chosen = 1 if language == "en" else 0
    for function, view in views.items():
        out.write(f"  {_FUNCTIONS[function][chosen]}: {_STATES[view.state][chosen]}")
        if view.next_at is not None:
            at = local(view.next_at, branch.timezone)
            out.write(f" ({at:%d.%m %H:%M})")
        out.write("\n")
        for reason in view.reasons or view.would_not_send:
            out.write(f"    {reason.value}: {text_of(reason, language)}\n")


def _document(case: Case, views: dict[Function, FunctionView], language: str) -> dict[str, object]:
    return {
        "appointment": case.id,
        "functions": {
            function.value: {
                "state": view.state.value,
                "reasons": [{"code": r.value, "text": text_of(r, language)} for r in view.reasons],
                "next_at": view.next_at.isoformat() if view.next_at else None,
            }
            for function, view in views.items()
        },
    }
