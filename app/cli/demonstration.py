"""``leasetrace demo``: service, database and keys for the demo."""

import asyncio
import json
import os
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from app.access.domain import Role
from app.cli.keys import is_valid_key, make_key
from app.core.clock import Clock, FixedClock, SystemClock
from app.core.settings import Settings
from app.demo.client import DemoKeys
from app.demo.registers import CASE_COURT_CODE, LESSOR_CODE
from app.demo.registration import register_lessor
from app.demo.run import closing_words, run_demo
from app.localdb import background_service
from app.localdb.cluster import ClusterUrls

_KEYS_FILE: Final = "keys.json"


def demonstrate(
    where: ClusterUrls, console: Console, out_dir: Path, port: int, now: datetime | None, *, leave_running: bool
) -> bool:
    """Start the service, show the main job over HTTP, and return whether the answer is right.

    Args:
        where: A migrated database with boundaries.
        out_dir: Receives answer, ground truth and keys.
        port: TCP port of the service, at the loopback address.
        now: The present for demo and service, aware; the machine's clock when None.
        leave_running: Keep the service running; then its address and the keys are printed.

    Raises:
        AppError: The service does not start or refuses a request.
    """
    clock = SystemClock() if now is None else FixedClock(now)
    settings = Settings.from_environment(os.environ, database_url=where.app_url)
    environ = {**os.environ, "DATABASE_URL": where.app_url, "LEASETRACE_LOG_LEVEL": "WARNING"}
    address = background_service.start(environ, port, () if now is None else ("--now", now.isoformat()))
    console.print(f"The service listens on {address}.")
    if now is not None:
        console.print(f"Its clock is fixed at {now.isoformat()}: its data do not age.", highlight=False)
    keys = asyncio.run(_keys(settings, clock, address, out_dir))
    passed = run_demo(address, keys, clock.now(), out_dir, console)
    if leave_running:
        closing_words(address, keys, out_dir, console)
        console.print("\n`make stop` stops the service and the database; `make clean` deletes them.")
    return passed


async def _keys(settings: Settings, clock: Clock, address: str, out_dir: Path) -> DemoKeys:
    """Return the demo's keys: those of the previous run where this database has them, otherwise new ones."""
    file = out_dir / _KEYS_FILE
    if file.exists():
        kept = DemoKeys(**json.loads(file.read_text()))
        if await is_valid_key(settings, clock, kept.administrator):
            return kept
    administrator = await make_key(settings, clock, Role.PLATFORM_ADMINISTRATOR, name="demo administrator")
    await register_lessor(address, administrator.text)
    lessor = await make_key(settings, clock, Role.LESSOR_MANAGER, lessor=LESSOR_CODE, name="demo lessor")
    court = await make_key(settings, clock, Role.ENFORCEMENT_OFFICER, court=CASE_COURT_CODE, name="demo officer")
    dispatcher = await make_key(settings, clock, Role.DISPATCHER, name="demo dispatcher")
    made = DemoKeys(administrator.text, lessor.text, court.text, dispatcher.text, dispatcher.principal_id)
    out_dir.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps(asdict(made)))
    return made
