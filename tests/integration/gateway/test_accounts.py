"""What an account says of itself, through a whole gateway: its wire, a caller's own key, header rules, retries."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import openai
import pytest

from ops.mock.wires.bedrock import frame
from schemas.aggregates.credential import Credential
from schemas.aggregates.header_rules import HeaderRule
from schemas.aggregates.provider import Provider, Rename, Retry
from schemas.facts import traffic
from tests.integration.gateway.raw_provider import Came, Raw, answer, raw_provider
from tests.integration.gateway.town import House, Town
from tests.waiting import until_sync

HELLO: list[Any] = [{"role": "user", "content": "Say hello."}]
CHAT = {
    "id": "c", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}  # fmt: skip


@contextmanager
def raw(answers: Callable[[Came, str], bytes]) -> Iterator[Raw]:
    """A raw provider in a thread of its own."""
    ready, stop = threading.Event(), asyncio.Event()
    found: list[tuple[Raw, asyncio.AbstractEventLoop]] = []

    async def serve() -> None:
        async with raw_provider(answers) as provider:
            found.append((provider, asyncio.get_running_loop()))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    try:
        yield found[0][0]
    finally:
        found[0][1].call_soon_threadsafe(stop.set)
        thread.join(10)


def change(town: Town, house: House, url: str, secret: str = "sk-account", **fields: Any) -> None:
    """Changes the house's account `mock`, and waits until the gateway knows."""
    sealed = town.vault.seal_secret("credential", house.tenant, "mock", secret)
    marker = f"marked-{secrets.token_hex(4)}"
    spec = Provider(
        **{
            "id": "mock", "tenant": house.tenant, "base_url": url, "credential": "mock",
            **fields,
            "renames": (*fields.get("renames", ()), Rename(name=marker, upstream="gpt-4o")),
        }
    )  # fmt: skip
    town.put(
        house.tenant,
        ("credential", "mock", Credential(id="mock", tenant=house.tenant, sealed=sealed)),
        ("provider", "mock", spec),
    )

    def there() -> bool:
        try:
            town.client(house).chat.completions.create(model=marker, messages=HELLO)
        except openai.NotFoundError:
            return False
        except openai.APIError:
            return True
        return True

    until_sync(there, "the account is in force")


def chat(came: Came, url: str) -> bytes:
    return answer(json.dumps(CHAT).encode())


def test_a_caller_s_own_key_goes_only_to_accounts_that_take_it_and_nowhere_else(town: Town) -> None:
    own = "sk-own-" + secrets.token_hex(8)
    with raw(chat) as provider:
        house = town.house()
        change(town, house, provider.url)
        ask = {"model": "gpt-4o", "messages": HELLO, "extra_headers": {"x-provider-api-key": own}}
        town.client(house).chat.completions.create(**ask)
        assert provider.came[-1].headers["authorization"] == "Bearer sk-account"
        rules = (HeaderRule(action="forward", pattern=".*"),)
        change(town, house, provider.url, forward_token=True, header_rules=rules)
        told = town.client(house).chat.completions.with_raw_response.create(**ask)
        came = provider.came[-1]
        assert came.headers["authorization"] == f"Bearer {own}"
        assert "x-provider-api-key" not in came.headers and house.key not in str(came.headers)
        assert came.headers["x-stainless-lang"] == "python"
        facts = town.closed(told.headers["x-nexus-request-id"])
    assert own not in str(facts) and own not in (town.directory / "gateway.log").read_text()


def test_bedrock_answers_a_caller_of_chat_completions(town: Town) -> None:
    def event(kind: str, body: dict[str, Any]) -> bytes:
        return frame({":message-type": "event", ":event-type": kind}, json.dumps(body).encode())

    def bedrock(came: Came, url: str) -> bytes:
        if not came.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/"):
            return answer(b'{"message": "no"}', status=403)
        if came.target.endswith("converse"):
            said = {"message": {"role": "assistant", "content": [{"text": "Hello"}]}}
            usage = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}
            return answer(json.dumps({"output": said, "stopReason": "end_turn", "usage": usage}).encode())
        stream = (
            event("messageStart", {"role": "assistant"})
            + event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hel"}})
            + event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "lo"}})
            + event("contentBlockStop", {"contentBlockIndex": 0})
            + event("messageStop", {"stopReason": "end_turn"})
            + event("metadata", {"usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}})
        )
        return answer(stream, kind="application/vnd.amazon.eventstream")

    secret = json.dumps({"access_key_id": "AKID", "secret_access_key": "s"}, indent=1)
    with raw(bedrock) as provider:
        house = town.house()
        change(town, house, provider.url, secret, wire="bedrock", region="us-east-1")
        client = town.client(house)
        whole = client.chat.completions.create(model="gpt-4o", messages=HELLO)
        chunks = list(client.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True))
    assert whole.choices[0].message.content == "Hello" and whole.usage is not None
    assert whole.usage.completion_tokens == 2
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello"


def test_an_account_s_own_retries(town: Town) -> None:
    statuses: list[int] = []

    def failing(came: Came, url: str) -> bytes:
        return answer(b"{}", status=statuses.pop(0)) if statuses else chat(came, url)

    with raw(failing) as provider:
        house = town.house(route={"max_attempts": 5})
        change(town, house, provider.url, retry=Retry(attempts=2, backoff_ms=1, max_backoff_ms=1, statuses=(418,)))
        client = town.client(house)
        before = len(provider.came)
        statuses[:] = [418]
        client.chat.completions.create(model="gpt-4o", messages=HELLO)
        assert len(provider.came) == before + 2
        # a status that the account does not try again after, and one more than it tries
        for answers, calls in (([500], 1), ([418, 418, 418], 2)):
            statuses[:], before = answers, len(provider.came)
            with pytest.raises(openai.InternalServerError):
                client.chat.completions.create(model="gpt-4o", messages=HELLO)
            assert len(provider.came) == before + calls
            statuses.clear()


def test_a_credential_that_cannot_be_presented(town: Town) -> None:
    with raw(chat) as provider:
        house = town.house()
        change(town, house, provider.url, "{no json", wire="bedrock", region="us-east-1")
        with pytest.raises(openai.InternalServerError) as caught:
            town.client(house).chat.completions.create(model="gpt-4o", messages=HELLO)
    assert provider.came == [] and caught.value.code == "upstream_auth_failed"
    facts = town.closed(caught.value.response.headers["x-nexus-request-id"])
    called = next(data for _, data in facts if isinstance(data, traffic.ProviderCalled))
    assert called.outcome == "credential"
    assert "no json" not in (town.directory / "gateway.log").read_text()
