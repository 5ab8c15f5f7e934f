"""The way of a request: authenticate, limits, parse, screen, route, reserve, call, screen, settle, answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from ingress.codecs.asked import Asked, Front, parse
from ingress.codecs.codec import CallerCodec
from ingress.codecs.openai import mistral
from ingress.codecs.openai_chat import CODEC, ChatRequest, parse_request
from ingress.codecs.shots import ShotFront, parse_shot
from ingress.gateway.delivery import answer_stream, answer_whole
from ingress.gateway.door import ClientLeft, Door
from ingress.gateway.exchange import Exchange
from ingress.gateway.parts import Parts
from ingress.gateway.record import Record
from ingress.gateway.way_out import abort, refuse
from schemas.errors import NexusError

log = logging.getLogger(__name__)


class Pipeline:
    """Serves requests for models. One for a process; all state of a request is in its `Exchange`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def chat_completions(self, door: Door, said: dict[str, Any]) -> Coroutine[Any, Any, None]:
        """OpenAI's chat completions. `said` is what the path says instead of the body."""
        if mistral.is_client(door.header("user-agent")):
            return self._serve(door, ChatRequest.operation, mistral.CODEC, partial(mistral.parse, said=said))
        read = partial(parse_request, said=said) if said else parse_request
        return self._serve(door, ChatRequest.operation, CODEC, read)

    def conversation(self, door: Door, front: Front, said: dict[str, Any]) -> Coroutine[Any, Any, None]:
        """A conversation in any other protocol."""
        return self._serve(door, front.operation, front.codec, lambda body: parse(body, front, said))

    def shot(self, door: Door, front: ShotFront, said: dict[str, Any]) -> Coroutine[Any, Any, None]:
        """An operation without a stream."""
        return self._serve(door, front.operation, front.codec, lambda body: parse_shot(body, front, said))

    async def _serve(self, door: Door, operation: str, codec: CallerCodec, read: Callable[[bytes], Asked]) -> None:
        """One request's whole life. Every way out of here has left its terminal fact."""
        parts = self._parts
        record = Record(parts.writers, parts.clock, parts.opened, parts.ids, operation)
        exchange = Exchange(parts, door, record, codec, read)
        door.watch()
        try:
            attempts = await exchange.begin()
            exchange.stage = "call"
            await (answer_stream if exchange.request.stream else answer_whole)(exchange, attempts)
        except NexusError as error:
            await refuse(exchange, error)
        except (asyncio.CancelledError, ClientLeft):
            abort(exchange)
            if not door.left:
                raise
        except Exception:
            # a defect of ours: the caller learns nothing of it, the operator everything but the request's text
            log.exception("request failed request=%s stage=%s", record.request_id, exchange.stage)
            await refuse(exchange, NexusError("Nexus failed to handle the request."))
        finally:
            door.unwatch()
