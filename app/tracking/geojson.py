"""Positions and tracks as GeoJSON (RFC 7946): WGS-84, longitude first, seven decimals; pure."""

from app.tracking.schemas import GeoJson, PositionOut, TrackOut


def position_feature(position: PositionOut) -> GeoJson:
    """Return a Feature; its geometry is null for an asset that was never located."""
    properties = position.model_dump(mode="json", exclude={"point"})
    point = position.point
    geometry = None if point is None else {"type": "Point", "coordinates": [point.lon, point.lat]}
    return {"type": "Feature", "id": position.asset_id, "geometry": geometry, "properties": properties}


def track_collection(track: TrackOut) -> GeoJson:
    """Return a FeatureCollection: the line of accepted fixes first, then every ping as a point with its doubts."""
    line = [[p.lon, p.lat] for p in track.points if p.believed]
    features: list[GeoJson] = []
    if len(line) > 1:
        features.append(
            {
                "type": "Feature",
                "geometry": {"type": "LineString", "coordinates": line},
                "properties": {"what": "believed fixes in the order of time"},
            }
        )
    features += [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [point.lon, point.lat]},
            "properties": point.model_dump(mode="json", exclude={"lon", "lat"}),
        }
        for point in track.points
    ]
    rest = track.model_dump(mode="json", exclude={"points"})
    return {"type": "FeatureCollection", "features": features, **rest}
