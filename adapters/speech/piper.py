"""piper: neural voices from a model file that the clinic brings.

The Python package `piper-tts` is optional and under the GPL-3.0: it is loaded in the worker, a
program of its own. A model is `NAME.onnx` with `NAME.onnx.json` beside it, which names the
language. For Russian, denis and dmitri are CC0; irina and ruslan must not be used.
"""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from adapters.speech.worker_speech import WorkerSpeech, stamp
from gateway.errors import InvalidInput, Problem
from gateway.ports.schema_problems import StrictModel

PACKAGE: Final = "piper-tts"


class Config(StrictModel):
    """`model`: path of the .onnx file."""

    model: Annotated[str, Field(min_length=1)]


def build(config: Config) -> WorkerSpeech:
    """Return the engine; raise `InvalidInput` when package or model are missing."""
    try:
        package = version(PACKAGE)
    except PackageNotFoundError:
        message = f"the package {PACKAGE} is not installed: pip install {PACKAGE}"
        raise InvalidInput(Problem("engine", message)) from None
    model = Path(config.model)
    language = language_of(model)
    try:
        stamped = stamp(model)
    except OSError:
        raise InvalidInput(Problem("model", f"there is no {model}")) from None
    return WorkerSpeech(
        "piper", {"model": str(model)}, f"piper {package} {model.stem} {stamped}", (language,)
    )


def language_of(model: Path) -> str:
    """Return the language of a model such as "ru"; raise `InvalidInput`."""
    described = model.with_name(model.name + ".json")
    try:
        found = json.loads(described.read_text(encoding="utf-8"))
        language = found["language"]["code"]
    except OSError:
        raise InvalidInput(Problem("model", f"there is no {described}")) from None
    except (ValueError, LookupError, TypeError):
        raise InvalidInput(Problem("model", f"{described} does not describe a model")) from None
    return str(language).split("_")[0].lower()
