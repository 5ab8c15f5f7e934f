"""Secrets put in at every opening are found, by a byte scan, in nothing that Nexus leaves behind."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path
from typing import Any

import openai

from tests.e2e.test_acceptance import HELLO, SECRET, agreed, works
from tests.nexus_fixture import RunningNexus
from tests.waiting import until_sync


def places_of(root: Path, canaries: dict[str, bytes]) -> list[str]:
    """Files that hold a canary, as it is, in base64 or in hex."""
    found = []
    forms = {
        (name, kind): form
        for name, raw in canaries.items()
        for kind, form in (
            ("clear", raw),
            ("hex", raw.hex().encode()),
            *((f"base64+{lead}", base64.b64encode(b"x" * lead + raw)[4:-4]) for lead in range(3)),
        )
    }
    for place in sorted(root.rglob("*")):
        if place.is_file() and not place.is_symlink():
            content = place.read_bytes()
            found += [f"{name} ({kind}) in {place}" for (name, kind), form in forms.items() if form in content]
    return found


def test_the_scan_finds_what_is_there(tmp_path: Path) -> None:
    canary = b"canary" + secrets.token_hex(16).encode()
    (tmp_path / "a").write_bytes(b"..." + canary)
    (tmp_path / "b").write_bytes(base64.b64encode(b"ab" + canary + b"c"))
    (tmp_path / "c").write_bytes(canary.hex().encode())
    (tmp_path / "d").write_bytes(b"nothing")
    assert len(places_of(tmp_path, {"canary": canary})) == 3


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
    assert places_of(nexus.data, {name: text.encode() for name, text in canaries.items()}) == []
