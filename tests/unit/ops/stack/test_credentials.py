"""Secrets: random, kept, private."""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path

from ops.stack.credentials import Secrets, scram_verifier, write_private


def test_a_secret_is_made_once_and_private(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path / "secrets")
    value = secrets.get("nats")
    assert len(value) == 48 and value.isalnum()
    assert Secrets(tmp_path / "secrets").get("nats") == value != secrets.get("valkey")
    assert secrets.path("nats").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert value not in repr(secrets)


def test_a_private_file_is_replaced_privately(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_the_verifier_proves_the_password() -> None:
    # the server's side of RFC 5802 section 3: StoredKey = H(ClientKey), ClientKey = HMAC(SaltedPassword, "Client Key")
    scheme, parameters, keys = scram_verifier("pencil").split("$")
    iterations, salt = parameters.split(":")
    stored, _, server = keys.partition(":")
    salted = hashlib.pbkdf2_hmac("sha256", b"pencil", base64.b64decode(salt), int(iterations))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    assert scheme == "SCRAM-SHA-256" and int(iterations) >= 4096
    assert base64.b64decode(stored) == hashlib.sha256(client_key).digest()
    assert base64.b64decode(server) == hmac.digest(salted, b"Server Key", "sha256")
