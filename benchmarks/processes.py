"""CPU time and memory of processes, from ``/proc``."""

import os
from collections import defaultdict
from pathlib import Path
from typing import Final

import psycopg

_PROC: Final = Path("/proc")
_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
_PAGE_MIB: Final = os.sysconf("SC_PAGE_SIZE") / 2**20
# fields of /proc/<pid>/stat behind the command, counted from 0: see proc(5), where "state" is field 3
_PARENT: Final = 1
_TIMES: Final = slice(11, 15)  # user, system, and the same of children that ended
_RESIDENT: Final = 21


def _stat(pid: int) -> list[str]:
    """The fields behind the command's name, or none where the process has ended."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _tree(pid: int) -> list[list[str]]:
    """The fields of a process and of all its descendants."""
    everybody = {int(p.name): _stat(int(p.name)) for p in _PROC.iterdir() if p.name.isdigit()}
    children: defaultdict[int, list[int]] = defaultdict(list)
    for number, fields in everybody.items():
        if fields:
            children[int(fields[_PARENT])].append(number)
    found, waiting = [], [pid]
    while waiting:
        number = waiting.pop()
        found.append(everybody.get(number, []))
        waiting += children[number]
    return [fields for fields in found if fields]


def cpu_s(pid: int) -> float:
    """Return CPU seconds of a process and all its children, ended ones included."""
    return sum(int(ticks) for fields in _tree(pid) for ticks in fields[_TIMES]) * _TICK_S


def rss_mib(pid: int) -> float:
    """Return the resident memory in MiB of a process and its children, one decimal; shared pages count for each."""
    return round(sum(int(fields[_RESIDENT]) for fields in _tree(pid)) * _PAGE_MIB, 1)


def postmaster_pid(url: str) -> int | None:
    """Return the process id of the server's postmaster, or None where the server is not on this machine."""
    with psycopg.connect(url) as connection:
        fields = _stat(connection.info.backend_pid)
    return int(fields[_PARENT]) if fields else None
