"""Examples of requests and answers for the OpenAPI document, from JSON files that are package data."""

import json
from importlib.resources import files
from typing import Any


def load_example(package: str, name: str) -> Any:
    """Return the content of a JSON file in a package's folder ``examples``.

    Args:
        package: For example ``app.distribution``.
        name: The file's name without its ending.
    """
    return json.loads(files(package).joinpath("examples", f"{name}.json").read_text(encoding="utf-8"))
