"""Serves the API page (Swagger UI) from files of a package; its content security policy allows nothing else."""

import base64
import hashlib
import re
from importlib.resources import files
from typing import Final

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

PATH: Final = "/docs"
_STATIC: Final = "/static-offline-docs"
_INLINE_SCRIPT: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def policy_of(page: str) -> str:
    """Return the content security policy of a page: its inline scripts by hash, everything else from this origin.

    References:
        Content Security Policy Level 3, section 8.4 (hashes instead of 'unsafe-inline').
    """
    digests = [hashlib.sha256(script.encode()).digest() for script in _INLINE_SCRIPT.findall(page)]
    scripts = " ".join(["'self'", *(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)])
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' data:; connect-src 'self';"
        " frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )


def install(app: FastAPI) -> None:
    """Serve the page and its files."""
    app.mount(_STATIC, StaticFiles(directory=str(files("fastapi_offline") / "static")), name="static-offline-docs")

    @app.get(PATH, include_in_schema=False)
    async def api_page(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "")
        page = get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=f"{app.title}: the API",
            swagger_js_url=f"{root}{_STATIC}/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{_STATIC}/swagger-ui.css",
            swagger_favicon_url=f"{root}{_STATIC}/favicon.png",
        )
        text = bytes(page.body).decode()
        return HTMLResponse(text, headers={"Content-Security-Policy": policy_of(text)})
