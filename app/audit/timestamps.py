"""Time stamps of the audit trail's head from an external authority (RFC 3161).

The stamped text is ``NUMBER:SHA256`` of the head. The complete response is stored: the authority's root certificate
is enough to verify it independently.

References:
    RFC 3161, section 2.4 (request, response) and 3.4 (over HTTP).
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha512
from pathlib import Path
from typing import Final

import httpx
from cryptography import x509
from psycopg import AsyncConnection
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from app.audit.chain import Head
from app.core.errors import InvalidInput, Unavailable
from app.core.web.http_client import CallFailed, HttpClient

_MOST_BYTES: Final = 1024 * 1024
_GRANTED: Final = 0
_KEEP: Final = """
    INSERT INTO trail_anchor (made_at, trail_no, link, authority, token) VALUES (%s, %s, %s, %s, %s)"""
_KEPT: Final = "SELECT trail_no, link, token FROM trail_anchor ORDER BY anchor_id"
_LAST: Final = "SELECT max(made_at) FROM trail_anchor"


@dataclass(frozen=True, slots=True)
class Stamp:
    """A stamped head; ``token`` is the authority's response (DER), ``stamped_at`` the authority's time, aware."""

    head: Head
    token: bytes
    stamped_at: datetime


def _read(head: Head, token: bytes) -> Stamp:
    """Parse a time stamp without verifying its signature; raises ``ValueError`` if it is not of this head."""
    answer: TimeStampResponse = decode_timestamp_response(token)
    if answer.status != _GRANTED:
        msg = f"the authority did not grant it (status {answer.status})"
        raise ValueError(msg)
    if answer.tst_info.message_imprint.message != sha512(str(head).encode()).digest():
        msg = "it is a stamp on something else"
        raise ValueError(msg)
    return Stamp(head, token, answer.tst_info.gen_time)


async def stamp(head: Head, url: str) -> Stamp:
    """Request a time stamp of a head from the authority at ``url``.

    Plain HTTP is allowed, since the response is signed. Raises ``Unavailable`` without a time stamp of this head.
    """
    request = (
        TimestampRequestBuilder()
        .data(str(head).encode())
        .hash_algorithm(HashAlgorithm.SHA512)
        .nonce(nonce=True)
        .cert_request(cert_request=True)
        .build()
    )
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    try:
        async with HttpClient(
            allow_private=True,  # the address is the operator's own setting
            connect_s=20,
            idle_s=20,
            total_s=60,
            max_bytes=_MOST_BYTES,
            verify=httpx.create_ssl_context(),  # heeds SSL_CERT_FILE
        ) as client:
            answer = await client.call("the time stamp authority", url, headers, request.as_bytes())
    except CallFailed as failure:
        raise Unavailable(f"No time stamp was made: {failure.reason}.") from failure
    try:
        found = _read(head, answer.body)
        nonce = decode_timestamp_response(answer.body).tst_info.nonce
    except ValueError as error:
        raise Unavailable(f"The time stamp authority's answer is of no use: {error}.") from error
    if nonce != request.nonce:
        raise Unavailable("The time stamp authority's answer is one to another request.")
    return found


async def keep(connection: AsyncConnection, made: Stamp, authority: str, at: datetime) -> None:
    """Store a stamp, with the authority's URL and the time by our clock; the connection has the service role."""
    await connection.execute(_KEEP, (at, made.head.trail_no, made.head.link, authority, made.token))


async def last_kept_at(connection: AsyncConnection) -> datetime | None:
    """Return when the newest stamp was requested, by our clock; None without any."""
    row = await (await connection.execute(_LAST)).fetchone()
    return row[0] if row else None


async def kept(connection: AsyncConnection) -> list[Stamp]:
    """Return the stored stamps, oldest first. Raises ``InvalidInput`` if one is not of its head."""
    stamps = []
    for trail_no, link, token in await (await connection.execute(_KEPT)).fetchall():
        head = Head(trail_no, link)
        try:
            stamps.append(_read(head, token))
        except ValueError as error:
            raise InvalidInput(f"The time stamp on number {trail_no} of the trail does not hold: {error}.") from error
    return stamps


def check_signatures(stamps: list[Stamp], roots: Path) -> None:
    """Verify that stamps are signed by a trusted authority; ``roots`` is a file of root certificates, PEM.

    Raises:
        InvalidInput: One is not, or the file holds no certificate.
    """
    try:
        certificates = x509.load_pem_x509_certificates(roots.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{roots} cannot be read as PEM certificates.", field="tsa_roots") from error
    verifier = VerifierBuilder(roots=certificates).build()
    for made in stamps:
        try:
            verifier.verify_message(decode_timestamp_response(made.token), str(made.head).encode())
        except (VerificationError, ValueError) as error:
            words = f"The time stamp on number {made.head.trail_no} of the trail is not the authority's: {error}."
            raise InvalidInput(words) from error
