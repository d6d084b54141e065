"""piper: an optional package, so here a stand-in of its Python interface takes its place.

The stand-in is loaded by the real worker in the way the package would be.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from adapters.speech import piper
from adapters.speech.piper import Config
from adapters.speech.worker_process import WorkerProcess
from gateway.errors import InvalidInput
from gateway.ports.speech import SpeechError

STAND_IN = """
import sys, types
class Chunk:
    def __init__(self, text):
        self.sample_rate, self.audio_int16_bytes = 22050, text.encode("utf-16-le")
class PiperVoice:
    @classmethod
    def load(cls, model):
        open(model).close()
        return cls()
    def synthesize(self, text):
        return [Chunk(word) for word in text.split()]
sys.modules["piper"] = types.SimpleNamespace(PiperVoice=PiperVoice)
from adapters.speech import worker
sys.exit(worker.main("piper"))
"""


def model(folder: Path, description: str | None) -> Config:
    file = folder / "ru_RU-denis-medium.onnx"
    file.write_bytes(b"model")
    if description is not None:
        (folder / f"{file.name}.json").write_text(description)
    return Config(model=str(file))


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piper, "version", lambda _: "1.8.0")


@pytest.mark.usefixtures("package")
def test_the_language_is_the_models(tmp_path: Path) -> None:
    engine = piper.build(model(tmp_path, json.dumps({"language": {"code": "ru_RU"}})))
    assert engine.speaks("ru")
    assert not engine.speaks("en")
    assert "ru_RU-denis-medium" in engine.identity


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("description", [None, "{", "[]", "{}", '{"language": "ru"}'])
def test_a_file_that_is_no_model_is_told_by_field(tmp_path: Path, description: str | None) -> None:
    with pytest.raises(InvalidInput) as refused:
        piper.build(model(tmp_path, description))
    assert refused.value.problems[0].field == "model"


@pytest.mark.usefixtures("package")
def test_a_missing_model_is_told_by_field(tmp_path: Path) -> None:
    config = model(tmp_path, json.dumps({"language": {"code": "ru_RU"}}))
    Path(config.model).unlink()
    with pytest.raises(InvalidInput) as refused:
        piper.build(config)
    assert refused.value.problems[0].field == "model"


def test_a_missing_package_is_told_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(piper, "version", missing)
    with pytest.raises(InvalidInput, match="pip install piper-tts"):
        piper.build(model(tmp_path, "{}"))


async def test_all_chunks_of_a_sentence_are_its_sound(tmp_path: Path) -> None:
    config = model(tmp_path, None)
    worker = WorkerProcess([sys.executable, "-c", STAND_IN], {"model": config.model})
    sound = await worker.speak("два слова", "ru")
    await worker.close()
    assert sound.rate == 22050
    assert sound.samples.decode("utf-16-le") == "дваслова"


async def test_a_model_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    worker = WorkerProcess([sys.executable, "-c", STAND_IN], {"model": str(tmp_path / "none")})
    with pytest.raises(SpeechError) as failed:
        await worker.speak("один", "ru")
    await worker.close()
    assert failed.value.code == "unavailable"
