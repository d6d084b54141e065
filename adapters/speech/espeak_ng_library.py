"""espeak-ng by ctypes; library and voices come with the package espeakng-loader
(speak_lib.h of espeak-ng 1.52)."""

from __future__ import annotations

import ctypes
import os
from typing import Final

from adapters.speech.worker_library import LibraryError, Options

_AUDIO_OUTPUT_SYNCHRONOUS: Final = 2
_DONT_EXIT: Final = 0x8000
_CHARS_UTF8: Final = 1
_POS_CHARACTER: Final = 1
_RATE_PARAMETER: Final = 1
_BUFFER_MS: Final = 500

_Consumer = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class EspeakLibrary:
    """espeak-ng with one voice for each language: option `voice_<language>`; `rate` is words a
    minute."""

    def __init__(self, options: Options) -> None:
        try:
            import espeakng_loader  # type: ignore[import-untyped]  # ships no types

            self._native = ctypes.CDLL(espeakng_loader.get_library_path())
            data = os.fsencode(espeakng_loader.get_data_path())
        except (ImportError, OSError, RuntimeError):
            raise LibraryError("unavailable") from None
        self._options = options
        self._native.espeak_Synth.argtypes = [
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint,
            ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p,
        ]  # fmt: skip
        rate = self._native.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS, _BUFFER_MS, data, _DONT_EXIT
        )
        if rate <= 0:
            raise LibraryError("unavailable")
        self._rate = int(rate)
        self._heard = bytearray()
        # The library calls this for as long as it lives: it is kept as long.
        self._consumer = _Consumer(self._consume)
        self._native.espeak_SetSynthCallback(self._consumer)
        self._native.espeak_SetParameter(_RATE_PARAMETER, int(options.get("rate") or 175), 0)

    def speak(self, text: str, language: str) -> tuple[int, bytes]:
        """Return rate and samples."""
        voice = str(self._options.get(f"voice_{language}") or "")
        if self._native.espeak_SetVoiceByName(voice.encode()) != 0:
            raise LibraryError("unavailable")
        self._heard.clear()
        said = text.replace("\0", "").encode()
        failed = self._native.espeak_Synth(
            said, len(said) + 1, 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None
        )
        if failed or not self._heard:
            raise LibraryError("sentence")
        return self._rate, bytes(self._heard)

    def _consume(self, samples: object, count: int, _events: object) -> int:
        if samples and count > 0:
            self._heard.extend(ctypes.string_at(samples, 2 * count))  # type: ignore[arg-type]  # a pointer
        return 0
