"""TwiML: what a call does next, as the XML that Twilio reads.

https://www.twilio.com/docs/voice/twiml/gather
https://www.twilio.com/docs/voice/twiml/play

A pure function of the turn. Every address is absolute, so nothing depends on which address Twilio
last asked. `finishOnKey=""` lets `#` and `*` be keys like any other, `actionOnEmptyResult` makes
silence come back to us instead of falling through.
"""

from __future__ import annotations

import math
import re
from xml.sax.saxutils import escape, quoteattr

from gateway.ports.telephony import NextTurn

CONTENT_TYPE = "text/xml"

WAIT_MIN_S = 1
"""`timeout` is in whole seconds; 0 would not wait for a key at all."""

_ADDRESS = re.compile(r"https?://[^\s/?#]+/[!-~]*").fullmatch

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def twiml(then: NextTurn | None, action: str) -> str:
    """Return the document that plays a turn; None hangs up.

    `action` is where the key, or the silence, is told. Raises ValueError when an address is not
    absolute or holds what no address may: both are made by the gateway itself.
    """
    if then is None:
        return _document("<Hangup/>")
    play = f"<Play>{escape(_address(then.audio))}</Play>"
    if not then.turn.listens:
        return _document(play, "<Hangup/>")
    if then.turn.barge_in:
        return _document(_gather(then, action, play))
    return _document(play, _gather(then, action, ""))


def _gather(then: NextTurn, action: str, inner: str) -> str:
    wait_s = max(WAIT_MIN_S, math.ceil(then.turn.wait_s))
    head = (
        f'<Gather input="dtmf" numDigits="1" finishOnKey="" timeout="{wait_s}"'
        f' actionOnEmptyResult="true" method="POST" action={quoteattr(_address(action))}'
    )
    return f"{head}>{inner}</Gather>" if inner else f"{head}/>"


def _address(text: str) -> str:
    if not _ADDRESS(text):
        raise ValueError("not an absolute address")
    return text


def _document(*verbs: str) -> str:
    return _HEAD + "<Response>" + "".join(verbs) + "</Response>\n"
