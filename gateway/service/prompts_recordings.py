"""Sentences that a person has recorded: they replace what an engine would say.

    recordings/index.yaml
        ru:
          "Для повтора информации, нажмите ноль": ru/repeat.wav

A sentence is written as the robot says it, in words (`callahead say TEXT --text-only` prints it);
capitals, spaces and punctuation at its end do not matter. A file is a WAV of any rate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.errors import InvalidInput, Problem
from gateway.ports.yaml_lines import read_document
from gateway.service import audio
from gateway.service.audio import BadAudio, Samples

INDEX: Final = "index.yaml"
FILE_BYTES_MAX: Final = 20 << 20
"""Three minutes at 48 kHz; a sentence takes seconds."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded sentence, ready to be played; `identity` changes with the file."""

    identity: str
    speech: Samples


class Recordings:
    """All recorded sentences of a folder."""

    def __init__(self, by_sentence: Mapping[tuple[str, str], Recording]) -> None:
        self._by_sentence = by_sentence

    def of(self, sentence: str, language: str) -> Recording | None:
        """Return the recording of a sentence, if there is one."""
        return self._by_sentence.get((language, plain(sentence)))


def plain(sentence: str) -> str:
    """Return what two ways to write the same sentence have in common."""
    return " ".join(sentence.lower().split()).rstrip(" .!?…")


def load(folder: Path) -> Recordings:
    """Read and process all recordings; raise `InvalidInput` that names every bad one."""
    source = str(folder / INDEX)
    problems: list[Problem] = []
    found: dict[tuple[str, str], Recording] = {}
    for field, language, sentence, name in _entries(folder / INDEX):
        try:
            recording = _recording(folder, name)
        except BadAudio as error:
            problems.append(Problem(field, f"{name}: {error}"))
        except OSError as error:
            problems.append(Problem(field, f"{name}: {error.strerror or 'cannot be read'}"))
        else:
            if (language, plain(sentence)) in found:
                problems.append(Problem(field, "is the same sentence as one above"))
            found[language, plain(sentence)] = recording
    if problems:
        raise InvalidInput(*problems, source=source)
    return Recordings(found)


def _recording(folder: Path, name: str) -> Recording:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BadAudio("must lie in the folder of the recordings")
    with path.open("rb") as file:
        content = file.read(FILE_BYTES_MAX + 1)
    if len(content) > FILE_BYTES_MAX:
        raise BadAudio(f"is larger than {FILE_BYTES_MAX >> 20} MB")
    digest = hashlib.sha256(content).hexdigest()
    return Recording(f"recording {digest}", audio.processed(audio.recorded(content)))


def _entries(index: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yield field, language, sentence and file of every entry."""
    data = _read(index)
    for language, sentences in data.items():
        if not isinstance(sentences, dict):
            problem = Problem(str(language), "must be an object: sentence to file")
            raise InvalidInput(problem, source=str(index))
        for number, (sentence, name) in enumerate(sentences.items(), 1):
            field = f"{language}, entry {number}"
            if not isinstance(sentence, str) or not isinstance(name, str):
                raise InvalidInput(Problem(field, "must be text to text"), source=str(index))
            yield field, str(language), sentence, name


def _read(index: Path) -> Mapping[str, object]:
    try:
        text = index.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(
            Problem("", error.strerror or "cannot be read"), source=str(index)
        ) from None
    except UnicodeDecodeError:
        raise InvalidInput(Problem("", "is not UTF-8 text"), source=str(index)) from None
    return read_document(text, str(index)).data
