"""piper by its optional Python package `piper-tts` (1.3 or newer), with a model by path."""

from __future__ import annotations

from adapters.speech.worker_library import LibraryError, Options


class PiperLibrary:
    """A loaded model; option `model` is the path of its .onnx file."""

    def __init__(self, options: Options) -> None:
        try:
            from piper import PiperVoice  # type: ignore[import-not-found,unused-ignore]

            self._voice = PiperVoice.load(str(options.get("model")))
        except Exception:  # noqa: BLE001  the package's own errors are of many kinds
            raise LibraryError("unavailable") from None

    def speak(self, text: str, language: str) -> tuple[int, bytes]:
        """Return rate and samples."""
        rate, heard = 0, bytearray()
        for chunk in self._voice.synthesize(text):
            rate = int(chunk.sample_rate)
            heard.extend(chunk.audio_int16_bytes)
        if not heard:
            raise LibraryError("sentence")
        return rate, bytes(heard)
