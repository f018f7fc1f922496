"""The whole OpenAPI document against the running service, with a key of every role and with none (schemathesis)."""

import asyncio
import threading
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CHECKS

from app.access.domain import KINDS_WITH_SUBJECT, Role
from app.access.service import create_principal
from app.api.uvicorn_protocol import server_config
from app.core.clock import SystemClock
from app.core.context import Context
from app.core.db.database import SERVICE, Database
from app.core.encryption import new_key
from app.core.metrics import Metrics
from app.core.settings import Settings
from app.identity.domain import SignInMethod
from app.identity.keys.credentials import create_key
from app.identity.sessions.cookies import COOKIE, CSRF_HEADER
from app.identity.sessions.service import open_session
from app.localdb.cluster import ClusterUrls
from app.main import create_app
from tests.api import free_port
from tests.database import clone_of
from tests.factories.settings import settings_for
from tests.scale import SCALE

SENDERS_OF_EACH, STRIDE = 3, 4
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


schema = schemathesis.openapi.from_dict(create_app(settings_for(log={"level": "ERROR"})).openapi())
schema.config.generation.update(with_security_parameters=False)  # a made-up cookie beside a key is always 401


A_SESSION = "a session"
ENDS_THE_SESSION = "DELETE /v1/session"
Senders = dict[str, dict[str, str]]
"""Who sends, by name, and the headers that it is known by."""


async def _make_senders(where: Settings) -> Senders:
    database, clock = Database(where), SystemClock()
    senders: Senders = {"nobody": {}, "a wrong key": {"Authorization": f"Bearer lt_{'0' * 12}_{'0' * 64}"}}
    async with database.writing(SERVICE) as session:
        for role in Role:
            subject_id = 1 if role.kind in KINDS_WITH_SUBJECT else None
            principal_id = await create_principal(session, role, str(role), clock, subject_id=subject_id)
            key = await create_key(session, principal_id, "contract", clock)
            senders[role] = {"Authorization": f"Bearer {key}"}
            if role is Role.ENFORCEMENT_OFFICER:
                context = Context(where, clock, database, Metrics())
                opened = await open_session(session, principal_id, context, SignInMethod.OIDC)
                senders[A_SESSION] = {"Cookie": f"{COOKIE}={opened.token}", CSRF_HEADER: opened.csrf}
    await database.close()
    return senders


@pytest.fixture(scope="module")
def service(template_urls: ClusterUrls, worker_id: str) -> Iterator[tuple[str, Senders]]:
    """A service on real HTTP, as ``leasetrace serve`` runs it, on a database of its own, and whoever sends."""
    with clone_of(template_urls, f"leasetrace_contract_{worker_id}") as urls:
        where = settings_for(
            urls.app_url,
            log={"level": "CRITICAL"},
            encryption={"secret_keys": new_key()},
            auth_throttle={"failures_per_minute": 0},
        )
        senders = asyncio.run(_make_senders(where))
        port = free_port()
        server = uvicorn.Server(server_config(create_app(where), port=port, lifespan="on"))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", senders
        server.should_exit = True
        thread.join()


def _keeps_its_contract(case: schemathesis.Case[Any], address: str, senders: Senders) -> None:
    checks: list[Any] = CHECKS.get_by_names([name for name in CHECKS.get_all_names() if name not in LEFT_OUT])
    for sender, headers in senders.items():
        if sender == A_SESSION and case.operation.label == ENDS_THE_SESSION:
            continue  # it is needed for what comes next
        try:
            case.call_and_validate(base_url=address, headers=headers, checks=checks)
        except BaseException as error:
            error.add_note(f"sent by: {sender}")
            raise


_generated = settings(
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@schema.parametrize()
@settings(_generated, max_examples=SCALE.contract_examples)
def test_every_operation_keeps_its_contract(case: schemathesis.Case[Any], service: tuple[str, Senders]) -> None:
    """No 500, no undocumented status, content type or member, whatever is sent.

    Each request is sent by a few, chosen by what it says, so that all take part and a repetition asks the same.
    """
    address, senders = service
    said = repr((case.operation.label, case.path_parameters, case.query, case.body)).encode(errors="replace")
    names, first = list(senders), zlib.crc32(said)
    chosen = {names[(first + n * STRIDE) % len(names)] for n in range(SENDERS_OF_EACH)}
    _keeps_its_contract(case, address, {name: senders[name] for name in sorted(chosen)})


@schema.parametrize()
@settings(_generated, max_examples=1)
def test_every_operation_keeps_its_contract_with_everybody(
    case: schemathesis.Case[Any], service: tuple[str, Senders]
) -> None:
    """The same of one request for each operation, sent by every role, without a key and with a wrong one."""
    _keeps_its_contract(case, *service)


def test_operation_ids_are_unique_and_every_operation_says_what_it_does() -> None:
    document = schema.raw_schema
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)
    assert all(operation.get("summary") and operation.get("description") for operation in operations)
