"""`nexus keys rotate-signing` on a real log: checkpoints go on under the new key, and both keys still prove all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ops.cli import rotate_signing
from processors.checkpoint.worker import Checkpointer
from projections.log.checkpoints import read_checkpoints, read_handovers
from projections.log.connection import LogConnection
from projections.vault.signing import FILE, NEXT_FILE, PUBLIC_FILE, Signer, public_key_in
from schemas.settings import Settings
from schemas.signing_keys import SUBJECT, handover
from tests.integration.log_fixture import CLOCK, IDS, connection
from tests.integration.nats_fixture import nats_server
from tests.integration.test_checkpoint import read_all, settings, wrote
from tests.integration.test_cli_log import nexus
from tests.integration.test_evidence import exported, requests

__all__ = ["connection", "nats_server", "settings"]


async def worker(connection: LogConnection, settings: Settings) -> Checkpointer:
    own = Checkpointer(connection, Signer.open(settings.data), CLOCK, IDS, renewed=lambda: Signer.open(settings.data))
    await own.begin()
    return own


async def rotated(settings: Settings) -> dict[str, Any]:
    code, out, err = await nexus("keys", "rotate-signing", "--data", settings.data_dir, "--output", "json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


async def verified(settings: Settings) -> tuple[int, dict[str, Any]]:
    code, out, err = await nexus("verify", "--data", settings.data_dir, "--output", "json")
    assert out, err
    return code, json.loads(out)


async def test_a_running_worker_goes_on_with_the_new_key_and_both_prove_all_of_it(
    connection: LogConnection, settings: Settings, tmp_path: Path
) -> None:
    own = await worker(connection, settings)
    early = (await requests(connection))[0]
    await read_all(connection, own)
    first = await own.write()
    old_file = tmp_path / "old.pub"
    old_file.write_text((settings.data / PUBLIC_FILE).read_text())
    told = await rotated(settings)
    assert (told["old"], told["resumed"]) == (first.public_key.hex(), False)
    late = (await requests(connection, boot="b2"))[0]
    await read_all(connection, own)
    second = await own.write()
    assert second.public_key.hex() == told["new"] == (settings.data / PUBLIC_FILE).read_text().strip()
    assert not (settings.data / NEXT_FILE).exists()
    code, found = await verified(settings)
    assert (code, found["checkpoints"]["valid"]) == (0, 2)
    for request in (early, late):
        proof = await exported(settings, request)
        for key in (old_file, settings.data / PUBLIC_FILE):
            code, out, _ = await nexus("evidence", "verify", str(proof), "--public-key", str(key), "--output", "json")
            assert (code, json.loads(out)["ok"]) == (0, True), out
        alone = json.loads(proof.read_text())
        alone["handovers"] = []
        proof.write_text(json.dumps(alone))
        wrong = settings.data / PUBLIC_FILE if request == early else old_file
        code, out, _ = await nexus("evidence", "verify", str(proof), "--public-key", str(wrong), "--output", "json")
        assert code == 1 and "another key" in json.loads(out)["flaws"][0]


async def test_cut_off_after_it_was_announced_the_command_goes_on(
    connection: LogConnection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = await worker(connection, settings)
    await wrote(connection, "b1", 1)
    await read_all(connection, own)
    before = (await own.write()).public_key

    def killed(directory: Path) -> Signer:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(rotate_signing, "put_following", killed)
        code, _, err = await nexus("keys", "rotate-signing", "--data", settings.data_dir)
    assert code == 1 and "No space left" in err
    # announced, not yet in use: the worker signs as before
    assert (await own.write()).public_key == before
    told = await rotated(settings)
    assert (told["old"], told["resumed"]) == (before.hex(), True)
    assert len(await read_handovers(connection)) == 1
    assert (await own.write()).public_key.hex() == told["new"]
    code, found = await verified(settings)
    assert (code, found["checkpoints"]["valid"]) == (0, 3)


async def test_the_old_key_signs_nothing_more_and_names_nobody_else(
    connection: LogConnection, settings: Settings, tmp_path: Path
) -> None:
    own = await worker(connection, settings)
    old = Signer.open(settings.data)
    await own.write()
    await rotated(settings)
    await own.write()
    thief = Checkpointer(connection, old, CLOCK, IDS)
    await thief.begin()
    await thief.write()
    series = await read_checkpoints(connection, public_key_in(settings.data))
    assert ["a key that had been replaced" in flaw.detail for flaw in series.flaws] == [True]
    stranger = Signer(bytes(32))
    said = handover(old.public_key, stranger.public_key, 7, old.sign, stranger.sign)
    await rotate_signing.tell(connection, said, SUBJECT.rpartition(".")[2], actor="thief", correlation="x")
    series = await read_checkpoints(connection, public_key_in(settings.data))
    assert [flaw.detail for flaw in series.flaws if stranger.public_key.hex() in flaw.detail] != []
    code, found = await verified(settings)
    assert (code, found["ok"]) == (1, False)


async def test_a_key_that_signs_elsewhere_is_left_alone(connection: LogConnection, settings: Settings) -> None:
    await (await worker(connection, settings)).write()
    (settings.data / FILE).write_text(bytes(range(32)).hex() + "\n")
    code, _, err = await nexus("keys", "rotate-signing", "--data", settings.data_dir)
    assert code == 1 and "is not the key that signs this log's checkpoints" in err
    assert await read_handovers(connection) == []
