"""SIP messages (RFC 3261) as the sandbox's telephones read and write them, and no others."""

from __future__ import annotations

import re
from dataclasses import dataclass

_COMPACT = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact",
    "c": "content-type", "l": "content-length",
}  # fmt: skip

REASONS = {
    100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 302: "Moved Temporarily",
    401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 407: "Proxy Authentication Required",
    408: "Request Timeout", 410: "Gone", 480: "Temporarily Unavailable", 484: "Address Incomplete",
    486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 500: "Server Error",
    503: "Service Unavailable", 600: "Busy Everywhere", 603: "Decline", 604: "Nowhere",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Message:
    """A request or a response. Names of headers are in lower case."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        """Return every value of a header, in order."""
        return [value for key, value in self.headers if key == name]

    def header(self, name: str) -> str:
        """Return the first value of a header; empty when there is none."""
        return next(iter(self.all(name)), "")

    @property
    def method(self) -> str:
        """What is asked for; of a response, what was asked for."""
        return self.start.split(" ")[0] if not self.code else self.header("cseq").split(" ")[-1]

    @property
    def code(self) -> int:
        """The status code of a response; 0 for a request."""
        return int(self.start.split(" ")[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def cseq(self) -> int:
        """The number within the dialog."""
        return int(self.header("cseq").split(" ")[0])


def parse(data: bytes) -> Message:
    """Read one whole message."""
    head, _, body = data.partition(b"\r\n\r\n")
    start, *lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "replace")).split("\r\n")
    headers = []
    for line in lines:
        name, _, value = line.partition(":")
        key = name.strip().lower()
        headers.append((_COMPACT.get(key, key), value.strip()))
    return Message(start, tuple(headers), body)


def split_stream(buffer: bytes) -> tuple[bytes | None, bytes]:
    """Take the first whole message off a TCP stream: by Content-Length (RFC 3261, section 18.3)."""
    buffer = buffer.lstrip(b"\r\n")
    head, gap, body = buffer.partition(b"\r\n\r\n")
    if not gap:
        return None, buffer
    found = re.search(rb"^(?:content-length|l)\s*:\s*(\d+)", head, re.IGNORECASE | re.MULTILINE)
    length = int(found[1]) if found else 0
    if len(body) < length:
        return None, buffer
    end = len(head) + len(gap) + length
    return buffer[:end], buffer[end:]


def write(start: str, headers: list[tuple[str, str]], body: bytes = b"") -> bytes:
    """Return a message as it goes over the wire, with its Content-Length."""
    lines = [start, *(f"{name}: {value}" for name, value in headers)]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def uri_in(header: str) -> str:
    """Return the URI of a From, To or Contact."""
    found = re.search(r"<([^>]*)>", header)
    return found[1] if found else header.split(";")[0].strip()


def user_in(uri: str) -> str:
    """Return the part of a SIP URI before the @."""
    return uri.partition(":")[2].partition("@")[0]


def tag_in(header: str) -> str:
    """Return the tag of a From or To; empty when there is none."""
    found = re.search(r";\s*tag=([^;\s]+)", header)
    return found[1] if found else ""


@dataclass(frozen=True, slots=True)
class Offer:
    """What an SDP says about audio: where to send, which payload types, who may speak."""

    host: str
    port: int
    formats: tuple[int, ...]
    events: int | None
    direction: str = "sendrecv"


def read_sdp(body: bytes) -> Offer:
    """Read the first audio stream of a session description; raise `ValueError` without one."""
    text = body.decode("utf-8", "replace")
    media = re.search(r"^m=audio (\d+) \S+ ([\d ]+)", text, re.MULTILINE)
    host = re.search(r"^c=IN IP4 (\S+)", text, re.MULTILINE)
    if media is None or host is None:
        raise ValueError("no audio in this session description")
    events = re.search(r"^a=rtpmap:(\d+) telephone-event/8000", text, re.MULTILINE)
    way = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)\s*$", text, re.MULTILINE)
    return Offer(
        host[1], int(media[1]), tuple(map(int, media[2].split())),
        int(events[1]) if events else None, way[1] if way else "sendrecv",
    )  # fmt: skip


def sdp(
    port: int, *, events: int | None = 101, direction: str = "sendrecv", version: int = 1
) -> bytes:
    """Describe A-law audio at 127.0.0.1, with key presses as RTP events unless `events` is None."""
    lines = [
        "v=0", f"o=phone 1 {version} IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0",
        f"m=audio {port} RTP/AVP 8" + ("" if events is None else f" {events}"),
        "a=rtpmap:8 PCMA/8000",
    ]  # fmt: skip
    if events is not None:
        lines += [f"a=rtpmap:{events} telephone-event/8000", f"a=fmtp:{events} 0-15"]
    return "\r\n".join([*lines, "a=ptime:20", f"a={direction}", ""]).encode()


def response(
    request: Message,
    code: int,
    reason: str = "",
    *,
    tag: str = "phone",
    headers: list[tuple[str, str]] | None = None,
    body: bytes = b"",
) -> bytes:
    """Return a response to a request."""
    to = request.header("to")
    lines = [("Via", via) for via in request.all("via")]
    lines += [("Record-Route", route) for route in request.all("record-route")]
    lines += [("From", request.header("from"))]
    lines += [("To", to if "tag=" in to or code == 100 else f"{to};tag={tag}")]
    lines += [("Call-ID", request.header("call-id")), ("CSeq", request.header("cseq"))]
    lines += headers or []
    if body:
        lines.append(("Content-Type", "application/sdp"))
    return write(f"SIP/2.0 {code} {reason or REASONS.get(code, 'Other')}", lines, body)
