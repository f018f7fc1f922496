"""HTML pages from Jinja2 templates that are package data, and the Content-Security-Policy for their style."""

import base64
import hashlib
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

HTML: Final = "text/html; charset=utf-8"


def templates_of(package: str) -> Environment:
    """Return the environment for the folder ``templates`` of a package, for example ``app.distribution``.

    Every value is escaped, whatever the file's suffix. A missing value raises ``jinja2.UndefinedError``.
    """
    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def style_policy(style: str) -> str:
    """Return a Content-Security-Policy that allows one inline style (exact text) and forms to this origin only.

    References:
        Content Security Policy Level 3, section 8.4 (hashes instead of 'unsafe-inline').
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    allowed = f"style-src 'sha256-{digest}'; form-action 'self'"
    return f"default-src 'none'; {allowed}; base-uri 'none'; frame-ancestors 'none'"
