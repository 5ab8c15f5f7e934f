"""AWS signatures, checked from the far side. Source: AWS IAM user guide, "Elements of an AWS API request signature"."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from ops.mock.refusal import Refusal
from ops.mock.wires.speaking import Incoming, bearer

_SIGNED = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/(?P<day>\d{8})/(?P<region>[\w-]+)/(?P<service>[\w-]+)/aws4_request"
    r",\s*SignedHeaders=(?P<names>[\w;-]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)
_SKEW = timedelta(minutes=5)


def check(incoming: Incoming) -> None:
    """Refuses who is not signed, or not by the secret; a bearer key is an API key of Bedrock and needs no signature."""
    key = bearer(incoming.headers)
    if key:
        if key.startswith("sk-bad"):
            raise Refusal(
                403, "Invalid API Key format: Must start with pre-defined prefix", code="AccessDeniedException"
            )
        return
    found = _SIGNED.fullmatch(incoming.header(b"authorization"))
    if found is None:
        raise Refusal(403, "Missing Authentication Token", code="MissingAuthenticationTokenException")
    stamp = incoming.header(b"x-amz-date")
    try:
        at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _mismatch("a valid 'X-Amz-Date' is needed") from None
    if abs(datetime.now(UTC) - at) > _SKEW or not stamp.startswith(found["day"]):
        raise Refusal(403, f"Signature expired: {stamp} is not now.", code="InvalidSignatureException")
    if found["service"] != "bedrock":
        raise Refusal(
            403, f"Credential should be scoped to correct service: 'bedrock', not '{found['service']}'.",
            code="InvalidSignatureException",
        )  # fmt: skip
    names = found["names"].split(";")
    if names != sorted(names) or "host" not in names:
        raise _mismatch("'host' must be a 'SignedHeader'")
    for name in names:
        if name.encode() not in incoming.headers:
            raise _mismatch(f"the signed header {name} was not sent")
    if not incoming.aws_secret:
        return
    signature = _signature(incoming, found, stamp, names)
    if not hmac.compare_digest(signature, found["signature"]):
        raise _mismatch("the signature does not match the one we calculated. Check your Secret Access Key")


def _signature(incoming: Incoming, found: re.Match[str], stamp: str, names: list[str]) -> str:
    path, _, query = incoming.target.partition("?")
    lines = [
        incoming.method,
        # what was sent is encoded once more, as everywhere but in S3
        "/".join(quote(segment, safe="-._~") for segment in path.split("/")),
        "&".join(sorted(query.split("&"))) if query else "",
        *(f"{name}:{' '.join(incoming.header(name.encode()).split())}" for name in names),
        "",
        ";".join(names),
        hashlib.sha256(incoming.body).hexdigest(),
    ]
    scope = f"{found['day']}/{found['region']}/{found['service']}/aws4_request"
    hashed = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = b"AWS4" + incoming.aws_secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashed}"
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _mismatch(problem: str) -> Refusal:
    return Refusal(403, f"The request signature is not valid: {problem}.", code="InvalidSignatureException")
