"""Helpers of the fault tests."""

import re
from pathlib import Path

from benchmarks.torture.run import SETTLE_S
from benchmarks.torture.setup import TortureSetup
from benchmarks.torture.verdict import Verdict, compare

ROOT = Path(__file__).resolve().parents[2]
ARCHIVE = "../archive"
"""Beside the data directory, where PostgreSQL runs the commands."""


def documented(setting: str) -> str:
    """Return a setting of PostgreSQL as docs/running.md gives it, with the archive of the tests."""
    text = (ROOT / "docs/running.md").read_text(encoding="utf-8")
    found = re.search(rf"^{setting} = ('.*')", text, flags=re.MULTILINE)
    assert found, setting
    return found[1].replace("/backup/wal", ARCHIVE)


def archive_settings() -> dict[str, str]:
    """Return the documented settings of continuous archiving; the directory is made on first use."""
    command = documented("archive_command")
    return {"archive_mode": "on", "archive_command": command.replace("'", f"'mkdir -p {ARCHIVE} && ", 1)}


def settled_verdict(up: TortureSetup) -> Verdict:
    """Let every client get the receipt of its last batch, and compare the database with all that was ever posted."""
    client_pool = up.targets.client_pool
    with client_pool.settled(SETTLE_S):
        return compare(up.made.urls.owner_url, client_pool.plan, client_pool.posted(), client_pool.acknowledged())
