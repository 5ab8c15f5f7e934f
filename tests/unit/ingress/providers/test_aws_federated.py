"""AWS credentials for a token: what is asked, and what is made of the answers."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from ingress.providers import aws_federated
from ingress.providers.aws_federated import (
    SignIn,
    WebIdentity,
    profile_of,
    read_assumed,
    read_signed_in,
    sign_in,
    sign_in_request,
    web_identity,
    web_identity_request,
)
from ingress.providers.token import BadCredential

ENVIRONMENT = {
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/token",
    "AWS_ROLE_ARN": "arn:aws:iam::1:role/r",
    "AWS_REGION": "eu-west-1",
}
ASSUMED = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><SubjectFromWebIdentityToken>s</SubjectFromWebIdentityToken><Credentials>
<SessionToken>session</SessionToken><SecretAccessKey>secret</SecretAccessKey>
<Expiration>2026-10-24T23:00:23Z</Expiration><AccessKeyId>ASIA</AccessKeyId>
</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""
CONFIG = """
[default]
region = us-west-2
[profile work]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Reader
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-central-1
[profile old]
sso_start_url = https://old.awsapps.com/start
sso_region = us-east-1
sso_account_id = 1
sso_role_name = R
[profile web]
web_identity_token_file = /t
role_arn = arn:w
role_session_name = n
region = us-gov-west-1
[profile half]
sso_start_url = https://x
sso_account_id = 1
"""


def test_a_web_identity_is_the_environment_s_or_the_profile_s() -> None:
    assert web_identity(ENVIRONMENT, {}) == WebIdentity("arn:aws:iam::1:role/r", "/token", "nexus-gateway", "eu-west-1")
    assert web_identity({}, profile_of(CONFIG, "web")) == WebIdentity("arn:w", "/t", "n", "us-gov-west-1")
    assert web_identity({"AWS_ROLE_ARN": "r"}, {}) is None
    assert web_identity({}, profile_of(CONFIG, "default")) is None


def test_sts_is_asked_in_the_region_with_the_token_in_the_body_only() -> None:
    asked = web_identity(ENVIRONMENT, {})
    assert asked is not None
    request = web_identity_request(asked, " jwt\n", ENVIRONMENT)
    assert (request.method, request.url) == ("POST", "https://sts.eu-west-1.amazonaws.com/")
    form = parse_qs(request.body.decode())
    assert form["Action"] == ["AssumeRoleWithWebIdentity"] and form["WebIdentityToken"] == ["jwt"]
    assert "jwt" not in repr(request)
    with pytest.raises(BadCredential, match="empty"):
        web_identity_request(asked, " ", ENVIRONMENT)
    with pytest.raises(BadCredential, match="AWS_REGION"):
        web_identity_request(WebIdentity("r", "/t", "s", "eu/../x"), "jwt", {})
    with pytest.raises(BadCredential, match="https"):
        web_identity_request(asked, "jwt", {"AWS_ENDPOINT_URL_STS": "http://elsewhere.example"})


def test_what_sts_gives() -> None:
    found = read_assumed(ASSUMED.encode())
    given = found.credentials
    assert (given.access_key, given.secret_key, given.session_token) == ("ASIA", "secret", "session")
    assert found.until_s == 1_792_882_823


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"no", b"<a/>", b"\xff",
        ASSUMED.replace("2026-10-24T23:00:23Z", "soon").encode(),
        ASSUMED.replace("ASIA", "").encode(),
        ASSUMED.replace("ASIA", "A\nB").encode(),
        b'<!DOCTYPE a [<!ENTITY b "bbbb">]>' + ASSUMED.replace("ASIA", "&b;").encode(),
    ],
)  # fmt: skip
def test_what_is_no_answer_of_sts_is_refused_and_not_quoted(raw: bytes) -> None:
    with pytest.raises(BadCredential) as told:
        read_assumed(raw)
    assert "secret" not in str(told.value).replace("its secret is empty", "")


def test_a_sign_in_is_found_by_its_session_or_its_address() -> None:
    def name(text: str) -> str:
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() + ".json"

    assert sign_in(profile_of(CONFIG, "work")) == SignIn("123456789012", "Reader", "eu-central-1", name("corp"))
    old = SignIn("1", "R", "us-east-1", name("https://old.awsapps.com/start"))
    assert sign_in(profile_of(CONFIG, "old")) == old
    assert sign_in(profile_of(CONFIG, "default")) is None and sign_in(profile_of(CONFIG, "gone")) is None
    with pytest.raises(BadCredential, match="sso_role_name"):
        sign_in(profile_of(CONFIG, "half"))
    with pytest.raises(BadCredential, match="cannot be read"):
        profile_of("no section", "work")


CACHED = {"accessToken": "at", "expiresAt": "2026-10-24T23:00:23Z", "region": "eu-central-1"}


def test_the_portal_is_asked_with_the_token_of_the_sign_in() -> None:
    person = sign_in(profile_of(CONFIG, "work"))
    assert person is not None
    request = sign_in_request(person, json.dumps(CACHED), 1_792_882_822.0, {})
    assert request.url == (
        "https://portal.sso.eu-central-1.amazonaws.com/federation/credentials?role_name=Reader&account_id=123456789012"
    )
    assert request.headers == (("x-amz-sso_bearer_token", "at"),) and "at)" not in repr(request)
    older = {**CACHED, "expiresAt": "2026-10-24T23:00:23UTC"}
    assert sign_in_request(person, json.dumps(older), 0.0, {}).url == request.url


@pytest.mark.parametrize("cached", ["", "{}", "[]", json.dumps({**CACHED, "expiresAt": "soon"})])
def test_who_has_not_signed_in_is_told_how(cached: str) -> None:
    with pytest.raises(BadCredential, match="aws sso login"):
        sign_in_request(SignIn("1", "R", "us-east-1", "f"), cached, 0.0, {})


def test_a_sign_in_that_has_ended_is_told() -> None:
    with pytest.raises(BadCredential, match="has ended"):
        sign_in_request(SignIn("1", "R", "us-east-1", "f"), json.dumps(CACHED), 1_792_882_823.0, {})


def test_what_the_portal_gives() -> None:
    told: dict[str, Any] = {"accessKeyId": "ASIA", "secretAccessKey": "s", "sessionToken": "t", "expiration": 1_500}
    found = read_signed_in(json.dumps({"roleCredentials": told}).encode())
    assert (found.credentials.access_key, found.credentials.session_token, found.until_s) == ("ASIA", "t", 1.5)
    for raw in (b"", b"{}", json.dumps({"roleCredentials": {**told, "accessKeyId": ""}}).encode()):
        with pytest.raises(BadCredential):
            read_signed_in(raw)


def test_nothing_but_a_region_makes_the_name_of_a_server() -> None:
    with pytest.raises(BadCredential):
        aws_federated._server({}, "AWS_ENDPOINT_URL_SSO", "https://{region}", "evil.example/")
    assert aws_federated._server({}, "X", "https://sts.{region}.amazonaws.com", "cn-north-1").endswith(".com.cn")
