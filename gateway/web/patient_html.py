"""The patient page as HTML: pure, without scripts, everything escaped (rules P-1, P-4).

All links are relative to the page's own address, so it works under any path of the clinic's host.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from gateway.core.case import MoveState
from gateway.core.evolve import evolve
from gateway.core.hours import local
from gateway.core.model import Answer, Status
from gateway.core.rescheduling import open_move
from gateway.core.wording import facts_of
from gateway.service.rescheduling import sealed
from gateway.web.patient_style import STYLE, STYLE_HASH
from gateway.web.patient_texts import Words
from gateway.web.patient_visit import Dead, Visit

LOOK_AGAIN_S = 4
"""How soon a page that waits for the schedule looks again by itself."""

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "interest-cohort=()",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src '{STYLE_HASH}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
}

_E164_RU = re.compile(r"\+7(\d{3})(\d{3})(\d{2})(\d{2})")


@dataclass(frozen=True, slots=True)
class Page:
    """What one page says; `body` is HTML, `refresh_s` lets it look again by itself."""

    words: Words
    title: str
    body: str
    refresh_s: int | None = None

    def html(self) -> str:
        """Return the whole document."""
        again = ""
        if self.refresh_s is not None:
            again = f'<meta http-equiv="refresh" content="{self.refresh_s}">'
        return (
            f'<!doctype html>\n<html lang="{self.words.language}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            '<meta name="robots" content="noindex,nofollow">'
            '<meta name="format-detection" content="telephone=no">'
            f"{again}<title>{escape(self.title)}</title><style>{STYLE}</style></head>"
            f"<body><main><h1>{escape(self.title)}</h1>{self.body}</main></body></html>\n"
        )


# -- pages ------------------------------------------------------------------------------------


def visit_page(
    visit: Visit,
    now: datetime,
    *,
    offers: bool,
    said: Answer | None = None,
    notice: str = "",
    rows: Sequence[str] = (),
) -> Page:
    """Return the visit with what can be done about it.

    `said` is the answer that has just been given and holds; `offers` tells that the schedule
    lets patients choose a time. `rows` stand below the buttons.
    """
    words, move = visit.words, open_move(visit.case)
    refresh = None
    if said is not None:
        notice, state = notice_of(words.done[said], good=True), words.then[said]
    else:
        state = words.states[visit.case.status]
    if move is not None and move.state is MoveState.STARTED:
        refresh, state = LOOK_AGAIN_S, words.moving.format(when=when_of(visit, move.start))
    elif move is not None and visit.case.status is Status.RESCHEDULE_REQUESTED:
        notice, state = "", words.unsure.format(when=when_of(visit, move.start))
    parts = [notice, _facts(visit), _paragraph(state), *_actions(visit, now, offers=offers)]
    if refresh is not None:
        parts.append(f'<a class="button quiet" href="?">{escape(words.look_again)}</a>')
    return Page(words, words.title, "".join((*parts, *rows, phone_of(visit))), refresh)


def cancel_page(visit: Visit) -> Page:
    """Ask once more: a slip of the thumb must not cost the appointment."""
    words = visit.words
    body = (
        f"{_facts(visit)}{_paragraph(words.cancel_sure)}"
        f"{_form(visit, _button('answer', Answer.CANCEL.value, words.cancel_yes, 'sure'))}"
        f"{_back(words)}{phone_of(visit)}"
    )
    return Page(words, words.cancel_title, body)


def times_page(visit: Visit, times: Sequence[datetime] | None, notice: str = "") -> Page:
    """Let the patient choose; `times` None: the schedule does not tell them now (rule P-3)."""
    words = visit.words
    parts = [notice, _facts(visit)]
    if times:
        parts.append(_choice(visit, times))
    else:
        parts.append(_paragraph(words.times_away if times is None else words.times_none))
    if visit.case.status is Status.RESCHEDULE_REQUESTED:
        parts.append(_paragraph(words.times_call_later))
    else:
        call_me = _button("answer", Answer.RESCHEDULE.value, words.times_call_me, "quiet")
        parts.append(f"<h2>{escape(words.times_other)}</h2>{_form(visit, call_me)}")
    parts += [_back(words), phone_of(visit)]
    return Page(words, words.times_title, "".join(parts))


def dead_page(visit: Visit, dead: Dead) -> Page:
    """Say why the link leads nowhere any more, and whom to ask (rules P-2, Z-12)."""
    words, move = visit.words, visit.own_move
    if dead is Dead.MOVED_BY_PATIENT and move is not None:
        # Whoever holds this link has moved the visit with it and was led to the new one then.
        text = _paragraph(words.moved_by_patient.format(when=when_of(visit, move.start)))
        new = f'<a class="button" href="{visit.next_token}">{escape(words.moved_link)}</a>'
        return Page(words, words.title, f"{text}{new}{phone_of(visit)}")
    texts = {Dead.REMOVED: words.removed, Dead.BEGUN: words.begun}
    return Page(words, words.title, f"{_paragraph(texts.get(dead, words.moved))}{phone_of(visit)}")


def error_page(words: Words, text: str, visit: Visit | None = None) -> Page:
    """Say what is wrong, in words for a patient."""
    phone = phone_of(visit) if visit is not None else ""
    return Page(words, words.error_title, f"{_paragraph(text)}{phone}")


def notice_of(text: str, *, good: bool = False) -> str:
    """Return what has just come of a pressed button; read out by screen readers."""
    return f'<p class="note{" good" if good else ""}" role="status">{escape(text)}</p>'


# -- parts ------------------------------------------------------------------------------------


def when_of(visit: Visit, moment: datetime) -> str:
    """Return day and time in the branch's zone, in the page's language."""
    facts = _words_of(visit, moment)
    return f"{facts['day']}, {facts['time']}"


def phone_of(visit: Visit) -> str:
    """Return the clinic's phone, to be tapped; nothing where there is none."""
    phone = visit.settings.branch.phone
    dialled = re.sub(r"[^\d+]", "", phone)
    if not dialled:
        return ""
    match = _E164_RU.fullmatch(phone)
    shown = "+7 {} {}-{}-{}".format(*match.groups()) if match else phone
    label = escape(visit.words.phone)
    return f'<p class="foot">{label}: <a href="tel:{dialled}">{escape(shown)}</a></p>'


