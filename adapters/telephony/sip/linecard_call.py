"""One call of a line card: the library's callbacks become events of the protocol."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import wraps
from math import inf
from time import monotonic
from typing import Any, Concatenate, Final, ParamSpec, Protocol

import pjsua2 as pj

from adapters.telephony.sip import linecard_text as text
from adapters.telephony.sip.linecard_player import PLAYER_REST_S, Graveyard, Player
from adapters.telephony.sip.linecard_tones import ToneListener
from adapters.telephony.sip.presses import Presses
from adapters.telephony.sip.protocol import (
    Answered,
    Digit,
    Disconnected,
    EndedBy,
    Event,
    Media,
    MediaLost,
    Played,
    Ringing,
    Stopped,
    Trouble,
    Trying,
    Unplayable,
)

REFUSE_AFTER_S: Final = 0.25
"""The library opens two sockets for every call that comes in, keeps closed ones for half a second
and aborts at 64. A call that is not refused at once keeps its line, and with no line free the
library refuses by itself (486) and opens none: a flood comes to 16 calls a second."""

KEYS: Final = frozenset("0123456789*#ABCD")

_UAC: Final = 0
_FIRST_PACKET_ONLY: Final = 1  # bit of DtmfEvent.flags that marks every packet but the first
_ENDED_BY: Final[dict[int, EndedBy]] = {
    pj.PJSIP_EVENT_RX_MSG: "remote",
    pj.PJSIP_EVENT_TIMER: "timeout",
    pj.PJSIP_EVENT_TRANSPORT_ERROR: "transport",
}
_METHOD_NAMES: Final = {pj.PJSUA_DTMF_METHOD_RFC2833: "rfc4733"}

_Arguments = ParamSpec("_Arguments")


class Card(Protocol):
    """What a call needs of its card."""

    graveyard: Graveyard
    media_timeout_s: float

    def emit(self, event: Event) -> None:
        """Send an event to the gateway. Only the main thread does."""
        ...

    def post(self, job: Callable[[], None]) -> None:
        """Have something done in the main loop, from any thread."""
        ...


def _guarded(
    callback: Callable[Concatenate[LineCall, _Arguments], None],
) -> Callable[..., None]:
    """An exception that leaves a callback is printed and lost; it becomes an event instead."""

    @wraps(callback)
    def call(self: LineCall, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> None:
        try:
            callback(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001  nobody above us but native code
            self.card.emit(Trouble(callback.__name__, type(error).__name__))

    return call


class LineCall(pj.Call):  # type: ignore[misc]  # the library has no types
    """A call that we place. The card keeps it until it is over, then buries it."""

    def __init__(self, card: Card, account: Any, name: str) -> None:
        super().__init__(account)
        self.card = card
        self.name = name
        self.over = False
        self._tried = self._answered = False
        self._takes_events = False
        self._code = self._q850 = 0
        self._sink: Any = None
        self._stream = 0
        self._playing: _Playing | None = None
        self._listener: ToneListener | None = None
        self._presses = Presses()
        self._packets, self._heard_at = 0, 0.0

    # --- Commands -------------------------------------------------------------------------------

    def play(self, token: int, file: str, *, barge_in: bool) -> None:
        """Play a file in place of what is playing."""
        self._stop()
        if self.over:
            self.card.emit(Stopped(self.name, token))
            return
        try:
            player = Player(file, lambda: self.card.post(lambda: self._ended(token)))
        except pj.Error as error:
            self.card.emit(Unplayable(self.name, token, f"{error.status} {error.reason}"))
            return
        self._playing = _Playing(token, player, barge_in)
        if self._sink is not None and self._answered:
            player.startTransmit(self._sink)

    def end(self) -> None:
        """Hang up in whatever state the call is."""
        if self.over:
            return
        try:
            self.hangup(pj.CallOpParam(True))
        except pj.Error as error:
            self.card.emit(Trouble("hangup", str(error.status)))

    def look(self, now: float) -> None:
        """Find out whether sound still comes in, which it does not either while we are on hold.

        The main loop calls this every second.
        """
        if not self._answered or self.over:
            return
        packets = self._received() if self._sink is not None else self._packets
        if packets != self._packets:
            self._packets, self._heard_at = packets, now
        elif 0 < self.card.media_timeout_s <= now - self._heard_at:
            self._heard_at = now
            self.card.emit(MediaLost(self.name))

    # --- Callbacks ------------------------------------------------------------------------------

    @_guarded
    def onCallSdpCreated(self, prm: Any) -> None:  # noqa: N802
        """Offer telephone-event under its usual number."""
        if not prm.remSdp.wholeSdp:
            prm.sdp.wholeSdp = text.offer_usual_event_type(prm.sdp.wholeSdp)

    @_guarded
    def onCallTsxState(self, prm: Any) -> None:  # noqa: N802
        """Read what the library does not tell: 100, the answer's description, keys by INFO."""
        change = prm.e.body.tsxState
        if change.type != pj.PJSIP_EVENT_RX_MSG:
            return
        method, ours = change.tsx.method, change.tsx.role == _UAC
        if method == "INVITE" and ours:
            self._responded(change.src.rdata.wholeMsg)
        elif method == "INFO" and not ours:
            key = text.dtmf_of_info(change.src.rdata.wholeMsg)
            if key:
                self._key(key, "info")

    @_guarded
    def onCallState(self, prm: Any) -> None:  # noqa: N802
        """Follow the call from ringing to its end."""
        info = self.getInfo()
        self._responded(_message(prm))
        if info.state == pj.PJSIP_INV_STATE_EARLY:
            self.card.emit(Ringing(self.name, info.lastStatusCode))
        elif info.state == pj.PJSIP_INV_STATE_CONFIRMED and not self._answered:
            self._answered, self._heard_at = True, monotonic()
            self.card.emit(Answered(self.name, self._takes_events))
            self._connect()
        elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.finish(self._code or info.lastStatusCode, _ended_by(prm), info.lastReason)

    @_guarded
    def onCallMediaState(self, prm: Any) -> None:  # noqa: N802
        """Connect what plays to the sound's new way: it changes with 183, 200 and re-INVITE."""
        info, flows = self.getInfo(), False
        for index, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                self._sink, self._stream, flows = self.getAudioMedia(index), index, True
                break
        if not flows:
            self._sink = None
        self._packets, self._heard_at = -1, monotonic()
        self.card.emit(Media(self.name, flows))
        self._connect()

    @_guarded
    def onDtmfEvent(self, prm: Any) -> None:  # noqa: N802
        """Take a key at its first packet: RFC 4733, or INFO with dtmf-relay."""
        method = _METHOD_NAMES.get(prm.method, "info")
        if prm.flags & _FIRST_PACKET_ONLY:
            self._presses.held(prm.digit.upper(), method, monotonic())
        else:
            self._key(prm.digit, method)

    @_guarded
    def onCallTransferRequest(self, prm: Any) -> None:  # noqa: N802
        """Refuse to be sent elsewhere: the library would dial whatever a REFER names."""
        prm.statusCode = pj.PJSIP_SC_DECLINE

    @_guarded
    def onCallReplaceRequest(self, prm: Any) -> None:  # noqa: N802
        """Refuse to be replaced by another call."""
        prm.statusCode = pj.PJSIP_SC_DECLINE

    def onCallRedirected(self, prm: Any) -> Any:  # noqa: N802
        """Never follow a redirection: a stranger would choose whom we call. Its code is kept."""
        return pj.PJSIP_REDIRECT_STOP

    # --- Inside ---------------------------------------------------------------------------------

    def finish(self, code: int, by: EndedBy, reason: str) -> None:
        """Report the end, once, and go to the graveyard."""
        if self.over:
            return
        self.over = True
        self._stop()
        if self._listener is not None:
            self.card.graveyard.add(self._listener, monotonic() + PLAYER_REST_S)
        self._sink = self._listener = None
        self.card.emit(Disconnected(self.name, code, by, self._q850, reason))
        self.card.graveyard.add(self, 0.0)

    def _responded(self, message: str) -> None:
        code = text.status_code(message)
        if code and not self._tried:
            self._tried = True
            self.card.emit(Trying(self.name))
        if text.has_description(message):
            self._takes_events = text.takes_telephone_events(message)
        self._q850 = text.q850_cause(message) or self._q850
        if code >= 300 and code not in {401, 407} and not self._answered:
            self._code = code

    def _received(self) -> int:
        stat = self.getStreamStat(self._stream)  # parts of it live only as long as it does
        return int(stat.rtcp.rxStat.pkt)

    def _key(self, digit: str, method: str) -> None:
        digit = digit.upper()
        if digit not in KEYS:  # the library takes whatever follows `Signal=` in an INFO
            return
        if not self._presses.reported(digit, method, monotonic()):
            return
        playing = self._playing
        if not self._answered or self.over or (playing is not None and not playing.barge_in):
            return
        self.card.emit(Digit(self.name, digit, method))
        self._stop()

    def _connect(self) -> None:
        if self._sink is None or not self._answered:
            return
        if self._playing is not None:
            self._playing.player.startTransmit(self._sink)
        if not self._takes_events:
            if self._listener is None:
                self._listener = ToneListener(self._tone)
            self._sink.startTransmit(self._listener)

    def _tone(self, digit: str) -> None:
        """A tone was heard, in a thread of the library's."""
        self.card.post(lambda: self._key(digit, "tone"))

    def _ended(self, token: int) -> None:
        """A player has come to the end of its file; it may have been stopped meanwhile."""
        playing = self._playing
        if playing is not None and playing.token == token:
            self._playing = None
            self._release(playing)
            self.card.emit(Played(self.name, token))

    def _stop(self) -> None:
        playing, self._playing = self._playing, None
        if playing is not None:
            self._release(playing)
            self.card.emit(Stopped(self.name, playing.token))

    def _release(self, playing: _Playing) -> None:
        if self._sink is not None:
            with contextlib.suppress(pj.Error):  # a re-INVITE or the end has cut the way before
                playing.player.stopTransmit(self._sink)
        self.card.graveyard.add(playing.player, monotonic() + PLAYER_REST_S)


