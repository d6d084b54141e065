"""Speech on disk: whole or not at all, private, and gone when it should be."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from gateway.service import audio
from gateway.service.prompts_cache import Place, PromptCache

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
KEEP = timedelta(days=14)
FIXED = Place("a" * 64, personal=False)
PERSONAL = Place("b" * 64, personal=True)
SPEECH = audio.floats(audio.shorts(0.1 * np.sin(np.arange(4000, dtype=np.float32))))


@pytest.fixture
def cache(tmp_path: Path) -> PromptCache:
    return PromptCache(tmp_path / "prompts")


def test_what_is_written_is_read(cache: PromptCache) -> None:
    assert cache.read(FIXED, NOW) is None
    path = cache.write(FIXED, SPEECH, NOW)
    assert path == cache.path(FIXED)
    found = cache.read(FIXED, NOW)
    assert found is not None
    assert np.array_equal(found, SPEECH)


def test_nobody_else_may_read_it(cache: PromptCache) -> None:
    path = cache.write(PERSONAL, SPEECH, NOW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (path.parent, path.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_was_open_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    folder.mkdir(mode=0o755)
    PromptCache(folder).write(PERSONAL, SPEECH, NOW)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("damage", [b"", b"RIFF", b"\0" * 8044])
def test_a_damaged_file_counts_as_missing(cache: PromptCache, damage: bytes) -> None:
    cache.write(FIXED, SPEECH, NOW).write_bytes(damage)
    assert cache.read(FIXED, NOW) is None
    cache.write(FIXED, SPEECH, NOW)
    assert cache.read(FIXED, NOW) is not None


def test_a_write_that_fails_leaves_nothing(
    cache: PromptCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cache.write(FIXED, SPEECH, NOW)
    path.unlink()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        cache.write(FIXED, SPEECH, NOW)
    assert not list(path.parent.iterdir())


def test_readers_never_see_half_a_file(cache: PromptCache) -> None:
    cache.write(FIXED, SPEECH, NOW)
    with ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(cache.write, FIXED, SPEECH, NOW) for _ in range(100)]
        reads = [pool.submit(cache.read, FIXED, NOW) for _ in range(300)]
        assert all(read.result() is not None for read in reads)
        assert all(write.result().exists() for write in writes)


def test_what_names_people_goes_when_it_was_not_used_and_the_rest_stays(
    cache: PromptCache,
) -> None:
    cache.write(FIXED, SPEECH, NOW)
    cache.write(PERSONAL, SPEECH, NOW)
    assert cache.prune(NOW + KEEP, KEEP) == 0
    assert cache.prune(NOW + KEEP + timedelta(seconds=1), KEEP) == 1
    assert cache.read(PERSONAL, NOW) is None
    assert cache.read(FIXED, NOW) is not None


def test_a_use_begins_the_time_anew(cache: PromptCache) -> None:
    """A prompt that a call was just given is not deleted under its feet."""
    cache.write(PERSONAL, SPEECH, NOW)
    later = NOW + KEEP - timedelta(minutes=1)
    assert cache.read(PERSONAL, later) is not None
    assert cache.prune(NOW + KEEP + timedelta(minutes=1), KEEP) == 0
    assert cache.prune(later + KEEP + timedelta(minutes=1), KEEP) == 1


def test_drafts_of_a_process_that_died_go_too(cache: PromptCache) -> None:
    path = cache.write(FIXED, SPEECH, NOW)
    draft = path.with_name(".draft-x1")
    draft.write_bytes(b"RIFF")
    os.utime(draft, (NOW.timestamp(), NOW.timestamp()))
    assert cache.prune(NOW + timedelta(minutes=1), KEEP) == 0
    assert cache.prune(NOW + timedelta(hours=2), KEEP) == 1
    assert not draft.exists()
    assert path.exists()


def test_an_empty_cache_has_nothing_to_delete(cache: PromptCache) -> None:
    assert cache.prune(NOW, KEEP) == 0
