"""The command line, ``leasetrace``. An error is one line that says what to do."""

import asyncio
import gc
import os
import sys
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
import typer
import uvicorn
from pydantic import ValidationError
from rich.console import Console
from sqlalchemy.exc import DBAPIError

from app.access.domain import Permission, Role
from app.api.uvicorn_protocol import server_config
from app.cli import identities, imports, keys
from app.cli.audit import audit_app
from app.cli.batches import verify_batches
from app.cli.compliance import print_report, print_retention
from app.cli.exports import exports_app
from app.cli.feeds import feeds_app
from app.cli.interface import print_openapi
from app.cli.users import users_app
from app.core.clock import FixedClock, SystemClock
from app.core.db.migration import migrate as migrate_schema
from app.core.db.roles import roles_sql
from app.core.encryption import new_key
from app.core.errors import AppError
from app.core.geo.datum import CoordSystem
from app.core.logging import configure_logging
from app.core.settings import Settings
from app.localdb import background_service
from app.localdb.cluster import APPLICATION, ClusterUrls, LocalCluster, database_urls, service_url
from app.localdb.postgres import ClusterError
from app.main import create_app
from app.telemetry.formats.ping_files import FileOptions
from app.worker.process import background_work, work_until_stopped

_GC_THRESHOLD = (200_000, 50, 1000)
"""An answer makes tens of thousands of objects without cycles. The default (700) would walk the loaded boundaries for
them again and again. ``python -m benchmarks clusters`` shows the difference.
"""

_LOOPBACK_HOSTS = (background_service.LOOPBACK, "::1", "localhost")

cli = typer.Typer(
    name="leasetrace",
    help="Where the seizable leased assets of a court case are, and how certain that is.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
boundaries_app = typer.Typer(help="Divisions and courts.", no_args_is_help=True)
assets_app = typer.Typer(help="Leased assets and their devices.", no_args_is_help=True)
pings_app = typer.Typer(help="Positions from files.", no_args_is_help=True)
batches_app = typer.Typer(help="What was acknowledged, byte by byte.", no_args_is_help=True)
keys_app = typer.Typer(help="Keys for machines and people.", no_args_is_help=True)
secrets_app = typer.Typer(help="Keys that secrets for other systems are sealed with.", no_args_is_help=True)
cli.add_typer(boundaries_app, name="boundaries")
cli.add_typer(assets_app, name="assets")
cli.add_typer(pings_app, name="pings")
cli.add_typer(keys_app, name="keys")
identities.add_to(users_app)
cli.add_typer(users_app, name="users")
cli.add_typer(batches_app, name="batches")
cli.add_typer(secrets_app, name="secrets")
cli.add_typer(feeds_app, name="feeds")
cli.add_typer(exports_app, name="exports")
cli.add_typer(audit_app, name="audit")
cli.command("openapi")(print_openapi)
keys.add_to(keys_app)
console = Console(highlight=False, width=None if sys.stdout.isatty() else 118)


def _aware(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise typer.BadParameter(f"{text!r}: expected a time with its offset, such as 2026-11-23T04:00:00Z")
    return at


Port = Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)]


def urls() -> ClusterUrls:
    """Return the URLs of the database: of the environment, or of the checkout's own cluster, which is started."""
    return database_urls(os.environ)


def settings_for(app_url: str) -> Settings:
    """Return the settings of the environment, on this database."""
    return Settings.from_environment(os.environ, database_url=app_url)


@cli.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Port = background_service.DEFAULT_PORT,
    now: Annotated[
        datetime | None,
        typer.Option(parser=_aware, metavar="TIME", help="Fixed time of the service's clock, for the demo."),
    ] = None,
) -> None:
    """Run the service until it is stopped."""
    if now is not None and host not in _LOOPBACK_HOSTS:
        raise AppError("The service listens beyond this machine only with the machine's own clock: leave out --now.")
    background_service.check_port(host, port)
    if not os.environ.get("DATABASE_URL"):
        prepare(urls())
    settings = settings_for(service_url(os.environ))
    companion = background_work if settings.worker.in_process else None
    clock = SystemClock() if now is None else FixedClock(now)
    config = server_config(create_app(settings, clock, companion), host=host, port=port)
    gc.set_threshold(*_GC_THRESHOLD)
    server = uvicorn.Server(config)
    if sys.stdout.isatty():
        console.print(f"LeaseTrace on http://{host}:{port} (its API: /docs); Ctrl-C stops it.")
    try:
        server.run()
    except SystemExit:  # uvicorn has logged the reason
        background_service.check_port(host, port)  # another process may have taken it meanwhile
        raise


@cli.command()
def worker() -> None:
    """Run the background jobs until stopped. `serve` runs them too, unless switched off."""
    if not os.environ.get("DATABASE_URL"):
        prepare(urls())
    settings = settings_for(service_url(os.environ))
    configure_logging(settings.log.level)
    asyncio.run(work_until_stopped(settings, SystemClock()))


