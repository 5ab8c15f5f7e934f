"""Where AWS's credentials come from when an account names none, as pure steps. Source: AWS SDKs and Tools Reference,
"Standardized credential providers". Files and addresses are read by the gateway."""

from __future__ import annotations

import configparser
import ipaddress
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

import msgspec

from ingress.providers.sigv4 import AwsCredentials
from ingress.providers.token import BadCredential, TokenRequest

CONTAINER = "http://169.254.170.2"
IMDS = "http://169.254.169.254"
_CONTAINER_HOSTS = ("169.254.170.2", "169.254.170.23", "fd00:ec2::23", "localhost")
_IMDS_TOKEN_S = 21_600
_ROLES = "/latest/meta-data/iam/security-credentials/"


class AwsFound(msgspec.Struct, frozen=True):
    """Credentials, and until when (seconds since 1970); 0 for those that stay."""

    credentials: AwsCredentials
    until_s: float = 0.0


class _Given(msgspec.Struct):
    access_key_id: str
    secret_access_key: str
    session_token: str = ""

    def __repr__(self) -> str:
        return "_Given()"


class _Served(msgspec.Struct):
    """What a container's or an instance's metadata tells."""

    AccessKeyId: str
    SecretAccessKey: str
    Token: str = ""
    Expiration: str = ""

    def __repr__(self) -> str:
        return "_Served()"


def sound(found: AwsCredentials) -> AwsCredentials:
    """The same, which can stand in a header. Raises BadCredential."""
    for text in (found.access_key, found.session_token):
        if not text.isascii() or not text.isprintable() or " " in text:
            raise BadCredential("it cannot stand in a header")
    if not found.access_key or not found.secret_key:
        raise BadCredential("the access key or its secret is empty")
    return found


def given(secret: str) -> AwsCredentials:
    """A credential of Nexus: the JSON `{access_key_id, secret_access_key, session_token}`.

    Raises:
        BadCredential
    """
    try:
        told = msgspec.json.decode(secret, type=_Given)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise BadCredential(
            "it must be the JSON {access_key_id, secret_access_key, session_token}, or a Bedrock API key"
        ) from None
    return sound(AwsCredentials(told.access_key_id, told.secret_access_key, told.session_token))


def from_environment(environment: Mapping[str, str]) -> AwsFound | None:
    key, secret = environment.get("AWS_ACCESS_KEY_ID", ""), environment.get("AWS_SECRET_ACCESS_KEY", "")
    if not key or not secret:
        return None
    return AwsFound(sound(AwsCredentials(key, secret, environment.get("AWS_SESSION_TOKEN", ""))))


def profiles(text: str, file: str) -> configparser.RawConfigParser:
    """The sections of a shared file, in which no section is the default of others.

    Raises:
        BadCredential: the text is no such file.
    """
    reader = configparser.RawConfigParser(default_section="\0", strict=False)
    try:
        reader.read_string(text)
    except configparser.Error:
        raise BadCredential(f"{file} cannot be read") from None
    return reader


def from_file(text: str, profile: str) -> AwsFound | None:
    """A profile of the shared credentials file; None when it is not in it.

    Raises:
        BadCredential: the text is no such file.
    """
    reader = profiles(text, "the shared credentials file")
    section = next((name for name in (profile, f"profile {profile}") if reader.has_section(name)), "")
    if not section or not reader.has_option(section, "aws_access_key_id"):
        return None
    values = dict(reader.items(section))
    found = AwsCredentials(
        values["aws_access_key_id"], values.get("aws_secret_access_key", ""), values.get("aws_session_token", "")
    )
    return AwsFound(sound(found))


def container_request(environment: Mapping[str, str], authorization: str) -> TokenRequest | None:
    """What to ask in a container; None outside of one.

    Args:
        authorization: the token that goes with it, from the environment or the file that it names.

    Raises:
        BadCredential: the environment names an address that a credential may not come from.
    """
    relative = environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "")
    url = CONTAINER + relative if relative else environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")
    if not url:
        return None
    host = urlsplit(url).hostname or ""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not (url.startswith("https://") or (url.startswith("http://") and (local or host in _CONTAINER_HOSTS))):
        raise BadCredential("AWS_CONTAINER_CREDENTIALS_FULL_URI must be https or this machine's own")
    headers = (("authorization", authorization.strip()),) if authorization else ()
    return TokenRequest("GET", url, headers)


def instance_token_request(base: str) -> TokenRequest:
    """IMDSv2: without this token, nothing is told."""
    return TokenRequest(
        "PUT", base + "/latest/api/token", (("x-aws-ec2-metadata-token-ttl-seconds", str(_IMDS_TOKEN_S)),)
    )


def instance_request(base: str, token: str, role: str = "") -> TokenRequest:
    """The instance's role, or the credentials of that role."""
    return TokenRequest("GET", base + _ROLES + role, (("x-aws-ec2-metadata-token", token),))


def read_served(raw: bytes) -> AwsFound:
    """Raises BadCredential."""
    try:
        told = msgspec.json.decode(raw, type=_Served)
        until = datetime.fromisoformat(told.Expiration).timestamp() if told.Expiration else 0.0
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
        raise BadCredential("the metadata server's answer is no credential") from None
    return AwsFound(sound(AwsCredentials(told.AccessKeyId, told.SecretAccessKey, told.Token)), until)
