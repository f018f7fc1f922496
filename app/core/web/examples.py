"""Examples of requests and responses for the OpenAPI document, from JSON files that are package data."""

import json
from importlib.resources import files
from typing import Any


def load_example(package: str, name: str) -> Any:
    """Return the content of ``examples/<name>.json`` in a package, for example ``app.distribution``."""
    return json.loads(files(package).joinpath("examples", f"{name}.json").read_text(encoding="utf-8"))