@cli.command()
def migrate(
    revision: Annotated[str, typer.Argument(help="Where to; `base` takes everything back.")] = "head",
) -> None:
    """Migrate the schema, as the owner of the database."""
    where = urls()
    migrate_schema(where.owner_url, where.app_url, revision=revision)
    console.print("The schema is up to date." if revision == "head" else f"The schema is at {revision}.")


@cli.command("database-roles")
def database_roles(
    application: Annotated[str, typer.Argument(help="The role that the application connects with.")] = APPLICATION,
) -> None:
    """Print the SQL that a superuser runs once per server: the roles of row-level security."""
    console.print(roles_sql(application), soft_wrap=True, markup=False)


@cli.command()
def stop() -> None:
    """Stop the service in the background and the checkout's own database; the data stay."""
    stopped = background_service.stop()
    LocalCluster.of_checkout().stop()
    console.print("Stopped the service and the database." if stopped else "Stopped the database; no service ran.")


@boundaries_app.command("load")
def boundaries_load(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="GeoJSON, Shapefile, GeoPackage or FlatGeobuf of counties; the bundled layer when left out.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    datum: Annotated[CoordSystem | None, typer.Option(help="The file's datum, where it does not say so.")] = None,
    adcode_column: Annotated[str | None, typer.Option(help="The column with the six-digit code.")] = None,
    name_column: Annotated[str | None, typer.Option(help="The column with the county's name.")] = None,
    only_if_none: Annotated[bool, typer.Option(help="Do nothing where a layer is in force already.")] = False,
) -> None:
    """Load divisions and derive courts by the naming rule; loading the same layer again changes nothing."""
    where = urls()
    if only_if_none and asyncio.run(imports.boundaries_are_loaded(settings_for(where.app_url))):
        console.print("A boundary layer is in force already.")
        return
    imports.load_boundaries(where, console, file, datum=datum, adcode_column=adcode_column, name_column=name_column)


class ImportMode(StrEnum):
    """What happens to a file with bad lines."""

    all_or_nothing = "all_or_nothing"
    good_rows = "good_rows"


@assets_app.command("import")
def assets_import(
    file: Annotated[Path, typer.Argument(help="CSV with a line of column heads.", exists=True, dir_okay=False)],
    lessor: Annotated[str, typer.Option(help="The lessor's code.")],
    mode: Annotated[
        ImportMode, typer.Option(help="How a file with bad lines is handled.")
    ] = ImportMode.all_or_nothing,
) -> None:
    """Register a lessor's assets, with their devices, from a CSV file."""
    settings = settings_for(urls().app_url)
    asyncio.run(imports.import_assets(settings, SystemClock(), console, file, lessor, mode.value))


@pings_app.command("import")
def pings_import(
    file: Annotated[
        Path, typer.Argument(help="A .csv, .gpx, .ndjson, .jsonl or .parquet file.", exists=True, dir_okay=False)
    ],
    lessor: Annotated[str, typer.Option(help="The lessor's code.")],
    datum: Annotated[CoordSystem | None, typer.Option(help="Datum of rows that name none.")] = None,
    device: Annotated[str | None, typer.Option(help="Device of rows that name none.")] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="Zone of times without offset, such as Asia/Shanghai.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="FIELD=HEAD for a head that is not understood; may be repeated.")
    ] = None,
    register_devices: Annotated[bool, typer.Option(help="Register devices that are not known yet.")] = False,
) -> None:
    """Import pings from a file, through the normal ingest."""
    settings = settings_for(urls().app_url)
    reading = FileOptions(_columns(column or []), device, datum, _zone(time_zone))
    asyncio.run(
        imports.import_pings(
            settings, SystemClock(), console, file, lessor, reading, register_devices=register_devices
        )
    )


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return None if name is None else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise typer.BadParameter(f"{name!r} is no time zone; expected one such as Asia/Shanghai or UTC") from error


