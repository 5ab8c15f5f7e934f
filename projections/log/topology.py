"""Turns the declared topology into what the server has. Plans are pure data; only `apply` talks to the server."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec

from projections.log import api
from projections.log.api import ApiError, call
from projections.log.connection import LogConnection
from schemas.errors import Unavailable
from schemas.topology import AGEING, Bucket, Consumer, ObjectStore, Stream, Topology

_log = logging.getLogger(__name__)

_SECOND = 1_000_000_000
"""JetStream counts durations in nanoseconds."""
_WAIT_S = 30.0
_ROUNDS = 5
_DENIALS = ("deny_delete", "deny_purge")


class Objects(msgspec.Struct):
    """Configurations by name, in the server's own words; buckets and object stores are streams there."""

    streams: dict[str, dict[str, Any]] = {}
    consumers: dict[tuple[str, str], dict[str, Any]] = {}
    """By (stream, name)."""


class Action(msgspec.Struct, frozen=True):
    """One step that brings the server closer to what is wanted."""

    verb: str
    """`create` or `update`."""
    stream: str
    consumer: str
    config: dict[str, Any]
    fields: tuple[str, ...] = ()
    """What an update changes."""

    def __str__(self) -> str:
        what = f"consumer {self.stream}/{self.consumer}" if self.consumer else f"stream {self.stream}"
        return f"{self.verb} {what}" + (f" ({', '.join(self.fields)})" if self.fields else "")


def durable_name(consumer: Consumer, partition: int, partitions: int) -> str:
    """Name of the durable that serves one partition; with a single partition just the consumer's name."""
    return consumer.name if partitions == 1 else f"{consumer.name}-{partition}"


def wanted(topology: Topology, *, replicas: int, partitions: int) -> Objects:
    """What the server should have.

    Args:
        replicas: copies of every stream, bucket and object store.
        partitions: of TRAFFIC; each gets durables of its own.
    """
    found = Objects({}, {})
    for stream in topology.streams:
        found.streams[stream.name] = _stream(stream, replicas)
    for bucket in topology.buckets:
        found.streams[f"KV_{bucket.name}"] = _bucket(bucket, replicas)
    for store in topology.object_stores:
        found.streams[f"OBJ_{store.name}"] = _object_store(store, replicas)
    for consumer in topology.consumers:
        shares = partitions if consumer.stream == "TRAFFIC" else 1
        for partition in range(shares):
            name = durable_name(consumer, partition, shares)
            subject = "" if shares == 1 else f"traffic.{partition}"
            found.consumers[consumer.stream, name] = _consumer(consumer, name, subject)
    return found


def plan(current: Objects, wanted: Objects) -> list[Action]:
    """The steps from one to the other, streams before their consumers. What is not wanted is left alone."""
    actions = []
    for name, config in wanted.streams.items():
        have = current.streams.get(name)
        if have is None:
            actions.append(Action("create", name, "", config))
        elif fields := _differences(have, possible := _possible(have, config)):
            actions.append(Action("update", name, "", have | possible, fields))
    for (stream, name), config in wanted.consumers.items():
        have = current.consumers.get((stream, name))
        if have is None:
            actions.append(Action("create", stream, name, config))
        elif fields := _differences(have, config):
            actions.append(Action("update", stream, name, have | config, fields))
    return actions


async def apply(connection: LogConnection, topology: Topology, *, replicas: int, partitions: int) -> list[str]:
    """Creates and changes what differs; any number of processes may do this at the same time.

    Returns:
        What was done, one line each; empty when all was in place.

    Raises:
        ApiError: the server refuses a change, such as another storage type.
        Unavailable: JetStream did not come up in time.
    """
    target = wanted(topology, replicas=replicas, partitions=partitions)
    done: list[str] = []
    for round in range(1, _ROUNDS + 1):
        actions = plan(await read(connection, target), target)
        if not actions:
            return done
        try:
            for action in actions:
                await _execute(connection, action)
                done.append(str(action))
                _log.info("topology %s", action)
        except ApiError as error:
            # another process was faster: look again at what there is now
            raced = error.number in (api.STREAM_NAME_IN_USE, api.STREAM_NOT_FOUND) or "exist" in error.description
            if not raced or round == _ROUNDS:
                raise
    return done


