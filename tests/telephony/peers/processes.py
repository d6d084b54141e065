"""Which process is behind a port, and who are its relatives (Linux: /proc)."""

from __future__ import annotations

import os
import re
from pathlib import Path


def children_of(pid: int) -> list[int]:
    """Return the children of a process, and theirs."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            found = re.search(r"^PPid:\s+(\d+)", _text(folder / "status"), re.MULTILINE)
            if found:
                parents.setdefault(int(found[1]), []).append(int(folder.name))
    found_all, waiting = [], [pid]
    while waiting:
        born = parents.get(waiting.pop(), [])
        found_all += born
        waiting += born
    return found_all


def owner_of(port: int) -> int:
    """Return the child of ours that listens at a UDP port."""
    lines = _text(Path("/proc/net/udp")).splitlines()[1:]
    inodes = {line.split()[9] for line in lines if line.split()[1].endswith(f":{port:04X}")}
    for pid in children_of(os.getpid()):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            if _target(link) in {f"socket:[{inode}]" for inode in inodes}:
                return pid
    raise LookupError(f"no child of ours listens at UDP port {port}")


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has collected yet does not."""
    found = re.search(r"^State:\s+(\w)", _text(Path(f"/proc/{pid}/status")), re.MULTILINE)
    return found is not None and found[1] not in "ZX"


def cpu_s(pid: int) -> float:
    """Return the processor time of a process until now, in seconds."""
    fields = _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def pss_kb(pid: int) -> int:
    """Return a process' share of memory in KiB: what is shared counts in parts."""
    found = re.search(r"^Pss:\s+(\d+)", _text(Path(f"/proc/{pid}/smaps_rollup")), re.MULTILINE)
    return int(found[1]) if found else 0


def rss_kb(pid: int) -> int:
    """Return the resident memory of a process in KiB."""
    found = re.search(r"^VmRSS:\s+(\d+)", _text(Path(f"/proc/{pid}/status")), re.MULTILINE)
    return int(found[1]) if found else 0


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended meanwhile
        return ""


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""
