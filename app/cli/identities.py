"""``leasetrace users link`` and ``unlink``: who somebody is at the institution's OpenID provider."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from pydantic import SecretStr
from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.oidc_service import link, principal_of_login, unlink
from app.cli.cluster import database_urls
from app.core.clock import SystemClock
from app.core.database import SERVICE, Database
from app.core.errors import InvalidInput
from app.core.settings import Settings

console = Console(highlight=False, width=None if sys.stdout.isatty() else 118)
Login = Annotated[str, typer.Argument(help="The login of an account.")]
Issuer = Annotated[str | None, typer.Option(help="The provider; LEASETRACE_OIDC_ISSUER when left out.")]
Answer = TypeVar("Answer")


def add_to(users: typer.Typer) -> None:
    """Add the commands of this file to the group ``users``."""
    users.command("link")(link_identity)
    users.command("unlink")(unlink_identity)


def link_identity(
    login: Login,
    subject: Annotated[str | None, typer.Option(help="The provider's own name for the person (`sub`).")] = None,
    awaits: Annotated[
        str | None,
        typer.Option(help="The verified e-mail address, or the user name, by which it is recognised once."),
    ] = None,
    issuer: Issuer = None,
) -> None:
    """Say who somebody with an account is at the institution's provider, in place of what was said before."""

    async def use(session: AsyncSession, where: str) -> None:
        principal_id = await principal_of_login(session, login)
        await link(session, principal_id, where, SystemClock(), subject=subject, awaits=awaits)

    _in_transaction(issuer, use)
    console.print("Linked." if subject else "Linked at the first sign-in.")


def unlink_identity(login: Login, issuer: Issuer = None) -> None:
    """Forget who somebody is at the institution's provider; a session that is open goes on."""

    async def use(session: AsyncSession, where: str) -> bool:
        return await unlink(session, await principal_of_login(session, login), where)

    console.print("Unlinked." if _in_transaction(issuer, use) else "Nothing was linked.")


def _in_transaction(issuer: str | None, use: Callable[[AsyncSession, str], Awaitable[Answer]]) -> Answer:
    """Run a use case in one transaction on the database that the environment names, for one provider."""
    settings = Settings(database_url=SecretStr(database_urls(os.environ).app_url))
    where = issuer or settings.oidc_issuer
    if where is None:
        raise InvalidInput("Name the provider: --issuer, or LEASETRACE_OIDC_ISSUER", field="issuer")

    async def run() -> Answer:
        database = Database(settings)
        try:
            async with database.writing(SERVICE) as session:
                return await use(session, where)
        finally:
            await database.close()

    return asyncio.run(run())
