"""Each example body in docs/formats.md is read into the row below it."""

import json
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from app.telemetry.domain import BLOCKING, Doubt, RejectCode
from app.telemetry.formats import aemp, flespi, json_pings, osmand, owntracks, traccar
from app.telemetry.formats.ping_files import FileOptions, read_batches
from app.telemetry.formats.ping_row import Arrival, PingRow

PAPER = Path(__file__).resolve().parents[3] / "docs" / "formats.md"
EXAMPLE = re.compile(
    r"^<!-- example: (?P<title>.+?) -->\n```\w*\n(?P<body>.*?)\n```\n\n```json\n(?P<row>.*?)\n```$",
    re.DOTALL | re.MULTILINE,
)
DECODERS = {
    "traccar": traccar.decode,
    "osmand": osmand.decode,
    "osmand-json": osmand.decode,
    "owntracks": owntracks.decode,
    "flespi": flespi.decode,
}
EXAMPLES = {found["title"]: found for found in EXAMPLE.finditer(PAPER.read_text(encoding="utf-8"))}


def read_file(body: str, kind: str, options: list[str], folder: Path) -> list[PingRow]:
    file = folder / f"example.{kind}"
    file.write_text(body, encoding="utf-8")
    given = dict(zip(options[::2], options[1::2], strict=True))
    how = FileOptions(zone=ZoneInfo(given["--time-zone"]))
    ((packed, _),) = read_batches(file, how, 100)
    return json_pings.decode(packed, ndjson=True, max_rows=100).rows


def read(title: str, body: str, folder: Path) -> list[PingRow]:
    name, *options = shlex.split(title)
    if name == "csv":
        return read_file(body, name, options, folder)
    if name == "aemp":
        return aemp.decode_page(body.encode(), "application/xml").rows
    content_type = "application/x-www-form-urlencoded" if name == "osmand" else "application/json"
    arrival = Arrival(body.encode(), content_type, "", datetime(2026, 11, 23, 4, tzinfo=UTC))
    return DECODERS[name](arrival, 100).rows


def shown(row: PingRow) -> dict[str, Any]:
    """A row as the paper shows it: what is absent is left out."""
    return {name: value for name, value in msgspec.to_builtins(row).items() if value is not None}


def test_every_foreign_format_has_an_example() -> None:
    assert {title.split()[0] for title in EXAMPLES} == {*DECODERS, "csv", "aemp"}


@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_becomes_the_row_below_it(title: str, tmp_path: Path) -> None:
    (row,) = read(title, EXAMPLES[title]["body"], tmp_path)
    assert shown(row) == json.loads(EXAMPLES[title]["row"])


def rows_under(heading: str) -> list[list[str]]:
    """The cells of the last table below a heading, without its head."""
    section = re.split(r"^#+ ", PAPER.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1], flags=re.MULTILINE)[
        0
    ]
    table = section.rstrip().rpartition("|---|")[2]
    return [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| `")]


def test_every_doubt_stands_in_the_paper_with_whether_it_blocks() -> None:
    told = [(row[0].strip("`"), row[1]) for row in rows_under("Doubts of stored rows")]
    assert sorted(told) == sorted((str(d.name).lower(), "yes" if d & BLOCKING else "no") for d in Doubt)


def test_every_code_of_a_rejected_row_stands_in_the_paper() -> None:
    assert sorted(row[0].strip("`") for row in rows_under("Codes of rejected rows")) == sorted(RejectCode)


def test_every_field_of_a_ping_stands_in_the_paper_once() -> None:
    fields = [row[0].strip("`") for row in rows_under("Our own format: JSON and NDJSON")]
    named = {field.name for field in msgspec.structs.fields(PingRow)}
    assert set(fields) == named
    assert len(fields) == len(named)
