"""Tables of this room."""

from datetime import date, datetime

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.database import WGS84_SRID, Base


class BoundaryLayerRow(Base):
    """A version of the boundaries; everything located with it stores its id."""

    __tablename__ = "boundary_layer"
    __table_args__ = (Index("boundary_layer_active_idx", "active", unique=True, postgresql_where=text("active")),)

    layer_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    name: Mapped[str]
    source: Mapped[str]
    source_version: Mapped[str]
    sha256: Mapped[bytes] = mapped_column(unique=True)
    county_count: Mapped[int]
    raster: Mapped[bytes] = mapped_column(deferred=True)
    loaded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    active: Mapped[bool]


class DivisionRow(Base):
    """A province, prefecture or county of a layer, with its area."""

    __tablename__ = "division"
    __table_args__ = (
        UniqueConstraint("layer_id", "level", "adcode"),
        CheckConstraint("level IN ('province', 'prefecture', 'county')", name="level"),
        Index("division_geom_idx", "geom", postgresql_using="gist"),
    )

    division_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    layer_id: Mapped[int] = mapped_column(ForeignKey("boundary_layer.layer_id"))
    level: Mapped[str]
    adcode: Mapped[int]
    name: Mapped[str]
    full_name: Mapped[str]
    province_adcode: Mapped[int]
    prefecture_adcode: Mapped[int | None]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    geom: Mapped[WKBElement] = mapped_column(
        Geometry("MULTIPOLYGON", srid=WGS84_SRID, spatial_index=False), deferred=True
    )


class CourtRow(Base):
    """A court; made by the naming rule until a table confirms it."""

    __tablename__ = "court"
    __table_args__ = (CheckConstraint("level IN ('basic', 'intermediate', 'high')", name="level"),)

    court_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(index=True)
    level: Mapped[str]
    parent_court_id: Mapped[int | None] = mapped_column(ForeignKey("court.court_id"))
    province_adcode: Mapped[int]
    adcode: Mapped[int]
    verified: Mapped[bool]
    source: Mapped[str]
    caveat: Mapped[str | None]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class TerritoryRow(Base):
    """The area of a basic court: by default one county."""

    __tablename__ = "territory"
    __table_args__ = (UniqueConstraint("layer_id", "county_adcode"),)

    territory_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    court_id: Mapped[int] = mapped_column(ForeignKey("court.court_id"), index=True)
    layer_id: Mapped[int] = mapped_column(ForeignKey("boundary_layer.layer_id"))
    county_adcode: Mapped[int]
    basis: Mapped[str]
    verified: Mapped[bool]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
