"""What a button brings back when it is tapped, on messengers that limit its length.

Our payload names answer, booking and appointment, and an appointment's id may be longer than a
messenger takes. Then the button brings its own title: a tap says it as if it had been written in
reply to the message, which names the visit just as well.
"""

from __future__ import annotations

from gateway.core.case import Button

_TITLE = "t."
"""Before a title; payloads of ours begin otherwise (`gateway.core.links.button_payload`)."""


def data_of(button: Button, bytes_max: int) -> str | None:
    """Return what the button brings back; None if neither payload nor title fits."""
    for data in (button.payload, _TITLE + button.title):
        if 0 < len(data.encode("utf-8", "surrogatepass")) <= bytes_max:
            return data
    return None


def said_by(data: str | None, title: str | None) -> tuple[str | None, str | None]:
    """Return text and payload of a tap; `title` is what stands on the button, where known."""
    if data is not None and data.startswith(_TITLE):
        return data.removeprefix(_TITLE) or None, None
    return title, data
