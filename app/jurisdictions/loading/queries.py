"""SQL of loading a layer: synchronous, with the database owner's role, for the command line."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from psycopg import Connection

LOCK: Final = 7_153_002
"""Advisory lock number, unique in this project: two concurrent loads would both find the layer missing."""


class LayerRecord(NamedTuple):
    """A row of ``boundary_layer`` without its id."""

    name: str
    source: str
    source_version: str
    sha256: bytes
    county_count: int
    raster: bytes


class DivisionRecord(NamedTuple):
    """A row of ``division``; ``ewkb`` is hexadecimal."""

    level: str
    adcode: int
    name: str
    full_name: str
    province_adcode: int
    prefecture_adcode: int | None
    ewkb: str


class CourtRecord(NamedTuple):
    """A row of ``court``; the parent is given by code and must be inserted first."""

    code: str
    name: str
    level: str
    parent_code: str | None
    province_adcode: int
    adcode: int
    caveat: str | None


class TerritoryRecord(NamedTuple):
    """A row of ``territory``: the county of a basic court."""

    court_code: str
    county_adcode: int


def lock(connection: Connection) -> None:
    """Wait until no other load runs; holds the lock for the rest of the transaction."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))


def layer_by_hash(connection: Connection, sha256: str) -> int | None:
    """Return the id of the layer with this content, None where it was never loaded."""
    row = connection.execute(
        "SELECT layer_id FROM boundary_layer WHERE sha256 = %s", (bytes.fromhex(sha256),)
    ).fetchone()
    return None if row is None else int(row[0])


def active_county_areas(connection: Connection) -> tuple[NDArray[np.object_], bytes] | None:
    """Return the county areas of the active layer, ordered by code, and its raster."""
    layer = connection.execute("SELECT layer_id, raster FROM boundary_layer WHERE active").fetchone()
    if layer is None:
        return None
    areas = connection.cursor(binary=True).execute(
        "SELECT ST_AsBinary(geom) FROM division WHERE layer_id = %s AND level = 'county' ORDER BY adcode", (layer[0],)
    )
    return shapely.from_wkb(np.array([row[0] for row in areas], dtype=object)), layer[1]


def insert_layer(connection: Connection, record: LayerRecord, now: datetime) -> int:
    """Insert an inactive layer and return its id."""
    row = connection.execute(
        "INSERT INTO boundary_layer"
        " (name, source, source_version, sha256, county_count, raster, loaded_at, active)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, false) RETURNING layer_id",
        (*record, now),
    ).fetchone()
    if row is None:  # RETURNING gives a row or the statement fails
        raise AssertionError
    return int(row[0])


def copy_divisions(
    connection: Connection, layer_id: int, records: Sequence[DivisionRecord], valid_from: date
) -> None:
    """Insert the divisions of a layer."""
    copy = connection.cursor().copy(
        "COPY division (layer_id, level, adcode, name, full_name, province_adcode, prefecture_adcode, geom,"
        " valid_from) FROM STDIN"
    )
    with copy as rows:
        for record in records:
            rows.write_row((layer_id, *record, valid_from))


def upsert_courts(connection: Connection, records: Sequence[CourtRecord], source: str, valid_from: date) -> None:
    """Insert courts in the given order, parents first.

    An existing code keeps its row, since cases refer to it. If the row has the same source and is not verified, its
    name and caveat are updated.
    """
    connection.cursor().executemany(
        "INSERT INTO court"
        " (code, name, level, parent_court_id, province_adcode, adcode, caveat, verified, source, valid_from)"
        " VALUES (%s, %s, %s, (SELECT court_id FROM court WHERE code = %s), %s, %s, %s, false, %s, %s)"
        " ON CONFLICT (code) DO UPDATE SET name = excluded.name, parent_court_id = excluded.parent_court_id,"
        " adcode = excluded.adcode, caveat = excluded.caveat"
        " WHERE NOT court.verified AND court.source = excluded.source",
        [(*record, source, valid_from) for record in records],
    )


def insert_territories(
    connection: Connection, layer_id: int, records: Sequence[TerritoryRecord], basis: str, valid_from: date
) -> None:
    """Insert the territories of a layer; each is verified if its court is."""
    connection.execute(
        "INSERT INTO territory (court_id, layer_id, county_adcode, basis, verified, valid_from)"
        " SELECT court.court_id, %s, given.county_adcode, %s, court.verified, %s"
        " FROM unnest(%s::text[], %s::integer[]) AS given (code, county_adcode) JOIN court USING (code)"
        " ORDER BY given.county_adcode",
        (
            layer_id,
            basis,
            valid_from,
            [record.court_code for record in records],
            [record.county_adcode for record in records],
        ),
    )


def activate(connection: Connection, layer_id: int) -> None:
    """Make a layer the active one."""
    connection.execute("UPDATE boundary_layer SET active = false WHERE active AND layer_id <> %s", (layer_id,))
    connection.execute("UPDATE boundary_layer SET active = true WHERE layer_id = %s AND NOT active", (layer_id,))
