"""Secrets put in at every opening are found, by a byte scan, in nothing that Nexus leaves behind."""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import quote

import openai

from tests.e2e.test_acceptance import HELLO, SECRET, agreed, works
from tests.e2e.traces import in_stores, places_of
from tests.nexus_fixture import RunningNexus
from tests.waiting import until_sync


def test_the_scan_finds_what_is_there(tmp_path: Path) -> None:
    text = f'canary "{secrets.token_hex(16)}" über\n'
    canary = text.encode()
    for name, content in {
        "a": b"..." + canary,
        "b": base64.b64encode(b"ab" + canary + b"c"),
        "c": canary.hex().encode(),
        "d": json.dumps({"said": text}).encode(),
        "e": json.dumps(text, ensure_ascii=False).encode(),
        "f": quote(text).encode(),
        "g": base64.urlsafe_b64encode(b"a" + canary + b"bc"),
        "nothing": b"nothing",
    }.items():
        (tmp_path / name).write_bytes(content)
    found = places_of(tmp_path, {"canary": canary})
    assert {place.rpartition("/")[2] for place in found} == set("abcdefg")


def test_no_canary_is_left_anywhere(nexus: RunningNexus) -> None:
    prompt, answer, user, credential = (
        f"{name}-{secrets.token_hex(16)}" for name in ("prompt", "answer", "user", "sk")
    )
    tenant = f"t{secrets.token_hex(4)}"
    mock = nexus.endpoints["mock"].removesuffix("/v1")
    key = ""
    for path, body in (
        ("/tenants", {"id": tenant}),
        ("/credentials", {"id": "c", "tenant": tenant, "secret": credential}),
        ("/providers", {"id": "mock", "tenant": tenant, "base_url": f"{mock}/v1", "credential": "c"}),
        ("/models", {"id": "mock/mock-echo", "tenant": tenant, "prices": {"input": 1, "output": 1}}),
        ("/models", {"id": "mock/mock-echo+error-400", "tenant": tenant}),
        ("/routes", {"id": "default", "tenant": tenant}),
        ("/virtual-keys", {"id": "k", "tenant": tenant}),
    ):
        made = nexus.admin("POST", path, body)
        assert made.status == 201, made.body
        assert credential not in str(made.body)
        key = made.body.get("key", key)
    until_sync(lambda: works(nexus, key), "the key is in force")
    client = nexus.client(key)

    def ask(model: str, text: str, **options: Any) -> str:
        messages: list[Any] = [{"role": "user", "content": text}]
        try:
            got = client.chat.completions.with_raw_response.create(model=model, messages=messages, user=user, **options)
        except openai.APIStatusError as error:
            assert prompt not in error.response.text and credential not in error.response.text
            return str(error.response.headers["x-nexus-request-id"])
        if options.get("stream"):
            list(got.parse())
        else:
            assert answer in (got.parse().choices[0].message.content or "")
        return str(got.headers["x-nexus-request-id"])

    text = f"{prompt} {answer}"
    ids = [
        ask("mock-echo", text),
        ask("mock-echo", text, stream=True),
        ask("mock-echo", f"{text} {SECRET}"),
        ask("mock-echo+error-400", text),
        ask("no-such-model", text),
    ]
    for request in ids:
        agreed(nexus, request)
    bad = nexus.client(key[:-1] + ("0" if key[-1] != "0" else "1"))
    try:
        bad.chat.completions.create(model="mock-echo", messages=HELLO)
    except openai.AuthenticationError as error:
        assert key[12:-1] not in str(error)
    for request in ids:
        shown = nexus.command("traffic", "get", request, "--output", "json").stdout
        assert prompt not in shown and answer not in shown and user not in shown
    canaries = {"prompt": prompt, "answer": answer, "user": user, "credential": credential, "key": key[12:-1]}
    raw = {name: text.encode() for name, text in canaries.items()}
    assert places_of(nexus.data, raw) == []
    assert in_stores(nexus, raw) == set()
