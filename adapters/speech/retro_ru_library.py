"""retro-ru-tts by ctypes. The package's own Python function fails on Python 3.10 and newer
(it misses PY_SSIZE_T_CLEAN), the C functions in the same file do not: ru_tts.h of ru_tts."""

from __future__ import annotations

import ctypes
from importlib.util import find_spec
from typing import Final

from adapters.speech.worker_library import LibraryError, Options

RATE: Final = 10_000
_BUFFER_BYTES: Final = 4096

_Consumer = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)


class _Config(ctypes.Structure):
    """`ru_tts_conf_t`."""

    _fields_ = [
        (name, ctypes.c_int)
        for name in (
            "speech_rate", "voice_pitch", "intonation", "general_gap_factor", "comma_gap_factor",
            "dot_gap_factor", "semicolon_gap_factor", "colon_gap_factor", "question_gap_factor",
            "exclamation_gap_factor", "intonational_gap_factor", "flags",
        )
    ]  # fmt: skip


class RetroRuLibrary:
    """The synthesiser; options `rate` (20 to 500) and `pitch` (50 to 300), both in per cent."""

    def __init__(self, options: Options) -> None:
        found = find_spec("_ru_tts_native")
        if found is None or found.origin is None:
            raise LibraryError("unavailable")
        try:
            self._native = ctypes.CDLL(found.origin)
            self._native.ru_tts_config_init.argtypes = [ctypes.POINTER(_Config)]
            self._native.ru_tts_config_init.restype = None
            self._native.ru_tts_transfer.argtypes = [
                ctypes.POINTER(_Config), ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t,
                _Consumer, ctypes.c_void_p,
            ]  # fmt: skip
            self._native.ru_tts_transfer.restype = None
        except (OSError, AttributeError):
            raise LibraryError("unavailable") from None
        self._config = _Config()
        self._native.ru_tts_config_init(ctypes.byref(self._config))
        self._config.speech_rate = int(options.get("rate") or self._config.speech_rate)
        self._config.voice_pitch = int(options.get("pitch") or self._config.voice_pitch)

    def speak(self, text: str, language: str) -> tuple[int, bytes]:
        """Return rate and samples; `+` stands after a stressed vowel."""
        heard = bytearray()

        def consume(samples: int, size: int, _: object) -> int:
            heard.extend(ctypes.string_at(samples, size))
            return 0

        buffer = ctypes.create_string_buffer(_BUFFER_BYTES)
        koi8 = text.encode("koi8-r", "ignore").replace(b"\0", b"")
        self._native.ru_tts_transfer(
            ctypes.byref(self._config), koi8, buffer, _BUFFER_BYTES, _Consumer(consume), None
        )
        if not heard:
            raise LibraryError("sentence")
        return RATE, _wider(bytes(heard))


def _wider(samples: bytes) -> bytes:
    """Return signed 8-bit samples as 16-bit ones: each becomes the upper byte."""
    wide = bytearray(2 * len(samples))
    wide[1::2] = samples
    return bytes(wide)
