"""Words and rules of leased assets: kinds, identifiers and how they are written; pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final


class AssetType(StrEnum):
    """What law and market treat alike."""

    VEHICLE = "vehicle"
    CONSTRUCTION_MACHINERY = "construction_machinery"
    MEDICAL_DEVICE = "medical_device"
    PRODUCTION_EQUIPMENT = "production_equipment"


class AssetKind(StrEnum):
    """What stands in the yard; it decides who can move it."""

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
"""The type that a kind mostly has: a file may leave the type out. A truck-mounted crane can still be a vehicle."""


class PlateColour(StrEnum):
    """The ground of a plate; with the number it tells vehicles apart."""

    BLUE = "blue"
    YELLOW = "yellow"
    GREEN = "green"
    YELLOW_GREEN = "yellow_green"
    BLACK = "black"
    WHITE = "white"


class DeviceKind(StrEnum):
    """How a tracker gets its power."""

    WIRED = "wired"
    WIRELESS = "wireless"
    BUILT_IN = "built_in"


class IdentifierKind(StrEnum):
    """What an asset can be recognised by; the values are the fields' names."""

    VIN = "vin"
    PLATE_NO = "plate_no"
    SERIAL_NO = "serial_no"
    LEASE_CONTRACT_NO = "lease_contract_no"


UNIQUE_IDENTIFIERS: Final = (IdentifierKind.PLATE_NO, IdentifierKind.VIN, IdentifierKind.SERIAL_NO)
"""An asset has one of these at least, and shares none with another asset of its lessor."""
UNIDENTIFIED: Final = "expected at least one of plate_no, vin, serial_no"


@dataclass(frozen=True, slots=True)
class Lessor:
    """A leasing company."""

    lessor_id: int
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class AssetIdentity:
    """What a registered asset is recognised by, as it is stored: already normalised."""

    asset_id: int
    lessor_id: int
    vin: str | None
    plate_no: str | None
    serial_no: str | None
    lease_contract_no: str

    def identifier(self, kind: IdentifierKind) -> str | None:
        """Return one of the identifiers, normalised; None where the asset has none of this kind."""
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
_UNSEEN: Final = r"\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff"  # spaces, and what copying brings along
_SPACES: Final = re.compile(rf"[{_UNSEEN}]+")
_PLATE_MARKS: Final = re.compile(rf"[{_UNSEEN}·•・‧･.-]+")
_PROVINCES: Final = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_VIN: Final = re.compile(r"[A-HJ-NPR-Z0-9]{17}")
_PLATE: Final = re.compile(
    rf"[{_PROVINCES}][A-HJ-Z](?:"
    r"[A-HJ-NP-Z0-9]{4}[A-HJ-NP-Z0-9学挂警领港澳]"  # five characters; the last may say what it is
    r"|[A-HJK][A-HJ-NP-Z0-9][0-9]{4}|[0-9]{5}[A-HJK]"  # 新能源, six: small vehicles, large vehicles
    r")"
)


def half_width(text: str) -> str:
    """Return a text with full-width letters, digits, punctuation and spaces in their ASCII form, and no more changed.

    Unicode's NFKC would also turn ``①`` into ``1`` and ``½`` into ``1⁄2``: a reader of numbers must not.
    """
    return text.translate(_HALF_WIDTH)


def normalise_identifier(kind: IdentifierKind, text: str) -> str:
    """Return the one form in which an identifier is stored and compared.

    Full-width becomes half-width, letters upper case, white space and invisible characters go; in a plate the middle
    dot and hyphens go too (沪A·D12345 is 沪AD12345). Letters that look alike stay apart: nothing is guessed.
    Idempotent; never raises.
    """
    folded = half_width(text).upper()
    return (_PLATE_MARKS if kind is IdentifierKind.PLATE_NO else _SPACES).sub("", folded)


def identifier_fault(kind: IdentifierKind, normalised: str) -> str | None:
    """Return what is wrong with a normalised identifier, as a sentence, or None.

    A VIN is judged by its length and alphabet only: many Chinese trucks carry one whose check digit fails. A plate is
    judged by the forms of civil motor vehicles (GA 36, with 新能源); a machine with another plate goes by its serial
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
    """Return the function that normalises and checks identifiers of a kind; it raises ValueError with the fault."""

    def read(text: str) -> str:
        normalised = normalise_identifier(kind, text)
        fault = identifier_fault(kind, normalised)
        if fault:
            raise ValueError(fault)
        return normalised

    return read


def period(starts_at: datetime, ends_at: datetime | None) -> str:
    """Return a period in words; both moments are aware, and shown in UTC."""
    since = f"from {starts_at.astimezone(UTC).isoformat()}"
    return since if ends_at is None else f"{since} until {ends_at.astimezone(UTC).isoformat()}"


class ImportMode(StrEnum):
    """What to do with a file that has bad lines."""

    ALL_OR_NOTHING = "all_or_nothing"
    GOOD_ROWS = "good_rows"


class LineStatus(StrEnum):
    """What became of a line of a file."""

    CREATED = "created"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class LineResult:
    """What became of a line; a rejected line has one result for each of its faults.

    Attributes:
        line: Its number in the file, the header being line 1.
        status: What became of it.
        asset_id: The asset that it created or matches, None when rejected.
        field: The column at fault, None where the whole line is.
        message: What is wrong, or what else was done; None when there is nothing to say.
    """

    line: int
    status: LineStatus
    asset_id: int | None = None
    field: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a file, line by line.

    Attributes:
        written: Whether anything could be written: False when a bad line stopped the whole file, or its header did.
        lines: Lines of data; the header and blank lines are not counted.
        created: Assets that were registered.
        unchanged: Lines whose asset was registered already, with everything that the line says.
        rejected: Lines that were not taken.
        bound: Devices that were bound to an asset.
        every_line: Every line, in order.
    """

    written: bool
    lines: int
    created: int
    unchanged: int
    rejected: int
    bound: int
    every_line: tuple[LineResult, ...]

    @property
    def results(self) -> tuple[LineResult, ...]:
        """The lines that are not plainly created."""
        return tuple(result for result in self.every_line if result.status is not LineStatus.CREATED)
