"""Pings over HTTP."""

from typing import Annotated, Literal, cast

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response

from app.access.http import InSight, LessorOnly
from app.core.http import InContext, ReadSession
from app.ingest.entrance import read_body
from app.ingest.schemas import BatchOut, ReceiptOut, ping_body
from app.ingest.service import Ingest
from app.telemetry.service import acknowledged_batch

router = APIRouter(tags=["ingest"])


@router.post(
    "/pings",
    summary="Post a batch of pings",
    response_model=ReceiptOut,
    openapi_extra=ping_body(),
)
async def post_pings(
    request: Request,
    context: InContext,
    principal: LessorOnly,
    results: Annotated[
        Literal["noteworthy", "all"], Query(description="Which rows the receipt lists.")
    ] = "noteworthy",
) -> Response:
    """Judge a batch row by row, store it, and answer after the commit.

    A JSON array or NDJSON, plain, gzip or zstd. A whole batch may be sent again at any time.
    """
    body = await read_body(request, context.settings.max_body_bytes)
    ingest = cast("Ingest", request.app.state.ingest)
    receipt = await ingest.take_in(principal, body, every_row=results == "all")
    return Response(msgspec.json.encode(receipt), media_type="application/json")


@router.get("/batches/{batch_id}", summary="A receipt again")
async def get_batch(
    batch_id: Annotated[int, Path(ge=1, le=2**53)], visibility: InSight, session: ReadSession
) -> BatchOut:
    """Return the numbers of an acknowledged batch."""
    row = await acknowledged_batch(session, visibility, batch_id)
    return BatchOut.model_validate(row, from_attributes=True)
