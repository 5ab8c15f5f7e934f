"""AWS credentials that are given for a token: of a web identity (STS), or of a person who signed in (Identity Center).

Pure steps. Sources: AWS STS API reference, "AssumeRoleWithWebIdentity"; IAM Identity Center Portal API reference,
"GetRoleCredentials"; AWS SDKs and Tools Reference, "Assume role", "IAM Identity Center credential provider".
"""

from __future__ import annotations

import hashlib
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

import msgspec

from ingress.providers.aws_chain import AwsFound, profiles, sound
from ingress.providers.google import check_endpoint
from ingress.providers.sigv4 import AwsCredentials
from ingress.providers.token import BadCredential, TokenRequest

_STS = "{https://sts.amazonaws.com/doc/2011-06-15/}"
_REGION = re.compile(r"[a-z0-9-]{1,40}\Z")
_FORM = (("content-type", "application/x-www-form-urlencoded"), ("accept", "text/xml"))
_SESSION = "nexus-gateway"


class WebIdentity(msgspec.Struct, frozen=True):
    """A role that may be had for the token in a file."""

    role: str
    token_file: str
    session: str
    region: str


class SignIn(msgspec.Struct, frozen=True):
    """A role that may be had by who has signed in."""

    account: str
    role: str
    region: str
    cached: str
    """Name of the file, in `~/.aws/sso/cache`, with the token."""


class _Cached(msgspec.Struct):
    accessToken: str
    expiresAt: str

    def __repr__(self) -> str:
        return "_Cached()"


class _Role(msgspec.Struct):
    accessKeyId: str
    secretAccessKey: str
    sessionToken: str
    expiration: int
    """Milliseconds since 1970."""

    def __repr__(self) -> str:
        return "_Role()"


class _Given(msgspec.Struct):
    roleCredentials: _Role


def profile_of(text: str, profile: str) -> dict[str, str]:
    """A profile of the shared config file, with what its sign-in session says; empty when it is not in it.

    Raises:
        BadCredential: the text is no such file.
    """
    reader = profiles(text, "the shared config file")
    section = "default" if profile == "default" else f"profile {profile}"
    if not reader.has_section(section):
        return {}
    found = dict(reader.items(section))
    session = f"sso-session {found.get('sso_session', '')}"
    return {**dict(reader.items(session)), **found} if reader.has_section(session) else found


def web_identity(environment: Mapping[str, str], profile: Mapping[str, str]) -> WebIdentity | None:
    """What the environment says of one, else the profile; None when neither does."""
    region = environment.get("AWS_REGION", "") or environment.get("AWS_DEFAULT_REGION", "") or profile.get("region", "")
    token_file = environment.get("AWS_WEB_IDENTITY_TOKEN_FILE", "")
    role, session = environment.get("AWS_ROLE_ARN", ""), environment.get("AWS_ROLE_SESSION_NAME", "")
    if not token_file:
        token_file = profile.get("web_identity_token_file", "")
        role, session = profile.get("role_arn", ""), profile.get("role_session_name", "")
    if not token_file or not role:
        return None
    return WebIdentity(role, token_file, session or _SESSION, region)


def web_identity_request(asked: WebIdentity, token: str, environment: Mapping[str, str]) -> TokenRequest:
    """What to send to STS, which wants no signature for it.

    Raises:
        BadCredential: there is no token, or nowhere to send it.
    """
    if not token.strip():
        raise BadCredential("the file with the web identity's token is empty or cannot be read")
    server = _server(environment, "AWS_ENDPOINT_URL_STS", "https://sts.{region}.amazonaws.com", asked.region)
    form = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": asked.role,
        "RoleSessionName": asked.session,
        "WebIdentityToken": token.strip(),
    }
    return TokenRequest("POST", server + "/", _FORM, urlencode(form).encode())


def read_assumed(raw: bytes) -> AwsFound:
    """STS's answer, XML. Raises BadCredential."""
    try:
        # what declares entities is no answer of STS's
        root = None if b"<!" in raw else ElementTree.fromstring(raw)
        found = None if root is None else root.find(f".//{_STS}Credentials")
    except ElementTree.ParseError:
        found = None
    if found is None:
        raise BadCredential("the answer of STS is no credential")
    told = {name: found.findtext(_STS + name, "") for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")}
    try:
        until = datetime.fromisoformat(found.findtext(_STS + "Expiration", "")).timestamp()
    except ValueError:
        raise BadCredential("the answer of STS is no credential") from None
    return AwsFound(sound(AwsCredentials(*told.values())), until)


def sign_in(profile: Mapping[str, str]) -> SignIn | None:
    """What a profile says of one; None when it says nothing.

    Raises:
        BadCredential: it says half of it.
    """
    start = profile.get("sso_start_url", "")
    if not start or not profile.get("sso_account_id"):
        return None
    account, role, region = (profile.get(name, "") for name in ("sso_account_id", "sso_role_name", "sso_region"))
    if not account or not role or not _REGION.match(region):
        raise BadCredential("the profile must have sso_account_id, sso_role_name and sso_region")
    # the name of a file, as AWS's own tools make it
    name = hashlib.sha1((profile.get("sso_session", "") or start).encode(), usedforsecurity=False).hexdigest()
    return SignIn(account, role, region, name + ".json")


def sign_in_request(asked: SignIn, cached: str, now_s: float, environment: Mapping[str, str]) -> TokenRequest:
    """What to ask the portal with the token that signing in left.

    Raises:
        BadCredential: nobody has signed in, or it was too long ago.
    """
    try:
        told = msgspec.json.decode(cached, type=_Cached)
        until = datetime.fromisoformat(told.expiresAt.replace("UTC", "Z")).timestamp()
    except (msgspec.MsgspecError, ValueError):
        raise BadCredential("nobody has signed in for this profile; run `aws sso login`") from None
    token = told.accessToken
    if until <= now_s or not token.isascii() or not token.isprintable():
        raise BadCredential("the sign-in of this profile has ended; run `aws sso login`")
    server = _server(environment, "AWS_ENDPOINT_URL_SSO", "https://portal.sso.{region}.amazonaws.com", asked.region)
    query = urlencode({"role_name": asked.role, "account_id": asked.account})
    return TokenRequest("GET", f"{server}/federation/credentials?{query}", (("x-amz-sso_bearer_token", token),))


def read_signed_in(raw: bytes) -> AwsFound:
    """The portal's answer. Raises BadCredential."""
    try:
        told = msgspec.json.decode(raw, type=_Given).roleCredentials
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise BadCredential("the portal's answer is no credential") from None
    found = AwsCredentials(told.accessKeyId, told.secretAccessKey, told.sessionToken)
    return AwsFound(sound(found), told.expiration / 1000)


def _server(environment: Mapping[str, str], variable: str, usual: str, region: str) -> str:
    own = environment.get(variable, "").rstrip("/")
    if own:
        check_endpoint(own, variable)
        return own
    if not _REGION.match(region):
        raise BadCredential("AWS_REGION must name the region to ask in")
    return usual.format(region=region) + (".cn" if region.startswith("cn-") else "")
