"""Heads of the audit trail in files outside the database: they reveal a truncated or rewritten trail.

An anchor is a line of text: the time of writing, and ``NUMBER:SHA256`` of the head.
"""

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from app.audit.chain import Head
from app.core.errors import InvalidInput


def line_of(head: Head, at: datetime) -> str:
    """Return an anchor as a line without its line end."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} {head}"


def append_to(path: Path, head: Head, at: datetime) -> None:
    """Append an anchor to a file, created if missing, and flush it to disk."""
    with path.open("a", encoding="ascii") as file:
        file.write(line_of(head, at) + "\n")
        file.flush()
        os.fsync(file.fileno())


def write_day(folder: Path, head: Head, at: datetime) -> Path | None:
    """Write the anchor of a day (UTC) as a file, atomically; None where this day has one already.

    The folder is best on another machine's disk. It must exist, else ``OSError``: a missing mount must not be
    replaced by a local folder.
    """
    file = folder / f"trail-{at.astimezone(UTC):%Y-%m-%d}.txt"
    if file.exists():
        return None
    part = folder / f".{file.name}.{os.getpid()}.part"
    try:
        append_to(part, head, at)
        os.link(part, file)  # as a rename, but never over another's
    except FileExistsError:
        return None
    finally:
        part.unlink(missing_ok=True)
    _sync(folder)
    return file


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_anchors(path: Path) -> Mapping[int, bytes]:
    """Return the anchors of a file, or of a folder's ``.txt`` files, as links by number; errors as ``anchors_of``."""
    files = sorted(path.glob("*.txt")) if path.is_dir() else [path]
    return anchors_of(
        line.split()[-1] for file in files for line in file.read_text(encoding="utf-8").splitlines() if line.strip()
    )


def anchors_of(texts: Iterable[str]) -> Mapping[int, bytes]:
    """Return anchors ``NUMBER:SHA256`` as links by number, without those of an empty trail.

    Raises:
        InvalidInput: One is not an anchor, or two contradict each other.
    """
    anchors: dict[int, bytes] = {}
    for text in texts:
        try:
            head = Head.parse(text)
        except ValueError as error:
            raise InvalidInput(str(error), field="anchor") from error
        if anchors.setdefault(head.trail_no, head.link) != head.link:
            raise InvalidInput(f"Two anchors say different things of number {head.trail_no}.", field="anchor")
    anchors.pop(0, None)
    return anchors
