"""Ask a database of known vulnerabilities about every locked package; part of ``make check``.

    .venv/bin/python .ci/audit.py [LOCK …]

A known vulnerability fails. Where the database cannot be reached (a machine without a way out) one line says that
nothing was checked, and that is no failure. pip-audit would add sixteen packages to the lock, pip itself and parsers
of XML and licences among them; the locks here name exact versions, so one question to the open database (OSV,
whose entries for Python are those that pip-audit reads) is enough.
"""

import asyncio
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock")
DATABASE = "https://api.osv.dev"
WITHIN_S = 20.0
ACCEPTED: Mapping[str, str] = {}
"""Vulnerabilities that do not reach us, by id, each with the reason."""


def locked(files: Iterable[Path]) -> list[tuple[str, str]]:
    """Return name and version of each package in lock files, each once."""
    found = {
        match
        for file in files
        for match in re.findall(r"^([\w.\-]+)(?:\[.*?\])?==(\S+)", file.read_text(), re.MULTILINE)
    }
    return sorted(found)


async def known(
    packages: Sequence[tuple[str, str]], database: str, within_s: float
) -> dict[tuple[str, str], set[str]]:
    """Return the ids of the vulnerabilities of each package that has any which is not accepted.

    Raises:
        httpx.HTTPError, TimeoutError, ValueError: The database was not reached, or did not answer as it should.
    """
    queries = [{"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in packages]
    async with asyncio.timeout(within_s), httpx.AsyncClient(timeout=within_s) as client:
        answer = await client.post(f"{database}/v1/querybatch", json={"queries": queries})
        answer.raise_for_status()
        results = answer.json()["results"]
    if len(results) != len(packages):
        msg = "as many answers as questions were expected"
        raise ValueError(msg)
    ids = [{one["id"] for one in result.get("vulns", [])} - ACCEPTED.keys() for result in results]
    return {package: found for package, found in zip(packages, ids, strict=True) if found}


def main(names: Sequence[str]) -> int:
    """Ask, tell what was found, and return the exit code."""
    packages = locked(ROOT / name for name in names or LOCKS)
    database = os.environ.get("AUDIT_DATABASE", DATABASE)
    try:
        found = asyncio.run(known(packages, database, float(os.environ.get("AUDIT_WITHIN_S", WITHIN_S))))
    except (httpx.HTTPError, TimeoutError, ValueError, KeyError, TypeError, AttributeError) as error:
        print(f"audit: NOT CHECKED: the database of vulnerabilities does not answer ({type(error).__name__})")
        return 0
    for (name, version), ids in found.items():
        print(f"audit: {name} {version}: {', '.join(sorted(ids))}")
    if not found:
        print(f"audit: {len(packages)} packages, no known vulnerability")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
