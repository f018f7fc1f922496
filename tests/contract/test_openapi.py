"""The whole OpenAPI document against the running service, with every kind of key and with none (schemathesis)."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, settings
from pydantic import SecretStr
from schemathesis.checks import CHECKS

from app.access.domain import KINDS_WITH_SUBJECT, Role
from app.access.service import create_key, create_principal
from app.cli.background import free_port
from app.cli.cluster import ClusterUrls
from app.core.clock import SystemClock
from app.core.database import SERVICE, Database
from app.core.sealing import new_key
from app.core.settings import Settings
from app.main import create_app
from tests.conftest import clone_of

EXAMPLES = 10
LEFT_OUT = (
    "positive_data_acceptance",  # a well-formed request about a case that does not exist is 404
    "negative_data_rejection",  # who may not do it is told 403 whatever it sends; a row is judged by itself
    "missing_required_header",  # no operation requires one
    "ignored_auth",  # tested by the roles below and by each room
    "ensure_resource_availability",  # what one role creates another does not see
    "use_after_free",  # only a polled source can be deleted; its own tests ask for it again
    "object_level_authorization",  # tested by each room: out of sight is 404
    "unsupported_method",  # answered 405 by the framework, with the path's own methods in Allow
    "allow_header_conformance",  # as above
)


@schemathesis.serializer("application/x-ndjson", "text/csv")
def _as_it_is(_: object, value: object) -> bytes:
    """Send generated text without wrapping it into anything."""
    return str(value).encode(errors="replace")


schema = schemathesis.openapi.from_dict(
    create_app(Settings(database_url=SecretStr("postgresql://nobody@127.0.0.1:1/none"), log_level="ERROR")).openapi()
)
schema.config.generation.update(with_security_parameters=False)  # a made-up cookie beside a key is always 401


async def _make_keys(where: Settings) -> dict[str, str]:
    database, clock = Database(where), SystemClock()
    keys: dict[str, str] = {}
    async with database.writing(SERVICE) as session:
        for role in Role:
            subject_id = 1 if role.kind in KINDS_WITH_SUBJECT else None
            principal_id = await create_principal(session, role, str(role), clock, subject_id=subject_id)
            keys[role] = await create_key(session, principal_id, "contract", clock)
    await database.close()
    return keys


@pytest.fixture(scope="module")
def service(template_urls: ClusterUrls, worker_id: str) -> Iterator[tuple[str, dict[str, str]]]:
    """A service on real HTTP, on a database of its own, and a key of each kind."""
    with clone_of(template_urls, f"leasetrace_contract_{worker_id}") as urls:
        where = Settings(database_url=SecretStr(urls.app_url), log_level="CRITICAL", secret_keys=SecretStr(new_key()))
        keys = asyncio.run(_make_keys(where))
        port = free_port(0)
        server = uvicorn.Server(
            uvicorn.Config(create_app(where), port=port, access_log=False, log_config=None, lifespan="on")
        )
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", keys
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize("role", ["nobody", *Role])
@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_operation_keeps_its_contract(
    case: schemathesis.Case[Any], role: str, service: tuple[str, dict[str, str]]
) -> None:
    """No 500, no undocumented status, content type or member, whatever is sent and whoever sends it."""
    address, keys = service
    headers = {} if role == "nobody" else {"Authorization": f"Bearer {keys[role]}"}
    checks: list[Any] = CHECKS.get_by_names([name for name in CHECKS.get_all_names() if name not in LEFT_OUT])
    case.call_and_validate(base_url=address, headers=headers, checks=checks)


def test_operation_ids_are_unique_and_every_operation_says_what_it_does() -> None:
    document = schema.raw_schema
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)
    assert all(operation.get("summary") and operation.get("description") for operation in operations)
