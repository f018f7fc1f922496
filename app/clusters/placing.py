"""What is said of each asset's place: fresh or stale, where, how near a border, how sure; pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from app.clusters.domain import CaseAsset, Place, PlacedAsset, Presence
from app.enforcement.domain import Seizability
from app.jurisdictions.service import LocatedLayer
from app.tracking.domain import judge


def place_all(
    assets: Sequence[CaseAsset],
    seizability: Mapping[int, Seizability],
    layer: LocatedLayer,
    at: datetime,
    fresh_within: timedelta,
    near_border_m: float,
) -> tuple[PlacedAsset, ...]:
    """Say of each asset where it is and what state it is in.

    A position keeps the territory that it was located in when it came. One without a territory (at sea, abroad, in
    Hong Kong, Macau or Taiwan) is outside: the nearest court is never guessed.

    Args:
        assets: Assets with their positions.
        seizability: What the rule says of each of them.
        layer: Territories by id, and borders.
        at: The moment asked about, UTC.
        fresh_within: An older position is stale.
        near_border_m: Metres within which a county border counts as near.
    """
    positions = [a.position for a in assets if a.position is not None]
    borders = layer.near_border([p.lon for p in positions], [p.lat for p in positions], near_border_m)
    near = {p.asset_id: border.near for p, border in zip(positions, borders, strict=True)}
    return tuple(
        _placed(asset, seizability[asset.asset_id], layer, at, fresh_within, near.get(asset.asset_id, False))
        for asset in assets
    )


def _placed(
    asset: CaseAsset,
    seizability: Seizability,
    layer: LocatedLayer,
    at: datetime,
    fresh_within: timedelta,
    near_border: bool,
) -> PlacedAsset:
    position = asset.position
    if position is None:
        return PlacedAsset(asset, Presence.NEVER_LOCATED, None, near_border, seizability)
    if position.territory_id is None:
        return PlacedAsset(asset, Presence.OUTSIDE, None, near_border, seizability)
    age = max(at - position.fixed_at, timedelta(0))
    confidence, reasons = judge(position, at, fresh_within, near_border=near_border)
    place = Place(position, layer.territory(position.territory_id), age, confidence, tuple(reasons))
    return PlacedAsset(
        asset, Presence.FRESH if age <= fresh_within else Presence.STALE, place, near_border, seizability
    )
