"""AWS Signature Version 4 as pure functions. Source: AWS General Reference, "Create a signed AWS API request".

No clock, no network and no search for credentials: all three come from the caller.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote, unquote_to_bytes

import msgspec

ALGORITHM = "AWS4-HMAC-SHA256"
_UNRESERVED = "-._~"


class AwsCredentials(msgspec.Struct, frozen=True):
    """A key pair; with a session token when it is temporary."""

    access_key: str
    secret_key: str
    session_token: str = ""

    def __repr__(self) -> str:
        return f"AwsCredentials(access_key={self.access_key!r})"


def sign(
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    credentials: AwsCredentials,
    region: str,
    service: str,
    at: datetime,
) -> dict[str, str]:
    """The headers to add to a request: `x-amz-date`, `authorization`, and `x-amz-security-token` if there is one.

    Args:
        path: as it is sent, each segment encoded once, as `catalogue.in_path` does.
        query: as it is sent, without the question mark.
        headers: everything to be signed, `host` among them. A proxy may change no other of them on the way.
        at: the time of the request, with a zone; AWS takes no more than five minutes of difference.
    """
    stamp = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    added = {"x-amz-date": stamp}
    if credentials.session_token:
        added["x-amz-security-token"] = credentials.session_token
    canonical, signed = canonical_request(method, path, query, {**headers, **added}, hashlib.sha256(body).hexdigest())
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    key = signing_key(credentials.secret_key, stamp[:8], region, service)
    signature = hmac.new(key, string_to_sign(stamp, scope, canonical).encode(), hashlib.sha256).hexdigest()
    added["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"
    )
    return added


def canonical_request(
    method: str, path: str, query: str, headers: Mapping[str, str], payload_hash: str
) -> tuple[str, str]:
    """The request in the form that is signed, and the names of the headers in it."""
    named = sorted((name.lower(), " ".join(value.split())) for name, value in headers.items())
    signed = ";".join(name for name, _ in named)
    lines = "".join(f"{name}:{value}\n" for name, value in named)
    parts = (method.upper(), canonical_path(path), canonical_query(query), lines, signed, payload_hash)
    return "\n".join(parts), signed


def canonical_path(path: str) -> str:
    """The path with `.` and `..` and doubled slashes resolved and every segment encoded once more than it is sent.

    A model's `:` is sent as `%3A` and signed as `%253A`: so does every service but S3.
    """
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if segments:
                segments.pop()
        elif segment not in ("", "."):
            segments.append(quote(segment, safe=_UNRESERVED))
    closing = "/" if segments and path.endswith(("/", "/.", "/..")) else ""
    return "/" + "/".join(segments) + closing


def canonical_query(query: str) -> str:
    """The pairs encoded in one way, in the order of their names and then their values."""
    pairs = []
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        pairs.append(tuple(quote(unquote_to_bytes(each), safe=_UNRESERVED) for each in (name, value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def string_to_sign(stamp: str, scope: str, canonical: str) -> str:
    return "\n".join((ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))


def signing_key(secret_key: str, day: str, region: str, service: str) -> bytes:
    """The key of one day, region and service. `day` is `YYYYMMDD`."""
    key = b"AWS4" + secret_key.encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