def _columns(pairs: list[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for pair in pairs:
        name, equals, head = pair.partition("=")
        if not equals or not name or not head:
            raise typer.BadParameter(f"{pair!r}: expected FIELD=HEAD, for example fixed_at=GPS时间")
        columns[name] = head
    return columns


@batches_app.command("verify")
def batches_verify(
    head: Annotated[
        str | None, typer.Option(help="A head that was printed earlier and kept elsewhere: NUMBER:SHA256.")
    ] = None,
) -> None:
    """Walk the chain of batches with their raw bodies, and name the first one that breaks it.

    Prints the head. Keep it elsewhere: only with it can a cut tail be detected.
    """
    asyncio.run(verify_batches(settings_for(urls().app_url), console, head))


@keys_app.command("create")
def keys_create(
    kind: Annotated[Role, typer.Argument(help="Whose key.")],
    lessor: Annotated[str | None, typer.Option(help="The lessor's code, for a lessor's key.")] = None,
    court: Annotated[str | None, typer.Option(help="The court's code such as 沪0105, for a court's key.")] = None,
    name: Annotated[str | None, typer.Option(help="The holder's name.")] = None,
    feed: Annotated[int | None, typer.Option(help="The feed whose declarations hold for the key.", min=1)] = None,
    days: Annotated[
        int | None, typer.Option(help="Days until it expires; never when left out.", min=1, max=36_500)
    ] = None,
    post_only: Annotated[bool, typer.Option("--post-only", help="It can post pings and nothing else.")] = False,
    scope: Annotated[
        list[Permission] | None, typer.Option(help="It can do this and nothing else; may be repeated.")
    ] = None,
) -> None:
    """Create a key and print it, this once: it is stored only as a hash."""
    settings = settings_for(urls().app_url)
    lifetime = None if days is None else timedelta(days=days)
    key = asyncio.run(
        keys.make_key(
            settings,
            SystemClock(),
            kind,
            lessor=lessor,
            court=court,
            name=name,
            feed_id=feed,
            lifetime=lifetime,
            post_only=post_only,
            scopes=frozenset(scope) if scope else None,
        )
    )
    console.print(key.text)
    if kind is Role.DISPATCHER:
        Console(stderr=True, highlight=False).print(f"principal_id {key.principal_id} (a court assigns cases to it)")


@secrets_app.callback()
def _secrets() -> None:
    """Makes ``secrets`` a group, though it has one command."""


@secrets_app.command("new-key")
def secrets_new_key() -> None:
    """Print a fresh key for LEASETRACE_SECRET_KEYS; it is stored nowhere."""
    console.print(new_key(), soft_wrap=True, markup=False)


def prepare(where: ClusterUrls) -> None:
    """Migrate the schema and load the bundled boundaries where none are in force."""
    migrate_schema(where.owner_url, where.app_url)
    if not asyncio.run(imports.boundaries_are_loaded(settings_for(where.app_url))):
        imports.load_boundaries(where, console)


@cli.command("subject-report")
def subject_report(
    asset: Annotated[int | None, typer.Option(help="The asset's number.", min=1)] = None,
    lessee: Annotated[str | None, typer.Option(help="The lessee's name, exactly as it was registered.")] = None,
    file: Annotated[Path | None, typer.Option(help="Write it as CSV with its digest.", dir_okay=False)] = None,
) -> None:
    """Print what is stored about an asset or a lessee, its sources, its grants and its reads; no positions."""
    settings = settings_for(urls().app_url)
    asyncio.run(print_report(settings, SystemClock(), console, asset_id=asset, lessee=lessee, file=file))


@cli.command()
def retention() -> None:
    """Show each class of stored data with its retention period, and the last deletion."""
    asyncio.run(print_retention(settings_for(urls().app_url), console))


@cli.command()
def demo(
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = background_service.DEFAULT_PORT,
    now: Annotated[
        datetime | None,
        typer.Option(
            parser=_aware,
            metavar="TIME",
            envvar="DEMO_NOW",
            help="The time that demo and service take for the present; two runs then give the same answer.json.",
        ),
    ] = None,
) -> None:
    """Go from an empty database to the first true answer, and leave the service running.

    With DEMO_ONCE=1 everything is stopped at the end, and the exit code says whether the answer is right.
    """
    from app.cli.demonstration import demonstrate  # noqa: PLC0415 its libraries are slow to import

    once = os.environ.get("DEMO_ONCE", "") not in {"", "0"}
    background_service.stop()  # the service of an earlier run may be of older code
    background_service.check_port(background_service.LOOPBACK, port)
    where = urls()
    try:
        prepare(where)
        passed = demonstrate(where, console, background_service.LOCAL / "demo", port, now, leave_running=not once)
    finally:
        if once:
            background_service.stop()
            if not os.environ.get("DATABASE_URL"):
                LocalCluster.of_checkout().stop()
    if not passed:
        raise typer.Exit(1)


def run(commands: typer.Typer = cli) -> None:
    """Run the command line. An error is one line on standard error, with exit code 1."""
    try:
        commands()
    except AppError as error:
        _fail(error.detail)
    except ClusterError as error:
        _fail(str(error))
    except ValidationError as error:
        first: Any = error.errors()[0]
        variable = next((part for part in first["loc"] if str(part).isupper()), "")
        _fail(f"setting {variable}: {first['msg']}" if variable else f"settings: {first['msg']}")
    except (psycopg.OperationalError, DBAPIError) as error:
        _fail(_database_words(error))
    except KeyboardInterrupt:
        _fail("stopped")


def _database_words(error: psycopg.Error | DBAPIError) -> str:
    host = urlsplit(os.environ.get("DATABASE_URL", "")).hostname or "the checkout's own cluster"
    cause = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()[0]
    return f"the database ({host}) says: {cause}"


def _fail(message: str) -> None:
    sys.stderr.write(f"leasetrace: {message}\n")
    raise SystemExit(1)


if __name__ == "__main__":
    run()
