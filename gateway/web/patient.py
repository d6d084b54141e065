"""The patient page behind a link: the visit, and confirm / reschedule / cancel (P-1 to P-4).

Server-rendered, without scripts, made for a phone. Opening it changes nothing, because link
previews open links too; only a button does. It shows no more than the message itself did.

    GET  /v/{token}               the visit and its buttons
    GET  /v/{token}?step=cancel   asks once more
    GET  /v/{token}?step=times    the schedule's free times, if it offers any
    POST /v/{token}               `answer=confirm|reschedule|cancel`, or `start=` one of the times

A POST is answered 303 with the page to be shown, so a reload or the back button repeats nothing.
That page tells how the visit stands, never what somebody pressed. `shown`, where a form carries
it, says what the patient saw when pressing: a form that is older than the visit changes nothing.
The token is the only secret, so there is no cookie and nothing for another site to ride on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import parse_qs

from aiohttp import web

from gateway.clock import fresh_id
from gateway.core.case import MoveState
from gateway.core.events import MoveResult, PatientChose
from gateway.core.model import Answer, Source
from gateway.core.rescheduling import open_move
from gateway.ports.store import Kind, Ref
from gateway.service.assembly import Service
from gateway.service.rescheduling import unsealed
from gateway.web.bodies import read_body
from gateway.web.client_address import Network
from gateway.web.patient_entry import PatientEntry, page_response, see_other, too_often
from gateway.web.patient_html import (
    cancel_page,
    error_page,
    notice_of,
    times_page,
    visit_page,
)
from gateway.web.patient_visit import ANSWERS, Visit
from gateway.web.problems import Refused

FORM_BYTES_MAX = 1024
FIELDS_MAX = 8
TOO_LARGE = 413

MOVED, TAKEN, NOT_NOW, STALE, UNCHANGED = "moved", "taken", "not_now", "stale", "unchanged"
"""What a redirect asks to be said, beside the answers themselves; said only where it is true."""

Row = Callable[[Visit], Awaitable[str]]
"""Makes a further row of the page, as HTML, below the buttons of a link that is alive; empty text
where there is nothing to say. It must change nothing: pages are opened by link previews too."""


class PatientPages:
    """GET shows, POST answers; both find the visit by the token alone."""

    def __init__(
        self, service: Service, *, rows: Sequence[Row] = (), proxies: Sequence[Network] = ()
    ) -> None:
        self._service = service
        self._rows = rows
        self._entry = PatientEntry(service, proxies)
        self._limits = self._entry.limits

    def add_to(self, app: web.Application) -> None:
        """Add the page's two addresses."""
        app.router.add_get("/v/{token}", self.show)
        app.router.add_post("/v/{token}", self.answer)

    async def show(self, request: web.Request) -> web.Response:
        """Show the visit; nothing changes, however often and by whomever it is opened."""
        return await self._entry.with_visit(request, self._show)

    async def answer(self, request: web.Request) -> web.Response:
        """Apply the pressed button and lead to what is true then."""
        return await self._entry.with_visit(request, self._answer)

    # -- GET --------------------------------------------------------------------------------------

    async def _show(self, request: web.Request, visit: Visit) -> web.Response:
        now = self._service.clock.now()
        step, said = request.query.get("step", ""), request.query.get("said", "")
        offers = self._service.rescheduling.offers(visit.case.clinic)
        if step == "cancel" and Answer.CANCEL in visit.answers(now):
            return page_response(200, cancel_page(visit))
        if step == "times" and offers and visit.may_move(now):
            return await self._times(request, visit, said)
        answer = next((a for a in ANSWERS if a.value == said and visit.stands_as(a)), None)
        rows = [await row(visit) for row in self._rows]
        notice = _notice(visit, said) if answer is None else ""
        page = visit_page(visit, now, offers=offers, said=answer, notice=notice, rows=rows)
        return page_response(200, page)

    async def _times(self, request: web.Request, visit: Visit, said: str) -> web.Response:
        """Show the free times. HEAD asks the schedule nothing: it would show nobody."""
        pause = await self._limits.look(visit)
        if pause is not None:
            return too_often(error_page(visit.words, visit.words.too_often, visit), pause)
        times = None
        if request.method == "GET":
            branch = visit.settings.branch
            times = await self._service.rescheduling.times(visit.case, branch)
        notice = notice_of(visit.words.taken) if said == TAKEN else ""
        return page_response(200, times_page(visit, times, notice))

    # -- POST -------------------------------------------------------------------------------------

    async def _answer(self, request: web.Request, visit: Visit) -> web.Response:
        words = visit.words
        pause = await self._limits.press(visit)
        if pause is not None:
            return too_often(error_page(words, words.too_often, visit), pause)
        try:
            form = _fields(await read_body(request, FORM_BYTES_MAX))
        except Refused as error:
            text = words.too_large if error.status == TOO_LARGE else words.busy
            return page_response(error.status, error_page(words, text, visit))
        answer = next((a for a in ANSWERS if a.value == form.get("answer")), None)
        start = form.get("start")
        if form.get("shown", visit.form) != visit.form:
            # The second half of a double click: what it wants is so already.
            stands = answer is not None and visit.stands_as(answer)
            return see_other(f"?said={answer if stands else STALE}")
        if answer is not None and open_move(visit.case) is None:
            return await self._apply(visit, answer)
        if start is not None and answer is None:
            return await self._move(visit, start)
        return see_other("?")

    async def _apply(self, visit: Visit, answer: Answer) -> web.Response:
        event_id = fresh_id("page")
        chosen = PatientChose(event_id, Source.LINK, answer, visit.booking)
        ref = Ref(Kind.CASE, visit.case.clinic, visit.case.id)
        decided = await self._service.engine.apply(ref, chosen)
        stands = decided.case is not None and replace(visit, case=decided.case).stands_as(answer)
        return see_other(f"?said={answer.value if stands else UNCHANGED}")

    async def _move(self, visit: Visit, text: str) -> web.Response:
        """Book the chosen time, and lead to the new booking's own page (rule P-3)."""
        branch = visit.settings.branch
        start = unsealed(branch, visit.case, text)
        if start is None:
            return see_other("?step=times")
        choice = await self._service.rescheduling.choose(visit.case, branch, start)
        after = replace(visit, case=choice.case)
        if after.own_move is not None:
            return see_other(f"{after.next_token}?said={MOVED}")
        return see_other("?" if choice.result is None else _AFTER.get(choice.result, "?"))


