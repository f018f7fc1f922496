"""What whoever runs the service asks it."""

import re

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.cli.cluster import ClusterUrls
from app.core.clock import FixedClock
from app.core.settings import Settings
from app.main import create_app
from tests.conftest import NOW
from tests.support import Doors


async def test_a_ready_service_says_why(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez")).json() == {"status": "live"}
    answer = await client.get("/readyz")
    assert answer.status_code == 200, answer.text
    assert [check["name"] for check in answer.json()["checks"]] == [
        "database",
        "migrations",
        "role",
        "row_security",
        "boundaries",
    ]


async def ask(url: str, path: str) -> httpx.Response:
    application = create_app(Settings(database_url=SecretStr(url), log_level="CRITICAL"), FixedClock(NOW))
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with (
        application.router.lifespan_context(application),
        httpx.AsyncClient(transport=transport, base_url="http://leasetrace.test") as client,
    ):
        return await client.get(path)


async def test_a_role_that_owns_the_tables_is_refused(urls: ClusterUrls) -> None:
    answer = await ask(urls.owner_url, "/readyz")
    assert answer.status_code == 503
    failed = [check["name"] for check in answer.json()["checks"] if not check["ok"]]
    assert failed == ["role"]


@pytest.mark.parametrize("path", ["/readyz", "/v1/courts"])
async def test_a_database_that_is_away_is_503_with_retry_after(path: str) -> None:
    answer = await ask("postgresql://nobody:nothing@127.0.0.1:1/nowhere", path)
    assert answer.status_code in ({503} if path == "/readyz" else {401, 503})
    if answer.status_code == 503:
        assert answer.headers["content-type"] == "application/problem+json"
        assert int(answer.headers["retry-after"]) > 0


async def test_requests_are_counted_by_template_and_never_by_what_they_ask(
    client: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    await admin.get("/v1/jurisdictions/locate", params={"lon": 121.4241, "lat": 31.2205})
    text = (await client.get("/metrics")).text
    assert 'route="/v1/jurisdictions/locate"' in text
    assert "121.4" not in text


async def test_every_answer_has_a_request_id_and_closed_doors(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/nothing", headers={"X-Request-Id": "from-the-proxy-1"})
    assert answer.status_code == 404
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "from-the-proxy-1"
    assert answer.headers["x-content-type-options"] == "nosniff"
    forged = await client.get("/livez", headers={"X-Request-Id": "a b\tc"})
    assert forged.headers["x-request-id"] != "a b\tc"


async def test_nothing_that_a_request_sent_is_logged(
    application: FastAPI, doors: Doors, capfd: pytest.CaptureFixture[str]
) -> None:
    from app.core.logging import configure_logging

    lessor = await doors.lessor()
    key = lessor.client.headers["Authorization"].removeprefix("Bearer ")
    configure_logging("DEBUG")
    try:
        await lessor.client.get("/v1/jurisdictions/locate", params={"lon": 121.4241, "lat": 31.2205})
        application.state.ingest, kept = None, application.state.ingest  # anything that breaks inside
        answer = await lessor.client.post("/v1/pings", json=[{"lon": 121.4241}])
        application.state.ingest = kept
    finally:
        configure_logging("WARNING")
    assert answer.status_code == 500
    assert "detail" in answer.json()
    logged = capfd.readouterr().err
    assert '"route": "/v1/jurisdictions/locate"' in logged
    assert "AttributeError" in logged
    assert "121.42" not in logged
    assert key not in logged
    assert key.rpartition("_")[2] not in logged


async def test_the_page_of_the_api_loads_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(links) == 3
    for link in links:
        assert link.startswith("/"), link
        assert (await client.get(link)).status_code == 200
