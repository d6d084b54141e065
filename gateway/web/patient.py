"""The patient page behind a link: the visit, and confirm / reschedule / cancel (P-1 to P-4).

Server-rendered, without scripts, made for a phone. Opening it changes nothing, because link
previews open links too; only a button does. It shows no more than the message itself did.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs

from aiohttp import web

from gateway.clock import fresh_id
from gateway.core.answers import outcome_of, why_not
from gateway.core.case import Case
from gateway.core.draft import Settings
from gateway.core.events import PatientChose
from gateway.core.links import link_token
from gateway.core.model import Answer, Source
from gateway.core.wording import facts_of
from gateway.errors import NotFound, StoreUnavailable
from gateway.ports.store import Kind, Ref
from gateway.service.assembly import Service
from gateway.web.bodies import read_body
from gateway.web.patient_texts import TEXTS, Words
from gateway.web.problems import Refused

TOKEN_CHARS_MAX = 64
FORM_BYTES_MAX = 1024

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
}


@dataclass(frozen=True, slots=True)
class Visit:
    """What a link leads to; `booking` is the one that the link was sent for."""

    case: Case
    settings: Settings
    booking: int
    words: Words


class PatientPages:
    """GET shows, POST answers; both find the visit by the token alone."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def add_to(self, app: web.Application) -> None:
        """Add the page's two addresses."""
        app.router.add_get("/v/{token}", self.show)
        app.router.add_post("/v/{token}", self.answer)

    async def show(self, request: web.Request) -> web.Response:
        """Show the visit; nothing changes, however often and by whomever it is opened."""
        return await self._respond(request, None)

    async def answer(self, request: web.Request) -> web.Response:
        """Apply the pressed button and show what is true then."""
        try:
            form = await read_body(request, FORM_BYTES_MAX)
        except Refused as error:
            return _page(error.status, TEXTS["ru"], TEXTS["ru"].busy, "")
        pressed = parse_qs(form.decode("utf-8", "replace")).get("answer", [""])[0]
        answer = next((a for a in _BUTTONS if a.value == pressed), None)
        return await self._respond(request, answer)

    async def _respond(self, request: web.Request, answer: Answer | None) -> web.Response:
        try:
            visit = await self._visit(request.match_info["token"])
            if visit is None:
                return _page(404, TEXTS["ru"], TEXTS["ru"].unknown, "")
            if answer is not None:
                return await self._apply(visit, answer)
        except StoreUnavailable:
            return _page(503, TEXTS["ru"], TEXTS["ru"].busy, "")
        return self._render(visit, None)

    async def _visit(self, token: str) -> Visit | None:
        """Find the visit and the booking that the token was made for."""
        if len(token) > TOKEN_CHARS_MAX:
            return None
        ref = await self._service.store.recall(f"link:{token}")
        if ref is None or ref.kind is not Kind.CASE:
            return None
        case, _ = await self._service.store.load_case(ref.clinic, ref.key)
        if case is None:
            return None
        try:
            settings = await self._service.clinics.settings(case.clinic, case.branch)
        except NotFound:
            return None
        secret = settings.branch.link_secret
        for booking in range(case.booking, 0, -1):
            if link_token(secret, case.clinic, case.id, booking) == token:
                person = case.snapshot.patient.contact_person
                language = person.language or case.snapshot.patient.language
                words = TEXTS.get(language or settings.branch.language, TEXTS["ru"])
                return Visit(case, settings, booking, words)
        return None

    async def _apply(self, visit: Visit, answer: Answer) -> web.Response:
        event_id = fresh_id("page")
        chosen = PatientChose(event_id, Source.LINK, answer, visit.booking)
        ref = Ref(Kind.CASE, visit.case.clinic, visit.case.id)
        decided = await self._service.engine.apply(ref, chosen)
        case = decided.case or visit.case
        outcome = outcome_of(case, event_id)
        shown = Visit(case, visit.settings, visit.booking, visit.words)
        return self._render(shown, answer if outcome == "applied" else None)

    def _render(self, visit: Visit, applied: Answer | None) -> web.Response:
        now = self._service.clock.now()
        words, case = visit.words, visit.case
        dead = _dead(visit, now)
        if dead is not None:
            text = dead.format(phone=html.escape(visit.settings.branch.phone))
            return _page(410, words, text, "")
        done = words.done.get(applied, "") if applied else ""
        state = words.states[case.status].format(phone=html.escape(visit.settings.branch.phone))
        buttons = "".join(
            _BUTTON.format(answer=answer.value, kind=answer.value, title=words.buttons[answer])
            for answer in _BUTTONS
            if why_not(case, answer, Source.LINK, now, booking=visit.booking, asked=True) is None
        )
        notice = f'<p class="done" role="status">{done}</p>' if done else ""
        body = f"{_facts(visit)}{notice}<p>{state}</p>{buttons}"
        return _page(200, words, "", body)