_AFTER: Mapping[MoveResult, str] = {
    MoveResult.TAKEN: f"?step=times&said={TAKEN}",
    MoveResult.CHANGED: f"?said={STALE}",
    MoveResult.REFUSED: f"?said={Answer.RESCHEDULE.value}",
    MoveResult.UNAVAILABLE: f"?said={NOT_NOW}",
}
"""Where a choice leads that was not booked; everything else the page tells by itself."""


def _notice(visit: Visit, said: str) -> str:
    """Return what a redirect wanted to be said, as far as it is true."""
    words, case = visit.words, visit.case
    move = case.move
    if said == MOVED and move is not None and move.booking == case.booking - 1:
        booked = move.state is MoveState.BOOKED and move.start == case.snapshot.start
        return notice_of(words.moved_done, good=True) if booked else ""
    if said == NOT_NOW and move is not None and move.booking == case.booking:
        return notice_of(words.not_now) if move.why == MoveResult.UNAVAILABLE else ""
    if said == STALE:
        return notice_of(words.stale)
    is_answer = any(answer.value == said for answer in ANSWERS)
    return notice_of(words.unchanged) if said == UNCHANGED or is_answer else ""


def _fields(body: bytes) -> dict[str, str]:
    """Read a form; what is no form has no fields."""
    try:
        found = parse_qs(body.decode("utf-8", "replace"), max_num_fields=FIELDS_MAX)
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items()}
