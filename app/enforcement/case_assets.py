"""Offers and confirmations: the applicant offers its own assets, the officer confirms each by an exact identifier.

A confirmation makes the asset visible to the court; its grant is written in the same transaction.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.domain import Visibility
from app.assets import service as assets
from app.assets.domain import AssetIdentity, IdentifierKind, normalise_identifier
from app.audit.notes import Note, note
from app.core.db.database import as_service
from app.enforcement import queries
from app.enforcement.domain import Outcome
from app.enforcement.schemas import (
    ConfirmationOut,
    ConfirmationRowIn,
    ConfirmationRowOut,
    OfferOut,
    OfferRowOut,
)
from app.enforcement.service import case_to_change, grant_visibility

Identifier = tuple[IdentifierKind, str]
"""Kind and normalised text."""


async def offer_assets(
    session: AsyncSession, visibility: Visibility, case_id: int, asset_ids: Sequence[int], now: datetime
) -> OfferOut:
    """Offer the applicant's own assets to its case; another lessor's asset counts as not found.

    Raises:
        NotFound: No such case, or the lessor is not its applicant.
        Conflict: The case is closed.
    """
    await case_to_change(session, visibility, case_id, now)
    found = await assets.assets_by_id(session, list(dict.fromkeys(asset_ids)))
    own = [i for i in dict.fromkeys(asset_ids) if i in found and found[i].lessor_id == visibility.lessor_id]
    fresh = await queries.offer(session, case_id, own, visibility.principal.principal_id, now)
    results, pending, known = [], set(fresh), set(own)
    for index, asset_id in enumerate(asset_ids):
        if asset_id in pending:
            pending.remove(asset_id)
        else:
            outcome = Outcome.ALREADY_OFFERED if asset_id in known else Outcome.NOT_FOUND
            results.append(OfferRowOut(index=index, asset_id=asset_id, outcome=outcome))
    note(session, Note("case.offer", case_id, sorted(fresh), results=len(fresh)))
    return OfferOut(offered=len(fresh), results=results)


async def confirm_assets(
    session: AsyncSession, visibility: Visibility, case_id: int, rows: Sequence[ConfirmationRowIn], now: datetime
) -> ConfirmationOut:
    """Confirm offered assets by identifiers, and make them visible to the case's court.

    Only assets offered to this case are searched: one not offered and one that does not exist get the same answer. A
    contract number confirms all its assets.

    Raises:
        NotFound: No such case, or it is another court's.
        Conflict: The case is closed.
    """
    case = await case_to_change(session, visibility, case_id, now)
    async with as_service(session):  # an offered asset is not visible to the court yet
        offered = await queries.offered_assets(session, case_id)
        identities = await assets.assets_by_id(session, list(offered))
    by_identifier = _index(identities, {row.matched_by for row in rows})
    matched: dict[int, IdentifierKind] = {}
    results = []
    for index, row in enumerate(rows):
        kind = row.matched_by
        ids = by_identifier.get((kind, normalise_identifier(kind, row.value)), ())
        fresh = [i for i in ids if not offered[i] and i not in matched]
        matched |= dict.fromkeys(fresh, kind)
        outcome = Outcome.CONFIRMED if fresh else Outcome.ALREADY_CONFIRMED if ids else Outcome.NOT_FOUND
        results.append(
            ConfirmationRowOut(index=index, matched_by=kind, value=row.value, outcome=outcome, asset_ids=list(ids))
        )
    if matched:
        async with as_service(session):
            await queries.confirm(session, case_id, matched, visibility.principal.principal_id, now)
        await grant_visibility(session, case, list(matched), visibility.principal, now)
    note(
        session, Note("case.confirm", case_id, list(matched), results=len(matched), detail=f"{len(rows)} identifiers")
    )
    outcomes = Counter(result.outcome for result in results)
    return ConfirmationOut(
        confirmed=outcomes[Outcome.CONFIRMED],
        already_confirmed=outcomes[Outcome.ALREADY_CONFIRMED],
        not_found=outcomes[Outcome.NOT_FOUND],
        assets_confirmed=len(matched),
        results=results,
    )


def _index(
    identities: Mapping[int, AssetIdentity], kinds: Iterable[IdentifierKind]
) -> Mapping[Identifier, Sequence[int]]:
    """Return the assets by each of their identifiers of the given kinds."""
    index: dict[Identifier, list[int]] = {}
    for kind in kinds:
        for asset_id, identity in identities.items():
            value = identity.identifier(kind)
            if value:
                index.setdefault((kind, value), []).append(asset_id)
    return index
