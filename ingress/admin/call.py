"""What a handler is given and what it gives back, free of any web framework."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ingress.admin.auth import Principal
from schemas.envelope import Position
from schemas.errors import Conflict, InvalidRequest

_ETAG = re.compile(r'(?:W/)?"?(?P<version>\d{1,18})"?\Z')


class StaleVersion(Conflict):
    """`If-Match` names another version than the one in force (RFC 9110, section 13.1.1)."""

    status = 412
    code = "version_mismatch"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request: who, what about, with what."""

    request_id: str
    """UUIDv7; the correlation of every fact that follows."""
    principal: Principal
    id: str = ""
    """From the path, decoded."""
    query: Any = None
    """The struct of the endpoint's parameters."""
    body: bytes = b""
    if_match: str = ""
    position: Position | None = None

    def check_version(self, version: int) -> None:
        """Holds `If-Match` against the version in force, 0 when there is nothing.

        Raises:
            StaleVersion: it is another.
            InvalidRequest: the header is no list of versions.
        """
        if not self.if_match:
            return
        if self.if_match.strip() == "*":
            if version == 0:
                raise StaleVersion("There is nothing here yet, and If-Match: * asks for something.")
            return
        wanted = []
        for part in self.if_match.split(","):
            match = _ETAG.match(part.strip())
            if match is None:
                raise InvalidRequest('If-Match must hold versions, such as "3", or *', param="If-Match")
            wanted.append(int(match["version"]))
        if version not in wanted:
            raise StaleVersion(f"The version in force is {version}; read it again and repeat the change on that.")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What goes back."""

    status: int = 200
    body: Any = None
    """Becomes JSON; None for no body at all."""
    media: str = ""
    """Of a body that is bytes already."""
    position: Position | None = None
    version: int = 0
    """Becomes the `ETag`; 0 for none."""
    retry_after: int = 0
    """Seconds; 0 for none."""
