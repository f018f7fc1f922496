"""Request and response models of this room. Requests refuse unknown fields; a response always has every field."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from app.assets.domain import (
    UNIDENTIFIED,
    UNIQUE_IDENTIFIERS,
    AssetKind,
    AssetType,
    DeviceKind,
    IdentifierKind,
    LineStatus,
    PlateColour,
    read_identifier,
)
from app.core.web.parameters import BoundedMoment
from app.core.web.schema_types import SINGLE_LINE, Day, Id, RequestModel, ResponseModel, Text

Number = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80), *SINGLE_LINE]
"""A number or code as an office writes it: free text on one line."""
Vin = Annotated[Number, AfterValidator(read_identifier(IdentifierKind.VIN)), Field(examples=["LZZ5CLVB8LA123456"])]
PlateNo = Annotated[Number, AfterValidator(read_identifier(IdentifierKind.PLATE_NO)), Field(examples=["沪A12345"])]
SerialNo = Annotated[Number, AfterValidator(read_identifier(IdentifierKind.SERIAL_NO))]
ContractNo = Annotated[Number, AfterValidator(read_identifier(IdentifierKind.LEASE_CONTRACT_NO))]
Yuan = Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=2, description="Yuan, CNY.")]
LessorId = Annotated[
    Id | None, Field(description="The owner. Required for an administrator; a lessor's key implies it.")
]


class LessorIn(RequestModel):
    """A leasing company to register."""

    code: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]
    """A short name for command lines and files; it never changes."""
    name: Text
    credit_code: Annotated[str, StringConstraints(pattern=r"^[0-9A-HJ-NPQRTUWXY]{18}$")] | None = None
    """Unified social credit code (统一社会信用代码); its form is checked, its check digit is not."""


class LessorChangeIn(RequestModel):
    """Changes of a leasing company; omitted fields keep their values."""

    name: Text = Field(default_factory=str)
    credit_code: Annotated[str, StringConstraints(pattern=r"^[0-9A-HJ-NPQRTUWXY]{18}$")] | None = None


class LessorOut(ResponseModel):
    """A leasing company."""

    lessor_id: int
    code: str
    name: str
    credit_code: str | None
    created_at: datetime


class AssetDetails(RequestModel):
    """Optional data of a leased asset.

    Identifiers are stored in normal form: half-width, upper case, without spaces, a plate without its dot.
    """

    make: Text | None = None
    model: Text | None = None
    plate_no: PlateNo | None = None
    plate_colour: PlateColour | None = None
    vin: Vin | None = None
    serial_no: SerialNo | None = None
    engine_no: Number | None = None
    purchase_contract_no: Number | None = None
    registration_no: Number | None = None
    lessee_name: Text | None = None
    registered_owner: Text | None = None
    estimated_value_yuan: Yuan | None = None
    valued_on: Day | None = None


class AssetFields(AssetDetails):
    """Data of a leased asset; also the columns of an import file."""

    asset_type: AssetType
    kind: AssetKind
    lease_contract_no: ContractNo
    essential_to_production: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def _identified(self) -> Self:
        if not any(getattr(self, kind) for kind in UNIQUE_IDENTIFIERS):
            raise ValueError(UNIDENTIFIED)
        return self


class AssetIn(AssetFields):
    """A leased asset to register."""

    lessor_id: LessorId = None


class AssetChangeIn(AssetDetails):
    """Changes of an asset; omitted fields keep their values, null clears an optional field."""

    asset_type: AssetType = Field(
        default_factory=lambda: AssetType.VEHICLE
    )  # never read: the router takes only fields that were set
    kind: AssetKind = Field(default_factory=lambda: AssetKind.OTHER)
    lease_contract_no: ContractNo = Field(default_factory=str)
    essential_to_production: Annotated[bool, Field(strict=True)] = Field(default_factory=bool)


class AssetOut(ResponseModel):
    """A leased asset."""

    asset_id: int
    lessor_id: int
    asset_type: AssetType
    kind: AssetKind
    make: str | None
    model: str | None
    plate_no: str | None
    plate_colour: str | None
    vin: str | None
    serial_no: str | None
    engine_no: str | None
    lease_contract_no: str
    purchase_contract_no: str | None
    registration_no: str | None
    lessee_name: str | None
    registered_owner: str | None
    estimated_value_yuan: Decimal | None
    valued_on: date | None
    essential_to_production: bool
    created_at: datetime
    changed_at: datetime


class DeviceFields(RequestModel):
    """Data of a tracker."""

    identifier: Number
    """IMEI, terminal phone number or serial, exactly as the feed sends it in ``device_id``."""
    kind: DeviceKind
    make: Text | None = None
    model: Text | None = None


class DeviceIn(DeviceFields):
    """A tracker to register."""

    lessor_id: LessorId = None


class DeviceChangeIn(RequestModel):
    """Changes of a tracker; omitted fields keep their values."""

    identifier: Number = Field(default_factory=str)
    kind: DeviceKind = Field(default_factory=lambda: DeviceKind.WIRED)
    make: Text | None = None
    model: Text | None = None


class DeviceOut(ResponseModel):
    """A tracker."""

    device_id: int
    lessor_id: int
    identifier: str
    kind: DeviceKind
    make: str | None
    model: str | None
    created_at: datetime


class BindingIn(RequestModel):
    """A device on an asset, from ``bound_from`` until (excluding) ``bound_until``."""

    device_id: Id
    asset_id: Id
    bound_from: BoundedMoment
    bound_until: BoundedMoment | None = None


class BindingChangeIn(RequestModel):
    """The end of a binding; null makes it open-ended. Stored pings are updated within seconds."""

    bound_until: BoundedMoment | None


class BindingOut(ResponseModel):
    """A past or present binding of a device to an asset."""

    binding_id: int
    device_id: int
    asset_id: int
    bound_from: datetime
    bound_until: datetime | None


class TransferIn(RequestModel):
    """A transfer of an asset from its lessor to another owner."""

    to_name: Text
    """The new owner."""
    transferred_at: BoundedMoment
    """When the lessor lost the asset; not in the future."""
    ground: Text
    """The reason: a sale, an assignment of the lease, a judgment."""


class TransferOut(ResponseModel):
    """A transfer of an asset from its lessor to another owner."""

    asset_id: int
    from_lessor_id: int
    to_name: str
    ground: str
    transferred_at: datetime
    recorded_at: datetime


class ImportLineOut(ResponseModel):
    """The outcome of a line of a file; the header is line 1."""

    line: int
    status: LineStatus
    asset_id: int | None
    field: str | None
    message: str | None


class ImportOut(ResponseModel):
    """The outcome of a file. Blank lines are not counted."""

    lines: int
    created: int
    unchanged: int
    rejected: int
    bound: int
    """Number of devices bound to an asset."""
    results: list[ImportLineOut]
    """All lines except those that only created an asset; every line with ``?results=all``."""


ResultsWanted = Literal["notable", "all"]
"""Which lines a report lists."""


class DepotIn(RequestModel):
    """A lessor's yard, with its surveyed position."""

    name: Text
    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, description="Degrees, WGS-84.")]
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, description="Degrees, WGS-84.")]
    radius_m: Annotated[float, Field(ge=1, le=5_000, allow_inf_nan=False, description="Metres.")] = 100.0
    lessor_id: LessorId = None


class DepotOut(ResponseModel):
    """A yard of a lessor."""

    depot_id: int
    lessor_id: int
    name: str
    lon: float
    lat: float
    radius_m: float
    created_at: datetime
