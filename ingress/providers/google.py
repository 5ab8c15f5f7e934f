"""Google's tokens as pure functions: what to send for one, and what came back. Sources: RFC 7523; Google Cloud, "Using
OAuth 2.0 for server to server applications" and "About VM metadata". No clock, no network."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ingress.providers.token import BadCredential, TokenRequest

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
LIFETIME_S = 3_600
"""The longest that Google takes for an assertion."""
METADATA_HOST = "metadata.google.internal"
_METADATA_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class _ServiceAccount(msgspec.Struct, frozen=True):
    """The JSON of a service account's key, as far as it is needed."""

    client_email: str
    private_key: str
    token_uri: str = "https://oauth2.googleapis.com/token"
    private_key_id: str = ""
    type: str = "service_account"

    def __repr__(self) -> str:
        return f"ServiceAccount(client_email={self.client_email!r})"


def service_account_request(secret: str, now_s: int) -> TokenRequest:
    """What to send for an access token of a service account: an assertion signed with its key (RS256).

    Raises:
        BadCredential: the secret is not the JSON of a service account's key. The text does not quote it.
    """
    try:
        account = msgspec.json.decode(secret, type=_ServiceAccount)
        key: Any = load_pem_private_key(account.private_key.encode(), None)
    except (msgspec.MsgspecError, ValueError, TypeError, UnsupportedAlgorithm):
        raise BadCredential("it must be the JSON of a service account's key") from None
    if account.type != "service_account" or not isinstance(key, rsa.RSAPrivateKey):
        raise BadCredential("it must be the JSON of a service account's key, with an RSA key")
    check_endpoint(account.token_uri, "token_uri")
    head = {"alg": "RS256", "typ": "JWT"} | ({"kid": account.private_key_id} if account.private_key_id else {})
    claims = {
        "iss": account.client_email,
        "scope": SCOPE,
        "aud": account.token_uri,
        "iat": now_s,
        "exp": now_s + LIFETIME_S,
    }
    signed = f"{_text(msgspec.json.encode(head))}.{_text(msgspec.json.encode(claims))}"
    signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    body = urlencode({"grant_type": _GRANT, "assertion": f"{signed}.{_text(signature)}"}).encode()
    return TokenRequest("POST", account.token_uri, (("content-type", "application/x-www-form-urlencoded"),), body)


def metadata_request(host: str = METADATA_HOST) -> TokenRequest:
    """What to ask on a machine of Google's for the token of its own service account."""
    return TokenRequest("GET", f"http://{host}{_METADATA_PATH}", (("metadata-flavor", "Google"),))


def check_endpoint(url: str, field: str) -> None:
    """BadCredential unless an assertion or a secret may be sent there: encrypted, or not off this machine."""
    try:
        parts = urlsplit(url)
        safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1"))
        sound = bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:
        safe = sound = False
    if not (safe and sound) or not url.isascii() or not url.isprintable() or " " in url:
        raise BadCredential(f"{field} must be an https URL")


def _text(raw: bytes) -> str:
    """Base64url without padding (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
