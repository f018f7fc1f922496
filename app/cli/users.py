"""``leasetrace users``: people's accounts; also makes the first administrator.

Passwords are typed at a prompt or printed once. None is taken from an option, where other processes could read it.
"""

from typing import Annotated, Final

import typer
from pydantic import TypeAdapter, ValidationError
from rich.markup import escape
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import PrincipalKind, Role
from app.assets.service import lessor_by_code
from app.cli.service_session import OPERATOR, console, moment, run_as_service
from app.core.context import Context
from app.core.web.paging import MAX_LIMIT
from app.core.web.schema_types import Text
from app.identity import schemas
from app.identity.keys.service import keys_made_by
from app.identity.people import service as people
from app.identity.people.passwords import Passwords
from app.jurisdictions.service import court_by_code

users_app = typer.Typer(help="People who sign in.", no_args_is_help=True)
Login = Annotated[str, typer.Argument(help="What the person types to sign in.")]
_LOGIN: Final[TypeAdapter[str]] = TypeAdapter(schemas.Login)
_NAME: Final[TypeAdapter[str]] = TypeAdapter(Text)


@users_app.command("create")
def create(
    login: Login,
    role: Annotated[Role, typer.Option(help="What the person does.")],
    name: Annotated[str | None, typer.Option(help="What the person is called; the login when left out.")] = None,
    court: Annotated[str | None, typer.Option(help="The court's code such as 沪0105, for people of a court.")] = None,
    lessor: Annotated[str | None, typer.Option(help="The lessor's code, for people of a lessor.")] = None,
    ask_password: Annotated[
        bool, typer.Option("--ask-password", help="Type the password now, instead of a one-time password.")
    ] = False,
) -> None:
    """Make an account and print its one-time password, this once: it must be changed at the first sign-in."""
    login, name = _as_over_http(login, name or login)
    password = typer.prompt("Password", hide_input=True, confirmation_prompt=True) if ask_password else None

    async def use(session: AsyncSession, context: Context) -> schemas.OneTimePasswordOut | None:
        subject_id = None
        if role.kind is PrincipalKind.COURT and court is not None:
            subject_id = (await court_by_code(session, court)).court_id
        elif role.kind is PrincipalKind.LESSOR and lessor is not None:
            subject_id = (await lessor_by_code(session, lessor)).lessor_id
        wanted = people.NewPerson(login, name, role, subject_id)
        if password:
            first = await people.chosen_password(Passwords(), login, password)
        else:
            first = await people.one_time_password(Passwords(), context.clock)
        await people.create_person(session, OPERATOR, wanted, first, context.clock)
        return first.given

    _print_password(run_as_service(use))


def _as_over_http(login: str, name: str) -> tuple[str, str]:
    """Return login and name, validated as in a request: one line each, of limited length."""
    try:
        return _LOGIN.validate_python(login), _NAME.validate_python(name)
    except ValidationError as error:
        raise typer.BadParameter(f"login and name: {error.errors()[0]['msg']}") from error


@users_app.command("list")
def list_all() -> None:
    """List people with the last sign-in of each, and locks."""

    async def use(session: AsyncSession, context: Context) -> Table:
        table = Table("login", "name", "role", "of", "authenticator", "last sign-in", "state")
        after = 0
        while True:
            found = await people.list_people(session, OPERATOR, after, MAX_LIMIT, context.clock.now())
            page = found[:MAX_LIMIT]
            codes = await people.subject_codes(session, [(one.role, one.court_id or one.lessor_id) for one in page])
            for one, code in zip(page, codes, strict=True):
                totp = "yes" if one.totp_enrolled else ""
                words = (one.login, one.name, one.role, code, totp, moment(one.last_sign_in_at), _state(one))
                table.add_row(*map(escape, words))
            if len(found) <= MAX_LIMIT:
                return table
            after = page[-1].principal_id

    console.print(run_as_service(use))


def _state(one: schemas.PersonOut) -> str:
    if one.disabled_at is not None:
        return f"disabled {moment(one.disabled_at)}"
    if one.locked_until is not None:
        return f"locked until {moment(one.locked_until)}"
    return f"one-time password until {moment(one.password_until)}" if one.must_change_password else ""


@users_app.command("disable")
def disable(login: Login) -> None:
    """Disable an account: its sessions and keys end within a second, but not keys that it made for machines."""
    made = _change(login, schemas.PersonChangeIn(disabled=True))
    console.print(f"{login} is disabled.", markup=False)
    if made:
        warning = f"keys that it made stay in force: {' '.join(made)}; end them with `keys revoke --made-by {login}`"
        typer.echo(warning, err=True)


@users_app.command("enable")
def enable(login: Login) -> None:
    """Enable a disabled account."""
    _change(login, schemas.PersonChangeIn(disabled=False))
    console.print(f"{login} may sign in again.", markup=False)


def _change(login: str, change: schemas.PersonChangeIn) -> list[str]:
    """Change an account and return the prefixes of the keys in force that its person made."""

    async def use(session: AsyncSession, context: Context) -> list[str]:
        principal_id = await people.person_with_login(session, login)
        await people.change_person(session, OPERATOR, principal_id, change, context.clock)
        return await keys_made_by(session, principal_id, context.clock.now())

    return run_as_service(use)


@users_app.command("reset-password")
def reset_password(login: Login) -> None:
    """Print a one-time password for a person; open sessions end, and a lock after failures."""

    async def use(session: AsyncSession, context: Context) -> schemas.OneTimePasswordOut | None:
        principal_id = await people.person_with_login(session, login)
        first = await people.one_time_password(Passwords(), context.clock)
        await people.reset_password(session, OPERATOR, principal_id, first, context.clock)
        return first.given

    _print_password(run_as_service(use))


@users_app.command("reset-totp")
def reset_totp(login: Login) -> None:
    """Remove a person's authenticator. A role that needs one enrols another at the next sign-in."""

    async def use(session: AsyncSession, context: Context) -> None:
        await people.reset_totp(session, OPERATOR, await people.person_with_login(session, login), context.clock)

    run_as_service(use)
    console.print(f"{login} has no authenticator any more.", markup=False)


def _print_password(given: schemas.OneTimePasswordOut | None) -> None:
    if given is not None:
        console.print(given.password, markup=False)
        typer.echo(f"to be changed at the first sign-in, until {moment(given.until)} (Asia/Shanghai)", err=True)
