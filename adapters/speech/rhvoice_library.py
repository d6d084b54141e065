"""RHVoice by ctypes: libRHVoice.so.5 as Debian builds it (RHVoice.h of 1.8.0 and 1.14.0)."""

from __future__ import annotations

import ctypes
import os
from typing import Final

from adapters.speech.worker_library import LibraryError, Options

LIBRARIES: Final = ("libsonic.so.0", "libRHVoice_core.so.7", "libRHVoice.so.5")
"""In the order of need: each is found by the next one because it is loaded already."""

_SetRate = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
_Play = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p)


class _Callbacks(ctypes.Structure):
    """`RHVoice_callbacks`; those that are not wanted are null."""

    _fields_ = [
        ("set_sample_rate", _SetRate),
        ("play_speech", _Play),
        *((name, ctypes.c_void_p) for name in (
            "process_mark", "word_starts", "word_ends", "sentence_starts", "sentence_ends",
            "play_audio", "done",
        )),
    ]  # fmt: skip


class _InitParams(ctypes.Structure):
    """`RHVoice_init_params`."""

    _fields_ = [
        ("data_path", ctypes.c_char_p),
        ("config_path", ctypes.c_char_p),
        ("resource_paths", ctypes.c_void_p),
        ("callbacks", _Callbacks),
        ("options", ctypes.c_uint),
    ]


class _SynthParams(ctypes.Structure):
    """`RHVoice_synth_params`. Absolute values are from -1 to 1, relative ones factors."""

    _fields_ = [
        ("voice_profile", ctypes.c_char_p),
        ("absolute_rate", ctypes.c_double),
        ("absolute_pitch", ctypes.c_double),
        ("absolute_volume", ctypes.c_double),
        ("relative_rate", ctypes.c_double),
        ("relative_pitch", ctypes.c_double),
        ("relative_volume", ctypes.c_double),
        ("punctuation_mode", ctypes.c_int),
        ("punctuation_list", ctypes.c_char_p),
        ("capitals_mode", ctypes.c_int),
        ("flags", ctypes.c_int),
    ]


class RhvoiceLibrary:
    """One engine, one voice for each language.

    Options: `library` (folder, or null: where the system looks), `data` (folder with languages/
    and voices/), `voice_<language>`, `rate` (a factor).
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._native = _load(options.get("library"))
        self._rate = 0
        self._heard = bytearray()
        data = os.fsencode(str(options.get("data")))
        # Both are called for as long as the engine lives: they are kept as long.
        self._callbacks = _Callbacks(_SetRate(self._set_rate), _Play(self._play))
        given = _InitParams(data, data, None, self._callbacks, 0)
        self._engine = self._native.RHVoice_new_tts_engine(ctypes.byref(given))
        if not self._engine:
            raise LibraryError("unavailable")

    def speak(self, text: str, language: str) -> tuple[int, bytes]:
        """Return rate and samples; U+0301 after a vowel moves the stress there."""
        self._heard.clear()
        voice = str(self._options.get(f"voice_{language}") or "").encode()
        rate = float(self._options.get("rate") or 1.0)
        how = _SynthParams(voice, 0, 0, 0, rate, 1, 1, 0, None, 0, 0)
        said = text.encode()
        message = self._native.RHVoice_new_message(
            self._engine, said, len(said), 0, ctypes.byref(how), None
        )
        if not message:
            raise LibraryError("unavailable")  # no such voice
        try:
            done = self._native.RHVoice_speak(message)
        finally:
            self._native.RHVoice_delete_message(message)
        if not done or not self._heard:
            raise LibraryError("sentence")
        return self._rate, bytes(self._heard)

    def _set_rate(self, rate: int, _: object) -> int:
        self._rate = rate
        return 1

    def _play(self, samples: int, count: int, _: object) -> int:
        self._heard.extend(ctypes.string_at(samples, 2 * count))
        return 1


def _load(folder: object) -> ctypes.CDLL:
    for name in LIBRARIES[:-1]:
        path = os.path.join(str(folder), name) if folder else name
        if not folder or os.path.exists(path):  # else the system's own will do
            _open(path)
    native = _open(os.path.join(str(folder), LIBRARIES[-1]) if folder else LIBRARIES[-1])
    try:
        native.RHVoice_new_tts_engine.restype = ctypes.c_void_p
        native.RHVoice_new_message.restype = ctypes.c_void_p
        native.RHVoice_new_message.argtypes = [
            ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p,
            ctypes.c_void_p,
        ]  # fmt: skip
        native.RHVoice_speak.argtypes = [ctypes.c_void_p]
        native.RHVoice_delete_message.argtypes = [ctypes.c_void_p]
        native.RHVoice_delete_message.restype = None
    except AttributeError:
        raise LibraryError("unavailable") from None
    return native


def _open(path: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        raise LibraryError("unavailable") from None
