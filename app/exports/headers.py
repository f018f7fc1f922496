"""HTTP headers of exported files."""

import base64
import hashlib

from app.exports.stamp import Stamp


def repr_digest(body: bytes) -> dict[str, str]:
    """Return the header with the SHA-256 of a body (RFC 9530, which replaces the older ``Digest``)."""
    return {"Repr-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"}


def export_headers(body: bytes, stamp: Stamp, filename: str) -> dict[str, str]:
    """Return the headers of a file: its name, its export number, and the digest of its bytes."""
    return {
        "Content-Disposition": f'attachment; filename="{filename}"',
        "X-LeaseTrace-Export": stamp.export_id,
        **repr_digest(body),
    }