_BUTTONS = (Answer.CONFIRM, Answer.RESCHEDULE, Answer.CANCEL)

_BUTTON = (
    '<form method="post"><button class="{kind}" name="answer" value="{answer}">{title}</button>'
    "</form>"
)


def _dead(visit: Visit, now: datetime) -> str | None:
    """Why a link leads nowhere any more (rule P-2)."""
    if visit.case.removed:
        return visit.words.removed
    if visit.booking != visit.case.booking:
        return visit.words.moved
    return visit.words.begun if now >= visit.case.snapshot.start else None


def _facts(visit: Visit) -> str:
    """The visit in the same words as the message (rules P-4, W-1)."""
    branch, snapshot = visit.settings.branch, visit.case.snapshot
    texts = visit.settings.texts
    facts = facts_of(texts.words(branch, snapshot), branch, snapshot, None)
    rows = [
        (visit.words.when, f"{facts['day']}, {facts['time']}"),
        (visit.words.where, branch.name_in_messages),
        (
            visit.words.who,
            ", ".join(p for p in (snapshot.doctor.name, snapshot.doctor.specialty) if p),
        ),
    ]
    shown = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(value))}</dd>"
        for name, value in rows
        if value
    )
    return f"<dl>{shown}</dl>"


def _page(status: int, words: Words, text: str, body: str) -> web.Response:
    content = body or f"<p>{text}</p>"
    page = _HTML.format(language=words.language, title=html.escape(words.title), body=content)
    return web.Response(
        status=status, text=page, content_type="text/html", charset="utf-8", headers=HEADERS
    )


_HTML = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow"><title>{title}</title>
<style>
:root {{ color-scheme: light dark; --ink: #14213d; --paper: #f5f7fa; --card: #fff; --soft: #5b6780;
  --ok: #14804a; --warn: #2457a6; --no: #b3261e; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #eef2f8; --paper: #10151f; --card: #1a2230;
  --soft: #a9b4c8; --ok: #1f9d5f; --warn: #3b74d1; --no: #d5493f; }} }}
body {{ margin: 0; background: var(--paper); color: var(--ink);
  font: 18px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }}
main {{ max-width: 26rem; margin: 0 auto; padding: 1.25rem 1rem 2.5rem; }}
h1 {{ font-size: 1.25rem; margin: .5rem 0 1rem; }}
.card {{ background: var(--card); border-radius: 16px; padding: 1.1rem 1.25rem;
  box-shadow: 0 1px 3px rgb(0 0 0 / .12); }}
dl {{ margin: 0; }} dt {{ color: var(--soft); font-size: .85rem; }} dd {{ margin: 0 0 .7rem; }}
button {{ width: 100%; min-height: 3.2rem; margin-top: .75rem; border: 0; border-radius: 12px;
  font: inherit; font-weight: 600; color: #fff; background: var(--warn); cursor: pointer; }}
button.confirm {{ background: var(--ok); }} button.cancel {{ background: none; color: var(--no);
  box-shadow: inset 0 0 0 2px var(--no); }}
button:focus-visible {{ outline: 3px solid var(--soft); outline-offset: 2px; }}
.done {{ font-weight: 600; color: var(--ok); }}
</style></head>
<body><main><h1>{title}</h1><div class="card">{body}</div></main></body></html>
"""
