"""What a request leaves on the log when its provider repeats the prompt, and when its person is erased meanwhile."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import openai
import pytest

from projections.vault import BodyVault
from schemas.facts.traffic import RequestAccepted
from tests.integration.gateway.town import House, Town

CANARY = f"canary{secrets.token_hex(8)}"
STREAMED = "mock-echo+token-20ms"


class Parrot(BaseHTTPRequestHandler):
    """Repeats what it was asked wherever a provider has words of its own."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said = asked["messages"][0]["content"]
        message = {"role": "assistant", "content": said}
        answer = {"id": said, "object": "chat.completion", "created": 1, "model": said}
        status, body = {
            "fine": (200, {**answer, "choices": [{"index": 0, "finish_reason": said, "message": message}]}),
            "bad": (400, {"error": {"message": said, "type": said, "code": said, "param": said}}),
        }[asked["model"]]
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is told."""


@pytest.fixture
def house(town: Town) -> Iterator[House]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Parrot)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield town.house(models=("fine", "bad"), urls={"mock": f"http://127.0.0.1:{server.server_address[1]}/v1"})
    server.shutdown()
    thread.join(10)
    server.server_close()


def test_nothing_that_repeats_a_prompt_is_on_the_log(town: Town, house: House) -> None:
    said: dict[str, Any] = {"messages": [{"role": "user", "content": CANARY}]}
    client = town.client(house)
    requests = [client.chat.completions.with_raw_response.create(model="fine", **said).headers["x-nexus-request-id"]]
    for model, code in (("bad", CANARY), (f"tell me of {CANARY}", "model_not_found")):
        with pytest.raises(openai.APIStatusError) as error:
            client.chat.completions.create(model=model, **said)
        # the caller is told all of it
        assert error.value.code == code and CANARY in error.value.message
        requests.append(error.value.response.headers["x-nexus-request-id"])
    ends = []
    for request in requests:
        facts = town.closed(request)
        assert CANARY.encode() not in msgspec.msgpack.encode([data for _, data in facts])
        ends.append(facts[-1][1])
    assert [(end.finish_reason, end.code) for end in ends] == [
        ("other", ""), ("", "invalid_request"), ("", "model_not_found"),
    ]  # fmt: skip
    assert [end.model_requested for end in ends] == ["fine", "bad", "(not a name)"]


def test_an_answer_is_not_kept_of_somebody_who_was_erased_while_it_came(town: Town) -> None:
    house = town.house(models=(STREAMED,))
    stream = town.client(house).chat.completions.with_raw_response.create(
        model=STREAMED, messages=[{"role": "user", "content": f"{CANARY} " * 30}], user=CANARY, stream=True
    )
    subject = town.vault.pseudonym(house.tenant, CANARY)
    parts = iter(stream.parse())
    next(parts)

    async def erase(log: Any) -> int:
        return await BodyVault(log, town.vault).erase_subject(house.tenant, subject)

    assert asyncio.run(town._with_log(erase)) == 1
    assert len(list(parts)) > 1
    facts = town.closed(stream.headers["x-nexus-request-id"])
    (accepted,) = [data for _, data in facts if isinstance(data, RequestAccepted)]
    assert accepted.subject == subject and accepted.body is not None
    assert facts[-1][1].body is None
    # and no key was made for it
    assert asyncio.run(town._with_log(erase)) == 0