async def read(connection: LogConnection, of: Objects) -> Objects:
    """What the server has of the named things."""
    found = Objects({}, {})
    for name in of.streams:
        config = await _info(connection, f"STREAM.INFO.{name}")
        if config is not None:
            found.streams[name] = config
    for stream, name in of.consumers:
        config = await _info(connection, f"CONSUMER.INFO.{stream}.{name}")
        if config is not None:
            found.consumers[stream, name] = config
    return found


async def _info(connection: LogConnection, subject: str) -> dict[str, Any] | None:
    try:
        config: dict[str, Any] = (await _patient(connection, subject, None))["config"]
    except ApiError as error:
        if error.code == 404:
            return None
        raise
    return config


async def _execute(connection: LogConnection, action: Action) -> None:
    if action.consumer:
        await _patient(
            connection,
            f"CONSUMER.CREATE.{action.stream}.{action.consumer}",
            {"stream_name": action.stream, "config": action.config},
        )
    else:
        await _patient(connection, f"STREAM.{action.verb.upper()}.{action.stream}", action.config)


async def _patient(connection: LogConnection, subject: str, body: dict[str, Any] | None) -> dict[str, Any]:
    """A call that waits for a server which is still recovering its streams or electing a leader."""
    deadline = asyncio.get_running_loop().time() + _WAIT_S
    while True:
        try:
            return await call(connection, subject, body)
        except ApiError as error:
            if error.code != 503 or asyncio.get_running_loop().time() > deadline:
                raise
        except Unavailable:
            if asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(0.1)


def _possible(have: dict[str, Any], want: dict[str, Any]) -> dict[str, Any]:
    """What is wanted of a stream without what its server would refuse: a denial, once made, is for ever. And without
    the age of what the retention of the installation decides on."""
    settled = {"max_age"} if want["name"] in AGEING else set()
    return {
        name: value
        for name, value in want.items()
        if name not in settled and (name not in _DENIALS or value or not have.get(name))
    }


def _differences(have: dict[str, Any], want: dict[str, Any]) -> tuple[str, ...]:
    return tuple(name for name, value in want.items() if have.get(name, _absent(value)) != value)


def _absent(value: Any) -> Any:
    """What a field means that the server leaves out: the zero of its type."""
    return type(value)()


def _stream(stream: Stream, replicas: int) -> dict[str, Any]:
    return {
        "name": stream.name,
        "subjects": list(stream.subjects),
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "num_replicas": replicas,
        "max_age": stream.max_age_s * _SECOND,
        "max_msg_size": stream.max_msg_bytes,
        "max_msgs": -1,
        "max_bytes": -1,
        "duplicate_window": stream.duplicate_window_s * _SECOND,
        "deny_delete": stream.deny_delete,
        "deny_purge": stream.deny_purge,
        "allow_direct": True,
    }


def _bucket(bucket: Bucket, replicas: int) -> dict[str, Any]:
    """A key-value bucket, after ADR-8 of NATS."""
    age = bucket.ttl_s * _SECOND
    window = 120 * _SECOND
    return {
        "name": f"KV_{bucket.name}",
        "subjects": [f"$KV.{bucket.name}.>"],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "num_replicas": replicas,
        "max_msgs_per_subject": bucket.history,
        "max_msgs": -1,
        "max_bytes": -1,
        "max_age": age,
        "duplicate_window": min(age, window) if age else window,
        "allow_rollup_hdrs": True,
        "deny_delete": bucket.deny_delete,
        "allow_direct": True,
    }


def _object_store(store: ObjectStore, replicas: int) -> dict[str, Any]:
    """An object store, after ADR-20 of NATS."""
    return {
        "name": f"OBJ_{store.name}",
        "subjects": [f"$O.{store.name}.C.>", f"$O.{store.name}.M.>"],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "num_replicas": replicas,
        "max_msgs": -1,
        "max_bytes": -1,
        "allow_rollup_hdrs": True,
        "allow_direct": True,
    }


def _consumer(consumer: Consumer, name: str, subject: str) -> dict[str, Any]:
    return {
        "name": name,
        "durable_name": name,
        "ack_policy": "explicit",
        "ack_wait": consumer.ack_wait_s * _SECOND,
        "deliver_policy": "all",
        "replay_policy": "instant",
        "max_deliver": -1,
        "max_ack_pending": consumer.max_ack_pending,
        "headers_only": True,
        "filter_subject": subject,
    }
