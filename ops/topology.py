"""`python -m ops.topology`: brings streams, consumers and buckets into being, once, where `nexus up` does not do it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping

from projections.log.api import ApiError
from projections.log.connection import LogConnection
from projections.log.topology import apply
from schemas.errors import NexusError
from schemas.settings import BadSettings, Settings, read_settings
from schemas.topology import EMBEDDED


def main(environment: Mapping[str, str]) -> int:
    """The command; its exit status. 0: the log is as declared, 1: it cannot be reached or refuses, 2: settings."""
    try:
        settings = read_settings(environment)
    except BadSettings as error:
        print("\n".join(error.problems), file=sys.stderr)
        return 2
    try:
        done = asyncio.run(_apply(settings))
    except (ApiError, NexusError) as error:
        print(f"topology: {error}", file=sys.stderr)
        return 1
    print("\n".join(done) or "the log is as declared", file=sys.stderr)
    return 0


async def _apply(settings: Settings) -> list[str]:
    connection = await LogConnection.open(settings.nats_url, "topology")
    try:
        return await apply(connection, EMBEDDED, replicas=settings.replicas, partitions=settings.partitions)
    finally:
        await connection.close()


if __name__ == "__main__":
    sys.exit(main(os.environ))
