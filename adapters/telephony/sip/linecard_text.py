"""What a line card reads from SIP messages, and writes into them, as text.

The library hands over whole messages and session descriptions as text where it has no word of
its own. Everything here is pure.
"""

from __future__ import annotations

import re
from typing import Final

TELEPHONE_EVENT_TYPE: Final = "101"
"""The payload type that every equipment uses for telephone-event. Those that answer 101 to any
other offer also send it, and the library would drop their packets."""

_EVENT_MAP = re.compile(
    r"^a=rtpmap:([0-9]{1,3}) telephone-event/8000", re.IGNORECASE | re.MULTILINE
)
_REASON = re.compile(
    r"^Reason[ \t]*:[^\r\n]*?Q\.850[^\r\n,]*?;[ \t]*cause[ \t]*=[ \t]*([0-9]{1,3})",
    re.IGNORECASE | re.MULTILINE,
)
_CONTENT_TYPE = re.compile(
    r"^(?:Content-Type|c)[ \t]*:[ \t]*([^\s;]+)", re.IGNORECASE | re.MULTILINE
)
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})[ \r]")
_KEY = re.compile(r"(?:Signal[ \t]*=[ \t]*)?([0-9*#A-Da-d])(?![0-9A-Za-z])")


def offer_usual_event_type(sdp: str) -> str:
    """Return an offer with telephone-event under 101 (RFC 4733 leaves the number open)."""
    found = _EVENT_MAP.search(sdp)
    if found is None or found[1] == TELEPHONE_EVENT_TYPE:
        return sdp
    if re.search(rf"^a=rtpmap:{TELEPHONE_EVENT_TYPE} ", sdp, re.MULTILINE):
        return sdp  # taken by a codec
    old = found[1]
    media = re.compile(rf"^(m=audio [^\r\n]*?) {old}(?=[ \r\n])", re.MULTILINE)
    attributes = re.compile(rf"^a=(rtpmap|fmtp):{old} ", re.MULTILINE)
    sdp = media.sub(rf"\1 {TELEPHONE_EVENT_TYPE}", sdp)
    return attributes.sub(rf"a=\1:{TELEPHONE_EVENT_TYPE} ", sdp)


def has_description(message: str) -> bool:
    """Tell whether a message carries a session description."""
    found = _CONTENT_TYPE.search(_head(message))
    return found is not None and found[1].lower() == "application/sdp"


def takes_telephone_events(message: str) -> bool:
    """Tell whether the session description in a message has telephone-event."""
    return _EVENT_MAP.search(message) is not None


def status_code(message: str) -> int:
    """Return the code of a response; 0 for a request."""
    found = _STATUS_LINE.match(message)
    return int(found[1]) if found else 0


def q850_cause(message: str) -> int:
    """Return the cause of a `Reason: Q.850` header (RFC 3326); 0 without one."""
    found = _REASON.search(_head(message))
    return int(found[1]) if found else 0


def dtmf_of_info(message: str) -> str:
    """Return the key of an INFO with `application/dtmf`; empty if it holds none.

    The body is the bare key. `application/dtmf-relay` is the library's own business.
    """
    found = _CONTENT_TYPE.search(_head(message))
    if found is None or found[1].lower() != "application/dtmf":
        return ""
    body = message.partition("\r\n\r\n")[2].strip()
    key = _KEY.match(body)
    return key[1].upper() if key else ""


def _head(message: str) -> str:
    return message.partition("\r\n\r\n")[0]
