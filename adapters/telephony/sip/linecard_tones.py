"""Listens for keys in the sound itself, where the other side cannot send them any other way.

It costs three times the processor of a call, so it is used only where the answer has no
telephone-event.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pjsua2 as pj

from adapters.telephony.sip.dtmf import RATE_HZ, ToneDetector

_FRAME_US = 20_000


class ToneListener(pj.AudioMediaPort):  # type: ignore[misc]  # the library has no types
    """Takes the sound of one call. `heard` is called in a thread of the library's."""

    def __init__(self, heard: Callable[[str], None]) -> None:
        super().__init__()
        self._heard = heard
        self._detector = ToneDetector()
        form = pj.MediaFormatAudio()
        form.type = pj.PJMEDIA_TYPE_AUDIO
        form.clockRate, form.channelCount, form.bitsPerSample = RATE_HZ, 1, 16
        form.frameTimeUsec = _FRAME_US
        self.createPort("tones", form)

    def onFrameReceived(self, frame: Any) -> None:  # noqa: N802  the library's name
        """Look at the next 20 ms."""
        if frame.type != pj.PJMEDIA_FRAME_TYPE_AUDIO or not frame.size:
            return
        samples = np.frombuffer(_bytes_of(frame), dtype="<i2")
        for digit in self._detector.feed(samples):
            self._heard(digit)


def _bytes_of(frame: Any) -> bytes:
    """Return a frame's bytes past the library's own iterator, which takes 0.3 ms for them.

    `frame.buf` is a std::vector: begin and end are its first two pointers.
    """
    vector = ctypes.cast(int(frame.buf.this), ctypes.POINTER(ctypes.c_void_p * 2)).contents
    begin, end = vector[0] or 0, vector[1] or 0
    return ctypes.string_at(begin, min(end - begin, frame.size))