def _facts(visit: Visit) -> str:
    """The visit in the same words as the message (rules P-4, W-1)."""
    words, snapshot = visit.words, visit.case.snapshot
    facts = _words_of(visit, snapshot.start)
    wall = local(snapshot.start, visit.settings.branch.timezone).isoformat(timespec="minutes")
    when = escape(_capital(f"{facts['day']}, {facts['time']}"))
    doctor = ", ".join(part for part in (facts["doctor"], facts["specialty"]) if part)
    rows = [
        (words.when, f'<time datetime="{wall}">{when}</time>', ' class="when"'),
        (words.where, escape(facts["clinic"]), ""),
        (words.who, escape(doctor), ""),
    ]
    shown = "".join(
        f"<dt>{escape(name)}</dt><dd{kind}>{value}</dd>" for name, value, kind in rows if value
    )
    return f"<dl>{shown}</dl>"


def _words_of(visit: Visit, moment: datetime) -> Mapping[str, str]:
    """The facts of the visit, were it at that moment."""
    branch, snapshot = visit.settings.branch, visit.case.snapshot
    words = visit.settings.texts.words(branch, snapshot)
    return facts_of(words, branch, evolve(snapshot, start=moment), None)


def _actions(visit: Visit, now: datetime, *, offers: bool) -> list[str]:
    """The buttons. What costs the appointment, and what needs a choice, is a page of its own."""
    words = visit.words
    actions: list[str] = []
    for answer in visit.answers(now):
        title = words.buttons[answer]
        if answer is Answer.CANCEL:
            actions.append(_link("?step=cancel", title, "cancel"))
        elif answer is Answer.RESCHEDULE and offers:
            actions.append(_link("?step=times", title, "reschedule"))
        else:
            actions.append(_form(visit, _button("answer", answer.value, title, answer.value)))
    if not actions and offers and visit.may_move(now):
        actions.append(_link("?step=times", words.times_pick, "reschedule"))
    return actions


def _choice(visit: Visit, times: Sequence[datetime]) -> str:
    """Free times by day; choosing one and sending it are two taps."""
    branch, words = visit.settings.branch, visit.words
    days: dict[str, list[str]] = {}
    for moment in times:
        facts = _words_of(visit, moment)
        value = sealed(branch, visit.case, moment)
        days.setdefault(facts["day"], []).append(
            f'<label class="time"><input type="radio" name="start" value="{value}" required>'
            f"{escape(facts['time'])}</label>"
        )
    groups = "".join(
        f"<fieldset><legend>{escape(_capital(day))}</legend>"
        f'<div class="times">{"".join(choices)}</div></fieldset>'
        for day, choices in days.items()
    )
    book = f'<button class="button">{escape(words.times_book)}</button>'
    return f"{_paragraph(words.times_choose)}{_form(visit, groups + book)}"


def _form(visit: Visit, content: str) -> str:
    shown = f'<input type="hidden" name="shown" value="{visit.form}">'
    return f'<form method="post" action="?">{shown}{content}</form>'


def _button(name: str, value: str, title: str, kind: str) -> str:
    return f'<button class="button {kind}" name="{name}" value="{value}">{escape(title)}</button>'


def _link(address: str, title: str, kind: str) -> str:
    return f'<a class="button {kind}" href="{address}">{escape(title)}</a>'


def _back(words: Words) -> str:
    return _link("?", words.back, "quiet")


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
