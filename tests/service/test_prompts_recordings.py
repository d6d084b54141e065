"""Recorded sentences: found by what they say, checked when they are loaded."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import pytest
import yaml

from gateway.errors import InvalidInput
from gateway.service import audio
from gateway.service.prompts_recordings import FILE_BYTES_MAX, load, plain


def wav(hertz: float = 300, rate: int = 44_100) -> bytes:
    time = np.arange(rate // 2) / rate
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((3000 * np.sin(2 * np.pi * hertz * time)).astype("<i2").tobytes())
    return out.getvalue()


def folder_of(place: Path, index: object, **files: bytes) -> Path:
    text = (
        index
        if isinstance(index, str)
        else yaml.safe_dump(index, allow_unicode=True, sort_keys=False)
    )
    (place / "index.yaml").write_text(text, encoding="utf-8")
    for name, content in files.items():
        (place / f"{name}.wav").write_bytes(content)
    return place


def problems_of(folder: Path) -> list[str]:
    with pytest.raises(InvalidInput) as refused:
        load(folder)
    assert refused.value.source.endswith("index.yaml")
    return [str(problem) for problem in refused.value.problems]


def test_a_recording_is_found_by_its_sentence(tmp_path: Path) -> None:
    index = {"ru": {"Спасибо, ждём вас.": "thanks.wav"}, "en": {"Thank you": "thanks.wav"}}
    recordings = load(folder_of(tmp_path, index, thanks=wav()))
    for written in ("Спасибо, ждём вас.", "спасибо,  ждём вас", "Спасибо, ждём вас!"):
        assert recordings.of(written, "ru") is not None
    assert recordings.of("Спасибо", "ru") is None
    assert recordings.of("Спасибо, ждём вас.", "en") is None
    assert recordings.of("Thank you.", "en") is not None


def test_it_comes_out_like_every_other_sentence(tmp_path: Path) -> None:
    recordings = load(folder_of(tmp_path, {"ru": {"Да": "yes.wav"}}, yes=wav()))
    found = recordings.of("Да", "ru")
    assert found is not None
    assert audio.active_level(found.speech) == pytest.approx(audio.LEVEL_DBFS, abs=0.2)
    assert audio.seconds(found.speech) == pytest.approx(0.5, abs=0.02)


def test_another_recording_is_another_identity(tmp_path: Path) -> None:
    index = {"ru": {"Да": "a.wav", "Нет": "b.wav", "Ага": "c.wav"}}
    recordings = load(folder_of(tmp_path, index, a=wav(300), b=wav(400), c=wav(300)))
    yes, no, same = (recordings.of(said, "ru") for said in ("Да", "Нет", "Ага"))
    assert yes is not None
    assert no is not None
    assert same is not None
    assert yes.identity != no.identity
    assert yes.identity == same.identity


def test_every_bad_file_is_told_at_once(tmp_path: Path) -> None:
    index = {"ru": {"Раз": "none.wav", "Два": "text.wav", "Три": "quiet.wav", "Четыре": "ok.wav"}}
    quiet = wav()[:44] + bytes(20_000)
    told = problems_of(folder_of(tmp_path, index, text=b"hello", quiet=quiet, ok=wav()))
    assert told == [
        "ru, entry 1: none.wav: No such file or directory",
        "ru, entry 2: text.wav: not a WAV file of PCM samples",
        "ru, entry 3: quiet.wav: silence",
    ]


def test_a_file_outside_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside.wav").write_bytes(wav())
    inner = tmp_path / "recordings"
    inner.mkdir()
    [told] = problems_of(folder_of(inner, {"ru": {"Да": "../outside.wav"}}))
    assert "must lie in the folder" in told


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "big.wav").open("wb") as file:
        file.truncate(FILE_BYTES_MAX + 1)
    [told] = problems_of(folder_of(tmp_path, {"ru": {"Да": "big.wav"}}))
    assert "is larger than 20 MB" in told


def test_the_same_sentence_twice_is_refused(tmp_path: Path) -> None:
    index = {"ru": {"Да.": "a.wav", "да": "a.wav"}}
    [told] = problems_of(folder_of(tmp_path, index, a=wav()))
    assert "is the same sentence as one above" in told


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("ru: ]", "line 1: is not valid YAML: did not find expected node content"),
        ("- 1", "line 1: must have fields at its top level"),
        ("ru: yes.wav", "ru: must be an object: sentence to file"),
        ("ru: {Да: 1}", "ru, entry 1: must be text to text"),
        ("ru: {1: [a.wav]}", "ru, entry 1: must be text to text"),
    ],
)
def test_an_index_of_another_form_is_refused(tmp_path: Path, index: str, message: str) -> None:
    [problem] = problems_of(folder_of(tmp_path, index))
    assert problem.startswith(message)


def test_a_folder_without_index_is_refused(tmp_path: Path) -> None:
    assert problems_of(tmp_path) == ["No such file or directory"]


def test_an_index_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.yaml").write_bytes(b"\xff\xfe\xff")
    assert problems_of(tmp_path) == ["is not UTF-8 text"]


def test_what_two_ways_to_write_a_sentence_share() -> None:
    assert plain("  Спасибо,  ЖДЁМ вас! ") == "спасибо, ждём вас"
