"""Pings over HTTP.

These routes serve thousands of requests a second: ``app.api.fast_lane`` calls their functions without FastAPI's
machinery. The routes below document them.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.access.domain import Permission, Visibility
from app.core.errors import InvalidInput
from app.core.web.parameters import context
from app.identity.dependencies import ReadSession, VisibilityFor, bearer, bearer_key, key_holder
from app.ingest.http import signatures
from app.ingest.http.adapters import FORMATS, receipt_response, receive_from_adapter
from app.ingest.http.request_body import read_body, wire_bytes
from app.ingest.http.schemas import ReceiptOut, ping_body
from app.ingest.service import ingest_of, stored_receipt

router = APIRouter(tags=["ingest"])

ReceiptVisibility = Annotated[Visibility, Depends(VisibilityFor(Permission.RECEIPTS_READ))]


async def receive_pings(request: Request) -> Response:
    """Judge a batch of our own format row by row, store it, and answer after the commit."""
    asked = bool(request.scope["query_string"])
    wanted = request.query_params.get("results", "noteworthy") if asked else "noteworthy"
    if wanted not in {"noteworthy", "all"}:
        raise InvalidInput("results: expected noteworthy or all", field="results")
    ingest = ingest_of(request)
    request.state.principal = principal = await key_holder(request, bearer_key(request))
    rules = await ingest.admit(principal)
    if rules.hmac_secret is not None:
        signatures.check(rules.hmac_secret, request.headers, await wire_bytes(request), context(request).clock.now())
    body = await read_body(request, context(request).settings.limits.max_body_bytes)
    receipt = await ingest.receive(principal, body, every_row=wanted == "all")
    return receipt_response(receipt)


@router.post(
    "/pings",
    summary="Post a batch of pings",
    response_model=ReceiptOut,
    openapi_extra=ping_body(),
    dependencies=[Depends(bearer)],
)
async def post_pings(
    request: Request,
    results: Annotated[
        Literal["noteworthy", "all"], Query(description="Which rows the receipt lists.")
    ] = "noteworthy",
) -> Response:
    """Judge a batch row by row, store it, and answer after the commit.

    A JSON array or NDJSON, plain, gzip or zstd. A whole batch may be sent again at any time. A feed that has a secret
    requires `X-LeaseTrace-Time` and `X-LeaseTrace-Signature`; see `docs/feeds.md`.
    """
    del results  # receive_pings reads it from the query, also on the fast lane
    return await receive_pings(request)


def _document_format(name: str, method: str, *, in_path: bool) -> None:
    path = f"/feeds/{name}" + ("/{key}" if in_path else "")

    async def post_foreign(request: Request) -> Response:
        return await receive_from_adapter(request)

    async def post_foreign_by_path(request: Request, key: Annotated[str, Path(max_length=200)]) -> Response:
        del key  # receive_from_adapter reads it
        return await receive_from_adapter(request)

    endpoint = post_foreign_by_path if in_path else post_foreign
    endpoint.__name__ = f"{method.lower()}_{name}" + ("_by_path" if in_path else "")
    endpoint.__doc__ = f"Receive pings from {name} (see `docs/feeds.md`) and answer as it expects."
    router.add_api_route(
        path,
        endpoint,
        methods=[method],
        summary=f"Pings from {name}" + (", the key in the path" if in_path else ""),
        dependencies=[] if in_path else [Depends(bearer)],
        response_class=Response,
    )


for _name, _format in FORMATS.items():
    for _method in sorted(_format.methods):
        _document_format(_name, _method, in_path=False)
        _document_format(_name, _method, in_path=True)


@router.get("/batches/{batch_id}", summary="A receipt again", response_model=ReceiptOut)
async def get_batch(
    batch_id: Annotated[int, Path(ge=1, le=2**53)], visibility: ReceiptVisibility, session: ReadSession
) -> Response:
    """Return the receipt of an acknowledged batch as it was sent."""
    return receipt_response(await stored_receipt(session, visibility, batch_id))
