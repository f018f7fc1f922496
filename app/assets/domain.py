"""Terms and rules of leased assets: kinds, identifiers and their normal form; pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final


class AssetType(StrEnum):
    """The category in law and on the market."""

    VEHICLE = "vehicle"
    CONSTRUCTION_MACHINERY = "construction_machinery"
    MEDICAL_DEVICE = "medical_device"
    PRODUCTION_EQUIPMENT = "production_equipment"


class AssetKind(StrEnum):
    """The kind of machine; it decides who can move it."""

    HEAVY_TRUCK = "heavy_truck"
    LIGHT_TRUCK = "light_truck"
    CAR = "car"
    BUS = "bus"
    EXCAVATOR = "excavator"
    CRANE = "crane"
    MIXER = "mixer"
    LOADER = "loader"
    MEDICAL_DEVICE = "medical_device"
    PRODUCTION_EQUIPMENT = "production_equipment"
    OTHER = "other"


TYPE_OF_KIND: Final[Mapping[str, AssetType]] = {
    AssetKind.HEAVY_TRUCK: AssetType.VEHICLE,
    AssetKind.LIGHT_TRUCK: AssetType.VEHICLE,
    AssetKind.CAR: AssetType.VEHICLE,
    AssetKind.BUS: AssetType.VEHICLE,
    AssetKind.EXCAVATOR: AssetType.CONSTRUCTION_MACHINERY,
    AssetKind.CRANE: AssetType.CONSTRUCTION_MACHINERY,
    AssetKind.MIXER: AssetType.CONSTRUCTION_MACHINERY,
    AssetKind.LOADER: AssetType.CONSTRUCTION_MACHINERY,
    AssetKind.MEDICAL_DEVICE: AssetType.MEDICAL_DEVICE,
    AssetKind.PRODUCTION_EQUIPMENT: AssetType.PRODUCTION_EQUIPMENT,
}
"""The usual type of a kind, for files without a type. A truck-mounted crane can still be a vehicle."""


class PlateColour(StrEnum):
    """The background colour of a plate; with the number it identifies a vehicle."""

    BLUE = "blue"
    YELLOW = "yellow"
    GREEN = "green"
    YELLOW_GREEN = "yellow_green"
    BLACK = "black"
    WHITE = "white"


class DeviceKind(StrEnum):
    """The power supply of a tracker."""

    WIRED = "wired"
    WIRELESS = "wireless"
    BUILT_IN = "built_in"


class IdentifierKind(StrEnum):
    """The identifiers of an asset; the values are field names."""

    VIN = "vin"
    PLATE_NO = "plate_no"
    SERIAL_NO = "serial_no"
    LEASE_CONTRACT_NO = "lease_contract_no"


UNIQUE_IDENTIFIERS: Final = (IdentifierKind.PLATE_NO, IdentifierKind.VIN, IdentifierKind.SERIAL_NO)
"""An asset has at least one of these, and shares none with another asset of its lessor."""
UNIDENTIFIED: Final = "expected at least one of plate_no, vin, serial_no"


@dataclass(frozen=True, slots=True)
class Lessor:
    """A leasing company."""

    lessor_id: int
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class AssetIdentity:
    """The identifiers of a registered asset, normalised."""

    asset_id: int
    lessor_id: int
    vin: str | None
    plate_no: str | None
    serial_no: str | None
    lease_contract_no: str

    def identifier(self, kind: IdentifierKind) -> str | None:
        """Return one identifier, normalised; None where the asset has none of this kind."""
        match kind:
            case IdentifierKind.VIN:
                return self.vin
            case IdentifierKind.PLATE_NO:
                return self.plate_no
            case IdentifierKind.SERIAL_NO:
                return self.serial_no
            case IdentifierKind.LEASE_CONTRACT_NO:
                return self.lease_contract_no


_HALF_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_UNSEEN: Final = (
    r"\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff"  # spaces, and invisible characters from copying
)
_SPACES: Final = re.compile(rf"[{_UNSEEN}]+")
_PLATE_MARKS: Final = re.compile(rf"[{_UNSEEN}·•・‧･.-]+")
_PROVINCES: Final = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_VIN: Final = re.compile(r"[A-HJ-NPR-Z0-9]{17}")
_PLATE: Final = re.compile(
    rf"[{_PROVINCES}][A-HJ-Z](?:"
    r"[A-HJ-NP-Z0-9]{4}[A-HJ-NP-Z0-9学挂警领港澳]"  # five characters; the last may be a category
    r"|[A-HJK][A-HJ-NP-Z0-9][0-9]{4}|[0-9]{5}[A-HJK]"  # 新能源, six: small vehicles, large vehicles
    r")"
)


def half_width(text: str) -> str:
    """Return a text with full-width letters, digits, punctuation and spaces in ASCII, otherwise unchanged.

    Unicode's NFKC would also turn ``①`` into ``1`` and ``½`` into ``1⁄2``, which must not happen to numbers.
    """
    return text.translate(_HALF_WIDTH)


def normalise_identifier(kind: IdentifierKind, text: str) -> str:
    """Return the normal form in which an identifier is stored and compared.

    Full-width becomes half-width, letters become upper case, white space and invisible characters are removed; in a
    plate also the middle dot and hyphens (沪A·D12345 is 沪AD12345). Similar letters stay distinct: nothing is
    guessed. Idempotent; never raises.
    """
    folded = half_width(text).upper()
    return (_PLATE_MARKS if kind is IdentifierKind.PLATE_NO else _SPACES).sub("", folded)


def identifier_fault(kind: IdentifierKind, normalised: str) -> str | None:
    """Return the fault of a normalised identifier as a sentence, or None.

    A VIN is checked by length and alphabet only: many Chinese trucks have a wrong check digit. A plate is checked
    against the forms of civil motor vehicles (GA 36, with 新能源); a machine with another plate uses its serial
    number. Serial and contract numbers are free text.
    """
    if not normalised:
        return "expected some text, got only spaces"
    if kind is IdentifierKind.VIN and not _VIN.fullmatch(normalised):
        return "expected a VIN of 17 letters and digits, without I, O and Q"
    if kind is IdentifierKind.PLATE_NO and not _PLATE.fullmatch(normalised):
        return "expected a Chinese plate number such as 沪A12345 or, new energy, 沪AD12345"
    return None


def read_identifier(kind: IdentifierKind) -> Callable[[str], str]:
    """Return the function that normalises and checks identifiers of a kind; a fault raises ``ValueError``."""

    def read(text: str) -> str:
        normalised = normalise_identifier(kind, text)
        fault = identifier_fault(kind, normalised)
        if fault:
            raise ValueError(fault)
        return normalised

    return read


def period(starts_at: datetime, ends_at: datetime | None) -> str:
    """Return a period as text in UTC; both times are aware."""
    since = f"from {starts_at.astimezone(UTC).isoformat()}"
    return since if ends_at is None else f"{since} until {ends_at.astimezone(UTC).isoformat()}"


class ImportMode(StrEnum):
    """How to treat a file with bad lines."""

    ALL_OR_NOTHING = "all_or_nothing"
    GOOD_ROWS = "good_rows"


class LineStatus(StrEnum):
    """The outcome of a line of a file."""

    CREATED = "created"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class LineResult:
    """The outcome of a line; a rejected line has one result for each fault."""

    line: int  # its number in the file; the header is line 1
    status: LineStatus
    asset_id: int | None = None  # the asset that it created or matches, None when rejected
    field: str | None = None  # the column at fault, None where it is the whole line
    message: str | None = None  # the fault, or a further effect; otherwise None


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The outcome of a file, line by line."""

    written: bool  # False where a bad line or a bad header stopped the whole file
    lines: int  # lines of data, without the header and blank lines
    created: int  # number of assets registered
    unchanged: int  # number of lines that equal a registered asset
    rejected: int  # number of lines not accepted
    bound: int  # number of devices bound to an asset
    every_line: tuple[LineResult, ...]  # every line, in order

    @property
    def results(self) -> tuple[LineResult, ...]:
        """All lines except those that only created an asset."""
        return tuple(result for result in self.every_line if result.status is not LineStatus.CREATED)
