"""The batch of our own format in docs/formats.md gets exactly the receipt that is below it."""

import json
import re
from pathlib import Path
from typing import Any

from tests.api import ApiUser

PAPER = Path(__file__).resolve().parents[3] / "docs" / "formats.md"


def shown(name: str) -> Any:
    found = re.search(rf"^<!-- {name} -->\n```json\n(.*?)\n```$", PAPER.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert found, name
    return json.loads(found[1])


async def test_the_documented_batch_gets_the_documented_receipt(lessor: ApiUser) -> None:
    answer = await lessor.client.post("/v1/pings", json=shown("batch"))
    assert answer.status_code == 200, answer.text
    assert answer.json() | {"batch_id": 1} == shown("receipt")
