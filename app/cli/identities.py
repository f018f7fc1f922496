"""``leasetrace users link`` and ``unlink``: accounts and the institution's OpenID provider."""

from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from app.cli.service_session import console, run_as_service
from app.core.context import Context
from app.core.errors import InvalidInput
from app.identity.oidc.service import link, principal_of_login, unlink

Login = Annotated[str, typer.Argument(help="The login of an account.")]
Issuer = Annotated[str | None, typer.Option(help="The provider; LEASETRACE_OIDC_ISSUER when left out.")]


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
    """Link an account to an identity at the institution's provider; replaces an earlier link."""

    async def use(session: AsyncSession, context: Context) -> None:
        principal_id = await principal_of_login(session, login)
        where = _issuer(issuer, context)
        await link(session, principal_id, where, context.clock, subject=subject, awaits=awaits)

    run_as_service(use)
    console.print("Linked." if subject else "Linked at the first sign-in.")


def unlink_identity(login: Login, issuer: Issuer = None) -> None:
    """Remove the link of an account to the institution's provider; an open session continues."""

    async def use(session: AsyncSession, context: Context) -> bool:
        return await unlink(session, await principal_of_login(session, login), _issuer(issuer, context))

    console.print("Unlinked." if run_as_service(use) else "Nothing was linked.")


def _issuer(issuer: str | None, context: Context) -> str:
    found = issuer or context.settings.oidc.issuer
    if found is None:
        raise InvalidInput("Name the provider: --issuer, or LEASETRACE_OIDC_ISSUER", field="issuer")
    return found