class _Playing:
    """What plays."""

    def __init__(self, token: int, player: Player, barge_in: bool) -> None:
        self.token = token
        self.player = player
        self.barge_in = barge_in


class StrangerCall(pj.Call):  # type: ignore[misc]  # the library has no types
    """A call from outside: refused a little later, and kept until that is done."""

    def __init__(self, graveyard: Graveyard, account: Any, number: int) -> None:
        super().__init__(account, number)
        self._graveyard = graveyard
        self._refuse_at = monotonic() + REFUSE_AFTER_S
        self.over = False

    def refuse(self, now: float) -> None:
        """Decline with 603, once it is time."""
        if self.over or now < self._refuse_at:
            return
        self._refuse_at = inf
        answer = pj.CallOpParam()
        answer.statusCode = pj.PJSIP_SC_DECLINE
        with contextlib.suppress(pj.Error):  # they have given up meanwhile
            self.hangup(answer)

    def onCallState(self, prm: Any) -> None:  # noqa: N802
        """Go to the graveyard when it is over."""
        if self.getInfo().state == pj.PJSIP_INV_STATE_DISCONNECTED and not self.over:
            self.over = True
            self._graveyard.add(self, 0.0)


def _message(prm: Any) -> str:
    """Return the SIP message that changed a call's state; empty if something else did."""
    change = prm.e.body.tsxState
    if prm.e.type == pj.PJSIP_EVENT_TSX_STATE and change.type == pj.PJSIP_EVENT_RX_MSG:
        return str(change.src.rdata.wholeMsg)
    return ""


def _ended_by(prm: Any) -> EndedBy:
    kind = prm.e.type
    if kind == pj.PJSIP_EVENT_TSX_STATE:
        kind = prm.e.body.tsxState.type
    return _ENDED_BY.get(kind, "local")
