"""The chain of batches: whatever is changed afterwards is found, and the command says where."""

from typing import Any

import psycopg
import pytest
from fastapi import FastAPI
from rich.console import Console

from app.cli.batches import verify_batches
from app.core.errors import AppError
from app.core.settings import Settings
from app.localdb.cluster import ClusterUrls
from tests.api import ApiUser
from tests.factories.pings import ping

OTHER_BODY = (
    "UPDATE raw_body SET body_zstd = (SELECT body_zstd FROM raw_body WHERE batch_id <> %(batch)s LIMIT 1)"
    " WHERE batch_id = %(batch)s"
)


@pytest.fixture
async def four(lessor: ApiUser) -> list[int]:
    """Four batches, by their ids."""
    return [(await lessor.client.post("/v1/pings", json=[ping(9 - n)])).json()["batch_id"] for n in range(4)]


async def verified(settings: Settings, head: str | None = None) -> str:
    console = Console(record=True, quiet=False, width=200, force_terminal=False)
    await verify_batches(settings, console, head)
    return console.export_text().strip().splitlines()[-1]


def change(urls: ClusterUrls, *statements: str, batch: int) -> None:
    with psycopg.connect(urls.owner_url) as connection:
        for statement in statements:
            connection.execute(statement, {"batch": batch})


async def test_an_untouched_chain_holds_and_goes_on_from_a_kept_head(
    application: FastAPI,
    lessor: ApiUser,
    settings: Settings,
    four: list[int],
) -> None:
    said = await verified(settings)
    assert said.startswith("4 batches hold together. Head: 4:")
    head = said.rpartition(" ")[2]
    await lessor.client.post("/v1/pings", json=[ping(1)])
    assert (await verified(settings, head)).startswith("5 batches")


@pytest.mark.parametrize(
    ("statements", "number"),
    [
        ([OTHER_BODY], 3),
        (["UPDATE raw_body SET body_zstd = 'x' WHERE batch_id = %(batch)s"], 3),
        (["UPDATE ping_batch SET received_at = received_at + interval '1 second' WHERE batch_id = %(batch)s"], 3),
        (["UPDATE ping_batch SET lessor_id = lessor_id + 1 WHERE batch_id = %(batch)s"], 3),
        (["DELETE FROM raw_body WHERE batch_id = %(batch)s"], 3),
        (["DELETE FROM raw_body WHERE batch_id = %(batch)s", "DELETE FROM ping_batch WHERE batch_id = %(batch)s"], 3),
        (["UPDATE ping_batch SET chain_no = -1 WHERE chain_no = 3",
          "UPDATE ping_batch SET chain_no = 3 WHERE chain_no = 4",
          "UPDATE ping_batch SET chain_no = 4 WHERE chain_no = -1"], 3),
    ],
    ids=["another body", "no body", "time", "lessor", "record gone", "batch gone", "swapped"],
)  # fmt: skip
async def test_whatever_is_changed_is_found_where_it_was_changed(
    settings: Settings, urls: ClusterUrls, four: list[int], statements: list[str], number: int
) -> None:
    change(urls, *statements, batch=four[2])
    with pytest.raises(AppError, match=rf"number {number} of the chain"):
        await verified(settings)


async def test_a_cut_tail_shows_against_the_head_and_a_forged_head_against_one_kept_elsewhere(
    settings: Settings, urls: ClusterUrls, four: list[int]
) -> None:
    kept = (await verified(settings)).rpartition(" ")[2]
    cut = "DELETE FROM raw_body WHERE batch_id = %(batch)s", "DELETE FROM ping_batch WHERE batch_id = %(batch)s"
    change(urls, *cut, batch=four[3])
    with pytest.raises(AppError, match="its tail is missing"):
        await verified(settings)
    forge = "UPDATE batch_chain SET chain_no = 3, head = (SELECT chain_sha256 FROM ping_batch WHERE chain_no = 3)"
    change(urls, forge, batch=0)
    assert (await verified(settings)).startswith("3 batches")
    with pytest.raises(AppError, match="it was cut"):
        await verified(settings, kept)


async def test_a_body_that_retention_deleted_is_not_at_fault(
    settings: Settings, urls: ClusterUrls, four: list[int]
) -> None:
    change(urls, "UPDATE raw_body SET body_zstd = NULL WHERE batch_id = %(batch)s", batch=four[0])
    assert (await verified(settings)).startswith("4 batches")


@pytest.mark.parametrize("head", ["", "4", "x:" + "0" * 64, "4:abc"])
async def test_what_is_no_head_is_refused(settings: Settings, four: list[int], head: Any) -> None:
    with pytest.raises(AppError, match="is no head"):
        await verified(settings, head)
