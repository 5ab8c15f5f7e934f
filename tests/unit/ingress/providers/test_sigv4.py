"""Signature Version 4 against what AWS published: its test suite, and the examples of its documentation."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ingress.providers.catalogue import in_path
from ingress.providers.sigv4 import (
    AwsCredentials,
    canonical_path,
    canonical_query,
    canonical_request,
    sign,
    signing_key,
    string_to_sign,
)

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SUITE = AwsCredentials("AKIDEXAMPLE", SECRET)
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx"
    "7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q"
    "6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
# name of the published case: method, query, headers, body, token, signature
CASES: dict[str, tuple[str, str, dict[str, str], bytes, str, str]] = {
    "get-vanilla": ("GET", "", {}, b"", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    "post-vanilla": ("POST", "", {}, b"", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    "get-vanilla-query-order-key-case": (
        "GET", "Param2=value2&Param1=value1", {}, b"", "",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "post-x-www-form-urlencoded": (
        "POST", "", {"Content-Type": "application/x-www-form-urlencoded"}, b"Param1=value1", "",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
    "post-header-value-case": (
        "POST", "", {"My-Header1": "VALUE1"}, b"", "",
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    ),
    "get-header-value-trim": (
        "GET", "", {"My-Header1": " value1", "My-Header2": '"a   b   c"'}, b"", "",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    "post-sts-header-before": (
        "POST", "", {}, b"", TOKEN, "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_signatures_of_the_published_suite(name: str) -> None:
    method, query, headers, body, token, signature = CASES[name]
    added = sign(
        method, "/", query, {"Host": "example.amazonaws.com", **headers}, body,
        credentials=AwsCredentials(SUITE.access_key, SECRET, token), region="us-east-1", service="service", at=AT,
    )  # fmt: skip
    assert added["x-amz-date"] == "20150830T123600Z"
    assert added.get("x-amz-security-token", "") == token
    assert added["authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders="
    )
    assert added["authorization"].endswith(f", Signature={signature}")


def test_the_request_that_the_suite_signs_is_ours() -> None:
    headers = {"host": "example.amazonaws.com", "x-amz-date": "20150830T123600Z"}
    canonical, signed = canonical_request("GET", "/", "", headers, EMPTY)
    assert signed == "host;x-amz-date"
    assert string_to_sign("20150830T123600Z", "20150830/us-east-1/service/aws4_request", canonical) == (
        "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/service/aws4_request\n"
        "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63"
    )


def test_a_path_is_encoded_once_more_for_the_signature() -> None:
    """The case get-utf8 of the SDK for Python, which is of the year when no x-amz-date was sent."""
    canonical, _ = canonical_request(
        "GET", "/%E1%88%B4", "", {"Date": "Mon, 09 Sep 2011 23:36:00 GMT", "Host": "host.foo.com"}, EMPTY
    )
    assert canonical == (
        "GET\n/%25E1%2588%25B4\n\ndate:Mon, 09 Sep 2011 23:36:00 GMT\nhost:host.foo.com\n\ndate;host\n" + EMPTY
    )


def test_the_path_of_a_model_with_a_colon() -> None:
    path = f"/model/{in_path('anthropic.claude-3-5-sonnet-20240620-v1:0', 'bedrock')}/converse"
    assert path == "/model/anthropic.claude-3-5-sonnet-20240620-v1%3A0/converse"
    assert canonical_path(path) == "/model/anthropic.claude-3-5-sonnet-20240620-v1%253A0/converse"
    assert in_path("arn:aws:bedrock:us-east-1:1:inference-profile/a", "bedrock") == (
        "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fa"
    )


@pytest.mark.parametrize(
    ("path", "canonical"),
    [("", "/"), ("/", "/"), ("//", "/"), ("/example/..", "/"), ("/./example", "/example"), ("//example//", "/example/"),
     ("/example1/example2/../..", "/"), ("/../a/", "/a/")],
)  # fmt: skip
def test_paths_are_normal(path: str, canonical: str) -> None:
    assert canonical_path(path) == canonical


def test_queries_are_in_order_and_encoded_in_one_way() -> None:
    assert canonical_query("b=2&a=2&a=1&c&d=%7e%20+") == "a=1&a=2&b=2&c=&d=~%20%2B"


def test_the_documented_signing_key() -> None:
    """AWS General Reference, "Deriving the signing key"."""
    key = signing_key(SECRET, "20120215", "us-east-1", "iam")
    assert key.hex() == "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"


def test_a_secret_is_not_printed() -> None:
    assert SECRET not in repr(AwsCredentials("AKIDEXAMPLE", SECRET, TOKEN))
    assert TOKEN not in repr(AwsCredentials("AKIDEXAMPLE", SECRET, TOKEN))
