"""Tables of this room."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, DateTime, ForeignKey, ForeignKeyConstraint, Index, Numeric, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import REAL, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db.database import Base


class LessorRow(Base):
    """A leasing company; ``fleet_version`` counts the changes of its devices and bindings (by trigger)."""

    __tablename__ = "lessor"

    lessor_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    credit_code: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    fleet_version: Mapped[int] = mapped_column(BigInteger, server_default=text("0"), init=False)


class AssetRow(Base):
    """A leased vehicle or machine; identifiers are stored normalised."""

    __tablename__ = "asset"
    __table_args__ = (
        UniqueConstraint("lessor_id", "asset_id"),
        UniqueConstraint("lessor_id", "plate_no"),
        UniqueConstraint("lessor_id", "vin"),
        UniqueConstraint("lessor_id", "serial_no"),
    )

    asset_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    lessor_id: Mapped[int] = mapped_column(ForeignKey("lessor.lessor_id"))
    asset_type: Mapped[str]
    kind: Mapped[str]
    make: Mapped[str | None]
    model: Mapped[str | None]
    plate_no: Mapped[str | None]
    plate_colour: Mapped[str | None]
    vin: Mapped[str | None]
    serial_no: Mapped[str | None]
    engine_no: Mapped[str | None]
    lease_contract_no: Mapped[str]
    purchase_contract_no: Mapped[str | None]
    registration_no: Mapped[str | None]
    lessee_name: Mapped[str | None]
    registered_owner: Mapped[str | None]
    estimated_value_yuan: Mapped[Decimal | None] = mapped_column(Numeric(14, 2))
    valued_on: Mapped[date | None]
    essential_to_production: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class DeviceRow(Base):
    """A tracker of a lessor, under the identifier that its feed sends."""

    __tablename__ = "device"
    __table_args__ = (
        UniqueConstraint("lessor_id", "device_id"),
        UniqueConstraint("lessor_id", "identifier"),
        Index("device_datum_suspect_idx", "device_id", postgresql_where=text("datum_suspect")),
    )

    device_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    lessor_id: Mapped[int] = mapped_column(ForeignKey("lessor.lessor_id"))
    identifier: Mapped[str]
    kind: Mapped[str]
    make: Mapped[str | None]
    model: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    datum_suspect: Mapped[bool] = mapped_column(default=False)


class BindingRow(Base):
    """A binding of a device to an asset of the same lessor, from a time until (excluding) another."""

    __tablename__ = "device_binding"
    __table_args__ = (
        ForeignKeyConstraint(["lessor_id", "device_id"], ["device.lessor_id", "device.device_id"]),
        ForeignKeyConstraint(["lessor_id", "asset_id"], ["asset.lessor_id", "asset.asset_id"]),
        ExcludeConstraint(
            ("device_id", "="),
            (text("tstzrange(bound_from, bound_until)"), "&&"),
            name="device_binding_overlap_excl",
            using="gist",
        ),
        Index("device_binding_lessor_id_device_id_idx", "lessor_id", "device_id"),
        Index("device_binding_asset_id_idx", "asset_id"),
    )

    binding_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    lessor_id: Mapped[int]
    device_id: Mapped[int]
    asset_id: Mapped[int]
    bound_from: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    bound_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class BindingChangeRow(Base):
    """A period in which a device's bindings changed (by trigger): the worker re-assigns its pings."""

    __tablename__ = "binding_change"

    binding_change_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, init=False)
    device_id: Mapped[int] = mapped_column(index=True)
    asset_id: Mapped[int]
    lessor_id: Mapped[int]
    from_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    until_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class DepotRow(Base):
    """A lessor's yard with a known position; the datum check compares device positions with it."""

    __tablename__ = "depot"
    __table_args__ = (UniqueConstraint("lessor_id", "name"),)

    depot_id: Mapped[int] = mapped_column(primary_key=True, init=False)
    lessor_id: Mapped[int] = mapped_column(ForeignKey("lessor.lessor_id"))
    name: Mapped[str]
    lon_e7: Mapped[int]
    lat_e7: Mapped[int]
    radius_m: Mapped[float] = mapped_column(REAL)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class TransferRow(Base):
    """A transfer: from this time on the asset is no longer its lessor's."""

    __tablename__ = "asset_transfer"
    __table_args__ = (ForeignKeyConstraint(["from_lessor_id", "asset_id"], ["asset.lessor_id", "asset.asset_id"]),)

    asset_id: Mapped[int] = mapped_column(ForeignKey("asset.asset_id"), primary_key=True, autoincrement=False)
    from_lessor_id: Mapped[int] = mapped_column(ForeignKey("lessor.lessor_id"), index=True)
    to_name: Mapped[str]
    ground: Mapped[str]
    transferred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_by: Mapped[int] = mapped_column(ForeignKey("principal.principal_id"))
