"""Passwords of the embedded services: made once, kept in files only their owner can read. Never printed or logged."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from pathlib import Path

from projections import files

_PASSWORD_BYTES = 24
_SCRAM_ITERATIONS = 4096  # RFC 7677 asks for at least this; the password is random, so more would buy nothing


def private_directory(path: Path) -> Path:
    """Create the directory, or tighten an existing one, to mode 0700."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.chmod(0o700)
    return path


def write_private(path: Path, text: str) -> None:
    """Write a file that was never readable by others, not even for a moment (mode 0600), replacing it atomically.

    A power cut leaves the old file or the new one, and the new one once this has returned.
    """
    files.replace(path, text.encode())


def read_secret(path: Path) -> str:
    """The secret a file holds."""
    return path.read_text(encoding="utf-8").strip()


class Secrets:
    """The secrets of one data directory, one file each. Letters and digits only, so that they fit into any URL."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, name: str) -> Path:
        """The file of a secret; made with a random value when it does not exist yet."""
        path = private_directory(self._directory) / name
        if not path.exists():
            write_private(path, secrets.token_hex(_PASSWORD_BYTES))
        return path

    def get(self, name: str) -> str:
        """The secret's value."""
        return read_secret(self.path(name))


def scram_verifier(password: str) -> str:
    """What PostgreSQL stores for an ASCII password (RFC 5803 attributes, SHA-256), so that no statement holds it."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, _SCRAM_ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${_SCRAM_ITERATIONS}:{encoded[0]}${encoded[1]}:{encoded[2]}"
