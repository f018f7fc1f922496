"""``leasetrace keys list|rotate|revoke``: keys that were made, for whoever runs the service."""

import re
from datetime import timedelta
from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncSession

from app.cli.service_session import OPERATOR, console, moment, run_as_service
from app.core.context import Context
from app.core.web.paging import MAX_LIMIT, decode_token
from app.identity.keys import service as keys
from app.identity.people.service import person_with_login
from app.identity.schemas import NewKeyOut

Prefix = Annotated[str, typer.Argument(help="The middle part of the key, as `keys list` shows it.")]
_DURATION: Final = re.compile(r"(\d{1,5})(d|h|min|s)")
_UNIT_S: Final = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}


def duration(text: str) -> timedelta:
    """Return a duration such as ``7d``, ``12h``, ``30min`` or ``0s``.

    Raises:
        BadParameter: It is not written so.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"{text!r}: expected a duration such as 7d, 12h or 30min")
    return timedelta(seconds=int(found[1]) * _UNIT_S[found[2]])


def list_all() -> None:
    """List keys, ended ones too."""

    async def use(session: AsyncSession, context: Context) -> Table:
        del context
        table = Table(
            "prefix", "holder", "role", "label", "scopes", "created", "expires", "last used", "revoked", "made by"
        )
        after = 0
        while True:
            page = await keys.list_keys(session, OPERATOR, after, MAX_LIMIT)
            for key in page.items:
                scopes = "all" if key.scopes is None else " ".join(key.scopes)
                times = map(moment, (key.created_at, key.expires_at, key.last_used_at, key.revoked_at))
                maker = "–" if key.made_by is None else str(key.made_by)
                table.add_row(*map(escape, (key.prefix, key.holder, key.role, key.label, scopes, *times, maker)))
            if page.next is None:
                return table
            after = decode_token(page.next)

    console.print(run_as_service(use))


def rotate(
    prefix: Prefix,
    overlap: Annotated[str, typer.Option(help="So long both keys are in force: 7d, 12h, 30min, 0s.")] = "7d",
) -> None:
    """Print a key that opens the same for the same holder; the old one ends after the overlap."""
    both_for = duration(overlap)

    async def use(session: AsyncSession, context: Context) -> NewKeyOut:
        return await keys.rotate_key(session, OPERATOR, prefix, both_for, context.clock, of_every_role=True)

    console.print(run_as_service(use).key, markup=False, soft_wrap=True)


def revoke(
    prefix: Annotated[str | None, typer.Argument(help="The middle part of the key, as `keys list` shows it.")] = None,
    made_by: Annotated[
        str | None, typer.Option(help="Instead of one key, all that the person with this login made.")
    ] = None,
) -> None:
    """End a key, or all that somebody made, at once, on every process within a second."""
    if (prefix is None) == (made_by is None):
        raise typer.BadParameter("name a key, or who made them: --made-by LOGIN")

    async def use(session: AsyncSession, context: Context) -> list[str]:
        if prefix is not None:
            await keys.revoke_key(session, OPERATOR, prefix, context.clock)
            return [prefix]
        maker = await person_with_login(session, made_by or "")
        return await keys.revoke_made_by(session, maker, context.clock)

    for ended in run_as_service(use):
        console.print(f"{ended} is revoked.", markup=False)


def add_to(group: typer.Typer) -> None:
    """Add these commands to the group ``keys``."""
    group.command("list")(list_all)
    group.command("rotate")(rotate)
    group.command("revoke")(revoke)
