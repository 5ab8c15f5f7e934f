"""Requests to the admin plane over HTTP with the standard library. No printing, no files."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from ops.cli.exits import FAILED, OF_STATUS, CommandFailed

PREFIX = "/api/admin"
TIMEOUT_S = 30.0
PAGE = 500
POSITION = "X-Nexus-Position"


class AdminRefused(CommandFailed):
    """The admin plane answered with an error. `status` is HTTP's, `error_code` the machine-readable word."""

    def __init__(self, status: int, error_code: str, message: str) -> None:
        super().__init__(message, OF_STATUS.get(status, FAILED))
        self.status = status
        self.error_code = error_code


@dataclass(frozen=True)
class Reply:
    """A good answer."""

    status: int
    body: Any
    """Decoded JSON; None when there was none."""
    position: str
    """`STREAM:SEQUENCE` of what the command did; empty for a query."""


class AdminClient:
    """One admin plane. What a command did is seen by every query after it, whichever process answers."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise CommandFailed("the URL of the admin plane must be http or https, with a host")
        self._parts = parts
        self._key = key
        self._position = ""
        self.where = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
        """For messages."""

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """The JSON at a path below `/api/admin`, at or after the last command's position."""
        return self.call("GET", path, query=query).body

    def pages(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Every item of a list, page by page."""
        cursor = ""
        while True:
            page = self.get(path, {**(query or {}), "limit": PAGE, "cursor": cursor})
            yield from page["data"]
            cursor = page.get("next_cursor") or ""
            if not cursor:
                return

    def call(self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None) -> Reply:
        """One request.

        Args:
            path: below `/api/admin`, made with `path_of` where it holds ids.
            query: parameters; empty and None ones are left out.

        Raises:
            AdminRefused: the answer is an error.
            CommandFailed: there was no answer.
        """
        given = {name: value for name, value in (query or {}).items() if value not in (None, "")}
        target = f"{self._parts.path.rstrip('/')}{PREFIX}{path}" + (f"?{urlencode(given)}" if given else "")
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "application/json"}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        if method == "GET" and self._position:
            headers[POSITION] = self._position
        status, raw, position = self._exchange(method, target, headers, content)
        decoded = _decode(raw)
        if not 200 <= status < 300:
            raise self._refusal(status, decoded)
        self._position = position or self._position
        return Reply(status, decoded, position)

    def _exchange(
        self, method: str, target: str, headers: Mapping[str, str], content: bytes | None
    ) -> tuple[int, bytes, str]:
        connection = self._connect()
        try:
            connection.request(method, target, content, dict(headers))
            response = connection.getresponse()
            return response.status, response.read(), response.headers.get(POSITION, "")
        except ssl.SSLError as problem:
            raise CommandFailed(f"no secure connection to {self.where}: {problem.reason}") from None
        except (OSError, http.client.HTTPException) as problem:
            raise CommandFailed(
                f"the admin plane at {self.where} does not answer ({_why(problem)}); see `nexus status`"
            ) from None
        except ValueError:
            # a key with line breaks or letters that no header can carry; its text is in the exception
            raise CommandFailed("the admin key cannot be sent in a header; is it the right one?") from None
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        host = self._parts.hostname or ""
        if self._parts.scheme == "https":
            return http.client.HTTPSConnection(host, self._parts.port, timeout=TIMEOUT_S)
        return http.client.HTTPConnection(host, self._parts.port, timeout=TIMEOUT_S)

    def _refusal(self, status: int, body: Any) -> AdminRefused:
        error = body.get("error") if isinstance(body, dict) else None
        if not isinstance(error, dict):
            return AdminRefused(status, "", f"the admin plane at {self.where} answered with status {status}")
        return AdminRefused(status, str(error.get("code") or ""), str(error.get("message") or f"status {status}"))


def path_of(*parts: str) -> str:
    """A path whose parts may hold any character."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _decode(raw: bytes) -> Any:
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _why(problem: Exception) -> str:
    if isinstance(problem, TimeoutError | socket.timeout):
        return f"no answer within {TIMEOUT_S:g} s"
    return (problem.strerror if isinstance(problem, OSError) else None) or type(problem).__name__
